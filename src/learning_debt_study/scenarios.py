"""Paths of the reference study: what the world does, period by period, before anyone forecasts it.

A path is one simulated stretch of deployment of y = x beta_t + sqrt(s2_t) e. Depending on its shift type, beta_t or
s2_t moves at some random period after a burn-in; misspecified worlds have heavier tails, a variance that depends on x,
or curvature. Katz (arXiv 2604.06438), simulation study; the order of draws is part of the reference, so that a seed
gives the published path.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.typing import Array
from learning_debt_study import random_stream

Purpose = Literal["calibration", "tuning", "test"]

SHIFTS = ("none", "abrupt_coef", "variance", "gradual")
"""Shift types, in the order that their seeds follow."""
BASE_SEEDS: dict[Purpose, int] = {"calibration": 120_000, "tuning": 220_000, "test": 320_000}
REDEPLOYMENT_PROBABILITY = 1 / 25
"""A calibration path retrains at random, this often a period, so that spells of all ages are seen."""

_NONE, _ABRUPT, _VARIANCE, _GRADUAL = range(4)


def _check_shift(shift: str) -> None:
    if shift not in SHIFTS:
        raise ValueError(f"unknown shift type {shift!r}; there are {', '.join(SHIFTS)}")


def _check_probability(probability: float) -> None:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must lie in [0, 1], not {probability}")


def _check_purpose(purpose: str) -> None:
    if purpose not in BASE_SEEDS:
        raise ValueError(f"unknown purpose {purpose!r}; there are {', '.join(BASE_SEEDS)}")


@dataclass(frozen=True)
class Design:
    """Sizes of a study; the defaults are the published ones.

    Attributes
    ----------
    periods, burn_in : int
        Periods of a path, and how many of the first see no shift.
    warm_start_rows, update_rows, monitor_rows, evaluation_rows : int
        Rows the first posterior is fitted to, and rows of each period's three batches.
    shifts : tuple of str
    probabilities : tuple of float
        Of a shift, in each period after the burn-in; a cell of the study is a (shift, probability) pair.
    cost_ratios : tuple of float
        Retraining costs in score units.
    calibration_paths, tuning_paths, test_paths : int
        Paths of each cell.

    Examples
    --------
    >>> PAPER.periods, SMOKE.periods, SMOKE.paths("test")
    (200, 50, 3)
    """

    periods: int = 200
    burn_in: int = 20
    warm_start_rows: int = 300
    update_rows: int = 5
    monitor_rows: int = 5
    evaluation_rows: int = 40
    shifts: tuple[str, ...] = SHIFTS
    probabilities: tuple[float, ...] = (0.02, 0.05, 0.10, 0.20)
    cost_ratios: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
    calibration_paths: int = 20
    tuning_paths: int = 8
    test_paths: int = 100

    def __post_init__(self) -> None:
        sizes = ("periods", "warm_start_rows", "update_rows", "monitor_rows", "evaluation_rows")
        for name in (*sizes, "calibration_paths", "tuning_paths", "test_paths"):
            if getattr(self, name) < 1:
                raise ValueError(f"a design needs at least 1 of {name}, not {getattr(self, name)}")
        if self.burn_in < 0:
            raise ValueError(f"burn_in must be at least 0, not {self.burn_in}")
        for shift in self.shifts:
            _check_shift(shift)
        for probability in self.probabilities:
            _check_probability(probability)

    def paths(self, purpose: Purpose) -> int:
        """Paths of each cell that serve one purpose."""
        _check_purpose(purpose)
        return {"calibration": self.calibration_paths, "tuning": self.tuning_paths, "test": self.test_paths}[purpose]


PAPER = Design()
"""The published study."""
SMOKE = Design(
    periods=50,
    burn_in=8,
    warm_start_rows=80,
    evaluation_rows=30,
    probabilities=(0.05, 0.10),
    cost_ratios=(0.5, 1.0, 2.0),
    calibration_paths=2,
    tuning_paths=2,
    test_paths=3,
)
"""The same in seconds, for quick checks."""


@dataclass(frozen=True)
class Misspecification:
    """How the world departs from the forecaster's model; the defaults do not.

    Attributes
    ----------
    tail : float, optional
        Degrees of freedom nu > 2 of Student-t noise, scaled to variance 1; None or infinity for normal noise.
    heteroskedasticity : float
        theta >= 0: the noise's standard deviation is multiplied by sqrt((1 + theta x^2) / (1 + theta)).
    curvature : float
        c: the mean is x beta_t + c (x^2 - 1).

    Examples
    --------
    >>> Misspecification(tail=4)
    Misspecification(tail=4, heteroskedasticity=0.0, curvature=0.0)
    """

    tail: float | None = None
    heteroskedasticity: float = 0.0
    curvature: float = 0.0

    def __post_init__(self) -> None:
        if self.tail is not None and not self.tail > 2:
            raise ValueError(f"tail must have more than 2 degrees of freedom (a finite variance), not {self.tail}")
        if not 0 <= self.heteroskedasticity < math.inf:
            raise ValueError(f"heteroskedasticity must be at least 0 and finite, not {self.heteroskedasticity}")
        if not math.isfinite(self.curvature):
            raise ValueError(f"curvature must be finite, not {self.curvature}")


class Paths(NamedTuple):
    """Paths of one cell; the rows of a (path, period) pair lie side by side in memory.

    Attributes
    ----------
    update_x, update_y, monitor_x, monitor_y, evaluation_x, evaluation_y : ndarray, shape (paths, periods, rows)
    warm_start_x, warm_start_y : ndarray, shape (paths, warm_start_rows)
    coefficient, variance : ndarray, shape (paths, periods)
        The true beta_t and s2_t.
    redeployed : ndarray of bool, shape (paths, periods), or (0, periods) unless asked for
        At the end of which periods a calibration path retrains; never in the last.
    """

    update_x: Array
    update_y: Array
    monitor_x: Array
    monitor_y: Array
    evaluation_x: Array
    evaluation_y: Array
    warm_start_x: Array
    warm_start_y: Array
    coefficient: Array
    variance: Array
    redeployed: NDArray[np.bool_]


def path_seed(base: int, shift_position: int, probability_position: int, simulation: int, repetition: int = 0) -> int:
    """Seed of one path; positions in the lists in use and `simulation` count from 1, `repetition` from 0.

    Different uses share seeds, as published: tuning paths of one shift type have those of the calibration paths of the
    next type, and test paths those of the type after.

    Examples
    --------
    >>> path_seed(BASE_SEEDS["tuning"], 2, 1, 7, repetition=3)
    3430007
    """
    if min(shift_position, probability_position, simulation) < 1 or repetition < 0:
        raise ValueError("positions and simulations count from 1, repetitions from 0")
    return base + 100_000 * shift_position + 10_000 * probability_position + simulation + 1_000_000 * repetition


def cell_seeds(
    purpose: Purpose, shift: str, probability: float, design: Design = PAPER, repetition: int = 0
) -> NDArray[np.int64]:
    """Seeds of all paths of one cell, shape (paths,).

    Examples
    --------
    >>> cell_seeds("test", "gradual", 0.05, SMOKE)
    array([730001, 730002, 730003])
    """
    count = design.paths(purpose)
    for name, value, values in (("shift", shift, design.shifts), ("probability", probability, design.probabilities)):
        if value not in values:
            raise ValueError(f"{name} {value!r} is not in the design's {values}")
    positions = design.shifts.index(shift) + 1, design.probabilities.index(probability) + 1
    first = path_seed(BASE_SEEDS[purpose], *positions, 1, repetition)
    return first + np.arange(count, dtype=np.int64)


def draw_paths(
    shift: str,
    probability: float,
    seeds: Sequence[int] | NDArray[np.int64],
    *,
    design: Design = PAPER,
    misspecification: Misspecification | None = None,
    calibration: bool = False,
    threads: int | None = None,
) -> Paths:
    """Draw one path per seed.

    Parameters
    ----------
    shift : {"none", "abrupt_coef", "variance", "gradual"}
    probability : float
        Of a shift in each period after the burn-in, in [0, 1].
    seeds : sequence of int
        One stream per path, as `cell_seeds` numbers them.
    design : Design
        Only its sizes are used.
    misspecification : Misspecification, optional
    calibration : bool
        Also draw when the path retrains; this comes last in the stream, so all else is the same without.
    threads : int, optional
        Paths drawn at a time; numba's number of threads unless given.

    Returns
    -------
    Paths
        About 170 kB a path at the published sizes: draw long lists in chunks.

    Raises
    ------
    ValueError
        Naming the argument that is out of range.

    Examples
    --------
    >>> paths = draw_paths("variance", 0.1, cell_seeds("test", "variance", 0.1, SMOKE), design=SMOKE)
    >>> paths.evaluation_y.shape, paths.variance[:, -1].round(3)
    ((3, 50, 30), array([5.736, 4.43 , 5.147]))
    """
    world = _World.of(shift, probability, design, misspecification or Misspecification())
    numbers = _check_seeds(seeds)
    count = len(numbers)
    threads = get_num_threads() if threads is None else threads
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    paths = _empty_paths(count, design, calibration)
    edges = np.linspace(0, count, min(threads, count) + 1).astype(int)
    parts = [slice(first, last) for first, last in itertools.pairwise(edges)]
    if len(parts) == 1:
        _fill(numbers, world, paths)
        return paths
    # Threads of our own: numba's parallel loops may neither be forked nor entered by two threads at once.
    with ThreadPoolExecutor(len(parts)) as pool:
        pending = [pool.submit(_fill, numbers[part], world, Paths._make(a[part] for a in paths)) for part in parts]
    for part_done in pending:
        part_done.result()
    return paths


class _World(NamedTuple):
    """Numbers the compiled functions need; `shift` is a position in SHIFTS, `tail` infinite for normal noise."""

    shift: int
    probability: float
    burn_in: int
    tail: float
    heteroskedasticity: float
    curvature: float

    @classmethod
    def of(cls, shift: str, probability: float, design: Design, misspecification: Misspecification) -> _World:
        _check_shift(shift)
        _check_probability(probability)
        tail = math.inf if misspecification.tail is None else float(misspecification.tail)
        theta, curvature = float(misspecification.heteroskedasticity), float(misspecification.curvature)
        return cls(SHIFTS.index(shift), float(probability), design.burn_in, tail, theta, curvature)


def _empty_paths(count: int, design: Design, calibration: bool) -> Paths:
    periods = design.periods
    update = (count, periods, design.update_rows)
    monitor = (count, periods, design.monitor_rows)
    evaluation = (count, periods, design.evaluation_rows)
    warm_start = (count, design.warm_start_rows)
    return Paths(
        *(np.empty(update), np.empty(update)),
        *(np.empty(monitor), np.empty(monitor)),
        *(np.empty(evaluation), np.empty(evaluation)),
        *(np.empty(warm_start), np.empty(warm_start)),
        *(np.empty((count, periods)), np.empty((count, periods))),
        np.zeros((count if calibration else 0, periods), dtype=np.bool_),
    )


def _check_seeds(seeds: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    numbers = np.asarray(seeds)
    if numbers.ndim != 1 or numbers.size == 0:
        raise ValueError(f"seeds must be a list of at least one path's, not of shape {numbers.shape}")
    if not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0 or numbers.max() >= 2**32:
        raise ValueError("seeds must be whole numbers of at least 0 and below 2^32")
    return numbers.astype(np.int64)


@njit(cache=CACHE, nogil=True)
def _fill(seeds: NDArray[np.int64], world: _World, paths: Paths) -> None:
    """Draw all paths, each from its own stream, in the published order."""
    state = np.empty(random_stream.WORDS + 1, dtype=np.uint32)
    for i in range(seeds.shape[0]):
        random_stream.seed(state, seeds[i])
        beta, variance = paths.coefficient[i], paths.variance[i]
        _draw_truth(state, world, beta, variance)
        _draw_columns(state, paths.update_x[i])
        _draw_columns(state, paths.monitor_x[i])
        _draw_columns(state, paths.evaluation_x[i])
        _draw_outcomes(state, world, beta, variance, paths.update_x[i], paths.update_y[i])
        _draw_outcomes(state, world, beta, variance, paths.monitor_x[i], paths.monitor_y[i])
        _draw_outcomes(state, world, beta, variance, paths.evaluation_x[i], paths.evaluation_y[i])
        for k in range(paths.warm_start_x.shape[1]):
            paths.warm_start_x[i, k] = random_stream.normal(state)
        for k in range(paths.warm_start_y.shape[1]):
            paths.warm_start_y[i, k] = random_stream.normal(state)
        if paths.redeployed.shape[0] > 0:
            for t in range(paths.redeployed.shape[1] - 1):
                paths.redeployed[i, t] = random_stream.uniform(state) < REDEPLOYMENT_PROBABILITY


@njit(cache=CACHE, nogil=True)
def _draw_truth(state: random_stream.State, world: _World, coefficient: Array, variance: Array) -> None:
    """beta_t and s2_t after each period's step; arrays of shape (periods,)."""
    beta, s2, shifted = 0.0, 1.0, False
    for t in range(coefficient.shape[0]):
        shifts = False
        if world.shift != _NONE and t >= world.burn_in and not shifted:
            shifts = shifted = random_stream.uniform(state) < world.probability
        if world.shift == _ABRUPT and shifts:
            beta += 2.0 * random_stream.normal(state)
        elif world.shift == _VARIANCE and shifts:
            s2 *= random_stream.uniform_between(state, 3.0, 6.0)
        elif world.shift == _GRADUAL and shifted:
            beta += 0.15 * random_stream.normal(state)
        coefficient[t] = beta
        variance[t] = s2


@njit(cache=CACHE, nogil=True)
def _draw_columns(state: random_stream.State, x: Array) -> None:
    """Standard normals, shape (periods, rows), all periods of the first row's place first."""
    for j in range(x.shape[1]):
        for t in range(x.shape[0]):
            x[t, j] = random_stream.normal(state)


@njit(cache=CACHE, nogil=True)
def _draw_outcomes(
    state: random_stream.State, world: _World, coefficient: Array, variance: Array, x: Array, y: Array
) -> None:
    """y = x beta_t + c (x^2 - 1) + sqrt(s2_t) scale(x) noise, in the order of `_draw_columns`."""
    unit = 1.0 if math.isinf(world.tail) else math.sqrt((world.tail - 2.0) / world.tail)
    theta = world.heteroskedasticity
    for j in range(x.shape[1]):
        for t in range(x.shape[0]):
            noise = unit * random_stream.student_t(state, world.tail)
            square = x[t, j] * x[t, j]
            scale = math.sqrt((1.0 + theta * square) / (1.0 + theta))
            mean = coefficient[t] * x[t, j] + world.curvature * (square - 1.0)
            y[t, j] = mean + math.sqrt(variance[t]) * scale * noise
