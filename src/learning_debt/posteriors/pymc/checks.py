"""What is refused, and why: structure, unvalidated indices, rows that hang together, free variables per row."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors, graph_inputs
from pytensor.tensor.subtensor import BaseSubtensor, indices_from_subtensor

from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.pymc.graph import Arguments, ModelGraph, compile_python

FROM_DATA = "build it from pm.Data: x = pm.Data('x', data['x'], dims='obs')"


def nearest(name: str, present: Iterable[str]) -> str:
    """A hint with the nearest spelling, or nothing."""
    near = difflib.get_close_matches(name, list(present), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def require_supported(model: Any, observation_dim: str) -> None:
    """Raise ``UnsupportedModelError`` if the model's structure cannot be scored row by row.

    Needs no data and compiles nothing.
    """
    if any(name.endswith("_unobserved") for name in (rv.name for rv in model.free_RVs)):
        raise UnsupportedModelError(
            "the outcome has missing values that PyMC imputes, so its rows cannot change; drop the rows without outcome"
        )
    if not model.observed_RVs:
        raise UnsupportedModelError("the model has no observed variable; pass observed=pm.Data(...) to the likelihood")
    if len(model.observed_RVs) > 1:
        names = [rv.name for rv in model.observed_RVs]
        raise UnsupportedModelError(f"the model has several observed variables {names}; only one can be scored")
    if not model.free_RVs:
        raise UnsupportedModelError("the model has no free variables, so there is nothing to retrain")
    observed = model.observed_RVs[0]
    if observed.ndim != 1:
        raise UnsupportedModelError(
            f"observed variable {observed.name!r} has {observed.ndim} dimensions; one outcome a row is needed: stack "
            f"the others along {observation_dim!r} with an index for each"
        )
    _require_outcome_data(model, observed)
    for rv in model.free_RVs:
        dims = model.named_vars_to_dims.get(rv.name) or ()
        if observation_dim in dims:
            raise UnsupportedModelError(
                f"free variable {rv.name!r} has one entry per observation (dim {observation_dim!r}), so no new row can "
                "be scored; marginalise it"
            )


def _require_outcome_data(model: Any, observed: Variable) -> None:
    value = model.rvs_to_values[observed]
    holders = [variable for variable in graph_inputs([value]) if not isinstance(variable, Constant)]
    if len(holders) != 1 or holders[0] not in model.data_vars:
        raise UnsupportedModelError(
            f"the outcome of {observed.name!r} is a constant, not pm.Data, so it cannot be replaced by new rows; "
            "build it from pm.Data: observed=pm.Data('y', data['y'])"
        )
    node = value.owner
    while node is not None:
        if type(getattr(node.op, "scalar_op", None)).__name__ != "Cast":
            raise UnsupportedModelError(
                f"the outcome of {observed.name!r} is computed from pm.Data {holders[0].name!r} inside the model; "
                "compute it before, so that pm.Data holds the outcome itself"
            )
        node = node.inputs[0].owner


class IndexGuard:
    """Checks, before any compiled function sees them, that indices made from data lie inside the axes they index.

    Compiled code does not check: past the end it reads whatever number lies there. Negative positions are refused
    too, since pandas codes an unseen label as -1, which would silently mean the last group.
    """

    def __init__(self, graph: ModelGraph, output: Variable, skip: frozenset[str] = frozenset()) -> None:
        self.sources: list[tuple[str, ...]] = []
        self.dims: list[str | None] = []
        outputs: list[Variable] = []
        data = {argument: name for name, argument in graph.data.items() if name not in skip}
        allowed = set(data) | set(graph.lengths.values())
        for array, axis, index in _indexings(output):
            inputs = {v for v in graph_inputs([index]) if not isinstance(v, Constant)}
            if inputs & set(data) and inputs <= allowed:
                self.sources.append(tuple(data[v] for v in inputs if v in data))
                self.dims.append(_axis_dim(graph, array, axis))
                outputs += [index, array.shape[axis]]
        kinds = {"draw": graph.draws, "data": graph.data, "length": graph.lengths}
        used = set(graph_inputs(outputs))
        self._slots = [(kind, name) for kind, arguments in kinds.items() for name, a in arguments.items() if a in used]
        slots = [kinds[kind][name] for kind, name in self._slots]
        self._function: Callable | None = compile_python(slots, outputs) if outputs else None

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


def _indexings(output: Variable) -> Iterable[tuple[Variable, int, Variable]]:
    """(array, axis, index) of every position taken from data-dependent places; slices cannot run past the end."""
    for variable in ancestors([output]):
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


def reference_pointwise(graph: ModelGraph) -> Callable[[Arguments, int], np.ndarray]:
    """Pointwise log density at one draw, without a compiler; ``f(arguments, draw) -> (rows,)``."""
    kinds = {"draw": graph.draws, "data": graph.data, "length": graph.lengths}
    slots = [(kind, name) for kind, arguments in kinds.items() for name in arguments]
    function = compile_python([kinds[kind][name] for kind, name in slots], graph.pointwise)

    def evaluate(arguments: Arguments, draw: int) -> np.ndarray:
        values = (arguments[kind][name][draw] if kind == "draw" else arguments[kind][name] for kind, name in slots)
        return np.asarray(function(*values))

    return evaluate


def reference_prior(graph: ModelGraph) -> Callable[[Arguments, int], float]:
    """Log prior with Jacobian at one unconstrained point, without a compiler."""
    kinds = {"value": graph.values, "data": graph.data, "length": graph.lengths}
    slots = [(kind, name) for kind, arguments in kinds.items() for name in arguments]
    function = compile_python([kinds[kind][name] for kind, name in slots], graph.prior)

    def evaluate(arguments: Arguments, point: int) -> float:
        values = (arguments[kind][name][point] if kind == "value" else arguments[kind][name] for kind, name in slots)
        return float(function(*values))

    return evaluate


def uneven_part(rows: int) -> int:
    """How many rows to try alone. Not half of them: a mean over symmetric rows is that of either half."""
    return max(1, (2 * rows) // 5)


def require_additive(
    graph: ModelGraph, draws: dict[str, np.ndarray], rows: int, arguments_of: Callable[[np.ndarray], Arguments]
) -> None:
    """Raise unless a batch scores row by row as its two parts do: only then can a new batch be scored alone.

    ``arguments_of(positions)`` gives data and lengths of the rows at these positions.
    """
    pointwise = reference_pointwise(graph)
    everything, cut = np.arange(rows), uneven_part(rows)
    for draw in range(min(len(next(iter(draws.values()))), 3)):
        whole = _score(pointwise, {"draw": draws, **arguments_of(everything)}, draw, rows)
        parts = [
            _score(pointwise, {"draw": draws, **arguments_of(part)}, draw, len(part))
            for part in (everything[:cut], everything[cut:])
            if len(part)
        ]
        if not np.allclose(whole, np.concatenate(parts), rtol=1e-9, atol=1e-9, equal_nan=True):
            raise UnsupportedModelError(
                f"the rows of {graph.observed.name!r} cannot be scored alone: the log density of a batch differs from "
                "that of its two parts (a walk, a Gaussian process, lags or a mean over the rows inside the model?). "
                "Compute what spans rows in prepare(data, fitted), from the training data"
            )


def _score(pointwise: Callable, arguments: Arguments, draw: int, rows: int) -> np.ndarray:
    try:
        values = pointwise(arguments, draw)
    except (ValueError, IndexError, AssertionError) as error:
        raise UnsupportedModelError(
            "the model does not take a new number of rows: a covariate or a length is baked in as a constant; "
            f"{FROM_DATA} ({str(error).splitlines()[0]})"
        ) from error
    if values.shape != (rows,):
        raise UnsupportedModelError(
            f"the model gives {values.size} log density term(s) for {rows} rows, so its rows cannot be scored alone "
            f"(a walk, a Gaussian process or one multivariate outcome?), or its length is a constant: {FROM_DATA}"
        )
    return values


def require_free_of_rows(graph: ModelGraph, other: ModelGraph) -> None:
    """Raise if a free variable has another length when the model is built on fewer rows."""
    for name, points in graph.reference_points.items():
        shape, fewer = points.shape[1:], other.reference_points[name].shape[1:]
        if shape != fewer:
            raise UnsupportedModelError(
                f"free variable {name!r} has shape {shape}, but {fewer} on fewer rows: one entry per observation "
                "cannot be carried to new rows; marginalise it"
            )


def largest_difference(
    graph: ModelGraph, other: ModelGraph, prior: Sequence[Arguments], batch: Sequence[Arguments]
) -> tuple[float, float]:
    """Largest difference of log prior, and of a row's log density, between two builds at shared draws.

    `prior` and `batch` hold the arguments of the first and the second build; both also hold "draw" or "value".
    """
    points = len(next(iter(prior[0]["value"].values())))
    priors = [reference_prior(g) for g in (graph, other)]
    in_prior = max(_gap(priors[0](prior[0], i), priors[1](prior[1], i)) for i in range(points))
    rows = [reference_pointwise(g) for g in (graph, other)]
    draws = len(next(iter(batch[0]["draw"].values())))
    in_rows = max(_gap(rows[0](batch[0], i), rows[1](batch[1], i)) for i in range(draws))
    return float(in_prior), float(in_rows)


def _gap(first: np.ndarray | float, second: np.ndarray | float) -> float:
    one, two = np.atleast_1d(first), np.atleast_1d(second)
    same = np.isclose(one, two, rtol=1e-10, atol=0)  # rounding, or both minus infinity
    return float(np.max(np.abs(np.subtract(one, two, where=~same, out=np.zeros_like(one)))))
