"""Functions of a model's draws and data: log densities, the joint density, transforms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pymc.pytensorf import compile as compile_pymc
from pytensor.compile.mode import get_mode
from pytensor.graph.basic import Variable
from pytensor.graph.replace import vectorize_graph

from learning_debt.forecasters.pymc.compiled.batched_arguments import CELLS, Inputs
from learning_debt.forecasters.pymc.compiled.outcome_family import OutcomeParameters, outcome_parameters
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph, compile_python
from learning_debt.forecasters.pymc.model.threads import WORKSHOP, one_at_a_time


@dataclass(frozen=True)
class Scoring:
    """How rows may be scored.

    Attributes
    ----------
    alone : bool
        Whether rows score the same without the rows before them.
    ordered : tuple of str
        Labelled growing dimensions whose new entries continue the last, so that the steps in between count.
    lagged : bool
        Whether outcomes are covariates of rows after them.
    series : bool
        Whether an outcome's rows are one series, each following from those before.
    undrawable : str
        Why there are no predictive draws; empty when there are.
    """

    alone: bool
    ordered: tuple[str, ...] = ()
    lagged: bool = False
    series: bool = False
    undrawable: str = ""

    @property
    def feedback(self) -> bool:
        """Whether a row's distribution depends on the outcomes of rows before it."""
        return self.lagged or self.series

    @property
    def needs_past(self) -> bool:
        """Whether a batch needs the rows it follows."""
        return not self.alone or bool(self.ordered)


PAIRS_PER_CELL = 10
"""Where rows hang together (adstock, Gaussian processes), a function may hold every pair of them at every draw."""


def cells_of(rows: int, numbers: int, pairs: bool) -> int:
    """What one draw of `rows` rows with `numbers` outcomes counts for, against `CELLS`."""
    return max(numbers, rows * rows // PAIRS_PER_CELL if pairs else 0, 1)


class Density:
    """The compiled functions shared by all builds that compute the same density.

    Attributes
    ----------
    scoring : Scoring or None
        How rows may be scored; None until the first fit has found out.
    """

    def __init__(self, graph: ModelGraph, compile_kwargs: dict[str, Any] | None = None) -> None:
        self.graph = graph
        self.compile_kwargs = compile_kwargs or {}
        self.scoring: Scoring | None = None
        self.family_checked: bool | None = None
        """Whether the outcome's family gives the compiled log densities; None until it has been tried."""
        self.outcome_kind: str | None = None
        """"continuous", "count" or "other"; None until it has been asked for."""

    @property
    def pairs(self) -> bool:
        """Whether every pair of rows may meet; in a plain time series they do not."""
        alone = self.scoring is not None and self.scoring.alone
        return not (alone or all(outcome.is_path for outcome in self.graph.outcomes))

    @cached_property
    def _pointwise(self) -> tuple[Any, Inputs]:
        return self._compiled(self.graph.pointwise, "draw")

    @cached_property
    def _joint(self) -> tuple[Any, Inputs]:
        return self._compiled([self.graph.joint], "value")

    @cached_property
    def outcome_parameters(self) -> OutcomeParameters | None:
        """Parameters of the outcome's family; None where it has no known one."""
        return outcome_parameters(self.graph)

    @cached_property
    def _weighted_joint(self) -> tuple[Any, Inputs]:
        return self._compiled([self.graph.weighted_joint], "value")

    def _compiled(self, outputs: list[Variable], batch: str) -> tuple[Any, Inputs]:
        inputs = Inputs(self.graph, outputs, batch)
        vectorised = vectorize_graph(outputs, replace=inputs.replacement)
        options = {"random_seed": False, "on_unused_input": "ignore", **self.compile_kwargs}
        if any(outcome.is_path for outcome in self.graph.outcomes):
            # This rewrite loses that an axis has length one where a first value's density knows no parameter.
            options["mode"] = get_mode(options.get("mode")).excluding("local_elemwise_alloc")
        with WORKSHOP:
            return one_at_a_time(compile_pymc(inputs.variables, vectorised, **options)), inputs

    def log_density(self, arguments: Arguments, samples: int, rows: int) -> list[np.ndarray]:
        """log p(y_n | rows before n, theta_s) of each outcome, shape (samples, rows); of a path (samples, 1)."""
        function, inputs = self._pointwise
        step = max(1, CELLS // cells_of(rows, rows, self.pairs))
        pieces = [function(*inputs.arrays(arguments, slice(start, start + step))) for start in range(0, samples, step)]
        return [
            _whole([np.asarray(piece[k]) for piece in pieces], samples, outcome.is_path)
            for k, outcome in enumerate(self.graph.outcomes)
        ]

    def log_joint(self, arguments: Arguments, points: int, rows: int) -> np.ndarray:
        """Unnormalised log posterior on the unconstrained scale, shape (points,); with weights if there are any."""
        function, inputs = self._weighted_joint if "weight" in arguments else self._joint
        result = np.empty(points)
        step = max(1, CELLS // cells_of(rows, rows, self.pairs))
        for start in range(0, points, step):
            result[start : start + step] = function(*inputs.arrays(arguments, slice(start, start + step)))[0]
        return result


def _whole(pieces: list[np.ndarray], samples: int, is_path: bool) -> np.ndarray:
    """Chunks of draws put together, shape (samples, rows); a term without draws in it comes without their axis."""
    whole = np.concatenate([np.atleast_1d(p)[:, None] if is_path else np.atleast_2d(p) for p in pieces])
    return whole if len(whole) == samples else np.repeat(whole[:1], samples, axis=0)


class Transforms:
    """Natural to unconstrained scale and back, for draws from any sampler."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph

    @cached_property
    def _forward(self) -> tuple[Any, Inputs]:
        inputs = Inputs(self.graph, self.graph.forward, "draw")
        outputs = vectorize_graph(self.graph.forward, replace=inputs.replacement)
        return compile_python(inputs.variables, outputs), inputs

    @cached_property
    def _backward(self) -> tuple[Any, Inputs]:
        inputs = Inputs(self.graph, self.graph.backward, "value")
        outputs = vectorize_graph(self.graph.backward, replace=inputs.replacement)
        return compile_python(inputs.variables, outputs), inputs

    def constrained(self, arguments: Arguments) -> dict[str, np.ndarray]:
        """Free variables on the natural scale at points ("value"), shape (points, ...) each."""
        function, inputs = self._backward
        outputs = function(*inputs.arrays(arguments, slice(None)))
        return {rv.name: np.asarray(output) for rv, output in zip(self.graph.free, outputs, strict=True)}

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
