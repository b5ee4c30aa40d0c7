"""A forecaster that is asked once for what score and debt both need."""

from __future__ import annotations

from typing import Any

import xarray as xr

from learning_debt.data import History
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.spells.plan import Positions


class Asking:
    """The forecaster, and in each period its densities of the rows that the shadow is about to learn, kept once.

    Where outcomes arrive on time these are the rows that are forecast, and a posterior would be asked twice.
    """

    def __init__(self, forecaster: SampledForecaster, history: History) -> None:
        self.forecaster, self.history = forecaster, history
        self.expect(None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forecaster, name)

    def expect(self, rows: Positions | None) -> None:
        """Begin a period in which the densities of `rows` will be asked for twice; None if of no rows."""
        self._batches: dict[bytes, xr.Dataset] = {}
        self._densities: dict[int, xr.Dataset] = {}
        self._expected = None if rows is None else self.batch(rows)

    def batch(self, rows: Positions) -> xr.Dataset:
        """Rows of the history, checked; in one period the same rows are the same object."""
        key = rows.tobytes()
        if key not in self._batches:
            self._batches[key] = self.forecaster.as_batch(self.history.take(rows))
        return self._batches[key]

    def log_density(
        self, posterior: xr.DataTree, batch: xr.Dataset, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """As the forecaster has it."""
        if batch is not self._expected:
            return self.forecaster.log_density(posterior, batch, past, random_seed=random_seed)
        if id(posterior) in self._densities:
            return self._densities.pop(id(posterior))
        density = self.forecaster.log_density(posterior, batch, past, random_seed=random_seed)
        self._densities[id(posterior)] = density
        return density
