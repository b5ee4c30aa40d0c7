"""Evenly spaced labels, and the first one that is missing between them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.data.label_times import Reading, readings
from learning_debt.data.labels import Labels, as_labels

MOSTLY = 0.75
"""Share of steps that must be alike for others to be gaps."""
LONGEST_STEP = 10**6
"""Above it the usual step is the median, not the most frequent."""


def read_together(known: Labels, new: Labels) -> list[tuple[Reading, Reading]]:
    """The ways in which labels are read such that the `known` ones increase: how those are read, and the `new` ones.

    Examples
    --------
    >>> (held, given), = read_together(as_labels(["W8", "W9"]), as_labels(["W11", "W10"]))
    >>> held.points.tolist(), given.points.tolist()
    ([8, 9], [11, 10])
    """
    if known.kind is None or known.kind != new.kind:
        return []
    together, size = readings(as_labels([*known.index, *new.index], known.what)), len(known)
    ways = [
        (replace(reading, points=reading.points[:size]), replace(reading, points=reading.points[size:]))
        for reading in together
    ]
    return [(held, given) for held, given in ways if held.increasing]


def first_gap(known: Labels, new: Labels) -> str | None:
    """The first label that is left out between the `known` ones and the `new`, increasing ones that follow them.

    None where nothing is left out, or where `known` does not show how labels follow each other: fewer than three, not
    evenly spaced, or text without the one number or the date that says when it is.

    Examples
    --------
    >>> first_gap(as_labels(["2024-W50", "2024-W51", "2024-W52"]), as_labels(["2025-W02"]))
    '2025-W01'
    >>> first_gap(as_labels([1, 2, 3]), as_labels([4, 5])) is None
    True
    """
    if len(known) < 3 or not len(new):
        return None
    gaps = []
    for held, given in read_together(known, new):
        candidates = _successors(held.points, len(new)) if held.even else []
        if any(_same(labels, given.points) for labels in candidates):
            return None
        if candidates:
            pairs = zip(candidates[0], given.points, strict=True)
            gaps.append(next((held.write(before) for before, after in pairs if not _same([before], [after])), None))
    return gaps[0] if gaps else None


def shows_spacing(known: Labels, new: Labels) -> bool:
    """Whether the `known` labels show how labels follow each other, so that `first_gap` can tell.

    Examples
    --------
    >>> shows_spacing(as_labels([1, 2, 3]), as_labels([5])), shows_spacing(as_labels([1, 2, 4]), as_labels([5]))
    (True, False)
    """
    ways = read_together(known, new) if len(known) > 2 else []
    return any(held.even and len(_successors(held.points, 1)) > 0 for held, _ in ways)


def absent_labels(labels: Labels) -> tuple[int, str]:
    """How many labels seem to be absent between evenly spaced ones, and the one that the first of them should follow.

    None are where the labels do not say when they are, where three quarters of the steps are not alike, or where a step
    is no multiple of those. Weekends are not missed where no label lies on one.

    Examples
    --------
    >>> weeks = [f"2024-W{week:02d}" for week in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12)]
    >>> absent_labels(as_labels(weeks)), absent_labels(as_labels([1, 2, 4, 8, 16]))
    ((2, '2024-W05'), (0, ''))
    """
    found = []
    for reading in readings(labels):
        for numbers in _ordinals(reading) if reading.even and reading.increasing and len(labels) > 3 else []:
            steps = np.diff(numbers)
            usual = np.bincount(steps).argmax() if steps.max() < LONGEST_STEP else int(np.median(steps))
            if (steps % usual == 0).all() and (steps == usual).mean() >= MOSTLY:
                missing = steps // usual - 1
                found.append((int(missing.sum()), labels.texts[int(np.argmax(missing > 0))]))
    count, after = min(found, default=(0, ""))
    return (count, after) if count else (0, "")


def _ordinals(reading: Reading) -> list[np.ndarray]:
    """Points as whole numbers, in each way in which they may be evenly spaced."""
    points = reading.points
    if isinstance(points, pd.DatetimeIndex):
        local = points.tz_localize(None)
        days = local.normalize().to_numpy().astype("datetime64[D]")
        ways = [local.as_unit("s").asi8]
        if local.is_month_end.all() or (local.day == local.day[0]).all():
            ways.append(days.astype("datetime64[M]").astype(np.int64))
        if (local.day_of_week < 5).all() and (local == local.normalize()).all():
            ways.append(np.cumsum(np.r_[0, np.busday_count(days[:-1], days[1:])]))
        return ways
    if isinstance(points, pd.PeriodIndex | pd.TimedeltaIndex):
        return [points.asi8]
    return [points.to_numpy()] if points.dtype.kind == "i" else []


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
