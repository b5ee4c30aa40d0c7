"""Positions given by data, checked before any compiled function sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors, graph_inputs
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Join
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.shape import Shape, Shape_i
from pytensor.tensor.subtensor import BaseSubtensor, indices_from_subtensor

from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph, compile_python


class IndexGuard:
    """Checks, before any compiled function sees them, that indices made from data lie inside the axes they index.

    Compiled code does not check: past the end it reads whatever number lies there. Negative positions are refused
    too, since pandas codes an unseen label as -1, which would silently mean the last group.
    """

    def __init__(self, graph: ModelGraph, outputs: Sequence[Variable], skip: frozenset[str] = frozenset()) -> None:
        self.sources: list[tuple[str, ...]] = []
        self.dims: list[str | None] = []
        self.side_by_side: list[bool] = []
        checked: list[Variable] = []
        data = {argument: name for name, argument in graph.data.items() if name not in skip}
        allowed = set(data) | set(graph.lengths.values())
        _require_no_inner_index(outputs, set(data))
        for array, axis, index in _indexings(outputs):
            inputs = {v for v in graph_inputs([index]) if not isinstance(v, Constant)}
            if inputs & set(data) and inputs <= allowed:
                self.sources.append(tuple(data[v] for v in inputs if v in data))
                self.dims.append(_axis_dim(graph, array, axis))
                steps = {type(v.owner.op) for v in ancestors([index]) if v.owner is not None}
                self.side_by_side.append(steps <= {Join, DimShuffle})
                checked += [index, array.shape[axis]]
        kinds = {"draw": graph.draws, "data": graph.data, "length": graph.lengths}
        used = set(graph_inputs(checked))
        self._slots = [(kind, name) for kind, arguments in kinds.items() for name, a in arguments.items() if a in used]
        slots = [kinds[kind][name] for kind, name in self._slots]
        self._function: Callable | None = compile_python(slots, checked) if checked else None

    def indexed_dim(self, name: str) -> str | None:
        """The one named dimension that data variable `name` indexes, alone or beside others, if there is one."""
        found = zip(self.sources, self.dims, self.side_by_side, strict=True)
        dims = {dim for sources, dim, beside in found if sources == (name,) or (beside and name in sources)}
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


def _require_no_inner_index(outputs: Sequence[Variable], data: set[Variable]) -> None:
    """Raise if a loop indexes by data inside its body, where the position cannot be checked beforehand."""
    for variable in ancestors(outputs):
        node = variable.owner
        if node is None or not isinstance(node.op, Scan):
            continue
        outer = node.op.get_oinp_iinp_iout_oout_mappings()["outer_inp_from_inner_inp"]
        inputs = list(node.op.inner_inputs)
        for _, _, index in _indexings(node.op.inner_outputs):
            used = {inputs.index(v) for v in graph_inputs([index]) if v in inputs}
            origins = [node.inputs[outer[position]] for position in used if position in outer]
            if any(_holds_values_of(origin, data) for origin in origins):
                raise UnsupportedModelError(
                    "a loop (scan) of the model looks up positions given by data inside its body, where an unseen "
                    "label cannot be caught; look them up before the loop and hand in the result as a sequence"
                )


def _holds_values_of(variable: Variable, data: set[Variable]) -> bool:
    above = [v for v in ancestors([variable]) if v.owner is not None]
    shapes = [v for v in above if isinstance(v.owner.op, Shape | Shape_i)]
    return bool(set(ancestors([variable], blockers=shapes)) & data)
