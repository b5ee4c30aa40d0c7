"""Bills of all calendars of a spell table, and the costs of a retrain at which one of them is the least.

A bill is regret + cost × retrains, a line in the cost; the least of several is their lower envelope, and what is on
it is on the lower convex hull of the points (retrains, regret): a vertex is the least between the slopes of its two
edges.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from learning_debt.arrays.compilation import CACHE
from learning_debt.typing import Array

ROUNDING = 1e-12
"""Share of the largest retrains, or regret, by which equal ones may differ."""


def regret_of_calendars(regret: Array, longest: int) -> Array:
    """Regret of calendars of 1..longest periods in every period, each the mean over its phases.

    In period t a calendar of n periods is served by what was trained 1, 2, ..., n periods before, by each in one of
    its n phases; in place of what was trained before the beginning, by what was deployed then: C(n, t) = (1/n) Σ over
    a = 1..n of R(max(t - a, 0), t).

    Parameters
    ----------
    regret : ndarray, shape (series, T, T)
        Entry [i, s, t - 1] is period t seen by what was deployed after period s.
    longest : int

    Returns
    -------
    ndarray, shape (longest, series, T)

    Examples
    --------
    >>> regret = np.array([[[0.0, 3.0, 4.0], [np.nan, 0.0, 1.0], [np.nan, np.nan, 0.0]]])
    >>> regret_of_calendars(regret, 2)[:, 0].tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.5, 0.5]]
    """
    interval, period = np.arange(1, longest + 1)[:, None], np.arange(1, regret.shape[-1] + 1)
    served_by = np.maximum(period - interval, 0)  # after which period it was trained, at each age
    by_age = np.moveaxis(regret[:, served_by, period - 1], 1, 0)
    return np.asarray(np.cumsum(by_age, axis=0) / interval[..., None])


@njit(cache=CACHE, nogil=True)
def costs_where_least(retrains: Array, regret: Array, own: int) -> tuple[float, float, float]:
    """Costs c ≥ 0 at which one of several bills, regret + c × retrains, is nearest to the least of all.

    The excess over the lower envelope is convex in c, so these costs are an interval. It falls as long as the
    cheapest bill has more retrains than the one in question and rises where it has fewer.

    Parameters
    ----------
    retrains, regret : ndarray, shape (bills,)
    own : int
        Which bill is in question.

    Returns
    -------
    low, high : float
        Ends of the interval; `high` is infinite for the bill with the fewest retrains.
    excess : float
        By how much the bill exceeds the least one there; 0 where it is the least.

    Examples
    --------
    >>> retrains, regret = np.array([4.0, 2.0, 1.0, 0.0]), np.array([0.0, 1.0, 3.0, 5.0])
    >>> costs_where_least(retrains, regret, 1)
    (0.5, 2.0, 0.0)
    >>> costs_where_least(retrains, regret, 0)
    (0.0, 0.5, 0.0)
    """
    number, spacing = len(retrains), ROUNDING * np.abs(retrains).max()
    x, y, corners = np.empty(number), np.empty(number), 0
    for k in np.argsort(retrains, kind="mergesort"):
        if corners and retrains[k] - x[corners - 1] <= spacing:
            if regret[k] >= y[corners - 1]:
                continue
            corners -= 1
        while corners >= 2 and (x[corners - 1] - x[corners - 2]) * (regret[k] - y[corners - 2]) <= (
            y[corners - 1] - y[corners - 2]
        ) * (retrains[k] - x[corners - 2]):
            corners -= 1
        x[corners], y[corners] = retrains[k], regret[k]
        corners += 1
    place = corners - 1  # the last corner that has no more retrains
    while place > 0 and x[place] > retrains[own] + spacing:
        place -= 1
    high = (y[place - 1] - y[place]) / (x[place] - x[place - 1]) if place > 0 else np.inf
    low = (y[place] - y[place + 1]) / (x[place + 1] - x[place]) if place + 1 < corners else -np.inf
    beyond = retrains[own] - x[place]
    if beyond > spacing:  # between two corners, which cost the same at one cost
        high = low
    excess = regret[own] - y[place] + (beyond * low if beyond > spacing else 0.0)
    if high < 0:
        low, high, excess = 0.0, 0.0, regret[own] - y[:corners].min()
    return max(low, 0.0), high, excess if excess > ROUNDING * np.abs(regret).max() else 0.0


@njit(cache=CACHE, nogil=True)
def costs_of_columns(retrains: Array, regret: Array, own: int) -> Array:
    """`costs_where_least` of every column of bills of shape (bills, columns): shape (3, columns).

    Examples
    --------
    >>> costs_of_columns(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [2.0, 3.0]]), 1).tolist()
    [[2.0, 3.0], [inf, inf], [0.0, 0.0]]
    """
    found = np.empty((3, retrains.shape[1]))
    for column in range(retrains.shape[1]):
        found[:, column] = costs_where_least(retrains[:, column], regret[:, column], own)
    return found
