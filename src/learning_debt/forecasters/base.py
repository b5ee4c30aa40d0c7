"""What a forecaster must be able to do; every estimator above this floor asks for nothing else."""

from __future__ import annotations

from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import xarray as xr

from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.data import restored_dataset
from learning_debt.validation import describe, require_numbers

SAMPLE = "sample"
TRAINING = "training_data"
TRAINING_WEIGHT, ROW_WEIGHT = "training_weight", "row_weight"
GRADIENT_EVALUATIONS = "learning_debt_gradient_evaluations"
"""Attribute of a posterior: gradients of its log density, tuning included, over all chains; 0 for an exact one."""
FIT_SECONDS = "learning_debt_fit_seconds"
"""Attribute of a posterior that was kept and read again: what its fit took."""


def training_data(posterior: xr.DataTree) -> xr.Dataset:
    """The data a posterior was fitted to, which new rows follow.

    Raises
    ------
    ValueError
        If the posterior does not carry them.
    """
    if TRAINING not in posterior.children:
        raise ValueError(
            "rows of this model depend on the rows before them, and the posterior does not carry the data it was "
            "fitted to; use attach(posterior, data)"
        )
    return restored_dataset(posterior.children[TRAINING].to_dataset(inherit=False))


def row_weight(posterior: xr.DataTree) -> np.ndarray | None:
    """Weight of each training row's log-likelihood, shape (rows,); None where all have weight one."""
    if TRAINING_WEIGHT not in posterior.children:
        return None
    return np.asarray(posterior[TRAINING_WEIGHT][ROW_WEIGHT].values)


def as_row_weight(row_weight: Any, rows: int) -> np.ndarray | None:
    """Checked weights of rows, shape (rows,); None where all have weight one.

    Raises
    ------
    TypeError, ValueError
        If they are not numbers or truth values, one for each row, finite and at least 0.

    Examples
    --------
    >>> as_row_weight([0, 0.5], 2), as_row_weight([1, 1], 2)
    (array([0. , 0.5]), None)
    """
    if row_weight is None:
        return None
    if np.issubdtype(getattr(row_weight, "dtype", np.float64), np.bool_):  # a mask: held, or not
        row_weight = np.asarray(row_weight, dtype=float)
    weight = require_numbers("row_weight", row_weight, at_least=0, shape=(rows,))
    return None if (weight == 1).all() else weight


@runtime_checkable
class Forecaster(Protocol):
    """A model that can be fitted, scored on rows it has not seen, and asked for predictive draws.

    Exact forecasters hand out parameter records, sampled ones a ``DataTree`` of draws. All draws of a sampled
    posterior are laid out chain by chain along one ``sample`` axis: sample = chain * draws + draw.
    """

    @property
    def observation_dim(self) -> str:
        """Name of the dimension that runs over observations."""
        ...

    def as_batch(self, data: Any) -> xr.Dataset:
        """Convert and check rows; raise naming what is missing, empty, non-finite or misspelt."""
        ...

    def fit(self, data: Any, *, row_weight: Any = None, random_seed: int | None = None) -> Any:
        """Posterior given `data` and nothing else; a second call starts afresh.

        `row_weight`, shape (rows,), multiplies each row's log-likelihood; one each if left out. Rows of weight zero
        count as not there. A sampled posterior carries the rows that it holds, with their weights (`row_weight`), and
        `log_joint` honours them.
        """
        ...


@runtime_checkable
class FarSighted(Protocol):
    """A forecaster that can tell from a whole history what it would come to refuse."""

    def require_history(self, history: Any, first: int) -> None:
        """Raise what fits to more and more rows, from the `first` ones on to all of them, would come to raise."""
        ...


@runtime_checkable
class Attaching(Protocol):
    """A forecaster whose posteriors carry the rows they hold, and which can give them to one drawn elsewhere."""

    def attach(self, posterior: xr.DataTree, data: Any, row_weight: Any = None) -> xr.DataTree:
        """A copy of `posterior` with the rows of `data` that weigh something, as `Forecaster.fit` stores them."""
        ...


