"""Follow the leader: the best mean score of all candidates so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, override

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.base import Chosen, Seen, Sees, Strategy, best_available
from learning_debt.serving.remembered import MEMORY, remembered
from learning_debt.validation import require_instance


@dataclass(frozen=True)
class FollowLeader(Strategy):
    """The candidate with the best mean score serves, all candidates being scored on every batch.

    Forecasts of a batch can be scored for every candidate once its outcomes are known, whichever served. Then there is
    nothing to explore. Candidates that were never scored have a turn first.

    Means are over the batches on which each candidate was scored. Where candidates were made at different times, a
    window or a discount compares them on nearly the same ones.

    Parameters
    ----------
    memory : UpdateRule
        Which batches count, and how much: all of them, a sliding window, or the past discounted.

    See Also
    --------
    EpsilonGreedy : Where only what served has a score.

    References
    ----------
    Cesa-Bianchi & Lugosi, *Prediction, Learning, and Games*, Cambridge University Press (2006), chapter 2.
    """

    sees: ClassVar[Sees] = "all"
    memory: UpdateRule = field(default_factory=UpdateRule)

    def __post_init__(self) -> None:
        require_instance("memory", self.memory, UpdateRule, MEMORY)

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        return best_available(remembered(seen.scores, self.memory).mean, seen.available[-1], rng)
