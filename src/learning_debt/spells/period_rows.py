"""The rows that a period forecasts, with all that their densities depend on beside draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.forecasters.outcome_densities import distributions_of, log_density_with
from learning_debt.forecasters.row_likelihood import row_chunks, row_log_density
from learning_debt.typing import Array


@dataclass(frozen=True, eq=False)
class PeriodRows:
    """Some rows of one outcome each.

    Attributes
    ----------
    forecaster : SampledForecaster
    batch : Dataset
    past : Dataset or None
        What the rows follow, where the model needs it.
    seed : int
        For states and groups that a posterior has not seen, and for predictive draws.
    """

    forecaster: SampledForecaster
    batch: xr.Dataset
    past: xr.Dataset | None
    seed: int

    @property
    def number(self) -> int:
        """How many rows there are."""
        return self.batch.sizes[self.forecaster.observation_dim]

    def chunks(self, together: int) -> Iterator[PeriodRows]:
        """At most so many rows at a time, in order."""
        for batch, past in row_chunks(self.forecaster, self.batch, self.past, max(together, 1)):
            yield replace(self, batch=batch, past=past)

    def log_density(self, posterior: xr.DataTree) -> Array:
        """At the outcomes, shape (chain, draw, rows)."""
        return row_log_density(self.forecaster, posterior, self.batch, self.past, self.seed)

    def distributions(self, posterior: xr.DataTree) -> RowDistributions | None:
        """Of a known family, where the forecaster knows one."""
        return distributions_of(self.forecaster, posterior, self.batch, self.past, self.seed)

    def log_density_at(self, nodes: Array, posterior: xr.DataTree, distributions: RowDistributions | None) -> Array:
        """At points of shape (rows, points), shape (chain, draw, rows, points); `distributions` of this posterior."""
        (outcome,) = self.forecaster.observed
        return log_density_with(
            distributions, self.forecaster, posterior, self.batch, {outcome: nodes}, self.past, self.seed
        )

    def predicted(self, posterior: xr.DataTree, seed: int) -> Array:
        """One predictive draw a posterior draw, shape (draws, rows)."""
        predicted = self.forecaster.predict(posterior, self.batch, self.past, random_seed=seed)
        (drawn,) = predicted.data_vars.values()
        return np.asarray(drawn.values, dtype=float)
