"""Numbers as text, for plots and for the page."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

NONE = "–"


def decimals_for(values: Iterable[float]) -> int:
    """Decimals that show about three digits of the largest value, for a column.

    Examples
    --------
    >>> decimals_for([5.5, -0.02]), decimals_for([12345.0]), decimals_for([np.nan])
    (2, 0, 2)
    """
    finite = [abs(value) for value in values if np.isfinite(value) and value != 0]
    return int(np.clip(2 - np.floor(np.log10(max(finite))), 0, 6)) if finite else 2


def number(value: float, decimals: int | None = None, sign: bool = False) -> str:
    """A number with thousands separators and a true minus sign; a dash where there is none.

    Examples
    --------
    >>> number(1234567.0), number(0.09671), number(-0.5, sign=True), number(float("nan")), number(-0.001, 2)
    ('1,234,567', '0.0967', '−0.500', '–', '0.00')
    """
    if not np.isfinite(value):
        return NONE
    places = decimals_for([value]) if decimals is None else decimals
    text = f"{value:{'+' if sign else ''},.{places}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


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
