"""Scores of a mixture of draws: f(y) = mean over draws s of p(y | θ_s), and what its Monte-Carlo error is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.bridge import effective_size

Array = NDArray[np.float64]


class Mixture(NamedTuple):
    """Log predictive density of a set of draws at some points.

    Attributes
    ----------
    log_density : ndarray, shape (points,)
        log f at each point, nats.
    ratio : ndarray, shape (chain, draw, points)
        p(y | θ_s) / f(y): each draw's share, with mean one over the draws; zero where f is zero.
    """

    log_density: Array
    ratio: Array


class MonteCarlo(NamedTuple):
    """A value with its standard error.

    Attributes
    ----------
    value, standard_error : float
        Nats.
    relative_variance : float
        Squared Monte-Carlo error of log f_p/f_q at an outcome, root mean square over the outcomes; the delta method
        and the bias correction hold while it is small against one. A plain mean would hide a few outcomes far in the
        tail, where errors are larger than they look.
    """

    value: float
    standard_error: float
    relative_variance: float


def mixture(log_density: Array) -> Mixture:
    """Mixture over draws of log densities of shape (chain, draw, points).

    Examples
    --------
    >>> mixture(np.log([[[0.2], [0.6]]])).log_density.round(4)
    array([-0.9163])
    """
    peak = log_density.max(axis=(0, 1))
    finite_peak = np.where(np.isfinite(peak), peak, 0.0)
    density = np.exp(log_density - finite_peak)
    mean = density.mean(axis=(0, 1))
    with np.errstate(divide="ignore"):
        log_mean = np.log(mean) + finite_peak
    density /= np.where(mean > 0, mean, 1.0)
    return Mixture(log_mean, density)


def score_gap(shadow: Mixture, deployed: Mixture) -> MonteCarlo:
    """Mean log score of the shadow minus that of the deployed posterior, with its delta-method error.

    Positive when the shadow scores better. ``+inf`` if the deployed posterior gives an outcome no density.
    """
    with np.errstate(invalid="ignore"):  # both rule the outcome out: NaN, which is never reliable
        gaps = shadow.log_density - deployed.log_density
    error_shadow = _mean_influence(shadow.ratio.mean(axis=-1))
    error_deployed = _mean_influence(deployed.ratio.mean(axis=-1))
    relative = _relative_variance(shadow.ratio, error_shadow[1]) + _relative_variance(deployed.ratio, error_deployed[1])
    error = np.sqrt(error_shadow[0] + error_deployed[0])
    return MonteCarlo(float(gaps.mean()), float(error), float(np.sqrt((relative**2).mean())))


def divergence(shadow: Mixture, deployed: Mixture, probability: Array) -> MonteCarlo:
    """Predictive debt KL(f_p‖f_q) from two mixtures at weighted points of the shadow's predictive distribution.

    Parameters
    ----------
    shadow, deployed : Mixture
        At the same points. Points of several rows may stand side by side.
    probability : ndarray, shape (points,)
        Weight of each point under f_p, summing to one: quadrature weight times f_p (over the number of rows), or
        1 / points for predictive draws.

    Returns
    -------
    MonteCarlo
        The error is that of the posterior draws; the error of random points comes on top. The bias of order
        1 / draws that a plug-in divergence carries is taken off, and counted in the standard error.

    Notes
    -----
    With h = log f_p/f_q, the mean of h + expm1(-h) is used: it equals KL, since E_p[f_q/f_p] = 1, and no term is
    negative. Beyond half a nat its second term has outliers, and the mean of h is used instead.
    """
    value = plug_in_divergence(shadow, deployed, probability)
    if not np.isfinite(value):
        return MonteCarlo(float("inf"), float("inf"), float("inf"))
    h = _log_ratio(shadow, deployed, probability)
    variance_shadow, size_shadow = _mean_influence(shadow.ratio @ (probability * h))
    variance_deployed, size_deployed = _mean_influence(deployed.ratio @ probability)
    relative = _relative_variance(shadow.ratio, size_shadow) + _relative_variance(deployed.ratio, size_deployed)
    bias = float(probability @ relative) / 2
    # First-order errors vanish with the divergence, and hold along the direction in which the two happen to differ: at
    # most 2 sqrt(bias * value). A divergence below its own bias may well be as large as that, in any direction.
    first_order = variance_shadow + variance_deployed
    if value < bias:
        first_order = max(first_order, 4 * bias**2)
    error = np.sqrt(first_order + bias**2)
    return MonteCarlo(max(value - bias, 0.0), float(error), float(np.sqrt(probability @ relative**2)))


def plug_in_divergence(shadow: Mixture, deployed: Mixture, probability: Array) -> float:
    """The divergence of the two mixtures as they are, with the bias of their finite draws; nats."""
    h = _log_ratio(shadow, deployed, probability)
    value = float(probability @ h)
    return float(probability @ (h + np.expm1(-h))) if value < 0.5 else value


def _log_ratio(shadow: Mixture, deployed: Mixture, probability: Array) -> Array:
    """h = log f_p/f_q where the point counts, else 0; ``inf`` where the deployed posterior rules the point out."""
    with np.errstate(invalid="ignore"):
        return np.where(probability > 0, shadow.log_density - deployed.log_density, 0.0)


def gap_spread(shadow: Mixture, deployed: Mixture, probability: Array, rows: int) -> float:
    """Standard deviation, under the shadow, of the mean score gap over the rows of one period (nats).

    Points of the rows stand side by side, and `probability` sums to one over all of them, as in `divergence`.
    """
    weight = probability.reshape(rows, -1) * rows
    gap = _log_ratio(shadow, deployed, probability).reshape(rows, -1)
    mean = (weight * gap).sum(axis=1, keepdims=True)
    return float(np.sqrt((weight * (gap - mean) ** 2).sum())) / rows


def _mean_influence(influence: Array) -> tuple[float, float]:
    """Variance of the mean of `influence`, shape (chain, draw), and the effective sample size behind it."""
    size = effective_size(influence)
    return float(influence.var(ddof=1)) / size, size


def _relative_variance(ratio: Array, size: float) -> Array:
    """Relative variance of the mixture density at each point, shape (points,); `ratio` has mean one."""
    mean_square = np.einsum("cdk,cdk->k", ratio, ratio) / (ratio.shape[0] * ratio.shape[1])
    return np.maximum(mean_square - 1.0, 0.0) / size
