"""The columns of one series from a pool of draws: a few fits serve every posterior."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np

from learning_debt.doubt import Doubt
from learning_debt.errors import NotPooledError, noted
from learning_debt.forecasters.base import SampledForecaster, ThreadSafe
from learning_debt.shadows.base import Upkeep
from learning_debt.shadows.pooled import PooledShadow
from learning_debt.spells.estimate_signals import estimate_signals
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.period_rows import PeriodRows
from learning_debt.spells.period_threads import in_threads
from learning_debt.spells.pooled_anchors import Anchors
from learning_debt.spells.pooled_draws import PooledDraws
from learning_debt.spells.pooled_islands import Ties, ties_of
from learning_debt.spells.pooled_signals import PooledPeriod, pooled_debts
from learning_debt.spells.progress import Stages
from learning_debt.spells.schema import POOLED
from learning_debt.spells.step import Column, period_seeds
from learning_debt.spells.table_loop import Columns, ColumnStore, columns_of
from learning_debt.spells.table_store import SeriesStore
from learning_debt.typing import Array

WORTH_THINNING = 0.85
"""Share of the draws, at most, that a thinner pool has: below that it saves more than it takes to make."""
TAINTED = 0.01
"""Share of a period's weight on draws of a fit that cannot be believed, above which the period cannot be, either."""


def require_pooled_plan(forecaster: SampledForecaster, plan: Plan) -> None:
    """What tells before the first fit that a table cannot be made from a pool.

    Raises
    ------
    NotPooledError
    """
    if plan.score.name != "log":
        raise NotPooledError(f"the score is {plan.score.name}, and a pool serves the log score")
    if plan.learns_late:
        raise NotPooledError("outcomes become known in later periods than those that are forecast")
    if forecaster.growing_dims:
        raise NotPooledError(f"the model grows along {', '.join(forecaster.growing_dims)}")
    if "deployed_pareto_k" in plan.variables:
        raise NotPooledError("deployed_pareto_k is about reweighting one posterior's own draws")


def pooled_draws(
    forecaster: SampledForecaster,
    plan: Plan,
    keeper: PooledShadow,
    fit_seeds: Sequence[int],
    stages: Stages,
    executor: Executor | None = None,
    store: SeriesStore | None = None,
) -> tuple[Anchors, PooledDraws]:
    """The fits of a replay, and the pool that they make.

    A `store` remembers which fits these are: looking for them again would take a fifth of a table's time.

    Raises
    ------
    NotPooledError
        If there can be none, before or after the first fits.
    """
    require_pooled_plan(forecaster, plan)
    with stages.stage("fitting anchors") as fitting:
        anchors = Anchors(forecaster, plan, keeper, fit_seeds, fitting, executor)
        search = None if store is None else store.search()
        pool = anchors.found() if search is None else anchors.found_again(search)
        if store is not None and search != anchors.search:
            store.keep_search(anchors.search)
    return anchors, PooledDraws(pool, anchors.posterior(), anchors.enough(pool))


def pooled_columns(
    forecaster: SampledForecaster,
    plan: Plan,
    keeper: PooledShadow,
    seed: np.random.SeedSequence,
    *,
    progressbar: bool = False,
    executor: Executor | None = None,
    store: SeriesStore | None = None,
) -> Columns:
    """All periods of `plan` from a pool.

    Raises
    ------
    NotPooledError
        If the table cannot be made from a pool, before or after the first fits.
    """
    fit_seeds, forecast_seeds, bridge_seeds = zip(
        *(period_seeds(seed, t) for t in range(plan.periods + 1)), strict=True
    )
    with Stages(progressbar) as stages:
        anchors, draws = pooled_draws(forecaster, plan, keeper, fit_seeds, stages, executor, store)
        fewer = fewer_draws(anchors, draws) if "predictive_debt" in plan.variables else draws
        return columns_of_pool(plan, anchors, (draws, fewer), (forecast_seeds, bridge_seeds), stages, store)


