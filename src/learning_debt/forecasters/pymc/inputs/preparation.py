"""The owner's `prepare(data, fitted)`, and what a posterior carries besides its draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import as_dataset, require_usable, restored_dataset
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import TRAINING, training_data
from learning_debt.forecasters.pymc.inputs.owner_columns import naming_columns, storable

PREPARATION = "preparation"

Prepare = Callable[..., tuple[Any, Any]]


class Preparation:
    """Calls `prepare` with what belongs to the posterior at hand; without one, data stay as they are."""

    def __init__(self, prepare: Prepare | None, observation_dim: str) -> None:
        self.function, self.observation_dim = prepare, observation_dim

    def __bool__(self) -> bool:
        return self.function is not None

    def of_training(self, raw: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset | None]:
        """Prepared training data, and what was learned from them."""
        return self(raw, None) if self else (raw, None)

    def of_batch(self, posterior: xr.DataTree, rows: xr.Dataset) -> xr.Dataset:
        """Rows as the posterior's own preparation has them."""
        if not self:
            return rows
        if PREPARATION not in posterior.children:
            raise ValueError(
                "this forecaster prepares its data, and the posterior does not carry the preparation it was fitted "
                "with; use attach(posterior, data)"
            )
        return self(rows, restored_dataset(posterior.children[PREPARATION].to_dataset(inherit=False)))[0]

    def of_stored(self, posterior: xr.DataTree) -> xr.Dataset | None:
        """Prepared training data of a posterior, if it carries them."""
        if TRAINING not in posterior.children:
            return None
        return self.of_batch(posterior, training_data(posterior))

    def __call__(self, rows: xr.Dataset, fitted: xr.Dataset | None) -> tuple[xr.Dataset, xr.Dataset]:
        """Prepared rows, and what was learned or given."""
        # Copies: a function that edits its arguments in place must change neither the caller's data nor what is stored.
        kept = None if fitted is None else fitted.copy(deep=True)
        assert self.function is not None
        with naming_columns(rows, "prepare"):
            result = self.function(storable(rows, set(), prepared=True).copy(deep=True), kept)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"prepare must return (data, fitted), not {type(result).__name__}")
        prepared = as_dataset(result[0], self.observation_dim, ())
        before, after = rows.sizes[self.observation_dim], prepared.sizes[self.observation_dim]
        if before != after:
            raise ValueError(f"prepare turned {before} rows into {after}; every row must stay in its place")
        return prepared, fitted if fitted is not None else _as_fitted(result[1])


def require_own_outcomes(names: tuple[str, ...], raw: xr.Dataset, prepared: xr.Dataset) -> None:
    """Raise if preparation makes or changes an outcome.

    The log density of a rescaled outcome is in other units than that of the outcome itself, and by another amount for
    every `fitted`: score gaps and predictive debts would be off by it without a sign.
    """
    require_usable(raw, names)
    for name in names:
        if name in raw.variables and np.array_equal(raw.variables[name].values, prepared.variables[name].values):
            continue
        raise UnsupportedModelError(
            f"prepare makes or changes the outcome {name!r}; scores of a transformed outcome cannot be compared "
            "between retrains. Leave the outcome as it is and put its scale into the model (pass the scale as a "
            "pm.Data), or transform it by a fixed rule before the forecaster sees it"
        )


def stored(posterior: xr.DataTree) -> tuple[xr.Dataset | None, xr.Dataset | None]:
    """Training data as they were given, and what was learned from them, where a posterior carries them."""
    groups = (posterior.children.get(name) for name in (TRAINING, PREPARATION))
    raw, fitted = (None if group is None else restored_dataset(group.to_dataset(inherit=False)) for group in groups)
    return raw, fitted


def same_preparation(shadow: xr.DataTree, deployed: xr.DataTree) -> bool:
    """Whether two posteriors carry the same preparation, or none."""
    present = [PREPARATION in tree.children for tree in (shadow, deployed)]
    if not all(present):
        return present[0] == present[1]
    return shadow.children[PREPARATION].dataset.equals(deployed.children[PREPARATION].dataset)


def _as_fitted(fitted: Any) -> xr.Dataset:
    if isinstance(fitted, xr.Dataset):
        return fitted
    if not isinstance(fitted, Mapping):
        raise TypeError(f"prepare must return as fitted a Dataset or a dict of arrays, not {type(fitted).__name__}")
    variables = {}
    for name, value in fitted.items():
        if isinstance(value, xr.DataArray | tuple):
            variables[str(name)] = value
            continue
        array = np.asarray(value)
        if array.dtype.kind == "O" and not all(isinstance(entry, str) for entry in array.ravel()):
            raise TypeError(f"prepare's fitted {name!r} must be numbers or labels, not {type(value).__name__}")
        variables[str(name)] = (tuple(f"{name}_dim_{axis}" for axis in range(array.ndim)), array)
    return xr.Dataset(variables)
