"""One period of an exact forecaster, from the posteriors that the folder keeps: the very step of spell tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.monitor.kept_files import exact_from_bytes, exact_to_bytes
from learning_debt.monitor.live_rows import LiveRows
from learning_debt.shadows.base import Upkeep
from learning_debt.spells.exact import ExactHoldings, ExactStep
from learning_debt.spells.step import Column, StepOptions


class LiveExact:
    """Steps from stored posteriors and the rows that they may still ask for.

    Parameters
    ----------
    forecaster : ConjugateRegression
    options : StepOptions
    """

    remembers = True
    """What the last shadow holds it knows by itself."""

    def __init__(self, forecaster: ConjugateRegression, options: StepOptions) -> None:
        self.forecaster, self.options = forecaster, options
        self._step = ExactStep(forecaster, options)

    def read(self, content: bytes) -> NIG:
        """A posterior from its file."""
        return exact_from_bytes(content)

    def written(self, posterior: NIG) -> bytes:
        """A posterior as it is kept."""
        return exact_to_bytes(posterior)

    def start(self, rows: LiveRows) -> tuple[NIG, Upkeep]:
        """The first posterior, from all rows at hand."""
        held, upkeep = self._step.start(rows.first_fit(self.options.update_rule))
        return _last(held.posteriors), upkeep

    def step(self, stored: Sequence[NIG], numbers: Sequence[int], rows: LiveRows) -> tuple[NIG, Column]:
        """The next shadow, and how the `stored` posteriors stand to it, the last of which is the shadow so far.

        Parameters
        ----------
        stored : sequence of NIG
            Oldest first.
        numbers : sequence of int
            Of the periods after which they were trained.
        rows : LiveRows
            The new period's behind those that may be needed.
        """
        rule = self.options.update_rule
        before, number = sum(rows.counts[:-1]), rows.next - 1
        known = rows.take(slice(0, before))
        x, y = np.zeros((0, self.forecaster.prior.mean.shape[-1])), np.zeros(0)
        if before:
            checked = self.forecaster.as_batch(known)
            x, y = checked["x"].values, checked["y"].values
        stacked = NIG(*(np.stack(parts) for parts in zip(*stored, strict=True)))
        held = ExactHoldings(stacked, rows.weights(number - 1, rule)[:before], x, y)
        held, column = self._step.step(held, rows.period(rule, numbers))
        return _last(held.posteriors), column


def _last(stacked: NIG) -> NIG:
    return NIG(*(part[-1] for part in stacked))
