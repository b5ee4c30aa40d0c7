"""Which of several candidates serves the next batch: strategies, what they would have scored, and stacking."""

from learning_debt.arrays.losses.binary_outcomes import average_precision, balanced_accuracy
from learning_debt.serving.ab_test import ABTest
from learning_debt.serving.base import Seen, Strategy
from learning_debt.serving.candidates import Candidate, candidate_scores
from learning_debt.serving.epsilon_greedy import EpsilonGreedy
from learning_debt.serving.evaluation_result import ServingEvaluation
from learning_debt.serving.follow_leader import FollowLeader
from learning_debt.serving.in_monitor import Choice, next_served, put_into_service
from learning_debt.serving.newest import Naive, Validation
from learning_debt.serving.next_candidate import NextCandidate, choose_next
from learning_debt.serving.public_files import read_bank_account_fraud, read_census_income
from learning_debt.serving.reward_range import score_range
from learning_debt.serving.stacking import stacking_weights
from learning_debt.serving.standard_strategies import standard_strategies
from learning_debt.serving.strategy_evaluation import evaluate
from learning_debt.serving.thompson import BetaThompson, NormalThompson
from learning_debt.serving.ucb import UCB1

__all__ = [
    "UCB1",
    "ABTest",
    "BetaThompson",
    "Candidate",
    "Choice",
    "EpsilonGreedy",
    "FollowLeader",
    "Naive",
    "NextCandidate",
    "NormalThompson",
    "Seen",
    "ServingEvaluation",
    "Strategy",
    "Validation",
    "average_precision",
    "balanced_accuracy",
    "candidate_scores",
    "choose_next",
    "evaluate",
    "next_served",
    "put_into_service",
    "read_bank_account_fraud",
    "read_census_income",
    "score_range",
    "stacking_weights",
    "standard_strategies",
]
