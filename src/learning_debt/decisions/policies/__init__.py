"""One policy per file; each reads signals and nothing else."""

from learning_debt.decisions.policies.base import Policy
from learning_debt.decisions.policies.cusum import CUSUM
from learning_debt.decisions.policies.debt_threshold import DebtThreshold
from learning_debt.decisions.policies.fixed import Always, Calendar, Never, Schedule
from learning_debt.decisions.policies.predictive_debt_threshold import PredictiveDebtThreshold

__all__ = ["CUSUM", "Always", "Calendar", "DebtThreshold", "Never", "Policy", "PredictiveDebtThreshold", "Schedule"]
