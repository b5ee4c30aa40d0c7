"""What to do about periods that stand out of order: text that names a time seldom sorts as time goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from learning_debt.data.labels import Labels

SORT = "sort the rows by period"
IN_ORDER = f"{SORT} (text labels must sort in time order, as '2024-03' or '2024Q1' do)"
_DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2}$)(?:[ T].*)?")
_MADE = 'frame["period"] = pd.to_datetime(frame["period"]'


def cure_of_order(labels: Labels) -> str:
    """How to bring periods into order, as far as their text tells: dates, numbers without zeros, the year at the end.

    Examples
    --------
    >>> from learning_debt.data import as_labels
    >>> cure_of_order(as_labels(["2024-W9", "2024-W10"]))
    "pad the numbers with zeros, since text sorts letter by letter: '2024-W09' in place of '2024-W9'"
    >>> cure_of_order(as_labels([3, 1])) == IN_ORDER
    True
    """
    if labels.kind is None or labels.kind.name != "text":
        return IN_ORDER
    return _dates(labels.texts) or _year_first(labels.texts) or _padded(labels.texts) or IN_ORDER


def _dates(texts: list[str]) -> str:
    """For dates such as 31.12.2024 and 12/31/2024, by which number can be a month, and else by their order."""
    found = [_DATE.fullmatch(text) for text in texts]
    numbers = [(int(one[1]), int(one[3]), int(one[4])) for one in found if one]
    if len(numbers) < len(texts):
        return ""
    read = {
        True: [_date(year, month, day) for day, month, year in numbers],
        False: [_date(year, month, day) for month, day, year in numbers],
    }
    likely = {day_first: [day for day in days if day] for day_first, days in read.items() if all(days)}
    in_order = {day_first: days for day_first, days in likely.items() if _increasing(days)}
    likely = in_order if len(in_order) == 1 else likely
    if not likely:
        return ""
    mark, short = texts[0].lstrip("0123456789")[0], all(year < 100 for _, _, year in numbers)
    calls = [f"{_MADE}, {_argument(day_first, mark if short else '')})" for day_first in likely]
    sort = "" if in_order else f"; then {SORT}"
    if len(calls) == 2:
        return (
            f"these look like dates written as text, so make dates of them: {calls[0]} if the day stands first, "
            f"{calls[1]} if the month does{sort}"
        )
    ((first, *_),) = likely.values()
    return (
        f"these look like dates written as text, so make dates of them: {calls[0]}, or write {first.isoformat()} in "
        f"place of {texts[0]!r}{sort}"
    )


def _argument(day_first: bool, mark: str) -> str:
    """Which number is the day, for `pandas.to_datetime`; it reads years of two digits by a whole format only."""
    if not mark:
        return f"dayfirst={day_first}"
    return f'format="%d{mark}%m{mark}%y"' if day_first else f'format="%m{mark}%d{mark}%y"'


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year if year > 99 else 2000 + year, month, day)
    except ValueError:  # no day of the calendar
        return None


def _year_first(texts: list[str]) -> str:
    """For 'Q1 2024', 'W9 2024' and 01/2024."""
    found = [re.fullmatch(r"(\D*\d{1,2})\W*((?:19|20)\d\d)", text) for text in texts]
    years, parts = [one[2] for one in found if one], [one[1] for one in found if one]
    if len(years) < len(texts):
        return ""
    written = [f"{year}-{part}" for year, part in zip(years, _with_zeros(parts), strict=True)]
    return f"write the year first: {written[0]!r} in place of {texts[0]!r}{_and_sort(written)}"


def _padded(texts: list[str]) -> str:
    """For '2024-W9' beside '2024-W10'."""
    written = _with_zeros(texts)
    changed = next((k for k, (new, old) in enumerate(zip(written, texts, strict=True)) if new != old), None)
    if changed is None:
        return ""
    return (
        f"pad the numbers with zeros, since text sorts letter by letter: {written[changed]!r} in place of "
        f"{texts[changed]!r}{_and_sort(written)}"
    )


def _with_zeros(texts: list[str]) -> list[str]:
    """Texts that are alike but for whole numbers, each number as wide as its widest; others as they are."""
    parts = [re.split(r"([0-9]+)", text) for text in texts]
    if len({tuple(part[::2]) for part in parts}) != 1 or parts[0][::2] == ["", ".", ""]:  # 9.5 and 10.25
        return texts
    widths = [max(map(len, column)) for column in zip(*(part[1::2] for part in parts), strict=True)]
    return ["".join(part.zfill(widths[k // 2]) if k % 2 else part for k, part in enumerate(pieces)) for pieces in parts]


def _and_sort(written: list[str]) -> str:
    return "" if _increasing(written) else f"; then {SORT}"


def _increasing(values: Sequence[Any]) -> bool:
    return all(before <= after for before, after in pairwise(values))
