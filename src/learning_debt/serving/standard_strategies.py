"""The strategies that an evaluation compares unless told otherwise, with settings from the batches before."""

from __future__ import annotations

from typing import Any

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.ab_test import ABTest
from learning_debt.serving.base import Strategy
from learning_debt.serving.epsilon_greedy import EpsilonGreedy
from learning_debt.serving.follow_leader import FollowLeader
from learning_debt.serving.newest import Naive, Validation
from learning_debt.serving.reward_range import score_range
from learning_debt.serving.thompson import BetaThompson, NormalThompson
from learning_debt.serving.ucb import UCB1
from learning_debt.validation import require_number, require_numbers, require_whole_number


def standard_strategies(scores: Any, *, window: int = 20, discount: float = 0.95) -> dict[str, Strategy]:
    """All strategies by name, and the drift-aware forms of those that have a memory.

    Parameters
    ----------
    scores : array
        Scores on batches before those that are decided about, of any shape, NaN left out: rewards between 0 and 1 are
        their 5% and 95% quantiles; the normal prior has their mean, and their standard deviation both as its own and
        as that of a candidate's scores from batch to batch.
    window : int
        Batches of a sliding window.
    discount : float
        Factor per batch of age, above 0 and below 1.

    Returns
    -------
    dict of str to Strategy
        ``"validation"`` among them, which needs validation scores.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> list(standard_strategies([0.1, 0.4, 0.3]))[:6]
    ['naive', 'validation', 'A/B', 'epsilon-greedy', 'UCB1', 'Thompson (Beta)']
    """
    require_whole_number("window", window, at_least=1)
    require_number("discount", discount, above=0, below=1)
    low, high = score_range(scores)
    values = require_numbers("scores", scores, finite=False)
    known = values[np.isfinite(values)]
    mean, sd = float(known.mean()), float(known.std())
    found: dict[str, Strategy] = {"naive": Naive(), "validation": Validation(), "A/B": ABTest()}
    rules = {"": UpdateRule(), ", window": UpdateRule(window=window), ", discount": UpdateRule(discount=discount)}
    for end, rule in rules.items():
        found |= {
            f"epsilon-greedy{end}": EpsilonGreedy(0.1, rule),
            f"UCB1{end}": UCB1(low, high, rule),
            f"Thompson (Beta){end}": BetaThompson(low, high, rule),
            f"Thompson (normal){end}": NormalThompson(mean, sd, sd, rule),
        }
    return found | {f"follow the leader{end}": FollowLeader(rule) for end, rule in rules.items()}
