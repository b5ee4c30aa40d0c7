"""What a retrain would have avoided, in every period of every spell, and what was known of it then.

Cells are indexed (series, deployed_at, period) as in a spell table: column j holds period j + 1, and what is trained at
its end is row j + 1. Where s >= t cells are NaN; so are rows of posteriors that nobody kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array

FEW_SPELLS = 4.0
"""Spells of an age whose mean gap is drawn half-way to zero."""
FEATURES = ("belief", "gaps so far", "ageing")
"""What a forecast is made of, in this order."""


def mean_avoided(gaps: Array, horizon: int) -> Array:
    """Mean gap per period that a retrain avoids over a horizon: sum over k of (R(s, t + k) - R(t, t + k)) / h.

    The shadow's score is in both and drops out: this is the score of what a retrain at t deploys, kept for the whole
    horizon and ageing in it, less that of what was deployed at s. Where the posterior of t was not kept, the mean gap
    of its age stands for its own.

    Parameters
    ----------
    gaps : ndarray, shape (series, T, T)
    horizon : int
        h.

    Returns
    -------
    ndarray, shape (series, T, T)
        By deployed_at and the period at whose end the retrain is made; NaN where a gap is not known.

    Examples
    --------
    >>> gaps = np.array([[[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]])
    >>> mean_avoided(gaps, 2)[0, 0].round(2).tolist()
    [0.3, nan, nan]
    """
    periods = gaps.shape[-1]
    found = np.full(gaps.shape, np.nan)
    count = periods - horizon
    if count < 1:
        return found
    known = np.isfinite(gaps)
    kept = gaps if known[:, _served(periods)].all() else np.where(known, gaps, mean_gap_by_age(gaps)[1])
    of_retrain = _window_sums(kept, horizon)[:, np.arange(1, count + 1), np.arange(count)]
    found[..., :count] = (_window_sums(gaps, horizon) - of_retrain[:, None, :]) / horizon
    return np.where(_served(periods), found, np.nan)


def mean_gap_by_age(gaps: Array, lag: int = 0, beyond: int = 0) -> tuple[Array, Array]:
    """Mean gap of every age among the spells known by a period, drawn to zero where these are few.

    Parameters
    ----------
    gaps : ndarray, shape (series, T, T)
    lag : int
        Periods after which a period's outcomes are known.
    beyond : int
        Further ages.

    Returns
    -------
    by_age : ndarray, shape (series, T, T + beyond)
        By period and age less one; ages that none has reached have the mean of the older half of the others.
    own : ndarray, shape (series, T, T)
        The same by deployed_at and period, each cell at its own age; 0 where s >= t.
    """
    series, periods = gaps.shape[0], gaps.shape[-1]
    row, column = np.arange(periods)[:, None], np.arange(periods)[None, :]
    place = row + column  # of a cell with this row and this age less one
    sheared = np.where(place < periods, gaps[:, row, np.minimum(place, periods - 1)], np.nan)
    sums, counts = (np.cumsum(part, axis=1) for part in (np.nan_to_num(sheared), np.isfinite(sheared).astype(float)))
    means = sums / (counts + FEW_SPELLS)
    age = np.arange(periods + beyond)[None, :]
    known = row - lag - age  # row of the last spell of this age less one that is known by the period `row`
    by_age = np.where(known >= 0, means[:, np.maximum(known, 0), np.minimum(age, periods - 1)], 0.0)
    older = (known >= 0) & (age >= (row - lag) // 2)
    share = older / np.maximum(older.sum(axis=1, keepdims=True), 1)
    by_age = np.where(known >= 0, by_age, (by_age * share).sum(axis=2, keepdims=True))
    own = np.where(column >= row, by_age[:, column, np.maximum(column - row, 0)], 0.0)
    return by_age, np.broadcast_to(own, (series, periods, periods))


def features(gaps: Array, belief: Array, horizon: int, lag: int = 0, by_age: Array | None = None) -> Array:
    """What was known of `mean_avoided` when the retrain could have been made.

    Parameters
    ----------
    gaps : ndarray, shape (series, T, T)
    belief : ndarray, shape (series, T, T)
        Predictive debt at the end of the period: the mean gap that the shadow expects of the next ones.
    horizon : int
    lag : int
        Periods after which a period's outcomes are known.
    by_age : ndarray, shape (series, T, at least T + horizon), optional
        `mean_gap_by_age` of these gaps, where it is at hand.

    Returns
    -------
    ndarray, shape (series, T, T, 3)
        As in `FEATURES`: the belief; the mean gap of the spell so far; by how much the mean gap of its ages to come
        exceeds that of a fresh posterior's. NaN where s >= t or where there is no belief.
    """
    periods = gaps.shape[-1]
    by_age = mean_gap_by_age(gaps, lag, horizon)[0] if by_age is None else by_age
    sums = np.concatenate([np.zeros_like(by_age[..., :1]), np.cumsum(by_age, axis=2)], axis=2)
    row, column = np.arange(periods)[:, None], np.arange(periods)[None, :]
    age = np.maximum(column - row + 1, 0)
    ageing = (sums[:, column, age + horizon] - sums[:, column, age] - sums[:, column, np.array(horizon)]) / horizon
    found = np.stack([belief, mean_so_far(gaps, lag), ageing], axis=-1)
    return np.where(_served(periods)[..., None], found, np.nan)


def typical_gap(gaps: Array, lag: int = 0) -> Array:
    """Root mean square of the gaps of the age that comes next, known by a period: a spread where no shadow says one.

    The next age, since what was just deployed has no gap yet.

    Parameters
    ----------
    gaps : ndarray, shape (series, T, T)
    lag : int

    Returns
    -------
    ndarray, shape (series, T, T)
    """
    periods = gaps.shape[-1]
    by_age, _ = mean_gap_by_age(gaps**2, lag, 1)
    row, column = np.arange(periods)[:, None], np.arange(periods)[None, :]
    return np.sqrt(np.where(column >= row, by_age[:, column, np.maximum(column - row + 1, 0)], 0.0))


def mean_so_far(gaps: Array, lag: int) -> Array:
    """Mean of a row's gaps known by a period; 0 where none is."""
    sums, counts = (np.cumsum(part, axis=2) for part in (np.nan_to_num(gaps), np.isfinite(gaps).astype(float)))
    mean = sums / np.maximum(counts, 1)
    return mean if lag == 0 else np.concatenate([np.zeros_like(mean[..., :lag]), mean[..., :-lag]], axis=2)


def _window_sums(cells: Array, horizon: int) -> Array:
    """Sums of the next h columns, shape (series, T, T - h); NaN where one of them is not known."""
    sums, missing = (np.cumsum(part, axis=2) for part in (np.nan_to_num(cells), np.isnan(cells).astype(float)))
    total, lost = (part[..., horizon:] - part[..., :-horizon] for part in (sums, missing))
    return np.where(lost == 0, total, np.nan)


def _served(periods: int) -> NDArray[np.bool_]:
    """Cells of posteriors that had been deployed, shape (T, T)."""
    return np.triu(np.ones((periods, periods), dtype=bool))