@runtime_checkable
class DistributionGiver(Protocol):
    """A forecaster that may know the distribution of its rows, which makes densities at many points cheap. Optional."""

    def row_distributions(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> RowDistributions | None:
        """The outcome's distribution at every draw and row; None where it is of no known family.

        Its log density agrees with `log_density` for any outcomes of the batch; where outcomes feed back there is none.
        """
        ...


@runtime_checkable
class ThreadSafe(Protocol):
    """A forecaster that says whether several threads may ask it at once; else only one does. Optional."""

    @property
    def thread_safe(self) -> bool:
        """Whether its methods change nothing that another call of them reads."""
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """A forecaster that can tell itself from others, which a store of its fits asks for. Optional."""

    def fingerprint(self, data: Any) -> str:
        """Text that differs between forecasters whose fits to `data` differ, and is the same in every process."""
        ...


class Predictor(Protocol):
    """What a score asks of a forecaster: densities of rows, and predictive draws of them, at posterior draws."""

    @property
    def observation_dim(self) -> str:
        """Name of the dimension that runs over observations."""
        ...

    @property
    def observed(self) -> tuple[str, ...]:
        """Data variable(s) that hold the outcomes."""
        ...

    @property
    def needs_past(self) -> bool:
        """Whether rows must be scored and forecast together with the rows before them (`past`)."""
        ...

    @property
    def feedback(self) -> bool:
        """Whether a row's distribution depends on outcomes of rows before it."""
        ...

    def log_density(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """Log density of every row at every draw, dims (sample, observation), one variable per outcome, in nats.

        `past` holds all rows the batch follows; where rows score alone it changes nothing. `random_seed` is for
        states and groups that the posterior has not seen.
        """
        ...

    def predict(
        self, posterior: xr.DataTree, batch: Any, past: Any = None, *, random_seed: int | None = None
    ) -> xr.Dataset:
        """One predictive draw of the batch, given `past`, per posterior draw, dims (sample, observation, ...)."""
        ...

    def outcome_kind(self) -> str:
        """``"continuous"``, ``"count"`` or ``"other"``: how predictive densities may be integrated.

        Several outcomes, or several values a row, are ``"other"``.
        """
        ...


@runtime_checkable
class SampledForecaster(Forecaster, Predictor, Protocol):
    """A forecaster whose posteriors are draws."""

    @property
    def growing_dims(self) -> tuple[str, ...]:
        """Dimensions along which rows may bring entries that a posterior does not hold; empty where none may."""
        ...

    def unconstrained_draws(self, posterior: xr.DataTree) -> np.ndarray:
        """Draws on the whole real line, shape (chain, draw, parameters)."""
        ...

    def log_joint(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> np.ndarray:
        """Log prior plus log likelihood of the data `posterior` was fitted to, with Jacobian; shape (points,)."""
        ...

    def constrained_draws(self, posterior: xr.DataTree, unconstrained: np.ndarray) -> xr.Dataset:
        """Points on the whole real line, shape (chain, draw, parameters), as a ``posterior`` group.

        The inverse of `unconstrained_draws`.
        """
        ...

    def require_comparable(self, shadow: xr.DataTree, deployed: xr.DataTree, batch: xr.Dataset) -> None:
        """Raise ``IncomparablePosteriorsError`` unless debt between the two posteriors exists."""
        ...


def require_forecaster(name: str, value: Any) -> Forecaster:
    """What has the methods of `Forecaster`; a class is none.

    Raises
    ------
    TypeError
        Naming the methods that are missing.

    Examples
    --------
    >>> require_forecaster("forecaster", "a model")
    Traceback (most recent call last):
    TypeError: forecaster must be a forecaster, such as ld.PyMCForecaster(build_model), not 'a model' (str)
    """
    remedy = "a forecaster, such as ld.PyMCForecaster(build_model)"
    missing = [method for method in ("observation_dim", "as_batch", "fit") if not hasattr(value, method)]
    if isinstance(value, type) and not missing:
        raise TypeError(f"{name} must be {remedy}, not the class {value.__name__} itself: call it")
    if missing:
        some = len(missing) < 3
        lacks = f"; it lacks {', '.join(missing)}" if some else ""
        raise TypeError(f"{name} must be {remedy}, not {describe(value)}{lacks}")
    return cast(Forecaster, value)


def require_sampled_forecaster(name: str, value: Forecaster) -> SampledForecaster:
    """What has all that `SampledForecaster` declares, whether it can be told before the first fit or not.

    Raises
    ------
    TypeError
        Naming what is missing.

    Examples
    --------
    >>> from learning_debt import NIG, ConjugateRegression
    >>> forecaster = ConjugateRegression(NIG(0, 1, 2, 1))
    >>> require_sampled_forecaster("forecaster", forecaster) is forecaster
    True
    """
    declared = {member for kind in SampledForecaster.__mro__ for member in vars(kind) if not member.startswith("_")}
    missing = sorted(member for member in declared if not _has(value, member))
    if missing:
        growing = "; growing_dims = () says that rows bring no new groups or states" * ("growing_dims" in missing)
        raise TypeError(
            f"{name}: {type(value).__name__} lacks {', '.join(missing)}, which a forecaster of draws declares "
            f"(learning_debt.forecasters.base.SampledForecaster){growing}"
        )
    return cast(SampledForecaster, value)


def _has(value: Any, member: str) -> bool:
    """Whether an object has a member, be it one that is known from the first fit on."""
    if hasattr(type(value), member):
        return True
    try:
        return hasattr(value, member)
    except RuntimeError:  # another forecaster's, which will know it after a fit
        return True
