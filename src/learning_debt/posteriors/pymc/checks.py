"""What is refused, and why: structure, unvalidated indices, builds that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors, graph_inputs
from pytensor.tensor.subtensor import BaseSubtensor, indices_from_subtensor

from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.pymc.graph import Arguments, ModelGraph, compile_python
from learning_debt.posteriors.pymc.growth import require_growable
from learning_debt.posteriors.pymc.outcomes import row_outcomes


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


class IndexGuard:
    """Checks, before any compiled function sees them, that indices made from data lie inside the axes they index.

    Compiled code does not check: past the end it reads whatever number lies there. Negative positions are refused
    too, since pandas codes an unseen label as -1, which would silently mean the last group.
    """

    def __init__(self, graph: ModelGraph, outputs: Sequence[Variable], skip: frozenset[str] = frozenset()) -> None:
        self.sources: list[tuple[str, ...]] = []
        self.dims: list[str | None] = []
        checked: list[Variable] = []
        data = {argument: name for name, argument in graph.data.items() if name not in skip}
        allowed = set(data) | set(graph.lengths.values())
        for array, axis, index in _indexings(outputs):
            inputs = {v for v in graph_inputs([index]) if not isinstance(v, Constant)}
            if inputs & set(data) and inputs <= allowed:
                self.sources.append(tuple(data[v] for v in inputs if v in data))
                self.dims.append(_axis_dim(graph, array, axis))
                checked += [index, array.shape[axis]]
        kinds = {"draw": graph.draws, "data": graph.data, "length": graph.lengths}
        used = set(graph_inputs(checked))
        self._slots = [(kind, name) for kind, arguments in kinds.items() for name, a in arguments.items() if a in used]
        slots = [kinds[kind][name] for kind, name in self._slots]
        self._function: Callable | None = compile_python(slots, checked) if checked else None

    def indexed_dim(self, name: str) -> str | None:
        """The one named dimension that data variable `name` alone indexes, if there is one."""
        dims = {dim for sources, dim in zip(self.sources, self.dims, strict=True) if sources == (name,)}
        return dims.pop() if len(dims) == 1 else None

    def check(self, arguments: Arguments) -> None:
        """Raise a ``ValueError`` naming data variable, row and value of the first index outside its axis."""
        if self._function is None:
            return
        try:
            values = self._function(
                *(arguments[kind][name][0] if kind == "draw" else arguments[kind][name] for kind, name in self._slots)
            )
        except IndexError as error:  # an index into a table of indices
            names = sorted({name for sources in self.sources for name in sources})
            raise ValueError(
                f"one of the data variables {names} gives an index outside what it indexes ({error}): an unseen label?"
            ) from error
        for sources, index, length in zip(self.sources, values[::2], values[1::2], strict=True):
            index = np.asarray(index)
            if index.size == 0 or (index.min() >= 0 and index.max() < length):
                continue
            where = np.argwhere((index < 0) | (index >= length))[0]
            offending = index[tuple(where)]
            row = f" at row {where[0]}" if where.size else ""
            raise ValueError(
                f"data variable {' and '.join(map(repr, sources))} gives the index {offending}{row}, outside 0 to "
                f"{int(length) - 1}: an unseen label? The posterior holds no effect for it; refit with rows that carry "
                "the label, or drop the row"
            )


def _indexings(outputs: Sequence[Variable]) -> Iterable[tuple[Variable, int, Variable]]:
    """(array, axis, index) of every position taken from data-dependent places; slices cannot run past the end."""
    for variable in ancestors(outputs):
        node = variable.owner
        if node is None or not isinstance(node.op, BaseSubtensor):
            continue
        written = "Inc" in type(node.op).__name__
        array, indices = node.inputs[0], node.inputs[2 if written else 1 :]
        axis = 0
        for index in indices_from_subtensor(indices, node.op.idx_list):
            if isinstance(index, Variable) and getattr(index, "dtype", "") == "bool":
                axis += index.ndim
                continue
            if isinstance(index, Variable) and not isinstance(index, Constant):
                yield array, axis, index
            axis += 1


def _axis_dim(graph: ModelGraph, array: Variable, axis: int) -> str | None:
    """Name of the dimension an axis of `array` runs over, read off the draws it is made of."""
    names = {argument: name for name, argument in graph.draws.items()}
    own = next((names[v] for v in [array] if v in names), None)
    if own is not None:
        return graph.dims(own, array.ndim)[axis]
    parts = [graph.dims(names[v], v.ndim) for v in ancestors([array]) if v in names and v.ndim == array.ndim]
    dims = {part[axis] for part in parts}
    return dims.pop() if len(dims) == 1 else None


def reference_pointwise(graph: ModelGraph) -> Callable[[Arguments, int], list[np.ndarray]]:
    """Pointwise log density of each outcome at one draw, without a compiler; ``f(arguments, draw) -> [(rows,)]``."""
    kinds = {"draw": graph.draws, "data": graph.data, "length": graph.lengths}
    slots = [(kind, name) for kind, arguments in kinds.items() for name in arguments]
    function = compile_python([kinds[kind][name] for kind, name in slots], graph.pointwise)

    def evaluate(arguments: Arguments, draw: int) -> list[np.ndarray]:
        values = (arguments[kind][name][draw] if kind == "draw" else arguments[kind][name] for kind, name in slots)
        return [np.asarray(term) for term in function(*values)]

    return evaluate


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
    in_rows = max(_gap(one, two) for pair in pairs for one, two in pair)
    return float(in_prior), float(in_rows)


def _gap(first: np.ndarray | float, second: np.ndarray | float) -> float:
    one, two = np.atleast_1d(first), np.atleast_1d(second)
    same = np.isclose(one, two, rtol=1e-10, atol=0)  # rounding, or both minus infinity
    return float(np.max(np.abs(np.subtract(one, two, where=~same, out=np.zeros_like(one)))))
