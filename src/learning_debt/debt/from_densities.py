"""Posterior debt between approximate posteriors that know their own normalised density."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from learning_debt.arrays.bridging.chain import link
from learning_debt.arrays.draws.effective_size import (
    ENOUGH,
    chosen_inflation,
    draw_counts,
    effective_share,
    influence_on_mean,
    variance_of_mean,
    weighted_mean,
)
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.typing import Array
from learning_debt.validation import require_numbers

MINIMUM_OVERLAP = 30.0
"""Effective draws that could be of either posterior, below which their normalisers are not compared."""
MAXIMUM_DEPARTURE = 4.0
"""Standard errors by which what normalised densities imply may be missed."""


def debt_from_densities(
    shadow_at_shadow: ArrayLike,
    deployed_at_shadow: ArrayLike,
    shadow_at_deployed: ArrayLike | None = None,
    deployed_at_deployed: ArrayLike | None = None,
    *,
    weight_shadow: ArrayLike | None = None,
    weight_deployed: ArrayLike | None = None,
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
    shadow_at_deployed, deployed_at_deployed : array_like, shape (chain, draw), optional
        The same at draws of the deployed posterior, drawn independently. They change no value, but only with them a
        constant that a density lacks is found out on either side, where the posteriors overlap: from the shadow's draws
        alone E_p[q/p] = 1 can be seen to be exceeded, and a mean below 1 is what a heavy tail gives, too.
    weight_shadow, weight_deployed : array_like, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.

    Returns
    -------
    Estimate
        Nats. The error is that of a plain mean: nothing is assumed about the densities. Not reliable when the value is
        negative by more than its error allows, when a density turns out not to be normalised or not to be that of the
        draws, or when there are fewer than 100 effective draws. ``diagnostics`` has ``total``, the mean of q/p; with
        deployed draws also ``log_normaliser``, which is 0, its ``departure`` in standard errors, and ``overlap``.

    Raises
    ------
    ValueError
        If shapes differ, a density is NaN or ``+inf``, a posterior has none at a draw of its own, only one of both
        densities is given at the deployed draws, or weights are negative or all zero.

    See Also
    --------
    posterior_debt : For posteriors from exact samplers, which need no density.
    SuppliedShadow : Keeps such posteriors current, with their `log_density`.

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
    at_shadow = {"shadow_at_shadow": shadow_at_shadow, "deployed_at_shadow": deployed_at_shadow}
    log_ratio, weight = _log_ratio(at_shadow, "weight_shadow", weight_shadow)
    if np.isposinf(log_ratio).any():
        return Estimate(float("inf"), float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
    influence = influence_on_mean(log_ratio, weight)
    value, error = weighted_mean(log_ratio, weight), float(np.sqrt(variance_of_mean(influence)))
    share = effective_share(influence)
    size = float(draw_counts(log_ratio, weight).sum()) * share
    error *= chosen_inflation(size, share)
    total, excess = _total(log_ratio, weight)
    diagnostics = {"effective_draws": size, "total": total}
    doubts = _doubts(value, error, size, excess)
    if shadow_at_deployed is not None and deployed_at_deployed is not None:
        at_deployed = {"deployed_at_deployed": deployed_at_deployed, "shadow_at_deployed": shadow_at_deployed}
        other, weight_other = _log_ratio(at_deployed, "weight_deployed", weight_deployed)
        compared = _normalisers(-other, weight_other, log_ratio, weight)
        diagnostics |= compared
        if compared["overlap"] < MINIMUM_OVERLAP:
            doubts.append(Doubt.NORMALISERS_UNCHECKED)
        elif abs(compared["departure"]) > MAXIMUM_DEPARTURE:
            doubts.append(Doubt.NORMALISERS_DIFFER)
    elif shadow_at_deployed is not None or deployed_at_deployed is not None:
        raise ValueError("shadow_at_deployed and deployed_at_deployed go together: give both or neither")
    return Estimate(max(value, 0.0), error, diagnostics=diagnostics, doubts=tuple(doubts))


def _doubts(value: float, error: float, size: float, excess: float) -> list[Doubt]:
    """What the shadow's draws alone say against the estimate."""
    found = {
        Doubt.DENSITIES_NEGATIVE: value < -MAXIMUM_DEPARTURE * error,
        Doubt.NOT_NORMALISED: excess > MAXIMUM_DEPARTURE,
        Doubt.FEW_DRAWS: not size >= ENOUGH,
    }
    return [doubt for doubt, holds in found.items() if holds]


def _total(log_ratio: Array, weight: Array | None) -> tuple[float, float]:
    """Mean of q/p, and by how many of its standard errors it exceeds 1."""
    ratio = np.exp(np.minimum(-log_ratio, 700.0))
    total = weighted_mean(ratio, weight)
    error = float(np.sqrt(variance_of_mean(influence_on_mean(ratio, weight))))
    if not error > 1e-12 * total:
        return total, 0.0 if total < 1 + 1e-9 else float("inf")
    return total, (total - 1) / error


def _normalisers(
    at_deployed: Array, weight_deployed: Array | None, at_shadow: Array, weight_shadow: Array | None
) -> dict[str, float]:
    """Logarithm of the ratio of both normalisers by Bennett's acceptance ratio, from log p - log q at draws of both."""
    step = link(at_deployed, at_shadow, weight_earlier=weight_deployed, weight_later=weight_shadow)
    if step is None:
        return {"log_normaliser": float("nan"), "departure": float("nan"), "overlap": 0.0}
    error = np.sqrt(variance_of_mean(step.earlier_influence) + variance_of_mean(step.later_influence))
    same = abs(step.log_normaliser) < 1e-9
    departure = 0.0 if same else float(step.log_normaliser / error) if error > 0 else float("inf")
    return {"log_normaliser": step.log_normaliser, "departure": departure, "overlap": step.overlap}


def _log_ratio(
    densities: dict[str, ArrayLike], weight_name: str, weight: ArrayLike | None
) -> tuple[Array, Array | None]:
    """Log density of the draws' own posterior less the other's, shape (chain, draw); 0 where draws weigh nothing."""
    at = {name: require_numbers(name, values, finite=False) for name, values in densities.items()}
    if weight is not None:
        at[weight_name] = require_numbers(weight_name, weight, at_least=0)
    (own_name, own), (_, other) = list(at.items())[:2]
    for name, values in at.items():
        if values.ndim != 2 or values.size == 0 or values.shape != own.shape:
            raise ValueError(f"{name} must have shape (chain, draw), the same as the others, not {values.shape}")
        if np.isnan(values).any() or np.isposinf(values).any():
            raise ValueError(f"{name} holds NaN or +inf")
    relative = at.get(weight_name)
    if relative is not None and ((relative < 0).any() or not relative.sum() > 0):
        raise ValueError(f"{weight_name} must hold numbers of at least 0, not all 0")
    drawn = np.ones(own.shape, dtype=bool) if relative is None else relative > 0
    if np.isneginf(own[drawn]).any():
        raise ValueError(f"{own_name} holds -inf: a posterior has no density at a draw of its own")
    return np.where(drawn, own, 0.0) - np.where(drawn, other, 0.0), relative
