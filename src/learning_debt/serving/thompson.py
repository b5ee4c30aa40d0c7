"""Thompson sampling: the candidate serves that is best in one draw of what its mean score may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import override

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.base import Chosen, Seen, Strategy, best_available
from learning_debt.serving.remembered import MEMORY, as_reward, remembered
from learning_debt.serving.reward_range import require_range
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_number


@dataclass(frozen=True)
class BetaThompson(Strategy):
    """Thompson sampling with Beta posteriors, of rewards in [0, 1].

    Each candidate's mean reward is Beta(1 + sum of r, 1 + sum of 1 - r), from Beta(1, 1): a reward r counts as r of a
    success. One draw of each is compared.

    Parameters
    ----------
    low, high : float
        Scores that count as rewards 0 and 1, as in `UCB1`.
    memory : UpdateRule
        Which batches count, and how much; with a discount a candidate that has not served for long is drawn from nearly
        the prior.

    See Also
    --------
    NormalThompson : Of scores as they are.

    References
    ----------
    Russo, Van Roy, Kazerouni, Osband & Wen, *A tutorial on Thompson sampling*, Foundations and Trends in Machine
    Learning 11 (2018), 1-96. Raj & Kalyani, *Taming non-stationary bandits*, arXiv 1707.09727.

    Examples
    --------
    >>> BetaThompson().posterior(np.array([[[0.75, np.nan]], [[1.0, 0.5]]]))
    (array([[2.75, 1.5 ]]), array([[1.25, 1.5 ]]))
    """

    low: float = 0.0
    high: float = 1.0
    memory: UpdateRule = field(default_factory=UpdateRule)

    def __post_init__(self) -> None:
        require_range(self)
        require_instance("memory", self.memory, UpdateRule, MEMORY)

    def posterior(self, scores: Array) -> tuple[Array, Array]:
        """Both parameters, each of shape (lanes, candidates), from scores of shape (batches, lanes, candidates)."""
        found = remembered(as_reward(scores, self.low, self.high), self.memory)
        return 1.0 + found.total, 1.0 + found.batches - found.total

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        return best_available(rng.beta(*self.posterior(seen.scores)), seen.available[-1], rng)


@dataclass(frozen=True)
class NormalThompson(Strategy):
    """Thompson sampling with normal posteriors, of scores as they are.

    Each candidate's mean score has the prior N(mean, sd²), and a batch's score is N(mean score, noise²).

    Parameters
    ----------
    mean, sd : float
        Of the prior, in the unit of the score; sd above 0.
    noise : float
        Standard deviation of a candidate's score from batch to batch, above 0.
    memory : UpdateRule
        Which batches count, and how much, as in `BetaThompson`.

    See Also
    --------
    BetaThompson : Needs a range in place of a prior.

    Examples
    --------
    >>> NormalThompson(mean=0.0, sd=1.0, noise=1.0).posterior(np.array([[[3.0, np.nan]], [[3.0, 1.0]]]))
    (array([[2. , 0.5]]), array([[0.57735027, 0.70710678]]))
    """

    mean: float
    sd: float
    noise: float
    memory: UpdateRule = field(default_factory=UpdateRule)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", require_number("mean", self.mean))
        for name in ("sd", "noise"):
            object.__setattr__(self, name, require_number(name, getattr(self, name), above=0))
        require_instance("memory", self.memory, UpdateRule, MEMORY)

    def posterior(self, scores: Array) -> tuple[Array, Array]:
        """Mean and sd, each of shape (lanes, candidates), from scores of shape (batches, lanes, candidates)."""
        found = remembered(scores, self.memory)
        ratio = (self.noise / self.sd) ** 2  # batches that the prior is worth
        weight = ratio + found.batches
        return (ratio * self.mean + found.total) / weight, self.noise / np.sqrt(weight)

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        return best_available(rng.normal(*self.posterior(seen.scores)), seen.available[-1], rng)
