"""Points and intervals of parameters, posterior by posterior, whether draws, weighted draws or exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from arviz_base import xarray_sel_iter
from arviz_base.labels import BaseLabeller
from arviz_base.utils import _var_names
from scipy import stats as distributions
from scipy.optimize import minimize_scalar

from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.data import Labels
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.forecasters.weights import equal_weights
from learning_debt.plots.intervals import BOUND, LOWER, UPPER
from learning_debt.plots.literal_text import labels_of
from learning_debt.spells.period_posteriors import ReplayedPosteriors
from learning_debt.validation import describe

PERIOD, PARAMETER = "period", "parameter"
POINTS, KINDS = ("mean", "median", "mode"), ("eti", "hdi")
SOURCES = (
    "what ld.replayed_posteriors returns, a mapping of labels to posteriors, or a DataTree or Dataset with the "
    "dimension 'period' beside those of its draws"
)


@dataclass(frozen=True)
class Chosen:
    """Which parameters, and what of them; as `plot_parameter_stability` takes it, checked."""

    var_names: list[str] | None
    filter_vars: Literal["like", "regex"] | None
    coords: Mapping[Any, Any]
    group: str
    sample_dims: tuple[str, ...]
    point: str
    kind: str
    probability: float


def parameter_summary(posteriors: Any, chosen: Chosen) -> tuple[xr.Dataset, Labels]:
    """Along ``parameter`` and ``period``: ``point`` and, along ``ci_bound`` too, ``interval``; and the periods' labels.

    Raises
    ------
    TypeError, ValueError, KeyError
        If `posteriors` are none, or hold nothing that was chosen.
    """
    labels, each = _posteriors(posteriors, chosen)
    found = [_summary(posterior, chosen) for posterior in each]
    names = list(dict.fromkeys(name for one in found for name in one))
    if not names:
        raise ValueError("posteriors hold none of the parameters that var_names and coords choose")
    numbers = np.array([[one.get(name, (np.nan,) * 3) for one in found] for name in names])
    summary = xr.Dataset(
        {"point": ((PARAMETER, PERIOD), numbers[..., 0]), "interval": ((PARAMETER, PERIOD, BOUND), numbers[..., 1:])},
        {PARAMETER: names, PERIOD: np.arange(1, numbers.shape[1] + 1), BOUND: [LOWER, UPPER]},
    )
    return summary, labels


def _posteriors(posteriors: Any, chosen: Chosen) -> tuple[Labels, Iterator[Any]]:
    """Labels of the periods, and the posterior of each: draws as a Dataset, or a NIG with its coefficients' names."""
    if isinstance(posteriors, ReplayedPosteriors):
        whole, periods = posteriors, range(posteriors.periods + 1)
        names = _coefficients(whole.forecaster)
        return labels_of(whole.labels), (_ready(whole.posterior(period), chosen, names) for period in periods)
    if isinstance(posteriors, Mapping) and not isinstance(posteriors, xr.Dataset | xr.DataTree):
        if not posteriors:
            raise ValueError(f"posteriors must be {SOURCES}; the mapping is empty")
        return labels_of(list(posteriors)), (_ready(one, chosen, None) for one in posteriors.values())
    if isinstance(posteriors, xr.Dataset | xr.DataTree):
        draws = _group(posteriors, chosen)
        if PERIOD not in draws.dims:
            raise ValueError(f"posteriors must be {SOURCES}; it has the dimensions {sorted(map(str, draws.dims))}")
        count = draws.sizes[PERIOD]
        named = draws[PERIOD] if PERIOD in draws.coords else np.arange(1, count + 1)
        return labels_of(named), (draws.isel({PERIOD: place}, drop=True) for place in range(count))
    raise TypeError(f"posteriors must be {SOURCES}, not {describe(posteriors)}")


def _coefficients(forecaster: Any) -> list[Any] | None:
    if not isinstance(forecaster, ConjugateRegression):
        return None
    drawn = forecaster.sample(forecaster.prior, draws=1, chains=1, random_seed=0)
    return list(drawn["posterior"].to_dataset()["coefficient"].values)


def _ready(posterior: Any, chosen: Chosen, names: list[Any] | None) -> Any:
    if isinstance(posterior, NIG):
        return as_nig(posterior), names
    if isinstance(posterior, xr.DataTree) and chosen.group == "posterior":
        return _group(equal_weights(posterior, random_seed=0), chosen)
    if isinstance(posterior, xr.DataTree | xr.Dataset):
        return _group(posterior, chosen)
    raise TypeError(f"posteriors: each must be a DataTree, a Dataset of draws or an NIG, not {describe(posterior)}")


