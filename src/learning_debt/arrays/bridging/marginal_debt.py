"""Debt of a few parameters alone: KL between their marginal distributions under shadow and deployed posterior.

With both sets of draws in one pool, the marginal density ratio p(b)/q(b) of parameters b is the odds that a draw with
this b came from the shadow. The odds given *all* parameters are known (their logarithm is l - log Z), so the marginal
ones are their regression on b: density ratio estimation with labels that are probabilities instead of 0 and 1. Where
belief has hardly moved all labels are near one half, and where it has moved far a shadow draw still tells by its label
how rare it is under the deployed posterior: either way the estimate is far better than labels 0 and 1 allow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, rel_entr
from scipy.stats import beta, multivariate_normal

from learning_debt.arrays.bridging.density_ratio import (
    LARGEST_LOG_RATIO,
    log_mean_ratio,
    log_ratio_weights,
    ratio_features,
)
from learning_debt.arrays.draws.effective_size import effective_share, effective_size
from learning_debt.typing import Array

BEYOND_REACH = 0.95
"""Share of the shadow's draws in E_q[exp g] above which no deployed draw is near and the standard error is doubled.

Measured on conjugate regression at debts of 10 to 20 nats: 90% intervals covered .70 without, and the bias is below 1%
of the debt."""
BOUND_PROBABILITY = 0.95
"""Confidence with which the lower bound holds."""


class DrawLabels(NamedTuple):
    """Probability that a draw came from the shadow, given all its parameters and that it came from the pool.

    Attributes
    ----------
    deployed, shadow : ndarray, shape (chain, draw)
    normaliser_error : float, optional
        Standard error of the log normaliser behind the labels, nats; None if it was found from these very draws.
    nearest : float
        What the verdict that lets the labels be trusted asked for over what it found; 0 if there was none.
    """

    deployed: Array
    shadow: Array
    normaliser_error: float | None = None
    nearest: float = 0.0


class MarginalDebt(NamedTuple):
    """Debt of some parameters.

    Attributes
    ----------
    value, standard_error : float
        Nats; not to be trusted below a support of about 100.
    support : float
        Effective number of draws behind E_q[exp g], which says whether the log density ratio g holds up.
    if_gaussian : float
        Divergence of Gaussians with the moments of the draws: the truth only if both marginals are Gaussian.
    effective_draws : float
        Effective draws of the smaller set, as autocorrelation goes: the least for any parameter and for the error.
    tail : float
        Tail index of the terms of E_q[exp g], where one pool serves both; above 0.5 they have no variance.
    """

    value: float
    standard_error: float
    support: float
    if_gaussian: float
    effective_draws: float
    tail: float = 0.0


def hard_labels(at_deployed: Array, at_shadow: Array) -> DrawLabels:
    """Where each draw did come from: all that is known without a log normaliser; shapes (chain, draw)."""
    return DrawLabels(np.zeros_like(at_deployed), np.ones_like(at_shadow), 0.0)


def soft_labels(
    at_deployed: Array, at_shadow: Array, log_normaliser: float, normaliser_error: float | None = None
) -> DrawLabels:
    """DrawLabels from the log-likelihood of the new data at the draws, shape (chain, draw), and its log normaliser."""
    offset = np.log(at_shadow.size / at_deployed.size) - log_normaliser
    return DrawLabels(expit(at_deployed + offset), expit(at_shadow + offset), normaliser_error)


def marginal_debt(deployed: Array, shadow: Array, labels: DrawLabels) -> MarginalDebt:
    """KL(shadow‖deployed) of the parameters in `deployed` and `shadow` alone.

    Parameters
    ----------
    deployed, shadow : ndarray, shapes (chain, draw, parameters)
        Draws of at most about ten parameters, on the whole real line.
    labels : DrawLabels
        Of the same draws.

    Returns
    -------
    MarginalDebt
        The value is halfway between the functional E_p[g] - log E_q[exp g] at the g that maximises it over all draws,
        too large on average by what g overfits, and at two g each fitted to one half of every chain and used on the
        other, too small by as much. Half their difference counts as error.

    Notes
    -----
    The functional is at most the divergence, with equality at g = log p/q (Donsker & Varadhan 1975), so that an error
    of g matters in second order only. Every draw counts with its label for p, and with the rest for q. The standard
    error is that of the influence function at the cross-fitted g, with the least effective sample size of several
    functions of the draws.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> q, p = rng.normal(size=(2, 4, 500, 2)) + np.array([[0.0, 0.0], [1.0, 0.0]])[:, None, None]
    >>> labels = soft_labels(q[..., 0] - 0.5, p[..., 0] - 0.5, 0.0)  # N(1, 1) against N(0, 1) in the first coordinate
    >>> first, second = (marginal_debt(q[..., [j]], p[..., [j]], labels) for j in (0, 1))
    >>> abs(first.value - 0.5) < 4 * first.standard_error, second.value < 0.01
    (True, True)
    """
    pool, first = _pooled(deployed, shadow)
    if (np.ptp(pool, axis=0) == 0).all():
        return MarginalDebt(0.0, 0.0, float(len(pool)), 0.0, float(min(labels.deployed.size, labels.shadow.size)))
    target = np.concatenate([labels.deployed.ravel(), labels.shadow.ravel()])
    features = ratio_features(pool)
    fitted = features @ log_ratio_weights(features, *_by_label(target), len(target))
    crossed = np.empty_like(fitted)
    for fit, use in ((first, ~first), (~first, first)):
        weights = log_ratio_weights(features[fit], *_by_label(target[fit]), int(fit.sum()))
        crossed[use] = np.minimum(features[use] @ weights, LARGEST_LOG_RATIO)
        crossed[use] -= log_mean_ratio(crossed[use], _by_label(target[use])[1])
    fitted -= log_mean_ratio(fitted, _by_label(target)[1])
    upper, lower = (float(target @ g) / labels.shadow.size for g in (fitted, crossed))
    own, share = _standard_error(crossed, target, labels)
    error = float(np.hypot(own, (upper - lower) / 2))
    support, beyond = _support(crossed, target, labels)
    if beyond > BEYOND_REACH:
        error *= 2  # a few rare shadow draws carry the mean, and its error looks half of what it is
    moments = gaussian_divergence(pool[labels.deployed.size :], pool[: labels.deployed.size])
    entries = (effective_size(side[..., k]) for side in (deployed, shadow) for k in range(side.shape[-1]))
    effective = min(share * min(labels.deployed.size, labels.shadow.size), *entries)
    return MarginalDebt(max((upper + lower) / 2, 0.0), error, support, moments, effective)


def lower_bound(deployed: Array, shadow: Array) -> float:
    """What KL(shadow‖deployed) is at least, with a confidence of 95%, from the draws alone.

    It is the divergence of the two probabilities of one region, at the ends of their confidence intervals that are
    closest to each other: no event can tell two distributions further apart than they are (data processing
    inequality). The region is where a Gaussian with the moments of the shadow's draws is denser than one with the
    deployed draws' moments, each fitted to one half of every chain and used on the other. The ends are those of Clopper
    & Pearson (1934), each with half of what the confidence leaves, and with effective numbers of draws. Without any
    overlap the bound is about the logarithm of the number of deployed draws over 4.

    Parameters
    ----------
    deployed, shadow : ndarray, shapes (chain, draw, parameters)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> q, p = rng.normal(size=(2, 4, 500, 1)) + np.array([0.0, 3.0])[:, None, None, None]
    >>> 1 < lower_bound(q, p) < 4.5  # 9 / 2 is the truth
    True
    """
    pool, first = _pooled(deployed, shadow)
    m = deployed.shape[0] * deployed.shape[1]
    of_shadow, scores = np.arange(len(pool)) >= m, np.empty(len(pool))
    for fit, use in ((first, ~first), (~first, first)):
        p, q = (
            multivariate_normal(part.mean(axis=0), np.atleast_2d(np.cov(part, rowvar=False)), allow_singular=True)
            for part in (pool[fit & of_shadow], pool[fit & ~of_shadow])
        )
        scores[use] = np.atleast_1d(p.logpdf(pool[use]) - q.logpdf(pool[use]))
    parts = scores[:m].reshape(deployed.shape[:2]), scores[m:].reshape(shadow.shape[:2])
    size_q, size_p = map(effective_size, parts)
    hits_q, hits_p = (size * float((part > 0).mean()) for size, part in zip((size_q, size_p), parts, strict=True))
    return told_apart(hits_p, size_p, hits_q, size_q)


def told_apart(hits_p: float, size_p: float, hits_q: float, size_q: float) -> float:
    """What KL(p‖q) is at least, by the effective draws of either in one region, of so many."""
    doubt = (1 - BOUND_PROBABILITY) / 2
    high = float(beta.ppf(1 - doubt, hits_q + 1, max(size_q - hits_q, 1e-9)))
    low = float(beta.ppf(doubt, max(hits_p, 1e-9), max(size_p - hits_p, 0.0) + 1))
    return float(rel_entr(low, high) + rel_entr(1 - low, 1 - high)) if low > high else 0.0


def _pooled(deployed: Array, shadow: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Draws of both, shape (draws of deployed + draws of shadow, parameters), and which are of the first halves."""
    pool = np.concatenate([deployed.reshape(-1, deployed.shape[-1]), shadow.reshape(-1, shadow.shape[-1])])
    return pool, np.concatenate([_first_half(deployed.shape), _first_half(shadow.shape)])


