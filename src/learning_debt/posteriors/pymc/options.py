"""What a forecaster was asked to be: its options, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm

from learning_debt.errors import UnsupportedModelError


def check_counts(context_rows: Any, **counts: Any) -> None:
    """Raise unless `context_rows` is None or a number of rows and all others are positive."""
    if context_rows is not None and (
        isinstance(context_rows, bool) or int(context_rows) != context_rows or context_rows < 0
    ):
        raise ValueError(f"context_rows must be a whole number of rows, not {context_rows!r}")
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a positive integer, not {value!r}")


def checked_growing_dims(growing_dims: Any, model: Any) -> tuple[str, ...]:
    """Names of dimensions as a tuple; a ready model has none."""
    dims = (growing_dims,) if isinstance(growing_dims, str) else tuple(growing_dims)
    if not all(isinstance(dim, str) and dim for dim in dims):
        raise TypeError(f"growing_dims must be names of dimensions, not {growing_dims!r}")
    if dims and model is not None:
        raise UnsupportedModelError("a ready model cannot change its groups or states; pass build_model instead")
    return dims


def check_options(build_model: Any, model: Any, prepare: Any, observation_dim: Any, sampler: Any) -> None:
    """Raise naming the first option that cannot be."""
    if (build_model is None) == (model is None):
        raise TypeError("pass exactly one of build_model and model")
    for name, given in (("build_model", build_model), ("model", model)):
        if remedy := _foreign(given):
            raise TypeError(f"{name} is a {type(given).__module__}.{type(given).__name__}, not {remedy}")
    if build_model is not None and not callable(build_model):
        hint = "; a ready model goes in as model=..." if isinstance(build_model, pm.Model) else ""
        raise TypeError(f"build_model must be a function of the data, not {type(build_model).__name__}{hint}")
    if model is not None and not isinstance(model, pm.Model):
        raise TypeError(f"model must be a pm.Model, not {type(model).__name__}")
    if prepare is not None and not callable(prepare):
        raise TypeError(
            f"prepare must be a function (data, fitted=None) -> (data, fitted), not {type(prepare).__name__}"
        )
    if not isinstance(observation_dim, str) or not observation_dim:
        raise TypeError(f"observation_dim must be a name, not {observation_dim!r}")
    if sampler not in (None, "nutpie", "pymc"):
        raise ValueError(f"sampler must be None, 'nutpie' or 'pymc', not {sampler!r}")


def _foreign(given: Any) -> str:
    """What to write for a model object of another package: its own `pm.Model` does not take new rows."""
    own = "a function of the data or a pm.Model: its own pm.Model does not take new rows."
    if type(given).__module__.split(".")[0] == "bambi":
        return (
            f"{own} Write: from learning_debt.integrations.bambi_model import from_bambi; "
            "forecaster = from_bambi(model), with the Bambi model as it is"
        )
    if all(callable(getattr(given, name, None)) for name in ("build_model", "_data_setter")):
        return (
            f"{own} Write: from learning_debt.integrations.model_builder import from_model_builder; "
            "forecaster = from_model_builder(builder, X, y), with the rows it is built on"
        )
    return ""
