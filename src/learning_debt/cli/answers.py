"""Where a command's answer goes: to a person as text, or to a program as one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from learning_debt.cli.command_endings import PlainConsole
from learning_debt.representations import Part


class Answers:
    """What a command finds, printed in one of two ways.

    With `as_json` the answer is one JSON object on standard output, and all else goes to standard error: from here to
    the end of the command, also what a model file prints.

    Parameters
    ----------
    schema : str
        Name and version of what the object holds; the version grows when a key goes or changes its meaning, not when
        one is added.
    command : str
    as_json : bool

    Attributes
    ----------
    console : PlainConsole
        For what is said beside the answer.
    """

    def __init__(self, schema: str, command: str, as_json: bool) -> None:
        self.schema, self.command, self.as_json = schema, command, as_json
        self.console = PlainConsole(stderr=as_json)
        self._out = sys.stdout
        if as_json:
            sys.stdout = sys.stderr  # `clear_endings` puts it back

    def give(self, data: Any, shown: Sequence[str | Part]) -> None:
        """Print the answer: `data` as JSON, or else what is shown, text as it is and parts at the console's width."""
        if self.as_json:
            from learning_debt.monitor.plain_values import json_text

            self._out.write(json_text({"schema": self.schema, "command": self.command, "data": data}) + "\n")
            self._out.flush()
            return
        for is_text, together in groupby(shown, key=lambda one: isinstance(one, str)):
            if is_text:
                for line in together:
                    self.console.say(str(line))
            else:
                self.console.show([one for one in together if not isinstance(one, str)])
