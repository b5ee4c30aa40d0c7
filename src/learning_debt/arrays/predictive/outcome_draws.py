"""Predictive draws of a batch, as many as are asked for, spread evenly over the posterior draws by their weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.typing import Array

Outcomes = dict[str, Array]
"""Values of each outcome variable, shape (draws, rows, ...)."""


class OutcomeDraws:
    """Predictive draws of a batch: one per posterior draw, and again one per posterior draw when more are asked for.

    Parameters
    ----------
    first : dict of ndarray, shape (draws, rows, ...)
        Draws that are there already, one per posterior draw.
    weight : ndarray, shape (draws,), optional
        Relative weights of the posterior draws; all the same if left out.
    draw : callable
        Gives as many again, for a seed.
    seed : int
        What the seeds of further draws follow from.
    """

    def __init__(self, first: Outcomes, weight: Array | None, draw: Callable[[int], Outcomes], seed: int) -> None:
        self._held, self._weight, self._draw, self._seed = [first], weight, draw, seed
        self.count = len(next(iter(first.values())))
        self.cells = sum(array[0].size for array in first.values())

    def take(self, number: int) -> tuple[Outcomes, Array]:
        """About `number` draws of the batch, and what each counts for, which sums to one."""
        times = -(-number // self.count)
        seeds = np.random.SeedSequence(self._seed).generate_state(times).tolist()
        self._held += [self._draw(seed) for seed in seeds[len(self._held) :]]
        held = self._held[:times]
        weight = None if self._weight is None else np.tile(self._weight, times)
        chosen, shares = by_weight(weight, times * self.count, number)
        return {name: np.concatenate([outcomes[name] for outcomes in held])[chosen] for name in held[0]}, shares


def by_weight(weight: Array | None, count: int, number: int) -> tuple[NDArray[np.intp], Array]:
    """About `number` of `count` draws, evenly spaced in the sum of their weights, and what each counts for.

    Parameters
    ----------
    weight : ndarray, shape (count,), optional
        Relative weights; all the same if left out.
    count, number : int

    Examples
    --------
    >>> chosen, shares = by_weight(np.array([1.0, 1.0, 6.0]), 3, 4)
    >>> chosen.tolist(), shares.tolist()
    ([0, 2], [0.25, 0.75])
    """
    if weight is None:
        return np.linspace(0, count - 1, number).astype(int), np.full(number, 1 / number)
    chosen, times = np.unique(systematic_draws(weight, number), return_counts=True)
    return chosen, times / number
