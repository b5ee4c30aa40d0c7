"""The page of a bench, and the files beside it."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.bench.bench_pictures import draw_bench
from learning_debt.bench.curve_pictures import draw_curves
from learning_debt.bench.history_curves import CURVE_COLUMNS
from learning_debt.bench.running import COLUMNS, Bench
from learning_debt.bench.summary import ALL_RATIOS, summarise
from learning_debt.report.pictures import Figure
from learning_debt.report.whole_directory import Publication, require_room, written_whole
from learning_debt.validation import harmless, require_instance

BILLS, SUMMARY, NOTES, CURVES, PAGE = "bench.csv", "summary.csv", "notes.csv", "curves.csv", "bench.html"
RULES = "rules.csv"
PICTURES = (
    "relative.png",
    "by_history.png",
    "by_cost_ratio.png",
    "ageing.png",
    "belief_slope.png",
    "shadow_scores.png",
)
PUBLICATION = Publication("the bench", PAGE, (BILLS, SUMMARY, NOTES), (*PICTURES, CURVES))
SHOWN = {
    "policy": "policy",
    "cases": "cases",
    "mean_excess": "mean excess",
    "median_excess": "median",
    "excess_per_period": "per period",
    "relative": "relative to CUSUM",
    "won": "won",
    "lost": "lost",
    "dearer_than_calendar": "dearer than the tuned calendar",
    "dearer_than_best_calendar": "dearer than the best calendar",
    "worst_ratio": "worst ratio",
}
"""Columns of the summary that the page shows, by what it calls them."""
TEXTS = (
    "history",
    "series",
    "forecaster",
    "prior",
    "update_rule",
    "accounting",
    "policy",
    "unit",
    "setting",
    "note",
    "curve",
)
MAY_BE_EMPTY = {name: [""] for name in ("net_score", "value", "standard_error", "low", "high")}
WITH_INTERVAL = ("mean_excess", "excess_per_period", "relative")
SHARES = ("won", "lost", "dearer_than_calendar", "dearer_than_best_calendar")
LEAD = (
    "Every policy is tuned on the first part of a history and billed on the rest, retrains and signed regret together. "
    "Excess is its bill less that of the cheapest schedule in hindsight, in costs of a retrain. Intervals come from a "
    "bootstrap whose units are histories. “Won” and “lost” are shares of cases against tuned CUSUM."
)
FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The bench of real histories</title>
<style>
body { font: 16px/1.5 Georgia, "Times New Roman", serif; color: #1a1a1a; background: #fff; max-width: 72rem;
       margin: 2rem auto; padding: 0 1.2rem; }
h1, h2, th, figcaption { font-family: "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th { font-size: .78rem; font-weight: normal; color: #444; text-align: right; vertical-align: bottom;
     border-bottom: 1.5px solid #333; padding: .25rem .5rem; }
td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid #e2e2e2; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1.6rem 0; break-inside: avoid; }
img { max-width: 100%; height: auto; }
figcaption { font-size: .88rem; color: #444; }
</style>
</head>
<body>
<h1>The bench of real histories</h1>
$body
</body>
</html>
"""


def write_bench(bench: Bench, directory: str | os.PathLike[str]) -> Path:
    """Write ``bench.csv``, ``summary.csv``, ``notes.csv``, ``curves.csv``, pictures and ``bench.html``, all or nothing.

    Parameters
    ----------
    bench : Bench
        From `run_bench` or `read_bench`.
    directory : path
        Made if it does not exist; files of other names in it are left alone.

    Returns
    -------
    Path
        Of ``bench.html``, which holds everything it shows.

    Raises
    ------
    OSError
        If the directory cannot be written.

    See Also
    --------
    read_bench : Reads what this wrote.
    """
    require_instance("bench", bench, Bench, "a Bench, as run_bench returns it")
    require_instance("directory", directory, (str, os.PathLike), "the path of a directory")
    if directory == "":
        raise ValueError("directory must be the path of a directory, not empty; '.' is the one at hand")
    target, summary = Path(directory), summarise(bench.bills)
    with written_whole(target, PUBLICATION) as workshop:
        for name, frame in ((BILLS, bench.bills), (SUMMARY, summary), (NOTES, bench.notes), (CURVES, bench.curves)):
            if name != CURVES or not frame.empty:
                frame.to_csv(workshop / name, index=False, float_format="%.8g")
        figures = [*draw_bench(bench.bills, summary), *draw_curves(bench.curves)]
        for figure in figures:
            (workshop / figure.file).write_bytes(figure.png)
        (workshop / PAGE).write_text(render_bench(bench, summary, figures), encoding="utf-8")
    return target / PAGE


