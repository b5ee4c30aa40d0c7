"""Posterior debt from log-likelihoods at draws: bridge sampling between shadow and deployed posterior.

If the shadow p is the deployed posterior q updated by data N, then log p(θ)/q(θ) = l(θ) - log Z, with l the
log-likelihood of N. The prior cancels, so debt KL(p‖q) = E_p[l] - log Z needs nothing but l at draws of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal

from learning_debt.arrays.bridging.label_slope import label_slope
from learning_debt.arrays.draws.effective_size import (
    draw_counts,
    effective_share,
    effective_size,
    influence_on_mean,
    variance_of_mean,
    weighted_mean,
    weighted_size,
)
from learning_debt.typing import Array

MOST_HALVINGS = 1100
"""Log densities may be as far apart as doubles are: halving 1e308 to 1e-9 takes 1,054 steps."""


class TooFewDrawsError(ValueError):
    """Draws to which no Gaussian can be fitted."""


class PooledDebt(NamedTuple):
    """Pooled estimate of posterior debt.

    Attributes
    ----------
    value, standard_error : float
        Nats; not to be trusted below an overlap of about 30.
    lower_bound : float
        Nats; from the shadow's draws alone, so that it holds without overlap too. In expectation no more than the debt.
    overlap : float
        Effective number of draws that could be of either posterior.
    log_normaliser : float
        log Z, the log marginal likelihood of the new data under the deployed posterior, nats.
    share : float
        Effective draws over draws, as autocorrelation goes.
    size : float
        Effective draws of the smaller set, as autocorrelation goes.
    """

    value: float
    standard_error: float
    lower_bound: float
    overlap: float
    log_normaliser: float
    share: float = 1.0
    size: float = float("inf")


class LogMarginal(NamedTuple):
    """Log marginal likelihood by a bridge to a Gaussian.

    Attributes
    ----------
    value, standard_error : float
        Nats.
    overlap : float
        Share of the Gaussian's draws that could be posterior draws; near 1 when the posterior is Gaussian.
    draws_per_parameter : float
        Half of `effective_draws`, since a Gaussian is fitted to half of the draws, over the number of parameters.
    departure : float
        Slope of the draws' labels (posterior or Gaussian) on the log density ratio: its distance from 1 in standard
        errors, the larger of both halves. Large when the draws are not the posterior's.
    disagreement : float
        Difference of the two halves in standard errors.
    effective_draws : float
        Least effective sample size of a parameter.
    """

    value: float
    standard_error: float
    overlap: float
    draws_per_parameter: float
    departure: float = 0.0
    disagreement: float = 0.0
    effective_draws: float = float("inf")


def optimal_bridge(
    at_reference: Array,
    at_target: Array,
    weight_reference: Array | None = None,
    weight_target: Array | None = None,
) -> tuple[float, Array, Array]:
    """Normaliser of an unnormalised target by Bennett's acceptance ratio.

    Parameters
    ----------
    at_reference, at_target : ndarray, shapes (m,) and (n,)
        Log ratio of unnormalised target to reference, at draws of the reference and of the target; ``-inf`` at a
        reference draw is weight zero.
    weight_reference, weight_target : ndarray, shapes (m,) and (n,), optional
        Relative weights of the draws. A set counts for as many draws as its weights are worth.

    Returns
    -------
    log_normaliser : float
    reference_weights, target_weights : ndarray, shapes (m,) and (n,)
        Probability that the draw came from the target, given that it came from the pool.

    Notes
    -----
    Bennett (1976), J. Comput. Phys. 22, 245; the two-state case of
    Shirts & Chodera (2008), J. Chem. Phys. 129, 124105.
    """
    counts_reference, counts_target = draw_counts(at_reference, weight_reference), draw_counts(at_target, weight_target)
    offset = np.log(counts_target.sum() / counts_reference.sum())

    def imbalance(log_normaliser: float) -> float:
        shift = offset - log_normaliser
        return float(counts_reference @ expit(at_reference + shift) - counts_target @ expit(-at_target - shift))

    both = np.concatenate([at_reference, at_target])
    finite = both[np.isfinite(both)]
    low, high = finite.min() - 40.0, finite.max() + 40.0
    log_normaliser = float(brentq(imbalance, low, high, xtol=1e-9, maxiter=MOST_HALVINGS))
    shift = offset - log_normaliser
    return log_normaliser, expit(at_reference + shift), expit(at_target + shift)


def pooled_debt(
    at_deployed: ArrayLike,
    at_shadow: ArrayLike,
    *,
    weight_deployed: Array | None = None,
    weight_shadow: Array | None = None,
    together: bool = False,
) -> PooledDebt:
    """Debt KL(shadow‖deployed) from the log-likelihood of the new data at draws of both.

    Both draw sets are weighted by the probability that a draw came from the shadow, so the errors of E_p[l] and
    of log Z cancel where debt is small. The standard error is that of the estimator's influence function, with the
    effective sample size of each chain set.

    Parameters
    ----------
    at_deployed, at_shadow : array_like, shape (chain, draw)
        Total log-likelihood l of the new data, nats. ``-inf`` is legal at deployed draws, and at shadow draws of weight
        zero.
    weight_deployed, weight_shadow : ndarray, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.
    together : bool
        Whether both sets come from the same draws, sample by sample: then what a sample does on either side is added
        before the variance is taken.

    Raises
    ------
    ValueError
        If a value is NaN or ``+inf``, or ``-inf`` at a shadow draw that weighs something (the shadow has seen the
        data), or if sets drawn together differ in shape.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> deployed, shadow = rng.normal(size=(4, 500)), rng.normal(1.0, 1.0, size=(4, 500))
    >>> estimate = pooled_debt(deployed - 0.5, shadow - 0.5)   # N(1, 1) against N(0, 1): debt 1/2
    >>> abs(estimate.value - 0.5) < 4 * estimate.standard_error
    True
    """
    deployed, shadow = _log_ratios(at_deployed, "at_deployed"), _log_ratios(at_shadow, "at_shadow")
    n_deployed, n_shadow = draw_counts(deployed, weight_deployed), draw_counts(shadow, weight_shadow)
    if np.isneginf(shadow[n_shadow > 0]).any():
        raise ValueError("at_shadow holds -inf: a shadow that has seen the new data cannot rule it out")
    if together and deployed.shape != shadow.shape:
        raise ValueError(f"draws made together must have the same shape, not {deployed.shape} and {shadow.shape}")
    lower_bound = _lower_bound(shadow, weight_shadow)
    if np.isneginf(deployed[n_deployed > 0]).all():
        return PooledDebt(float("inf"), float("inf"), lower_bound, 0.0, float("-inf"))
    if np.ptp(np.concatenate([deployed.ravel(), shadow.ravel()])) == 0:
        return PooledDebt(0.0, 0.0, 0.0, float(n_deployed.sum()), float(shadow.flat[0]))
    flat = (None if weight is None else weight.ravel() for weight in (weight_deployed, weight_shadow))
    log_normaliser, w_deployed, w_shadow = optimal_bridge(deployed.ravel(), shadow.ravel(), *flat)
    w_deployed, w_shadow = w_deployed.reshape(deployed.shape), w_shadow.reshape(shadow.shape)
    sides = [
        _Side(np.where(label > 0, at, log_normaliser) - log_normaliser, label, counts, weight)
        for at, label, counts, weight in (
            (deployed, w_deployed, n_deployed, weight_deployed),
            (shadow, w_shadow, n_shadow, weight_shadow),
        )
    ]
    total = sum(float((side.counts * side.label * side.log_ratio).sum()) for side in sides)
    error, effective = _pooled_error(sides, together)
    overlap = effective * float((n_deployed * w_deployed).sum())
    size = effective * min(deployed.size, shadow.size)
    return PooledDebt(total / float(n_shadow.sum()), error, lower_bound, overlap, log_normaliser, effective, size)


class _Side(NamedTuple):
    """Draws of one posterior in the pool, arrays of shape (chain, draw).

    Each has log p/q, the probability that it came from the shadow, what it counts for, and its relative weight or None.
    """

    log_ratio: Array
    label: Array
    counts: Array
    weight: Array | None


def _pooled_error(sides: list[_Side], together: bool) -> tuple[float, float]:
    """Standard error of the pooled debt from deployed and shadow side, and the share of draws that are effective."""
    size = float(sides[1].counts.sum())
    informations = [side.counts * side.label * (1 - side.label) for side in sides]
    information = sum(float(part.sum()) for part in informations)
    if information < 1e-300:
        return float("inf"), 0.0
    pull = sum(float((weights * side.log_ratio).sum()) for weights, side in zip(informations, sides, strict=True))
    slope = (1 + pull / size) / information
    influences = [
        side.counts.sum() * influence_on_mean(side.label * side.log_ratio / size - slope * side.label, side.weight)
        for side in sides
    ]
    if together:
        influences = [influences[0] + influences[1]]
    effective = effective_share(*(influence_on_mean(side.label, side.weight) for side in sides), *influences)
    return float(np.sqrt(sum(np.var(influence) / influence.size for influence in influences) / effective)), effective


def _lower_bound(shadow: Array, weight: Array | None) -> float:
    """What the shadow's draws alone say: E_p[l] + log E_p[exp(-l)], nats.

    E_p[exp(-l)] = 1 / Z; by Jensen's inequality the logarithm of its sample mean is too small on average.
    """
    counts = draw_counts(shadow, weight)
    log_mean = float(logsumexp(-shadow[counts > 0], b=counts[counts > 0]) - np.log(counts.sum()))
    return max(weighted_mean(shadow, weight) + log_mean, 0.0)


def gaussian_log_marginal(
    unconstrained: Array,
    log_joint: Callable[[Array], Array],
    rng: np.random.Generator,
    weight: Array | None = None,
) -> LogMarginal:
    """Log marginal likelihood by an optimal bridge to the posterior's own Gaussian.

    The Gaussian is fitted on one half of every chain and bridged to the other half, both ways, so no draw is
    used twice. No overlap with another posterior is needed.

    Parameters
    ----------
    unconstrained : ndarray, shape (chain, draw, parameters)
        Posterior draws on the whole real line.
    log_joint : callable
        (points, parameters) -> (points,), log prior + log likelihood with the Jacobian of the transform.
    rng : numpy.random.Generator
    weight : ndarray, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.

    Raises
    ------
    TooFewDrawsError
        If there are too few (distinct) draws to fit a Gaussian.
    ValueError
        If `log_joint` is not finite at a draw.

    Notes
    -----
    Meng & Schilling (2002), J. Comput. Graph. Stat. 11, 552; cross-fitting as in Wong, Meng & Kong (2018).
    """
    chains, draws, parameters = unconstrained.shape
    halves = [slice(0, draws // 2), slice(draws // 2, 2 * (draws // 2))]
    points = [unconstrained[:, half] for half in halves]
    weights = [None if weight is None else weight[:, half] for half in halves]
    least = min(draw_counts(part[..., 0], own).sum() for part, own in zip(points, weights, strict=True))
    if least < 2 * parameters + 2:
        raise TooFewDrawsError(
            f"{chains} chains of {draws} draws are too few to fit a Gaussian in {parameters} dimensions; "
            f"at least {2 * (2 * parameters + 2)} draws are needed"
            + ("" if weight is None else f", and theirs are worth {2 * least:.0f} as they are weighted: refit")
        )
    parts = list(zip(points, weights, strict=True))
    sides = [_bridge_to_gaussian(*fit, *use, log_joint, rng) for fit, use in (parts, parts[::-1])]
    values, variances, overlaps, departures = (np.array(column) for column in zip(*sides, strict=True))
    size = min(_effective_draws(unconstrained[..., k], weight) for k in range(parameters))
    # Each side's variance already counts what the two sides share, so that half the mean is the mean's variance.
    return LogMarginal(
        float(values.mean()),
        float(np.sqrt(variances.mean() / 2)),
        float(overlaps.min()),
        size / 2 / parameters,
        float(np.abs(departures).max()),
        float(abs(np.diff(values)[0]) / np.sqrt(variances.sum())) if variances.sum() > 0 else 0.0,
        size,
    )


def _effective_draws(values: Array, weight: Array | None) -> float:
    """What `values`, shape (chain, draw), are worth for their mean: autocorrelation and uneven weights counted."""
    if weight is None:
        return effective_size(values)
    return weighted_size(weight) * effective_share(influence_on_mean(values, weight))


def _bridge_to_gaussian(
    fit: Array,
    fit_weight: Array | None,
    use: Array,
    weight: Array | None,
    log_joint: Callable[[Array], Array],
    rng: np.random.Generator,
) -> tuple[float, float, float, float]:
    parameters = fit.shape[-1]
    flat, target = fit.reshape(-1, parameters), use.reshape(-1, parameters)
    aweights = None if fit_weight is None else fit_weight.ravel()
    covariance = np.atleast_2d(np.cov(flat, rowvar=False, aweights=aweights))
    gaussian = multivariate_normal(np.average(flat, axis=0, weights=aweights), covariance, allow_singular=True)
    proposals = np.reshape(gaussian.rvs(len(target), random_state=rng), target.shape)
    density = np.atleast_1d(gaussian.logpdf(target))
    counts = draw_counts(density, None if weight is None else weight.ravel())
    counting = counts > 0
    if np.isneginf(density[counting]).any():
        distinct = len(np.unique(flat, axis=0))
        raise TooFewDrawsError(f"{distinct} distinct draws are too few to fit a Gaussian in {parameters} dimensions")
    at_gaussian = log_joint(proposals) - np.atleast_1d(gaussian.logpdf(proposals))
    with np.errstate(invalid="ignore"):
        at_target = np.where(counting, log_joint(target) - density, 0.0)  # what weighs nothing may have no density
    if not np.isfinite(at_target).all() or np.isnan(at_gaussian).any():
        raise ValueError(
            "log_joint is not finite at posterior draws; the posterior belongs to other data or another model"
        )
    flat_weight = None if weight is None else weight.ravel()
    value, w_gaussian, w_target = optimal_bridge(at_gaussian, at_target, None, flat_weight)
    sizes = len(target), float(counts.sum())
    information = float((w_gaussian * (1 - w_gaussian)).sum() + (counts * w_target * (1 - w_target)).sum())
    if information < 1e-300:
        return value, float("inf"), 0.0, 0.0
    target_variance = variance_of_mean(influence_on_mean(w_target.reshape(use.shape[:2]), weight))
    # Near a Gaussian posterior the error from the posterior's draws is the same on both sides: it does not average out.
    variance = (sizes[0] * np.var(w_gaussian) + 2 * sizes[1] ** 2 * target_variance) / information**2
    # Perfect agreement gives every proposal the posterior's share of the pool.
    overlap = float(w_gaussian.mean()) * (sizes[0] + sizes[1]) / sizes[1]
    at = at_gaussian.reshape(use.shape[:2]), at_target.reshape(use.shape[:2])
    return value, float(variance), overlap, label_slope(*at, value, weight_target=weight).departure


def _log_ratios(values: ArrayLike, name: str) -> Array:
    array = np.asarray(values, dtype=float)
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (chain, draw), not {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} holds no draws")
    if np.isnan(array).any() or np.isposinf(array).any():
        raise ValueError(f"{name} holds NaN or +inf; log-likelihoods must be finite or -inf")
    return array
