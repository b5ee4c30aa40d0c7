"""Which rows moved belief."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.conjugate import nig_parts
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.arrays.draws.effective_size import (
    ENOUGH,
    chosen_inflation,
    draw_counts,
    effective_share,
    influence_on_mean,
    variance_of_mean,
    weighted_mean,
)
from learning_debt.arrays.draws.fit_shares import whole_influence
from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.data import as_dataset, as_labels, require_same_rows, require_variables
from learning_debt.debt.estimates import as_rows
from learning_debt.debt.selection import exact_pair, rows_before
from learning_debt.forecasters.row_likelihood import row_log_density
from learning_debt.forecasters.weights import (
    MAXIMUM_PARETO_K,
    doubts_of_weights,
    drawn_together,
    fit_shares,
    relative_weights,
)
from learning_debt.typing import Array
from learning_debt.validation import describe

GROUP = "group"


def debt_by_group(
    forecaster: Any, shadow: Any, deployed: Any, new_data: Any, by: Any, *, removed_data: Any = None, past: Any = None
) -> xr.Dataset:
    """Which rows moved belief: the Jeffreys divergence between shadow p and deployed posterior q, group by group.

    With l the log-likelihood of the rows that have arrived since, J = KL(p‖q) + KL(q‖p) = E_p[l] - E_q[l] is a sum
    over rows, hence over groups g of rows:

        J_g = E_p[l_g] - E_q[l_g]

    It needs no overlap of the draws. While belief has moved little, J is about twice the posterior debt KL(p‖q).

    Parameters
    ----------
    forecaster : Forecaster
    shadow, deployed : posterior
        Both exact (``NIG``) or both draws (``DataTree``), which may carry weights.
    new_data : Dataset, mapping or data frame
        What the shadow has seen and the deployed posterior has not.
    by : str or array_like, shape (rows,)
        Name of a column of `new_data` along the observation dimension (store, weekday, period), or one label a row.
    removed_data : Dataset, mapping or data frame, optional
        What the deployed posterior had seen and the shadow no longer holds: its rows count with l negated. `by` must
        then be a name that both have.
    past : Dataset, mapping or data frame, optional
        All rows that `new_data` follows, where the model needs them; the data of the deployed posterior if left out.

    Returns
    -------
    Dataset
        Along the groups, in order of appearance: ``value`` (nats; positive where belief moved towards what the rows
        say, negative where the other rows moved it against them), ``standard_error``, ``share`` of the total,
        ``rows`` and ``reliable``; and ``total`` with ``total_standard_error``, the whole J. Exact posteriors have
        standard errors of 0. The groups' errors are dependent, since all come from the same draws.

    Raises
    ------
    IncomparablePosteriorsError
        If the two posteriors do not share parameters, labels, prior and preparation.
    KeyError, ValueError
        If there is no column `by`, or it has not one label a row.

    See Also
    --------
    posterior_debt : The debt as a whole.
    debt_by_block : Debt by parameter instead of by row.
    replayed_posteriors : Posteriors of any two periods of a history.

    References
    ----------
    Jeffreys, *An invariant form for the prior probability in estimation problems*, Proceedings of the Royal Society A
    186 (1946), 453-461.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> deployed = forecaster.fit({"x": [1.0, 2.0, -1.0], "y": [0.9, 2.2, -1.1]})
    >>> new = {"x": [1.0, 2.0, 1.0], "y": [3.0, 5.5, 1.2], "store": ["Graz", "Graz", "Linz"]}
    >>> shadow = forecaster.update(deployed, {"x": new["x"], "y": new["y"]})
    >>> debt_by_group(forecaster, shadow, deployed, new, by="store")["value"].round(2).values.tolist()
    [17.41, -0.51]
    """
    exact = exact_pair(forecaster, shadow, deployed)
    before = rows_before(forecaster, deployed, past)
    batches = [(as_rows(forecaster, "new_data", new_data), 1.0, before)]
    labels, dim = _labels(new_data, by, forecaster.observation_dim)
    if removed_data is not None:
        if not isinstance(by, str):
            raise ValueError("by must be the name of a column when removed_data is given, which has rows of its own")
        batches.append((as_rows(forecaster, "removed_data", removed_data), -1.0, None))
        labels = np.concatenate([labels, _labels(removed_data, by, forecaster.observation_dim)[0]])
    codes, groups = pd.factorize(labels)  # in order of appearance, whatever the labels' type
    members = [codes == code for code in range(len(groups))]
    if exact is not None:
        gain = np.concatenate([sign * _expected_gain(*exact, batch) for batch, sign, _ in batches])
        parts = [_Mean(float(gain[rows].sum()), 0.0, True) for rows in (*members, slice(None))]
    else:
        forecaster.require_comparable(shadow, deployed, batches[0][0])
        at_shadow, at_deployed = (
            np.concatenate(
                [sign * row_log_density(forecaster, posterior, rows, before) for rows, sign, before in batches], axis=-1
            )
            for posterior in (shadow, deployed)
        )
        of_shadow, of_deployed = _Draws(at_shadow, shadow), _Draws(at_deployed, deployed)
        parts = [_difference(of_shadow, of_deployed, rows) for rows in (*members, slice(None))]
        if doubts_of_weights(shadow, deployed):
            parts = [part._replace(reliable=False) for part in parts]
    return _grouped(parts, groups, np.bincount(codes), dim)


class _Mean(NamedTuple):
    """A difference of means, its standard error, and whether the draws support it."""

    value: float
    standard_error: float
    reliable: bool


def _expected_gain(shadow: NIG, deployed: NIG, batch: xr.Dataset) -> Array:
    """E_p[l] - E_q[l] of every row."""
    x, y = batch["x"].values, batch["y"].values
    gain = nig_parts.expected_log_likelihood(shadow, x, y) - nig_parts.expected_log_likelihood(deployed, x, y)
    return np.asarray(gain)


class _Draws:
    """Log-likelihoods of all rows at the draws of a posterior, shape (chain, draw, rows), and what the draws weigh."""

    def __init__(self, values: Array, posterior: xr.DataTree) -> None:
        self.values, self.posterior, self.weight = values, posterior, relative_weights(posterior)
        self.shares = fit_shares(posterior)

    def mean(self, rows: Any) -> tuple[float, Array, bool]:
        """Mean of the sum over `rows`, what each draw adds to its error, and whether the error is to be trusted.

        It is with enough effective draws, unless the tail of totals or weights is heavier than `MAXIMUM_PARETO_K`.
        """
        total = self.values[..., rows].sum(axis=-1)
        mean = weighted_mean(total, self.weight)
        if not np.isfinite(mean):
            return mean, np.zeros_like(total), False
        influence = whole_influence(influence_on_mean(total, self.weight), self.shares)
        share = effective_share(influence)
        size = float(draw_counts(total, self.weight).sum()) * share
        trusted = size >= ENOUGH and _tail(self._with_tail(total, influence)) < MAXIMUM_PARETO_K
        return mean, chosen_inflation(size, share) * influence, trusted

    def _with_tail(self, total: Array, influence: Array) -> Array:
        """What must not have a heavy tail, shape (chain, draw): totals, or where few draws may weigh much, influences.

        Weights of a pool of several fits are bounded, so that only totals may, drawn as often as they weigh.
        """
        if self.weight is None:
            return total
        if self.shares is None:
            return influence
        return total.ravel()[systematic_draws(self.weight, int(draw_counts(total, self.weight).sum()))][None]


def _difference(shadow: _Draws, deployed: _Draws, rows: Any) -> _Mean:
    """Mean over shadow draws less mean over deployed draws; drawn together, samples add up before the variance."""
    (mean, of_shadow, first), (other, of_deployed, second) = shadow.mean(rows), deployed.mean(rows)
    if not np.isfinite(mean - other):
        return _Mean(mean - other, float("nan"), False)
    influences = [of_shadow, of_deployed]
    if drawn_together(shadow.posterior, deployed.posterior):
        influences = [of_shadow - of_deployed]
    error = float(np.sqrt(sum(variance_of_mean(influence) for influence in influences)))
    return _Mean(mean - other, error, first and second)


def _tail(draws: Array) -> float:
    """Pareto k of the heavier tail of `draws`, shape (chain, draw)."""
    if np.ptp(draws) == 0:
        return 0.0
    with np.errstate(divide="ignore"):  # it is normalised by its sum in the end, which is of no use here and may be 0
        return float(array_stats().pareto_khat(draws, chain_axis=0, draw_axis=1, tail="both"))


def _labels(data: Any, by: Any, observation_dim: str) -> tuple[NDArray[Any], str]:
    """One label a row, and the name of the dimension over groups."""
    dataset = as_dataset(data, observation_dim, [by] if isinstance(by, str) else [])
    if isinstance(by, str) and by == observation_dim and by not in dataset.coords:
        return np.arange(dataset.sizes[by]), GROUP
    if isinstance(by, str):
        require_variables(dataset, [by], f"by={by!r}: new_data")
        if dataset[by].dims != (observation_dim,):
            raise ValueError(f"by={by!r} must run along {observation_dim!r} only, not {dataset[by].dims}")
        return dataset[by].values, GROUP if by == observation_dim else by
    if by is None or isinstance(by, type | dict | xr.Dataset | xr.DataTree | NIG):
        raise TypeError(f"by must be the name of a column or one label a row, not {describe(by)}")
    labels, rows = np.asarray(by), dataset.sizes[observation_dim]
    if labels.shape != (rows,):
        raise ValueError(f"by must hold one label for each of the {rows} rows, not an array of shape {labels.shape}")
    require_same_rows("by", by, data, observation_dim)
    as_labels(by, "by")  # raises where one is missing, or they are of several kinds
    return labels, str(getattr(by, "name", None) or GROUP)


def _grouped(parts: Sequence[_Mean], groups: NDArray[Any], rows: NDArray[np.int_], dim: str) -> xr.Dataset:
    value, error, reliable = (np.array(column) for column in zip(*parts, strict=True))
    share = value[:-1] / value[-1] if np.isfinite(value).all() and value[-1] > 0 else np.full(len(groups), np.nan)
    return xr.Dataset(
        {
            "value": (dim, value[:-1]),
            "standard_error": (dim, error[:-1]),
            "share": (dim, share),
            "rows": (dim, rows),
            "reliable": (dim, reliable[:-1].astype(bool)),
            "total": float(value[-1]),
            "total_standard_error": float(error[-1]),
        },
        coords={dim: np.asarray(groups)},
        attrs={"quantity": "Jeffreys divergence", "unit": "nats"},
    )