def _group(draws: xr.DataTree | xr.Dataset, chosen: Chosen) -> xr.Dataset:
    if isinstance(draws, xr.Dataset):
        return draws
    if chosen.group not in draws.children:
        raise ValueError(f"posteriors have no group {chosen.group!r}; they have {sorted(draws.children)}")
    return draws[chosen.group].to_dataset()


def _summary(posterior: Any, chosen: Chosen) -> dict[str, tuple[float, float, float]]:
    """Point and ends of every parameter, by its name and labels."""
    if isinstance(posterior, tuple):
        nig, names = posterior
        values = _selected(_of_nig(nig, names, chosen), chosen)
    else:
        values = _of_draws(_selected(posterior, chosen), chosen)
    labeller, found = BaseLabeller(), {}
    for name, sel, isel in xarray_sel_iter(values, skip_dims={"told"}):
        point, low, high = values[name].sel(sel).values.tolist()
        found[labeller.make_label_flat(name, sel, isel)] = (point, low, high)
    return found


def _selected(values: xr.Dataset, chosen: Chosen) -> xr.Dataset:
    try:
        names = _var_names(chosen.var_names, values, chosen.filter_vars)
    except (KeyError, ValueError) as error:
        held = sorted(map(str, values.data_vars))
        raise KeyError(f"var_names={chosen.var_names} are not all parameters of the posteriors: {held}") from error
    kept = values if names is None else values[names]
    unknown = [dim for dim in chosen.coords if dim not in kept.dims]
    if unknown:
        raise KeyError(
            f"coords name {unknown[0]!r}, which is no dimension of the parameters: {sorted(map(str, kept.dims))}"
        )
    try:
        return kept.sel(dict(chosen.coords))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise KeyError(f"coords={dict(chosen.coords)} are not all labels of the posteriors") from error


def _of_draws(draws: xr.Dataset, chosen: Chosen) -> xr.Dataset:
    missing = [dim for dim in chosen.sample_dims if dim not in draws.dims]
    if missing:
        raise ValueError(f"posteriors have no dimension {missing[0]!r} of draws; name theirs in sample_dims")
    dims = list(chosen.sample_dims)
    ends = getattr(draws.azstats, chosen.kind)(prob=chosen.probability, dim=dims)
    point = getattr(draws.azstats, chosen.point)(dim=dims, round_to="none")
    parts = [point, ends.sel({BOUND: LOWER}, drop=True), ends.sel({BOUND: UPPER}, drop=True)]
    return xr.concat(parts, dim="told")


def _of_nig(posterior: NIG, names: list[Any] | None, chosen: Chosen) -> xr.Dataset:
    """Of the marginals: Student-t for each coefficient, inverse gamma for the variance (Bishop 2006, exercise 2.46)."""
    count = posterior.mean.shape[-1]
    spread = np.sqrt(posterior.rate / posterior.shape * np.diagonal(np.linalg.inv(posterior.precision)))
    coefficients = [
        _of_marginal(distributions.t(2 * posterior.shape, loc, scale), float(loc), chosen)
        for loc, scale in zip(posterior.mean, spread, strict=True)
    ]
    variance = distributions.invgamma(posterior.shape, scale=posterior.rate)
    mode = float(posterior.rate / (posterior.shape + 1))
    return xr.Dataset(
        {
            "coefficients": (("coefficient", "told"), coefficients),
            "variance": ("told", list(_of_marginal(variance, mode, chosen))),
        },
        {"coefficient": list(range(count)) if names is None else names},
    )


def _of_marginal(marginal: Any, mode: float, chosen: Chosen) -> tuple[float, float, float]:
    tail = (1 - chosen.probability) / 2
    if chosen.kind == "hdi":  # the narrowest of all that hold so much
        width = minimize_scalar(
            lambda low: marginal.ppf(low + chosen.probability) - marginal.ppf(low),
            bounds=(0, 2 * tail),
            method="bounded",
        )
        tail = float(width.x)
    point = mode if chosen.point == "mode" else float(getattr(marginal, chosen.point)())
    return point, float(marginal.ppf(tail)), float(marginal.ppf(tail + chosen.probability))
