"""Writes the tables of the stored bench into docs/real-histories.md, docs/policies.md and docs/bench.md.

    learning-debt bench run --out bench
    cp bench/summary.csv benchmarks/results/bench_summary.csv
    python scripts/bench_figures.py

Figures in sentences are left alone: `tests/bench/test_stored_figures.py` says which no longer hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
SUMMARY = ROOT / "benchmarks" / "results" / "bench_summary.csv"
REAL_HISTORIES, POLICIES, BENCH = (ROOT / "docs" / f"{name}.md" for name in ("real-histories", "policies", "bench"))
POLICY_TABLE = (
    "| policy | excess relative to tuned CUSUM (90%) | won / lost | dearer than the tuned calendar | mean excess |"
)
COST_TABLE = "| policy | .25 | 1 | 4 |"
COSTS = ("0.25", "1", "4")


def read_summary() -> pd.DataFrame:
    """The stored summary, by cost ratio (text, ``all`` among them) and policy."""
    return pd.read_csv(SUMMARY, dtype={"cost_ratio": str}).set_index(["cost_ratio", "policy"])


def number(value: float, digits: int) -> str:
    """As pages print it: no zero before the point, none of less than nothing."""
    text = f"{value:.{digits}f}"
    return re.sub(r"^(-?)0\.", r"\1.", text if float(text) else text.lstrip("-"))


def interval(row: pd.Series, name: str, digits: int) -> str:
    """A figure and the ends of its interval."""
    value, low, high = (number(row[f"{name}{end}"], digits) for end in ("", "_low", "_high"))
    return f"{value} ({low} to {high})"


def policy_cells(summary: pd.DataFrame, policy: str) -> list[str]:
    """Of a policy over all cases."""
    row = summary.loc[("all", policy)]
    against_cusum = f"{row['won']:.0%} / {row['lost']:.0%}"
    return [
        interval(row, "relative", 2),
        against_cusum,
        f"{row['dearer_than_calendar']:.0%}",
        f"{row['mean_excess']:.1f}",
    ]


def cost_cells(summary: pd.DataFrame, policy: str) -> list[str]:
    """Of a policy at each cost."""
    return [interval(summary.loc[(cost, policy)], "relative", 2) for cost in COSTS]


def filled(page: Path, summary: pd.DataFrame) -> str:
    """The text of a page with the tables as they are stored: the best on top, and on the page of the bench all rows."""
    text = page.read_text(encoding="utf-8")
    ranked = summary.loc["all"].drop(index="oracle").sort_values("relative", kind="stable").index.tolist()
    text = _with_table(text, POLICY_TABLE, policy_cells, summary, ranked, whole=page == BENCH)
    return _with_table(text, COST_TABLE, cost_cells, summary, ranked, whole=False)


def _with_table(
    text: str,
    header: str,
    cells: Callable[[pd.DataFrame, str], list[str]],
    summary: pd.DataFrame,
    ranked: list[str],
    whole: bool,
) -> str:
    """`text` with the table under `header` made anew, of the rows that it has, or of all."""
    if header not in text:
        return text
    begins = text.index(header)
    ends = text.index("\n\n", begins)
    rule, *lines = text[begins:ends].splitlines()[1:]
    there = {line.split("|")[1].strip() for line in lines}
    shown = [policy for policy in ranked if whole or policy in there]
    made = [f"| {' | '.join([policy, *cells(summary, policy)])} |" for policy in shown]
    return text[:begins] + "\n".join([header, rule, *made]) + text[ends:]


if __name__ == "__main__":
    for page in (REAL_HISTORIES, POLICIES, BENCH):
        page.write_text(filled(page, read_summary()), encoding="utf-8")
