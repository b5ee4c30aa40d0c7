"""Numbers as text, for plots and for the page."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from learning_debt.representations import plain_number

NONE = "–"
MOST_DECIMALS = 14
PLAIN = (1e-4, 1e15)
"""Between these a number that stands alone has no exponent."""


def decimals_for(values: Iterable[float]) -> int:
    """Decimals that show about three digits of the largest value, for a column.

    Examples
    --------
    >>> decimals_for([5.5, -0.02]), decimals_for([12345.0]), decimals_for([np.nan]), decimals_for([2e-9])
    (2, 0, 2, 11)
    """
    finite = [abs(value) for value in values if np.isfinite(value) and value != 0]
    return int(np.clip(2 - np.floor(np.log10(max(finite))), 0, MOST_DECIMALS)) if finite else 2


def number(value: float, decimals: int | None = None, sign: bool = False) -> str:
    """A number with thousands separators and a true minus sign; a dash where there is none.

    Examples
    --------
    >>> number(1234567.0), number(0.09671), number(-0.5, sign=True), number(float("nan")), number(-0.001, 2)
    ('1,234,567', '0.0967', '−0.500', '–', '0.00')
    >>> number(-2.5e-9)
    '−2.50e−09'
    """
    if not np.isfinite(value):
        return NONE
    if decimals is None and value != 0 and not PLAIN[0] <= abs(value) < PLAIN[1]:
        return f"{value:{'+' if sign else ''}.2e}".replace("-", "−")
    places = decimals_for([value]) if decimals is None else decimals
    text = f"{value:{'+' if sign else ''},.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def as_given(value: float) -> str:
    """A number that an owner gave: its whole part in full, and six digits at the least where it has them.

    Examples
    --------
    >>> as_given(1234567.0), as_given(1234.56), as_given(0.1), as_given(12.0), as_given(2e-9)
    ('1,234,567', '1,234.56', '0.1', '12', '2e−09')
    """
    return plain_number(value, 6, thousands=True).replace("-", "−")


def how_many(value: float) -> str:
    """How many: a whole number as it is, a mean of several with three digits.

    Examples
    --------
    >>> how_many(3.0), how_many(2.125), how_many(1234.0), how_many(999.7)
    ('3', '2.12', '1,234', '1,000')
    """
    return as_given(float(f"{value:.3g}") if abs(value) < 1000 else round(value))


def percent(probability: float) -> str:
    """A probability as a percentage that is never rounded to certainty.

    Examples
    --------
    >>> percent(0.498), percent(0.9999), percent(0.0), percent(float("nan"))
    ('50%', '> 99%', '0%', '–')
    """
    if not np.isfinite(probability):
        return NONE
    if 0.995 <= probability < 1:
        return "> 99%"
    return "< 1%" if 0 < probability < 0.005 else f"{probability:.0%}"
