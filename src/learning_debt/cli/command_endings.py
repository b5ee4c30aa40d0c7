"""Text that is safe to print on a terminal, and how a command ends: one line about an error, and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.text import Text

import learning_debt as ld
from learning_debt.representations import Part, lines_of
from learning_debt.validation import harmless

ERROR, INTERRUPTED, TERMINATED = 1, 130, 143
"""Exit codes; 0 is done, and 2, wrong usage, is the command-line library's own."""

PIPED_WIDTH = 110
"""Of what no terminal shows, whatever the environment says of terminals."""
PACKAGE = Path(ld.__file__).parent
AGAIN_SECONDS = 0.01
"""After which a signal comes again that was lost on its way."""
LONGEST_NOTE, LONGEST_MESSAGE = 500, 2000


class Terminated(SystemExit):
    """The process was asked to end: a SIGTERM, on its way out through every clean-up."""


class PlainConsole(Console):
    """A console for text as it is: as wide as the terminal, or where there is none always as wide, and plain there.

    Parameters
    ----------
    stderr : bool
    """

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        terminal = stream is not None and stream.isatty()
        plain = not terminal or bool(os.environ.get("NO_COLOR"))
        super().__init__(stderr=stderr, width=None if terminal else PIPED_WIDTH, color_system=None if plain else "auto")

    def show(self, parts: Sequence[Part]) -> None:
        """Print parts at the console's width, what to read first in bold."""
        for line in lines_of(parts, self.width):
            text = Text(line.text)
            text.stylize("bold", 0, line.strong)
            self.print(text, soft_wrap=True, highlight=False)

    def say(self, text: str, style: str = "") -> None:
        """Print text as it is: no markup, no emoji, no colours for what looks like numbers, no wrapping."""
        self.print(Text(harmless(text), style=style), soft_wrap=True, highlight=False)

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Show a warning without the line of code that it came from, in place of `warnings.showwarning`."""
        self.say(f"warning: {message}", style="yellow")


@contextmanager
def clear_endings(home: Path | None = None) -> Iterator[None]:
    """End a command, whatever happens in it, without a traceback.

    An error is one line on stderr and exit code 1; Ctrl-C is 130, SIGTERM 143. What was begun is cleaned up first. When
    nobody reads on (``| head``), the work goes on in silence.

    Parameters
    ----------
    home : path, optional
        Folder of the user's own code: an error in it says which line.
    """
    errors = PlainConsole(stderr=True)
    try:
        with _signals_raised(), _unread_without_complaint(), warnings.catch_warnings():
            warnings.showwarning = errors.warn
            yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as error:
        errors.say(", ".join(["interrupted", *_notes(error)]), style="red")
        raise typer.Exit(INTERRUPTED) from error
    except Terminated as error:
        errors.say(", ".join(["terminated", *_notes(error)]), style="red")
        raise typer.Exit(TERMINATED) from error
    except BaseException as error:  # whatever a user's own code raises
        errors.say(f"error: {error_line(error, home)}", style="red")
        raise typer.Exit(ERROR) from error


def error_line(error: BaseException, home: Path | None = None) -> str:
    """What went wrong, in one line: the message, where in the user's own code, and in which period.

    Examples
    --------
    >>> error_line(ValueError("amount must be positive"))
    'ValueError: amount must be positive'
    """
    frames = traceback.extract_tb(error.__traceback__)
    message = " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())
    message = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
    if isinstance(error, SystemExit):
        message = f"the program was told to end ({type(error).__name__}: {message}); let your code define things only"
    elif not (frames and PACKAGE in Path(frames[-1].filename).parents):
        message = f"{type(error).__name__}: {message}" if message else type(error).__name__
    own = [frame for frame in frames if home is not None and _is_own(frame.filename, home)]
    if own and not isinstance(error, SyntaxError):
        last = own[-1]
        message += f" ({Path(last.filename).name}, line {last.lineno}{_in(last.name)})"
    notes = _notes(error)
    return ", ".join([message.removesuffix(".") if notes else message, *notes])


def _notes(error: BaseException) -> list[str]:
    """What was noted with an error on its way; the long notes of compilers are left out."""
    return [note for note in getattr(error, "__notes__", ()) if "\n" not in note and len(note) <= LONGEST_NOTE]


def _in(name: str) -> str:
    return "" if name == "<module>" else f", in {name}"


def _is_own(file: str, home: Path) -> bool:
    path = Path(file)
    return home in path.parents and PACKAGE not in path.parents and "site-packages" not in path.parts


@contextmanager
def _signals_raised() -> Iterator[None]:
    """While the block runs, a SIGTERM is raised as `Terminated`, once; forked processes die of it as usual.

    What Ctrl-C or a SIGTERM raises where Python lets no error out, as in a finaliser, is not lost: it comes again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def handler(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        signal.signal(number, signal.SIG_IGN)
        raise Terminated(TERMINATED)

    def again(found: sys.UnraisableHookArgs) -> None:
        if not isinstance(found.exc_value, KeyboardInterrupt | Terminated):
            complain(found)
            return
        number = signal.SIGTERM if isinstance(found.exc_value, Terminated) else signal.SIGINT
        if number == signal.SIGTERM:
            signal.signal(number, handler)
        threading.Timer(AGAIN_SECONDS, once_more, (number,)).start()

    def once_more(number: int) -> None:
        if sys.unraisablehook is again:  # the block has not ended meanwhile
            signal.raise_signal(number)

    before, complain = signal.signal(signal.SIGTERM, handler), sys.unraisablehook
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = complain
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _unread_without_complaint() -> Iterator[None]:
    """While the block runs, what is printed goes nowhere once nobody reads it any more, or if nobody ever did."""
    # A closed stream is None. Its number goes to the next file that is opened: better to this one than to a table.
    streams = [open(os.devnull, "w") if stream is None else stream for stream in (sys.stdout, sys.stderr)]  # noqa: SIM115
    out, err = map(Unread, streams)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            out.flush()


class Unread:
    """A stream whose reader may leave."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write, or no longer."""
        try:
            return self.stream.write(text)
        except BrokenPipeError:
            self._to_nowhere()
            return len(text)

    def flush(self) -> None:
        """Flush, or no longer."""
        try:
            self.stream.flush()
        except BrokenPipeError:
            self._to_nowhere()

    def _to_nowhere(self) -> None:
        """Turn the file beneath, so that what waits to be written, at Python's end too, does not fail again."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)
