"""What some policies learn from past spells before they decide."""

from learning_debt.policies.models.calibration import SCORE_UNITS, AgeAdjustment, score_unit
from learning_debt.policies.models.continuation import ContinuationModel
from learning_debt.policies.models.regret import DebtRegretModel, HybridRegretModel
from learning_debt.policies.models.two_state_filter import TwoStateEmissions

__all__ = [
    "SCORE_UNITS",
    "AgeAdjustment",
    "ContinuationModel",
    "DebtRegretModel",
    "HybridRegretModel",
    "TwoStateEmissions",
    "score_unit",
]
