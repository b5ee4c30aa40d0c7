"""Where the time of a table goes: compilers' clocks, fits and their evaluations, columns, memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from unittest import mock

import numpy as np

import learning_debt as ld
from learning_debt.forecasters.base import GRADIENT_EVALUATIONS


class CompilerClock:
    """Seconds spent in the compilers of PyTensor, numba and nutpie; what one does inside another counts once."""

    def __init__(self) -> None:
        self.seconds, self._depth, self._begun = 0.0, 0, 0.0

    def notify(self, event: Any) -> None:
        """What numba calls when it begins, and when it ends."""
        (self.begin if event.is_start else self.end)()

    def begin(self) -> None:
        """A compiler begins."""
        self._depth += 1
        if self._depth == 1:
            self._begun = perf_counter()

    def end(self) -> None:
        """It ends."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += perf_counter() - self._begun

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to all three compilers."""
        import nutpie
        from numba.core import event
        from pytensor.compile.maker import FunctionMaker

        event.Listener.register(CompilerClock)  # of which only `notify` is ever called
        event.register("numba:compile", self)
        timed = [(nutpie, "compile_pymc_model"), (FunctionMaker, "__init__"), (FunctionMaker, "create")]
        patches = [mock.patch.object(owner, name, self._timed(getattr(owner, name))) for owner, name in timed]
        try:
            for patch in patches:
                patch.start()
            yield
        finally:
            for patch in patches:
                patch.stop()
            event.unregister("numba:compile", self)

    def _timed(self, function: Any) -> Any:
        def timed(*arguments: Any, **options: Any) -> Any:
            self.begin()
            try:
                return function(*arguments, **options)
            finally:
                self.end()

        return timed


class CountedForecaster(ld.PyMCForecaster):
    """Keeps a record of its fits, and counts densities of one row at one draw.

    What is worked out from a row's distribution without another call of the model is not counted.
    """

    def __init__(self, *arguments: Any, clock: CompilerClock, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.clock, self.fits, self.densities = clock, [], 0.0

    def fit(self, data: Any, **options: Any) -> Any:
        """As in `PyMCForecaster`."""
        begun, compiled = perf_counter(), self.clock.seconds
        posterior = super().fit(data, **options)
        rows = data.sizes["obs"]
        self.fits.append(
            {
                "rows": rows,
                "seconds": perf_counter() - begun - (self.clock.seconds - compiled),
                "evaluations": float(rows * posterior.attrs.get(GRADIENT_EVALUATIONS, 0)),
            }
        )
        return posterior

    def log_density(self, posterior: Any, batch: Any, past: Any = None, **options: Any) -> Any:
        """As in `PyMCForecaster`."""
        found = super().log_density(posterior, batch, past, **options)
        self.densities += sum(float(np.prod(values.shape)) for values in found.data_vars.values())
        return found


class TimedRefit(ld.Refit):
    """Refits every period, and notes what came in between: one column of pairs."""

    def __init__(self, clock: CompilerClock) -> None:
        self.clock, self.columns, self._left = clock, [], None

    def start(self, forecaster: Any, *arguments: Any) -> Any:
        """As in `Refit`."""
        found = super().start(forecaster, *arguments)
        self._left = self._now(forecaster)
        return found

    def step(self, forecaster: Any, *arguments: Any) -> Any:
        """As in `Refit`."""
        self.columns.append(self._since(forecaster))
        found = super().step(forecaster, *arguments)
        self._left = self._now(forecaster)
        return found

    def _now(self, forecaster: Any) -> tuple[float, float]:
        return perf_counter() - self.clock.seconds, forecaster.densities

    def _since(self, forecaster: Any) -> dict[str, float]:
        seconds, densities = self._now(forecaster)
        return {
            "stored": float(len(self.columns)),
            "seconds": seconds - self._left[0],
            "evaluations": densities - self._left[1],
        }


def peak_gib() -> float:
    """Most memory that this process has held, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
