"""Debt where it lives: which rows moved belief, and which parameters it moved."""

from learning_debt.attribution.blocks import debt_by_block
from learning_debt.attribution.groups import debt_by_group

__all__ = ["debt_by_block", "debt_by_group"]
