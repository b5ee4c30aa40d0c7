"""How many independent draws a set of chains is worth, the variance of its mean, and what weights make of both."""

from __future__ import annotations

import numpy as np

from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.typing import Array

ENOUGH = 100.0
"""Effective draws below which no standard error is trusted.

An effective size is off by about sqrt(10 / size) of itself (measured: AR(.9) to AR(.99), 1 to 4 chains of 400 to 4,000
draws): by half at 40 draws, by a third at 100. Normals .05 to 1.2 nats apart, AR chains: of samples worth 40 draws that
seemed to be worth 60, 90% intervals covered .67 to .80; 100 they seem to be worth once in 1,000.
"""


def effective_size(draws: Array) -> float:
    """Effective sample size of the mean of `draws`, shape (chain, draw); at most the number of draws."""
    if np.ptp(draws) == 0:
        return float(draws.size)
    size = float(array_stats().ess(draws, chain_axis=0, draw_axis=1, method="mean"))
    return min(size, float(draws.size)) if np.isfinite(size) else float("nan")


def variance_of_mean(draws: Array) -> float:
    """Variance of the mean of autocorrelated `draws`, shape (chain, draw); NaN for a single draw."""
    if draws.size < 2:
        return float("nan")
    return float(np.var(draws, ddof=1)) / effective_size(draws)


def effective_share(*columns: Array) -> float:
    """Share of effective draws, the least of several functions of the draws, each of shape (chain, draw).

    An effective size is itself an estimate, and the error of a standard error that matters is the one that makes it
    too small. Over AR(.9) and AR(.95) chains worth 50 to 400 draws, a standard error that trusts its own function's
    size covered .84 to .90 where .90 was meant and missed by over 5 standard errors 14 times in 10,000; the
    least of four sizes covered .87 to .92 and missed 3 times. Independent draws lose under 1%.
    """
    return min(effective_size(column) / column.size for column in columns)


def chosen_inflation(size: float, share: float = 0.0, nearest: float = 0.0) -> float:
    """Factor on the standard error of what was chosen because it seemed worth enough draws.

    Of samples whose true worth lies near `ENOUGH`, those pass whose size came out too large, and their standard errors
    too small by about half of what the size is off by, the more the nearer they passed.

    Parameters
    ----------
    size : float
        Effective draws.
    share : float
        Effective draws over draws; where it is 1 nothing is left to be mistaken in.
    nearest : float
        What another verdict that rests on this size asked for over what it found.

    Examples
    --------
    >>> round(chosen_inflation(100), 2), round(chosen_inflation(100, share=1.0), 2), round(chosen_inflation(1000), 3)
    (1.39, 1.0, 1.001)
    """
    near = min(max(ENOUGH / max(size, 1.0), nearest), 1.0)
    return float(1 + (1 - min(share, 1.0)) * np.sqrt(15 / max(size, 1.0)) * near**2)


def weighted_mean(values: Array, weight: Array | None = None) -> float:
    """Mean of `values` under relative weights, both of shape (chain, draw); what weighs nothing may be infinite."""
    if weight is None:
        return float(values.mean())
    return float((weight * np.where(weight > 0, values, 0.0)).sum() / weight.sum())


def influence_on_mean(values: Array, weight: Array | None = None) -> Array:
    """What each draw adds to the error of `weighted_mean`, which is the mean of these; shape (chain, draw).

    The influence function w (v - E_w v) of a self-normalised mean; w has mean one.
    """
    centred = values - weighted_mean(values, weight)
    if weight is None:
        return np.asarray(centred)
    return np.asarray(weight / weight.mean() * np.where(weight > 0, centred, 0.0))


def weighted_size(weight: Array) -> float:
    """How many draws of equal weight independent weighted ones are worth (Kish 1965); shape (chain, draw).

    Examples
    --------
    >>> round(weighted_size(np.array([[1.0, 1.0, 0.0, 0.0]])), 2)
    2.0
    """
    return float(weight.sum() ** 2 / (weight**2).sum())


def size_at_squares(weight: Array) -> float:
    """How many effective draws lie where the squares of the weights do, so that errors under weights can be known.

    Samples that miss the largest weights look the better for it by any count of weights (Kish's number, its error, the
    shape of the tail): a verdict on those picks the samples that miss most. Information does not hang on the largest
    ones: of n draws of q, n exp(-KL(r‖q)) lie where r does (Chatterjee & Diaconis 2018), here for r ~ w² q, whose
    divergence is that of p ~ w q plus 3/2 of the variance of log w under p, to second order in log w; exact for normals
    of one spread. Normals .2 to 1.5 nats away, 1,000 and 4,000 draws, AR(0) to AR(.9): where it is 100 or more, 90%
    intervals of debt covered .81 to .98; of those worth 200 by Kish's number, .43 to .97.

    Parameters
    ----------
    weight : ndarray, shape (chain, draw)
        Relative weights.

    Examples
    --------
    >>> theta = np.random.default_rng(1).normal(size=(4, 1000))
    >>> round(size_at_squares(np.ones((4, 1000)))), bool(1400 < size_at_squares(np.exp(0.7 * theta)) < 1600)
    (4000, True)
    """
    relative = weight / weight.mean()
    log_weight = np.log(np.where(relative > 0, relative, relative[relative > 0].min()))
    information = float((relative * log_weight).mean())
    spread = float((relative * (log_weight - information) ** 2).mean())
    return effective_size(weight) * float(np.exp(-information - 1.5 * spread))


def draw_counts(values: Array, weight: Array | None = None) -> Array:
    """What each draw counts for: 1, or its relative weight scaled so that all add up to `weighted_size`."""
    if weight is None:
        return np.ones_like(values)
    return np.asarray(weight * (weighted_size(weight) / weight.sum()))
