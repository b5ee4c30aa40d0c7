"""Evenly spaced labels, and the first one that is missing between them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.data.label_times import Reading, readings
from learning_debt.data.labels import Labels, as_labels


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
