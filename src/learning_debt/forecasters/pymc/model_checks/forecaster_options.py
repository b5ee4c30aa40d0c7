"""What a forecaster was asked to be: its options, checked."""

from __future__ import annotations

from typing import Any

import pymc as pm

from learning_debt.errors import UnsupportedModelError
from learning_debt.validation import (
    describe,
    require_callable,
    require_choice,
    require_instance,
    require_names,
    require_text,
    require_whole_number,
)


def check_counts(context_rows: Any, **counts: Any) -> None:
    """Raise unless `context_rows` is None or a number of rows and all others are positive."""
    if context_rows is not None:
        require_whole_number("context_rows", context_rows, at_least=0)
    for name, value in counts.items():
        require_whole_number(name, value, at_least=1)


def checked_growing_dims(growing_dims: Any, model: Any) -> tuple[str, ...]:
    """Names of dimensions as a tuple; a ready model has none."""
    dims = require_names("growing_dims", (growing_dims,) if isinstance(growing_dims, str) else growing_dims)
    if not all(dims):
        raise ValueError(f"growing_dims must be names of dimensions, not {growing_dims!r}")
    if dims and model is not None:
        raise UnsupportedModelError("a ready model cannot change its groups or states; pass build_model instead")
    return dims


def check_options(
    build_model: Any, model: Any, prepare: Any, observation_dim: Any, sampler: Any, compile_kwargs: Any
) -> None:
    """Raise naming the first option that cannot be."""
    if (build_model is None) == (model is None):
        raise TypeError("pass exactly one of build_model and model")
    for name, given in (("build_model", build_model), ("model", model)):
        if remedy := _foreign(given):
            raise TypeError(f"{name} is a {type(given).__module__}.{type(given).__name__}, not {remedy}")
    if build_model is not None:
        ready = "; a ready model goes in as model=..." if isinstance(build_model, pm.Model) else ""
        if not callable(build_model):
            raise TypeError(f"build_model must be a function of the data, not {describe(build_model)}{ready}")
        require_callable("build_model", build_model, "a function of the data", takes=1)
    if model is not None:
        require_instance("model", model, pm.Model, "a pm.Model")
    if prepare is not None:
        require_callable("prepare", prepare, "a function (data, fitted=None) -> (data, fitted)", takes=2)
    check_common(observation_dim, sampler)
    if compile_kwargs is not None:
        require_instance("compile_kwargs", compile_kwargs, dict, "a dict of arguments of pymc.compile")


def check_common(observation_dim: Any, sampler: Any) -> None:
    """Raise naming the first option, of those that every integration has, that cannot be."""
    require_text("observation_dim", observation_dim, "a name")
    if sampler is not None:
        require_choice("sampler", sampler, ("nutpie", "pymc"))


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
