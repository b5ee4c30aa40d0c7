"""A/B tests, one after the other: a challenger against the incumbent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

import numpy as np
from numpy.typing import NDArray

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.base import Chosen, Seen, Strategy
from learning_debt.serving.remembered import remembered
from learning_debt.validation import require_whole_number


@dataclass(frozen=True)
class ABTest(Strategy):
    """For `batches` batches challenger and incumbent serve by the toss of a coin; the better mean stays as incumbent.

    Tests follow one another. The first incumbent is the oldest candidate. Each challenger is the one that was not
    tested for longest, the newest first, so that a new candidate is tested at once and old ones come back. The
    incumbent stays where the two are equally good, or where one of them was not scored.

    Parameters
    ----------
    batches : int
        Of one test, at least 2.

    See Also
    --------
    EpsilonGreedy : Tests all the time, and all candidates.
    """

    batches: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "batches", require_whole_number("batches", self.batches, at_least=2))

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        challenger, incumbent = self._sides(seen)
        return np.where(rng.random(seen.lanes) < 0.5, challenger, incumbent)

    def _sides(self, seen: Seen) -> tuple[Chosen, Chosen]:
        """Challenger and incumbent of the test that the next batch belongs to: all tests before it, replayed."""
        lanes, candidates = np.arange(seen.lanes), seen.available.shape[-1]
        incumbent = np.full(seen.lanes, np.argmax(seen.available[0]))
        challenger, tested = incumbent, np.full((seen.lanes, candidates), -1)
        for number, begins in enumerate(range(0, len(seen.available), self.batches)):
            if begins:
                incumbent = _better(challenger, incumbent, seen.scores[begins - self.batches : begins])
            can = seen.available[begins]
            incumbent = np.where(can[incumbent], incumbent, np.flatnonzero(can)[-1])
            challenger = _challenger(tested, incumbent, can)
            tested[lanes, challenger] = tested[lanes, incumbent] = number
        can = seen.available[-1]  # one that has gone since its test began leaves it to the other
        incumbent = np.where(can[incumbent], incumbent, np.flatnonzero(can)[-1])
        return np.where(can[challenger], challenger, incumbent), incumbent


def _challenger(tested: NDArray[np.int64], incumbent: Chosen, can: NDArray[np.bool_]) -> Chosen:
    """Who was not tested for longest among those that can serve, the newest of equals; the incumbent where alone."""
    candidates = tested.shape[1]
    position = np.arange(candidates)
    waited = np.where(can & (position != incumbent[:, None]), tested * candidates - position, np.iinfo(np.int64).max)
    alone = can.sum() == 1
    return incumbent if alone else np.argmin(waited, axis=1)


def _better(challenger: Chosen, incumbent: Chosen, scores: NDArray[np.float64]) -> Chosen:
    """Who had the better mean in a test, from scores of shape (batches, lanes, candidates)."""
    means, lanes = remembered(scores, UpdateRule()).mean, np.arange(len(challenger))
    new, old = means[lanes, challenger], means[lanes, incumbent]
    return np.where(np.isfinite(new) & np.isfinite(old) & (new > old), challenger, incumbent)
