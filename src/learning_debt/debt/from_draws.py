"""Posterior debt from log-likelihoods at draws: which estimator, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.bridging.chain import Link, chained_debt
from learning_debt.arrays.bridging.label_slope import LabelSlope, label_slope
from learning_debt.arrays.bridging.reweighted import reweighted_debt
from learning_debt.arrays.draws.effective_size import (
    ENOUGH,
    chosen_inflation,
    draw_counts,
    influence_on_mean,
    size_at_squares,
    variance_of_mean,
    weighted_mean,
    weighted_size,
)
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.weights import MAXIMUM_PARETO_K, relative_weights
from learning_debt.typing import Array

__all__ = ["NoLogMarginal", "debt_from_draws", "log_marginal"]

MINIMUM_OVERLAP = 30.0
"""Effective draws that could be of either posterior, below which the pooled estimate is not trusted.

Independent draws of normals 3.5 to 5 standard deviations apart, overlap 30 to 60: 90% intervals covered .90 of 8,000
and none missed by more than 3.8 standard errors; nothing asks for more. Draws worth under `ENOUGH` are trusted at no
overlap, which does not show how well their worth is known.
"""
DRAWS_PER_PARAMETER = 4.0
"""Effective draws per parameter that each half must hold for the Gaussian bridge.

Log marginals of normals (d = 20), skew normals and Student-t (30), lognormals (10) and funnels (10) at 2 to 6 of them,
independent or sticky draws, 60 to 100 replications each: intervals covered .90 to .98, no miss beyond 2.8 standard
errors. Regression with 200 coefficients: rms error .19 for a standard error of .25 at 3.5; at 1.6 coverage fell to
.25, and the overlap to 0.
"""
MINIMUM_GAUSSIAN_OVERLAP = 0.1
"""Share of Gaussian proposals that could be posterior draws, below which the posterior is not Gaussian enough.

A bridge needs overlap, not a Gaussian: funnels of spread 2 and 3, modes up to 40 standard deviations apart and products
of 30 skewed marginals, overlaps .06 to .3 of 500 to 2,000 draws a half, covered .89 to .98 with no miss beyond 3.7
standard errors. Below, too few draws carry it.
"""
LADDER_SHARE = 0.5
"""Share of overlap that a step of a chain keeps.

Four cases of 15 to 27 nats, 2,000 draws, a posterior a tenth of the way: standard errors at shares of .06, .2, .5 and
.9 were .155, .125, .108 and .105 nats with 3, 4, 7 and 10 links; coverage .93, .91, .92 and .92 of 160.
"""
MAXIMUM_DEPARTURE = 4.0
"""Standard errors by which what exact posteriors imply may be missed.

No slope of 35,000 pairs of exact draws departed by more than 3.4: normals, Student-t, gamma, beta and modes of 1e-4,
debts from 5e-7 to 8 nats, draws independent, autoregressive (.5 and .9) and sticky. Mean-field Gaussians in regressions
with correlations of .5 to .9, debts off by factors of .5 to 36, departed by 2.2 to 19, six in seven by more than 4.
A floor on the slope's distance from 1 is not needed: it would pass debts that are off by more than their error.
"""

WEIGHT_INFLATION = 1.0
"""How much a standard error under weights grows per `ENOUGH` over the draws that reach the squares of the weights.

A debt that came out too small for want of the largest weights brings too small an error with it. Normals .2 to .8 nats
apart, 1,000 and 4,000 independent draws, weights as they are and smoothed, 1,000 replications a cell: 90% intervals
covered .93 to .96 with a largest miss of 5.6 standard errors (in one cell; 4.2 elsewhere); without it .85 to .90 and
7.3.
"""
MAXIMUM_MISMATCH = 0.01
"""Share of the log-likelihood's spread by which the log ratio of two weightings may stray from it."""

NO_CHAIN_HELPS = frozenset(
    {
        Doubt.FEW_FOR_BRIDGE,
        Doubt.NOT_ITS_DENSITY,
        Doubt.SLOPE,
        Doubt.LIKELIER_DEPLOYED,
        Doubt.NEGATIVE_DEBT,
    }
)
"""What speaks against the draws themselves, so that stored posteriors in between would not mend it."""


class NoLogMarginal(NamedTuple):
    """Why a posterior has no log marginal likelihood: the doubt, and the words of the refusal."""

    doubt: Doubt
    detail: str = ""


Marginal = Callable[[], bridge.LogMarginal | NoLogMarginal]


