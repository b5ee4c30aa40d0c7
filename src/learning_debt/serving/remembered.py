"""What a strategy remembers of the scores it has seen: counts and means, in a window or discounted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.typing import Array

MEMORY = "an UpdateRule, such as ld.UpdateRule(window=20), or ld.UpdateRule() for all batches"


class Remembered(NamedTuple):
    """Of each lane and candidate, shape (lanes, candidates).

    Attributes
    ----------
    batches : ndarray
        Number of those in which its score was seen, each with its weight.
    total : ndarray
        Sum of these scores, each with its weight.
    """

    batches: Array
    total: Array

    @property
    def mean(self) -> Array:
        """Mean score; infinite where none was seen, so that every candidate has a turn first."""
        seen = self.batches > 0
        return np.where(seen, self.total / np.where(seen, self.batches, 1.0), np.inf)


def remembered(scores: Array, memory: UpdateRule) -> Remembered:
    """Counts and sums of scores of shape (batches, lanes, candidates), NaN where one was not seen.

    A batch that lies a batches back (the last one: 0) weighs discount^a inside the window, and nothing outside it.

    Examples
    --------
    >>> found = remembered(np.array([[[1.0, np.nan]], [[2.0, 4.0]]]), UpdateRule(discount=0.5))
    >>> found.batches.tolist(), found.mean.tolist()
    ([[1.5, 1.0]], [[1.6666666666666667, 4.0]])
    """
    recent = scores if memory.window is None else scores[-memory.window :]
    weight = memory.discount ** np.arange(len(recent) - 1.0, -1.0, -1.0)
    known = ~np.isnan(recent)
    return Remembered(
        np.tensordot(weight, known.astype(float), axes=1), np.tensordot(weight, np.where(known, recent, 0.0), axes=1)
    )


def as_reward(scores: Array, low: float, high: float) -> Array:
    """Scores as rewards in [0, 1]: `low` and less is 0, `high` and more is 1, linear in between.

    Examples
    --------
    >>> as_reward(np.array([-3.0, -1.5, 0.0]), -2.0, -1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.clip((scores - low) / (high - low), 0.0, 1.0)