def _first_half(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether a draw lies in the first half of its chain, flattened chain by chain."""
    return np.tile(np.arange(shape[1]) < shape[1] // 2, shape[0])


def _by_label(target: Array) -> tuple[Array, Array]:
    """What draws count for under the shadow, and with what their label leaves under the deployed posterior."""
    return target / target.sum(), (1 - target) / (1 - target).sum()


def _standard_error(log_ratio: Array, target: Array, labels: DrawLabels) -> tuple[float, float]:
    """Of the functional at a normalised log ratio and of the log normaliser, and the share of effective draws."""
    m, n = labels.deployed.size, labels.shadow.size
    ratio, information = np.exp(log_ratio), target * (1 - target)
    influence = target * log_ratio / n - (1 - target) * ratio / m
    slope = float(information @ (log_ratio / n + ratio / m))
    if labels.normaliser_error is None and information.sum() > 1e-300:
        influence -= slope * target / information.sum()
    sides = _sides(influence, labels)
    shares = [effective_share(side, label) for side, label in zip(sides, _sides(target, labels), strict=True)]
    variance = sum(side.size * np.var(side) / share for side, share in zip(sides, shares, strict=True))
    return float(np.sqrt(variance + (slope * (labels.normaliser_error or 0.0)) ** 2)), min(shares)


def _sides(pooled: Array, labels: DrawLabels) -> tuple[Array, Array]:
    """Of the deployed and of the shadow's draws, shapes (chain, draw)."""
    m = labels.deployed.size
    return pooled[:m].reshape(labels.deployed.shape), pooled[m:].reshape(labels.shadow.shape)


def _support(log_ratio: Array, target: Array, labels: DrawLabels) -> tuple[float, float]:
    """Effective number of the terms of E_q[exp(log ratio)], and the share of the shadow's draws in it.

    Kish's number, less what autocorrelation takes.
    """
    terms = (1 - target) * np.exp(log_ratio)
    parts = _sides(terms, labels)
    squares = sum(float((part**2).sum()) * part.size / effective_size(part) for part in parts)
    if not squares > 0:
        return 0.0, 1.0
    return float(terms.sum() ** 2 / squares), float(parts[1].sum() / terms.sum())


def gaussian_divergence(
    shadow: Array, deployed: Array, weight_shadow: Array | None = None, weight_deployed: Array | None = None
) -> float:
    """KL between Gaussians with the moments of two sets of draws, shapes (draws, parameters) and (draws,)."""
    mean = np.average(shadow, axis=0, weights=weight_shadow) - np.average(deployed, axis=0, weights=weight_deployed)
    own, other = (
        np.atleast_2d(np.cov(draws, rowvar=False, aweights=weight))
        for draws, weight in ((shadow, weight_shadow), (deployed, weight_deployed))
    )
    inverse = np.linalg.pinv(other)
    terms = np.trace(inverse @ own) - len(mean) + mean @ inverse @ mean
    return max(float(terms + np.linalg.slogdet(other)[1] - np.linalg.slogdet(own)[1]) / 2, 0.0)
