"""Predictive densities of many posteriors from one pool of draws, and their contrasts, as matrix products.

With P the densities of every draw at some points and W the weights of every posterior, all predictive densities are
W P. Errors follow from what each draw adds, W_s (p/f_s - 1), whose sums over the points are products with P, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.bridging.multistate import Pool, rows_of
from learning_debt.arrays.predictive.mixture import Mixture
from learning_debt.typing import Array

LEAST = 1e-12
"""Density relative to the largest among the draws, down to which squares are safe in single precision."""
TINY = 1e-290
"""Density relative to the largest, below which its inverse may be no number."""
CELLS = 2_000_000
"""Densities held in double precision at once beside those in single precision."""
SPARSE = 4
"""Relative variances, which only verdicts and a small bias rest on, are taken at every fourth point of a rule."""


class PointDensities(NamedTuple):
    """Densities at some points, of the draws and of posteriors.

    Attributes
    ----------
    of_draws : ndarray, shape (draws, points)
        Relative to the largest at each point; in single precision where no posterior's density is far below it.
    peak : ndarray, shape (points,)
        Log of the largest.
    mean : ndarray, shape (states, points)
        W P, on the same scale, in double precision; NaN of posteriors that were not asked for.
    """

    of_draws: NDArray[np.floating]
    peak: Array
    mean: Array

    @property
    def log_density(self) -> Array:
        """Log predictive density of every posterior, shape (states, points), nats."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.mean) + self.peak)


def point_densities(pool: Pool, log_density: Array, states: list[int]) -> PointDensities:
    """Densities of posteriors `states` at the points of `log_density`, shape (draws, points), which is overwritten.

    Single precision is far faster, and its rounding is the same for all posteriors; their sums are in double precision.
    """
    peak = log_density.max(axis=0)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    of_draws = np.subtract(log_density, peak, out=np.empty_like(log_density, dtype=np.float32), casting="same_kind")
    np.exp(of_draws, out=of_draws)
    mean = _mean(pool, of_draws, states)
    if not mean[states].min() > LEAST:
        log_density -= peak
        np.exp(log_density, out=log_density)
        return PointDensities(log_density, peak, _mean(pool, log_density, states))
    return PointDensities(of_draws, peak, mean)


def _mean(pool: Pool, of_draws: NDArray[np.floating], states: list[int]) -> Array:
    """W P, some points at a time, so that no second copy of P is held in double precision."""
    weight, points = rows_of(pool.weight, states), of_draws.shape[1]
    mean = np.full((len(pool.weight), points), np.nan)
    together = max(CELLS // len(of_draws), 1)
    for first in range(0, points, together):
        some = slice(first, first + together)
        mean[states, some] = weight @ of_draws[:, some].astype(np.float64, copy=False)
    return mean


def bare(log_density: Array) -> Mixture:
    """A mixture of which nothing but its density is known: its draws are elsewhere."""
    return Mixture(log_density, np.zeros((0, 0, len(log_density))), np.zeros((0, 0)))


def influence_sums(pool: Pool, densities: PointDensities, states: list[int], parts: Array) -> Array:
    """Block sums of W_s sum_j c_j (p_j / f_s,j - 1), for each of `states` its coefficients, a row of `parts`.

    Shape (states, points) to (states, blocks); `densities` are those of states 0, 1, 2 ...
    """
    kind = densities.of_draws.dtype
    direct = _relative(parts, rows_of(densities.mean, states)).astype(kind) @ densities.of_draws.T
    direct -= parts.sum(axis=-1, dtype=kind)[:, None]
    direct *= rows_of(pool.weight_as(kind), states)
    return pool.influence_sums(direct)


def influence_sums_of(pool: Pool, densities: PointDensities, state: int, parts: Array) -> Array:
    """`influence_sums` of one state for all rows of coefficients, which goes through the draws only once."""
    of_points = pool.influence_sums_of(state, densities.of_draws)
    return np.asarray(
        _relative(parts, densities.mean[state]) @ of_points
        - parts.sum(axis=-1, keepdims=True) * pool.weight_sums[state]
    )


def _relative(parts: Array, mean: Array) -> Array:
    return np.where(mean > TINY, parts / np.where(mean > TINY, mean, 1.0), 0.0)


class RelativeVariances(NamedTuple):
    """Of log f_target/f_s at each point, and of the worse of the two alone, shape (states, points)."""

    of_ratio: Array
    of_worse: Array


def relative_variances(pool: Pool, densities: PointDensities, target: int, states: list[int]) -> RelativeVariances:
    """Monte-Carlo variances of log predictive densities at the points, all draws of an anchor worth the same.

    `target` is not among `states`; `densities` are those of states 0, 1, 2 ...
    """
    *of_states, of_target = own_variances(pool, densities, [*states, target])
    of_state = np.stack(of_states)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kind = densities.of_draws.dtype
        together = _moment(
            rows_of(pool.weight_as(kind), states) * (pool.weight[target] * pool.slowness).astype(kind),
            densities,
            densities.mean[target],
            rows_of(densities.mean, states),
        )
        of_ratio = np.maximum(of_target + of_state - 2 * together, 0.0)
    return RelativeVariances(_bounded(of_ratio, pool.slowness), np.maximum(of_target, of_state))


def own_variances(pool: Pool, densities: PointDensities, states: list[int]) -> Array:
    """Monte-Carlo variance of each log predictive density at the points, shape (states, points)."""
    f = rows_of(densities.mean, states)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        single = densities.of_draws.dtype == np.float32
        square = rows_of(pool.squared_weight, states) if single else rows_of(pool.weight, states) ** 2 * pool.slowness
        variance = _moment(square, densities, f, f)
    return _bounded(np.maximum(variance, 0.0), pool.slowness)


def _bounded(variance: Array, slowness: Array) -> Array:
    """Relative variances of at most what a density has that one draw carries, also where densities underflow."""
    most = float(slowness.max())
    return np.asarray(np.minimum(np.nan_to_num(variance, nan=most, posinf=most), most))


def _moment(weight: NDArray[np.floating], densities: PointDensities, first: Array, second: Array) -> Array:
    """Sum over draws of weight (p/f_1 - 1)(p/f_2 - 1), at each point, for weights of shape (states, draws)."""
    of_draws, total = densities.of_draws, weight.sum(axis=-1, dtype=float)[:, None]
    linear, square = (np.asarray(weight @ power, dtype=float) for power in (of_draws, of_draws**2))
    return np.asarray(square / (first * second) - linear * (1 / first + 1 / second) + total)
