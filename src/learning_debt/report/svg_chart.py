"""Line charts as inline SVG: complete as they stand; a script of the page may zoom and redraw them from their data."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from learning_debt.plots.number_text import number
from learning_debt.report.drawn_numbers import nice_ticks, rounded, tick_text
from learning_debt.report.html_parts import Head, escape, opened, shortened, table
from learning_debt.typing import Array

WIDTH, LEFT, RIGHT, BOTTOM, GAP = 720.0, 56.0, 14.0, 22.0, 26.0
LANE = 33.0


class Line(NamedTuple):
    """A line, with an interval around it where one is known.

    Attributes
    ----------
    name : str
    style : str
        A class of the style sheet.
    values : ndarray, shape (points,)
    low, high : ndarray, shape (points,), optional
    dots : sequence of int
        Points that are marked, as by a retrain.
    doubtful : sequence of int
        Points that failed their checks.
    drawn : bool
        Whether it is shown until the reader asks for it.
    key : str
        By which a script finds it.
    """

    name: str
    style: str
    values: Array
    low: Array | None = None
    high: Array | None = None
    dots: Sequence[int] = ()
    doubtful: Sequence[int] = ()
    drawn: bool = True
    key: str = ""


class Lane(NamedTuple):
    """What happened when, as marks on a line: places from 0, and how large each is, 0 to 1."""

    name: str
    style: str
    marks: Sequence[tuple[int, float]]
    key: str = ""


class Panel(NamedTuple):
    """One pair of axes: lines, or lanes."""

    title: str
    lines: Sequence[Line] = ()
    lanes: Sequence[Lane] = ()
    height: float = 230.0
    level: float | None = 0.0


class Chart(NamedTuple):
    """Panels above each other that share their periods.

    Attributes
    ----------
    key : str
        A name without spaces.
    title, description : str
        For who hears the page; the description is the caption, too.
    labels : sequence of str
        Of the points.
    panels : sequence of Panel
    across : str
        What runs from left to right.
    upright : sequence of int
        Points after which a dashed line stands.
    """

    key: str
    title: str
    description: str
    labels: Sequence[str]
    panels: Sequence[Panel]
    across: str = "period"
    upright: Sequence[int] = ()


def figure(chart: Chart) -> str:
    """A chart with its legend, its caption and its numbers as a table."""
    legend = "".join(
        f'<li class="{line.style}" data-key="{escape(json.dumps(line.key))}"{"" if line.drawn else " hidden"}>'
        f"<span></span><bdi>{escape(line.name)}</bdi></li>"
        for line in _legend(chart)
    )
    key = f'<ul class="legend">{legend}</ul>' if legend else ""
    return (
        f'<figure class="chart" id="chart-{chart.key}" data-chart="{chart.key}">{key}'
        f'<div class="canvas">{svg(chart)}</div><figcaption>{escape(chart.description)}</figcaption>'
        f"{opened('The numbers of this picture', _numbers(chart))}</figure>"
    )


def svg(chart: Chart) -> str:
    """The picture alone."""
    height = sum(_height(panel) + GAP for panel in chart.panels) + BOTTOM
    parts, top = [], GAP
    for panel in chart.panels:
        parts.append(_panel(chart, panel, top))
        top += _height(panel) + GAP
    parts.append(_ticks(chart, top - GAP))
    title, about = f"{chart.key}-title", f"{chart.key}-about"
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-labelledby="{title} {about}">'
        f'<title id="{title}">{escape(chart.title)}</title><desc id="{about}">{escape(chart.description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def data(chart: Chart) -> dict[str, Any]:
    """What a script needs to draw it anew, in types that JSON holds."""
    panels = []
    for panel in chart.panels:
        lines = [
            {"key": line.key, "name": line.name, "style": line.style, "drawn": line.drawn, "dots": list(line.dots)}
            | {"doubtful": list(line.doubtful), "values": rounded(line.values)}
            | ({} if line.low is None else {"low": rounded(line.low), "high": rounded(line.high)})
            for line in panel.lines
        ]
        lanes = [
            {"key": lane.key, "name": lane.name, "style": lane.style, "marks": [list(mark) for mark in lane.marks]}
            for lane in panel.lanes
        ]
        panels.append(
            {"title": panel.title, "height": _height(panel), "level": panel.level, "lines": lines, "lanes": lanes}
        )
    return {
        "labels": list(chart.labels),
        "across": chart.across,
        "upright": list(chart.upright),
        "panels": panels,
    }


def _legend(chart: Chart) -> list[Line]:
    lines = [line for panel in chart.panels for line in panel.lines if line.name]
    found = {line.key or line.name: line for line in lines}
    shown = sorted(found.values(), key=lambda line: not line.drawn)
    return shown if len(shown) > 1 else []


def _height(panel: Panel) -> float:
    return LANE * len(panel.lanes) + 6 if panel.lanes else panel.height


def _span(panel: Panel) -> tuple[float, float]:
    shown = [line for line in panel.lines if line.drawn]
    sides = [side for line in shown for side in (line.values, line.low, line.high) if side is not None]
    values = np.concatenate([np.asarray(side, float) for side in sides]) if sides else np.zeros(1)
    finite = [*values[np.isfinite(values)].tolist(), *([] if panel.level is None else [panel.level])]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    pad = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
    return low - pad, high + pad


def _x(chart: Chart, place: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (place / max(len(chart.labels) - 1, 1))


def _panel(chart: Chart, panel: Panel, top: float) -> str:
    bottom = top + _height(panel)
    parts = [f'<text class="title" x="{LEFT:g}" y="{top - 8:g}">{escape(panel.title)}</text>']
    parts += [
        f'<path class="upright" d="M{_x(chart, place + 0.5):.1f} {top:g}V{bottom:g}"/>' for place in chart.upright
    ]
    if panel.lanes:
        return "".join([*parts, *(_lane(chart, lane, top + LANE * k) for k, lane in enumerate(panel.lanes))])
    low, high = _span(panel)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    for tick in nice_ticks(low, high):
        edge = ' class="grid level"' if tick == panel.level else ' class="grid"'
        parts.append(f'<path{edge} d="M{LEFT:g} {y(tick):.1f}H{WIDTH - RIGHT:g}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6:g}" y="{y(tick) + 4:.1f}">{tick_text(tick)}</text>')
    for line in (line for line in panel.lines if line.drawn):
        parts.append(_line(chart, line, y))
    return "".join(parts)


def _line(chart: Chart, line: Line, y: Any) -> str:
    points = [(place, float(value)) for place, value in enumerate(np.asarray(line.values, float))]
    parts = []
    if line.low is not None and line.high is not None:
        known = [place for place, _ in points if np.isfinite(line.low[place]) and np.isfinite(line.high[place])]
        there = [f"{_x(chart, k):.1f} {y(line.high[k]):.1f}" for k in known]
        back = [f"{_x(chart, k):.1f} {y(line.low[k]):.1f}" for k in reversed(known)]
        parts += [f'<path class="band {line.style}" d="M{"L".join([*there, *back])}Z"/>'] if known else []
    path, pen = [], "M"
    for place, value in points:
        if math.isfinite(value):
            path.append(f"{pen}{_x(chart, place):.1f} {y(value):.1f}")
        pen = "L" if math.isfinite(value) else "M"
    parts.append(f'<path class="line {line.style}" d="{"".join(path)}"/>')
    for places, kind, size in ((line.dots, "dot", 3.2), (line.doubtful, "doubtful", 2.6)):
        parts += [
            f'<circle class="{kind} {line.style}" cx="{_x(chart, k):.1f}" cy="{y(points[k][1]):.1f}" r="{size}"/>'
            for k in places
            if math.isfinite(points[k][1])
        ]
    return "".join(parts)


def _lane(chart: Chart, lane: Lane, top: float) -> str:
    base = top + LANE - 3
    marks = "".join(
        f'<path class="mark {lane.style}" d="M{_x(chart, place):.1f} {base:g}v{-2 - 10 * share:.1f}"/>'
        for place, share in lane.marks
    )
    return (
        f'<text class="lane" x="{LEFT:g}" y="{base - 16:g}">{escape(lane.name)}</text>'
        f'<path class="grid" d="M{LEFT:g} {base:g}H{WIDTH - RIGHT:g}"/>{marks}'
    )


def _ticks(chart: Chart, bottom: float) -> str:
    count = len(chart.labels)
    step = max(1, math.ceil(count / 7))
    return "".join(
        f'<text class="tick middle" x="{_x(chart, k):.1f}" y="{bottom + 16:g}">{escape(chart.labels[k])}</text>'
        for k in range(0, count, step)
        if count - k > step / 2 or k == 0
    )


def _numbers(chart: Chart) -> str:
    """The values of all lines, or what happened in each lane."""
    lines = [(panel, line) for panel in chart.panels for line in panel.lines]
    heads = [Head(chart.across, words=True)]
    heads += [Head(shortened(line.name or panel.title, 40)) for panel, line in lines]
    lanes = [lane for panel in chart.panels for lane in panel.lanes]
    if not lines:
        return ""
    rows = [
        [escape(label), *(number(float(line.values[place])) for _, line in lines)]
        for place, label in enumerate(chart.labels)
    ]
    happened = "".join(
        f"<li><bdi>{escape(lane.name)}</bdi>: "
        f"{escape(', '.join(chart.labels[int(place)] for place, _ in lane.marks)) or 'none'}</li>"
        for lane in lanes
    )
    said = f"<p>When:</p><ul>{happened}</ul>" if happened else ""
    return table(f"{chart.title}: the numbers", heads, rows) + said
