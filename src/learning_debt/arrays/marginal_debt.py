"""Debt of a few parameters alone: KL between their marginal distributions under shadow and deployed posterior.

With both sets of draws in one pool, the marginal density ratio p(b)/q(b) of parameters b is the odds that a draw with
this b came from the shadow. The odds given *all* parameters are known exactly (their logarithm is l - log Z), so the
marginal ones are their regression on b: a logistic regression whose labels are probabilities instead of 0 and 1. Where
belief has hardly moved all labels are near one half, and the estimate is far more precise than labels 0 and 1 allow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, rel_entr
from scipy.stats import beta

from learning_debt.arrays.bridge import effective_size, variance_of_mean

Array = NDArray[np.float64]

KNOTS = np.linspace(0.05, 0.95, 5)
"""Quantiles of the pooled draws between which a log density ratio may bend; outside it is quadratic."""
RIDGE = 1e-2
"""Precision of the prior on a standardised feature's weight: it stops separated draws from driving it to infinity."""
BOUND_PROBABILITY = 0.95
"""Confidence with which the lower bound holds."""


class Labels(NamedTuple):
    """Probability that a draw came from the shadow, given all its parameters and that it came from the pool.

    Attributes
    ----------
    deployed, shadow : ndarray, shape (chain, draw)
    """

    deployed: Array
    shadow: Array


class MarginalDebt(NamedTuple):
    """Debt of some parameters.

    Attributes
    ----------
    value, standard_error : float
        Nats; not to be trusted below an overlap of about 30.
    lower_bound : float
        Nats; below the truth with a confidence of 95%, with or without overlap.
    overlap : float
        Effective number of deployed draws that could be shadow draws, as far as these parameters tell.
    """

    value: float
    standard_error: float
    lower_bound: float
    overlap: float


def hard_labels(at_deployed: Array, at_shadow: Array) -> Labels:
    """Where each draw did come from: all that is known when the draws do not overlap; shapes (chain, draw)."""
    return Labels(np.zeros_like(at_deployed), np.ones_like(at_shadow))


def soft_labels(at_deployed: Array, at_shadow: Array, log_normaliser: float) -> Labels:
    """Labels from the log-likelihood of the new data at the draws, shape (chain, draw), and its log normaliser."""
    offset = np.log(at_shadow.size / at_deployed.size) - log_normaliser
    return Labels(expit(at_deployed + offset), expit(at_shadow + offset))


def marginal_debt(deployed: Array, shadow: Array, labels: Labels) -> MarginalDebt:
    """KL(shadow‖deployed) of the parameters in `deployed` and `shadow` alone.

    Parameters
    ----------
    deployed, shadow : ndarray, shapes (chain, draw, parameters)
        Draws of at most about ten parameters, on the whole real line.
    labels : Labels
        Of the same draws.

    Returns
    -------
    MarginalDebt
        The value is halfway between the Donsker-Varadhan functional E_p[g] - log E_q[exp g] of the g fitted to all
        draws, which is too large on average by what g overfits, and that of two g each fitted to one half of every
        chain and used on the other, which is too small by as much. Half their difference counts as error.

    Notes
    -----
    Donsker & Varadhan (1975): the functional is at most the divergence, with equality at g = log p/q, so that an error
    of g matters in second order only. The standard error is that of the influence function at the cross-fitted g,
    with the effective sample size of each chain set.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> q, p = rng.normal(size=(2, 4, 500, 2)) + np.array([[0.0, 0.0], [1.0, 0.0]])[:, None, None]
    >>> labels = soft_labels(q[..., 0] - 0.5, p[..., 0] - 0.5, 0.0)  # N(1, 1) against N(0, 1) in the first coordinate
    >>> first, second = (marginal_debt(q[..., [j]], p[..., [j]], labels) for j in (0, 1))
    >>> abs(first.value - 0.5) < 4 * first.standard_error, second.value < 0.01
    (True, True)
    """
    pool = np.concatenate([deployed.reshape(-1, deployed.shape[-1]), shadow.reshape(-1, shadow.shape[-1])])
    if (np.ptp(pool, axis=0) == 0).all():
        return MarginalDebt(0.0, 0.0, 0.0, float(labels.deployed.size))
    target = np.concatenate([labels.deployed.ravel(), labels.shadow.ravel()])
    first = np.concatenate([_first_half(labels.deployed.shape), _first_half(labels.shadow.shape)])
    features = _features(pool)
    everywhere = np.ones(len(pool), dtype=bool)
    fitted = features @ _logistic_regression(features, target)
    crossed = np.empty_like(fitted)
    for fit, use in ((first, ~first), (~first, first)):
        crossed[use] = features[use] @ _logistic_regression(features[fit], target[fit])
    upper = _functional(_normalised(fitted, target, labels, everywhere), target, labels)
    halves = _normalised(_normalised(crossed, target, labels, first), target, labels, ~first)
    lower = _functional(halves, target, labels)
    error = float(np.hypot(_standard_error(halves, target, labels), (upper - lower) / 2))
    member = expit(crossed[: labels.deployed.size]).reshape(labels.deployed.shape)
    overlap = float(member.sum()) * effective_size(member) / member.size
    return MarginalDebt(max((upper + lower) / 2, 0.0), error, _lower_bound(crossed, labels), overlap)


