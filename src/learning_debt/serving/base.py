"""The strategy protocol: `choose(seen, rng) -> served`, a pure function of what has been seen so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array
from learning_debt.validation import require_instance

Chosen = NDArray[np.int64]
"""Position of a candidate, one per lane."""
Sees = Literal["served", "all"]


class Seen(NamedTuple):
    """What is known before a batch is served. Lanes are runs of one strategy side by side, with chances of their own.

    Attributes
    ----------
    scores : ndarray, shape (batches, lanes, candidates)
        Score of each candidate on each batch so far, higher is better; NaN where it is not known.
    served : ndarray of int, shape (batches, lanes)
        Position of the candidate that served each batch.
    available : ndarray of bool, shape (batches + 1, candidates)
        Which candidates could serve each batch; the last row is the batch to come, with one candidate at least.
        Candidates stand in the order in which they were made, the newest last.
    validation : ndarray, shape (candidates,)
        Score of each candidate on its validation split, as known before the batch to come; NaN where there is none.
    """

    scores: Array
    served: NDArray[np.int64]
    available: NDArray[np.bool_]
    validation: Array

    @property
    def lanes(self) -> int:
        """Runs side by side."""
        return int(self.scores.shape[1])


class Strategy(ABC):
    """Chooses which of several candidates serves the next batch.

    Strategies are frozen dataclasses that inherit from this class. They hold settings and no memory: the same record
    and the same random numbers give the same choice.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np, learning_debt as ld
    >>> @dataclass(frozen=True)
    ... class Oldest(ld.serving.Strategy):
    ...     def choose(self, seen, rng):
    ...         return np.full(seen.lanes, np.argmax(seen.available[-1]))
    >>> Oldest().choose(ld.serving.Seen(np.empty((0, 2, 3)), np.empty((0, 2), int), np.ones((1, 3), bool), None), None)
    array([0, 0])
    """

    sees: ClassVar[Sees] = "served"
    """Whether it is shown the scores of the candidates that served, or of all of them."""
    requires: ClassVar[tuple[str, ...]] = ()
    """What it reads beside scores: ``("validation",)``, or nothing."""
    random: ClassVar[bool] = True
    """Whether it draws random numbers; one run shows all of one that does not."""

    @abstractmethod
    def choose(self, seen: Seen, rng: np.random.Generator) -> Chosen:
        """Position of the candidate that serves the next batch, shape (lanes,); it is one that is available."""


def best_available(values: Array, available: NDArray[np.bool_], rng: np.random.Generator) -> Chosen:
    """Position of the largest value among what is available, one of them by chance where several are equally large.

    Parameters
    ----------
    values : ndarray, shape (lanes, candidates)
    available : ndarray of bool, shape (candidates,)

    Examples
    --------
    >>> best_available(np.array([[1.0, 3.0, 2.0]]), np.array([True, False, True]), np.random.default_rng(1))
    array([2])
    """
    among = np.where(available, values, -np.inf)
    best = available & (among == among.max(axis=-1, keepdims=True))
    return np.argmax(np.where(best, rng.random(among.shape), -1.0), axis=-1)


def require_strategy(name: str, value: Any) -> Strategy:
    """A strategy, or a refusal that shows one.

    Raises
    ------
    TypeError
    """
    return require_instance(name, value, Strategy, "a strategy, such as ld.serving.EpsilonGreedy(0.1)")