def columns_of_pool(
    plan: Plan,
    anchors: Anchors,
    pools: tuple[PooledDraws, PooledDraws],
    seeds: tuple[Sequence[int], Sequence[int]],
    stages: Stages,
    store: ColumnStore | None = None,
) -> Columns:
    """All periods of `plan`, whose states are the first of both pools; seeds are of forecasts and of bridges."""
    forecaster, draws = anchors.forecaster, pools[0]
    ties = ties_of(anchors, draws.pool, seeds[1]) if "debt" in plan.variables else Ties()
    upkeep, columns = upkeep_of(anchors, draws), []

    def of_period(t: int) -> Column:
        if store is not None and (known := store.column(POOLED, t)) is not None:
            return known
        with noted(plan.where(t)):
            signals = _signals(forecaster, plan, pools, ties, t, seeds[0][t])
        found = Column(signals, upkeep[t])
        if store is not None:
            store.keep_column(POOLED, t, found)
        return found

    with stages.stage("densities of every period", plan.periods) as periods:
        side_by_side = isinstance(forecaster, ThreadSafe) and forecaster.thread_safe
        for column in (in_threads if side_by_side else map)(of_period, range(1, plan.periods + 1)):
            columns.append(column)
            periods.advance()
    return columns_of(upkeep[0], columns)


def _signals(
    forecaster: SampledForecaster, plan: Plan, pools: tuple[PooledDraws, PooledDraws], ties: Ties, t: int, seed: int
) -> dict[str, Array]:
    """Signals of period t; predictive debt, which asks for densities at many points, from the second pool."""
    draws, fewer = pools
    variables, issued = plan.variables, plan.period(t).issued
    batch = forecaster.as_batch(plan.history.take(issued.rows))
    past = plan.history.take(slice(issued.before)) if forecaster.needs_past else None
    rows = PeriodRows(forecaster, batch, past, seed)
    period = PooledPeriod(rows, draws, t)
    gaps, scores = period.gaps()
    signals = estimate_signals("score_gap", gaps)
    if "deployed_score" in variables:
        signals |= estimate_signals("deployed_score", scores)
    if "debt" in variables:
        signals |= estimate_signals("debt", pooled_debts(draws, t, ties))
    if "predictive_debt" in variables:
        debts = PooledPeriod(rows, fewer, t).predictive_debts()
        spreads = np.array([debt.diagnostics.get("gap_sd", np.nan) for debt in debts])
        signals |= estimate_signals("predictive_debt", debts) | {"gap_sd": spreads}
    return signals


def fewer_draws(anchors: Anchors, draws: PooledDraws) -> PooledDraws:
    """As many draws of each anchor as every period needs to be worth those of one fit."""
    every = anchors.spared(draws.pool)
    if (draws.pool.counts / every).sum() > WORTH_THINNING * draws.pool.counts.sum():
        return draws
    try:
        return PooledDraws(anchors.pool(every), anchors.posterior(every), draws.believable)
    except NotPooledError:  # fits that hardly overlap may need all their draws
        return draws


def upkeep_of(anchors: Anchors, draws: PooledDraws) -> list[Upkeep]:
    """What every period took, and whether it can be believed: no better than the fits that its weight lies on."""
    pool, believable = draws.pool, draws.believable
    poor = {t: anchors.fits[t].upkeep for t in pool.anchors if not anchors.fits[t].upkeep.converged}
    on_poor = {t: pool.share_of(pool.anchors.index(t)) for t in {*poor, *anchors.notes}}
    found = []
    for t in range(len(pool.weight)):
        size, tail = float(pool.effective_draws[t]), float("nan")
        if t in anchors.fits:
            upkeep = anchors.fits[t].upkeep
        else:
            tail = anchors.pareto_k(pool, t)
            upkeep = Upkeep(POOLED, tail, size, 0, 0.0, 0.0, True)
            if t in anchors.left_out:
                spent = anchors.left_out[t]
                upkeep = upkeep._replace(refits=spent.refits, evaluations=spent.evaluations, seconds=spent.seconds)
        for fit, share in on_poor.items():
            if share[t] > TAINTED and upkeep.converged:
                upkeep = _tainted(upkeep, fit, anchors)
        if not believable[t] and upkeep.converged:
            doubt = Doubt.UNEVEN_WEIGHTS
            upkeep = upkeep._replace(converged=False, doubt=doubt.text(), doubts=(doubt,))
        found.append(upkeep)
    return found


def _tainted(upkeep: Upkeep, fit: int, anchors: Anchors) -> Upkeep:
    label = str(anchors.plan.history.labels[anchors.plan.position(fit)])
    poor = anchors.fits[fit].upkeep
    why = poor.doubt if not poor.converged else anchors.notes[fit]
    doubts = poor.doubts or (Doubt.OTHER_WEIGHTS,)
    return upkeep._replace(converged=False, doubt=f"the fit to {label}: {why}", doubts=doubts)
