"""ModelBuilder classes (pymc-extras, pymc-marketing, an owner's own) as forecasters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy, deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from pytensor.graph.traversal import graph_inputs

from learning_debt.data import require_usable, require_variables
from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
from learning_debt.forecasters.pymc.model_checks.forecaster_options import check_common, check_counts
from learning_debt.forecasters.pymc.sampling.sampler import SamplerName
from learning_debt.integrations.media_mix import (
    TARGET,
    in_own_unit,
    is_media_mix,
    require_one_series,
    set_rows,
)
from learning_debt.validation import describe

FINGERPRINT = "model_builder"
LEARN_ONCE = "let build_model learn scales, levels and codes, and _data_setter use them"


def from_model_builder(
    builder: Any,
    X: pd.DataFrame,
    y: Any,
    *,
    observation_dim: str = "obs",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    sampler: SamplerName | None = None,
) -> PyMCForecaster:
    """A forecaster that is this builder's model, on any rows.

    The model is built once, on `X` and `y`, by a copy of the builder; what it learns there (the maxima it scales by,
    levels, priors that depend on the data) stays as it is in every refit. So all posteriors of one forecaster share
    one prior and one scale, and there is debt between them. Every fit sets all data afresh, where a second ``fit`` of
    some builders goes on with the data of the first.

    Parameters
    ----------
    builder : object
        With ``build_model(X, y)``, which leaves a ``model``, and ``_data_setter(X, y)``, which gives it other rows.
        It is copied, never changed; whether it is fitted makes no difference.
    X : pandas.DataFrame
        Inputs to build on: the rows the deployed model learned its scales from. At least three.
    y : array-like, shape (rows,)
        Their outcomes.
    observation_dim : str
        Name of the dimension over observations, for data given as a Dataset.
    draws, tune, chains : int
        Posterior draws and tuning steps of each chain, and chains.
    sampler : {"nutpie", "pymc"}, optional
        As for `PyMCForecaster`.

    Returns
    -------
    PyMCForecaster
        Takes tables with the columns of `X` and the outcome, under the name of the `pm.Data` the builder observes:
        ``X.assign(y_data=y)`` for the builders of the documentation, ``X.assign(target_data=y)`` for pymc-marketing's
        MMM. ``attach`` takes the posterior of ``builder.fit``, if it was built on the same `X` and `y`. An MMM scores
        the target in its own unit, and its rows need the rows before them: ``log_density(posterior, batch, past)``.

    Raises
    ------
    UnsupportedModelError
        If the builder cannot give its model other rows, if its ``_data_setter`` computes anything else than
        ``build_model`` does, learns from the rows it is given, or changes the outcome; for an MMM with panel dims,
        lift tests, or a likelihood that is not of location and scale.

    Examples
    --------
    >>> class Line:
    ...     def build_model(self, X, y):
    ...         with pm.Model() as self.model:
    ...             x, outcome = pm.Data("x", X["x"]), pm.Data("y_data", y)
    ...             pm.Normal("y", pm.Normal("slope") * x, 1, observed=outcome)
    ...     def _data_setter(self, X, y):
    ...         pm.set_data({"x": X["x"], "y_data": y}, model=self.model)
    >>> X = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    >>> forecaster = from_model_builder(Line(), X, [1.1, 1.9, 3.2])
    >>> forecaster.observed
    ('y_data',)
    >>> deployed = forecaster.fit(X.assign(y_data=[1.1, 1.9, 3.2]), random_seed=1)  # doctest: +SKIP
    """
    check_counts(None, draws=draws, tune=tune, chains=chains)
    check_common(observation_dim, sampler)
    rows = BuilderRows(builder, X, y, observation_dim)
    built = _built(builder, rows.inputs, rows.outcomes)
    mix = is_media_mix(builder)
    return PyMCForecaster(
        model=in_own_unit(built) if mix else built.model,
        context_rows=int(built.adstock.l_max) if mix else None,
        prepare=rows.prepare,
        observation_dim=observation_dim,
        draws=draws,
        tune=tune,
        chains=chains,
        sampler=sampler,
    )


class BuilderRows:
    """Evaluates a builder's `pm.Data` on any rows, as a builder made from the reference rows does."""

    def __init__(self, builder: Any, X: pd.DataFrame, y: Any, observation_dim: str) -> None:
        _require_builder(builder, X)
        self.observation_dim = observation_dim
        self.inputs = X.reset_index(drop=True)
        outcomes = np.asarray(None if isinstance(y, Mapping) else y)
        if outcomes.dtype.kind not in "biuf":
            raise TypeError(f"y must hold one number a row, not {describe(y)}")
        self.outcomes = pd.Series(outcomes.ravel(), name=getattr(y, "name", None))
        if len(self.inputs) != len(self.outcomes) or len(self.inputs) < 3:
            raise ValueError(f"X and y must have the same rows, at least three, not {len(X)} and {len(self.outcomes)}")
        self.dated = is_media_mix(builder)  # its rows are dates, each of which comes once
        if self.dated:
            require_one_series(builder)
        self.builder = _built(builder, self.inputs, self.outcomes)
        self.outcome = TARGET if self.dated else _observed_data(self.builder.model)
        self.fingerprint = _fingerprint(self.builder, self.inputs, self.outcomes)
        built = self._data()
        self.row_axes = self._row_axes(built)
        again = self._in_halves(self.inputs, self.outcomes)
        for name in self.row_axes:
            if not _equal(built[name], again[name]):
                raise UnsupportedModelError(
                    f"{type(builder).__name__}._data_setter gives other values of pm.Data {name!r} than build_model "
                    "did when it is given the same rows by halves, so rows would be scored on another scale: "
                    f"{LEARN_ONCE}"
                )

    def prepare(self, data: xr.Dataset, fitted: xr.Dataset | None = None) -> tuple[xr.Dataset, dict[str, Any]]:
        """The builder's `pm.Data` for these rows."""
        if fitted is not None and str(fitted[FINGERPRINT].values) != self.fingerprint:
            raise IncomparablePosteriorsError(
                "the posterior was fitted with a builder made from other rows, so its scales and levels differ. Score "
                "it with a forecaster of the builder that fitted it"
            )
        dim = self.observation_dim
        require_variables(data, [str(name) for name in self.inputs.columns], "the data")
        require_usable(data, [*map(str, self.inputs.columns), self.outcome])
        inputs = pd.DataFrame({name: data[str(name)].values for name in self.inputs.columns})
        known = self.outcome in data.variables
        outcomes = pd.Series(data[self.outcome].values if known else np.resize(self.outcomes, len(inputs)))
        values = self._rows_after_reference(inputs, outcomes.rename(self.outcomes.name))
        variables = {
            name: (tuple(dim if i == axis else f"{name}_axis_{i}" for i in range(values[name].ndim)), values[name])
            for name, axis in self.row_axes.items()
            if known or name != self.outcome
        }
        return xr.Dataset(variables), {FINGERPRINT: self.fingerprint}

    def _rows_after_reference(self, inputs: pd.DataFrame, outcomes: pd.Series) -> dict[str, np.ndarray]:
        """`pm.Data` of the rows, required to be the same by halves and, but for dates, after the reference rows.

        A scale or a coding learned from the rows at hand would differ between the two.
        """
        reference = (self.inputs.iloc[:0], self.outcomes.iloc[:0]) if self.dated else (self.inputs, self.outcomes)
        together = [pd.concat(pair, ignore_index=True) for pair in zip(reference, (inputs, outcomes), strict=True)]
        after = self._evaluate(*together)
        after = {name: _last(after[name], axis, len(inputs)) for name, axis in self.row_axes.items()}
        alone = self._in_halves(inputs, outcomes)
        for name in self.row_axes:
            if not _equal(after[name], alone[name]):
                raise UnsupportedModelError(
                    f"the builder computes pm.Data {name!r} from the rows it is given: it differs when they come "
                    f"alone; {LEARN_ONCE}"
                )
        return after

    def _in_halves(self, inputs: pd.DataFrame, outcomes: pd.Series) -> dict[str, np.ndarray]:
        halves = []
        for rows in np.array_split(np.arange(len(inputs)), min(2, len(inputs))):
            twice = rows if self.dated else np.tile(rows, 2)  # builders squeeze a single row
            values = self._evaluate(inputs.iloc[twice], outcomes.iloc[twice])
            halves.append({name: _last(values[name], axis, len(rows)) for name, axis in self.row_axes.items()})
        return {name: np.concatenate([half[name] for half in halves], axis) for name, axis in self.row_axes.items()}

    def _row_axes(self, built: dict[str, np.ndarray]) -> dict[str, int]:
        """The axis over rows of each `pm.Data` that has one: the axis that shortens with the rows."""
        fewer = self._evaluate(self.inputs.iloc[:-1], self.outcomes.iloc[:-1])
        axes = {}
        for name, values in built.items():
            shorter = [i for i in range(values.ndim) if fewer[name].shape[i] == values.shape[i] - 1]
            if shorter:
                axes[name] = shorter[0]
        if self.outcome not in axes:
            raise UnsupportedModelError(
                f"{type(self.builder).__name__}._data_setter does not set the outcome {self.outcome!r}: it must give "
                "the model other rows of X and y"
            )
        return axes

    def _evaluate(self, inputs: pd.DataFrame, outcomes: pd.Series) -> dict[str, np.ndarray]:
        inputs, outcomes = inputs.reset_index(drop=True), outcomes.reset_index(drop=True)
        if self.dated:
            set_rows(self.builder, inputs, outcomes)
        else:
            self.builder._data_setter(inputs, outcomes)
        return self._data()

    def _data(self) -> dict[str, np.ndarray]:
        return {variable.name: np.array(variable.get_value()) for variable in self.builder.model.data_vars}


