"""Forecasts several steps ahead where outcomes feed back: the path is simulated, and its end is the forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import append_rows, take_rows
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import SampledForecaster


class LastOfPath:
    """A forecaster of rows that lie some rows after what is known: it simulates `between`, then the batch.

    Offers what scores of draws ask for; a density it has none, since it would have to be averaged over all paths.
    """

    needs_past, feedback = True, False

    def __init__(self, forecaster: SampledForecaster, between: xr.Dataset) -> None:
        self.forecaster, self.between = forecaster, between

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forecaster, name)

    def log_density(self, *arguments: Any, **options: Any) -> xr.Dataset:
        """Refused."""
        raise NotImplementedError("outcomes feed back, so that several steps ahead there are draws but no density")

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """Predictive draws of the batch, after simulated rows in between."""
        dim = self.forecaster.observation_dim
        path = append_rows(self.between, batch, dim)
        try:
            drawn = self.forecaster.predict(posterior, path, past, random_seed=random_seed)
        except UnsupportedModelError as error:
            raise UnsupportedModelError(
                f"forecasts several steps ahead simulate the rows in between, which this model cannot ({error}); write "
                "the series as one variable that can be drawn as a path, such as pm.AR or a random walk"
            ) from error
        return take_rows(drawn, np.arange(self.between.sizes[dim], path.sizes[dim]), dim)
