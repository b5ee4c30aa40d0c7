"""Systematic resampling of weighted draws, and block bootstrap of periods or series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array

ROUNDING = 1e-12
"""Share of the largest of several sums by which equal ones may differ."""


def systematic_draws(weight: Array, number: int, offset: float = 0.5) -> NDArray[np.intp]:
    """Positions of `number` draws, each taken as often as it weighs, rounded up or down (Kitagawa 1996).

    Parameters
    ----------
    weight : ndarray, shape (draws,) or (chain, draw)
        Relative weights, at least 0 and not all 0.
    number : int
        Draws to take, evenly spaced in the sum of the weights.
    offset : float
        Where in its share of the sum each lies, from 0 to 1; drawn uniformly it leaves every mean unbiased.

    Examples
    --------
    >>> systematic_draws(np.array([0.0, 0.5, 0.25, 0.25]), 4)
    array([1, 1, 2, 3])
    """
    total = np.cumsum(weight)
    places = (np.arange(number) + offset) / number
    return np.searchsorted(total / total[-1], places).clip(max=weight.size - 1)


def resample_counts(series: int, periods: int, resamples: int, rng: np.random.Generator) -> Array:
    """How often each resample holds each unit: shape (series, resamples), or (periods, resamples) of a single series.

    Several series are resampled whole. One series is resampled in circular blocks (Politis & Romano 1992), which keep
    dependence between neighbouring periods. Bills depend on each other for as long as a spell lasts, so blocks have
    about T^(1/2) periods, more than the usual T^(1/3).

    Examples
    --------
    >>> resample_counts(1, 12, 3, np.random.default_rng(1)).sum(axis=0).tolist()
    [12.0, 12.0, 12.0]
    """
    units = series if series > 1 else periods
    if series > 1:
        drawn = rng.integers(series, size=(resamples, series))
    else:
        length = max(1, round(periods**0.5))
        starts = rng.integers(periods, size=(resamples, -(-periods // length)))
        drawn = ((starts[..., None] + np.arange(length)) % periods).reshape(resamples, -1)[:, :periods]
    cells = (drawn + units * np.arange(resamples)[:, None]).ravel()
    return np.bincount(cells, minlength=units * resamples).reshape(resamples, units).T.astype(float)


def block_standard_error(values: Array, length: int) -> float:
    """Standard error of the mean of a sequence, by its circular blocks: what resampling them (1992) comes to.

    The variance of block means times length / n, over 1 - length / n, so that it is right for independent values
    whatever the length. NaN unless there are two blocks.

    Parameters
    ----------
    values : ndarray, shape (n,)
    length : int
        At least as long as values depend on each other.

    Examples
    --------
    >>> round(block_standard_error(np.array([1.0, 2.0, 3.0, 4.0]), 1), 4), round(np.std([1, 2, 3, 4], ddof=1) / 2, 4)
    (0.6455, np.float64(0.6455))
    """
    number = len(values)
    if 2 * length > number:
        return float("nan")
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[:length]]) - values.mean())])
    blocks = (running[length : length + number] - running[:number]) / length
    return float(np.sqrt((blocks**2).mean() * length / (number - length)))


def resampled_totals(bills: Array, counts: Array) -> Array:
    """Totals over periods, means over series, of paired bills: every policy sees the same resampled units.

    Parameters
    ----------
    bills : ndarray, shape (policy, series, period)
    counts : ndarray, shape (series, resamples) or, of a single series, (period, resamples)

    Returns
    -------
    ndarray, shape (policy, resamples)

    Examples
    --------
    >>> resampled_totals(np.ones((2, 1, 12)), resample_counts(1, 12, 3, np.random.default_rng(1))).tolist()
    [[12.0, 12.0, 12.0], [12.0, 12.0, 12.0]]
    """
    series = bills.shape[1]
    return np.asarray(bills.sum(axis=-1) @ counts / series if series > 1 else bills[:, 0] @ counts)


def choose_again(tuning: Array, evaluation: Array) -> tuple[Array, NDArray[np.int64]]:
    """Evaluation totals of the candidate that is cheapest in each resample of tuning; and which one that is.

    Parameters
    ----------
    tuning, evaluation : ndarray, shape (candidate, resamples)
        Resampled totals. Of candidates that cost the same in tuning, the first is chosen.

    Returns
    -------
    totals, chosen : ndarray, shape (resamples,)

    Examples
    --------
    >>> totals, chosen = choose_again(np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([[7.0, 7.0], [8.0, 8.0]]))
    >>> totals.tolist(), chosen.tolist()
    ([7.0, 8.0], [0, 1])
    """
    chosen = first_least(tuning)
    return evaluation[chosen, np.arange(tuning.shape[1])], chosen


def first_least(totals: Array) -> NDArray[np.intp]:
    """Position of the least along the first axis; of equals the first.

    Sums that differ by rounding are equal: they may have been added up in another order, or in another unit.

    Examples
    --------
    >>> int(first_least(np.array([0.5, 0.1 + 0.2, 0.3])))
    1
    """
    return np.argmax(totals <= totals.min(axis=0) + ROUNDING * np.abs(totals).max(axis=0), axis=0)