def debt_from_draws(
    at_shadow: Array,
    at_deployed: Array,
    marginal_shadow: Marginal,
    marginal_deployed: Marginal,
    *,
    chain: Callable[[], Sequence[Link | None]] | None = None,
    weight_shadow: Array | None = None,
    weight_deployed: Array | None = None,
    together: bool = False,
) -> Estimate:
    """Debt from log-likelihoods at draws: pooled where the draws overlap, else by Gaussian bridges, else by a chain.

    Parameters
    ----------
    at_shadow, at_deployed : ndarray, shape (chain, draw)
        Log-likelihood of the new data less that of removed data, nats. ``-inf`` at deployed draws is weight zero;
        ``+inf`` at shadow draws that weigh something says that the deployed posterior has nothing there.
    marginal_shadow, marginal_deployed : callable
        Called without arguments, only when needed; a `bridge.LogMarginal`, or a `NoLogMarginal` saying why there is
        none.
    chain : callable, optional
        Called without arguments, only when needed; the links of `learning_debt.arrays.bridging.chain` from the deployed
        posterior to the shadow, empty when there are none.
    weight_shadow, weight_deployed : ndarray, shape (chain, draw), optional
        Relative weights of the draws; all the same if left out.
    together : bool
        Whether both sets come from the same draws, sample by sample (`learning_debt.forecasters.weights.lineage`), be
        they the same points under other weights or moved ones.

    Returns
    -------
    Estimate
        Not reliable when no estimator has what it needs, and when the draws contradict what exact posteriors imply.
        Infinite, with the reason, where the shadow has draws that the deployed posterior rules out.
    """
    at_shadow, at_deployed = _counting(at_shadow, weight_shadow), _counting(at_deployed, weight_deployed)
    if impossible := _impossible(at_shadow, at_deployed, weight_shadow):
        doubt, number = impossible
        diagnostics = {"impossible_draws": float(number)}
        return Estimate(float("nan"), float("nan"), diagnostics=diagnostics, doubts=(doubt,))
    if np.isposinf(at_shadow).any():
        return Estimate(float("inf"), float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
    if together and np.shape(at_shadow) == np.shape(at_deployed) and np.allclose(at_shadow, at_deployed, 1e-9, 1e-9):
        return _with_weights(_reweighted(at_shadow, weight_shadow, weight_deployed), weight_shadow, weight_deployed)
    weighting = _Weighting(weight_shadow, weight_deployed, together)
    estimate = _between(at_shadow, at_deployed, marginal_shadow, marginal_deployed, chain, weighting)
    return _with_weights(estimate, weight_shadow, weight_deployed)


def _between(
    at_shadow: Array,
    at_deployed: Array,
    marginal_shadow: Marginal,
    marginal_deployed: Marginal,
    chain: Callable[[], Sequence[Link | None]] | None,
    weighting: _Weighting,
) -> Estimate:
    """By the first estimator that has what it needs."""
    pooled = bridge.pooled_debt(at_deployed, at_shadow, **weighting._asdict())
    contradiction = _jeffreys_contradiction(at_shadow, at_deployed, weighting)
    if pooled.overlap >= MINIMUM_OVERLAP:
        slope = label_slope(
            at_deployed,
            at_shadow,
            pooled.log_normaliser,
            weight_reference=weighting.weight_deployed,
            weight_target=weighting.weight_shadow,
            together=weighting.together,
        )
        diagnostics = {"overlap": pooled.overlap, "effective_draws": pooled.size}
        factor = chosen_inflation(pooled.size, pooled.share, MINIMUM_OVERLAP / pooled.overlap)
        estimate = _judged(pooled.value, factor * pooled.standard_error, diagnostics, slope, contradiction)
        return estimate.with_doubts(*[Doubt.FEW_DRAWS] * (pooled.size < ENOUGH))
    bridged = _bridged(at_shadow, marginal_shadow(), marginal_deployed(), pooled, contradiction, weighting)
    if bridged.reliable or not NO_CHAIN_HELPS.isdisjoint(bridged.doubts):
        return bridged
    return _chained(chain() if chain else (), at_shadow, weighting.weight_shadow, pooled.overlap) or bridged


def _counting(values: Array, weight: Array | None) -> Array:
    """Log-likelihoods as they are where draws count, finite or ``-inf`` where they weigh nothing."""
    if weight is None:
        return np.asarray(values, dtype=float)
    return np.where((weight > 0) | np.isfinite(values), values, -np.inf)


def _impossible(at_shadow: Array, at_deployed: Array, weight_shadow: Array | None) -> tuple[Doubt, int] | None:
    """What a posterior cannot have drawn and yet did, and at how many draws. There is no debt to such draws."""
    without = np.isneginf(at_shadow) & (True if weight_shadow is None else weight_shadow > 0)
    if without.any():
        return Doubt.NEW_DATA_IMPOSSIBLE, int(without.sum())
    if np.isposinf(at_deployed).any():
        return Doubt.REMOVED_DATA_IMPOSSIBLE, int(np.isposinf(at_deployed).sum())
    return None


class _Weighting(NamedTuple):
    """Weights of both sets of draws, and whether they were drawn together."""

    weight_shadow: Array | None
    weight_deployed: Array | None
    together: bool


def _reweighted(log_ratio: Array, weight_shadow: Array | None, weight_deployed: Array | None) -> Estimate:
    """Estimate from one set of draws under two weightings; at least the value where they are too uneven."""
    debt = reweighted_debt(log_ratio, weight_shadow, weight_deployed)
    diagnostics = {"effective_draws": debt.effective_draws, "pareto_k": debt.pareto_k, "mismatch": debt.mismatch}
    if debt.mismatch > MAXIMUM_MISMATCH:
        doubts = (Doubt.OTHER_WEIGHTS,)
        return Estimate(debt.value, debt.standard_error, diagnostics=diagnostics, doubts=doubts)
    if debt.effective_draws >= ENOUGH and debt.pareto_k <= MAXIMUM_PARETO_K:
        share = debt.effective_draws / min(
            _worth_by_weight(weight, log_ratio.size) for weight in (weight_shadow, weight_deployed)
        )
        factor = chosen_inflation(debt.effective_draws, share)
        return Estimate(debt.value, factor * debt.standard_error, diagnostics=diagnostics)
    doubts = (Doubt.FEW_CARRY_WEIGHTS,)
    return Estimate(debt.value, float("nan"), lower_bound=True, diagnostics=diagnostics, doubts=doubts)


def _worth_by_weight(weight: Array | None, draws: int) -> float:
    return float(draws) if weight is None else weighted_size(weight)


def _with_weights(estimate: Estimate, *weights: Array | None) -> Estimate:
    """`estimate` with an error, and a verdict, that know whether draws reach where the squares of their weights lie."""
    uneven = [weight for weight in weights if weight is not None and np.ptp(weight) > 0]
    if not estimate.reliable or not uneven:
        return estimate
    size = min(map(size_at_squares, uneven))
    error = estimate.standard_error * (1 + WEIGHT_INFLATION * ENOUGH / size)
    diagnostics = estimate.diagnostics | {"weighted_draws": size}
    estimate = replace(estimate, standard_error=error, diagnostics=diagnostics)
    return estimate.with_doubts(*[Doubt.WEIGHTS_ERROR_UNKNOWN] * (not size >= ENOUGH))


def _judged(
    value: float,
    error: float,
    diagnostics: dict[str, float],
    slope: LabelSlope,
    contradiction: Doubt | None = None,
    note: str = "",
) -> Estimate:
    """Estimate that rests on overlap, unless the slope or `contradiction` speaks against exact posteriors."""
    if contradiction is None and abs(slope.departure) > MAXIMUM_DEPARTURE:
        contradiction = Doubt.SLOPE
    doubts = [] if contradiction is None else [contradiction]
    doubts += [] if np.isfinite(error) else [Doubt.ERROR_UNKNOWN]
    diagnostics = diagnostics | {"slope": slope.slope, "slope_se": slope.standard_error}
    return Estimate(value, error, diagnostics=diagnostics, note=note, doubts=tuple(doubts))


def _jeffreys_contradiction(at_shadow: Array, at_deployed: Array, weighting: _Weighting) -> Doubt | None:
    """Why the draws cannot be exact, if so: E_p[l] - E_q[l] = KL(p‖q) + KL(q‖p) is never negative."""
    weight = weighting.weight_deployed
    jeffreys = weighted_mean(at_shadow, weighting.weight_shadow) - weighted_mean(at_deployed, weight)
    if not np.isfinite(jeffreys):
        return None
    influences = [influence_on_mean(at_shadow, weighting.weight_shadow), -influence_on_mean(at_deployed, weight)]
    if weighting.together:
        influences = [influences[0] + influences[1]]
    error = float(np.sqrt(sum(variance_of_mean(influence) for influence in influences)))
    return Doubt.LIKELIER_DEPLOYED if jeffreys < -MAXIMUM_DEPARTURE * error else None


def _bridged(
    at_shadow: Array,
    shadow: bridge.LogMarginal | NoLogMarginal,
    deployed: bridge.LogMarginal | NoLogMarginal,
    pooled: bridge.PooledDebt,
    contradiction: Doubt | None,
    weighting: _Weighting,
) -> Estimate:
    """Estimate by Gaussian bridges; a lower bound when there are none."""
    diagnostics = {"overlap": pooled.overlap}
    if isinstance(shadow, NoLogMarginal) or isinstance(deployed, NoLogMarginal):
        missing = next(marginal for marginal in (shadow, deployed) if isinstance(marginal, NoLogMarginal))
        return _without_bridge(pooled.lower_bound, diagnostics, missing, contradiction)
    value = weighted_mean(at_shadow, weighting.weight_shadow) - (shadow.value - deployed.value)
    own = variance_of_mean(influence_on_mean(at_shadow, weighting.weight_shadow))
    errors = np.array([np.sqrt(own), shadow.standard_error, deployed.standard_error])
    # Errors of sets drawn together may all pull one way; how much is not known.
    error = float(errors.sum() if weighting.together else np.sqrt((errors**2).sum()))
    least = min(shadow.effective_draws, deployed.effective_draws)
    error *= chosen_inflation(least)
    diagnostics |= {
        "gaussian_overlap": min(shadow.overlap, deployed.overlap),
        "draws_per_parameter": min(shadow.draws_per_parameter, deployed.draws_per_parameter),
        "effective_draws": least,
    }
    doubt = contradiction or bridge_doubt(value, error, shadow, deployed)
    floor, doubts = (0.0, ()) if doubt is None else (pooled.lower_bound, (doubt,))
    return Estimate(max(value, floor), error, diagnostics=diagnostics, note="by the Gaussian bridge", doubts=doubts)


def _without_bridge(
    lower_bound: float, diagnostics: dict[str, float], missing: NoLogMarginal, contradiction: Doubt | None
) -> Estimate:
    """What the shadow's draws alone say, where neither overlap nor a bridge is there: at least that much."""
    if contradiction is not None:
        return Estimate(lower_bound, float("nan"), diagnostics=diagnostics, doubts=(contradiction,))
    doubts, detail = (Doubt.NO_OVERLAP, missing.doubt), missing.detail
    return Estimate(lower_bound, float("nan"), lower_bound=True, diagnostics=diagnostics, doubts=doubts, detail=detail)


def bridge_doubt(value: float, error: float, shadow: bridge.LogMarginal, deployed: bridge.LogMarginal) -> Doubt | None:
    """Why the Gaussian bridge is not to be trusted, if so."""
    if not min(shadow.effective_draws, deployed.effective_draws) >= ENOUGH:
        return Doubt.FEW_FOR_BRIDGE
    if not min(shadow.draws_per_parameter, deployed.draws_per_parameter) >= DRAWS_PER_PARAMETER:
        return Doubt.FEW_PER_PARAMETER
    if not min(shadow.overlap, deployed.overlap) >= MINIMUM_GAUSSIAN_OVERLAP:
        return Doubt.NOT_GAUSSIAN
    if max(shadow.disagreement, deployed.disagreement) > MAXIMUM_DEPARTURE:
        return Doubt.HALVES_DISAGREE
    if max(shadow.departure, deployed.departure) > MAXIMUM_DEPARTURE:
        return Doubt.NOT_ITS_DENSITY
    return Doubt.NEGATIVE_DEBT if value < -MAXIMUM_DEPARTURE * error else None


def _chained(
    links: Sequence[Link | None], at_shadow: Array, weight_shadow: Array | None, overlap: float
) -> Estimate | None:
    """Estimate by a chain; nothing when there is none or one of its steps lacks overlap."""
    steps = [step for step in links if step is not None]
    if not steps or len(steps) < len(links):
        return None
    chained = chained_debt(steps, at_shadow, weight_shadow)
    if not (chained.overlap >= MINIMUM_OVERLAP and chained.size >= ENOUGH):
        return None
    diagnostics = {"overlap": overlap, "chain_overlap": chained.overlap, "links": float(chained.links)}
    value, note = max(chained.value, 0.0), "by a chain of stored posteriors"
    error = chained.standard_error * chosen_inflation(chained.size, nearest=MINIMUM_OVERLAP / chained.overlap)
    return _judged(value, error, diagnostics, chained.label_slope, note=note)


def log_marginal(
    forecaster: SampledForecaster, posterior: xr.DataTree, rng: np.random.Generator
) -> bridge.LogMarginal | NoLogMarginal:
    """Log marginal likelihood of the data a posterior was fitted to, or why there is none."""
    try:
        draws, weight = forecaster.unconstrained_draws(posterior), relative_weights(posterior)
        held, needed = float(draw_counts(draws[..., 0], weight).sum()), 4 * draws.shape[-1] + 4
        if held < needed:
            why = "" if weight is None else ", weighted as they are"
            few = f"{held:.0f} draws{why} are too few for a Gaussian, which takes {needed}"
            return NoLogMarginal(Doubt.FEW_FOR_GAUSSIAN, few)
        return bridge.gaussian_log_marginal(draws, lambda points: forecaster.log_joint(posterior, points), rng, weight)
    except bridge.TooFewDrawsError as error:
        return NoLogMarginal(Doubt.FEW_FOR_GAUSSIAN, str(error))
    except NotImplementedError as error:
        return NoLogMarginal(Doubt.NO_JOINT_DENSITY, str(error))
