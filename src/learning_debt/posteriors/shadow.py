"""How the shadow posterior is kept current, and what that costs."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Shadow(NamedTuple):
    """What a keeper of the shadow goes on from.

    Attributes
    ----------
    posterior : DataTree
        What the model believes now; its draws may carry weights.
    row_weight : ndarray, shape (rows,)
        What it holds: the weight of every row of the data it was stepped with.
    memory : object
        The keeper's own.
    """

    posterior: xr.DataTree
    row_weight: Array
    memory: Any = None


class Upkeep(NamedTuple):
    """What one step took.

    Attributes
    ----------
    rung : str
        ``"refit"``, ``"reweight"``, ``"moment match"`` or ``"supplied"``.
    pareto_k, effective_size : float
        Of the weights; NaN and the sampler's own where draws weigh the same.
    refits : int
    evaluations : float
        Log densities of one row at one point, gradients included; what a refit takes besides sampling, too.
    seconds : float
    converged : bool
        Whether the posterior can be believed: the sampler's diagnostics, and those of the weights.
    note : str
        Why a cheaper rung was left, or nothing.
    """

    rung: str
    pareto_k: float
    effective_size: float
    refits: int
    evaluations: float
    seconds: float
    converged: bool
    note: str = ""


class ShadowKeeper(Protocol):
    """Keeps the shadow current, one period at a time."""

    def start(
        self, forecaster: Any, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """First shadow: the model given `data`, each row's log-likelihood multiplied by its weight, shape (rows,)."""
        ...

    def step(
        self, forecaster: Any, shadow: Shadow, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """The next shadow. `data` may have more rows at its end than before; the others are the same rows."""
        ...
