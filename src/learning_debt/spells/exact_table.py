"""All columns of one series from exact posteriors: by the compiled engine, or step by step where it does not reach."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.conjugate.posterior_chain import posterior_chain
from learning_debt.arrays.conjugate.spell_cells import SpellCells, spell_cells
from learning_debt.arrays.conjugate.student_t import SMALLEST_DEGREES_OF_FREEDOM
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.scores import LogScore
from learning_debt.spells.exact import UPKEEP, ExactStep
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.schema import EXACT_ONLY, doubt_of, reliable_of, se_of
from learning_debt.spells.table_loop import Columns, collected_columns, upkeep_by_period
from learning_debt.typing import Array

BETWEEN_POSTERIORS = ("debt", "parameter_gap")
"""Signals that no score has a part in."""


def exact_columns(forecaster: ConjugateRegression, plan: Plan) -> Columns:
    """The columns of one series, as a loop over `ExactStep` has them to rounding.

    The engine knows forecasts whose outcomes come in with their period: under the log score all of their signals, under
    another one those between posteriors. All else, and numbers out of floating point's range, which the step refuses by
    name, are the step's.
    """
    asked = dict.fromkeys(("score_gap", *plan.variables))
    known = [name for name in asked if isinstance(plan.score, LogScore) or name in BETWEEN_POSTERIORS]
    if plan.learns_late or not known or forecaster.prior.shape < SMALLEST_DEGREES_OF_FREEDOM / 2:
        return _stepwise(forecaster, plan, list(asked))
    none = _no_error(plan.periods)
    signals: dict[str, Any] = {**_signals(forecaster, plan, known)}
    if any(np.isnan(values[none.reliable]).any() for values in signals.values()):
        return _stepwise(forecaster, plan, list(asked))
    for name in known:
        if name not in EXACT_ONLY:
            signals |= {se_of(name): none.error, reliable_of(name): none.reliable, doubt_of(name): none.doubt}
    if len(known) == len(asked):
        return Columns(signals | none.upkeep)
    others = _stepwise(forecaster, plan, [name for name in asked if name not in known])
    return others._replace(cells=others.cells | signals)


def _stepwise(forecaster: ConjugateRegression, plan: Plan, names: list[str]) -> Columns:
    return collected_columns(ExactStep(forecaster, replace(plan.options, variables=tuple(names))), plan)


class _NoError(NamedTuple):
    """Standard errors, verdicts and codes of doubts of exact values, shape (T, T) each, and what shadows took.

    For reading only: a table copies them.
    """

    error: Array
    reliable: NDArray[np.bool_]
    doubt: NDArray[np.int8]
    upkeep: dict[str, Array]


@lru_cache(maxsize=4)
def _no_error(periods: int) -> _NoError:
    """The same for all series of so many periods."""
    present = np.triu(np.ones((periods, periods), dtype=bool))
    error, doubt = np.where(present, 0.0, np.nan), np.zeros((periods, periods), dtype=np.int8)
    upkeep = upkeep_by_period([UPKEEP] * (periods + 1))
    for values in (error, present, doubt, *upkeep.values()):
        values.flags.writeable = False
    return _NoError(error, present, doubt, upkeep)


def _signals(forecaster: ConjugateRegression, plan: Plan, names: list[str]) -> dict[str, Array]:
    """What is asked of the engine, by its name in the table, of shape (T, T) each."""
    history, rows = plan.history, forecaster.as_batch(plan.history.data)
    x, y, starts, first = rows["x"].values, rows["y"].values, history.starts, history.starts[plan.initial]
    asked = {*names} | ({"gap_sd"} if "predictive_debt" in names else set())
    cells = _arrays(plan.periods, asked)
    with np.errstate(all="ignore"):
        age_weight = plan.update_rule.weights(np.arange(len(history)))
        spell_cells(
            posterior_chain(forecaster.prior, x, y, starts, plan.initial, age_weight),
            x[first:],
            y[first:],
            starts[plan.initial :] - first,
            debt=bool(asked & {"debt", "parameter_gap"}),
            divergence="student_t" if "predictive_debt" in asked else None,
            cells=cells,
        )
    return {name: values for name, values in cells._asdict().items() if name in asked}


def _arrays(periods: int, asked: set[str]) -> SpellCells:
    """To be filled; what nobody asked for shares one array, or is not counted."""
    shape = (periods, periods)
    unused = np.empty(shape)
    return SpellCells(
        *(
            np.full(shape, np.nan) if name in asked else np.empty((0, 0)) if name == "residual_exceedance" else unused
            for name in SpellCells._fields
        )
    )
