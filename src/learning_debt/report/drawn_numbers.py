"""Numbers as charts draw them: rounded, thinned, and with round ticks."""

from __future__ import annotations

import math
import sys

import numpy as np

from learning_debt.representations import plain_number
from learning_debt.typing import Array

MOST_POINTS = 240
"""Points of a line; of more periods, so many are drawn, evenly spread."""
DIGITS = 5
"""Significant digits of what is drawn; tables hold all."""
SHORT, LONG = 1e-4, 1e15
"""Between these a tick has no exponent."""
LETTERS = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def rounded(values: Array | None) -> list[float | None]:
    """Numbers to draw; None where there is none.

    Examples
    --------
    >>> rounded(np.array([0.123456789, np.nan, 0.0]))
    [0.12346, None, 0.0]
    """
    return [
        float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in np.asarray(values, float).tolist()
    ]


def thinned(count: int, most: int = MOST_POINTS) -> list[int]:
    """Places to draw of so many, the last among them.

    Examples
    --------
    >>> thinned(7, 4)
    [0, 2, 4, 6]
    """
    if count <= most:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, most).round().astype(int)).tolist()


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two.

    Examples
    --------
    >>> nice_ticks(-0.1, 1.9)
    [0.0, 0.5, 1.0, 1.5]
    """
    if not high > low:
        return [low]
    rough = (high - low) / most
    if rough < sys.float_info.min or not math.isfinite(rough):  # beyond what can be divided
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((k * power for k in (1, 2, 5, 10) if k * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float) -> str:
    """A tick's number, short enough for an axis; the script of the page writes the same.

    Examples
    --------
    >>> tick_text(1200.0), tick_text(-0.05), tick_text(2.5e6), tick_text(3e12), tick_text(4e-9), tick_text(1e17)
    ('1,200', '−0.05', '2.5M', '3T', '4e-9', '1e17')
    """
    size = abs(value)
    if size and not SHORT <= size < LONG:
        digits, power = f"{value:.5e}".split("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}".replace("-", "−", value < 0)
    scale, letter = next(((scale, letter) for scale, letter in LETTERS if size >= scale), (1.0, ""))
    return plain_number(value / scale, 6, thousands=True).replace("-", "−") + letter
