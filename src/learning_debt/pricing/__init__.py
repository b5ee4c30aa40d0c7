"""The bill: replays over a spell table, tuning, learned continuation values, and today's decision."""

from learning_debt.pricing.decision import Decision, decide, decide_all
from learning_debt.pricing.policy_iteration import fit_continuation
from learning_debt.pricing.replays import ACCOUNTINGS, Replay, oracle, replay
from learning_debt.pricing.starts import bills_from_starts
from learning_debt.pricing.tuning import Tuned, tune
from learning_debt.pricing.walks import walk_candidates, walk_from_starts, walk_signals

__all__ = [
    "ACCOUNTINGS",
    "Decision",
    "Replay",
    "Tuned",
    "bills_from_starts",
    "decide",
    "decide_all",
    "fit_continuation",
    "oracle",
    "replay",
    "tune",
    "walk_candidates",
    "walk_from_starts",
    "walk_signals",
]
