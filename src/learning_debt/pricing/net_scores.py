"""Realised score of what served, less the cost of retrains: bills in a unit that tables of other shadows share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES
from learning_debt.policies.cost import RetrainingCost, exposures
from learning_debt.spells.schema import DEPLOYED_SCORE, has_own_regret, se_of
from learning_debt.typing import Array

NO_SCORE = (
    "the spell table holds no deployed_score, the score of what serves: make it with the default variables of "
    "spell_table, or add it to your own (a score known for differences only has none)"
)
POSITIVE = "positive accounting charges losses only, and the realised score is made of gains as well; use signed"
OWN_REGRET = "the table's regret is not exposure x score_gap, so that its scores have no price in the unit of the bill"


class NetScores(NamedTuple):
    """Of every series; NaN where there is none, and why.

    Attributes
    ----------
    value, error : ndarray, shape (series,)
    reason : str
    """

    value: Array
    error: Array
    reason: str


def net_scores(
    table: xr.Dataset, schedule: NDArray[np.bool_], cost: RetrainingCost, paid: Array, accounting: str
) -> NetScores:
    """Sum over the periods of exposure x score of what served, less what was `paid` for retrains, (series, period).

    It is the sum of the shadow's own scores, which no schedule changes, less the signed bill.
    """
    none = np.full(table.sizes[SERIES], np.nan)
    reason = undefined(table, accounting)
    if reason:
        return NetScores(none, none, reason)
    series = np.arange(table.sizes[SERIES])
    served = walk.along_schedule(table[DEPLOYED_SCORE].values, series, schedule)
    value = (served * exposures(table, cost)).sum(axis=1) - paid.sum(axis=1)
    defined = np.isfinite(served).all(axis=1)
    error = monte_carlo_errors(table, DEPLOYED_SCORE, schedule, cost)
    return NetScores(np.where(defined, value, np.nan), np.where(defined, error, np.nan), _first_hole(served, schedule))


def shadow_totals(table: xr.Dataset, cost: RetrainingCost) -> Array:
    """Sum over the periods of exposure x the shadow's own score, shape (series,); NaN where a table does not tell.

    The shadow that gaps are measured from: that of the period before (timing ``"prequential"``) or of the period.
    """
    if undefined(table, "signed"):
        return np.full(table.sizes[SERIES], np.nan)
    newest, regret = (table[name].values.diagonal(axis1=1, axis2=2) for name in (DEPLOYED_SCORE, "regret"))
    return np.asarray((newest * exposures(table, cost) + regret * cost.exposure(table).values).sum(axis=1))


def undefined(table: xr.Dataset, accounting: str) -> str:
    """Why a checked table has no net score under an accounting; empty where it has."""
    if accounting != "signed":
        return POSITIVE
    if DEPLOYED_SCORE not in table:
        return NO_SCORE
    return OWN_REGRET if has_own_regret(table) else ""


def monte_carlo_errors(table: xr.Dataset, name: str, schedule: NDArray[np.bool_], cost: RetrainingCost) -> Array:
    """Of the sum over the periods of exposure x a signal of what served, shape (series,).

    Errors of periods served by one deployed posterior are taken as fully dependent, of different spells as independent.
    """
    series = np.arange(table.sizes[SERIES])
    if se_of(name) not in table:
        return np.zeros(len(series))
    errors = walk.along_schedule(table[se_of(name)].values, series, schedule) * exposures(table, cost)
    served_by = walk.deployed_during(schedule)
    return np.array(
        [np.sqrt(np.sum(np.bincount(served_by[lane], weights=np.nan_to_num(errors[lane])) ** 2)) for lane in series]
    )


def _first_hole(served: Array, schedule: NDArray[np.bool_]) -> str:
    holes = np.argwhere(~np.isfinite(served))
    if not holes.size:
        return ""
    lane, place = holes[0].tolist()
    deployed_at = int(walk.deployed_during(schedule)[lane, place])
    return f"deployed_score is not finite for series {lane}, deployed_at {deployed_at}, period {place + 1}"
