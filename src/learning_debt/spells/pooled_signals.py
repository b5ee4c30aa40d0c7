"""Signals of one period for all deployed posteriors at once, from a pool of draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from learning_debt.arrays.bridging.pooled_debts import debts
from learning_debt.arrays.draws.effective_size import ENOUGH
from learning_debt.arrays.predictive.outcome_points import POINTS
from learning_debt.arrays.predictive.pooled_mixtures import influence_sums, own_variances, point_densities
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.scores.row_mixtures import MAXIMUM_RELATIVE_VARIANCE
from learning_debt.spells.period_rows import PeriodRows
from learning_debt.spells.pooled_divergences import CELLS, PooledDivergences, whole
from learning_debt.spells.pooled_draws import PooledDraws, by_draw
from learning_debt.spells.pooled_islands import Ties
from learning_debt.typing import Array

ALIKE = 1e-9
"""Debt, in nats, below which two posteriors may be one."""
TAIL_INFLATION = 0.5
"""How much the error of a density at an outcome grows per square of `ENOUGH` over the draws that carry it.

Far from all that a posterior expects, few draws carry its density: without the largest, which are seldom there, it
comes out too small, and its error with it. Regressions with a jump of 3 standard deviations, 20 and 50 parameters, four
tables each: 90% intervals of gaps whose worst outcome 50 to 100 draws carry covered .81 and .83, and missed by up to
7.5 standard errors; with it .93 and .96, and 4.4. Where 250 draws carry all outcomes they covered .88 and .89. In eight
other tables of each 12 gaps missed by more than 5, with it none, and all covered .89 and .91.
"""


def pooled_debts(draws: PooledDraws, target: int, ties: Ties) -> list[Estimate]:
    """Posterior debt of every earlier state to `target`."""
    states, pool = list(range(target)), draws.pool
    values, errors = debts(pool, target, states, ties.constants)
    found = draws.estimates(np.maximum(values, 0.0), errors, [(target, s) for s in states], [{}] * target)
    for s in np.flatnonzero(pool.island[:target] != pool.island[target]):
        apart = ties.estimate(pool, target, int(s), float(values[s]), float(errors[s]))
        found[s] = apart.with_doubts(*draws.doubts(target, int(s)))
    for s in np.flatnonzero(np.isposinf(values)):
        found[s] = Estimate(float("inf"), float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
    log_likelihood = pool.log_likelihood
    for s in np.flatnonzero(values < ALIKE):
        if np.array_equal(log_likelihood[s], log_likelihood[target]):
            found[s] = Estimate(0.0, 0.0)
    return found


class PooledPeriod:
    """Predictive densities of a period's rows under all states before `target`, and `target` itself.

    Parameters
    ----------
    rows : PeriodRows
    draws : PooledDraws
    target : int
        The shadow at the end of the period; its forecast is what predictive debt is measured from.
    """

    def __init__(self, rows: PeriodRows, draws: PooledDraws, target: int) -> None:
        self.rows, self.draws, self.target = rows, draws, target
        self.pool, self.states = draws.pool, list(range(target + 1))

    def gaps(self) -> tuple[list[Estimate], list[Estimate]]:
        """Score gaps of the newest state before the period to each one, and mean scores of each, at the outcomes."""
        newest, states = self.target - 1, self.states[:-1]
        pool = self.pool
        at_rows = [rows.log_density(self.draws.posterior) for rows in self._chunks(1)]
        found = point_densities(pool, by_draw(np.concatenate(at_rows, axis=-1)), states)
        sums = influence_sums(pool, found, states, np.full((len(states), self.rows.number), 1 / self.rows.number))
        trust = own_variances(pool, found, states)
        log_mean = found.log_density[states]
        with np.errstate(invalid="ignore"):
            values = (log_mean[newest] - log_mean).mean(axis=1)
        worse = np.maximum(trust[newest], trust)
        errors = np.sqrt(pool.blocks.variance(sums[newest] - sums)) * _tail_factor(worse)
        worst = [{"relative_variance": float(part)} for part in _root_mean_square(worse)]
        gaps = _judged(self.draws.estimates(values, errors, [(newest, s) for s in states], worst))
        gaps[newest] = Estimate(0.0, 0.0)
        scores = self.draws.estimates(
            log_mean.mean(axis=1),
            np.sqrt(pool.blocks.variance(sums)) * _tail_factor(trust),
            [(s,) for s in states],
            [{"relative_variance": float(part)} for part in _root_mean_square(trust)],
        )
        return gaps, _judged(scores)

    def predictive_debts(self) -> list[Estimate]:
        """Predictive debt of every state before the period, with ``gap_sd`` among its diagnostics."""
        counts, by_block = [], []
        for rows in self._chunks(POINTS[0]):  # one after the other, since each holds its densities
            counts.append(rows.number)
            by_block.append(PooledDivergences(rows, self.draws, self.target).parts())
        by_state = [list(of_state) for of_state in zip(*by_block, strict=True)]
        return whole(by_state, np.array(counts) / self.rows.number, self.draws, self.target)

    def _chunks(self, points: int) -> Iterator[PeriodRows]:
        """Rows to look at together, each at so many points."""
        return self.rows.chunks(CELLS // (self.pool.weight.shape[1] * points))


def _root_mean_square(relative_variance: Array) -> Array:
    return np.asarray(np.sqrt((relative_variance**2).mean(axis=1)))


def _tail_factor(relative_variance: Array) -> Array:
    """Factor on the error of a mean over outcomes, shape (states, outcomes) to (states,).

    The inverse of a relative variance is the number of draws that carry a density; each outcome counts by its part in
    the variance of the mean.
    """
    total = relative_variance.sum(axis=1)
    typical = (relative_variance**2).sum(axis=1) / np.where(total > 0, total, 1.0)
    return np.asarray(1 + TAIL_INFLATION * (ENOUGH * typical) ** 2)


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
