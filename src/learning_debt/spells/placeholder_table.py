"""A spell table with made-up signals and no fit, on which pricing and printing are tried before a long run."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.schema import ARRIVED_GAP, DRAWS_ONLY, EXACT_ONLY, FLAGS, doubt_of, reliable_of, se_of
from learning_debt.spells.series_plans import lay_out
from learning_debt.spells.table_builder import spell_table
from learning_debt.spells.table_loop import Columns


def rehearsed_table(forecaster: Any, history: Any, **options: Any) -> xr.Dataset:
    """The table of `spell_table` with the same arguments, refused for the same reasons, made without a fit.

    It has the dimensions, labels, units and variables that it would have, and made-up signals: what prices, draws or
    stores it can be tried before a long run.

    Raises
    ------
    TypeError, ValueError
        As `spell_table` raises them.
    """
    asked = inspect.signature(spell_table).bind(forecaster, history, **options)
    asked.apply_defaults()
    (layout,) = lay_out(*asked.args, **asked.kwargs)
    seconds = 0.0 if isinstance(forecaster, ConjugateRegression) else 1.0
    return layout.table([_made_up(plan, seconds) for plan in layout.plans])


def _made_up(plan: Plan, seconds: float) -> Columns:
    """Every column that `plan` asks for, arrays (T, T) over (deployed_at, period).

    Signals grow with spell age and waver a little, so that whatever is calibrated on them can be.
    """
    periods = np.arange(1, plan.periods + 1)
    age = periods - np.arange(plan.periods)[:, None]
    present = age > 0
    signal = np.where(present, 0.01 * age * (1 + 0.1 * np.sin(periods)), np.nan)
    cells: dict[str, Any] = {}
    for name in {*plan.variables, "score_gap"}:
        cells[name] = signal.copy()
        if name not in (*EXACT_ONLY, *DRAWS_ONLY):
            cells |= {se_of(name): 0.0 * signal, reliable_of(name): present.copy()}
            cells[doubt_of(name)] = np.zeros(present.shape, dtype=np.int8)
    if "predictive_debt" in plan.variables:
        cells["gap_sd"] = np.sqrt(2 * signal)  # that of a small change under the log score
    if plan.learns_late:
        cells[ARRIVED_GAP] = signal.copy()
        cells |= {se_of(ARRIVED_GAP): 0.0 * signal, reliable_of(ARRIVED_GAP): present.copy()}
        cells[doubt_of(ARRIVED_GAP)] = np.zeros(present.shape, dtype=np.int8)
    ones = np.ones(plan.periods)
    cells |= {"converged": ones.astype(bool), "deployed_converged": ones.astype(bool)}
    cells |= {"doubt": np.full(plan.periods, ""), "deployed_doubt": np.full(plan.periods, "")}
    cells |= {doubt_of(flag): np.zeros(plan.periods, dtype=np.int8) for flag in FLAGS}
    cells |= {"rung": np.full(plan.periods, "refit"), "refits": ones.astype(int), "evaluations": ones}
    return Columns(cells | {"seconds": seconds * ones, "pareto_k": np.nan * ones, "effective_size": np.nan * ones})
