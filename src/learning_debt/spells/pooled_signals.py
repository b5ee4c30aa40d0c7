"""Signals of one period for all deployed posteriors at once, from a pool of draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from learning_debt.arrays.bridging.multistate import debts
from learning_debt.arrays.predictive.outcome_points import POINTS
from learning_debt.arrays.predictive.pooled_mixtures import influences, own_variances, point_densities
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.row_likelihood import row_chunks, row_log_density
from learning_debt.scores.row_mixtures import MAXIMUM_RELATIVE_VARIANCE
from learning_debt.spells.pooled_divergences import CELLS, PooledDivergences, whole
from learning_debt.spells.pooled_draws import PooledDraws, by_draw
from learning_debt.spells.pooled_islands import Ties

ALIKE = 1e-9
"""Debt, in nats, below which two posteriors may be one."""


def pooled_debts(draws: PooledDraws, target: int, ties: Ties) -> list[Estimate]:
    """Posterior debt of every earlier state to `target`."""
    states, pool = list(range(target)), draws.pool
    values, errors = debts(pool, target, states, ties.log_normaliser if ties.marginals else None)
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
        found = point_densities(pool, by_draw(np.concatenate(at_rows, axis=-1)), states)
        own = influences(pool, found, states, np.full((len(states), self.rows), 1 / self.rows))
        trust = own_variances(pool, found, states)
        carried = np.sqrt((np.maximum(trust[newest], trust) ** 2).mean(axis=1))
        log_mean = found.log_density[states]
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
        counts, by_block = [], []
        for rows, past in self._chunks(POINTS[0]):  # one after the other, since each holds its densities
            block = PooledDivergences(self.forecaster, self.draws, self.target, rows, past, self.seed)
            counts.append(block.rows)
            by_block.append(block.parts())
        by_state = [list(of_state) for of_state in zip(*by_block, strict=True)]
        return whole(by_state, np.array(counts) / self.rows, self.draws, self.target)

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
