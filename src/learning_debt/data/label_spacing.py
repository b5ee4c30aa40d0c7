"""How labels follow each other: the first one that is left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.data.labels import Labels, label_text


def first_gap(known: Labels, new: Labels) -> str | None:
    """The first label that is left out between the `known` ones and the `new`, increasing ones that follow them.

    None where nothing is left out, or where `known` does not show how labels follow each other: fewer than three, not
    evenly spaced, or text that is no date, week, month or quarter.

    Examples
    --------
    >>> from learning_debt.data import as_labels
    >>> first_gap(as_labels(["2024-W50", "2024-W51", "2024-W52"]), as_labels(["2025-W02"]))
    '2025-W01'
    >>> first_gap(as_labels([1, 2, 3]), as_labels([4, 5])) is None
    True
    """
    if known.kind is None or known.kind != new.kind or not len(new) or len(known) < 3 or not known.increasing:
        return None
    held, given = known.index, new.index
    shown: Callable[[Any], str] = label_text
    if known.kind.name == "text":
        read = _time_of_text(held)
        if read is None or (after := _time_of_text(given, read[2])) is None:
            return None
        (held, shown, _), given = read, after[0]
    candidates = _successors(held, len(given))
    if not candidates or any(_same(labels, given) for labels in candidates):
        return None
    return next((shown(one) for one, two in zip(candidates[0], given, strict=True) if not _same([one], [two])), None)


def _same(first: Any, second: Any) -> bool:
    if "f" in {getattr(getattr(part, "dtype", None), "kind", "") for part in (first, second)}:
        return len(first) == len(second) and np.allclose(np.asarray(first, float), np.asarray(second, float))
    return list(first) == list(second)


def _successors(known: pd.Index, count: int) -> list[pd.Index]:
    """The `count` labels that follow `known`, in each way in which they may; nothing where it is not known."""
    if isinstance(known, pd.DatetimeIndex):
        with warnings.catch_warnings():  # text today, an offset in a later pandas: both will do
            warnings.simplefilter("ignore")
            frequency = pd.infer_freq(known)
        ways: list[Any] = [] if frequency is None else [frequency]
        if frequency in ("D", pd.offsets.Day()) and (known.day_of_week < 5).all():  # a week without its weekend
            ways.append("B")
        return [pd.date_range(known[-1], periods=count + 1, freq=way)[1:] for way in ways]
    if isinstance(known, pd.PeriodIndex):
        after = _evenly_on(known.asi8, count)
        return [] if after is None else [pd.PeriodIndex.from_ordinals(after, freq=known.freq)]
    if isinstance(known, pd.TimedeltaIndex):
        after = _evenly_on(known.asi8, count)
        return [] if after is None else [pd.TimedeltaIndex(after.astype(known.dtype))]
    after = _evenly_on(known.to_numpy(), count) if known.dtype.kind in "if" else None
    return [] if after is None else [pd.Index(after)]


def _evenly_on(numbers: np.ndarray, count: int) -> np.ndarray | None:
    """The `count` numbers that follow evenly spaced ones; None if they are not evenly spaced."""
    steps = np.diff(numbers)
    even = np.allclose(steps, steps[0]) if numbers.dtype.kind == "f" else (steps == steps[0]).all()
    return numbers[-1] + steps[0] * np.arange(1, count + 1) if even else None


_PATTERNS: tuple[tuple[str, str, str], ...] = (
    (r"\d{4}-W\d{2}", "W", "%G-W%V"),
    (r"\d{4}W\d{2}", "W", "%GW%V"),
    (r"\d{4}-\d{2}", "M", "%Y-%m"),
    (r"\d{4}-Q[1-4]", "Q", "%Y-Q%q"),
    (r"\d{4}Q[1-4]", "Q", "%YQ%q"),
    (r"\d{4}", "Y", "%Y"),
)


def _time_of_text(texts: pd.Index, pattern: int | None = None) -> tuple[pd.Index, Callable[[Any], str], int] | None:
    """Weeks, months, quarters, years or dates that texts name, how to write one, and by which pattern."""
    series = pd.Series(texts, dtype=str)
    for number, (expression, frequency, written) in enumerate(_PATTERNS):
        if pattern in (None, number) and series.str.fullmatch(expression).all():
            try:
                periods = pd.PeriodIndex([_period(text, frequency) for text in series], freq=frequency)
            except ValueError:  # week 60, month 13
                return None
            return periods, partial(_write_period, written=written), number
    if pattern in (None, -1) and series.str.fullmatch(r"\d{4}-\d{2}-\d{2}").all():
        dates = pd.to_datetime(series, errors="coerce", format="%Y-%m-%d")
        return None if dates.isna().any() else (pd.DatetimeIndex(dates), label_text, -1)
    return None


def _period(text: str, frequency: str) -> pd.Period:
    if frequency == "W":
        return pd.Period(datetime.fromisocalendar(int(text[:4]), int(text[-2:]), 1), freq="W")
    return pd.Period(text, freq=frequency)


def _write_period(period: pd.Period, written: str) -> str:
    if "%G" in written:
        year, week, _ = period.start_time.isocalendar()
        return written.replace("%G", f"{year:04d}").replace("%V", f"{week:02d}")
    return period.strftime(written)
