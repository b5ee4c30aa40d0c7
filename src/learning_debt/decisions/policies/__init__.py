"""One policy per file; each reads signals and nothing else."""

from learning_debt.decisions.policies.alarm import Alarm
from learning_debt.decisions.policies.base import Policy
from learning_debt.decisions.policies.blended_threshold import BlendedThreshold
from learning_debt.decisions.policies.changepoint import Changepoint
from learning_debt.decisions.policies.continuation_value import ContinuationValue
from learning_debt.decisions.policies.cusum import CUSUM
from learning_debt.decisions.policies.debt_threshold import DebtThreshold
from learning_debt.decisions.policies.expected_regret import ExpectedRegret
from learning_debt.decisions.policies.fixed import Always, Calendar, Never, Schedule
from learning_debt.decisions.policies.pareto_k_threshold import ParetoKThreshold
from learning_debt.decisions.policies.predictive_debt_threshold import PredictiveDebtThreshold
from learning_debt.decisions.policies.river_detector import RiverDetector
from learning_debt.decisions.policies.saving import load, save
from learning_debt.decisions.policies.staleness import CumulativeStaleness, StalenessThreshold
from learning_debt.decisions.policies.two_state import TwoState

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
    "ParetoKThreshold",
    "Policy",
    "PredictiveDebtThreshold",
    "RiverDetector",
    "Schedule",
    "StalenessThreshold",
    "TwoState",
    "load",
    "save",
]
