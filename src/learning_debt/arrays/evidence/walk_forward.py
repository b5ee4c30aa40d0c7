"""A regression that is learned anew in every period from what is known by then, and how far off its forecasts were.

Forecasts of overlapping stretches and of spells that end in the same period are wrong together. So a period counts
once, however many spells look at it, and h periods of forecasts over h periods count as one stretch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from learning_debt.typing import Array

FEWEST_PERIODS = 8
"""Periods below which nothing is learned: the prior stands."""
LADDER_RATIO = 4
"""How much longer a horizon may be than the one that it starts from."""


class Prior(NamedTuple):
    """What is believed before a stretch has been seen.

    Attributes
    ----------
    coefficients : ndarray, shape (features,) or (series, T, features)
        Means.
    sd : ndarray, shape (features,)
        How far coefficients may lie from these.
    scale : float or ndarray, shape (series, T)
        Variance of the errors, in units of the given spread.
    stretches : float
        How many stretches that variance is worth.
    """

    coefficients: Array
    sd: Array
    scale: float | Array
    stretches: float


class Learned(NamedTuple):
    """What is known at the end of every period.

    Attributes
    ----------
    coefficients : ndarray, shape (series, T, features)
    covariance : ndarray, shape (series, T, features, features)
    scale : ndarray, shape (series, T)
        Variance of forecast errors, in units of the given spread: 1 where that is right.
    stretches : ndarray, shape (series, T)
        That do not overlap, behind both; those of the prior included.
    """

    coefficients: Array
    covariance: Array
    scale: Array
    stretches: Array


def learn(features: Array, target: Array, spread: Array, horizon: int, lag: int, prior: Prior) -> Learned:
    """Learn a target from features in every period, from outcomes known by then.

    The target is normal around x'b with standard deviation `spread` times a common factor, b normal around the prior's.
    Errors that tell the factor are those of the forecasts that were made then.

    Parameters
    ----------
    features : ndarray, shape (series, T, T, features)
        By deployed_at and period.
    target, spread : ndarray, shape (series, T, T)
        What came of the `horizon` periods that follow, and its standard deviation as the shadow says it.
    horizon, lag : int
        A target is known that many periods, together, after its own.
    prior : Prior

    Returns
    -------
    Learned
    """
    series, periods, count = target.shape[0], target.shape[2], features.shape[-1]
    inner, cross, squares, seen = _moments(features, target, spread, horizon)
    known_inner, known_cross = (np.cumsum(part, axis=1) for part in (inner, cross))
    start = np.broadcast_to(prior.coefficients, (series, periods, count))
    first = np.broadcast_to(np.asarray(prior.scale, dtype=float), (series, periods))
    precision = np.diag(1 / np.asarray(prior.sd) ** 2)
    coefficients, covariance = np.empty((series, periods, count)), np.empty((series, periods, count, count))
    scale, stretches, missed = np.empty((series, periods)), np.empty((series, periods)), np.zeros((series, periods))
    seen_so_far = np.cumsum(seen, axis=1)
    for t in range(periods):
        origin = t - horizon - lag if t + 1 >= FEWEST_PERIODS else -1
        told = np.zeros((series, count, count)) if origin < 0 else known_inner[:, origin]
        said = np.zeros((series, count)) if origin < 0 else known_cross[:, origin]
        total, number = (0.0, 0.0) if origin < 0 else (missed[:, : origin + 1].sum(axis=1), seen_so_far[:, origin])
        scale[:, t] = (prior.stretches * first[:, t] + total) / (prior.stretches + number)
        stretches[:, t] = prior.stretches + number
        with_scale = scale[:, t, None, None]
        covariance[:, t] = np.linalg.inv(precision + told / with_scale)
        right = start[:, t] * precision.diagonal() + said / with_scale[..., 0]
        coefficients[:, t] = (covariance[:, t] @ right[..., None])[..., 0]
        missed[:, t] = _missed(
            coefficients[:, t], covariance[:, t], scale[:, t], inner[:, t], cross[:, t], squares[:, t], seen[:, t]
        )
    return Learned(coefficients, covariance, scale, stretches)


def learn_over_longer(
    at: Callable[[int], tuple[Array, Array, Array]], horizon: int, lag: int, prior: Prior
) -> tuple[Learned, Array, Array]:
    """`learn` over longer and longer horizons, each starting from what the shorter one has learned by then.

    A short history has seen many short stretches and hardly a long one. What holds over the short ones is believed of
    the long ones, until these say otherwise.

    Parameters
    ----------
    at : callable
        Features, targets and spreads of a horizon, as `learn` takes them.
    horizon : int
        The last of the `ladder`, which is asked about.
    lag : int
    prior : Prior

    Returns
    -------
    learned : Learned
        Over the horizon asked about.
    features, spread : ndarray
        Of that horizon.
    """
    for steps in ladder(horizon):
        features, target, spread = at(steps)
        learned = learn(features, target, spread, steps, lag, prior)
        prior = prior._replace(coefficients=learned.coefficients, scale=learned.scale)
    return learned, features, spread


def ladder(horizon: int, ratio: int = LADDER_RATIO) -> list[int]:
    """Horizons from 1 to the one asked about, each at most `ratio` times the one before.

    Examples
    --------
    >>> ladder(12), ladder(1)
    ([1, 3, 12], [1])
    """
    steps = [horizon]
    while steps[-1] > 1:
        steps.append(max(1, steps[-1] // ratio))
    return steps[::-1]


def _moments(features: Array, target: Array, spread: Array, horizon: int) -> tuple[Array, Array, Array, Array]:
    """Per period, means over spells of x x', x z and z^2 and whether there are any, over h: a share of a stretch."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled, outcome = features / spread[..., None], target / spread
    held = np.isfinite(outcome) & np.isfinite(scaled).all(axis=-1) & (spread > 0)
    x, z = np.where(held[..., None], scaled, 0.0), np.where(held, outcome, 0.0)
    count = held.sum(axis=1)
    share = 1 / (np.maximum(count, 1) * horizon)
    inner = np.empty((*share.shape, x.shape[-1], x.shape[-1]))
    for i, j in zip(*np.triu_indices(x.shape[-1]), strict=True):  # whose order no number of series changes
        inner[..., i, j] = inner[..., j, i] = (x[..., i] * x[..., j]).sum(axis=1)
    cross = np.stack([(one * z).sum(axis=1) for one in np.moveaxis(x, -1, 0)], axis=-1)
    return inner * share[..., None, None], cross * share[..., None], (z**2).sum(axis=1) * share, (count > 0) / horizon


def _missed(
    b: Array, covariance: Array, scale: Array, inner: Array, cross: Array, squares: Array, seen: Array
) -> Array:
    """Squared errors of one period's forecasts, less the part that comes from not knowing b, shape (series,)."""
    of_errors = squares - 2 * (b * cross).sum(axis=1) + (b * (inner @ b[..., None])[..., 0]).sum(axis=1)
    of_b = (covariance * inner).reshape(len(b), -1).sum(axis=1)
    return np.asarray(np.maximum(of_errors, 0.0) / (1 + of_b / (scale * np.maximum(seen, 1e-300))))
