"""What the monitor's commands print: sentences for people, or one JSON object for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_debt.cli.command_endings import PlainConsole

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "learning-debt/monitor/1"
"""Its number grows when a key goes or changes its meaning, not when one is added."""
ENDINGS = {"retrain": 10, "cannot tell": 20}
"""Exit codes of verdicts, the most urgent first; wait is 0."""
SHOWN = ("label", "verdict", "expected_regret", "realised_regret", "cost", "probability", "spell_age", "deployed_label")


class Answers:
    """Where a command's answer goes.

    Parameters
    ----------
    command : str
    as_json : bool
        Then the answer is one JSON object on standard output, and all else goes to standard error.
    """

    def __init__(self, command: str, as_json: bool) -> None:
        self.command, self.as_json = command, as_json
        self.console = PlainConsole(stderr=as_json, width=None if sys.stdout.isatty() else 110)

    def give(self, data: Any, lines: Sequence[str]) -> None:
        """Print the answer: `data` as JSON, or else `lines`."""
        if self.as_json:
            from learning_debt.monitor.plain_values import json_text

            sys.stdout.write(json_text({"schema": SCHEMA, "command": self.command, "data": data}) + "\n")
            sys.stdout.flush()
            return
        for line in lines:
            self.console.say(line)


def decision_lines(status: Mapping[str, Any], explained: str) -> list[str]:
    """A decision for a person: what, about what, and what it rested on."""
    return [f"{status['series']}, {status['label']}: {status['verdict']}", *explained.split("\n")]


def history_table(rows: pd.DataFrame) -> str:
    """Decisions as a table of text."""
    if rows.empty:
        return "nothing has been observed yet"
    return str(rows[[*SHOWN]].to_string(index=False, float_format=lambda value: f"{value:.3g}"))


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
