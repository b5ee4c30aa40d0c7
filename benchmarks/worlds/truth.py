"""What holds in a simulated world, period by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHORTEST, LONGEST = 80, 260
MOST_ROWS = 50
FEWEST_COEFFICIENTS, MOST_COEFFICIENTS = 2, 10


class Size(NamedTuple):
    """Periods of a history, rows of each, columns of its regression (the intercept included)."""

    periods: int
    rows: int
    coefficients: int


@dataclass(frozen=True)
class Truth:
    """What the outcomes of one series come from. Everything is in standard deviations of the first period's noise.

    Attributes
    ----------
    coefficients : ndarray, shape (periods, coefficients)
        The intercept is the first.
    noise : ndarray, shape (periods,)
        Standard deviation of the errors.
    carried_error : float
        Share of a period's error that the next one keeps, in [0, 1); the forecaster takes errors as independent.
    shared_error : float
        Share of the errors' variance that all rows of a period have in common.
    degrees : float
        Of freedom of Student-t errors; infinite for normal ones.
    outlier_share, outlier_size : float
        Share of rows whose error is that many times as large.
    curvature : ndarray, shape (coefficients,)
        Weight of each centred, squared column, which the forecaster leaves out; 0 for the intercept.
    lag : ndarray, shape (periods,), or None
        Coefficient of the previous period's mean outcome, which takes the place of the last column.
    """

    coefficients: Array
    noise: Array
    curvature: Array
    lag: Array | None = None
    carried_error: float = 0.0
    shared_error: float = 0.0
    degrees: float = np.inf
    outlier_share: float = 0.0
    outlier_size: float = 1.0


def draw_size(rng: np.random.Generator) -> Size:
    """Sizes as real histories have them: periods and rows even on a logarithmic scale."""
    return Size(
        round(log_uniform(rng, SHORTEST, LONGEST)),
        round(log_uniform(rng, 1, MOST_ROWS)),
        int(rng.integers(FEWEST_COEFFICIENTS, MOST_COEFFICIENTS, endpoint=True)),
    )


def still(size: Size, rng: np.random.Generator) -> Truth:
    """A world without drift, in which the columns explain a tenth to nine tenths of the outcome's variance."""
    explained = rng.uniform(0.1, 0.9)
    spread = np.sqrt(explained / (1 - explained) / (size.coefficients - 1))
    coefficients = np.tile(rng.normal(size=size.coefficients) * spread, (size.periods, 1))
    return Truth(coefficients, np.ones(size.periods), np.zeros(size.coefficients))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two that are above 0, even on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
