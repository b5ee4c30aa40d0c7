"""One period of a forecaster of draws, from the posteriors that the folder keeps: the very step of spell tables.

What a table keeps in memory between periods, a log-likelihood for every draw of every stored posterior, is kept here
only as long as the process lives; a new process works it out from the rows. Posteriors that are no longer kept cannot
serve as steps between two that hardly overlap, so that their debts go by bridges to Gaussians alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.bridging.chain import ShadowChain
from learning_debt.debt.between_posteriors import draws_record
from learning_debt.debt.from_draws import LADDER_SHARE
from learning_debt.forecasters.base import Attaching, SampledForecaster, row_weight, training_data
from learning_debt.monitor.kept_files import draws_from_bytes, draws_to_bytes
from learning_debt.monitor.live_rows import LiveRows
from learning_debt.shadows.base import Shadow, ShadowKeeper, Upkeep
from learning_debt.spells.sampled import SampledHoldings, SampledStep, Stored
from learning_debt.spells.step import Column, Period, StepOptions, period_seeds


class _Remembered(NamedTuple):
    """What is held at the end of period `number`, of the posteriors with these numbers."""

    number: int
    numbers: tuple[int, ...]
    held: SampledHoldings


class LiveSampled:
    """Steps from stored posteriors and all rows so far.

    Parameters
    ----------
    forecaster : SampledForecaster
    options : StepOptions
    keeper : ShadowKeeper
    seed : int
    """

    remembers = False
    """A fit asks for all rows that it holds."""

    def __init__(self, forecaster: SampledForecaster, options: StepOptions, keeper: ShadowKeeper, seed: int) -> None:
        self.forecaster, self.options = forecaster, options
        self._seed = np.random.SeedSequence(seed).spawn(1)[0]  # as a table of one series has it
        self._step = SampledStep(forecaster, options, keeper, self._seed)
        self._last: _Remembered | None = None

    def read(self, content: bytes) -> xr.DataTree:
        """A posterior from its file, known to the forecaster as after a fit."""
        posterior = draws_from_bytes(content)
        if isinstance(self.forecaster, Attaching):
            self.forecaster.attach(posterior, training_data(posterior), row_weight(posterior))
        return posterior

    def written(self, posterior: xr.DataTree) -> bytes:
        """A posterior as it is kept."""
        return draws_to_bytes(posterior)

    def start(self, rows: LiveRows) -> tuple[xr.DataTree, Upkeep]:
        """The first posterior, from all rows at hand."""
        held, upkeep = self._step.start(rows.first_fit(self.options.update_rule))
        self._last = _Remembered(0, (0,), held)
        return held.shadow.posterior, upkeep

    def step(self, stored: Sequence[xr.DataTree], numbers: Sequence[int], rows: LiveRows) -> tuple[xr.DataTree, Column]:
        """The next shadow, and how the `stored` posteriors stand to it, the last of which is the shadow so far."""
        number = rows.next - 1
        held = self._held(stored, tuple(numbers), rows)
        held, column = self._step.step(held, rows.period(self.options.update_rule, numbers))
        self._last = _Remembered(number, (*numbers, number), held)
        return held.shadow.posterior, column

    def _held(self, stored: Sequence[xr.DataTree], numbers: tuple[int, ...], rows: LiveRows) -> SampledHoldings:
        """What is held before the last of the rows: as the last step left it, or worked out from the rows."""
        last = self._last
        if last is not None and last.number == numbers[-1] and set(numbers) <= set(last.numbers):
            places = [last.numbers.index(one) for one in numbers]
            likelihoods = last.held.likelihoods
            return last.held._replace(
                stored=tuple(last.held.stored[place] for place in places),
                likelihoods=tuple(likelihoods[place] for place in places) if likelihoods else (),
                chain=ShadowChain(LADDER_SHARE),
            )
        before = self._period(rows, numbers[-1])
        records = tuple(
            Stored(posterior, draws_record(posterior), period_seeds(self._seed, number)[2])
            for posterior, number in zip(stored, numbers, strict=True)
        )
        likelihoods = tuple(
            self._step.likelihoods.anew(before, posterior, self._period(rows, number).row_weight)
            for posterior, number in zip(stored, numbers, strict=True)
            if self._step.by_likelihood
        )
        shadow = Shadow(stored[-1], before.row_weight)
        return SampledHoldings(shadow, records, likelihoods, ShadowChain(LADDER_SHARE), {})

    def _period(self, rows: LiveRows, number: int) -> Period:
        """The end of a period, as far as rows and weights go."""
        known = sum(rows.counts[: number - rows.first + 1])
        return Period(number, rows.take, rows.weights(number, self.options.update_rule)[:known])
