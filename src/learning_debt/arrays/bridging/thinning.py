"""How many draws of each fit of a pool can be spared, so that every state is still worth those of one fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from learning_debt.arrays.bridging.multistate import Pool
from learning_debt.typing import Array

STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""One in so many draws of a fit is kept."""
GIVEN_UP = 0.1
"""Share of its draws that a state worth less than one fit may lose: its errors grow by 5%. Without that, no draws of
any fit that it rests on could be spared."""
ROUNDING = 1e-9


def thinnings(pool: Pool, size_of: Callable[[int, float], float]) -> Array:
    """One in how many draws of each anchor to keep, shape (anchors,).

    Both the effective draws of every state, chains' memory counted, and its draws as if they were independent, stay at
    those of one fit, or at nine tenths of what they are where that is less. What a state is worth after thinning is
    taken from its weights as they are. Weights of the thinner pool are at least as even, since they are chosen anew.

    Parameters
    ----------
    pool : Pool
    size_of : callable
        ``size_of(anchor, every)``: effective draws of the anchor at that position in the pool, one in `every` kept.

    Examples
    --------
    >>> from learning_debt.arrays.bridging.multistate import pooled
    >>> theta = np.random.default_rng(1).normal(size=8000)   # both anchors are the same distribution
    >>> pool = pooled(np.zeros((3, 8000)), (0, 2), [(4, 1000)] * 2, [4000.0, 4000.0])
    >>> thinnings(pool, lambda anchor, every: 4000 / every)
    array([2., 2.])
    """
    anchors = range(len(pool.counts))
    sizes = np.array([[size_of(anchor, every) for every in STEPS] for anchor in anchors])
    squares = np.stack([(pool.weight[:, pool.anchor_of == a] ** 2).sum(axis=1) for a in anchors], axis=1)
    costs = []  # of every state and anchor at each step: its part in 1/draws, in what the state may have at most
    for one_fit, part, factor in (
        (float(np.median(pool.counts)), squares, np.broadcast_to(STEPS, sizes.shape)),
        (float(np.median(sizes[:, 0])), squares / pool.worth, sizes[:, :1] / sizes),
    ):
        needed = np.minimum(one_fit, (1 - GIVEN_UP) / part.sum(axis=1))
        costs.append(part[:, :, None] * factor * needed[:, None, None])
    cost = np.concatenate(costs)
    step = np.full(len(sizes), len(STEPS) - 1)
    while True:
        now = cost[:, anchors, step]
        total = now.sum(axis=1)
        worst = int(total.argmax())
        if total[worst] <= 1 + ROUNDING or not step.any():
            return np.array(STEPS)[step]
        step[np.where(step > 0, now[worst], -1.0).argmax()] -= 1
