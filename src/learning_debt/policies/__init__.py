"""One policy per file; each reads signals and nothing else."""

from learning_debt.policies.alarm import Alarm
from learning_debt.policies.base import Policy
from learning_debt.policies.blended_threshold import BlendedThreshold
from learning_debt.policies.changepoint import Changepoint
from learning_debt.policies.continuation_value import ContinuationValue
from learning_debt.policies.cusum import CUSUM
from learning_debt.policies.debt_threshold import DebtThreshold
from learning_debt.policies.expected_regret import ExpectedRegret
from learning_debt.policies.fixed import Always, Calendar, Never, Schedule, SpellLimit
from learning_debt.policies.page_cusum import PageCUSUM
from learning_debt.policies.pareto_k_threshold import ParetoKThreshold
from learning_debt.policies.predictive_debt_threshold import PredictiveDebtThreshold
from learning_debt.policies.recommended import Recommended
from learning_debt.policies.river_detector import RiverDetector
from learning_debt.policies.saving import load, save
from learning_debt.policies.staleness import CumulativeStaleness, StalenessThreshold
from learning_debt.policies.two_state import TwoState

__all__ = [
    "CUSUM",
    "Alarm",
    "Always",
    "BlendedThreshold",
    "Calendar",
    "Changepoint",
    "ContinuationValue",
    "CumulativeStaleness",
    "DebtThreshold",
    "ExpectedRegret",
    "Never",
    "PageCUSUM",
    "ParetoKThreshold",
    "Policy",
    "PredictiveDebtThreshold",
    "Recommended",
    "RiverDetector",
    "Schedule",
    "SpellLimit",
    "StalenessThreshold",
    "TwoState",
    "load",
    "save",
]
