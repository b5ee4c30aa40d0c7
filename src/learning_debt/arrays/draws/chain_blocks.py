"""Draws cut into blocks that are nearly independent of one another, chain by chain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCKS = 20
"""Enough for a variance over pairs of blocks (190), few enough that a block outlasts the memory of a chain."""


def block_labels(chains: int, draws: int, number: int = BLOCKS) -> NDArray[np.intp]:
    """Block that each draw belongs to, shape (chain, draw); no block holds draws of two chains.

    There are about `number` blocks, at least one a chain and at most one a draw, and the blocks of a chain differ by
    one draw at most.

    Examples
    --------
    >>> block_labels(2, 5, 4)
    array([[0, 0, 0, 1, 1],
           [2, 2, 2, 3, 3]])
    """
    each = int(np.clip(round(number / chains), 1, draws))
    within = np.arange(draws) * each // draws
    return np.asarray(within + each * np.arange(chains)[:, None])
