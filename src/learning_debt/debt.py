"""Posterior debt from log-likelihoods at draws: which estimator, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays import bridge
from learning_debt.arrays.chain import ChainedDebt, Link, chained_debt
from learning_debt.arrays.effective_size import variance_of_mean
from learning_debt.arrays.label_slope import LabelSlope, label_slope
from learning_debt.estimate import Estimate
from learning_debt.posteriors.base import SampledForecaster

Array = NDArray[np.float64]

MINIMUM_OVERLAP = 30.0
"""Effective draws that could be of either posterior, below which the pooled estimate is not trusted."""
DRAWS_PER_PARAMETER = 10.0
"""Effective draws per parameter that each half must hold for the Gaussian bridge."""
MINIMUM_GAUSSIAN_OVERLAP = 0.2
"""Share of Gaussian proposals that could be posterior draws, below which the posterior is not Gaussian enough."""
LADDER_OVERLAP = 200.0
"""Effective draws that neighbours in a chain share."""
MAXIMUM_DEPARTURE = 5.0
"""Standard errors by which what exact posteriors imply may be missed."""

APPROXIMATE = "is a posterior approximate, or does one belong to other data? Predictive debt needs no exact posteriors"


def debt_from_draws(
    at_shadow: Array,
    at_deployed: Array,
    marginal_shadow: Callable[[], bridge.LogMarginal | str],
    marginal_deployed: Callable[[], bridge.LogMarginal | str],
    *,
    chain: Callable[[], Sequence[Link | None]] | None = None,
) -> Estimate:
    """Debt from log-likelihoods at draws: pooled where the draws overlap, else by a chain, else by Gaussian bridges.

    Parameters
    ----------
    at_shadow, at_deployed : ndarray, shape (chain, draw)
        Log-likelihood of the new data, nats.
    marginal_shadow, marginal_deployed : callable
        Called without arguments, only when needed; a `bridge.LogMarginal`, or a string saying why there is none.
    chain : callable, optional
        Called without arguments, only when needed; the links of `learning_debt.arrays.chain` from the deployed
        posterior to the shadow, empty when there are none.

    Returns
    -------
    Estimate
        Not reliable when no estimator has what it needs, and when the draws contradict what exact posteriors imply.
    """
    pooled = bridge.pooled_debt(at_deployed, at_shadow)
    diagnostics = {"overlap": pooled.overlap}
    contradiction = _jeffreys_contradiction(at_shadow, at_deployed)
    if pooled.overlap >= MINIMUM_OVERLAP:
        slope = label_slope(at_deployed, at_shadow, pooled.log_normaliser)
        return _judged(pooled.value, pooled.standard_error, diagnostics, slope, contradiction)
    chained = _chained(chain() if chain else (), at_shadow)
    if chained is not None and chained.overlap >= MINIMUM_OVERLAP:
        diagnostics |= {"chain_overlap": chained.overlap, "links": float(chained.links)}
        slope, note = chained.label_slope, "by a chain of stored posteriors"
        return _judged(max(chained.value, 0.0), chained.standard_error, diagnostics, slope, contradiction, note)
    shadow, deployed = marginal_shadow(), marginal_deployed()
    if isinstance(shadow, str) or isinstance(deployed, str):
        why = shadow if isinstance(shadow, str) else deployed
        note = contradiction or f"the draws do not overlap, so the debt is at least this large; no bridge: {why}"
        return Estimate(pooled.lower_bound, float("nan"), False, not contradiction, diagnostics, note)
    value = float(at_shadow.mean()) - (shadow.value - deployed.value)
    error = float(np.sqrt(variance_of_mean(at_shadow) + shadow.standard_error**2 + deployed.standard_error**2))
    diagnostics |= {
        "gaussian_overlap": min(shadow.overlap, deployed.overlap),
        "draws_per_parameter": min(shadow.draws_per_parameter, deployed.draws_per_parameter),
    }
    doubt = contradiction or _bridge_doubt(value, error, shadow, deployed, diagnostics)
    floor = pooled.lower_bound if doubt else 0.0
    return Estimate(
        max(value, floor), error, not doubt, diagnostics=diagnostics, note=doubt or "by the Gaussian bridge"
    )


def _judged(
    value: float, error: float, diagnostics: dict[str, float], slope: LabelSlope, contradiction: str, note: str = ""
) -> Estimate:
    """Estimate that rests on overlap, unless the slope or `contradiction` speaks against exact posteriors."""
    diagnostics = diagnostics | {"slope": slope.slope, "slope_se": slope.standard_error}
    if abs(slope.departure) > MAXIMUM_DEPARTURE:
        contradiction = (
            f"the slope of the draws' labels on the log-likelihood is {slope.slope:.2f} ± {slope.standard_error:.2f}, "
            f"not 1: {APPROXIMATE}"
        )
    reliable = not contradiction and bool(np.isfinite(error))
    return Estimate(value, error, reliable, diagnostics=diagnostics, note=contradiction or note)


def _jeffreys_contradiction(at_shadow: Array, at_deployed: Array) -> str:
    """Why the draws cannot be exact: E_p[l] - E_q[l] = KL(p‖q) + KL(q‖p) is never negative. Empty when it is not."""
    if np.isneginf(at_deployed).any():
        return ""
    jeffreys = float(at_shadow.mean() - at_deployed.mean())
    error = float(np.sqrt(variance_of_mean(at_shadow) + variance_of_mean(at_deployed)))
    if not jeffreys < -MAXIMUM_DEPARTURE * error:
        return ""
    return f"the new data are likelier under the deployed posterior than under the shadow that has seen them: {APPROXIMATE}"


def _chained(links: Sequence[Link | None], at_shadow: Array) -> ChainedDebt | None:
    steps = [step for step in links if step is not None]
    return chained_debt(steps, at_shadow) if steps and len(steps) == len(links) else None


def _bridge_doubt(
    value: float,
    error: float,
    shadow: bridge.LogMarginal,
    deployed: bridge.LogMarginal,
    diagnostics: dict[str, float],
) -> str:
    """Why the Gaussian bridge is not to be trusted; empty when it is."""
    if not diagnostics["draws_per_parameter"] >= DRAWS_PER_PARAMETER:
        return f"the Gaussian bridge has under {DRAWS_PER_PARAMETER:.0f} effective draws per parameter"
    if not diagnostics["gaussian_overlap"] >= MINIMUM_GAUSSIAN_OVERLAP:
        return "the posterior is too far from Gaussian for the bridge"
    if max(shadow.disagreement, deployed.disagreement) > MAXIMUM_DEPARTURE:
        return "the two halves of the draws give different Gaussian bridges: draw more, or check the sampler"
    if max(shadow.departure, deployed.departure) > MAXIMUM_DEPARTURE:
        return f"the draws contradict the model's own posterior density: {APPROXIMATE}"
    if value < -MAXIMUM_DEPARTURE * error:
        return f"the debt came out negative: {APPROXIMATE}"
    return ""


def log_marginal(
    forecaster: SampledForecaster, posterior: xr.DataTree, rng: np.random.Generator
) -> bridge.LogMarginal | str:
    """Log marginal likelihood of the data a posterior was fitted to, or the reason why there is none."""
    try:
        draws = forecaster.unconstrained_draws(posterior)
        needed = 4 * draws.shape[-1] + 4
        if draws.shape[0] * draws.shape[1] < needed:
            return f"{draws.shape[0] * draws.shape[1]} draws are too few for a Gaussian, which takes {needed}"
        return bridge.gaussian_log_marginal(draws, lambda points: forecaster.log_joint(posterior, points), rng)
    except NotImplementedError as error:
        return str(error) or "the forecaster offers no joint density"
