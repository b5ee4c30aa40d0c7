"""Posterior debt from log-likelihoods at draws: which estimator, and whether it can be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays import bridge
from learning_debt.estimate import Estimate
from learning_debt.posteriors.base import SampledForecaster

Array = NDArray[np.float64]

MINIMUM_OVERLAP = 30.0
"""Effective deployed draws among the shadow's, below which the pooled estimate is not trusted."""
DRAWS_PER_PARAMETER = 10.0
"""Effective draws per parameter that each half must hold for the Gaussian bridge."""
MINIMUM_GAUSSIAN_OVERLAP = 0.2
"""Share of Gaussian proposals that could be posterior draws, below which the posterior is not Gaussian enough."""


def debt_from_draws(at_shadow: Array, at_deployed: Array, marginal_shadow: Any, marginal_deployed: Any) -> Estimate:
    """Debt from log-likelihoods at draws, shape (chain, draw): pooled, or by the Gaussian bridge without overlap.

    `marginal_shadow` and `marginal_deployed` are called without arguments, only when needed, and return a
    `bridge.LogMarginal`, or a string saying why there is none.
    """
    pooled = bridge.pooled_debt(at_deployed, at_shadow)
    if pooled.overlap >= MINIMUM_OVERLAP:
        return Estimate(pooled.value, pooled.standard_error, diagnostics={"overlap": pooled.overlap})
    shadow, deployed = marginal_shadow(), marginal_deployed()
    if isinstance(shadow, str) or isinstance(deployed, str):
        why = shadow if isinstance(shadow, str) else deployed
        note = f"the draws do not overlap, so the debt is at least this large; no bridge: {why}"
        return Estimate(pooled.lower_bound, float("nan"), False, True, {"overlap": pooled.overlap}, note)
    value = float(at_shadow.mean()) - (shadow.value - deployed.value)
    variance = bridge.variance_of_mean(at_shadow) + shadow.standard_error**2 + deployed.standard_error**2
    diagnostics = {
        "overlap": pooled.overlap,
        "gaussian_overlap": min(shadow.overlap, deployed.overlap),
        "draws_per_parameter": min(shadow.draws_per_parameter, deployed.draws_per_parameter),
    }
    if diagnostics["draws_per_parameter"] < DRAWS_PER_PARAMETER:
        reliable, note = False, f"the Gaussian bridge has under {DRAWS_PER_PARAMETER:.0f} effective draws per parameter"
    elif diagnostics["gaussian_overlap"] < MINIMUM_GAUSSIAN_OVERLAP:
        reliable, note = False, "the posterior is too far from Gaussian for the bridge"
    else:
        reliable, note = True, "by the Gaussian bridge"
    floor = 0.0 if reliable else pooled.lower_bound
    return Estimate(max(value, floor), float(np.sqrt(variance)), reliable, diagnostics=diagnostics, note=note)


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
