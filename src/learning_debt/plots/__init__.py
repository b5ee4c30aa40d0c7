"""Pictures of spell tables, audits and posteriors, in the style of arviz-plots.

They read datasets and the `Audit` record, never models, and return the `arviz_plots.PlotCollection` they drew on.
"""

from typing import Any

from learning_debt.moved import moved_name
from learning_debt.plots.agreement import plot_sampled_against_exact
from learning_debt.plots.bill import plot_bill
from learning_debt.plots.chance_calibration import plot_calibration
from learning_debt.plots.debt_lines import plot_debt
from learning_debt.plots.debt_parts import plot_debt_parts
from learning_debt.plots.decision_rows import plot_decisions
from learning_debt.plots.parameter_lines import plot_parameter_stability
from learning_debt.plots.regret_by_age import plot_ageing
from learning_debt.plots.regret_lines import plot_regret
from learning_debt.plots.running_slope import plot_belief_slope
from learning_debt.plots.table_cells import plot_spells
from learning_debt.plots.upkeep import plot_upkeep

__all__ = [
    "plot_ageing",
    "plot_belief_slope",
    "plot_bill",
    "plot_calibration",
    "plot_debt",
    "plot_debt_parts",
    "plot_decisions",
    "plot_parameter_stability",
    "plot_regret",
    "plot_sampled_against_exact",
    "plot_spells",
    "plot_upkeep",
]


def __getattr__(name: str) -> Any:
    return moved_name(__name__, name)
