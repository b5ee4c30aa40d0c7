"""The replays of all series of a history, checked, and done here or side by side elsewhere."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.errors import NotPooledError, noted
from learning_debt.executors import mapped
from learning_debt.forecasters.base import FarSighted, Forecaster, require_sampled_forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.shadows.base import ShadowKeeper
from learning_debt.shadows.pooled import PooledShadow
from learning_debt.spells.exact_table import exact_columns
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.pooled import pooled_columns
from learning_debt.spells.sampled import SampledStep
from learning_debt.spells.series_plans import Layout, lay_out
from learning_debt.spells.store_identity import identity_of
from learning_debt.spells.stored_fits import with_stored_fits
from learning_debt.spells.table_loop import Columns, collected_columns
from learning_debt.spells.table_store import SeriesStore, opened


class SeriesJob(NamedTuple):
    """What the replay of one series takes beside the forecaster; `series` is its name where there are several."""

    plan: Plan
    keeper: ShadowKeeper
    seed: np.random.SeedSequence
    progressbar: bool
    series: str | None
    executor: Executor | None = None
    store: SeriesStore | None = None


class Replays(NamedTuple):
    """The replays of series that cover the same periods, checked and yet to be done."""

    layout: Layout
    forecaster: Forecaster
    jobs: list[SeriesJob]
    executor: Executor | None

    def table(self, first: int = 0, stop: int | None = None) -> xr.Dataset:
        """The table of the series from `first` up to, not including, `stop`."""
        stop = len(self.jobs) if stop is None else stop
        columns = list(mapped(self.executor, _columns_of, self.forecaster, self.jobs[first:stop]))
        return self.layout.of_series(first, stop).table(columns)


def prepared_replays(
    forecaster: Forecaster,
    history: Any,
    *,
    shadow: ShadowKeeper | None,
    random_seed: int | None,
    progressbar: bool,
    executor: Executor | None,
    store: str | os.PathLike[str] | None,
    ragged: bool = False,
    **options: Any,
) -> list[Replays]:
    """What `spell_table` has to do, once all that can be refused without a fit has been; arguments are its own.

    Where series may be `ragged`, those that cover the same periods are together, in the order in which they appear.
    """
    layouts = lay_out(
        forecaster,
        history,
        shadow=shadow,
        random_seed=random_seed,
        progressbar=progressbar,
        executor=executor,
        store=store,
        ragged=ragged,
        **options,
    )
    plans = {number: plan for layout in layouts for number, plan in zip(layout.numbers, layout.plans, strict=True)}
    if isinstance(forecaster, ConjugateRegression):  # whose rows are checked alike, whatever series they are of
        forecaster.as_batch(history)
    else:
        for number in sorted(plans):
            check_rows(forecaster, plans[number])
    keeper = PooledShadow() if shadow is None else shadow
    kept = None
    if store is not None:
        kept = opened(store, identity_of(forecaster, history, [*plans.values()], keeper), random_seed)
    seeds = np.random.SeedSequence(random_seed if kept is None else kept.entropy).spawn(len(plans))
    many, found = len(plans) > 1, []
    for layout in layouts:
        jobs = [
            SeriesJob(
                plan,
                keeper,
                seeds[number],
                progressbar,
                text if many else None,
                None if many else executor,
                None if kept is None else kept.series(number),
            )
            for number, plan, text in zip(layout.numbers, layout.plans, layout.series.texts, strict=True)
        ]
        found.append(Replays(layout, forecaster, jobs, executor if many else None))
    return found


def check_rows(forecaster: Forecaster, plan: Plan) -> None:
    """What can be refused is refused before the first fit."""
    forecaster.as_batch(plan.history.data)
    learns_all = plan.history.on_time and bool((plan.row_weight(plan.periods) > 0).all())
    if learns_all and isinstance(forecaster, FarSighted):
        forecaster.require_history(plan.history.data, int(plan.history.starts[plan.initial]))


def _columns_of(forecaster: Forecaster, job: SeriesJob) -> Columns:
    if job.store is None:
        return _worked_out(forecaster, job)
    if (found := job.store.finished()) is None:
        found = _worked_out(forecaster, job)
        job.store.keep_finished(found)
    return found


def _worked_out(given: Forecaster, job: SeriesJob) -> Columns:
    with nullcontext() if job.series is None else noted(f"of series {job.series}"):
        if isinstance(given, ConjugateRegression):
            return exact_columns(given, job.plan)
        forecaster = require_sampled_forecaster("forecaster", given)
        if job.store is not None:
            forecaster = with_stored_fits(forecaster, job.store)
        keeper, not_pooled = job.keeper, ""
        if isinstance(keeper, PooledShadow):
            try:
                return pooled_columns(
                    forecaster,
                    job.plan,
                    keeper,
                    job.seed,
                    progressbar=job.progressbar,
                    executor=job.executor,
                    store=job.store,
                )
            except NotPooledError as reason:
                keeper, not_pooled = keeper.otherwise, str(reason)
        step = SampledStep(forecaster, job.plan.options, keeper, job.seed)
        found = collected_columns(step, job.plan, progressbar=job.progressbar, store=job.store)
        return found._replace(not_pooled=not_pooled)
