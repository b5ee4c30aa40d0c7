"""How far long work has come: stages with their totals, on one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.errors import LiveError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Stages:
    """Shows stages of long work: done of all, time elapsed and time left; gone at its end.

    Nothing is shown where it is disabled, where the output is neither a notebook nor a terminal that moves a cursor, or
    where an older `rich` has another display there already. All calls still work then, so callers need not ask.

    Parameters
    ----------
    enabled : bool
    console : rich.console.Console, optional
        Where to show it; the standard output if left out.

    Examples
    --------
    >>> with Stages(enabled=False) as stages:
    ...     with stages.stage("fitting anchors", 3) as stage:
    ...         for _ in range(3):
    ...             stage.advance()
    ...     done = stage.done
    >>> done
    3.0
    """

    def __init__(self, enabled: bool = True, *, console: Console | None = None) -> None:
        console = Console() if console is None else console
        moves = console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)
        self._display = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (enabled and moves),
        )

    def __enter__(self) -> Self:
        try:
            self._display.start()
        except LiveError:  # `rich` before 14.1 has room for one display, and this one is not the first
            self._display.disable = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    @property
    def shown(self) -> bool:
        """Whether there is anything to see."""
        return not self._display.disable

    @contextmanager
    def stage(self, name: str, total: float | None = None) -> Iterator[Stage]:
        """One stage, from now to the end of the ``with`` block; several may stand inside each other.

        Parameters
        ----------
        name : str
            What is being done, shown as it is written.
        total : float, optional
            Steps there are. Left out, they are not known yet: `Stage.expect` tells them later.
        """
        stage = Stage(self._display, name, total)
        try:
            yield stage
        finally:
            stage.close()


class Stage:
    """One line of `Stages`.

    Attributes
    ----------
    done, total : float
        Steps done, and steps there are, None while they are not known.
    """

    def __init__(self, display: Progress, name: str, total: float | None) -> None:
        self._display, self.done, self.total = display, 0.0, total
        plain = name.replace("[", r"\[")  # a name may hold brackets, which are markup here
        self._task = None if display.disable else display.add_task(plain, total=total)

    def advance(self, steps: float = 1.0) -> None:
        """So many steps more are done."""
        self.done += steps
        self._update()

    def expect(self, total: float) -> None:
        """There are so many steps in all: where rounds find more work, or where it was not known before."""
        self.total = total
        self._update()

    def close(self) -> None:
        """Take the line away."""
        if self._task is not None:
            self._display.remove_task(self._task)
            self._task = None

    def _update(self) -> None:
        if self._task is not None:
            self._display.update(self._task, completed=self.done, total=self.total)
