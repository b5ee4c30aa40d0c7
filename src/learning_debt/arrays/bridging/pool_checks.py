"""Whether the fits of a pool agree: the moments of each against those that the draws of the others give it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learning_debt.arrays.bridging.multistate import Pool
from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.typing import Array

BOUNDED = 10.0
"""Largest weight over the mean one, up to which weights have no tail to speak of."""
CHECKABLE, HEAVY_TAIL, HEAVIEST_TAIL = 100.0, 0.5, 0.7
"""Effective draws of the others, below which nothing can be said, and tail index of their weights: above the first they
have no variance, above the second nothing can be said."""
OWN_ALONE, UNREACHED = 0.99, 0.01
"""Probability that a draw came from its own fit, above which the others have nothing there, and the share of such draws
above which the others do not reach a fit: weights over their draws look even then, and miss a part of it.

Exact draws of gamma and Pareto posteriors departed by 5 to 20 standard errors where that share was .3 to .75, at tail
indices of .4 to .7; by at most 2.2 where it was 0.
"""


def _odds(pool: Pool, anchor: int) -> Array:
    """Density of one anchor over the mixture of the others, at their draws; 0 at its own; shape (draws,)."""
    share = pool.shares[anchor]
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.where(pool.anchor_of == anchor, 0.0, share / (1 - share))
    return np.nan_to_num(odds, posinf=0.0)


def tail_index(weight: Array, worth: float) -> float:
    """Pareto k-hat of weights that need no common factor, from draws each `worth` part of an independent one.

    Weights whose largest ones are equal have no tail to be fitted: 0 where they are not far above the mean, which is
    all that a few modes or a bound give, and infinite where they are.
    """
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight)
    try:
        with np.errstate(all="ignore"):
            tail = float(array_stats().psislw(log_weight.max() - log_weight, r_eff=worth)[1])
    except ValueError:  # fewer than five draws in the tail, or all of the tail equal
        tail = float("nan")
    if np.isfinite(tail):
        return tail
    return 0.0 if weight.max() <= BOUNDED * weight.mean() else float("inf")


def tails_of_others(pool: Pool) -> Array:
    """Tail index of the weights that make of the other anchors' draws those of each one, shape (anchors,).

    Infinite where they are worth too few draws to say what its moments are, and where they do not reach all of its own.
    """
    found = np.full(len(pool.anchors), np.inf)
    for a in range(len(found)):
        odds = _odds(pool, a)
        if (pool.shares[a, pool.anchor_of == a] > OWN_ALONE).mean() > UNREACHED:
            continue
        if odds.sum() ** 2 >= CHECKABLE * float(odds**2 @ pool.slowness) > 0:
            found[a] = tail_index(odds[pool.anchor_of != a], float(np.median(pool.worth)))
    return found


def departures_of(pool: Pool, points: Sequence[Array | None], tails: Array) -> Array:
    """Largest difference of each anchor's own mean parameters from those of the other anchors' draws weighted for it.

    In standard errors, shape (anchors,); NaN where the others do not reach it, which their `tails_of_others` say, or
    parameters are not known.
    """
    found = np.full(len(points), np.nan)
    if any(part is None for part in points):
        return found
    theta, own_of = np.concatenate([part for part in points if part is not None], axis=1), pool.anchor_of
    for a in np.flatnonzero(tails <= HEAVIEST_TAIL):
        own, odds = own_of == a, _odds(pool, int(a))
        weight = odds / odds.sum()
        centre = theta[:, own].mean(axis=1, keepdims=True)
        other = theta @ weight
        of_own = pool.blocks.variance(pool.blocks.sums(np.where(own, theta - centre, 0.0) / own.sum()))
        of_other = pool.blocks.variance(pool.blocks.sums(weight * (theta - other[:, None])))
        error = np.sqrt(of_own + of_other)
        found[a] = np.max(np.abs(centre[:, 0] - other) / np.where(error > 0, error, np.inf))
    return found
