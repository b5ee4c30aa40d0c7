"""A hook that runs a program with the decision as JSON on its standard input."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO

from learning_debt.monitor.alerts import ALARMING, Message, require_hook_options
from learning_debt.validation import describe, require_names

SHOWN = 200


@dataclass(frozen=True)
class CommandHook:
    """Runs a program for each decision.

    There is no shell: arguments go to the program as they are. JSON is on its standard input, and its environment is
    that of this process. Exit code 0 counts as taken. What it prints goes nowhere, but for the end of what it says on
    standard error when it fails. When its time is over it is killed, with all that it started and that stayed in its
    process group.

    Parameters
    ----------
    arguments : sequence of str
        The program and its arguments.
    name : str
        Under which the ledger keeps what was delivered. Another name begins anew with the newest decision.
    verdicts : sequence of {"wait", "retrain", "cannot tell"}
        What is sent.
    timeout : float
        Seconds it may take.
    cooldown : float
        Seconds for which the same verdict about a series is not sent again.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or there is no such program.

    Examples
    --------
    >>> import sys
    >>> CommandHook([sys.executable, "-c", "import json, sys; json.load(sys.stdin)"]).send(Message("9c1f", b"{}"), 10)
    ''
    """

    arguments: tuple[str, ...]
    name: str = "command"
    verdicts: tuple[str, ...] = ALARMING
    timeout: float = 30.0
    cooldown: float = 0.0

    def __post_init__(self) -> None:
        arguments = require_names("arguments", self.arguments)
        if not arguments:
            raise ValueError("arguments must name a program, such as ['notify-send', 'retrain']")
        if shutil.which(arguments[0]) is None:
            raise ValueError(f"arguments[0]: there is no program {describe(arguments[0])} that may be run")
        require_hook_options(self.name, self.verdicts, self.cooldown, self.timeout)
        object.__setattr__(self, "arguments", arguments)
        object.__setattr__(self, "verdicts", tuple(self.verdicts))

    def send(self, message: Message, seconds: float) -> str:
        """Run, within `seconds`; empty text once it ended with 0, else why not."""
        timeout = min(self.timeout, seconds)
        # Files in place of pipes: a child that stays behind may hold a pipe open for ever.
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            told.write(message.body)
            told.seek(0)
            process = subprocess.Popen(
                self.arguments, stdin=told, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                return f"{self.arguments[0]} did not end in {timeout:.3g} s and was killed"
            finally:
                _ended(process)
            return "" if code == 0 else f"{self.arguments[0]} {_ending(code)}{_end_of(said)}"


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a program that still runs, and its group; wait for it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _end_of(said: IO[bytes]) -> str:
    """The end of what it said on standard error."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - SHOWN))
    text = " ".join(said.read().decode(errors="replace").split())
    return f": {text}" if text else ""
