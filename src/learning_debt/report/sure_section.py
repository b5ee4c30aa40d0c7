"""How sure the audit is: the health card, and the pictures and tables behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.plots.number_text import NONE, decimals_for, number
from learning_debt.report.health_card import GRADES, Check
from learning_debt.report.html_parts import Cell, Head, escape, shortened, table
from learning_debt.report.pictures import Figure, picture
from learning_debt.report.svg_chart import Chart, figure
from learning_debt.spells.schema import TableFacts
from learning_debt.spells.table_comparison import shared_draws


def sure_section(
    audit: Audit,
    checks: Sequence[Check],
    charts: Sequence[Chart],
    comparison: xr.Dataset | None,
    pictures: Sequence[Figure],
) -> str:
    """The card first, then what must be known, then what is behind it."""
    notes = "".join(f"<li>{escape(shortened(note, 1000))}</li>" for note in audit.notes)
    said = f"<h3>Notes</h3><ul>{notes}</ul>" if notes else ""
    behind = "".join(map(figure, charts))
    return (
        f'<section id="sure"><h2>How sure is this?</h2>{card(checks)}{said}{behind}'
        f"{_agreement(comparison, pictures)}</section>"
    )


def card(checks: Sequence[Check]) -> str:
    """A row a check: its grade, the number behind it, and what that means."""
    counts = {grade: sum(check.grade == grade for check in checks) for grade in reversed(GRADES)}
    summary = ", ".join(f"{count} {grade}" for grade, count in counts.items() if count)
    heads = [
        Head("check", words=True),
        Head("grade", words=True),
        Head("number", words=True),
        Head("meaning", words=True),
    ]
    rows: list[list[str | Cell]] = [
        [
            escape(check.what),
            Cell(f'<b class="grade">{check.grade}</b>', f'data-grade="{check.grade.lower()}"'),
            escape(shortened(check.figure, 120)),
            escape(shortened(check.meaning, 600)),
        ]
        for check in checks
    ]
    return f'<p class="lead">{summary}.</p><div class="card">{table("Health card", heads, rows)}</div>'


def _agreement(comparison: xr.Dataset | None, pictures: Sequence[Figure]) -> str:
    """How sampled estimates fared against exact values."""
    if comparison is None and not pictures:
        return ""
    parts = [
        "<h3>Can the sampled numbers be trusted?</h3>",
        "<p>A twin of the model, for which everything can be worked out exactly, was sampled in the same way. Its "
        "sampled numbers of the last periods are held against the exact ones here.</p>",
    ]
    if comparison is not None:
        parts.append(_comparison_table(comparison))
        parts += [f"<p>{escape(caption)}</p>" for caption in [shared_draws(comparison)] if caption]
    return "".join(parts) + "".join(map(picture, pictures))


def _comparison_table(comparison: xr.Dataset) -> str:
    probability = float(comparison.attrs.get("probability", 0.9))
    facts = TableFacts.from_table(comparison, "comparison")
    unit = "nats" if facts.in_nats else f"debt: nats; else {shortened(facts.unit, 24)}"

    def in_unit(name: str, sign: bool = False) -> Callable[[float], str]:
        places = decimals_for(comparison[name].values.tolist()) + 1 if name in comparison else None
        return lambda value: number(value, places, sign)

    columns: dict[str, tuple[Head, Callable[[float], str]]] = {
        "cells": (Head("cells"), "{:,.0f}".format),
        "reliable_share": (Head("reliable"), "{:.1%}".format),
        "bias": (Head("bias", unit), in_unit("bias", sign=True)),
        "rmse": (Head("typical error (RMSE)", unit), in_unit("rmse")),
        "median_relative_error": (Head("median relative error"), "{:.1%}".format),
        "coverage": (Head(f"{probability:.0%} intervals that hold the truth"), "{:.1%}".format),
    }
    shown = {key: entry for key, entry in columns.items() if key in comparison}
    rows = []
    for name in comparison["signal"].values.tolist():
        values = {key: float(comparison[key].sel(signal=name)) for key in shown}
        cells = [form(values[key]) if np.isfinite(values[key]) else NONE for key, (_, form) in shown.items()]
        rows.append([escape(shortened(str(name).replace("_", " "))), *cells])
    heads = [Head("signal", words=True), *(head for head, _ in shown.values())]
    return table("Sampled signals against exact ones", heads, rows)
