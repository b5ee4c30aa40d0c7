"""What is still to be paid under a rule, for every spell at every period: policy evaluation by backward induction."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.typing import Array


def waiting_excess(regret: Array, retrain: NDArray[np.bool_], cost: Array) -> Array:
    """Rest of the bill if a retrain waits minus that if it is made now, a rule deciding ever after.

    With J(s, t) the bill of periods t..T when what was deployed after s serves in t,

        J(s, t) = R(s, t) + lambda + J(t, t + 1)  where the rule retrains after t,
                  R(s, t) + J(s, t + 1)           where it does not, and J(s, T) = R(s, T);

    the excess is J(s, t + 1) - lambda - J(t, t + 1).

    Parameters
    ----------
    regret : ndarray, shape (series, T, T)
        [i, s, t - 1] is period t served by what was deployed after s, s < t.
    retrain : ndarray of bool, shape (series, T, T)
        What the rule does at the end of period t. A rule whose memory starts with the spell depends on nothing else.
    cost : ndarray, shape (series, T, T), or any that broadcasts to it
        Of a retrain.

    Returns
    -------
    ndarray, shape (series, T, T)
        NaN where s >= t, and in the last period, after which no retrain is made.

    Examples
    --------
    >>> regret = np.array([[[0.0, 5.0, 5.0], [np.nan, 0.0, 2.0], [np.nan, np.nan, 0.0]]])
    >>> never = np.zeros((1, 3, 3), dtype=bool)
    >>> waiting_excess(regret, never, np.array(1.0))[0, 0]  # 10 - 1 - 2, then 5 - 1 - 0
    array([ 7.,  4., nan])
    """
    excess = np.full(regret.shape, np.nan)
    costs = np.broadcast_to(np.asarray(cost, dtype=np.float64), regret.shape)
    _fill(np.asarray(regret, dtype=np.float64), retrain, costs, excess)
    return excess


@njit(cache=CACHE, nogil=True)
def _fill(regret: Array, retrain: NDArray[np.bool_], cost: Array, excess: Array) -> None:
    series, periods, _ = regret.shape
    onward = np.empty(periods)  # J(s, t + 1) by s
    for i in range(series):
        onward[:] = regret[i, :, periods - 1]
        for t in range(periods - 1, 0, -1):
            renewed = onward[t]
            for s in range(t):
                now = cost[i, s, t - 1] + renewed
                excess[i, s, t - 1] = onward[s] - now
                onward[s] = regret[i, s, t - 1] + (now if retrain[i, s, t - 1] else onward[s])
