"""When labels are: the ways in which they may be read as points in time, and so put in order."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.data.labels import Labels, label_text, objects


@dataclass(frozen=True)
class Reading:
    """Labels read as points that compare by time.

    Attributes
    ----------
    points : pandas.Index
        One point for each label.
    write : callable
        A point as a label.
    even : bool
        Whether points that follow each other are a known step apart.
    names : bool
        Whether no time can be read from the labels, which are sorted as text.
    """

    points: pd.Index
    write: Callable[[Any], str] = label_text
    even: bool = True
    names: bool = False

    @property
    def increasing(self) -> bool:
        """Whether each point comes after the one before it."""
        return bool(self.points.is_monotonic_increasing and self.points.is_unique)


def readings(labels: Labels) -> list[Reading]:
    """All ways in which labels may be read, the likelier first.

    Dates, periods, numbers and the like are what they are; whole numbers such as 202412 may be months or weeks, too.
    Text is read by its numbers and names of months, the year first wherever it stands; text without any sorts as text.

    Examples
    --------
    >>> from learning_debt.data import as_labels
    >>> [reading.increasing for reading in readings(as_labels(["W9", "W10", "W11"]))]
    [True]
    >>> any(reading.increasing for reading in readings(as_labels(["Apr 2024", "Feb 2024", "Jan 2024"])))
    False
    """
    kind = "" if labels.kind is None else labels.kind.name
    if kind == "number" and labels.index.dtype.kind == "i":
        texts = [str(label) for label in labels.index.tolist()]
        compact = [reading for reading in _readings_of_text(texts) if isinstance(reading.points, pd.PeriodIndex)]
        return [*compact, Reading(labels.index)]
    if kind == "text":
        return _readings_of_text(labels.index.tolist()) or [Reading(labels.index, even=False, names=True)]
    if kind == "interval":
        starts = pd.IntervalIndex(list(labels.index)).left
        return [Reading(starts, lambda start: f"the interval that starts at {label_text(start)}")]
    return [Reading(labels.index, even=kind != "tuple")]


def require_time_order(labels: Labels, remedy: str | Callable[[Labels], str]) -> None:
    """Raise a ``ValueError`` naming the first label that stands after a later one, however they are read.

    The remedy is what the message ends with, or makes it of the labels. Labels that no time can be read from, such as
    names, are left alone.
    """
    found = readings(labels)
    if any(reading.points.is_monotonic_increasing or reading.names for reading in found):
        return
    points = found[0].points
    place = next(k for k in range(1, len(points)) if points[k] < points[k - 1])
    raise ValueError(
        f"{labels.what} are out of order: {labels.texts[place]} follows {labels.texts[place - 1]}; "
        f"{remedy if isinstance(remedy, str) else remedy(labels)}"
    )


_NAMES = {
    name.lower(): f"{number:02d}"
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
}
_MONTH = re.compile(rf"(?<![^\W\d_])({'|'.join(sorted(_NAMES, key=len, reverse=True))})(?![^\W\d_])", re.IGNORECASE)


def _readings_of_text(texts: list[str]) -> list[Reading]:
    """Readings of texts that are alike but for their numbers; none of others."""
    try:
        plain = np.array([float(text) for text in texts])
    except ValueError:
        plain = np.array([np.nan])
    named = [_MONTH.sub(lambda found: _NAMES[found[0].lower()], text) for text in texts]
    parts = [re.split(r"([0-9]+)", text) for text in named]
    between = {tuple(part[::2]) for part in parts}
    if len(between) != 1 or len(parts[0]) == 1:
        return [Reading(pd.Index(plain))] if np.isfinite(plain).all() else []
    if any(len(number) > 15 for part in parts for number in part[1::2]):
        return []
    template = _Template(parts, named == texts)
    found = list(_calendar(template, texts))
    if template.count == 1 or not found:
        found += template.plain()
    if np.isfinite(plain).all() and template.between != ["", ""]:  # signs and fractions
        found = [*(reading for reading in found if template.count > 1), Reading(pd.Index(plain))]
    return found


class _Template:
    """Texts that are alike but for the numbers in them."""

    def __init__(self, parts: list[list[str]], written_as_read: bool) -> None:
        self.between = parts[0][::2]
        self.numbers = np.array([[int(number) for number in part[1::2]] for part in parts])
        widths = [{len(number) for number in column} for column in zip(*(part[1::2] for part in parts), strict=True)]
        self.widths = [width.pop() if len(width) == 1 else 0 for width in widths]
        self.written_as_read = written_as_read

    @property
    def count(self) -> int:
        """How many numbers a text holds."""
        return self.numbers.shape[1]

    def year(self) -> int | None:
        """Which number is the year: the first or the last."""
        places = [k for k in {0, self.count - 1} if self.widths[k] == 4 and self._is_year(self.numbers[:, k])]
        return min(places) if places else None

    def _is_year(self, numbers: np.ndarray) -> bool:
        return bool(((numbers >= 1900) & (numbers <= 2100)).all())

    def others(self, year: int) -> np.ndarray:
        """The numbers besides the year, shape (texts, count - 1)."""
        return np.delete(self.numbers, year, axis=1)

    def write(self, *numbers: int) -> str:
        """A text with these numbers."""
        texts = [str(number).zfill(width) for number, width in zip(numbers, self.widths, strict=True)]
        return "".join(literal + text for literal, text in zip(self.between, [*texts, ""], strict=True))

    def plain(self) -> list[Reading]:
        """By their numbers as they stand, a year first."""
        if self.count == 1:
            return [Reading(pd.Index(self.numbers[:, 0]), self.write)]
        year = self.year()
        ordered = self.numbers if year is None else np.column_stack([self.numbers[:, year], self.others(year)])
        return [Reading(objects([tuple(numbers) for numbers in ordered.tolist()]), even=False)]


def _calendar(template: _Template, texts: list[str]) -> Iterator[Reading]:
    """Dates, weeks, months and quarters that texts may name."""
    if template.count == 1:
        yield from _compact(template, texts)
        return
    year = template.year()
    if year is None:
        return
    others, years = template.others(year), template.numbers[:, year]
    if template.count == 2:
        word = "".join(template.between).lower()
        frequency = "Q" if "q" in word else "W" if re.search(r"w", word) else "M"
        yield from _periods(template, years, others[:, 0], frequency, year)
    elif template.count == 3:
        # 2024-12-31, 31.12.2024; with slashes or dashes also 12/31/2024
        for day in (1,) if year == 0 else (0,) if "." in template.between else (0, 1):
            yield from _dates(years, others[:, 1 - day], others[:, day])
    elif year == 0:
        moments = pd.to_datetime(pd.Series(texts), errors="coerce", format="ISO8601", utc=True)
        if not moments.isna().any():
            yield Reading(pd.DatetimeIndex(moments))


def _compact(template: _Template, texts: list[str]) -> Iterator[Reading]:
    """Numbers such as 20241231, 202412 and 202452."""
    numbers, width = template.numbers[:, 0], template.widths[0]
    if width == 8 and template._is_year(numbers // 10_000):
        yield from _dates(numbers // 10_000, numbers // 100 % 100, numbers % 100)
    if width == 6 and template._is_year(numbers // 100):
        for frequency in ("M", "W"):
            yield from _periods(template, numbers // 100, numbers % 100, frequency, None)


def _dates(years: np.ndarray, months: np.ndarray, days: np.ndarray) -> Iterator[Reading]:
    columns = {"year": years, "month": months, "day": days}
    dates = pd.to_datetime(pd.DataFrame(columns), errors="coerce")
    if not dates.isna().any():
        yield Reading(pd.DatetimeIndex(dates))


def _periods(
    template: _Template, years: np.ndarray, parts: np.ndarray, frequency: str, year: int | None
) -> Iterator[Reading]:
    """Weeks, months or quarters of years; `year` says which number is the year, None that one number holds both."""
    try:
        pairs = zip(years.tolist(), parts.tolist(), strict=True)
        periods = pd.PeriodIndex([_period(*pair, frequency) for pair in pairs], freq=frequency)
    except ValueError:  # week 60, month 13
        return

    def write(period: pd.Period) -> str:
        of_year, part = _year_and_part(period, frequency)
        if not template.written_as_read:
            return str(period)
        if year is None:
            return template.write(100 * of_year + part)
        return template.write(*((of_year, part) if year == 0 else (part, of_year)))

    yield Reading(periods, write)


def _period(year: int, part: int, frequency: str) -> pd.Period:
    if frequency == "W":
        return pd.Period(datetime.fromisocalendar(year, part, 1), freq="W")
    return pd.Period(year=year, freq=frequency, **{"quarter" if frequency == "Q" else "month": part})


def _year_and_part(period: pd.Period, frequency: str) -> tuple[int, int]:
    if frequency == "W":
        year, week, _ = period.start_time.isocalendar()
        return year, week
    return period.year, period.quarter if frequency == "Q" else period.month
