"""How a world drifts and where its forecaster is wrong: each takes what holds and gives back what holds with it.

A drift's size is the standard deviation of what it does to the mean of a row, in those of the noise: a move of
coefficients by a vector d moves means by about its length, since columns have variance near 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from benchmarks.worlds.truth import Array, Truth, log_uniform

Mechanism = Callable[[Truth, np.random.Generator], Truth]
HIGHEST_LAG = 0.97
"""Coefficient of the lagged outcome beyond which outcomes would no longer stay where they are."""


def jumps(truth: Truth, rng: np.random.Generator, apart: tuple[float, float], size: tuple[float, float]) -> Truth:
    """Coefficients jump at random times, on average once in a number of periods within `apart`."""
    come = rng.random(len(truth.noise)) < 1 / log_uniform(rng, *apart)
    largest = log_uniform(rng, *size)
    moves = [directed(truth, rng) * largest * rng.uniform(0.5, 1.5) if one else 0 * truth.curvature for one in come]
    return moved(truth, np.cumsum(moves, axis=0))


def pulses(truth: Truth, rng: np.random.Generator) -> Truth:
    """Coefficients jump and fade back, once or twice, as in an epidemic."""
    age = np.arange(len(truth.noise))
    path = np.zeros_like(truth.coefficients)
    for _ in range(rng.integers(1, 2, endpoint=True)):
        since = age - rng.integers(len(age))
        lasts = log_uniform(rng, 3, 30)
        shape = (since >= 0) & (since < lasts) if rng.random() < 0.5 else np.exp(-since / lasts) * (since >= 0)
        path += np.outer(shape, directed(truth, rng) * log_uniform(rng, 0.5, 3))
    return moved(truth, path)


def walk(truth: Truth, rng: np.random.Generator, covered: tuple[float, float]) -> Truth:
    """Coefficients walk at random; over the history they come as far as `covered`."""
    periods = len(truth.noise)
    steps = rng.normal(size=truth.coefficients.shape) * reach(truth, rng)
    return moved(truth, np.cumsum(steps, axis=0) * log_uniform(rng, *covered) / np.sqrt(periods))


def returning_walk(truth: Truth, rng: np.random.Generator) -> Truth:
    """Coefficients wander around where they began, and come back in 3 to 60 periods."""
    kept = 1 - 1 / log_uniform(rng, 3, 60)
    pushes = rng.normal(size=truth.coefficients.shape) * reach(truth, rng) * log_uniform(rng, 0.2, 1.5)
    path = np.zeros_like(pushes)
    for t in range(1, len(path)):
        path[t] = kept * path[t - 1] + np.sqrt(1 - kept**2) * pushes[t]
    return moved(truth, path)


def ageing(truth: Truth, rng: np.random.Generator) -> Truth:
    """Coefficients move by the same amount every period, so that every deployed model ages alike."""
    share = np.linspace(0, 1, len(truth.noise))
    return moved(truth, np.outer(share, directed(truth, rng) * log_uniform(rng, 1, 8)))


def bends(truth: Truth, rng: np.random.Generator) -> Truth:
    """Coefficients move smoothly: their speed wanders, so that a drift goes on for a while and then turns."""
    periods = len(truth.noise)
    kept = 1 - 1 / log_uniform(rng, 5, 60)
    pushes = rng.normal(size=truth.coefficients.shape) * reach(truth, rng)
    speed = np.zeros_like(pushes)
    for t in range(1, periods):
        speed[t] = kept * speed[t - 1] + pushes[t]
    path = np.cumsum(speed, axis=0)
    return moved(truth, path * log_uniform(rng, 0.3, 5) / max(np.linalg.norm(path, axis=1).max(), 1e-9))


def seasons(truth: Truth, rng: np.random.Generator) -> Truth:
    """Coefficients swing with a calendar that the forecaster does not know."""
    cycle = rng.choice([4, 12, 26, 52, len(truth.noise) / 3])
    angle = 2 * np.pi * (np.arange(len(truth.noise)) / cycle + rng.random())
    return moved(truth, np.outer(np.sin(angle) - np.sin(angle[0]), directed(truth, rng) * log_uniform(rng, 0.2, 1.5)))


def noise_regimes(truth: Truth, rng: np.random.Generator) -> Truth:
    """The noise changes its size at random times while means stay where they are."""
    periods = len(truth.noise)
    regime = np.cumsum(rng.random(periods) < 1 / log_uniform(rng, 15, 80))
    size = np.exp(rng.normal(size=periods) * rng.uniform(0.2, 0.9))[regime]
    return replace(truth, noise=truth.noise * size / size[0])


def noise_walk(truth: Truth, rng: np.random.Generator) -> Truth:
    """Stochastic volatility: the logarithm of the noise wanders around where it began."""
    kept, spread = 1 - 1 / log_uniform(rng, 4, 60), rng.uniform(0.2, 0.8)
    level = np.zeros(len(truth.noise))
    for t in range(1, len(level)):
        level[t] = kept * level[t - 1] + np.sqrt(1 - kept**2) * spread * rng.normal()
    return replace(truth, noise=truth.noise * np.exp(level))


def correlated_errors(truth: Truth, rng: np.random.Generator) -> Truth:
    """Rows of a period share an error, and the next period keeps a part of it."""
    return replace(truth, shared_error=rng.uniform(0.2, 0.9), carried_error=rng.uniform(0.4, 0.95))


def heavy_tails(truth: Truth, rng: np.random.Generator) -> Truth:
    """Student-t errors with three degrees of freedom."""
    return replace(truth, degrees=3.0)


def outliers(truth: Truth, rng: np.random.Generator) -> Truth:
    """A few rows with errors many times as large."""
    return replace(truth, outlier_share=log_uniform(rng, 0.003, 0.05), outlier_size=log_uniform(rng, 4, 15))


def missing_curvature(truth: Truth, rng: np.random.Generator) -> Truth:
    """One column works by its square, too; its straight line is right only where that column has been."""
    column = rng.integers(1, len(truth.curvature))
    weight = np.zeros_like(truth.curvature)
    weight[column] = rng.choice([-1, 1]) * log_uniform(rng, 0.2, 1.0)
    return replace(truth, curvature=truth.curvature + weight)


def switching_level(truth: Truth, rng: np.random.Generator) -> Truth:
    """Outcomes switch between two levels and back, which the forecaster takes for noise."""
    switches = rng.random(len(truth.noise)) < 1 / log_uniform(rng, 4, 40)
    path = np.zeros_like(truth.coefficients)
    path[:, 0] = (np.cumsum(switches) % 2) * rng.choice([-1, 1]) * log_uniform(rng, 0.4, 3)
    return moved(truth, path)


def lagged_outcome(truth: Truth, rng: np.random.Generator) -> Truth:
    """The last period's mean outcome is one of the columns; how much of it stays wanders a little."""
    steps = rng.normal(size=len(truth.noise)) * rng.choice([0.0, 0.01, 0.03])
    return replace(truth, lag=np.clip(rng.uniform(0.2, 0.95) + np.cumsum(steps), -HIGHEST_LAG, HIGHEST_LAG))


