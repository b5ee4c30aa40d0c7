"""Posterior debt between approximate posteriors that know their own normalised density."""

from __future__ import annotations

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import ArrayLike, NDArray

from learning_debt.arrays.effective_size import (
    draw_counts,
    influence_on_mean,
    variance_of_mean,
    weighted_mean,
    worth,
)
from learning_debt.estimate import Estimate

Array = NDArray[np.float64]

MINIMUM_DRAWS = 100.0
"""Effective draws below which a mean of log densities and its standard error are not trusted."""
MAXIMUM_PARETO_K = 0.5
"""Shape of the tail of q/p up to which its mean has a finite variance, so that the check against 1 means something."""
MAXIMUM_DEPARTURE = 4.0
"""Standard errors by which what normalised densities imply may be missed."""


def debt_from_densities(
    shadow_at_shadow: ArrayLike, deployed_at_shadow: ArrayLike, *, weight: ArrayLike | None = None
) -> Estimate:
    """Posterior debt KL(shadow‖deployed) = E_p[log p - log q] from normalised log densities at the shadow's draws.

    For posteriors that are not exact, so that log-likelihoods say nothing about their density ratio, but that can be
    evaluated: variational ones (ADVI, Pathfinder, flows), a Kalman filter. The debt is that between the approximations.

    Parameters
    ----------
    shadow_at_shadow, deployed_at_shadow : array_like, shape (chain, draw)
        Log densities log p of the shadow and log q of the deployed posterior at the shadow's draws, both of the same
        parameters on the same scale (both on the natural scale, or both with the Jacobian of the same transform), with
        all their constants.
    weight : array_like, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.

    Returns
    -------
    Estimate
        Nats. The error is that of a plain mean: nothing is assumed about the densities. Not reliable when the value is
        negative by more than its error allows, when E_p[q/p] is not 1 (a density is not normalised, or the draws are
        not the shadow's), or when there are fewer than 100 effective draws. ``diagnostics["total"]`` is that mean; NaN
        where its tail is too heavy to tell, as when the posteriors lie far apart. The note says so then.

    Raises
    ------
    ValueError
        If shapes differ, a density is NaN or ``+inf``, the shadow has none at a draw of its own, or weights are
        negative or all zero.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> draws = np.random.default_rng(1).normal(1.0, 1.0, size=(4, 500))   # N(1, 1) against N(0, 1.5): debt .350
    >>> debt = debt_from_densities(norm.logpdf(draws, 1.0, 1.0), norm.logpdf(draws, 0.0, 1.5))
    >>> debt.reliable, bool(abs(debt.value - 0.350) < 4 * debt.standard_error)
    (True, True)
    >>> debt_from_densities(norm.logpdf(draws, 1.0, 1.0), norm.logpdf(draws, 0.0, 1.5) + 0.5).reliable  # not normalised
    False
    """
    shadow, deployed, own = _checked(shadow_at_shadow, deployed_at_shadow, weight)
    counts = draw_counts(shadow, own)
    if np.isneginf(deployed[counts > 0]).any():
        note = "the deployed posterior has no density where the shadow has draws: the debt is infinite"
        return Estimate(float("inf"), float("nan"), False, True, note=note)
    log_ratio = np.where(counts > 0, shadow, 0.0) - np.where(counts > 0, deployed, 0.0)
    influence = influence_on_mean(log_ratio, own)
    value, error = weighted_mean(log_ratio, own), float(np.sqrt(variance_of_mean(influence)))
    size = float(counts.sum()) * worth(influence)
    total, departure = _total(log_ratio, own)
    diagnostics = {"effective_draws": size, "total": total, "departure": departure}
    note = _doubt(value, error, size, departure)
    if note:
        return Estimate(max(value, 0.0), error, False, diagnostics=diagnostics, note=note)
    if not np.isfinite(departure):
        note = "the posteriors lie too far apart to check that both densities are normalised"
    return Estimate(max(value, 0.0), error, diagnostics=diagnostics, note=note)


def _doubt(value: float, error: float, size: float, departure: float) -> str:
    """Why the estimate is not to be trusted; empty when nothing speaks against it."""
    if value < -MAXIMUM_DEPARTURE * error:
        return "the debt came out negative: is a density not normalised, or are the draws not the shadow's?"
    if abs(departure) > MAXIMUM_DEPARTURE:
        return "E_p[q/p] is not 1: is a density not normalised, or are the draws not the shadow's?"
    if not size >= MINIMUM_DRAWS:
        return f"the draws are worth under {MINIMUM_DRAWS:.0f} independent ones: draw more"
    return ""


def _total(log_ratio: Array, weight: Array | None) -> tuple[float, float]:
    """E_p[q/p], which is 1, and its distance from 1 in standard errors; NaN where its tail is too heavy to tell."""
    ratio = np.exp(np.minimum(-log_ratio, 700.0))
    if np.ptp(ratio) <= 1e-12 * ratio.max():
        total = weighted_mean(ratio, weight)
        return total, 0.0 if abs(total - 1) < 1e-9 else float("inf")
    terms = ratio if weight is None else ratio * weight / weight.mean()
    if (
        terms.size < 25
        or not float(array_stats.psislw(-np.log(np.maximum(terms, 1e-300)).ravel())[1]) <= MAXIMUM_PARETO_K
    ):
        return float("nan"), float("nan")
    total = weighted_mean(ratio, weight)
    error = float(np.sqrt(variance_of_mean(influence_on_mean(ratio, weight))))
    return total, (total - 1) / error


def _checked(shadow: ArrayLike, deployed: ArrayLike, weight: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    at = {"shadow_at_shadow": np.asarray(shadow, dtype=float), "deployed_at_shadow": np.asarray(deployed, dtype=float)}
    if weight is not None:
        at["weight"] = np.asarray(weight, dtype=float)
    shape = at["shadow_at_shadow"].shape
    for name, values in at.items():
        if values.ndim != 2 or values.size == 0 or values.shape != shape:
            raise ValueError(f"{name} must have shape (chain, draw), the same as the others, not {values.shape}")
        if np.isnan(values).any() or np.isposinf(values).any():
            raise ValueError(f"{name} holds NaN or +inf")
    own = at.get("weight")
    if own is not None and ((own < 0).any() or not own.sum() > 0):
        raise ValueError("weight must hold numbers of at least 0, not all 0")
    drawn = np.ones(shape, dtype=bool) if own is None else own > 0
    if np.isneginf(at["shadow_at_shadow"][drawn]).any():
        raise ValueError("shadow_at_shadow holds -inf: the shadow has no density at a draw of its own")
    return at["shadow_at_shadow"], at["deployed_at_shadow"], own
