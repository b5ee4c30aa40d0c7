"""Pictures of an audit and of a spell table, in the style of arviz-plots.

They read datasets and the `Audit` record, never models, and return the `arviz_plots.PlotCollection` they drew on.
"""

from learning_debt.plots.agreement import plot_sampled_against_exact
from learning_debt.plots.bill import plot_bill
from learning_debt.plots.debt_parts import plot_debt_parts
from learning_debt.plots.paying_chances import plot_chances
from learning_debt.plots.regret_by_age import plot_ageing
from learning_debt.plots.running_slope import plot_belief_slope
from learning_debt.plots.schedule import plot_schedule
from learning_debt.plots.signal_lines import plot_signals
from learning_debt.plots.upkeep import plot_upkeep

__all__ = [
    "plot_ageing",
    "plot_belief_slope",
    "plot_bill",
    "plot_chances",
    "plot_debt_parts",
    "plot_sampled_against_exact",
    "plot_schedule",
    "plot_signals",
    "plot_upkeep",
]
