"""What a retrain today is expected to avoid: the shadow's belief, corrected by what this history's gaps have shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.evidence.avoided_forecast import Cells, chance_above, forecast
from learning_debt.arrays.evidence.avoided_gaps import mean_so_far
from learning_debt.arrays.evidence.walk_forward import FEWEST_PERIODS
from learning_debt.data import SERIES
from learning_debt.doubt import Doubt
from learning_debt.policies.cost import RetrainingCost, exposures
from learning_debt.spells.doubt_codes import doubts_each
from learning_debt.spells.schema import TableFacts, reliability, se_of
from learning_debt.typing import Array

MOST_CELLS = 2_000_000
"""Cells that are forecast at a time."""


class AvoidedRegret(NamedTuple):
    """Of every series, shape (series,); NaN where nothing can be said.

    Attributes
    ----------
    value, error : ndarray
        In units of the bill, and the standard error of that expectation: what is not known of how far beliefs are off,
        and Monte-Carlo error.
    spread, stretches : ndarray
        Scale and degrees of freedom of what may come of it.
    belief : ndarray
        What the shadow alone expects.
    chance : ndarray
        That it exceeds the cost.
    reliable : ndarray of bool
    doubts : list of tuple of Doubt
    """

    value: Array
    error: Array
    spread: Array
    stretches: Array
    belief: Array
    chance: Array
    reliable: NDArray[np.bool_]
    doubts: list[tuple[Doubt, ...]]

    @classmethod
    def of(
        cls,
        table: xr.Dataset,
        today: xr.Dataset,
        deployed_at: NDArray[np.int64],
        horizon: int,
        cost: Array,
        exposure: Array,
        past: xr.Dataset | None = None,
    ) -> AvoidedRegret:
        """Over a horizon, at today's cost and exposure.

        Parameters
        ----------
        table : Dataset
            Checked, or the part of one that holds the present spell.
        today : Dataset
            Its last period's cells of what is in service.
        deployed_at : ndarray of int, shape (series,)
        horizon : int
        cost, exposure : ndarray, shape (series,)
        past : Dataset, optional
            What to learn from, where `table` is a part: a checked table in which rows of posteriors that nobody kept
            are NaN.
        """
        known = table if past is None else past
        parts = [_of_some(known, rows, deployed_at[rows], horizon) for rows in _some_at_a_time(known)]
        mean, error, spread, stretches = (np.concatenate(part) for part in zip(*parts, strict=True))
        scale = horizon * exposure
        if "predictive_debt" in table:
            belief, reliable = scale * today["predictive_debt"].values, reliability(today, "predictive_debt").values
            doubts = doubts_each(today, "predictive_debt")
        else:
            belief, reliable = np.full(cost.shape, np.nan), np.zeros(cost.shape, dtype=bool)
            doubts = [(Doubt.NO_PREDICTIVE_DEBT,)] * cost.size
        value, error, spread = scale * mean, scale * error, scale * spread
        chance = chance_above(cost, value, spread, stretches)
        return cls(value, error, spread, stretches, belief, chance, reliable, doubts)


def cells_of(table: xr.Dataset) -> Cells:
    """What a checked table, or a part of one, holds of a history, as the forecast takes it."""
    facts, last = TableFacts.from_table(table), int(table["period"].values[-1])
    earlier = table["earlier"].size if "earlier" in table.coords else 0
    weights = facts.update_rule.weights(np.arange(earlier + last))
    exposure = table["exposure"].transpose(SERIES, "period").values[:, None, :]
    gaps = _square(table["regret"].values / exposure, table)
    belief, spread = (
        _square(table[name].values, table) if name in table else None for name in ("predictive_debt", "gap_sd")
    )
    return Cells(gaps, belief, spread, np.cumsum(weights)[earlier:], facts.horizon - 1)


def realised_regret(
    table: xr.Dataset, cost: RetrainingCost, deployed_at: NDArray[np.int64]
) -> tuple[Array, Array, NDArray[np.int64]]:
    """What the present spells have cost so far against the shadow of every period, its Monte-Carlo error, and periods.

    Returns
    -------
    value, error, periods : ndarray, shape (series,)
        In units of the bill. Errors of one posterior's periods are taken as fully dependent. Periods whose outcomes
        are not known yet are left out.
    """
    known = table["period"].values <= int(table["period"].values[-1]) - (TableFacts.from_table(table).horizon - 1)
    row = xr.DataArray(deployed_at - int(table["deployed_at"].values[0]), dims=SERIES)
    served = table.isel(deployed_at=row)
    regret = (served["regret"] * cost.exposure(table)).transpose(SERIES, "period").values
    counted = known & np.isfinite(regret)
    error = np.zeros_like(regret)
    if se_of("score_gap") in table:
        error = np.nan_to_num(served[se_of("score_gap")].transpose(SERIES, "period").values) * exposures(table, cost)
    # Added up one after the other: periods before the spell add zeros, and must not change the last digit.
    value, total = (np.cumsum(np.where(counted, part, 0.0), axis=1)[:, -1] for part in (regret, error))
    return np.where(counted.any(axis=1), value, np.nan), total, counted.sum(axis=1)


def _of_some(table: xr.Dataset, rows: slice, deployed_at: NDArray[np.int64], horizon: int) -> tuple[Array, ...]:
    """Mean, error and spread of the mean gap per period, and degrees of freedom, of some series."""
    some = table.isel({SERIES: rows})
    cells = cells_of(some)
    found = forecast(cells, horizon)
    each = np.arange(deployed_at.size)
    mean, error, spread = (part[each, deployed_at, -1] for part in (found.mean, found.error, found.spread))
    drawn = _drawn(some, cells.lag, found.learned.coefficients[:, -1], deployed_at)
    told = cells.belief is not None or cells.gaps.shape[-1] >= FEWEST_PERIODS
    stretches = found.stretches[:, -1]
    if not told:
        mean = np.full_like(mean, np.nan)
    return mean, np.hypot(error, drawn), np.hypot(spread, drawn), stretches


def _drawn(table: xr.Dataset, lag: int, coefficients: Array, deployed_at: NDArray[np.int64]) -> Array:
    """Monte-Carlo error of the expected mean gap, from those of today's belief and of the gaps so far."""
    each, errors = np.arange(deployed_at.size), []
    for name, weight in (("predictive_debt", coefficients[:, 0]), ("score_gap", coefficients[:, 1])):
        if se_of(name) in table:
            cells = _square(np.nan_to_num(table[se_of(name)].values), table)
            of_feature = mean_so_far(cells, lag) if name == "score_gap" else cells
            errors.append(weight * np.nan_to_num(of_feature[each, deployed_at, -1]))
    return np.sqrt(sum((error**2 for error in errors), np.zeros(deployed_at.size)))


def _square(values: Array, table: xr.Dataset) -> Array:
    """Cells of a table, or of a part of one, at their places in the whole; NaN elsewhere."""
    first_posterior, first_period = (int(table[dim].values[0]) for dim in ("deployed_at", "period"))
    last = int(table["period"].values[-1])
    if values.shape[1:] == (last, last):
        return values
    whole = np.full((values.shape[0], last, last), np.nan)
    rows, columns = values.shape[1:]
    whole[:, first_posterior : first_posterior + rows, first_period - 1 : first_period - 1 + columns] = values
    return whole


def _some_at_a_time(table: xr.Dataset) -> list[slice]:
    """Series of a table in parts of a bounded number of cells."""
    size = max(1, MOST_CELLS // int(table["period"].values[-1]) ** 2)
    return [slice(first, first + size) for first in range(0, table.sizes[SERIES], size)]
