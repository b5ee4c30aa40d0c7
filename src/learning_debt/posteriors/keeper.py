"""What a keeper of the shadow is, what one step of it takes, and the plainest one: a refit."""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from learning_debt.arrays.effective_size import weighted_size
from learning_debt.data import take_rows
from learning_debt.posteriors.base import GRADIENT_EVALUATIONS, as_row_weight
from learning_debt.posteriors.convergence import Convergence, convergence
from learning_debt.posteriors.weights import WEIGHTS, pareto_k, relative_weights
from learning_debt.validation import describe

Array = NDArray[np.float64]


class Shadow(NamedTuple):
    """What a keeper of the shadow goes on from.

    Attributes
    ----------
    posterior : DataTree
        What the model believes now; its draws may carry weights.
    row_weight : ndarray, shape (rows,)
        What it holds: the weight of every row of the data it was stepped with.
    memory : object
        The keeper's own.
    """

    posterior: xr.DataTree
    row_weight: Array
    memory: Any = None


class Upkeep(NamedTuple):
    """What one step took.

    Attributes
    ----------
    rung : str
        ``"refit"``, ``"reweight"``, ``"moment match"``, ``"supplied"``, or ``"kept"`` where no row's weight changed.
    pareto_k, effective_size : float
        Of the weights; NaN and the sampler's own where draws weigh the same.
    refits : int
    evaluations : float
        Log densities of one row at one point; a refit counts every gradient once per row, although a gradient costs
        about as much as two to four densities.
    seconds : float
    converged : bool
        Whether the posterior can be believed: the sampler's diagnostics, and those of the weights.
    note : str
        Why a cheaper rung was left, or nothing.
    doubt : str
        Why the posterior cannot be believed: the diagnostic that failed, and the parameter; nothing where it can.
    """

    rung: str
    pareto_k: float
    effective_size: float
    refits: int
    evaluations: float
    seconds: float
    converged: bool
    note: str = ""
    doubt: str = ""


