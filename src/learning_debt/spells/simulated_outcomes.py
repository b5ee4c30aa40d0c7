"""Forecasts several steps ahead where outcomes feed back: the path is simulated, and its end is the forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import append_rows, take_rows
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import Predictor
from learning_debt.spells.forwarding import ForwardingPredictor


class LastOfPath(ForwardingPredictor):
    """Forecasts rows that lie some rows after what is known: it simulates `between`, then the batch.

    Offers what scores of draws ask for; a density it has none, since it would have to be averaged over all paths.

    Parameters
    ----------
    predictor : Predictor
    between : Dataset
        Rows between what is known and the batch; their outcomes are not used.
    """

    def __init__(self, predictor: Predictor, between: xr.Dataset) -> None:
        super().__init__(predictor)
        self.between = between

    @property
    def needs_past(self) -> bool:
        """True: the path goes on from what is known."""
        return True

    @property
    def feedback(self) -> bool:
        """False: what feeds back is simulated."""
        return False

    def log_density(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """Refused."""
        raise NotImplementedError("outcomes feed back, so that several steps ahead there are draws but no density")

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """Predictive draws of the batch, after simulated rows in between."""
        dim = self.observation_dim
        path = append_rows(self.between, batch, dim)
        try:
            drawn = super().predict(posterior, path, past, random_seed=random_seed)
        except UnsupportedModelError as error:
            raise UnsupportedModelError(
                f"forecasts several steps ahead simulate the rows in between, which this model cannot ({error}); write "
                "the series as one variable that can be drawn as a path, such as pm.AR or a random walk"
            ) from error
        return take_rows(drawn, np.arange(self.between.sizes[dim], path.sizes[dim]), dim)
