"""Predictive densities of many posteriors from one pool of draws, and their contrasts, as matrix products.

With P the densities of every draw at some points and W the weights of every posterior, all predictive densities are
W P. Errors follow from what each draw adds, W_s (p/f_s - 1), whose sums over the points are products with P, too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from learning_debt.arrays.bridging.multistate import Pool
from learning_debt.arrays.predictive.mixture import Mixture
from learning_debt.typing import Array

SPARSE = 4
"""Relative variances, which only verdicts and a small bias rest on, are taken at every fourth point of a rule."""


class PointDensities(NamedTuple):
    """Densities at some points, of the draws and of posteriors.

    Attributes
    ----------
    of_draws : ndarray, shape (draws, points)
        Relative to the largest at each point.
    peak : ndarray, shape (points,)
        Log of the largest.
    mean : ndarray, shape (states, points)
        W P, on the same scale.
    """

    of_draws: Array
    peak: Array
    mean: Array

    @property
    def log_density(self) -> Array:
        """Log predictive density of every posterior, shape (states, points), nats."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.mean) + self.peak)


def point_densities(pool: Pool, log_density: Array, states: slice | list[int]) -> PointDensities:
    """Densities of posteriors `states` at the points of `log_density`, shape (draws, points), which is overwritten."""
    peak = log_density.max(axis=0)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    log_density -= peak
    np.exp(log_density, out=log_density)
    return PointDensities(log_density, peak, pool.weight[states] @ log_density)


def bare(log_density: Array) -> Mixture:
    """A mixture of which nothing but its density is known: its draws are elsewhere."""
    return Mixture(log_density, np.zeros((0, 0, len(log_density))), np.zeros((0, 0)))


def direct_influences(pool: Pool, densities: PointDensities, state: int, row: int, parts: Array) -> Array:
    """W_s sum_j c_j (p_j / f_s,j - 1) for coefficients `parts`, shape (k, points): shape (k, draws).

    `row` is the position of `state` among the posteriors of `densities`.
    """
    mean = densities.mean[row]
    scaled = np.where(mean > 0, parts / np.where(mean > 0, mean, 1.0), 0.0)
    return np.asarray(pool.weight[state] * ((densities.of_draws @ scaled.T).T - parts.sum(axis=-1)[:, None]))


def own_influences(pool: Pool, densities: PointDensities, states: list[int], rows: list[int], parts: Array) -> Array:
    """The same with one row of coefficients and one posterior each, shape (states, draws)."""
    mean = densities.mean[rows]
    scaled = np.where(mean > 0, parts / np.where(mean > 0, mean, 1.0), 0.0)
    return np.asarray(pool.weight[states] * ((densities.of_draws @ scaled.T).T - parts.sum(axis=-1)[:, None]))


class RelativeVariances(NamedTuple):
    """Of log f_target/f_s at each point, and of the worse of the two alone, shape (states, points)."""

    of_ratio: Array
    of_worse: Array


def relative_variances(
    pool: Pool, densities: PointDensities, target: tuple[int, int], states: list[int], rows: list[int]
) -> RelativeVariances:
    """Monte-Carlo variances of log predictive densities at the points, all draws of an anchor worth the same.

    `target` and the pairs of `states` and `rows` say a posterior and its position in `densities`.
    """
    slowness = (1 / pool.worth)[pool.anchor_of]
    own = pool.weight[target[0]]
    square = densities.of_draws**2
    f_target, f = densities.mean[target[1]], densities.mean[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        of_target = _moment(own * own * slowness, densities.of_draws, square, f_target, f_target)
        weight = pool.weight[states]
        of_state = _moment(weight * weight * slowness, densities.of_draws, square, f, f)
        together = _moment(weight * (own * slowness), densities.of_draws, square, f_target, f)
    worse = np.maximum(of_target, of_state)
    same = np.array(states)[:, None] == target[0]
    of_ratio = np.maximum(of_target + of_state - 2 * together, 0.0)
    return RelativeVariances(*(np.where(same, 0.0, _bounded(part, slowness)) for part in (of_ratio, worse)))


def own_variances(pool: Pool, densities: PointDensities, states: list[int], rows: list[int]) -> Array:
    """Monte-Carlo variance of each log predictive density at the points, shape (states, points)."""
    slowness = (1 / pool.worth)[pool.anchor_of]
    weight = pool.weight[states] ** 2 * slowness
    f = densities.mean[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = _moment(weight, densities.of_draws, densities.of_draws**2, f, f)
    return _bounded(np.maximum(variance, 0.0), slowness)


def _bounded(variance: Array, slowness: Array) -> Array:
    """Relative variances of at most what a density has that one draw carries, also where densities underflow."""
    most = float(slowness.max())
    return np.asarray(np.minimum(np.nan_to_num(variance, nan=most, posinf=most), most))


def _moment(weight: Array, densities: Array, square: Array, first: Array, second: Array) -> Array:
    """Sum over draws of weight (p/f_1 - 1)(p/f_2 - 1), at each point."""
    linear = weight @ densities
    total = weight.sum(axis=-1)[..., None] if weight.ndim > 1 else weight.sum()
    return np.asarray(weight @ square / (first * second) - linear * (1 / first + 1 / second) + total)
