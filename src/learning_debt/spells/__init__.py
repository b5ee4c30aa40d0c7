"""The spell table and its two builders: exact and sampled."""

from learning_debt.spells.checks import check_spells, from_period
from learning_debt.spells.comparison import compare_tables
from learning_debt.spells.deployed import deployed_after
from learning_debt.spells.table import spell_table

__all__ = ["check_spells", "compare_tables", "deployed_after", "from_period", "spell_table"]
