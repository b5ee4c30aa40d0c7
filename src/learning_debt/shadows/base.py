"""What a keeper of the shadow is, what one step of it takes, and what every keeper needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.arrays.draws.effective_size import weighted_size
from learning_debt.doubt import Doubt
from learning_debt.forecasters.base import SampledForecaster, as_row_weight
from learning_debt.forecasters.convergence import Convergence, convergence
from learning_debt.forecasters.weights import WEIGHTS, pareto_k, relative_weights
from learning_debt.typing import Array
from learning_debt.validation import describe, require_callable, require_flag


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
        ``"refit"``, ``"reweight"``, ``"moment match"``, ``"pooled"``, ``"supplied"``, or ``"kept"`` where no row's
        weight changed.
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


LogDensity = Callable[[xr.DataTree, xr.DataTree], ArrayLike]
"""``log_density(posterior, points) -> (chain, draw)``: normalised, of `posterior` at the draws of `points`, nats."""


class ShadowKeeper(Protocol):
    """Keeps the shadow current, one period at a time. All that is asked of a keeper is declared here.

    Examples
    --------
    >>> class Recorded:
    ...     exact, log_density = True, None
    ...     def start(self, forecaster, data, row_weight, random_seed=None):
    ...         upkeep = Upkeep("stored", float("nan"), 1e3, 0, 0.0, 0.0, True)
    ...         return Shadow(data.attrs["posterior"], row_weight), upkeep
    ...     def step(self, forecaster, shadow, data, row_weight, random_seed=None):
    ...         return self.start(forecaster, data, row_weight)
    >>> require_keeper("shadow", Recorded()).exact
    True
    """

    @property
    def exact(self) -> bool:
        """Whether its draws come from the posterior itself, up to Monte-Carlo error; only its author can know.

        Debt by log-likelihoods rests on it, and comes out wrong with a confident error where it does not hold.
        """
        ...

    @property
    def log_density(self) -> LogDensity | None:
        """What approximate posteriors (``exact`` False) are the debt between, or None: then there is no debt."""
        ...

    def start(
        self, forecaster: SampledForecaster, data: xr.Dataset, row_weight: Array, random_seed: int | None = None
    ) -> tuple[Shadow, Upkeep]:
        """First shadow: the model given `data`, each row's log-likelihood multiplied by its weight, shape (rows,)."""
        ...

    def step(
        self,
        forecaster: SampledForecaster,
        shadow: Shadow,
        data: xr.Dataset,
        row_weight: Array,
        random_seed: int | None = None,
    ) -> tuple[Shadow, Upkeep]:
        """The next shadow. `data` may have more rows at its end than before; the others are the same rows."""
        ...


UNSAID = {
    "exact": "exact = True where its draws come from the posterior itself, exact = False where they are approximate",
    "log_density": "log_density = None, or, for approximate posteriors that know it, a function (posterior, points)",
}
"""What a keeper must say of its posteriors, and how."""


def require_keeper(name: str, value: Any) -> ShadowKeeper:
    """What has all that `ShadowKeeper` declares; a class is none.

    Raises
    ------
    TypeError
        If a method is missing, or if it leaves open whether its posteriors are exact.
    """
    remedy = "a keeper of the shadow, such as ld.ShadowLadder()"
    complete = all(hasattr(value, method) and callable(getattr(value, method)) for method in ("start", "step"))
    if isinstance(value, type) and complete:
        raise TypeError(f"{name} must be {remedy}, not the class {value.__name__} itself: call it")
    if not complete:
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}")
    for attribute, how in UNSAID.items():
        if not hasattr(value, attribute):
            raise TypeError(
                f"{name}: {type(value).__name__} does not say {attribute!r}; set {how} (see "
                "learning_debt.shadows.base.ShadowKeeper)"
            )
    require_flag(f"{name}.exact", value.exact)
    if value.log_density is not None:
        require_callable(f"{name}.log_density", value.log_density, "None or a function (posterior, points)")
    return cast(ShadowKeeper, value)


def density_at(log_density: LogDensity, posterior: xr.DataTree, points: xr.DataTree) -> Array:
    """What a keeper's `log_density` answers, checked, shape (chain, draw).

    Raises
    ------
    ValueError
        If it has another shape than the draws of `points`, or holds NaN or ``+inf``.
    """
    values = np.asarray(log_density(posterior, points), dtype=float)
    sizes = points["posterior"].sizes
    expected = sizes["chain"], sizes["draw"]
    if values.shape != expected:
        raise ValueError(f"log_density must return shape (chain, draw) = {expected}, not {values.shape}")
    if np.isnan(values).any() or (values == np.inf).any():
        raise ValueError("log_density must return finite numbers or -inf, not NaN or +inf")
    return values


def kept(shadow: Shadow, row_weight: Array) -> tuple[Shadow, Upkeep]:
    """The same shadow over rows of which the new ones weigh nothing."""
    found = believable(shadow.posterior)
    size, tail = found.effective_size, float("nan")
    if found.converged and isinstance(shadow.posterior, xr.DataTree) and WEIGHTS in shadow.posterior.children:
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
