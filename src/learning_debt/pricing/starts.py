"""What policies would have paid from several starts of a history: a spell table holds what came after each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES
from learning_debt.policies.base import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.replays import charged_regret, paid_for_retrains
from learning_debt.pricing.walks import walk_from_starts
from learning_debt.typing import Array

FEWEST_STARTS, WALKS = 10, 100
"""Of a candidate that is tuned: starts at least, and walks of all series together beyond which starts are spared."""


def spread_starts(table: xr.Dataset, number: int | None = None) -> list[int]:
    """Starts spread evenly over a table, the first at its beginning; as many as it has periods, if fewer.

    Left out, there are enough for a hundred walks of all series together, and at least ten: those of several series
    make up for each other's luck already.

    Examples
    --------
    >>> spread_starts(xr.Dataset(coords={"period": range(1, 9), "series": [0]}), 4)
    [0, 2, 4, 6]
    """
    periods = table.sizes["period"]
    number = max(FEWEST_STARTS, -(-WALKS // table.sizes[SERIES])) if number is None else number
    number = min(number, periods)
    return [place * periods // number for place in range(number)]


def bills_from_starts(
    table: xr.Dataset,
    policies: Sequence[Policy],
    cost: RetrainingCost,
    starts: Sequence[int],
    accounting: str = "signed",
) -> Array:
    """Bill of every policy in every period, from each of several starts.

    From the start k on it is the bill of a replay over ``select_periods(table, k)``: what was newest after period k is
    put into service, and a calendar counts from there.

    Parameters
    ----------
    table : Dataset
        Checked, with the signals that the policies read.
    policies : sequence of Policy
        Their memory must start with the spell, as that of all policies here does.
    cost : RetrainingCost
        Resolved.
    starts : sequence of int
        Periods after which a walk begins, 0..T-1.
    accounting : {"signed", "positive"}

    Returns
    -------
    ndarray, shape (policies, starts, series, T)
        Regret and cost of retrains, in the unit of the cost; NaN up to the start.

    Examples
    --------
    >>> from learning_debt import check_spells
    >>> from learning_debt.policies import Calendar
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> table = check_spells(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}))
    >>> bills_from_starts(table, [Calendar(2)], RetrainingCost(1.0), [0, 1])[0, :, 0]
    array([[0. , 1.3, 0. ],
           [nan, 0. , 0.1]])
    """
    series, periods = table.sizes[SERIES], table.sizes["period"]
    shape = (len(policies), len(starts), series, periods)
    lanes = np.tile(np.arange(series), len(policies) * len(starts))
    begin = np.tile(np.repeat(np.asarray(starts, dtype=np.int64), series), len(policies))
    schedules = walk_from_starts(table, policies, cost, starts).reshape(-1, periods)
    regret = walk.along_schedule(charged_regret(table, cost, accounting), lanes, schedules, begin)
    paid = paid_for_retrains(table, cost, lanes, schedules, begin)
    return np.where(np.arange(1, periods + 1) > begin[:, None], regret + paid, np.nan).reshape(shape)
