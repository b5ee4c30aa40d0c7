"""The conjugate twin of a model file: signals from draws, held against their exact values.

Its sampled table needs nothing of the audited one. Where there is a second core, a process of its own begins it beside
that one and leaves what it finds in the twin's store; the command then takes the table from there, or makes what is
missing, so that nothing hangs on the other process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import cloudpickle
import xarray as xr

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.cli.kept_table import kept_table
from learning_debt.spells.placeholder_table import rehearsed_table

TWIN_PERIODS = 80
"""Last periods whose signals a conjugate twin is asked for: 3240 pairs of a posterior and a period tell enough, and all
141 of the inflation history took as long as its own table."""


class Twin(NamedTuple):
    """A conjugate twin's sampled table held against its exact one."""

    comparison: xr.Dataset
    sampled: xr.Dataset
    exact: xr.Dataset


class TwinOfFile(NamedTuple):
    """What the tables of a twin are made of.

    Attributes
    ----------
    sampled : PyMCForecaster
    exact : ConjugateRegression
    data : Dataset
    options : dict
        Of `spell_table`.
    periods : int
        How many periods are compared.
    home : Path
        Where its fits are kept.
    """

    sampled: ld.PyMCForecaster
    exact: ld.ConjugateRegression
    data: xr.Dataset
    options: dict[str, Any]
    periods: int
    home: Path

    @classmethod
    def of(
        cls,
        pair: tuple[ld.PyMCForecaster, ld.ConjugateRegression],
        data: Any,
        options: dict[str, Any],
        periods: int,
        home: Path,
    ) -> TwinOfFile:
        """From a model file's twin, and the options and periods of the audited table.

        What a period counts for is left out: only signals are compared, and an exposure may be one for each period.
        """
        last = min(periods, TWIN_PERIODS)
        later = {"initial": options["initial"] + periods - last, "exposure": None, "store": None}
        return cls(*pair, data, options | later, last, home)

    @property
    def _exactly(self) -> dict[str, Any]:
        return {**self.options, "shadow": None, "progressbar": False}

    def rehearse(self) -> None:
        """Refuse before the first fit what either table would refuse."""
        rehearsed_table(self.sampled, self.data, **self.options)
        rehearsed_table(self.exact, self.data, **self._exactly)

    def compared(self, console: PlainConsole, passing: list[Path], beside: BaseProcess | None) -> Twin:
        """Both tables, held against each other, once the process `beside` has done what it can.

        The store of the sampled one is added to `passing`.
        """
        told = f"conjugate twin of the last {self.periods} periods: sampled, to be held against its exact values"
        console.say(told)
        if beside is not None:
            with console.status("waiting for its fits, which were begun beside the others"):
                beside.join()
        sampled, _ = kept_table(console, self.sampled, self.data, self.options, self.home, passing)
        exact = ld.spell_table(self.exact, self.data, **self._exactly)
        return Twin(ld.compare_tables(sampled, exact), sampled, exact)


@contextmanager
def begun_beside(twin: TwinOfFile | None, module: ModuleType) -> Iterator[BaseProcess | None]:
    """A process that fills the twin's store while the block runs, and ends with it; none where that is no gain.

    What the model file defines travels by value, since the other process has not imported it.
    """
    process = None
    if twin is not None and (os.cpu_count() or 1) > 1 and (content := _travelling(twin, module)) is not None:
        process = get_context("spawn").Process(target=_fill, args=(content,))
        try:
            with _interrupts_ignored():  # a process takes that over, and is ended by the command instead
                process.start()
        except OSError:  # no room for another process
            process = None
    try:
        yield process
    finally:
        if process is not None:
            process.terminate()
            process.join()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # which alone may say so
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _travelling(twin: TwinOfFile, module: ModuleType) -> bytes | None:
    """The twin for another process; None where it cannot travel."""
    quiet = twin._replace(options=twin.options | {"progressbar": False}, home=twin.home.absolute())
    cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(quiet))
    except Exception:  # each kind of object that cannot travel has an error of its own
        return None
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _fill(content: bytes) -> None:
    """Make a twin's sampled table for its store. What goes wrong here, the command meets again and says."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        try:
            twin: TwinOfFile = cloudpickle.loads(content)
            kept_table(PlainConsole(), twin.sampled, twin.data, twin.options, twin.home, [])
        except BaseException:
            sys.exit(1)
