"""A predictor that passes every call on to another one; subclasses answer one of them otherwise."""

from __future__ import annotations

from typing import Any

import xarray as xr

from learning_debt.forecasters.base import Predictor


class ForwardingPredictor:
    """All of `Predictor`, asked of another one.

    Parameters
    ----------
    predictor : Predictor
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    @property
    def observation_dim(self) -> str:
        """As the predictor has it."""
        return self.predictor.observation_dim

    @property
    def observed(self) -> tuple[str, ...]:
        """As the predictor has it."""
        return self.predictor.observed

    @property
    def needs_past(self) -> bool:
        """As the predictor has it."""
        return self.predictor.needs_past

    @property
    def feedback(self) -> bool:
        """As the predictor has it."""
        return self.predictor.feedback

    def outcome_kind(self) -> str:
        """As the predictor has it."""
        return self.predictor.outcome_kind()

    def log_density(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """As the predictor has it."""
        return self.predictor.log_density(posterior, batch, past, random_seed=random_seed)

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """As the predictor has it."""
        return self.predictor.predict(posterior, batch, past, random_seed=random_seed)


class RememberingPredictor(ForwardingPredictor):
    """Remembers the log densities of one batch at one posterior, which its score and its debt both need.

    Parameters
    ----------
    predictor : Predictor
    posterior : DataTree
    batch : Dataset
        Told from others by being this very object, with one past.
    """

    def __init__(self, predictor: Predictor, posterior: xr.DataTree, batch: xr.Dataset) -> None:
        super().__init__(predictor)
        self.posterior, self.batch = posterior, batch
        self._answer: xr.Dataset | None = None

    def log_density(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """As the predictor has it, asked once."""
        if posterior is not self.posterior or batch is not self.batch:
            return super().log_density(posterior, batch, past, random_seed=random_seed)
        if self._answer is None:
            self._answer = super().log_density(posterior, batch, past, random_seed=random_seed)
        return self._answer
