"""New entries of free variables, drawn from their prior at each posterior draw: unseen groups, later states."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from pytensor.graph.basic import Variable

from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.compiled.batched_arguments import CELLS
from learning_debt.forecasters.pymc.compiled.density import cells_of
from learning_debt.forecasters.pymc.compiled.simulation import Simulation
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph

SEQUENTIAL = ("RandomWalkRV", "AutoRegressiveRV", "MvNormalRV")
"""Distributions whose further entries follow from the ones already there by a rule of `continued`."""


class Axis(NamedTuple):
    """How a random variable lies along one of its axes: `time` counts its axes from the first of its support."""

    operation: str
    in_support: bool


def axis_of(variable: Variable, axis: int) -> Axis:
    """How `variable` lies along `axis`."""
    operation = variable.owner.op
    return Axis(type(operation).__name__, axis >= variable.ndim - operation.ndim_supp)


def require_growable(variable: Variable, axis: int, dim: str | None) -> None:
    """Raise unless further entries along `axis` can be drawn given those at hand."""
    kind = axis_of(variable, axis)
    first = variable.ndim - variable.owner.op.ndim_supp
    if kind.in_support and (kind.operation not in SEQUENTIAL or axis != first):
        raise UnsupportedModelError(
            f"{variable.name!r} cannot take new entries along {dim!r}: {kind.operation.removesuffix('RV')} ties all of "
            "them together. Independent effects, GaussianRandomWalk, AR and MvNormal can"
        )


class Continuation:
    """Draws the further entries of one random variable, free or observed."""

    def __init__(self, graph: ModelGraph, variable: Variable, axes: tuple[int, ...]) -> None:
        self.graph, self.variable = graph, variable
        for axis in axes:
            require_growable(variable, axis, graph.dims(str(variable.name), variable.ndim)[axis])
        support = [axis for axis in axes if axis_of(variable, axis).in_support]
        self.axis = support[0] if support else None
        self.operation = axis_of(variable, support[0]).operation if support else ""
        self.recursive = self.operation == "AutoRegressiveRV" and axes == (self.axis,)

    @cached_property
    def _simulation(self) -> Simulation:
        """The variable afresh, and the parameters its continuation needs."""
        fresh = [] if self.recursive else self.graph.random([self.variable])
        parameters: list[Variable] = []
        if self.operation == "AutoRegressiveRV":
            parameters = self.variable.owner.inputs[:2]
        if self.operation == "MvNormalRV":
            parameters = list(self.variable.owner.op.dist_params(self.variable.owner))
        return Simulation(self.graph, [*fresh, *self.graph.of_draws(parameters)])

    def draw(self, arguments: Arguments, known: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
        """Values of `shape`, per draw; those of `known`, shape (samples, ...), stay at the front of each axis."""
        step = max(1, CELLS // cells_of(shape[-1] if shape else 1, 1, self.operation == "MvNormalRV"))
        if len(known) <= step:
            return self._draw(arguments, known, shape, seed)
        chunks = [slice(start, start + step) for start in range(0, len(known), step)]  # covariances are large
        seeds = np.random.SeedSequence(seed).generate_state(len(chunks)).tolist()
        draws = [{name: values[chunk] for name, values in arguments["draw"].items()} for chunk in chunks]
        pieces = zip(chunks, draws, seeds, strict=True)
        return np.concatenate([self._draw({**arguments, "draw": d}, known[c], shape, s) for c, d, s in pieces])

    def _draw(self, arguments: Arguments, known: np.ndarray, shape: tuple[int, ...], seed: int) -> np.ndarray:
        samples = len(known)
        drawn = self._simulation.draw(arguments, samples, int(np.prod(shape)), seed)
        rng, operation = np.random.default_rng(seed + 1), self.variable.owner.op
        if self.recursive:
            return _autoregression(known, drawn, shape[-1], operation, rng)
        fresh, parameters = np.broadcast_to(drawn[0], (samples, *shape)).astype(known.dtype), drawn[1:]
        if self.axis is None:
            fresh[tuple(slice(size) for size in known.shape)] = known
            return fresh
        rest = tuple(slice(size) if k != self.axis + 1 else slice(None) for k, size in enumerate(known.shape))
        if self.operation == "AutoRegressiveRV":
            fresh[rest] = _autoregression(known, parameters, shape[-1], operation, rng)
        elif self.operation == "RandomWalkRV":
            fresh[rest] = _walk(known, fresh[rest], self.axis + 1)
        else:
            fresh[rest] = _gaussian(known, fresh[rest], *parameters)
        return fresh


def _walk(known: np.ndarray, fresh: np.ndarray, axis: int) -> np.ndarray:
    """The known path, then the steps that the fresh one takes from there."""
    steps = known.shape[axis]
    if steps == 0:
        return fresh
    before = np.moveaxis(fresh, axis, 0)
    after = before - before[steps - 1] + np.moveaxis(known, axis, 0)[-1]
    return np.moveaxis(np.concatenate([np.moveaxis(known, axis, 0), after[steps:]]), 0, axis)


def _autoregression(
    known: np.ndarray, parameters: list[np.ndarray], length: int, operation: Any, rng: np.random.Generator
) -> np.ndarray:
    """y_t = c + rho_1 y_(t-1) + ... + rho_p y_(t-p) + sigma e_t, from the last known values on; time is last."""
    order, constant = operation.ar_order, operation.constant_term
    coefficients, scale = (np.asarray(value) for value in parameters)
    batch = known.ndim - 1
    coefficients = coefficients.reshape(-1, *(1,) * (batch + 1 - coefficients.ndim), *coefficients.shape[1:])
    scale = scale.reshape(-1, *(1,) * (batch - scale.ndim), *scale.shape[1:])
    if known.shape[-1] < order:
        raise ValueError(f"an autoregression of order {order} needs {order} values to go on from")
    level, slopes = (coefficients[..., 0], coefficients[..., 1:]) if constant else (0.0, coefficients)
    path = np.empty((*known.shape[:-1], length))
    path[..., : known.shape[-1]] = known
    for t in range(known.shape[-1], length):
        lags = path[..., t - order : t][..., ::-1]
        path[..., t] = level + (slopes * lags).sum(axis=-1) + scale * rng.standard_normal(known.shape[:-1])
    return path


def _gaussian(known: np.ndarray, fresh: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """A multivariate normal given its first values, by Matheron's rule: f_new + K_np inv(K_pp) (known - f_past)."""
    n = known.shape[-1]
    if n == 0:
        return fresh
    covariance = covariance if covariance.ndim == known.ndim + 1 else covariance[None]
    past, across = covariance[..., :n, :n], covariance[..., n:, :n]
    pull = np.linalg.solve(past, (known - fresh[..., :n])[..., None])
    return np.concatenate([known, fresh[..., n:] + (across @ pull)[..., 0]], axis=-1)


class Growth:
    """The further entries of all free variables of a model."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph
        self.continuations = {
            rv.name: Continuation(graph, rv, graph.growing[rv.name]) for rv in graph.free if rv.name in graph.growing
        }

    def extended(
        self,
        draws: dict[str, np.ndarray],
        arguments: Arguments,
        lengths: dict[str, int],
        random_seed: np.random.SeedSequence,
    ) -> dict[str, np.ndarray]:
        """Draws in which every growing axis has the length asked for.

        Parents come before children in the model's own order, so a new group's hyper-parameters are there when its
        effects are drawn.
        """
        values = dict(draws)
        seeds = random_seed.generate_state(len(self.continuations)).tolist()
        for (name, continuation), seed in zip(self.continuations.items(), seeds, strict=True):
            dims = self.graph.dims(name, values[name].ndim - 1)
            shape = tuple(
                lengths[dim] if axis in self.graph.growing[name] and dim is not None else size
                for axis, (dim, size) in enumerate(zip(dims, values[name].shape[1:], strict=True))
            )
            if shape != values[name].shape[1:]:
                values[name] = continuation.draw({**arguments, "draw": values}, values[name], shape, seed)
        return values