def _require_builder(builder: Any, X: Any) -> None:
    if isinstance(builder, type):
        raise TypeError(f"builder must be an object, not the class {builder.__name__} itself: call it")
    for name in ("build_model", "_data_setter"):
        if not callable(getattr(builder, name, None)):
            raise TypeError(
                f"builder must have {name}(X, y), as ModelBuilder classes do; {type(builder).__name__} lacks it"
            )
    if not isinstance(X, pd.DataFrame):
        raise TypeError(f"X must be a data frame, not {type(X).__name__}")


def _built(builder: Any, inputs: pd.DataFrame, outcomes: pd.Series) -> Any:
    """A copy of the builder with its model built on these rows, as its ``fit`` would build it."""
    bare = copy(builder)
    for name in ("model", "idata"):  # an earlier build or fit must leave no trace
        bare.__dict__.pop(name, None)
    fresh = deepcopy(bare)
    modules = {kind.__module__ for kind in type(fresh).__mro__}
    if "pymc_extras.model_builder" in modules:
        fresh._generate_and_preprocess_model_data(inputs.copy(), outcomes.to_numpy().copy())
        inputs, outcomes = fresh.X, fresh.y
    else:
        inputs, outcomes = inputs.copy(), outcomes.copy()
    fresh.build_model(inputs, outcomes)
    if not isinstance(getattr(fresh, "model", None), pm.Model):
        raise UnsupportedModelError(f"{type(builder).__name__}.build_model leaves no pm.Model in its attribute 'model'")
    return fresh


def _observed_data(model: pm.Model) -> str:
    """Name of the `pm.Data` that is observed."""
    for observed in model.observed_RVs:
        held = [v for v in graph_inputs([model.rvs_to_values[observed]]) if v in model.data_vars]
        if len(held) == 1:
            return str(held[0].name)
    raise UnsupportedModelError(
        "the builder's model observes no single pm.Data, so it cannot take other outcomes: let build_model pass "
        "observed=pm.Data('y_data', y)"
    )


def _last(values: np.ndarray, axis: int, rows: int) -> np.ndarray:
    return np.take(values, np.arange(values.shape[axis] - rows, values.shape[axis]), axis=axis)


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and np.allclose(first, second, rtol=1e-10, atol=1e-12)


def _fingerprint(builder: Any, inputs: pd.DataFrame, outcomes: pd.Series) -> str:
    """Hash of what the builder was built on."""
    digest = hashlib.sha256(type(builder).__name__.encode())
    for column in (*(inputs[name] for name in inputs.columns), outcomes):
        plain = column.astype(str) if column.dtype.kind not in "iufb" else column
        digest.update(pd.util.hash_pandas_object(plain, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]