class ShadowKeeper(Protocol):
    """Keeps the shadow current, one period at a time."""

    def start(
        self, forecaster: Any, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """First shadow: the model given `data`, each row's log-likelihood multiplied by its weight, shape (rows,)."""
        ...

    def step(
        self, forecaster: Any, shadow: Shadow, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """The next shadow. `data` may have more rows at its end than before; the others are the same rows."""
        ...


def require_keeper(name: str, value: Any) -> ShadowKeeper:
    """What has the methods of `ShadowKeeper`; a class is none.

    Raises
    ------
    TypeError
    """
    remedy = "a keeper of the shadow, such as ld.ShadowLadder()"
    complete = callable(getattr(value, "start", None)) and callable(getattr(value, "step", None))
    if isinstance(value, type) and complete:
        raise TypeError(f"{name} must be {remedy}, not the class {value.__name__} itself: call it")
    if not complete:
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}")
    return cast(ShadowKeeper, value)


class Refit:
    """A full refit at every step that changes a row's weight: the yardstick every cheaper rung is held against.

    Rows of weight zero are left out of the fit. A fit whose draws fail the diagnostics of
    `posteriors.convergence` is handed on with ``converged=False`` and tried again at the next step, even if nothing
    changed.

    Examples
    --------
    >>> from learning_debt import NIG, ConjugateRegression
    >>> keeper, exact = Refit(), ConjugateRegression(NIG(0, 1, 2, 1))
    >>> data = xr.Dataset({"x": ("obs", [1.0, 2.0]), "y": ("obs", [1.1, 1.9])})
    >>> shadow, upkeep = keeper.start(exact, data, np.ones(2))
    >>> upkeep.refits, keeper.step(exact, shadow, data, np.ones(2))[1].refits
    (1, 0)
    """

    exact = True
    log_density = None

    def start(
        self, forecaster: Any, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.start`."""
        return refit(forecaster, data, row_weight, random_seed)

    def step(
        self, forecaster: Any, shadow: Shadow, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """As in `ShadowKeeper.step`."""
        weight = checked_weight(data, row_weight, forecaster.observation_dim)
        if np.array_equal(padded(shadow.row_weight, len(weight)), weight) and believable(shadow.posterior).converged:
            return kept(shadow, weight)
        return refit(forecaster, data, weight, random_seed)


def refit(
    forecaster: Any,
    data: xr.Dataset,
    row_weight: Array,
    random_seed: int | None = None,
    note: str = "",
    *,
    fits: int = 1,
) -> tuple[Shadow, Upkeep]:
    """The model fitted to the rows of positive weight, `fits` times, with the chains of all fits side by side."""
    begun = perf_counter()
    weight = checked_weight(data, row_weight, forecaster.observation_dim)
    held = np.flatnonzero(weight)
    span = slice(int(held[0]), int(held[-1]) + 1)  # gaps in between are for the forecaster to judge
    rows, weights = take_rows(data, span, forecaster.observation_dim), weight[span]
    seeds = [random_seed] if fits == 1 else np.random.SeedSequence(random_seed).generate_state(fits).tolist()
    weighted = {} if (weights == 1).all() else {"row_weight": weights}  # a forecaster that weighs no rows need not know
    posterior = side_by_side([forecaster.fit(rows, **weighted, random_seed=seed) for seed in seeds])
    found = believable(posterior)
    gradients = getattr(posterior, "attrs", {}).get(GRADIENT_EVALUATIONS, 0)
    upkeep = Upkeep(
        "refit",
        float("nan"),
        found.effective_size,
        fits,
        gradients * float(held.size),
        perf_counter() - begun,
        found.converged,
        note,
        found.reason,
    )
    return Shadow(posterior, weight), upkeep


def side_by_side(posteriors: list[Any]) -> Any:
    """Fits of one model to the same rows as one posterior with all their chains; an exact one stays as it is."""
    if len(posteriors) == 1 or not isinstance(posteriors[0], xr.DataTree):
        return posteriors[0]
    joined = posteriors[0].copy()
    joined.attrs = {
        **joined.attrs,
        GRADIENT_EVALUATIONS: sum(one.attrs.get(GRADIENT_EVALUATIONS, 0) for one in posteriors),
    }
    for name in ("posterior", "sample_stats"):
        if name in joined.children:
            group = xr.concat([one[name].to_dataset(inherit=False) for one in posteriors], "chain")
            joined[name] = xr.DataTree(group.assign_coords(chain=np.arange(group.sizes["chain"])))
    return joined


def kept(shadow: Shadow, row_weight: Array) -> tuple[Shadow, Upkeep]:
    """The same shadow over rows of which the new ones weigh nothing."""
    found = believable(shadow.posterior)
    size, tail = found.effective_size, float("nan")
    if found.converged and WEIGHTS in getattr(shadow.posterior, "children", ()):
        weight = relative_weights(shadow.posterior)
        assert weight is not None
        size, tail = size * weighted_size(weight) / weight.size, pareto_k(shadow.posterior)
    upkeep = Upkeep("kept", tail, size, 0, 0.0, 0.0, found.converged, doubt=found.reason)
    return Shadow(shadow.posterior, row_weight, shadow.memory), upkeep


def believable(posterior: Any) -> Convergence:
    """Whether the sampler converged; an exact posterior did, and is worth infinitely many draws."""
    if not isinstance(posterior, xr.DataTree):
        return Convergence(float("nan"), float("inf"), 0, True)
    return convergence(posterior)


def checked_weight(data: xr.Dataset, row_weight: ArrayLike, observation_dim: str) -> Array:
    """One weight per row, as floats, checked as in `as_row_weight`; all zero would leave nothing to fit."""
    rows = data.sizes[observation_dim]
    checked = as_row_weight(row_weight, rows)
    weight = np.ones(rows) if checked is None else checked
    if not weight.any():
        raise ValueError("row_weight is zero for every row; the shadow must hold at least one")
    return weight


def padded(row_weight: Array, rows: int) -> Array:
    """Weights of rows known before, zero for those that came since."""
    if len(row_weight) > rows:
        raise ValueError(f"data has {rows} row(s), fewer than the {len(row_weight)} the shadow was stepped with before")
    return np.concatenate([row_weight, np.zeros(rows - len(row_weight))])
