"""UCB1, and its forms for means that move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import override

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.base import Chosen, Seen, Strategy, best_available
from learning_debt.serving.remembered import MEMORY, as_reward, remembered
from learning_debt.serving.reward_range import require_range
from learning_debt.typing import Array
from learning_debt.validation import require_instance


@dataclass(frozen=True)
class UCB1(Strategy):
    """The candidate with the largest mean + sqrt(2 ln t / n) serves, of its rewards in [0, 1].

    n is how often a candidate's score was seen and t the sum of these over candidates. Every candidate has a turn
    first. With a window it is SW-UCB, with a discount D-UCB: n and t are counted as `memory` weighs batches.

    Parameters
    ----------
    low, high : float
        Scores that count as rewards 0 and 1, and beyond which they are cut off; 0 and 1 suit shares, such as balanced
        accuracy. `score_range` finds them for others.
    memory : UpdateRule
        Which batches count, and how much.

    See Also
    --------
    BetaThompson : Explores by chance.

    References
    ----------
    Auer, Cesa-Bianchi & Fischer, *Finite-time analysis of the multiarmed bandit problem*, Machine Learning 47 (2002),
    235-256. Garivier & Moulines, *On upper-confidence bound policies for switching bandit problems*, ALT (2011).

    Examples
    --------
    >>> scores = np.array([[[1.0, np.nan]], [[np.nan, 0.0]], [[1.0, np.nan]]])
    >>> UCB1().bounds(scores).round(3).tolist()  # 1 + sqrt(2 ln 3 / 2), 0 + sqrt(2 ln 3 / 1)
    [[2.048, 1.482]]
    """

    low: float = 0.0
    high: float = 1.0
    memory: UpdateRule = field(default_factory=UpdateRule)

    def __post_init__(self) -> None:
        require_range(self)
        require_instance("memory", self.memory, UpdateRule, MEMORY)

    def bounds(self, scores: Array) -> Array:
        """Upper confidence bounds, shape (lanes, candidates), from scores of shape (batches, lanes, candidates)."""
        found = remembered(as_reward(scores, self.low, self.high), self.memory)
        total = np.maximum(found.batches.sum(axis=-1, keepdims=True), 1.0)  # a discounted sum may fall below one
        return found.mean + np.sqrt(2 * np.log(total) / np.where(found.batches > 0, found.batches, 1.0))

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        return best_available(self.bounds(seen.scores), seen.available[-1], rng)
