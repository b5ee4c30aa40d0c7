"""Numbers as text: in a sentence, and in a column, all of it with the same decimals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isfinite, isnan, log10

LARGEST, LEAST = 1e12, 1e-4
"""From the one on, and in sentences below the other, numbers are written with an exponent."""


def plain_number(value: float, digits: int = 3, *, thousands: bool = False) -> str:
    """A number in a sentence: so many significant digits, its whole part in full, no zeros at its end.

    Examples
    --------
    >>> plain_number(65.4, 1), plain_number(1012.3), plain_number(0.0625, 1), plain_number(0.5), plain_number(1234567.0)
    ('65', '1012', '0.06', '0.5', '1234567')
    >>> plain_number(2.5e-7), plain_number(4e12), plain_number(float("nan")), plain_number(-1234567.0, thousands=True)
    ('2.5e-07', '4e+12', 'nan', '-1,234,567')
    """
    if not LEAST <= abs(value) < LARGEST:
        return f"{value:.{digits}g}" if value else "0"
    places = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:{',' * thousands}.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def aligned(
    values: Iterable[float], *, decimals: int = 3, sign: bool = False, beside: Sequence[float] = ()
) -> list[str]:
    """Numbers with as many decimals as the largest of them asks for; empty where there is no number.

    Parameters
    ----------
    values : iterable of float
    decimals : int
        Of a column whose largest number lies between 0.1 and 1000; larger ones have fewer, smaller ones more.
    sign : bool
        Whether positive numbers carry one.
    beside : sequence of float
        Further numbers that stand in the same column, and count for the decimals.

    Examples
    --------
    >>> aligned([0.5, float("nan"), 12.25]), aligned([123456.0, 2.5]), aligned([0.00123], sign=True)
    (['0.500', '', '12.250'], ['123456', '2'], ['+0.00123'])
    """
    numbers = [float(value) for value in values]
    sizes = [abs(value) for value in (*numbers, *beside) if isfinite(value) and value != 0]
    exponent = floor(log10(max(sizes))) if sizes else 0
    if sizes and not 1 / LARGEST < max(sizes) < LARGEST:
        form = f"{'+' if sign else ''}.{decimals}g"
    else:
        places = max(0, decimals - max(0, exponent - 2) - min(0, exponent + 1))
        form = f"{'+' if sign else ''}.{places}f"
    return ["" if isnan(number) else f"{number:{form}}" for number in numbers]


def percentages(values: Iterable[float]) -> list[str]:
    """Shares as whole percentages; empty where there is none.

    Examples
    --------
    >>> percentages([0.5, float("nan")])
    ['50%', '']
    """
    return ["" if isnan(value) else f"{value:.0%}" for value in values]
