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
    direct_influences,
    own_influences,
    own_variances,
    point_densities,
    relative_variances,
)
from learning_debt.data import take_rows
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.outcome_densities import distributions_of, log_density_at
from learning_debt.scores.row_mixtures import MAXIMUM_RELATIVE_VARIANCE
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

    def thinned(self, state: int, number: int, seed: int) -> xr.DataTree:
        """About `number` draws of one state, of equal weight, as one chain."""
        chosen = np.sort(systematic_draws(self.pool.weight[state], number))
        group = (
            self.posterior.children["posterior"].to_dataset(inherit=False).drop_vars(["chain", "draw"], errors="ignore")
        )
        chain, draw = np.divmod(chosen, group.sizes["draw"])
        few = group.isel(chain=xr.DataArray(chain, dims="draw"), draw=xr.DataArray(draw, dims="draw"))
        kept = {
            name: child.to_dataset(inherit=False)
            for name, child in self.posterior.children.items()
            if name not in ("posterior", "sample_stats")
        }
        tree = xr.DataTree.from_dict({"posterior": few.expand_dims("chain"), **kept})
        tree.attrs = dict(self.posterior.attrs)
        return tree

    def doubts(self, *states: int) -> tuple[Doubt, ...]:
        """What speaks against the weights of any of these states."""
        few = bool(min(self.pool.effective_draws[state] for state in states) < ENOUGH)
        uneven = not all(self.believable[state] for state in states)
        return (Doubt.FEW_DRAWS,) * few + (Doubt.UNEVEN_WEIGHTS,) * uneven

    def estimates(
        self, values: Array, errors: Array, pairs: list[tuple[int, ...]], diagnostics: list[dict[str, float]]
    ) -> list[Estimate]:
        """One estimate for every pair of states, with the verdict on the weights."""
        found = []
        for value, error, pair, extra in zip(values, errors, pairs, diagnostics, strict=True):
            size = float(min(self.pool.effective_draws[state] for state in pair))
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
        pool, forecaster = self.pool, self.forecaster
        (outcome,) = forecaster.observed
        outcomes = np.asarray(self.batch[outcome].values, dtype=float).reshape(self.rows, 1)
        log_density = np.concatenate([self._at_draws(rows, outcomes[rows]) for rows in self._row_blocks(1)], axis=-1)
        found = point_densities(pool, log_density, states)
        parts = np.full((1, self.rows), 1 / self.rows)
        own = own_influences(pool, found, states, states, np.repeat(parts, len(states), axis=0))
        trust = relative_variances(pool, found, (newest, newest), states, states).of_worse
        carried = np.sqrt((trust**2).mean(axis=1))
        log_mean = found.log_density
        with np.errstate(invalid="ignore"):
            values = (log_mean[newest] - log_mean).mean(axis=1)
        sums = pool.influence_sums(own)
        errors = np.sqrt(pool.blocks.variance(sums[newest] - sums))
        worst = [{"relative_variance": float(part)} for part in carried]
        gaps = self._judged(self.draws.estimates(values, errors, [(newest, s) for s in states], worst))
        gaps[newest] = Estimate(0.0, 0.0)
        own_trust = own_variances(pool, found, states, states)
        scores = self.draws.estimates(
            log_mean.mean(axis=1),
            np.sqrt(pool.blocks.variance(sums)),
            [(s,) for s in states],
            [{"relative_variance": float(part)} for part in np.sqrt((own_trust**2).mean(axis=1))],
        )
        return gaps, self._judged(scores)

    def predictive_debts(self) -> list[Estimate]:
        """Predictive debt of every state before the period, with ``gap_sd`` among its diagnostics."""
        parts, weights = [], []
        for rows in self._row_blocks(POINTS[0]):
            parts.append(_BlockOfRows(self, rows).divergences())
            weights.append(len(range(*rows.indices(self.rows))) / self.rows)
        return [_whole([part[s] for part in parts], weights, self.draws, (self.target, s)) for s in range(self.target)]

    def _row_blocks(self, points: int) -> Iterator[slice]:
        together = max(CELLS // (self.pool.weight.shape[1] * points), 1)
        for first in range(0, self.rows, together):
            yield slice(first, min(first + together, self.rows))

    def _at_draws(self, rows: slice, nodes: Array) -> Array:
        """Log density of some rows at their points, shape (draws, rows * points)."""
        batch = take_rows(self.batch, rows, self.forecaster.observation_dim)
        values = log_density_at(self.forecaster, self.draws.posterior, batch, nodes, self.past, self.seed)
        return values.reshape(values.shape[0] * values.shape[1], -1)

    def _judged(self, estimates: list[Estimate]) -> list[Estimate]:
        judged = []
        for estimate in estimates:
            if not np.isfinite(estimate.value):
                impossible = Estimate(estimate.value, float("nan"), lower_bound=estimate.value > 0)
                judged.append(impossible.with_doubts(Doubt.OUTCOME_IMPOSSIBLE))
                continue
            poor = not estimate.diagnostics["relative_variance"] <= MAXIMUM_RELATIVE_VARIANCE
            judged.append(estimate.with_doubts(*[Doubt.FEW_REACH_OUTCOME] * poor))
        return judged


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

    def __init__(self, period: PooledPeriod, rows: slice) -> None:
        self.period, self.pool, self.target = period, period.pool, period.target
        self.batch = take_rows(period.batch, rows, period.forecaster.observation_dim)
        self.count = self.batch.sizes[period.forecaster.observation_dim]
        self.distributions = distributions_of(
            period.forecaster, period.draws.posterior, self.batch, period.past, period.seed
        )
        self._latest: tuple[Array, PointDensities] | None = None

    def divergences(self) -> list[_Part]:
        """Of every state before the target, by the first rule that is right for it."""
        period, target = self.period, self.target
        forecaster, thinned = period.forecaster, period.draws.thinned(target, PREDICTIVE_DRAWS, period.seed)
        past = period.past if forecaster.needs_past else None
        (drawn,) = forecaster.predict(thinned, self.batch, past, random_seed=period.seed).data_vars.values()
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
            period = self.period
            at = log_density_at(
                period.forecaster,
                period.draws.posterior,
                self.batch,
                nodes,
                period.past,
                period.seed,
                self.distributions,
            )
            flat = at.reshape(at.shape[0] * at.shape[1], -1)
            self._latest = nodes, point_densities(self.pool, flat, period.states)
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
        direct = direct_influences(pool, densities, self.target, self.target, own)
        direct -= own_influences(pool, densities, states, states, other)
        sums = pool.influence_sums(direct)
        few = slice(None, None, SPARSE)
        sparse = densities._replace(of_draws=densities.of_draws[:, few], mean=densities.mean[:, few])
        variances = relative_variances(pool, sparse, (self.target, self.target), states, states)
        parts, right = [], []
        for i, rule in enumerate(rules):
            share = rule.share[few] / max(rule.share[few].sum(), 1e-300)
            bias = float(share @ variances.of_ratio[i]) / 2
            trust = float(np.sqrt(share @ variances.of_worse[i] ** 2))
            value, error = without_bias(values[i], bias, float(pool.blocks.variance(sums[i])))
            beyond = float(np.hypot(rule.unresolved, rule.left_out))
            parts.append(_Part(values[i], sums[i], bias, beyond, trust, spreads[i]))
            tolerated = max(0.25 * error, 0.01 * value, 1e-7)  # as `tolerated_error`
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
    size = float(min(draws.pool.effective_draws[state] for state in pair))
    diagnostics = {"gap_sd": spread, "relative_variance": trust, "effective_draws": size}
    against = [doubt for part in parts for doubt in part.doubts]
    against += [Doubt.FEW_REACH_OUTCOMES] * (not trust <= MAXIMUM_RELATIVE_VARIANCE)
    estimate = Estimate(value, float(np.hypot(error, beyond)), diagnostics=diagnostics)
    return estimate.with_doubts(*draws.doubts(*pair), *dict.fromkeys(against))
