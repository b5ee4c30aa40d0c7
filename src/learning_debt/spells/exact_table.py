"""All columns of one series from exact posteriors: by the compiled engine, or step by step where it does not reach."""

from __future__ import annotations

import numpy as np

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


def exact_columns(forecaster: ConjugateRegression, plan: Plan) -> Columns:
    """The columns of one series, as a loop over `ExactStep` has them to rounding.

    The engine knows the log score of forecasts whose outcomes come in with their period. All else, and numbers out of
    floating point's range, which the step refuses by name, are the step's.
    """
    if plan.learns_late or not isinstance(plan.score, LogScore):
        return collected_columns(ExactStep(forecaster, plan.options), plan)
    signals = _signals(_cells(forecaster, plan), plan.variables)
    periods = plan.periods
    present = np.triu(np.ones((periods, periods), dtype=bool))
    if forecaster.prior.shape < SMALLEST_DEGREES_OF_FREEDOM / 2 or any(
        np.isnan(values[present]).any() for values in signals.values()
    ):
        return collected_columns(ExactStep(forecaster, plan.options), plan)
    for name in dict.fromkeys(("score_gap", *plan.variables)):
        if name not in EXACT_ONLY:
            signals[se_of(name)] = np.where(present, 0.0, np.nan)
            signals[reliable_of(name)] = present.copy()
            signals[doubt_of(name)] = np.zeros((periods, periods), dtype=np.int8)
    return Columns(signals | upkeep_by_period([UPKEEP] * (periods + 1)))


def _cells(forecaster: ConjugateRegression, plan: Plan) -> SpellCells:
    history, rows = plan.history, forecaster.as_batch(plan.history.data)
    x, y, starts = rows["x"].values, rows["y"].values, history.starts
    with np.errstate(all="ignore"):
        age_weight = plan.update_rule.weights(np.arange(len(history)))
        chain = posterior_chain(forecaster.prior, x, y, starts, plan.initial, age_weight)
        first = starts[plan.initial]
        return spell_cells(
            chain,
            x[first:],
            y[first:],
            starts[plan.initial :] - first,
            debt="debt" in plan.variables or "parameter_gap" in plan.variables,
            divergence="student_t" if "predictive_debt" in plan.variables else None,
        )


def _signals(cells: SpellCells, variables: tuple[str, ...]) -> dict[str, Array]:
    """What was asked for, by its name in the table."""
    signals = {"score_gap": cells.score_gap}
    if "deployed_score" in variables:
        signals["deployed_score"] = cells.score
    for name in ("debt", "predictive_debt"):
        if name in variables:
            signals[name] = getattr(cells, name)
    if "predictive_debt" in variables:
        signals["gap_sd"] = cells.gap_sd
    return signals | {name: getattr(cells, name) for name in EXACT_ONLY if name in variables}
