"""Random draws of a model's variables, one for each posterior draw."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.pytensorf import reseed_rngs
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors, graph_inputs
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.random.type import RandomType
from pytensor.tensor.type_other import NoneTypeT

from learning_debt.forecasters.pymc.compiled.batched_arguments import CELLS, Inputs
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph, compile_python
from learning_debt.forecasters.pymc.model.threads import one_at_a_time


class Simulation:
    """Draws of some of a model's variables given all others.

    All draws go through in one vectorised call where every random node is, once the model's symbolic distributions
    (mixtures, censored, random walks) are opened, a plain `RandomVariable`. Its size gains an axis over draws: left
    alone, a node that does not depend on the draws (a mixture component with constant parameters) would be drawn once
    and shared by all of them. What remains (rejection loops, scans) is walked draw by draw.
    """

    def __init__(self, graph: ModelGraph, outputs: list[Variable]) -> None:
        self.graph, self.outputs = graph, outputs
        self.draw = one_at_a_time(self._draw)  # a seed and its draws belong together

    @cached_property
    def _function(self) -> tuple[Any, Inputs, list[SharedVariable], bool]:
        inputs = Inputs(self.graph, self.outputs, "draw")
        samples = pt.lscalar("samples")
        vectorised = self._vectorised(inputs, samples)
        outputs = self.outputs if vectorised is None else vectorised
        one_draw = [argument for _, _, argument in inputs.slots]
        variables = one_draw if vectorised is None else [samples, *inputs.variables]
        generators = [
            variable
            for variable in graph_inputs(outputs)
            if isinstance(variable, SharedVariable) and isinstance(variable.type, RandomType)
        ]
        return compile_python(variables, outputs), inputs, generators, vectorised is not None

    def _vectorised(self, inputs: Inputs, samples: Variable) -> list[Variable] | None:
        try:
            outputs = _sized(_opened(self.outputs))
            nodes = _random_nodes(outputs)
            if not all(isinstance(node.op, RandomVariable) for node in nodes):
                return None
            sizes = {
                size: pt.concatenate([samples[None], pt.cast(_without_draws(size, inputs), "int64")])
                for size in {node.op.size_param(node) for node in nodes}
            }
            batched = vectorize_graph(outputs, replace={**inputs.replacement, **sizes})
        except (NotImplementedError, ValueError, TypeError):
            return None
        # A parameter that is a constant has no axis over draws.
        pairs = zip(batched, outputs, strict=True)
        return [drawn if drawn.ndim > plain.ndim else pt.repeat(drawn[None], samples, axis=0) for drawn, plain in pairs]

    def _draw(self, arguments: Arguments, samples: int, cells: int, random_seed: int | None) -> list[np.ndarray]:
        """Each variable at every posterior draw, shape (samples, ...); `cells` is the size of one draw."""
        function, inputs, generators, vectorised = self._function
        reseed_rngs(generators, random_seed)
        if not vectorised:
            rows = [function(*inputs.arrays(arguments, sample)) for sample in range(samples)]
            return [np.stack([np.asarray(row[k]) for row in rows]) for k in range(len(self.outputs))]
        step = max(1, CELLS // max(cells, 1))
        chunks = [slice(start, min(start + step, samples)) for start in range(0, samples, step)]
        pieces = [function(chunk.stop - chunk.start, *inputs.arrays(arguments, chunk)) for chunk in chunks]
        return [np.concatenate([piece[k] for piece in pieces]) for k in range(len(self.outputs))]


def _without_draws(size: Variable, inputs: Inputs) -> Variable:
    """The size of one draw, worked out from shapes alone: a draw made to measure it would use up random numbers."""
    plain = rewrite_graph(clone_replace(size, inputs.first_draw), include=("canonicalize", "ShapeOpt"))
    if any(isinstance(variable.type, RandomType) for variable in graph_inputs([plain])):
        raise NotImplementedError("the size of a draw depends on a draw")
    return plain


def _random_nodes(outputs: list[Variable]) -> list[Apply]:
    nodes = {variable.owner for variable in ancestors(outputs) if variable.owner is not None}
    return [node for node in nodes if any(isinstance(entry.type, RandomType) for entry in node.inputs)]


def _opened(outputs: list[Variable]) -> list[Variable]:
    """The same graph with the insides of symbolic distributions laid open."""
    while True:
        nodes = {v.owner for v in ancestors(outputs) if v.owner is not None}
        symbolic = next((node for node in nodes if isinstance(node.op, SymbolicRandomVariable)), None)
        if symbolic is None:
            return outputs
        inside = symbolic.op.fgraph
        opened = inside.bind(dict(zip(inside.inputs, symbolic.inputs, strict=True)))
        outputs = clone_replace(outputs, replace=dict(zip(symbolic.outputs, opened, strict=True)))


def _sized(outputs: list[Variable]) -> list[Variable]:
    """The same graph with an explicit size at every random node."""
    while True:
        unsized = [
            node
            for node in _random_nodes(outputs)
            if isinstance(node.op, RandomVariable) and isinstance(node.op.size_param(node).type, NoneTypeT)
        ]
        if not unsized:
            return outputs
        node = unsized[0]
        batch = node.outputs[1].ndim - node.op.ndim_supp
        parameters = node.op.dist_params(node)
        shape = node.op._infer_shape(node.inputs[1], parameters)[:batch]
        size = (
            pt.stack([pt.as_tensor(length) for length in shape]) if batch else pt.constant(np.zeros(0, dtype="int64"))
        )
        explicit = node.op.make_node(node.inputs[0], pt.cast(size, "int64"), *parameters)
        outputs = clone_replace(outputs, replace=dict(zip(node.outputs, explicit.outputs, strict=True)))
