"""Functions of a model's draws and data: log densities, predictive draws, the joint density, transforms."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.pytensorf import compile as compile_pymc
from pymc.pytensorf import reseed_rngs
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.traversal import ancestors, graph_inputs
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.random.type import RandomType
from pytensor.tensor.type_other import NoneTypeT

from learning_debt.posteriors.pymc.graph import Arguments, ModelGraph, compile_python

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
    return pt.tensor(argument.name, dtype=argument.dtype, shape=shape)


class _Inputs:
    """Which arguments a graph uses, in the order in which its compiled function takes them."""

    def __init__(self, graph: ModelGraph, outputs: list[Variable], batch: str) -> None:
        used = set(graph_inputs(outputs))
        kinds = {"draw": graph.draws, "value": graph.values, "data": graph.data, "length": graph.lengths}
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
        return [self.replacement.get(argument, argument) for _, _, argument in self.slots]

    def arrays(self, arguments: Arguments, rows: slice | int) -> list[np.ndarray]:
        """Values in order; of the arguments along draws only `rows`."""
        return [
            canonical(arguments[kind][name][rows] if kind == self.batch else arguments[kind][name], argument.dtype)
            for kind, name, argument in self.slots
        ]


class Density:
    """The compiled functions shared by all builds that compute the same density."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph

    @cached_property
    def _pointwise(self) -> tuple[Any, _Inputs]:
        inputs = _Inputs(self.graph, [self.graph.pointwise], "draw")
        output = vectorize_graph(self.graph.pointwise, replace=inputs.replacement)
        return compile_pymc(inputs.variables, output, random_seed=False, on_unused_input="ignore"), inputs

    @cached_property
    def _joint(self) -> tuple[Any, _Inputs]:
        inputs = _Inputs(self.graph, [self.graph.joint], "value")
        output = vectorize_graph(self.graph.joint, replace=inputs.replacement)
        return compile_pymc(inputs.variables, output, random_seed=False, on_unused_input="ignore"), inputs

    def log_density(self, arguments: Arguments, samples: int, rows: int) -> np.ndarray:
        """log p(y_n | theta_s), shape (samples, rows)."""
        function, inputs = self._pointwise
        step = max(1, CELLS // max(rows, 1))
        if step >= samples:
            values = function(*inputs.arrays(arguments, slice(None)))
            return values if values.shape == (samples, rows) else np.broadcast_to(values, (samples, rows)).copy()
        result = np.empty((samples, rows))
        for start in range(0, samples, step):
            result[start : start + step] = function(*inputs.arrays(arguments, slice(start, start + step)))
        return result

    def log_joint(self, arguments: Arguments, points: int, rows: int) -> np.ndarray:
        """Unnormalised log posterior on the unconstrained scale, shape (points,)."""
        function, inputs = self._joint
        result = np.empty(points)
        step = max(1, CELLS // max(rows, 1))
        for start in range(0, points, step):
            result[start : start + step] = function(*inputs.arrays(arguments, slice(start, start + step)))
        return result


class Predictive:
    """Predictive draws of one build.

    All draws go through in one vectorised call where every random node is a plain `RandomVariable`. Its size gains an
    axis over draws: left alone, a node that does not depend on the draws (a mixture component with constant
    parameters) would be drawn once and shared by all of them. Other models (mixtures, censored, custom) are walked draw
    by draw.
    """

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph

    @cached_property
    def _function(self) -> tuple[Any, _Inputs, list[SharedVariable], bool]:
        inputs = _Inputs(self.graph, [self.graph.predictive], "draw")
        output = self._vectorised(inputs)
        vectorised = output is not None
        output = self.graph.predictive if output is None else output
        variables = inputs.variables if vectorised else [argument for _, _, argument in inputs.slots]
        generators = [
            variable
            for variable in graph_inputs([output])
            if isinstance(variable, SharedVariable) and isinstance(variable.type, RandomType)
        ]
        return compile_python(variables, output), inputs, generators, vectorised

    def _vectorised(self, inputs: _Inputs) -> Variable | None:
        random = [
            variable.owner
            for variable in ancestors([self.graph.predictive])
            if variable.owner is not None and any(isinstance(entry.type, RandomType) for entry in variable.owner.inputs)
        ]
        plain = all(isinstance(node.op, RandomVariable) for node in random)
        sized = all(not isinstance(node.op.size_param(node).type, NoneTypeT) for node in random) if plain else False
        if not (sized and inputs.replacement):
            return None
        samples = next(iter(inputs.replacement.values())).shape[0]
        try:
            sizes = {
                size: pt.concatenate([samples[None], pt.cast(clone_replace(size, inputs.first_draw), "int64")])
                for size in {node.op.size_param(node) for node in random}
            }
            output = vectorize_graph(self.graph.predictive, replace={**inputs.replacement, **sizes})
        except (NotImplementedError, ValueError, TypeError):
            return None
        return output if output.ndim == 2 else None

    def draw(self, arguments: Arguments, samples: int, rows: int, random_seed: int | None) -> np.ndarray:
        """One outcome per draw and row, shape (samples, rows)."""
        function, inputs, generators, vectorised = self._function
        reseed_rngs(generators, random_seed)
        step = max(1, CELLS // rows) if vectorised else 1
        result = np.empty((samples, rows), dtype=self.graph.predictive.dtype)
        for start in range(0, samples, step):
            chosen = slice(start, start + step) if vectorised else start
            result[start : start + step] = function(*inputs.arrays(arguments, chosen))
        return result


class Transforms:
    """Natural to unconstrained scale, for draws from any sampler."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph

    @cached_property
    def _forward(self) -> tuple[Any, _Inputs]:
        inputs = _Inputs(self.graph, self.graph.forward, "draw")
        outputs = vectorize_graph(self.graph.forward, replace=inputs.replacement)
        return compile_python(inputs.variables, outputs), inputs

    def unconstrained(self, arguments: Arguments, samples: int) -> np.ndarray:
        """Unconstrained draws, shape (samples, parameters), ordered as the model's value variables."""
        function, inputs = self._forward
        outputs = function(*inputs.arrays(arguments, slice(None)))
        return np.concatenate([np.reshape(output, (samples, -1)) for output in outputs], axis=1)


def split_points(graph: ModelGraph, points: np.ndarray) -> dict[str, np.ndarray]:
    """Cut rows of unconstrained parameters into the model's value variables, shape (points, ...) each."""
    shapes = {name: start.shape[1:] for name, start in graph.reference_points.items()}
    sizes = [int(np.prod(shapes[rv.name])) for rv in graph.free]
    if points.ndim != 2 or points.shape[1] != sum(sizes):
        raise ValueError(f"unconstrained must have shape (points, {sum(sizes)}), not {points.shape}")
    pieces = np.split(points, np.cumsum(sizes)[:-1], axis=1)
    return {rv.name: piece.reshape(len(points), *shapes[rv.name]) for rv, piece in zip(graph.free, pieces, strict=True)}
