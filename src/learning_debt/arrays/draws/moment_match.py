"""Importance weights of draws, and affine moves that carry draws nearer to the density they are weighted for.

Vehtari et al. (2024), *Pareto smoothed importance sampling*, JMLR 25(72); Paananen et al. (2021), *Implicitly adaptive
importance sampling*, Statistics and Computing 31, 16. `arviz_stats` smooths the weights; its moves are private, serve
leave-one-out only and do not hand out the Jacobian that weights of moved draws need, hence the three moves here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.arrays.draws.effective_size import effective_size, weighted_size
from learning_debt.typing import Array

DRAWS_PER_PARAMETER = 10.0
"""Effective draws per parameter from which a covariance is worth matching (Paananen et al. 2021, section 3.2).

At least as many as its d² entries are asked for, too: a covariance taken from n effective draws leaves weights worth
about exp(-d² / 2n) of the draws it moves, .6 at n = d². Regressions of 100 coefficients, moved with n = 1,000 to 3,000,
came out worse than by scale alone.
"""
RELIABLE_K = 0.7
"""Pareto k up to which smoothed weights keep the error their effective size promises (Vehtari et al. 2024)."""

EQUAL = 1e-8
"""Spread of log weights, in nats, that is rounding: such weights have no tail to speak of."""


class Importance(NamedTuple):
    """Smoothed importance weights.

    Attributes
    ----------
    log_weight : ndarray, shape (chain, draw)
        Up to a constant; ``-inf`` where the target has no density.
    pareto_k : float
        Shape of the tail of the raw weights; ``inf`` where it cannot be told, 0 where all weights are equal.
    effective_size : float
        Draws from the target that would do as well: Kish's count of the weights, times the chains' efficiency.
    """

    log_weight: Array
    pareto_k: float
    effective_size: float


class Moved(NamedTuple):
    """Points moved by an affine map, and the logarithm of its determinant."""

    points: Array
    log_determinant: float


def importance(log_ratio: Array, efficiency: float = 1.0) -> Importance:
    """Pareto-smoothed weights of draws whose log density ratios target / proposal are `log_ratio`, (chain, draw).

    Parameters
    ----------
    log_ratio : ndarray, shape (chain, draw)
        Up to a constant; nats.
    efficiency : float
        Effective draws per draw of the chains. The weights' own efficiency is used where it is lower.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 1000))
    >>> shifted = importance(0.5 * draws)  # N(0, 1) to N(0.5, 1): Kish's count is draws / exp(0.25)
    >>> bool(shifted.pareto_k < 0.5), round(shifted.effective_size / 4000, 1)
    (True, 0.8)
    """
    peak = log_ratio.max()
    if not np.isfinite(peak) or np.isnan(log_ratio).any():
        return Importance(log_ratio, float("inf"), 0.0)
    centred = log_ratio - peak
    if np.ptp(centred) < EQUAL:
        return Importance(np.zeros_like(centred), 0.0, min(efficiency, 1.0) * centred.size)
    own = effective_size(np.exp(centred)) / centred.size
    efficiency = min(efficiency, own if np.isfinite(own) and own > 0 else 1.0, 1.0)
    try:
        smoothed, pareto_k = array_stats().psislw(-centred.ravel(), r_eff=efficiency)
    except ValueError:  # fewer than five draws in the tail, or all of the tail equal
        return Importance(centred, float("inf"), 0.0)
    weight = np.exp(smoothed - smoothed.max())
    kish = weighted_size(weight)
    finite = bool(np.isfinite(pareto_k))
    return Importance(
        smoothed.reshape(centred.shape), float(pareto_k) if finite else float("inf"), efficiency * kish * finite
    )


def shift(points: Array, weight: Array) -> Moved:
    """Points moved so that their mean is the weighted mean.

    Parameters
    ----------
    points : ndarray, shape (chain, draw, parameters)
    weight : ndarray, shape (chain, draw)
        Up to a factor.
    """
    mean, target = _means(points, weight)
    return Moved(points + (target - mean), 0.0)


def shift_and_scale(points: Array, weight: Array) -> Moved:
    """Points moved so that means and variances are the weighted ones; arguments as in `shift`."""
    mean, target = _means(points, weight)
    share = weight / weight.sum()
    variance = np.tensordot(share, (points - target) ** 2, 2)
    own = ((points - mean) ** 2).mean(axis=(0, 1))
    movable = (own > 0) & (variance > 0)
    factor = np.sqrt(np.where(movable, variance, 1.0) / np.where(movable, own, 1.0))
    return Moved(target + factor * (points - mean), float(np.log(factor).sum()))


def shift_and_covariance(points: Array, weight: Array) -> Moved:
    """Points moved so that mean and covariance are the weighted ones; arguments as in `shift`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is singular.
    """
    mean, target = _means(points, weight)
    flat, share = points.reshape(-1, points.shape[-1]), (weight / weight.sum()).ravel()
    away, own = flat - target, flat - mean
    matched = np.linalg.cholesky((away * share[:, None]).T @ away)
    before = np.linalg.cholesky(own.T @ own / len(own))
    moved = target + (matched @ solve_triangular(before, own.T, lower=True)).T
    log_determinant = np.log(np.diagonal(matched)).sum() - np.log(np.diagonal(before)).sum()
    return Moved(moved.reshape(points.shape), float(log_determinant))


class Match(NamedTuple):
    """Draws after `moment_match`.

    Attributes
    ----------
    points : ndarray, shape (chain, draw, parameters)
    log_proposal : ndarray, shape (chain, draw)
        Log density that the moved draws have been drawn from, at each of them.
    log_ratio : ndarray, shape (chain, draw)
        Log density of the target less `log_proposal`, up to a constant.
    importance : Importance
        The weights they now carry.
    passes : int
        Times the target was evaluated at all points.
    """

    points: Array
    log_proposal: Array
    log_ratio: Array
    importance: Importance
    passes: int


def moment_match(
    start: Match,
    log_density: Callable[[Array], Array],
    enough: Callable[[Importance], bool],
    *,
    efficiency: float = 1.0,
    maximum_passes: int = 6,
) -> Match:
    """Move draws towards a target until their weights are `enough`, no move helps, or `maximum_passes` are spent.

    Draws of density g moved by T have density g / |det T|. T takes the weighted moments: covariance where the weights
    are worth enough draws for one (`DRAWS_PER_PARAMETER`), else scale, else location.

    Parameters
    ----------
    start : Match
        The draws as they are, with their weights for this target.
    log_density : callable
        Log density of the target, up to a constant, at points (chain, draw, parameters); gives (chain, draw).
    enough : callable
        Whether an `Importance` will do.
    efficiency : float
        As in `importance`.
    maximum_passes : int
        Evaluations of the target that may be spent.
    """
    match = start
    while not enough(match.importance):
        weight = np.exp(match.importance.log_weight - match.importance.log_weight.max())
        before = match
        for move in _worth_trying(weight, match.points.shape[-1]):
            if match.passes >= maximum_passes:
                return match
            tried = _moved(match, move, weight, log_density, efficiency)
            match = match._replace(passes=match.passes + 1) if tried is None else match._replace(passes=tried.passes)
            if tried is not None and _better(tried.importance, match.importance):
                match = tried
                break
        if match.points is before.points:
            return match
    return match


def _moved(
    match: Match,
    move: Callable[[Array, Array], Moved],
    weight: Array,
    log_density: Callable[[Array], Array],
    efficiency: float,
) -> Match | None:
    """The draws after one move, or None where it cannot be made."""
    try:
        points, log_determinant = move(match.points, weight)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(points).all():
        return None
    log_proposal = match.log_proposal - log_determinant
    target = log_density(points)
    ratio = np.where(np.isnan(target), -np.inf, target) - log_proposal
    return Match(points, log_proposal, ratio, importance(ratio, efficiency), match.passes + 1)


def _worth_trying(weight: Array, parameters: int) -> list[Callable[[Array, Array], Moved]]:
    """The moves that the weights can support, the richest first."""
    kish = weighted_size(weight)
    rich = [shift_and_covariance] if kish >= max(DRAWS_PER_PARAMETER * parameters, parameters**2) else []
    return [*rich, shift_and_scale, shift]


def _better(tried: Importance, before: Importance) -> bool:
    """A lighter tail, or, where both tails will do, more effective draws."""
    if max(tried.pareto_k, before.pareto_k) <= RELIABLE_K:
        return tried.effective_size > before.effective_size
    return tried.pareto_k < before.pareto_k


def _means(points: Array, weight: Array) -> tuple[Array, Array]:
    """Mean of the points, and their weighted mean."""
    return points.mean(axis=(0, 1)), np.tensordot(weight / weight.sum(), points, 2)
