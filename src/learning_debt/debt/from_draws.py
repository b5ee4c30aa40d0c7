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
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.weights import MAXIMUM_PARETO_K, relative_weights
from learning_debt.typing import Array

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

WEIGHT_INFLATION = 2.0
"""How much a standard error under weights grows where draws barely reach the squares of the weights, by the cube.

Debt that came out too small lets them seem to be reached. Normals .2 to .8 nats apart, 1,000 and 4,000 draws, AR(0) and
AR(.5), 300 replications: 90% intervals covered .87 to .97; without it .85 to .97.
"""
MAXIMUM_MISMATCH = 0.01
"""Share of the log-likelihood's spread by which the log ratio of two weightings may stray from it."""

APPROXIMATE = "is a posterior approximate, or does one belong to other data? Predictive debt needs no exact posteriors"
RULED_OUT = "the deployed posterior rules out draws of the shadow: the debt is infinite"
UNMIXED = (
    f"a parameter's draws are worth too few for a bridge or a chain (under {ENOUGH:.0f}): draw more, or do all chains "
    "sample the same posterior?"
)


def debt_from_draws(
    at_shadow: Array,
    at_deployed: Array,
    marginal_shadow: Callable[[], bridge.LogMarginal | str],
    marginal_deployed: Callable[[], bridge.LogMarginal | str],
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
        Called without arguments, only when needed; a `bridge.LogMarginal`, or a string saying why there is none.
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
    if contradiction := _impossible(at_shadow, at_deployed, weight_shadow):
        return Estimate(float("nan"), float("nan"), False, note=contradiction)
    if np.isposinf(at_shadow).any():
        return Estimate(float("inf"), float("nan"), False, True, note=RULED_OUT)
    if together and np.shape(at_shadow) == np.shape(at_deployed) and np.allclose(at_shadow, at_deployed, 1e-9, 1e-9):
        return _with_weights(_reweighted(at_shadow, weight_shadow, weight_deployed), weight_shadow, weight_deployed)
    weighting = _Weighting(weight_shadow, weight_deployed, together)
    estimate = _between(at_shadow, at_deployed, marginal_shadow, marginal_deployed, chain, weighting)
    return _with_weights(estimate, weight_shadow, weight_deployed)


def _between(
    at_shadow: Array,
    at_deployed: Array,
    marginal_shadow: Callable[[], bridge.LogMarginal | str],
    marginal_deployed: Callable[[], bridge.LogMarginal | str],
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
        few = f"only {pooled.size:.0f} effective draws: draw more" if pooled.size < ENOUGH else ""
        return replace(estimate, reliable=estimate.reliable and not few, note=estimate.note or few)
    bridged = _bridged(at_shadow, marginal_shadow(), marginal_deployed(), pooled, contradiction, weighting)
    if bridged.reliable or bridged.note.endswith((APPROXIMATE, UNMIXED)):
        return bridged
    return _chained(chain() if chain else (), at_shadow, weighting.weight_shadow, pooled.overlap) or bridged


def _counting(values: Array, weight: Array | None) -> Array:
    """Log-likelihoods as they are where draws count, finite or ``-inf`` where they weigh nothing."""
    if weight is None:
        return np.asarray(values, dtype=float)
    return np.where((weight > 0) | np.isfinite(values), values, -np.inf)


def _impossible(at_shadow: Array, at_deployed: Array, weight_shadow: Array | None) -> str:
    """Why a posterior cannot have the draws it has; empty when it can. There is no debt to such draws."""
    without = np.isneginf(at_shadow) & (True if weight_shadow is None else weight_shadow > 0)
    if without.any():
        return f"the new data are impossible at {without.sum()} draws of the shadow, which has seen them: {APPROXIMATE}"
    if np.isposinf(at_deployed).any():
        number = int(np.isposinf(at_deployed).sum())
        return f"the removed data are impossible at {number} deployed draws, which have seen them: {APPROXIMATE}"
    return ""


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
        note = "the weights of the draws are not the likelihood of the new data: do the weights belong to other data?"
        return Estimate(debt.value, debt.standard_error, False, diagnostics=diagnostics, note=note)
    if debt.effective_draws >= ENOUGH and debt.pareto_k <= MAXIMUM_PARETO_K:
        share = debt.effective_draws / min(
            _worth_by_weight(one, log_ratio.size) for one in (weight_shadow, weight_deployed)
        )
        factor = chosen_inflation(debt.effective_draws, share)
        return Estimate(debt.value, factor * debt.standard_error, diagnostics=diagnostics)
    note = "too few draws carry the weights, so the debt is at least about this large: refit the shadow"
    return Estimate(debt.value, float("nan"), False, True, diagnostics, note)


def _worth_by_weight(weight: Array | None, draws: int) -> float:
    return float(draws) if weight is None else weighted_size(weight)


def _with_weights(estimate: Estimate, *weights: Array | None) -> Estimate:
    """`estimate` with an error, and a verdict, that know whether draws reach where the squares of their weights lie."""
    uneven = [weight for weight in weights if weight is not None and np.ptp(weight) > 0]
    if not estimate.reliable or not uneven:
        return estimate
    size = min(map(size_at_squares, uneven))
    error = estimate.standard_error * (1 + WEIGHT_INFLATION * (ENOUGH / size) ** 3)
    diagnostics = estimate.diagnostics | {"weighted_draws": size}
    few = "" if size >= ENOUGH else "too few draws carry the weights of a posterior to know its error: refit it"
    return replace(estimate, standard_error=error, reliable=not few, diagnostics=diagnostics, note=few or estimate.note)


def _judged(
    value: float, error: float, diagnostics: dict[str, float], slope: LabelSlope, contradiction: str, note: str = ""
) -> Estimate:
    """Estimate that rests on overlap, unless the slope or `contradiction` speaks against exact posteriors."""
    if not contradiction and abs(slope.departure) > MAXIMUM_DEPARTURE:
        contradiction = (
            f"the slope of the draws' labels on the log-likelihood is {slope.slope:.2f} ± {slope.standard_error:.2f}, "
            f"not 1: {APPROXIMATE}"
        )
    diagnostics = diagnostics | {"slope": slope.slope, "slope_se": slope.standard_error}
    reliable = not contradiction and bool(np.isfinite(error))
    return Estimate(value, error, reliable, diagnostics=diagnostics, note=contradiction or note)


def _jeffreys_contradiction(at_shadow: Array, at_deployed: Array, weighting: _Weighting) -> str:
    """Why the draws cannot be exact, or nothing: E_p[l] - E_q[l] = KL(p‖q) + KL(q‖p) is never negative."""
    weight = weighting.weight_deployed
    jeffreys = weighted_mean(at_shadow, weighting.weight_shadow) - weighted_mean(at_deployed, weight)
    if not np.isfinite(jeffreys):
        return ""
    influences = [influence_on_mean(at_shadow, weighting.weight_shadow), -influence_on_mean(at_deployed, weight)]
    if weighting.together:
        influences = [influences[0] + influences[1]]
    error = float(np.sqrt(sum(variance_of_mean(one) for one in influences)))
    if not jeffreys < -MAXIMUM_DEPARTURE * error:
        return ""
    return f"the new data are likelier under the deployed posterior than under the shadow: {APPROXIMATE}"


def _bridged(
    at_shadow: Array,
    shadow: bridge.LogMarginal | str,
    deployed: bridge.LogMarginal | str,
    pooled: bridge.PooledDebt,
    contradiction: str,
    weighting: _Weighting,
) -> Estimate:
    """Estimate by Gaussian bridges; a lower bound when there are none."""
    diagnostics = {"overlap": pooled.overlap}
    if isinstance(shadow, str) or isinstance(deployed, str):
        why = shadow if isinstance(shadow, str) else deployed
        note = contradiction or f"the draws do not overlap, so the debt is at least this large; no bridge: {why}"
        return Estimate(pooled.lower_bound, float("nan"), False, not contradiction, diagnostics, note)
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
    doubt = contradiction or _bridge_doubt(value, error, shadow, deployed)
    floor = pooled.lower_bound if doubt else 0.0
    note = doubt or "by the Gaussian bridge"
    return Estimate(max(value, floor), error, not doubt, diagnostics=diagnostics, note=note)


def _bridge_doubt(value: float, error: float, shadow: bridge.LogMarginal, deployed: bridge.LogMarginal) -> str:
    """Why the Gaussian bridge is not to be trusted; empty when it is."""
    if not min(shadow.effective_draws, deployed.effective_draws) >= ENOUGH:
        return UNMIXED
    if not min(shadow.draws_per_parameter, deployed.draws_per_parameter) >= DRAWS_PER_PARAMETER:
        return f"the Gaussian bridge has under {DRAWS_PER_PARAMETER:.0f} effective draws per parameter"
    if not min(shadow.overlap, deployed.overlap) >= MINIMUM_GAUSSIAN_OVERLAP:
        return "the posterior is too far from Gaussian for the bridge"
    if max(shadow.disagreement, deployed.disagreement) > MAXIMUM_DEPARTURE:
        return "the two halves of the draws give different Gaussian bridges: draw more, or check the sampler"
    if max(shadow.departure, deployed.departure) > MAXIMUM_DEPARTURE:
        return f"the draws contradict the model's own posterior density: {APPROXIMATE}"
    if value < -MAXIMUM_DEPARTURE * error:
        return f"the debt came out negative: {APPROXIMATE}"
    return ""


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
    return _judged(value, error, diagnostics, chained.label_slope, "", note)


def log_marginal(
    forecaster: SampledForecaster, posterior: xr.DataTree, rng: np.random.Generator
) -> bridge.LogMarginal | str:
    """Log marginal likelihood of the data a posterior was fitted to, or the reason why there is none."""
    try:
        draws, weight = forecaster.unconstrained_draws(posterior), relative_weights(posterior)
        held, needed = float(draw_counts(draws[..., 0], weight).sum()), 4 * draws.shape[-1] + 4
        if held < needed:
            why = "" if weight is None else ", weighted as they are"
            return f"{held:.0f} draws{why} are too few for a Gaussian, which takes {needed}"
        return bridge.gaussian_log_marginal(draws, lambda points: forecaster.log_joint(posterior, points), rng, weight)
    except bridge.TooFewDrawsError as error:
        return str(error)
    except NotImplementedError as error:
        return str(error) or "the forecaster offers no joint density"
