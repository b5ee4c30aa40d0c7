"""Folders of one monitor or of many series, as the command line names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import learning_debt as ld
from learning_debt.data import label_text
from learning_debt.monitor import SeriesMonitors

Monitors = ld.Monitor | SeriesMonitors


def opened(directory: Path, forecaster: Any = None) -> Monitors:
    """What is in a folder.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    kind = SeriesMonitors if SeriesMonitors.holds(directory) else ld.Monitor
    return kind.open(directory, forecaster)


def each_of(monitors: Monitors) -> list[ld.Monitor]:
    """The monitors of a folder, one or many."""
    if isinstance(monitors, ld.Monitor):
        return [monitors]
    return [monitors.monitor(label) for label in monitors.labels]


def one_of(monitors: Monitors, series: str | None) -> ld.Monitor:
    """The monitor that is asked about.

    Raises
    ------
    ValueError
        If the folder is of many series and none of them is named, or the other way round.
    """
    if isinstance(monitors, ld.Monitor):
        if series is not None:
            raise ValueError(f"--series {series}: {monitors.path} is of one series; leave the option out")
        return monitors
    texts = [label_text(label) for label in monitors.labels]
    named = ", ".join(texts[:20]) + (" ..." if len(texts) > 20 else "")
    if series is None:
        raise ValueError(f"{monitors.path} holds {len(texts)} series: say which one with --series; there are {named}")
    if series not in texts:
        raise ValueError(f"--series: there is no series {series}; there are {named}")
    return monitors.monitor(monitors.labels[texts.index(series)])


def folders_of(directory: Path, series: str | None) -> dict[str, Path]:
    """Folders of the monitors of a folder, or of one of its series, by name; a single one has none.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    if not SeriesMonitors.holds(directory):
        if series is not None:
            raise ValueError(f"--series {series}: {directory} is of one series; leave the option out")
        return {"": directory}
    many = SeriesMonitors.open(directory)
    found = dict(zip(map(label_text, many.labels), many.folders, strict=True))
    if series is not None and series not in found:
        raise ValueError(f"--series: there is no series {series}; there are {', '.join(list(found)[:20])}")
    return found if series is None else {series: found[series]}


def observed(monitors: Monitors, rows: Any, *, gaps: bool) -> list[ld.Monitor]:
    """Observe rows; the monitors that have decided about some of them."""
    if isinstance(monitors, ld.Monitor):
        monitors.observe(rows, gaps=gaps)
        return [monitors]
    return [monitors.monitor(label) for label in monitors.observe(rows, gaps=gaps)]


def alone_or_all(found: Sequence[Any], monitors: Monitors) -> Any:
    """What JSON holds: of one monitor its answer, of many series a list of answers."""
    return found[0] if isinstance(monitors, ld.Monitor) else list(found)
