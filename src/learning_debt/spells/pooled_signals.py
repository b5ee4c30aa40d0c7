"""Signals of one period for all deployed posteriors at once, from a pool of draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.bridging.multistate import Pool, debts
from learning_debt.arrays.draws.effective_size import ENOUGH
from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.arrays.predictive.integration import Points, by_rule
from learning_debt.arrays.predictive.mixture import Mixture, gap_spread, plug_in_divergence, without_bias
from learning_debt.arrays.predictive.outcome_points import POINTS, OutcomePoints
from learning_debt.arrays.predictive.pooled_mixtures import (
    SPARSE,
    PointDensities,
    bare,
    influences,
    own_variances,
    point_densities,
    relative_variances,
)
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.outcome_densities import distributions_of, log_density_with
from learning_debt.forecasters.row_likelihood import row_chunks, row_log_density
from learning_debt.scores.row_mixtures import MAXIMUM_RELATIVE_VARIANCE, tolerated_error
from learning_debt.shadows.reweighting import at_draws
from learning_debt.typing import Array

CELLS = 16_000_000
"""Densities (draws times points) held at once."""
PREDICTIVE_DRAWS = 1000
"""Predictive draws of the shadow that say where its outcomes lie."""


@dataclass(frozen=True, eq=False)
class PooledDraws:
    """A pool with the draws themselves.

    Attributes
    ----------
    pool : Pool
    posterior : DataTree
        All draws, in the order of the pool.
    believable : ndarray of bool, shape (states,)
        Whether the weights of a state can be relied on.
    """

    pool: Pool
    posterior: xr.DataTree
    believable: NDArray[np.bool_]

    def thinned(self, state: int, number: int) -> xr.DataTree:
        """About `number` draws of one state, of equal weight, as one chain."""
        chosen = np.sort(systematic_draws(self.pool.weight[state], number))
        return at_draws(self.posterior, np.stack(np.divmod(chosen, self.posterior["posterior"].sizes["draw"]), axis=1))

    def effective_draws(self, *states: int) -> float:
        """Independent draws that the least of these states is worth."""
        return float(min(self.pool.effective_draws[state] for state in states))

    def doubts(self, *states: int) -> tuple[Doubt, ...]:
        """What speaks against the weights of any of these states."""
        few = self.effective_draws(*states) < ENOUGH
        uneven = not all(self.believable[state] for state in states)
        return (Doubt.FEW_DRAWS,) * few + (Doubt.UNEVEN_WEIGHTS,) * uneven

    def estimates(
        self, values: Array, errors: Array, pairs: list[tuple[int, ...]], diagnostics: list[dict[str, float]]
    ) -> list[Estimate]:
        """One estimate for every pair of states, with the verdict on the weights."""
        found = []
        for value, error, pair, extra in zip(values, errors, pairs, diagnostics, strict=True):
            size = self.effective_draws(*pair)
            estimate = Estimate(float(value), float(error), diagnostics={"effective_draws": size, **extra})
            found.append(estimate.with_doubts(*self.doubts(*pair)))
        return found


def pooled_debts(draws: PooledDraws, target: int) -> list[Estimate]:
    """Posterior debt of every earlier state to `target`."""
    states = list(range(target))
    values, errors = debts(draws.pool, target, states)
    found = draws.estimates(np.maximum(values, 0.0), errors, [(target, s) for s in states], [{}] * target)
    for s in np.flatnonzero(np.isposinf(values)):
        found[s] = Estimate(float("inf"), float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
    same = [np.array_equal(draws.pool.log_likelihood[s], draws.pool.log_likelihood[target]) for s in states]
    return [Estimate(0.0, 0.0) if alike else estimate for alike, estimate in zip(same, found, strict=True)]


class PooledPeriod:
    """Predictive densities of one batch under all states before `target`, and `target` itself.

    Parameters
    ----------
    forecaster : SampledForecaster
    draws : PooledDraws
    target : int
        The shadow at the end of the period; its forecast is what predictive debt is measured from.
    batch, past : Dataset
    seed : int
    """

    def __init__(
        self,
        forecaster: SampledForecaster,
        draws: PooledDraws,
        target: int,
        batch: xr.Dataset,
        past: xr.Dataset | None,
        seed: int,
    ) -> None:
        self.forecaster, self.draws, self.target = forecaster, draws, target
        self.batch, self.past, self.seed = batch, past, seed
        self.pool, self.states = draws.pool, list(range(target + 1))
        self.rows = batch.sizes[forecaster.observation_dim]

    def gaps(self) -> tuple[list[Estimate], list[Estimate]]:
        """Score gaps of the newest state before the period to each one, and mean scores of each, at the outcomes."""
        newest, states = self.target - 1, self.states[:-1]
        pool, posterior = self.pool, self.draws.posterior
        at_rows = [row_log_density(self.forecaster, posterior, rows, past, self.seed) for rows, past in self._chunks(1)]
        found = point_densities(pool, _by_draw(np.concatenate(at_rows, axis=-1)), states)
        own = influences(pool, found, states, np.full((len(states), self.rows), 1 / self.rows))
        trust = own_variances(pool, found, states)
        carried = np.sqrt((np.maximum(trust[newest], trust) ** 2).mean(axis=1))
        log_mean = found.log_density
        with np.errstate(invalid="ignore"):
            values = (log_mean[newest] - log_mean).mean(axis=1)
        sums = pool.influence_sums(own)
        errors = np.sqrt(pool.blocks.variance(sums[newest] - sums))
        worst = [{"relative_variance": float(part)} for part in carried]
        gaps = _judged(self.draws.estimates(values, errors, [(newest, s) for s in states], worst))
        gaps[newest] = Estimate(0.0, 0.0)
        scores = self.draws.estimates(
            log_mean.mean(axis=1),
            np.sqrt(pool.blocks.variance(sums)),
            [(s,) for s in states],
            [{"relative_variance": float(part)} for part in np.sqrt((trust**2).mean(axis=1))],
        )
        return gaps, _judged(scores)

    def predictive_debts(self) -> list[Estimate]:
        """Predictive debt of every state before the period, with ``gap_sd`` among its diagnostics."""
        parts, weights = [], []
        thinned = self.draws.thinned(self.target, PREDICTIVE_DRAWS)
        for rows, past in self._chunks(POINTS[0]):
            block = _BlockOfRows(self, rows, past, thinned)
            parts.append(block.divergences())
            weights.append(block.count / self.rows)
        return [_whole([part[s] for part in parts], weights, self.draws, (self.target, s)) for s in range(self.target)]

    def _chunks(self, points: int) -> Iterator[tuple[xr.Dataset, xr.Dataset | None]]:
        """Rows to look at together, each at so many points, and what they follow."""
        together = max(CELLS // (self.pool.weight.shape[1] * points), 1)
        return row_chunks(self.forecaster, self.batch, self.past, together)


def _judged(estimates: list[Estimate]) -> list[Estimate]:
    """Estimates at realised outcomes, with the verdict on the densities that they rest on."""
    judged = []
    for estimate in estimates:
        if not np.isfinite(estimate.value):
            impossible = Estimate(estimate.value, float("nan"), lower_bound=estimate.value > 0)
            judged.append(impossible.with_doubts(Doubt.OUTCOME_IMPOSSIBLE))
            continue
        poor = not estimate.diagnostics["relative_variance"] <= MAXIMUM_RELATIVE_VARIANCE
        judged.append(estimate.with_doubts(*[Doubt.FEW_REACH_OUTCOME] * poor))
    return judged


def _by_draw(log_density: Array) -> Array:
    """(chain, draw, ...) to (draws of the pool, points)."""
    return log_density.reshape(log_density.shape[0] * log_density.shape[1], -1)


@dataclass(frozen=True)
class _Part:
    """Divergence over some rows: its value, block sums of its influence, and what else its error is made of."""

    value: float
    sums: Array
    bias: float
    beyond: float
    trust: float
    spread: float
    doubts: tuple[Doubt, ...] = ()


class _BlockOfRows:
    """Divergences over rows that are looked at together."""

    def __init__(self, period: PooledPeriod, batch: xr.Dataset, past: xr.Dataset | None, thinned: xr.DataTree) -> None:
        self.period, self.pool, self.target = period, period.pool, period.target
        self.batch, self.past, self.thinned = batch, past, thinned
        self.count = batch.sizes[period.forecaster.observation_dim]
        self.distributions = distributions_of(period.forecaster, period.draws.posterior, batch, past, period.seed)
        self._latest: tuple[Array, PointDensities] | None = None

    def divergences(self) -> list[_Part]:
        """Of every state before the target, by the first rule that is right for it."""
        target, forecaster = self.target, self.period.forecaster
        predicted = forecaster.predict(self.thinned, self.batch, self.past, random_seed=self.period.seed)
        (drawn,) = predicted.data_vars.values()
        outcomes = np.asarray(drawn.values, dtype=float)
        places = OutcomePoints(forecaster.outcome_kind(), outcomes, outcomes, self._shadow_at)
        found: dict[int, _Part] = {}
        pending = list(range(target))
        for points in POINTS:
            rule = places.at(points) if pending else None
            if rule is None:
                continue
            nodes, at = rule
            parts, right = self._by_rule(nodes, at, pending)
            found |= {s: part for s, part, good in zip(pending, parts, right, strict=True) if good or s not in found}
            settled = {s for s, good in zip(pending, right, strict=True) if good}
            pending = [s for s in pending if s not in settled]
        nothing = np.zeros(len(self.pool.blocks.starts))
        for s in pending:
            part = found.get(s, _Part(float("nan"), nothing, 0.0, 0.0, np.inf, float("nan")))
            found[s] = replace(
                part, doubts=(Doubt.OUTCOMES_RULED_OUT if np.isinf(part.value) else Doubt.FEW_CARRY_DEBT,)
            )
        return [found[s] for s in range(target)]

    def _densities(self, nodes: Array) -> PointDensities:
        if self._latest is None or self._latest[0] is not nodes:
            forecaster, posterior, seed = self.period.forecaster, self.period.draws.posterior, self.period.seed
            (outcome,) = forecaster.observed
            at = log_density_with(
                self.distributions, forecaster, posterior, self.batch, {outcome: nodes}, self.past, seed
            )
            self._latest = nodes, point_densities(self.pool, _by_draw(at), self.period.states)
        return self._latest[1]

    def _shadow_at(self, nodes: Array) -> Mixture:
        return bare(self._densities(nodes).log_density[self.target])

    def _by_rule(self, nodes: Array, at: Points, states: list[int]) -> tuple[list[_Part], list[bool]]:
        """Divergences by one rule, and whether it is right for each."""
        densities, pool = self._densities(nodes), self.pool
        log_density = densities.log_density
        shadow = bare(log_density[self.target])
        at = at._replace(shadow=shadow)
        rules = [by_rule(at, bare(log_density[s])) for s in states]
        own, other = np.zeros((2, len(states), shadow.log_density.size))
        values, spreads = np.full(len(states), np.inf), np.full(len(states), np.nan)
        for i, (s, rule) in enumerate(zip(states, rules, strict=True)):
            if not np.isfinite(rule.unresolved):
                continue
            deployed = bare(log_density[s])
            values[i] = plug_in_divergence(shadow, deployed, rule.share, rule.others)
            spreads[i] = gap_spread(shadow, deployed, at.probability, self.count)
            h = np.where(rule.share > 0, shadow.log_density - log_density[s], 0.0)
            # Each draw's own density integrates to one over the points, but for an error that pooled draws share.
            own[i] = rule.share * h + (rule.share if rule.others is None else 0.0)
            other[i] = rule.share - (0.0 if rule.others is None else rule.others)
        direct = influences(pool, densities, self.target, own)
        direct -= influences(pool, densities, states, other)
        sums = pool.influence_sums(direct)
        few = slice(None, None, SPARSE)
        sparse = densities._replace(of_draws=densities.of_draws[:, few], mean=densities.mean[:, few])
        variances = relative_variances(pool, sparse, self.target, states)
        parts, right = [], []
        for i, rule in enumerate(rules):
            share = rule.share[few] / max(rule.share[few].sum(), 1e-300)
            bias = float(share @ variances.of_ratio[i]) / 2
            trust = float(np.sqrt(share @ variances.of_worse[i] ** 2))
            value, error = without_bias(values[i], bias, float(pool.blocks.variance(sums[i])))
            beyond = float(np.hypot(rule.unresolved, rule.left_out))
            parts.append(_Part(values[i], sums[i], bias, beyond, trust, spreads[i]))
            tolerated = tolerated_error(error, value)
            right.append(bool(rule.unresolved <= tolerated and rule.left_out <= max(0.5 * error, tolerated)))
        return parts, right


def _whole(parts: list[_Part], weights: list[float], draws: PooledDraws, pair: tuple[int, int]) -> Estimate:
    """Mean over the rows of all blocks; errors of one pool are added draw by draw."""
    share = np.array(weights)
    value, bias, beyond, trust = (
        float(share @ [getattr(part, name) for part in parts]) for name in ("value", "bias", "beyond", "trust")
    )
    if not np.isfinite(value):
        doubts = next((part.doubts for part in parts if part.doubts), (Doubt.OUTCOMES_RULED_OUT,))
        diagnostics = {"gap_sd": float("nan")}
        return Estimate(value, float("nan"), lower_bound=value > 0, diagnostics=diagnostics, doubts=doubts)
    variance = float(draws.pool.blocks.variance(share @ np.stack([part.sums for part in parts])))
    value, error = without_bias(value, bias, variance)
    spread = float(np.sqrt(((share * [part.spread for part in parts]) ** 2).sum()))
    diagnostics = {"gap_sd": spread, "relative_variance": trust, "effective_draws": draws.effective_draws(*pair)}
    against = [doubt for part in parts for doubt in part.doubts]
    against += [Doubt.FEW_REACH_OUTCOMES] * (not trust <= MAXIMUM_RELATIVE_VARIANCE)
    estimate = Estimate(value, float(np.hypot(error, beyond)), diagnostics=diagnostics)
    return estimate.with_doubts(*draws.doubts(*pair), *dict.fromkeys(against))
