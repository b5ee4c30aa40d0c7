"""What the monitor's commands print: sentences for people, or one JSON object for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from learning_debt.cli.answers import Answers
from learning_debt.representations import Column, Part, Sentence, Table, aligned, percentages

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "learning-debt/monitor/1"
"""Its number grows when a key goes or changes its meaning, not when one is added."""
ENDINGS = {"retrain": 10, "cannot tell": 20}
"""Exit codes of verdicts, the most urgent first; wait is 0."""
FAILED_CHECK = 3
"""Exit code where a candidate does not pass, or something stored was changed."""
NUMBERS = (("expected to avoid", "expected_regret", 2), ("spell so far", "realised_regret", 3), ("cost", "cost", 4))
"""Columns of the history that are numbers: head, name, and rank where there is no room for all."""


def answers(command: str, as_json: bool) -> Answers:
    """Where the answer of one of the monitor's commands goes."""
    return Answers(SCHEMA, command, as_json)


def begun_line(name: str, status: Mapping[str, Any]) -> str:
    """What serves in a monitor that has just been made, and which policy decides about it from when on."""
    return (
        f"{name}: what was trained after {status['in_service']} serves; from the period after {status['last_label']} "
        f"on {status['policy']} decides"
    )


def report_lines(page: Path, decider: str, agreed: str) -> list[str]:
    """Where the page is; and where another policy decides on it than in the monitor, that it does."""
    lines = [f"report: {page}"]
    if decider != agreed:
        lines.append(
            f"the page decides by {decider}, as an audit does; what {agreed} said in every period stands in its "
            "decision log"
        )
    return lines


def decision_lines(status: Mapping[str, Any], explained: str) -> list[str | Part]:
    """A decision for a person: what, about what, and what it rested on."""
    said = [f"{status['series']}, {status['label']}: {status['verdict']}", *explained.split("\n")]
    return [Sentence(line) if sys.stdout.isatty() else line for line in said]  # in a pipe every sentence is one line


def history_table(rows: pd.DataFrame) -> Part:
    """Decisions as a table, a row a period."""
    from learning_debt.data import label_text  # what it brings along is not for a command's help

    if rows.empty:
        return Sentence("nothing has been observed yet")
    columns = [Column("verdict", rows["verdict"].tolist(), words=True)]
    for head, name, rank in NUMBERS:
        columns.append(Column(head, aligned(rows[name]), rank))
    columns += [
        Column("chance that it pays", percentages(rows["probability"]), 1),
        Column("periods served", [str(age) for age in rows["spell_age"]], 5),
        Column("trained after", [label_text(label) for label in rows["deployed_label"]], 6, words=True),
    ]
    names = Column("period", [label_text(label) for label in rows["label"]])
    return Table("", names, columns, "--json has them")


def write_whole(path: Path, text: str) -> None:
    """Write a file that nobody sees half of.

    Raises
    ------
    OSError
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(text.encode())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def end_with(verdicts: Sequence[str], *, exit_zero: bool) -> None:
    """End with the code of the most urgent verdict."""
    code = next((code for verdict, code in ENDINGS.items() if verdict in verdicts), 0)
    sys.stdout.flush()
    if code and not exit_zero:
        raise typer.Exit(code)