def write_rules(savings: pd.DataFrame, directory: str | os.PathLike[str]) -> Path:
    """Write ``rules.csv``, what `rule_savings` found, beside a bench; nothing is left half-written.

    Raises
    ------
    OSError
        If the directory cannot be written.
    """
    target = Path(directory)
    with written_whole(target, Publication("the savings of rules", RULES)) as workshop:
        savings.to_csv(workshop / RULES, index=False, float_format="%.8g")
    return target / RULES


def read_bench(directory: str | os.PathLike[str]) -> Bench:
    """Bills, notes and curves that `write_bench` left in a directory.

    Raises
    ------
    OSError, ValueError
        Naming the file that is missing, or is no such file.
    """
    require_instance("directory", directory, (str, os.PathLike), "the path of a directory")
    folder = Path(directory)
    bills = _read(folder / BILLS, COLUMNS)
    notes = _read(folder / NOTES, ("policy", "note"))
    if not (folder / CURVES).exists():
        return Bench(bills, notes)
    curves = _read(folder / CURVES, CURVE_COLUMNS)
    return Bench(bills, notes, curves.astype({"reliable": bool}))


def require_bench_room(directory: str | os.PathLike[str]) -> None:
    """Check, before long work, that a bench can be written to `directory`; nothing is made.

    Raises
    ------
    OSError
        Naming the directory and what is in the way.
    """
    require_room(directory, PUBLICATION)


def render_bench(bench: Bench, summary: pd.DataFrame, figures: Sequence[Figure]) -> str:
    """The page as HTML that needs nothing outside itself."""
    ratios = [ratio for ratio in summary["cost_ratio"].unique() if ratio != ALL_RATIOS]
    titles = {ALL_RATIOS: "All cost ratios", **{ratio: f"Cost ratio {ratio}" for ratio in ratios}}
    sections = [
        f"<p>{html.escape(_scope(bench.bills))} {LEAD}</p>",
        *map(_figure, figures),
        *(f"<h2>{title}</h2>{_table(summary[summary['cost_ratio'] == ratio])}" for ratio, title in titles.items()),
        _notes(bench.notes),
    ]
    return Template(FRAME).substitute(body="\n".join(sections))


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: run_bench(...) and write_bench, or bench run, make it")
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=MAY_BE_EMPTY)
        absent = [name for name in columns if name not in frame]
        if absent:
            raise ValueError(f"it lacks the columns {absent}")
        return frame.astype({name: float for name in columns if name not in (*TEXTS, "periods")})
    except ValueError as error:  # those of parsing and decoding are such
        raise ValueError(f"{path} is not what write_bench wrote: {error}") from error


def _scope(bills: pd.DataFrame) -> str:
    """What was measured on, in a sentence."""
    count = {name: bills[name].nunique() for name in ("history", "update_rule", "prior", "split", "cost_ratio")}
    said = {
        "history": ("history", "histories"),
        "update_rule": ("update rule", "update rules"),
        "prior": ("prior", "priors"),
        "split": ("split", "splits"),
        "cost_ratio": ("cost ratio", "cost ratios"),
    }
    parts = [f"{number} {said[name][number > 1]}" for name, number in count.items()]
    accounting = " and ".join(map(str, bills["accounting"].unique()))
    return f"{', '.join(parts[:-1])} and {parts[-1]}, {accounting} accounting."


def _table(part: pd.DataFrame) -> str:
    ordered = part.sort_values("relative" if part["relative"].notna().any() else "mean_excess", kind="stable")
    head = "".join(f"<th>{title}</th>" for title in SHOWN.values())
    lines = []
    for line in ordered.to_dict("records"):
        cells = "".join(f"<td>{_cell(line, name)}</td>" for name in SHOWN)
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _cell(line: dict[str, Any], name: str) -> str:
    value = line[name]
    if isinstance(value, str):
        return html.escape(harmless(value))
    if not isinstance(value, float):
        return str(value)
    if not np.isfinite(value):
        return "–"
    if name in SHARES:
        return f"{value:.0%}"
    text = f"{value:.3g}" if name != "worst_ratio" else f"{value:.2g}"
    low, high = (line.get(f"{name}_{end}", np.nan) for end in ("low", "high"))
    shown = name in WITH_INTERVAL and np.isfinite([low, high]).all()
    return f"{text} ({low:.3g} to {high:.3g})" if shown else text


def _figure(figure: Figure) -> str:
    source = base64.b64encode(figure.png).decode()
    caption = html.escape(figure.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{source}"><figcaption>{caption}</figcaption></figure>'
    )


def _notes(notes: pd.DataFrame) -> str:
    if notes.empty:
        return ""
    said = notes.groupby(["policy", "note"], sort=False)["history"].unique()
    lines = []
    for (policy, note), histories in said.items():
        where = ", ".join(name for name in histories if name)
        text = f"{policy}: {note}" if policy else note
        lines.append(f"<li>{html.escape(harmless(text + (f' ({where})' if where else '')))}</li>")
    return f"<h2>Left out</h2><ul>{''.join(lines)}</ul>"
