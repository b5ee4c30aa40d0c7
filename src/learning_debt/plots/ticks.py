"""Ticks: which periods are named on an axis, and names that are too long for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import Labels
from learning_debt.plots.literal_text import labels_of, literal

# Steps that keep quarters, months and weeks at the same place of the year, as far as labels are not numbers.
CALENDAR_STEPS = (1, 2, 4, 8, 12, 16, 20, 24, 36, 40, 48, 52, 60, 80, 104, 120, 240, 480, 960)
LONGEST_TICK = 18
"""Characters of a label under an axis."""
PER_CHARACTER, BETWEEN, BESIDE = 0.1, 0.15, 0.9
"""Inches that a character takes, that lie between two ticks, and that the other axis takes of a panel."""


def period_ticks(
    labels: Labels | xr.DataArray | Sequence[Any] | np.ndarray, most: int = 8, backend: str = "none"
) -> tuple[np.ndarray, list[str]]:
    """At most about `most` periods, numbered from 1, and their labels as a backend draws them.

    Labels that are the same once they are short enough for an axis give way to the periods' numbers.

    Examples
    --------
    >>> positions, texts = period_ticks([f"{1990 + k // 4}Q{k % 4 + 1}" for k in range(48)])
    >>> positions.tolist(), texts[:2]
    ([1, 9, 17, 25, 33, 41], ['1990Q1', '1992Q1'])
    >>> period_ticks(np.arange(57, 120))[1]
    ['60', '70', '80', '90', '100', '110']
    """
    found = labels if isinstance(labels, Labels) else labels_of(labels)
    values = found.index.to_numpy()
    chosen = np.array([], dtype=int)
    if values.dtype.kind in "iu":
        span = max(1, int(values.max() - values.min()))
        step = next(s for k in range(12) for s in (10**k, 2 * 10**k, 5 * 10**k) if span // s <= most)
        chosen = np.flatnonzero(values % step == 0)
    if chosen.size == 0:
        step = next((s for s in CALENDAR_STEPS if (values.size - 1) // s < most), max(1, values.size // most))
        chosen = np.arange(0, values.size, step)
    texts = [shortened(found.texts[index], LONGEST_TICK) for index in chosen]
    if len(set(texts)) < len(texts):  # they differ where they had to be cut
        texts = [str(index + 1) for index in chosen]
    return chosen + 1, [literal(text, backend) for text in texts]


def room_for(width: float, most: int) -> int:
    """Characters of a name beside a panel that leave it half of the width, in inches; at most `most`.

    Examples
    --------
    >>> room_for(10.5, 40), room_for(4.2, 40)
    (40, 21)
    """
    return int(np.clip(0.5 * width / PER_CHARACTER, 8, most))


def most_ticks(texts: Sequence[str], width: float) -> int:
    """How many labels fit under a panel of a width in inches: two at the least.

    Examples
    --------
    >>> most_ticks(["2020-01-31", "2020-02-29"], 8.0), most_ticks(["2020-01-31"], 3.0), most_ticks(["1", "2"], 9.0)
    (6, 2, 10)
    """
    longest = min(LONGEST_TICK, max((len(text) for text in texts), default=1))
    return int(np.clip((width - BESIDE) / (PER_CHARACTER * longest + BETWEEN), 2, 10))


def shortened(text: str, longest: int) -> str:
    """A text of at most `longest` characters, with its middle left out where it is longer.

    Examples
    --------
    >>> shortened("Sales of the shop in the Annenstrasse, Graz", 18)
    'Sales of th…, Graz'
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) * 2 // 5
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"
