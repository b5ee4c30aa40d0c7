"""Conjugate regression as a sampled forecaster: exact draws in no time, known truth for everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt import NIG, ConjugateRegression
from learning_debt.arrays.conjugate import nig
from learning_debt.forecasters.base import ROW_WEIGHT, TRAINING, TRAINING_WEIGHT


class SampledRegression(ConjugateRegression):
    """Its fits are independent draws of the exact posterior; density and scores are the sampled ones."""

    def __init__(self, prior: NIG, draws: int = 1000, chains: int = 4) -> None:
        super().__init__(prior)
        self.draws, self.chains = draws, chains

    def fit(self, data: Any, *, row_weight: Any = None, random_seed: int | None = None) -> xr.DataTree:
        """Independent draws given the rows of positive weight."""
        batch = self.as_batch(data)
        exact = super().fit(batch, row_weight=row_weight)
        tree = self.sample(exact, draws=self.draws, chains=self.chains, random_seed=random_seed)
        del tree["parameters"]
        weight = np.ones(batch.sizes["obs"]) if row_weight is None else np.asarray(row_weight, dtype=float)
        tree[TRAINING] = xr.DataTree(batch.isel(obs=weight > 0))
        if (weight[weight > 0] != 1).any():
            tree[TRAINING_WEIGHT] = xr.DataTree(xr.Dataset({ROW_WEIGHT: ("obs", weight[weight > 0])}))
        return tree

    def log_joint(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> np.ndarray:
        """Log posterior density of the rows a posterior carries, plus their log evidence."""
        exact = self.exact(posterior)
        coefficients, log_variance = unconstrained[:, :-1], unconstrained[:, -1]
        density = nig.log_density(exact, coefficients, np.exp(log_variance)) + log_variance
        return density + nig.log_evidence(self.prior, exact)

    def exact(self, posterior: xr.DataTree) -> NIG:
        """The posterior that a tree's rows imply."""
        weight = posterior[TRAINING_WEIGHT][ROW_WEIGHT].values if TRAINING_WEIGHT in posterior.children else None
        return ConjugateRegression.fit(self, posterior[TRAINING].to_dataset(inherit=False), row_weight=weight)
