"""Parameters of an outcome's distribution at all draws, where it is of a known one-dimensional family."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from pytensor.graph.basic import Variable
from pytensor.graph.replace import vectorize_graph
from pytensor.tensor.random.op import RandomVariable

from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.forecasters.pymc.compiled.batched_arguments import CELLS, Inputs
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph, compile_python

FAMILY_OF = {
    "NormalRV": "normal",
    "StudentTRV": "student_t",
    "PoissonRV": "poisson",
    "NegBinomialRV": "negative_binomial",
    "BinomialRV": "binomial",
    "BernoulliRV": "bernoulli",
    "GeometricRV": "geometric",
    "LogNormalRV": "log_normal",
    "GammaRV": "gamma",
    "ExponentialRV": "exponential",
    "HalfNormalRV": "half_normal",
    "LaplaceRV": "laplace",
}
"""Families by the operation that draws them; both take their parameters in the same order."""
PROBES = (0.3, 1.0, 5.2)
"""Outcomes at which a family is held against the compiled log density, beside the medians of its parameters."""


class OutcomeParameters:
    """One compiled function of draws and data, without outcomes."""

    def __init__(self, graph: ModelGraph, family: str, parameters: list[Variable]) -> None:
        self.graph, self.family, self.plain = graph, family, parameters

    @cached_property
    def _function(self) -> tuple[Any, Inputs]:
        inputs = Inputs(self.graph, self.plain, "draw")
        return compile_python(inputs.variables, vectorize_graph(self.plain, replace=inputs.replacement)), inputs

    def at(self, arguments: Arguments, samples: int, rows: int, kept: int, cells: int) -> RowDistributions:
        """Distributions of the last `kept` rows; `cells` is what one draw counts for."""
        function, inputs = self._function
        step = max(1, CELLS // cells)
        starts = range(0, samples, step)
        pieces = [function(*inputs.arrays(arguments, slice(start, start + step))) for start in starts]
        whole = [self._whole([np.asarray(piece[k]) for piece in pieces], k) for k in range(len(self.plain))]
        parts = tuple(p[:, rows - kept :] if p.shape[1] == rows else p for p in whole)
        return RowDistributions(self.family, parts, (samples, kept))

    def _whole(self, pieces: list[np.ndarray], k: int) -> np.ndarray:
        """A parameter with an axis over draws and one over rows, of length one where it does not vary."""
        of_draws = pieces[0].ndim > self.plain[k].ndim
        values = np.concatenate(pieces) if of_draws else pieces[0][None]
        return (values[:, None] if values.ndim == 1 else values).astype(float)

    def probes(self, distributions: RowDistributions) -> list[float]:
        """Positive outcomes near which such distributions have mass; whole numbers for counts."""
        at = [*PROBES, *(abs(float(np.median(values))) for values in distributions.parameters)]
        whole = not self.graph.outcomes[0].variable.dtype.startswith("float")
        return sorted({float(np.rint(value)) for value in at if value < 1e6}) if whole else at


def outcome_parameters(graph: ModelGraph) -> OutcomeParameters | None:
    """None for several outcomes or values a row, outcomes that are covariates, and distributions of another kind."""
    (outcome, *others) = graph.outcomes
    family = FAMILY_OF.get(outcome.operation)
    if others or family is None or outcome.variable.ndim != 1 or outcome.spans_rows or graph.lagged:
        return None
    node = outcome.variable.owner
    if not isinstance(node.op, RandomVariable) or graph.row_dim in graph.growing_dims:
        return None
    parameters = list(node.op.dist_params(node))
    return OutcomeParameters(graph, family, graph.of_draws(parameters)) if _plain(parameters) else None


def _plain(parameters: list[Variable]) -> bool:
    return all(parameter.ndim <= 1 for parameter in parameters)
