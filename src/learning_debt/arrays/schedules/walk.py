"""Walks over a spell table: what a schedule of retrains costs, and the cheapest schedule in hindsight.

Tables have shape (series, T, T): entry [i, s, t - 1] is period t seen by what was deployed after period s, s < t.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.typing import Array


def walk(
    periods: int,
    lanes: int,
    decide: Callable[[int, NDArray[np.int64]], NDArray[np.bool_]],
    starts: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Schedule that a decision rule makes, one period at a time.

    Parameters
    ----------
    periods, lanes : int
    decide : callable
        ``decide(t, deployed_at)`` with t = 1..periods and deployed_at of shape (lanes,): the period after which
        what now serves was trained. Returns who retrains, shape (lanes,). A retrain takes effect from t + 1 on, so
        none is made in the last period, though the rule is still asked.
    starts : ndarray of int, shape (lanes,), optional
        Period after which each lane begins, 0..periods - 1, with what was trained then; 0 if left out. Until then a
        lane is asked about a spell's first period, which leaves no trace in a memory that starts with the spell.

    Returns
    -------
    ndarray of bool, shape (lanes, periods)

    Examples
    --------
    >>> walk(4, 1, lambda t, deployed_at: t - deployed_at >= 2)
    array([[False,  True, False, False]])
    """
    deployed_at = np.zeros(lanes, dtype=np.int64) if starts is None else starts
    schedule = np.zeros((lanes, periods), dtype=bool)
    for t in range(1, periods + 1):
        retrain = decide(t, np.minimum(deployed_at, t - 1))
        if t < periods:
            schedule[:, t - 1] = retrain & (deployed_at < t)
            deployed_at = np.where(schedule[:, t - 1], t, deployed_at)
    return schedule


def deployed_during(schedule: NDArray[np.bool_], starts: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Period of the last retrain in force during each period; `schedule` and result have shape (lanes, periods).

    Before its first retrain a lane is served by what was trained after the period in `starts`, 0 if left out.

    Examples
    --------
    >>> deployed_during(np.array([[False, True, False, False]]))
    array([[0, 0, 2, 2]])
    """
    lanes, periods = schedule.shape
    retrained_at = np.where(schedule, np.arange(1, periods + 1), 0)
    first = np.zeros(lanes, dtype=np.int64) if starts is None else starts
    in_force = np.maximum.accumulate(np.column_stack([first, retrained_at[:, :-1]]), axis=1)
    return np.asarray(in_force)


def along_schedule(
    table: Array, series: NDArray[np.int64], schedule: NDArray[np.bool_], starts: NDArray[np.int64] | None = None
) -> Array:
    """Entries of `table` that a schedule meets, shape (lanes, periods); `series` names the series of each lane.

    Before a lane's start, as in `walk`, they are those of a spell that had not begun: NaN in a table of that form.
    """
    periods = schedule.shape[1]
    return table[series[:, None], deployed_during(schedule, starts), np.arange(periods)]


def mean_over_starts(
    cells: Array, schedules: NDArray[np.bool_], starts: NDArray[np.int64], at_retrains: bool = False
) -> Array:
    """Entries of a table that schedules from several starts meet, averaged over those that have begun.

    Every period counts alike, however many of the starts lie before it.

    Parameters
    ----------
    cells : ndarray, shape (series, T, T)
    schedules : ndarray of bool, shape (policies, starts, series, T)
        From each start on, as `walk` makes them.
    starts : ndarray of int, shape (starts,)
        Period after which each begins; one must be 0.
    at_retrains : bool
        Count only entries of periods with a retrain, the others as 0.

    Returns
    -------
    ndarray, shape (policies, series, T)

    Examples
    --------
    >>> cells = np.array([[[1.0, 2.0, 4.0], [np.nan, 1.0, 2.0], [np.nan, np.nan, 1.0]]])
    >>> never = np.zeros((1, 2, 1, 3), dtype=bool)
    >>> mean_over_starts(cells, never, np.array([0, 1])).tolist()
    [[[1.0, 1.5, 3.0]]]
    """
    policies, _, series, periods = schedules.shape
    total = np.zeros((policies, series, periods))
    _add_from_starts(np.asarray(cells, dtype=np.float64), schedules, starts, at_retrains, total)
    return total / (starts[:, None] < np.arange(1, periods + 1)).sum(axis=0)


@njit(cache=CACHE, nogil=True)
def _add_from_starts(
    cells: Array, schedules: NDArray[np.bool_], starts: NDArray[np.int64], at_retrains: bool, total: Array
) -> None:
    policies, count, series, periods = schedules.shape
    for p in range(policies):
        for k in range(count):
            for i in range(series):
                s = starts[k]
                for t in range(starts[k], periods):
                    retrains = schedules[p, k, i, t]
                    if retrains or not at_retrains:
                        total[p, i, t] += cells[i, s, t]
                    if retrains:
                        s = t + 1


def oracle(regret: Array, cost: Array) -> NDArray[np.bool_]:
    """Cheapest schedule in hindsight, by dynamic programming.

    With V(s) the least bill after a retrain in s, V(s) = min over u of the regret of periods s+1..u served by s,
    plus cost + V(u) if u < T; the cost may depend on (s, u).

    Parameters
    ----------
    regret : ndarray, shape (series, T, T)
    cost : ndarray, shape (series,) or (series, T, T)
        Of one retrain; entry [i, s, u - 1] is that of retraining after u what was deployed after s.

    Returns
    -------
    ndarray of bool, shape (series, T)
        Of several cheapest schedules, the one that waits longest at each step.

    Examples
    --------
    >>> regret = np.array([[[0.0, 5.0, 5.0], [np.nan, 0.0, 0.0], [np.nan, np.nan, 0.0]]])
    >>> oracle(regret, np.array([1.0]))
    array([[ True, False, False]])
    """
    schedule = np.zeros((regret.shape[0], regret.shape[1]), dtype=np.bool_)
    if np.ndim(cost) == 3:  # running sums of these steps are the regret of a spell plus what ends it
        periods = regret.shape[1]
        ends = np.triu(np.ones((periods, periods), dtype=bool)) & (np.arange(periods) < periods - 1)
        regret, cost = regret + np.diff(np.where(ends, cost, 0.0), axis=-1, prepend=0.0), np.zeros(len(regret))
    _fill_oracle(np.asarray(regret, dtype=np.float64), np.asarray(cost, dtype=np.float64), schedule)
    return schedule


@njit(cache=CACHE, nogil=True)
def _fill_oracle(regret: Array, cost: Array, schedule: NDArray[np.bool_]) -> None:
    series, periods, _ = regret.shape
    onward = np.zeros(periods + 1)  # cost + V(u) for u < T, 0 for u = T
    choice = np.zeros(periods, dtype=np.int64)
    for i in range(series):
        for s in range(periods - 1, -1, -1):
            served, least = 0.0, np.inf
            for u in range(s + 1, periods + 1):
                served += regret[i, s, u - 1]
                if served + onward[u] <= least:  # of equals, the longest spell
                    least, choice[s] = served + onward[u], u
            onward[s] = cost[i] + least
        u = choice[0]
        while u < periods:
            schedule[i, u - 1] = True
            u = choice[u]
