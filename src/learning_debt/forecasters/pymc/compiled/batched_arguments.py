"""Arguments of a compiled function over all draws at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph

CELLS = 1_000_000
"""Draws x rows handed to a compiled function at a time, so that memory stays bounded."""


def canonical(values: Any, dtype: str) -> np.ndarray:
    """C-contiguous, writable, of one dtype: numba compiles a function anew for any other memory layout."""
    array = np.ascontiguousarray(values, dtype=dtype)
    array = array.reshape(np.shape(values))
    return array if array.flags.writeable else array.copy()


def batched(argument: Variable) -> Variable:
    """The same argument with a leading axis over draws; an axis known to have length 1 still broadcasts."""
    shape = (None, *(1 if size == 1 else None for size in argument.type.shape))
    return pt.TensorType(argument.dtype, shape)(argument.name)  # a name may hold a comma


class Inputs:
    """Which arguments a graph uses, in the order in which its compiled function takes them."""

    def __init__(self, graph: ModelGraph, outputs: list[Variable], batch: str) -> None:
        """Arguments of kind `batch` get an axis over draws."""
        used = set(graph_inputs(outputs))
        kinds = {
            "draw": graph.draws,
            "value": graph.values,
            "data": graph.data,
            "length": graph.lengths,
            "weight": graph.weights,
        }
        self.slots = [
            (kind, name, argument)
            for kind, arguments in kinds.items()
            for name, argument in arguments.items()
            if argument in used
        ]
        self.replacement = {argument: batched(argument) for kind, _, argument in self.slots if kind == batch}
        self.batch = batch

    @property
    def first_draw(self) -> dict[Variable, Variable]:
        """The first draw of each batched argument: enough to work out a size."""
        return {argument: whole[0] for argument, whole in self.replacement.items()}

    @property
    def variables(self) -> list[Variable]:
        """The arguments of the compiled function, in order."""
        return [self.replacement.get(argument, argument) for _, _, argument in self.slots]

    def arrays(self, arguments: Arguments, rows: slice | int) -> list[np.ndarray]:
        """Values in order; of the arguments along draws only `rows`."""
        return [
            canonical(arguments[kind][name][rows] if kind == self.batch else arguments[kind][name], argument.dtype)
            for kind, name, argument in self.slots
        ]
