"""Predictive debt of all deployed posteriors over some rows, from a pool of draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.special import logsumexp

from learning_debt.arrays.predictive.integration import Points, Rule, by_average, by_rule, normalised
from learning_debt.arrays.predictive.mixture import (
    Mixture,
    gap_spread,
    log_ratio,
    plug_in_divergence,
    without_bias,
)
from learning_debt.arrays.predictive.outcome_points import FAR, MAXIMUM_POINTS, POINTS, OutcomePoints
from learning_debt.arrays.predictive.pooled_mixtures import (
    SPARSE,
    PointDensities,
    bare,
    influence_sums,
    influence_sums_of,
    point_densities,
    relative_variances,
)
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.scores.predictive_contrast import (
    CARRYING_DRAWS,
    DEPLOYED_SHARE,
    MAXIMUM_AVERAGED_VARIANCE,
    MONTE_CARLO_DRAWS,
    MORE_DRAWS,
)
from learning_debt.scores.row_mixtures import MAXIMUM_RELATIVE_VARIANCE, tolerated_error
from learning_debt.spells.period_rows import PeriodRows
from learning_debt.spells.pooled_draws import PooledDraws, by_draw
from learning_debt.typing import Array

CELLS = 8_000_000
"""Densities (draws times points) held at once by the coarsest rule; the finest holds some 15 times as many."""


@dataclass(frozen=True)
class Part:
    """Divergence over some rows: its value, block sums of its influence, and what else its error is made of.

    Attributes
    ----------
    value : float
        Nats per row.
    sums : ndarray, shape (blocks of draws,)
    variance : float
        Of the sum of the influences.
    bias : float
        Half the variance of log f_p/f_s, which the plug-in value is too large by.
    beyond : float
        Error of the points.
    trust, most : float
        Squared error of the densities, and up to what it can be relied on.
    spread : float
        Standard deviation of the mean score gap over the rows.
    settled, coarse : bool
        Whether the points are right for this state, and whether finer ones may be.
    """

    value: float
    sums: Array
    variance: float = np.inf
    bias: float = 0.0
    beyond: float = 0.0
    trust: float = np.inf
    most: float = MAXIMUM_RELATIVE_VARIANCE
    spread: float = np.nan
    settled: bool = False
    coarse: bool = False
    doubts: tuple[Doubt, ...] = ()


class PooledDivergences:
    """Divergences of all states before `target` over rows that are looked at together.

    As in `PredictiveContrast`, each by the first that is right for it: points that hold what the target expects, points
    that also hold what the states expect, predictive draws.
    """

    def __init__(self, rows: PeriodRows, draws: PooledDraws, target: int) -> None:
        self.rows, self.draws, self.pool, self.target = rows, draws, draws.pool, target
        self.state_seed, self.average_seed = np.random.SeedSequence(rows.seed).generate_state(2).tolist()
        self.distributions = rows.distributions(draws.posterior)
        self.kind = rows.forecaster.outcome_kind()
        self._open = list(range(target))
        self._latest: tuple[Array, PointDensities] | None = None

    def parts(self) -> list[Part]:
        """Of every state before the target."""
        outcomes = self._predicted([self.target], MONTE_CARLO_DRAWS, self.rows.seed)
        places = OutcomePoints(self.kind, outcomes, outcomes, self._target_at)
        found = self._integrated(places, {})
        for reach in FAR:
            if self._open:
                theirs = self._predicted(self._open, MONTE_CARLO_DRAWS, self.state_seed)
                found |= self._integrated(places.with_draws(theirs, reach), found)
        if self._open:
            found |= self._averaged()
        return [found[s] for s in range(self.target)]

    def _integrated(self, places: OutcomePoints, before: dict[int, Part]) -> dict[int, Part]:
        """Of open states by rules of rising resolution, as long as a finer one may mend what is wrong."""
        found: dict[int, Part] = {}
        for points in POINTS:
            pending = [s for s in self._open if s not in found or found[s].coarse]
            rule = places.at(points) if pending else None
            if rule is not None:
                nodes, at = rule
                found |= self._by_rules(nodes, pending, partial(_at_points, at), before | found)
                self._open = [s for s in self._open if s not in found or not found[s].settled]
        return found

    def _averaged(self) -> dict[int, Part]:
        """Over predictive draws of the target and of all open states, until enough of them carry each divergence."""
        held = CELLS * POINTS[-1] // (POINTS[0] * self.pool.weight.shape[1])  # as many as the finest rule
        most = max(min(MAXIMUM_POINTS, held) // self.rows.number, CARRYING_DRAWS)
        found: dict[int, Part] = {}
        for number in sorted({min(times * MONTE_CARLO_DRAWS, most) for times in MORE_DRAWS}):
            few = max(round(number * DEPLOYED_SHARE), 1)
            own = self._predicted([self.target], max(number - few, 1), self.rows.seed)
            theirs = self._predicted(self._open, few, self.average_seed)
            nodes = np.concatenate([own, theirs]).T
            shares = np.full(len(own), 1 / len(own)), np.full(len(theirs), 1 / len(theirs))
            proposed = logsumexp(self._densities(nodes).log_density[self._open], axis=0) - np.log(len(self._open))
            average = partial(by_average, shares=shares, part=1 - DEPLOYED_SHARE, proposed=proposed)
            found |= self._by_rules(nodes, self._open, partial(_by_averages, average), {})
            # A state that rules out what the target expects is not mended by more draws.
            self._open = [s for s in self._open if not found[s].settled and np.isfinite(found[s].value)]
            if not self._open:
                break
        for s, part in found.items():
            if not part.settled:
                ruled_out = Doubt.OUTCOMES_RULED_OUT if np.isposinf(part.value) else Doubt.FEW_CARRY_DEBT
                found[s] = replace(part, doubts=(ruled_out,))
        return found

    def _predicted(self, states: list[int], number: int, seed: int) -> Array:
        """Predictive draws of the rows, as many of each state, shape (draws, rows)."""
        return self.rows.predicted(self.draws.thinned(states, number), seed)

    def _densities(self, nodes: Array) -> PointDensities:
        """Of the target and of states not yet settled, at points of shape (rows, points); the latest are kept."""
        if self._latest is None or self._latest[0] is not nodes:
            self._latest = None  # before the next ones are made
            at = self.rows.log_density_at(nodes, self.draws.posterior, self.distributions)
            self._latest = nodes, point_densities(self.pool, by_draw(at), [*self._open, self.target])
        return self._latest[1]

    def _target_at(self, nodes: Array) -> Mixture:
        return bare(self._densities(nodes).log_density[self.target])

    def _by_rules(
        self,
        nodes: Array,
        states: list[int],
        rules_of: Callable[[Array, Array], list[Rule]],
        before: dict[int, Part],
    ) -> dict[int, Part]:
        """Divergences of `states` at these points; `rules_of` tells what they say of the target and some densities.

        Left out are those which, with three times the error that they had `before`, would be far from right.
        """
        log_density = self._densities(nodes).log_density
        shadow = bare(log_density[self.target])
        found, values, rules = {}, {}, {}
        for s, rule in zip(states, rules_of(log_density[self.target], log_density[states]), strict=True):
            if not np.isfinite(rule.unresolved):
                found[s] = Part(np.inf, np.zeros(len(self.pool.blocks.starts)))
                continue
            value = plug_in_divergence(shadow, bare(log_density[s]), rule.share, rule.others)
            error = 3 * before[s].variance ** 0.5 if s in before else np.inf
            if rule.unresolved <= tolerated_error(error, value):
                rules[s], values[s] = rule, value
        return found | (self._parts(self._densities(nodes), rules, values) if rules else {})

    def _parts(self, densities: PointDensities, rules: dict[int, Rule], values: dict[int, float]) -> dict[int, Part]:
        """Values of states with their errors, and whether the points are right for each."""
        pool, target, states = self.pool, self.target, list(rules)
        log_density = densities.log_density
        shadow = log_density[target]
        own, other = np.zeros((2, len(states), shadow.size))
        for i, (s, rule) in enumerate(rules.items()):
            h = log_ratio(shadow, log_density[s], rule.share)
            # Each draw's own density integrates to one over the points, but for an error that pooled draws share.
            own[i] = rule.share * h + (rule.share if rule.others is None else 0.0)
            other[i] = rule.share - (0.0 if rule.others is None else rule.others)
        sums = influence_sums_of(pool, densities, target, own) - influence_sums(pool, densities, states, other)
        variance = pool.blocks.variance(sums)
        few = slice(None, None, SPARSE)
        sparse = densities._replace(of_draws=densities.of_draws[:, few], mean=densities.mean[:, few])
        variances = relative_variances(pool, sparse, target, states)
        found = {}
        for i, (s, rule) in enumerate(rules.items()):
            at = normalised(rule.share.reshape(self.rows.number, -1)).ravel()
            part = Part(
                values[s],
                sums[i],
                float(variance[i]),
                bias=float(at[few] @ variances.of_ratio[i]) / 2 / at[few].sum(),
                beyond=float(np.hypot(rule.unresolved, rule.left_out)),
                trust=float(np.sqrt(at[few] @ variances.of_worse[i] ** 2 / at[few].sum())),
                spread=gap_spread(bare(shadow), bare(log_density[s]), at, self.rows.number),
            )
            value, error = without_bias(part.value, part.bias, part.variance)
            tolerated = tolerated_error(error, value)
            if np.isfinite(rule.carried):  # of random points, whose error is known where enough carry the divergence
                settled = rule.unresolved <= tolerated or rule.carried >= CARRYING_DRAWS
                found[s] = replace(part, settled=settled, most=MAXIMUM_AVERAGED_VARIANCE)
            else:
                coarse = rule.unresolved > tolerated
                short = rule.left_out > max(0.5 * error, tolerated)
                # Finer points mend nothing beyond the ends of a line; masses of a sum over strided counts they do.
                mends = coarse or (short and self.kind == "count")
                found[s] = replace(part, settled=not (coarse or short), coarse=mends)
        return found


def _at_points(at: Points, shadow: Array, deployed: Array) -> list[Rule]:
    return by_rule(at._replace(shadow=bare(shadow)), deployed)


def _by_averages(average: Callable[[Mixture, Mixture], Rule], shadow: Array, deployed: Array) -> list[Rule]:
    return [average(bare(shadow), bare(each)) for each in deployed]


def whole(parts: list[list[Part]], share: Array, draws: PooledDraws, target: int) -> list[Estimate]:
    """Mean over the rows for every state: parts of each over some rows, and the share of the rows that each part has.

    Errors of one pool are added draw by draw.
    """
    sums = np.stack([share @ np.stack([part.sums for part in of_state]) for of_state in parts])
    variances = draws.pool.blocks.variance(sums)
    return [
        _mean(of_state, share, float(variance), draws, (target, s))
        for s, (of_state, variance) in enumerate(zip(parts, variances, strict=True))
    ]


def _mean(parts: list[Part], share: Array, variance: float, draws: PooledDraws, pair: tuple[int, int]) -> Estimate:
    value, bias, beyond, trust, most = (
        float(share @ [getattr(part, name) for part in parts]) for name in ("value", "bias", "beyond", "trust", "most")
    )
    against = [doubt for part in parts for doubt in part.doubts]
    if not np.isfinite(value):
        diagnostics = {"gap_sd": float("nan")}
        return Estimate(value, float("nan"), lower_bound=value > 0, diagnostics=diagnostics, doubts=tuple(against))
    value, error = without_bias(value, bias, variance)
    spread = float(np.sqrt(((share * [part.spread for part in parts]) ** 2).sum()))
    diagnostics = {"gap_sd": spread, "relative_variance": trust, "effective_draws": draws.effective_draws(*pair)}
    against += [Doubt.FEW_REACH_OUTCOMES] * (not trust <= most)
    estimate = Estimate(value, float(np.hypot(error, beyond)), diagnostics=diagnostics)
    return estimate.with_doubts(*draws.doubts(*pair), *dict.fromkeys(against))