MECHANISMS: dict[str, Mechanism] = {
    "rare_small_jumps": partial(jumps, apart=(30, 120), size=(0.1, 0.5)),
    "rare_large_jumps": partial(jumps, apart=(30, 120), size=(0.7, 3)),
    "frequent_jumps": partial(jumps, apart=(5, 20), size=(0.15, 1)),
    "pulses": pulses,
    "slow_walk": partial(walk, covered=(0.2, 1)),
    "fast_walk": partial(walk, covered=(1.5, 8)),
    "returning_walk": returning_walk,
    "ageing": ageing,
    "bends": bends,
    "seasons": seasons,
    "noise_regimes": noise_regimes,
    "noise_walk": noise_walk,
    "correlated_errors": correlated_errors,
    "heavy_tails": heavy_tails,
    "outliers": outliers,
    "missing_curvature": missing_curvature,
    "switching_level": switching_level,
    "lagged_outcome": lagged_outcome,
}


def moved(truth: Truth, path: Array) -> Truth:
    """The same with coefficients moved along a path (periods, coefficients)."""
    return replace(truth, coefficients=truth.coefficients + path)


def reach(truth: Truth, rng: np.random.Generator) -> Array:
    """How much each coefficient takes part in a drift, shape (coefficients,): all alike, the level only, or some."""
    count = len(truth.curvature)
    which = rng.choice(["all", "level", "some"])
    part = np.ones(count) if which == "all" else np.eye(count)[0] if which == "level" else rng.random(count) < 0.4
    part = np.where(np.any(part), part, 1.0)
    return part / np.linalg.norm(part)


def directed(truth: Truth, rng: np.random.Generator) -> Array:
    """A random direction of length 1, shape (coefficients,), among the coefficients that take part."""
    direction = rng.normal(size=len(truth.curvature)) * reach(truth, rng)
    return direction / np.linalg.norm(direction)
