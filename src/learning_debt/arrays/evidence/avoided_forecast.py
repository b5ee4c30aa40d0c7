"""What a retrain will avoid, as a Student-t: by the shadow's belief, corrected by what came of earlier ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from learning_debt.arrays.evidence import avoided_gaps
from learning_debt.arrays.evidence.walk_forward import Learned, Prior, learn_over_longer
from learning_debt.typing import Array

COEFFICIENTS, COEFFICIENT_SD = np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.25, 0.25])
"""Before a gap has been seen the shadow is believed, give or take its whole belief; see `avoided_gaps.FEATURES`."""
WITHOUT_BELIEF = np.array([0.0, 0.0, 1.0])
"""Where no shadow says what it expects, regret is believed to grow with age as it has grown here."""
WRONG_BY = 0.5
"""Share of a belief that is part of the spread beside the shadow's own."""
STRETCHES = 4.0
"""Stretches of forecasts that the shadow's own spread is worth."""


class Cells(NamedTuple):
    """What is known of a history, by deployed_at and period, NaN where nothing is.

    Attributes
    ----------
    gaps : ndarray, shape (series, T, T)
        Mean score of the shadow less that of what is deployed.
    belief : ndarray, shape (series, T, T), or None
        Predictive debt: what the shadow expects the next gap to be.
    spread : ndarray, shape (series, T, T), or None
        Standard deviation of a period's gap in the eyes of the shadow; the history's own at that age if None.
    held : ndarray, shape (T,)
        Periods of data behind the shadow.
    lag : int
        Periods after which the outcomes of a period are known.
    """

    gaps: Array
    belief: Array | None
    spread: Array | None
    held: Array
    lag: int = 0


class Forecast(NamedTuple):
    """Of the mean gap per period that a retrain at the end of each period avoids over the horizon.

    Attributes
    ----------
    mean, error, spread : ndarray, shape (series, T, T)
        By deployed_at and period: the expected value, the standard error of that expectation, and the scale of what
        may come of it, error included.
    stretches : ndarray, shape (series, T)
        Degrees of freedom of what may come.
    learned : Learned
    """

    mean: Array
    error: Array
    spread: Array
    stretches: Array
    learned: Learned

    def chance_above(self, value: Array) -> Array:
        """Probability that more than `value` is avoided, shape (series, T, T)."""
        return chance_above(value, self.mean, self.spread, self.stretches[:, None, :])


def forecast(cells: Cells, horizon: int) -> Forecast:
    """Forecast every cell of a history from what was known at the end of its period, and from nothing later.

    Parameters
    ----------
    cells : Cells
    horizon : int
        Periods that a retrain serves.

    Returns
    -------
    Forecast
    """
    by_age, _ = avoided_gaps.mean_gap_by_age(cells.gaps, cells.lag, horizon)
    learned, features, spread = learn_over_longer(
        lambda steps: _of_horizon(cells, steps, by_age),
        horizon,
        cells.lag,
        Prior(COEFFICIENTS if cells.belief is not None else WITHOUT_BELIEF, COEFFICIENT_SD, 1.0, STRETCHES),
    )
    by_feature = np.moveaxis(features, -1, 0)
    mean = sum(x * learned.coefficients[:, None, :, i] for i, x in enumerate(by_feature))
    variance = sum(
        x * y * learned.covariance[:, None, :, i, j] for i, x in enumerate(by_feature) for j, y in enumerate(by_feature)
    )
    error = np.sqrt(np.maximum(variance, 0.0))
    return Forecast(mean, error, np.hypot(np.sqrt(learned.scale)[:, None] * spread, error), learned.stretches, learned)


def chance_above(value: Array, mean: Array, spread: Array, stretches: Array) -> Array:
    """Probability that a Student-t of that location, scale and degrees of freedom exceeds a value.

    Examples
    --------
    >>> chance_above(np.array([1.0, 0.0]), np.array([1.0, 1.0]), np.array([2.0, 0.0]), np.array([4.0, 4.0])).tolist()
    [0.5, 1.0]

    A spread that is not known leaves no chance, rather than a certainty.

    >>> chance_above(np.array([1.0]), np.array([2.0]), np.array([np.nan]), np.array([4.0])).tolist()
    [nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread == 0, np.inf * np.sign(mean - value), (mean - value) / spread)
    return np.asarray(stdtr(stretches, np.where((spread == 0) & (mean == value), 0.0, z)))


def _of_horizon(cells: Cells, steps: int, by_age: Array) -> tuple[Array, Array, Array]:
    """Features, targets and spreads of forecasts over so many periods.

    What the shadow does not know of its parameters stays the same over all of them: the variance of the mean is that
    of one period times (1 + h / H) / h, H the periods that it holds. Beliefs that are wrong are so by a share of
    themselves, which no number of periods averages away.
    """
    belief = np.zeros_like(cells.gaps) if cells.belief is None else cells.belief
    spread = np.hypot(np.sqrt((1 + steps / cells.held) / steps) * _spread_of_one(cells), WRONG_BY * belief)
    features = avoided_gaps.features(cells.gaps, belief, steps, cells.lag, by_age)
    return features, avoided_gaps.mean_avoided(cells.gaps, steps), spread


def _spread_of_one(cells: Cells) -> Array:
    """Of one period's mean gap, as the shadow says it; where it says none, as gaps of that age were spread so far."""
    if cells.spread is None:
        return avoided_gaps.typical_gap(cells.gaps, cells.lag)
    told = np.isfinite(cells.spread) & (cells.spread >= 0)
    if told[:, np.triu(np.ones(told.shape[1:], dtype=bool))].all():
        return cells.spread
    return np.where(told, cells.spread, avoided_gaps.typical_gap(cells.gaps, cells.lag))
