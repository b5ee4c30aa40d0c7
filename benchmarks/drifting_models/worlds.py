"""Worlds that drift in a known way, and the rows that they show.

As in the reference study (`learning_debt_study.scenarios`): after a burn-in a shift comes with a fixed probability a
period, once a series. It moves all coefficients at once, sets them wandering, or changes the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

Array = NDArray[np.float64]

EVALUATION_ROWS = 128
"""Scrambled Sobol points over inputs and the outcome's quantile, so that they stand for many more independent rows."""


@dataclass(frozen=True)
class World:
    """One model's world; the defaults are the sizes of the study.

    Attributes
    ----------
    name : str
    coefficients : tuple of float
        Of an intercept and standard normal inputs, before any shift.
    spread : float
        Dispersion of counts, scale of errors with tails; nothing to a yes or no.
    jump, step : float
        Standard deviation of every coefficient's move, in an abrupt shift and in each period of a gradual one.
    shifts : tuple of str
    rows, warm_rows : int
        Of each period, and before the first.
    periods, burn_in : int
    probability : float
        Of a shift, in each period after the burn-in.
    """

    name: str
    coefficients: tuple[float, ...]
    spread: float
    jump: float
    step: float
    shifts: tuple[str, ...] = ("none", "abrupt", "gradual", "noise")
    rows: int = 5
    warm_rows: int = 60
    periods: int = 40
    burn_in: int = 5
    probability: float = 0.1


DEGREES = 4.0
COUNTS = World("counts", (0.5, 0.4, -0.3), 4.0, jump=0.6, step=0.06)
TAILS = World("tails", (0.0, 1.0, -1.0), 1.0, jump=1.2, step=0.09)
CHOICES = World("choices", (-0.5, 1.0, -0.7), 1.0, jump=1.2, step=0.12, shifts=("none", "abrupt", "gradual"), rows=10)
WORLDS = (COUNTS, TAILS, CHOICES)


class Truth(NamedTuple):
    """What holds in period 0 (the warm start) and in periods 1..T: shapes (T + 1, coefficients) and (T + 1,)."""

    coefficients: Array
    spread: Array


class Series(NamedTuple):
    """One simulated series.

    Attributes
    ----------
    truth : Truth
    history : Dataset (obs, coefficient)
        Rows with ``x``, ``y`` and ``period``; period 0 is the warm start.
    x, y : ndarray, shapes (T, rows, coefficients) and (T, rows)
        Evaluation rows of periods 1..T, which nobody is fitted to.
    """

    truth: Truth
    history: xr.Dataset
    x: Array
    y: Array


def generator(world: World, shift: str, number: int, seed: int) -> np.random.Generator:
    """Random numbers of one series, which others do not touch."""
    place = [one.name for one in WORLDS].index(world.name), world.shifts.index(shift)
    return np.random.default_rng([seed, *place, 0, number])


def simulate(world: World, shift: str, rng: np.random.Generator) -> Series:
    """A series of a world in which `shift` may come."""
    truth = draw_truth(world, shift, rng)
    period = np.repeat(np.arange(world.periods + 1), [world.warm_rows, *[world.rows] * world.periods])
    inputs = len(world.coefficients) - 1
    x = _with_intercept(rng.normal(size=(period.size, inputs)))
    y = outcome(world, x, truth.coefficients[period], truth.spread[period], rng.random(period.size))
    history = xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y), "period": ("obs", period)})
    points = np.stack([_points(inputs + 1, rng) for _ in range(world.periods)])
    at = _with_intercept(stats.norm.ppf(points[..., :-1]))
    then = np.repeat(truth.coefficients[1:, None], points.shape[1], axis=1)
    return Series(truth, history, at, outcome(world, at, then, truth.spread[1:, None], points[..., -1]))


def draw_truth(world: World, shift: str, rng: np.random.Generator) -> Truth:
    """Coefficients and spread, period by period."""
    coefficients = np.tile(world.coefficients, (world.periods + 1, 1)).astype(float)
    spread = np.full(world.periods + 1, world.spread)
    come = rng.random(world.periods) < world.probability
    come[: world.burn_in] = False
    if shift == "none" or not come.any():
        return Truth(coefficients, spread)
    first = 1 + int(np.argmax(come))
    if shift == "noise":
        times = rng.uniform(3, 6)
        spread[first:] *= 1 / times if world.name == "counts" else np.sqrt(times)
    elif shift == "abrupt":
        coefficients[first:] += world.jump * rng.normal(size=coefficients.shape[1])
    else:
        coefficients[first:] += np.cumsum(world.step * rng.normal(size=coefficients[first:].shape), axis=0)
    return Truth(coefficients, spread)


def outcome(world: World, x: Array, coefficients: Array, spread: ArrayLike, uniform: Array) -> Array:
    """Quantiles of the outcome at inputs of shape (..., coefficients): its distribution, if `uniform` is uniform."""
    return QUANTILE[world.name]((x * coefficients).sum(axis=-1), np.asarray(spread), uniform)


def _counts(predictor: Array, dispersion: Array, uniform: Array) -> Array:
    return stats.nbinom.ppf(uniform, dispersion, dispersion / (dispersion + np.exp(predictor))).astype(np.int64)


def _tails(predictor: Array, scale: Array, uniform: Array) -> Array:
    return predictor + scale * stats.t.ppf(uniform, DEGREES)


def _choices(predictor: Array, _: Array, uniform: Array) -> Array:
    return (uniform < special.expit(predictor)).astype(np.int64)


QUANTILE: dict[str, Callable[[Array, Array, Array], Array]] = {"counts": _counts, "tails": _tails, "choices": _choices}


def _with_intercept(x: Array) -> Array:
    return np.concatenate([np.ones((*x.shape[:-1], 1)), x], axis=-1)


def _points(dimension: int, rng: np.random.Generator) -> Array:
    points = stats.qmc.Sobol(dimension, rng=rng).random(EVALUATION_ROWS)
    return np.clip(points, 1e-9, 1 - 1e-9)
