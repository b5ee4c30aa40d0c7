"""The spell table and its two builders: exact and sampled."""

from learning_debt.spells.checks import check_spells, fewest_periods, first_billed, from_period, select_periods
from learning_debt.spells.deployed_labels import deployed_after
from learning_debt.spells.fleet_tables import spell_tables
from learning_debt.spells.period_posteriors import replayed_posteriors
from learning_debt.spells.table_builder import spell_table
from learning_debt.spells.table_comparison import compare_tables

__all__ = [
    "check_spells",
    "compare_tables",
    "deployed_after",
    "fewest_periods",
    "first_billed",
    "from_period",
    "replayed_posteriors",
    "select_periods",
    "spell_table",
    "spell_tables",
]