def _first_half(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether a draw lies in the first half of its chain, flattened chain by chain."""
    return np.tile(np.arange(shape[1]) < shape[1] // 2, shape[0])


def _features(pool: Array) -> Array:
    """Intercept and standardised features: exact for Gaussians by the squares and products, bent by splines."""
    z = (pool - pool.mean(axis=0)) / np.where(np.ptp(pool, axis=0) > 0, pool.std(axis=0), 1.0)
    columns = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i + 1)]
    for coordinate in z.T:
        columns += [coordinate, *_natural_spline(coordinate, np.unique(np.quantile(coordinate, KNOTS)))]
    raw = np.stack(columns, axis=1)
    spread = raw.std(axis=0)
    return np.column_stack([np.ones(len(raw)), (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])


def _natural_spline(z: Array, knots: Array) -> list[Array]:
    """Natural cubic spline without its linear part (Hastie, Tibshirani & Friedman 2009, equation 5.4)."""
    if len(knots) < 3:
        return []
    top = np.maximum(z - knots[-1], 0.0) ** 3
    bends = [(np.maximum(z - knot, 0.0) ** 3 - top) / (knots[-1] - knot) for knot in knots[:-1]]
    return [bend - bends[-1] for bend in bends[:-1]]


def _logistic_regression(features: Array, target: Array) -> Array:
    """Weights that minimise the cross-entropy to probabilities plus the ridge, by damped Newton steps."""
    ridge = np.full(features.shape[1], RIDGE)
    ridge[0] = 1e-9

    def loss(weights: Array) -> float:
        log_odds = features @ weights
        return float((np.logaddexp(0.0, log_odds) - target * log_odds).sum() + 0.5 * ridge @ weights**2)

    weights = np.zeros(features.shape[1])
    current = loss(weights)
    for _ in range(50):
        member = expit(features @ weights)
        gradient = features.T @ (target - member) - ridge * weights
        curvature = (features * (member * (1 - member))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        if gradient @ step < 1e-9 * len(target):
            break
        while (proposed := loss(weights + step)) > current and np.abs(step).max() > 1e-12:
            step = step / 2
        weights, current = weights + step, min(proposed, current)
    return weights


def _normalised(log_ratio: Array, target: Array, labels: Labels, part: NDArray[np.bool_]) -> Array:
    """Log ratio less log E_q[exp(log ratio)] over the draws of `part`, where it then integrates to one."""
    shifted = log_ratio.copy()
    deployed = part[: labels.deployed.size].sum()
    peak = log_ratio[part].max()
    mean = ((1 - target[part]) * np.exp(log_ratio[part] - peak)).sum() / deployed
    shifted[part] -= peak + np.log(max(mean, 1e-300))
    return shifted


def _functional(log_ratio: Array, target: Array, labels: Labels) -> float:
    """E_p[log ratio], every draw of the pool counting for the shadow with its label."""
    return float(target @ log_ratio) / labels.shadow.size


def _standard_error(log_ratio: Array, target: Array, labels: Labels) -> float:
    """Of the functional at a fixed, normalised log ratio; labels that know the normaliser share its error."""
    m, n = labels.deployed.size, labels.shadow.size
    ratio = np.exp(log_ratio)
    influence = target * log_ratio / n - (1 - target) * ratio / m
    information = target * (1 - target)
    if information.sum() > 1e-300:
        influence -= information @ (log_ratio / n + ratio / m) * target / information.sum()
    variance = m**2 * variance_of_mean(influence[:m].reshape(labels.deployed.shape))
    variance += n**2 * variance_of_mean(influence[m:].reshape(labels.shadow.shape))
    return float(np.sqrt(variance))


def _lower_bound(log_odds: Array, labels: Labels) -> float:
    """Divergence of the two probabilities of the region where the odds favour the shadow, at the ends of their
    confidence intervals that are closest to each other.

    No event can tell two distributions further apart than they are (data processing inequality). Ends after Clopper
    & Pearson (1934), each with half of what the confidence leaves, and with effective numbers of draws.
    """
    m, doubt = labels.deployed.size, (1 - BOUND_PROBABILITY) / 2
    parts = log_odds[:m].reshape(labels.deployed.shape), log_odds[m:].reshape(labels.shadow.shape)
    size_q, size_p = map(effective_size, parts)
    hits_q, hits_p = (size * float((part > 0).mean()) for size, part in zip((size_q, size_p), parts, strict=True))
    high = float(beta.ppf(1 - doubt, hits_q + 1, max(size_q - hits_q, 1e-9)))
    low = float(beta.ppf(doubt, max(hits_p, 1e-9), size_p - hits_p + 1))
    return float(rel_entr(low, high) + rel_entr(1 - low, 1 - high)) if low > high else 0.0
