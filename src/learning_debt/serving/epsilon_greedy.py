"""Epsilon-greedy: mostly the best so far, now and then any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import override

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.base import Chosen, Seen, Strategy, best_available
from learning_debt.serving.remembered import MEMORY, remembered
from learning_debt.validation import require_instance, require_number


@dataclass(frozen=True)
class EpsilonGreedy(Strategy):
    """With probability `epsilon` any candidate serves, each as likely; else the one with the best mean score.

    A candidate whose score is not known, or lies outside the window, has a turn first. Where one candidate dominates,
    its share tends to 1 - epsilon (K - 1) / K.

    Parameters
    ----------
    epsilon : float
        0 to 1; with 0 it is greedy.
    memory : UpdateRule
        Which batches count, and how much.

    See Also
    --------
    UCB1 : Explores what it knows least.

    References
    ----------
    Sutton & Barto, *Reinforcement Learning: An Introduction*, MIT Press (2018), section 2.2.
    """

    epsilon: float = 0.1
    memory: UpdateRule = field(default_factory=UpdateRule)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", require_number("epsilon", self.epsilon, at_least=0, at_most=1))
        require_instance("memory", self.memory, UpdateRule, MEMORY)

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        means, can = remembered(seen.scores, self.memory).mean, seen.available[-1]
        best = best_available(means, can, rng)
        any_one = best_available(np.zeros(means.shape), can, rng)
        return np.where(rng.random(seen.lanes) < self.epsilon, any_one, best)
