"""Scores made of distances between draws: CRPS and energy score, as losses.

    loss(p, y) = E d(X, y) - E d(X, X') / 2,      X, X' of p

with d the distance of two outcomes: absolute difference, Euclidean norm (Gneiting & Raftery, JASA 102, 2007, sections
4.2 and 4.3).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from learning_debt.arrays.losses.divergence import Beyond
from learning_debt.typing import Array


class WeightedDraws(NamedTuple):
    """Predictive draws of a batch.

    Attributes
    ----------
    values : ndarray, shape (chain, draw, rows) or (chain, draw, rows, values)
    weight : ndarray, shape (chain, draw)
        Mean one.
    """

    values: Array
    weight: Array


class Scored(NamedTuple):
    """Losses of a forecast at realised outcomes.

    Attributes
    ----------
    loss : ndarray, shape (rows,)
    influence : ndarray, shape (chain, draw)
        What each draw does to the mean loss over the rows; mean zero.
    remainder : float
        Variance of the mean loss that influences do not explain: of decisions that jump.
    jump : float
        The largest step from one likely decision to the next.
    usual : float
        Variance that does not hang on which decision was hit, to hold the jump against.
    beyond : Beyond or None
        Where too few draws lie beyond the level of a quantile, how many.
    blocks : ndarray, shape (blocks,), optional
        What each block of draws does to the mean loss, where that is all that is known: `influence` is then that of
        another score, and tells only what the draws are worth.
    """

    loss: Array
    influence: Array
    remainder: float = 0.0
    jump: float = 0.0
    usual: float = 0.0
    beyond: Beyond | None = None
    blocks: Array | None = None


def crps(draws: WeightedDraws, outcome: Array) -> Scored:
    """Continuous ranked probability score of draws (chain, draw, rows) at outcomes (rows,), as a loss.

    Examples
    --------
    >>> draws = WeightedDraws(np.array([[[0.0], [2.0], [2.0]]]), np.ones((1, 3)))
    >>> crps(draws, np.array([1.0])).loss.round(4)  # E|X - y| = 1, E|X - X'| = 4/3 over pairs of two draws
    array([0.3333])
    """
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, -1)
    between = _mean_distance_1d(x, weight)
    return _scored(np.abs(x - outcome), between, draws.weight)


def energy(draws: WeightedDraws, outcome: Array) -> Scored:
    """Energy score of vector draws (chain, draw, rows, values) at outcomes (rows, values), as a loss."""
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, *draws.values.shape[2:])
    between = np.stack([distances_times(row, weight / weight.size) for row in np.moveaxis(x, 1, 0)], axis=1)
    return _scored(np.linalg.norm(x - outcome, axis=-1), between, draws.weight)


def distances_times(points: Array, masses: Array) -> Array:
    """Matrix of the distances between points (points, values), times masses (points, ...); a part of it at a time."""
    parts = range(0, len(points), 500)
    return np.concatenate([cdist(points[first : first + 500], points) @ masses for first in parts])


def _scored(to_outcome: Array, between: Array, chain_weight: Array) -> Scored:
    """Loss and influence from distances to the outcome and mean distances to the other draws, both (samples, rows)."""
    weight = chain_weight.ravel()
    share = weight / weight.size
    first, second = share @ to_outcome, share @ between
    fair = 1 / (1 - (share**2).sum())  # pairs of a draw with itself are no pairs
    influence = weight * ((to_outcome - first) - (between - second)).mean(axis=1)
    return Scored(first - second * fair / 2, influence.reshape(chain_weight.shape))


def _mean_distance_1d(x: Array, weight: Array) -> Array:
    """Weighted mean absolute difference of every draw to all draws, shape (samples, rows)."""
    order = np.argsort(x, axis=0)
    z, w = np.take_along_axis(x, order, axis=0), weight[order] / weight.size
    below, mass_below = np.cumsum(w * z, axis=0), np.cumsum(w, axis=0)
    distance = z * (2 * mass_below - 1) + below[-1] - 2 * below
    mean = np.empty_like(distance)
    np.put_along_axis(mean, order, distance, axis=0)
    return mean
