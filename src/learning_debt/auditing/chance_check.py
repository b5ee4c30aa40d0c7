"""Whether retrains that were given a chance to pay did pay in that share of the cases."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from learning_debt.arrays.evidence.avoided_forecast import Cells, forecast
from learning_debt.arrays.evidence.avoided_gaps import mean_avoided
from learning_debt.data import SERIES
from learning_debt.policies.cost import RetrainingCost, exposures
from learning_debt.pricing.avoided_regret import cells_of
from learning_debt.typing import Array

FIRST_PERIOD = 20
AGES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
"""Spell ages at which chances are looked at: neighbours say nearly the same."""
EDGES = np.linspace(0.0, 1.0, 11)


def chances_of_past_retrains(
    table: xr.Dataset, cost: RetrainingCost, horizon: int, first_period: int = FIRST_PERIOD
) -> xr.Dataset:
    """The chance that a retrain pays, as it would have been said in every past period, and whether it paid.

    Nothing later than a period is in what is said at its end.

    Parameters
    ----------
    table : Dataset
        Checked.
    cost : RetrainingCost
        Resolved.
    horizon : int
        Periods that a retrain serves.
    first_period : int
        The first one asked about.

    Returns
    -------
    Dataset
        Along ``case``: ``said``, ``shadow_said`` (by the shadow alone, as a normal; NaN without its beliefs),
        ``expected`` and ``avoided`` in costs of a retrain, ``paid`` (whether it was more than its cost), and the
        ``series``, ``age`` and ``period`` they belong to.
    """
    periods, found = table.sizes["period"], []
    exposure, costs = exposures(table, cost), cost.retraining_costs(table)
    period, age = _asked(periods, horizon, first_period)
    deployed_at, column = period - age, period - 1
    for place in range(table.sizes[SERIES]):
        cells = cells_of(table.isel({SERIES: [place]}))
        foretold, came = forecast(cells, horizon), mean_avoided(cells.gaps, horizon)[0, deployed_at, column]
        scale = horizon * exposure[place, column]
        with np.errstate(divide="ignore"):  # where retrains are free, all that is avoided pays
            in_costs = scale / costs[place, deployed_at, column]
        said = foretold.chance_above(1 / _at_cell(in_costs, foretold.mean.shape, deployed_at, column))
        values = {
            "said": said[0, deployed_at, column],
            "shadow_said": _by_shadow(cells, horizon, in_costs, deployed_at, column),
            "expected": foretold.mean[0, deployed_at, column] * in_costs,
            "avoided": came * in_costs,
        }
        kept = np.isfinite(values["said"]) & np.isfinite(came)
        values |= {"paid": values["avoided"] > 1, SERIES: np.full(period.size, place), "age": age, "period": period}
        found.append({name: of[kept] for name, of in values.items()})
    return xr.Dataset({name: ("case", np.concatenate([one[name] for one in found])) for name in found[0]})


def reliability(said: Array, paid: NDArray[np.bool_], cluster: NDArray[np.int64]) -> xr.Dataset:
    """Share of cases that paid, by tenths of the chance that was said.

    Parameters
    ----------
    said : ndarray, shape (cases,)
    paid : ndarray of bool, shape (cases,)
    cluster : ndarray of int, shape (cases,)
        What cases hang together by, such as the history they come from.

    Returns
    -------
    Dataset
        Along ``bin``: ``low`` and ``high`` (its edges), ``cases``, ``said`` and ``paid`` (means), ``error`` (standard
        error of paid - said, clustered; NaN with fewer than two clusters) and ``clusters``.

    Examples
    --------
    >>> paid = np.array([False, False, True, False])
    >>> found = reliability(np.array([0.15, 0.15, 0.95, 0.95]), paid, np.array([0, 1, 0, 1]))
    >>> found["cases"].values.tolist(), found["paid"].values[[1, 9]].tolist()
    ([0, 2, 0, 0, 0, 0, 0, 0, 0, 2], [0.0, 0.5])
    """
    which = np.clip(np.digitize(said, EDGES) - 1, 0, len(EDGES) - 2)
    rows = [_of_bin(said[which == one], paid[which == one], cluster[which == one]) for one in range(len(EDGES) - 1)]
    columns = dict(zip(("cases", "said", "paid", "error", "clusters"), np.array(rows).T, strict=True))
    columns |= {"low": EDGES[:-1], "high": EDGES[1:]}
    columns |= {name: columns[name].astype(int) for name in ("cases", "clusters")}
    return xr.Dataset({name: ("bin", of) for name, of in columns.items()})


def _of_bin(said: Array, paid: NDArray[np.bool_], cluster: NDArray[np.int64]) -> tuple[float, ...]:
    if not said.size:
        return 0, np.nan, np.nan, np.nan, 0
    excess = paid - said
    _, member = np.unique(cluster, return_inverse=True)
    number, total = np.bincount(member), np.bincount(member, weights=excess)
    clusters = len(number)
    off = total - excess.mean() * number
    error = np.sqrt((off**2).sum() * clusters / (clusters - 1)) / said.size if clusters > 1 else np.nan
    return said.size, float(said.mean()), float(paid.mean()), float(error), clusters


def _asked(periods: int, horizon: int, first_period: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Periods and ages of the cases, of which the outcome lies within the table."""
    at = np.arange(first_period, periods - horizon + 1)
    period, age = (part.ravel() for part in np.meshgrid(at, np.array(AGES), indexing="ij"))
    held = age <= period
    return period[held], age[held]


def _at_cell(values: Array, shape: tuple[int, ...], deployed_at: NDArray[np.int64], column: NDArray[np.int64]) -> Array:
    whole = np.full(shape, np.nan)
    whole[0, deployed_at, column] = values
    return whole


def _by_shadow(
    cells: Cells, horizon: int, in_costs: Array, deployed_at: NDArray[np.int64], column: NDArray[np.int64]
) -> Array:
    if cells.belief is None or cells.spread is None:
        return np.full(deployed_at.shape, np.nan)
    belief, one = cells.belief[0, deployed_at, column], cells.spread[0, deployed_at, column]
    spread = np.sqrt((1 + horizon / cells.held[column]) / horizon) * one
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ndtr((belief * in_costs - 1) / (spread * in_costs)))
