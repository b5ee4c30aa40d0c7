"""The spell table and its two builders: exact and sampled."""

from learning_debt.spells.table import check_spells, from_period, spell_age, spell_table

__all__ = ["check_spells", "from_period", "spell_age", "spell_table"]
