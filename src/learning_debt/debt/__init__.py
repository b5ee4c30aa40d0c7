"""How far apart two posteriors are, in nats: in all, by rows and by parameters; and what their forecasts differ by."""

from learning_debt.debt.by_block import debt_by_block
from learning_debt.debt.by_group import debt_by_group
from learning_debt.debt.estimates import posterior_debt, predictive_debt, score_gap
from learning_debt.debt.from_densities import debt_from_densities

__all__ = [
    "debt_by_block",
    "debt_by_group",
    "debt_from_densities",
    "posterior_debt",
    "predictive_debt",
    "score_gap",
]
