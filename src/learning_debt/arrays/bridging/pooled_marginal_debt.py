"""Debt of a few parameters alone, between two weightings of one pool of draws.

Each draw of the pool counts for the shadow p by one weight and for the deployed posterior q by another, and the ratio
of the two is the density ratio of all parameters. That of a few is its regression on them, fitted and used as in
`learning_debt.arrays.bridging.marginal_debt`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from learning_debt.arrays.bridging.density_ratio import (
    LARGEST_LOG_RATIO,
    log_mean_ratio,
    log_ratio_weights,
    ratio_features,
)
from learning_debt.arrays.bridging.marginal_debt import MarginalDebt, gaussian_divergence, told_apart
from learning_debt.arrays.bridging.reweighted import tail_shape
from learning_debt.arrays.draws.effective_size import effective_share, weighted_size
from learning_debt.arrays.draws.fit_shares import FitShares
from learning_debt.typing import Array


def pooled_marginal_debt(draws: Array, weight_shadow: Array, weight_deployed: Array, shares: FitShares) -> MarginalDebt:
    """KL(shadow‖deployed) of the parameters in `draws` alone.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, parameters)
        Draws of at most about ten parameters, on the whole real line.
    weight_shadow, weight_deployed : ndarray, shape (chain, draw)
        Relative weights of the draws under either posterior.
    shares : FitShares
        The fits that the draws came from.

    Returns
    -------
    MarginalDebt
        As from `marginal_debt`: halfway between what overfits and what a cross-fit misses, half their difference
        counting as error.

    Notes
    -----
    A draw adds w (g - E_p g) - u (exp g - 1) to the error, with w and u its weights and g the log density ratio, less
    log E_q[exp g]; and what `FitShares.whole` says. Where belief has hardly moved the two parts nearly cancel.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = rng.normal(size=(4, 1000, 2)) + np.array([0, 0, 1, 1])[:, None, None] * [1.0, 0.0]
    >>> share = 1 / (1 + np.exp(0.5 - draws[..., 0]))  # of N(1, 1) rather than N(0, 1) in the first coordinate
    >>> shares = FitShares(np.stack([1 - share, share], axis=-1), np.array([0, 0, 1, 1]))
    >>> first, second = (pooled_marginal_debt(draws[..., [j]], share, 1 - share, shares) for j in (0, 1))
    >>> abs(first.value - 0.5) < 4 * first.standard_error, second.value < 0.01
    (True, True)
    """
    pool = draws.reshape(-1, draws.shape[-1])
    w, u = (weight.ravel() / weight.sum() for weight in (weight_shadow, weight_deployed))
    effective = _effective_draws(draws, weight_shadow, weight_deployed, shares)
    if (np.ptp(pool, axis=0) == 0).all():
        return MarginalDebt(0.0, 0.0, effective, 0.0, effective)
    both, first = (w + u) / 2, _first_half(draws)
    features = ratio_features(pool, both)
    fitted = features @ log_ratio_weights(features, w, u, weighted_size(both))
    crossed = np.empty_like(fitted)
    for fit, use in ((first, ~first), (~first, first)):
        of_fit = (w[fit] / w[fit].sum(), u[fit] / u[fit].sum())
        weights = log_ratio_weights(features[fit], *of_fit, weighted_size(both[fit]))
        crossed[use] = np.minimum(features[use] @ weights, LARGEST_LOG_RATIO)
        crossed[use] -= log_mean_ratio(crossed[use], u[use] / u[use].sum())
    fitted -= log_mean_ratio(fitted, u)
    upper, lower = (float(w @ g) for g in (fitted, crossed))
    terms = u * np.exp(crossed)
    influence = _whole(w * (crossed - lower) - terms + u, draws, shares) * len(pool)
    share = effective_share(influence)
    own = float(np.sqrt(np.var(influence, ddof=1) / (share * influence.size)))
    support = weighted_size(terms) * effective_share(_whole(terms, draws, shares))
    moments = gaussian_divergence(pool, pool, w, u)
    error = float(np.hypot(own, (upper - lower) / 2))
    effective = min(effective, share * min(weighted_size(w), weighted_size(u)))
    with np.errstate(divide="ignore"):
        tail = tail_shape(np.log(terms))
    return MarginalDebt(max((upper + lower) / 2, 0.0), error, support, moments, effective, tail)


def pooled_lower_bound(draws: Array, weight_shadow: Array, weight_deployed: Array, shares: FitShares) -> float:
    """What KL(shadow‖deployed) is at least, with a confidence of 95%, as `marginal_debt.lower_bound` has it.

    Parameters
    ----------
    draws, weight_shadow, weight_deployed, shares
        As in `pooled_marginal_debt`.
    """
    pool, first = draws.reshape(-1, draws.shape[-1]), _first_half(draws)
    w, u = (weight.ravel() / weight.sum() for weight in (weight_shadow, weight_deployed))
    inside = np.empty(len(pool), dtype=bool)
    for fit, use in ((first, ~first), (~first, first)):
        p, q = (
            multivariate_normal(
                np.average(pool[fit], axis=0, weights=weight[fit]),
                np.atleast_2d(np.cov(pool[fit], rowvar=False, aweights=weight[fit])),
                allow_singular=True,
            )
            for weight in (w, u)
        )
        inside[use] = np.atleast_1d(p.logpdf(pool[use]) > q.logpdf(pool[use]))
    of_region = []
    for weight in (w, u):
        hit = float(weight[inside].sum())
        size = weighted_size(weight) * effective_share(_whole(weight * (inside - hit), draws, shares))
        of_region += [size * hit, size]
    return told_apart(*of_region)


def _effective_draws(draws: Array, weight_shadow: Array, weight_deployed: Array, shares: FitShares) -> float:
    """Of the mean of any parameter under either weighting, the least."""
    least = np.inf
    for weight in (weight_shadow, weight_deployed):
        means = np.average(draws, axis=(0, 1), weights=weight)
        share = effective_share(*(shares.whole(weight * part) for part in np.moveaxis(draws - means, -1, 0)))
        least = min(least, weighted_size(weight) * share)
    return float(least)


def _whole(flat: Array, draws: Array, shares: FitShares) -> Array:
    return shares.whole(flat.reshape(draws.shape[:2]))


def _first_half(draws: Array) -> NDArray[np.bool_]:
    """Whether a draw lies in the first half of its chain, flattened chain by chain."""
    chains, number = draws.shape[:2]
    return np.tile(np.arange(number) < number // 2, chains)
