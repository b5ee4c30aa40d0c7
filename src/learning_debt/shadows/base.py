"""What a keeper of the shadow is, what one step of it takes, and what every keeper needs."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.arrays.draws.effective_size import weighted_size
from learning_debt.doubt import Doubt
from learning_debt.forecasters.base import as_row_weight
from learning_debt.forecasters.convergence import Convergence, convergence
from learning_debt.forecasters.weights import WEIGHTS, pareto_k, relative_weights
from learning_debt.typing import Array
from learning_debt.validation import describe


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
        ``"refit"``, ``"reweight"``, ``"moment match"``, ``"supplied"``, or ``"kept"`` where no row's weight changed.
    pareto_k, effective_size : float
        Of the weights; NaN and the sampler's own where draws weigh the same.
    refits : int
    evaluations : float
        Log densities of one row at one point; a refit counts every gradient once per row, although a gradient costs
        about as much as two to four densities.
    seconds : float
    converged : bool
        Whether the posterior can be believed: the sampler's diagnostics, and those of the weights.
    note : str
        Why a cheaper rung was left, or nothing.
    doubt : str
        Why the posterior cannot be believed: the diagnostic that failed, and the parameter; nothing where it can.
    doubts : tuple of Doubt
        The same as data.
    """

    rung: str
    pareto_k: float
    effective_size: float
    refits: int
    evaluations: float
    seconds: float
    converged: bool
    note: str = ""
    doubt: str = ""
    doubts: tuple[Doubt, ...] = ()


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


def require_keeper(name: str, value: Any) -> ShadowKeeper:
    """What has the methods of `ShadowKeeper`; a class is none.

    Raises
    ------
    TypeError
    """
    remedy = "a keeper of the shadow, such as ld.ShadowLadder()"
    complete = callable(getattr(value, "start", None)) and callable(getattr(value, "step", None))
    if isinstance(value, type) and complete:
        raise TypeError(f"{name} must be {remedy}, not the class {value.__name__} itself: call it")
    if not complete:
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}")
    return cast(ShadowKeeper, value)


def kept(shadow: Shadow, row_weight: Array) -> tuple[Shadow, Upkeep]:
    """The same shadow over rows of which the new ones weigh nothing."""
    found = believable(shadow.posterior)
    size, tail = found.effective_size, float("nan")
    if found.converged and WEIGHTS in getattr(shadow.posterior, "children", ()):
        weight = relative_weights(shadow.posterior)
        assert weight is not None
        size, tail = size * weighted_size(weight) / weight.size, pareto_k(shadow.posterior)
    upkeep = Upkeep("kept", tail, size, 0, 0.0, 0.0, found.converged, doubt=found.reason, doubts=found.doubts)
    return Shadow(shadow.posterior, row_weight, shadow.memory), upkeep


def believable(posterior: Any) -> Convergence:
    """Whether the sampler converged; an exact posterior did, and is worth infinitely many draws."""
    if not isinstance(posterior, xr.DataTree):
        return Convergence(float("nan"), float("inf"), 0, True)
    return convergence(posterior)


def checked_weight(data: xr.Dataset, row_weight: ArrayLike, observation_dim: str) -> Array:
    """One weight per row, as floats, checked as in `as_row_weight`; all zero would leave nothing to fit."""
    rows = data.sizes[observation_dim]
    checked = as_row_weight(row_weight, rows)
    weight = np.ones(rows) if checked is None else checked
    if not weight.any():
        raise ValueError("row_weight is zero for every row; the shadow must hold at least one")
    return weight


def padded(row_weight: Array, rows: int) -> Array:
    """Weights of rows known before, zero for those that came since."""
    if len(row_weight) > rows:
        raise ValueError(f"data has {rows} row(s), fewer than the {len(row_weight)} the shadow was stepped with before")
    return np.concatenate([row_weight, np.zeros(rows - len(row_weight))])
