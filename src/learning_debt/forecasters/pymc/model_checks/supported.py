"""What is refused, and why: structure that cannot be scored, builds that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Variable

from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.compiled.new_entries import require_growable
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph, compile_python
from learning_debt.forecasters.pymc.model.outcomes import row_outcomes


def require_supported(
    model: Any,
    observation_dim: str,
    growing_dims: tuple[str, ...] = (),
    columns: frozenset[str] | None = None,
) -> None:
    """Raise ``UnsupportedModelError`` if the model's structure cannot be scored row by row.

    `columns` names the data variables that run along the rows, where data are at hand. Compiles nothing.
    """
    if any(name.endswith("_unobserved") for name in (rv.name for rv in model.free_RVs)):
        raise UnsupportedModelError(
            "the outcome has missing values that PyMC imputes, so its rows cannot change; drop the rows without outcome"
        )
    if not model.free_RVs:
        raise UnsupportedModelError("the model has no free variables, so there is nothing to retrain")
    row_outcomes(model, observation_dim, columns)
    for rv in model.free_RVs:
        dims = model.named_vars_to_dims.get(rv.name) or ()
        if observation_dim in dims and observation_dim not in growing_dims:
            raise UnsupportedModelError(
                f"free variable {rv.name!r} has one entry per observation (dim {observation_dim!r}): marginalise it, "
                f"or let every new row draw its own from the prior: growing_dims=({observation_dim!r},)"
            )
        for axis, dim in enumerate(dims):
            if dim in growing_dims:
                require_growable(rv, axis, dim)


def hint_for_processes(graph: ModelGraph) -> str:
    """What a Gaussian process of the model needs to take new rows; nothing where it has none."""
    names = [str(rv.name) for rv in graph.free]
    if any(name.endswith("_hsgp_coeffs") for name in names):
        return (
            ". An HSGP takes its box and its centre from the rows: give it L=[...], not c, and before gp.prior call "
            "gp.prior_linearized(np.array([[low], [high]])) with constants around all inputs to come"
        )
    if any(name.endswith("_rotated_") for name in names):
        dim = graph.row_dim or "obs"
        return (
            f". A gp.Latent has one entry per row: gp.prior(..., dims={dim!r}) on a pm.Data, and "
            f"growing_dims=({dim!r},) for the forecaster"
        )
    return ""


def reference_pointwise(graph: ModelGraph) -> Callable[[Arguments, int], list[np.ndarray]]:
    """Pointwise log density of each outcome at one draw, without a compiler; ``f(arguments, draw) -> [(rows,)]``."""
    kinds = {"draw": graph.draws, "data": graph.data, "length": graph.lengths}
    slots = [(kind, name) for kind, arguments in kinds.items() for name in arguments]
    function = compile_python([kinds[kind][name] for kind, name in slots], graph.pointwise)

    def evaluate(arguments: Arguments, draw: int) -> list[np.ndarray]:
        values = (arguments[kind][name][draw] if kind == "draw" else arguments[kind][name] for kind, name in slots)
        return [np.asarray(term) for term in function(*values)]

    return evaluate


def outcome_kind(graph: ModelGraph) -> str:
    """``"continuous"`` (one real number a row), ``"count"`` (an integer from 0 on) or ``"other"``."""
    if len(graph.outcomes) > 1 or graph.outcomes[0].variable.ndim > 1:
        return "other"
    (outcome,) = graph.outcomes
    if outcome.variable.dtype.startswith("float"):
        return "continuous"
    pointwise = reference_pointwise(graph)
    own = {**graph.own, "data": dict(graph.own["data"])}
    for value in (-1, -2, -10):
        own["data"][outcome.data] = np.full_like(own["data"][outcome.data], value)
        if np.isfinite(pointwise({"draw": graph.reference_draws, **own}, 0)[0]).any():
            return "other"
    return "count"


def reference_prior(graph: ModelGraph, prior: Variable) -> Callable[[Arguments, int], float]:
    """Log prior with Jacobian at one unconstrained point, without a compiler."""
    kinds = {"value": graph.values, "data": graph.data, "length": graph.lengths}
    slots = [(kind, name) for kind, arguments in kinds.items() for name in arguments]
    function = compile_python([kinds[kind][name] for kind, name in slots], prior)

    def evaluate(arguments: Arguments, point: int) -> float:
        values = (arguments[kind][name][point] if kind == "value" else arguments[kind][name] for kind, name in slots)
        return float(function(*values))

    return evaluate


def require_free_of_rows(graph: ModelGraph, other: ModelGraph) -> None:
    """Raise if a free variable has another length when the model is built on fewer rows."""
    for name, points in graph.reference_points.items():
        shape, fewer = points.shape[1:], other.reference_points[name].shape[1:]
        if shape != fewer and name not in graph.growing:
            raise UnsupportedModelError(
                f"free variable {name!r} has shape {shape}, but {fewer} on fewer rows: one entry per observation "
                "cannot be carried to new rows; marginalise it, or name its dimension and list that in growing_dims"
            )


def largest_difference(
    graph: ModelGraph, other: ModelGraph, prior: Sequence[Arguments], batch: Sequence[Arguments]
) -> tuple[float, float]:
    """Largest difference of log prior, and of a row's log density, between two builds at shared draws.

    `prior` and `batch` hold the arguments of the first and the second build; both also hold "draw" or "value". Of the
    prior only what does not grow is compared.
    """
    points = len(next(iter(prior[0]["value"].values())))
    priors = [reference_prior(g, g.fixed_prior) for g in (graph, other)]
    in_prior = max(_gap(priors[0](prior[0], i), priors[1](prior[1], i)) for i in range(points))
    rows = [reference_pointwise(g) for g in (graph, other)]
    draws = len(next(iter(batch[0]["draw"].values())))
    pairs = [zip(rows[0](batch[0], i), rows[1](batch[1], i), strict=True) for i in range(draws)]
    in_rows = max(_gap(first, second) for pair in pairs for first, second in pair)
    return float(in_prior), float(in_rows)


def _gap(first: np.ndarray | float, second: np.ndarray | float) -> float:
    left, right = np.atleast_1d(first), np.atleast_1d(second)
    same = np.isclose(left, right, rtol=1e-10, atol=0)  # rounding, or both minus infinity
    return float(np.max(np.abs(np.subtract(left, right, where=~same, out=np.zeros_like(left)))))


def largest_cube(dtype: str) -> float:
    """Numbers up to here can be multiplied three at a time in a type of whole numbers."""
    return float(np.iinfo(dtype).max) ** (1 / 3)


def require_no_overflow(graph: ModelGraph, arguments: Arguments) -> None:
    """Raise if arithmetic with whole numbers leaves their type, as it would in the sampler: 300 * 300 in uint16."""
    types = {variable.name: variable.dtype for variable in graph.model.data_vars}
    large = [
        name
        for name in sorted(graph.fractional)
        if arguments["data"][name].size and np.abs(arguments["data"][name]).max() > largest_cube(types[name])
    ]
    if not large:
        return
    kept = {name: arguments["data"][name].astype(types[name]) for name in graph.fractional}
    draws = {"draw": graph.reference_draws}
    exact = reference_pointwise(graph)({**arguments, **draws}, 0)
    whole = reference_pointwise(graph.as_built())({**arguments, **draws, "data": {**arguments["data"], **kept}}, 0)
    pairs = zip(exact, whole, strict=True)
    if not all(np.allclose(first, second, rtol=1e-9, atol=1e-9, equal_nan=True) for first, second in pairs):
        name = large[0]
        raise UnsupportedModelError(
            f"the model's arithmetic with pm.Data {name!r}, of type {types[name]}, runs over its end: make "
            f"it of floats, pm.Data({name!r}, data[{name!r}].values.astype(float))"
        )
