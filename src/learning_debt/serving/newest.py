"""Strategies that look at no scores of what served: the newest candidate, and the best on its validation split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, override

import numpy as np

from learning_debt.serving.base import Chosen, Seen, Strategy


@dataclass(frozen=True)
class Naive(Strategy):
    """The newest candidate serves, whatever it has shown.

    See Also
    --------
    Validation : Looks at how well it did before it served.
    """

    random: ClassVar[bool] = False

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        newest = np.flatnonzero(seen.available[-1])[-1]
        return np.full(seen.lanes, newest)


@dataclass(frozen=True)
class Validation(Strategy):
    """The candidate that is best on its validation split serves.

    Of candidates that are equally good, and where none of those that could serve was validated, it is the newest.

    See Also
    --------
    FollowLeader : Compares all candidates on the same batches.
    """

    requires: ClassVar[tuple[str, ...]] = ("validation",)
    random: ClassVar[bool] = False

    @override
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        can = seen.available[-1]
        worth = np.where(can, np.where(np.isnan(seen.validation), -np.inf, seen.validation), -np.inf)
        best = can & (worth == worth.max())
        return np.full(seen.lanes, np.flatnonzero(best)[-1])
