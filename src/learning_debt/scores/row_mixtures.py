"""Predictive densities of rows as mixtures of draws: at outcomes, with the verdict on their errors."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.arrays.draws.effective_size import ENOUGH
from learning_debt.arrays.predictive import mixture
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor
from learning_debt.forecasters.row_likelihood import row_log_density
from learning_debt.forecasters.weights import doubts_of_weights, fit_shares, lineage, relative_weights
from learning_debt.typing import Array

__all__ = [
    "gap_from_mixtures",
    "posterior_mixture",
    "row_mixture",
    "score_from_mixture",
    "supported",
    "tolerated_error",
]

MAXIMUM_RELATIVE_VARIANCE = 0.01
"""Squared Monte-Carlo error of a log density ratio (root mean square over the outcomes) above which it is not trusted.

About 100 effective draws must carry a density. Beyond, few draws reach an outcome and their own spread understates the
error: values come out too large, and intervals undercover. Chosen on other seeds than the ones that score it
(notebooks/sampled_against_exact.ipynb)."""
MAXIMUM_WEIGHTED_VARIANCE = 0.004
"""The same where draws carry weights: about 250 effective draws must carry a density.

The weights' own tail makes errors look smaller than they are: 1,800 pairs of reweighted conjugate posteriors, 1,000 to
4,000 draws, independent and AR(.8): 90% intervals of predictive debt covered .88 below .002, .87 to .004, .83 to .007
and .78 to .01, where they missed by up to 8 standard errors."""


def tolerated_error(standard_error: float, value: float) -> float:
    """Of a rule of integration: what Monte Carlo blurs anyway, or 1% of the `value` it gives."""
    return max(0.25 * standard_error, 0.01 * value, 1e-7)


def row_mixture(
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> mixture.Mixture:
    """Log predictive density of every row of `batch`, after `past`."""
    return posterior_mixture(posterior, row_log_density(forecaster, posterior, batch, past, random_seed))


def posterior_mixture(posterior: xr.DataTree, log_density: Array) -> mixture.Mixture:
    """Mixture over the draws of `posterior`, weighted as they are, of log densities (chain, draw, points)."""
    of_draws = mixture.mixture(log_density, relative_weights(posterior), lineage(posterior))
    return of_draws._replace(doubts=doubts_of_weights(posterior), shares=fit_shares(posterior))


def supported(found: mixture.MonteCarlo, *mixtures: mixture.Mixture, most: float = MAXIMUM_RELATIVE_VARIANCE) -> bool:
    """Whether enough draws lie behind the standard error, and carry the densities, for it to be believed."""
    weighted = any(np.ptp(side.weight) > 0 for side in mixtures)
    carried = found.relative_variance <= (MAXIMUM_WEIGHTED_VARIANCE if weighted else most)
    return carried and found.size >= ENOUGH


def doubts_of_error(
    found: mixture.MonteCarlo,
    mixtures: tuple[mixture.Mixture, ...],
    out_of_reach: Doubt,
    most: float = MAXIMUM_RELATIVE_VARIANCE,
) -> tuple[Doubt, ...]:
    """Why the standard error is not to be believed, if it is not; `out_of_reach` where too few draws carry a point."""
    if found.size < ENOUGH:
        return (Doubt.FEW_DRAWS,)
    return () if supported(found, *mixtures, most=most) else (out_of_reach,)


def gap_from_mixtures(shadow: mixture.Mixture, deployed: mixture.Mixture) -> Estimate:
    """Score gap of two mixtures at realised outcomes, with the verdict on its error."""
    return _at_outcomes(mixture.score_gap(shadow, deployed), shadow, deployed)


def score_from_mixture(forecast: mixture.Mixture) -> Estimate:
    """Mean log score of a mixture at realised outcomes, with the verdict on its error."""
    return _at_outcomes(mixture.mean_score(forecast), forecast)


def _at_outcomes(found: mixture.MonteCarlo, *mixtures: mixture.Mixture) -> Estimate:
    diagnostics = {"relative_variance": found.relative_variance, "effective_draws": found.size}
    doubts = [doubt for side in mixtures for doubt in side.doubts]
    if not np.isfinite(found.value):
        doubts.insert(0, Doubt.OUTCOME_IMPOSSIBLE)
        bound = found.value > 0
        return Estimate(found.value, float("nan"), lower_bound=bound, diagnostics=diagnostics).with_doubts(*doubts)
    against = (*doubts_of_error(found, mixtures, Doubt.FEW_REACH_OUTCOME), *doubts)
    return Estimate(found.value, found.standard_error, diagnostics=diagnostics).with_doubts(*against)
