"""Regression of what waiting costs beyond retraining now, on signals.

Least-squares Monte Carlo for optimal stopping (Longstaff & Schwartz 2001, Review of Financial Studies 14, 113-147),
with retraining as the exercise and approximate policy iteration in place of the backward recursion: spells repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from learning_debt.typing import Array
from learning_debt.validation import require_number, require_numbers

Features = tuple[Array, ...]

FEATURES = ("expected", "realised", "ratio", "age", "price")
TERMS = 2 * 15
"""A full quadratic in the first four features, each of its coefficients linear in the fifth."""
LEAST_PRICE, LARGEST = 1e-60, 1e60
LEAST_EXPECTED = 1e-3
"""Expected regret below this share of the cost of a retrain counts as this."""
LEAST_DEBT = 1e-4
"""Posterior debt below this, in nats, counts as this. Just after a retrain both debts are smaller than the error of an
estimate from draws, which may be zero or below; where nothing is owed, how little must not matter."""
CLIP = 2.0
"""Excess, in costs of a retrain, beyond which a cell teaches no more: it is clear there what to do."""


@dataclass(frozen=True)
class ContinuationModel:
    """Expects, from signals, how much more the rest of the bill will be if the retrain waits a period.

    The excess, in units of the cost of a retrain, is a full quadratic in four features of a period: log expected
    regret and inverse hyperbolic sine of the spell's discounted score gaps (both over the cost), log ratio of
    predictive to posterior debt, and log spell age. Its coefficients are linear in the log of the cost.
    `learning_debt.fit_continuation` makes it from spell tables.

    Attributes
    ----------
    coefficients : tuple of float, length 30
        Of the quadratic (1, the four features, their products i <= j), then the same times the place of the log cost
        between the lowest and the highest, 0 to 1.
    lowest, highest : tuple of float, length 5
        Range of each feature, the log cost last, in calibration. Beyond it a feature counts as at its end, since
        the quadratic is not to be trusted there.
    decay : float
        Weight, a period later, of a score gap in the sum of the spell's gaps.
    """

    coefficients: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    decay: float

    def __post_init__(self) -> None:
        for name, length in (("coefficients", TERMS), ("lowest", len(FEATURES)), ("highest", len(FEATURES))):
            values = require_numbers(name, getattr(self, name), shape=(length,))
            object.__setattr__(self, name, tuple(values.tolist()))
        if not (np.asarray(self.highest) >= self.lowest).all():
            raise ValueError(f"highest must not be below lowest: {self.highest} against {self.lowest}")
        object.__setattr__(self, "decay", require_number("decay", self.decay, at_least=0, at_most=1))

    @classmethod
    def fit(cls, features: Features, excess: ArrayLike, *, decay: float) -> ContinuationModel:
        """Least squares.

        Parameters
        ----------
        features : tuple of ndarray, each of shape (cells,)
            From `features`.
        excess : array_like, shape (cells,)
            Rest of the bill if the retrain waits minus that if it is made, over its cost; beyond 2 it counts as 2.
        decay : float
            That `features` were made with.

        Raises
        ------
        ValueError
            With fewer cells than ten a coefficient, or where one is not finite.
        """
        target = np.clip(excess, -CLIP, CLIP)
        if not (np.isfinite(features).all() and np.isfinite(target).all()):
            raise ValueError("features and excess must be finite")
        if target.size < 10 * TERMS:
            raise ValueError(f"learning a continuation value needs at least {10 * TERMS} cells, not {target.size}")
        lowest, highest = (tuple(float(end(feature)) for feature in features) for end in (np.min, np.max))
        place = _place(features[-1], lowest[-1], highest[-1])
        quadratic = np.column_stack(_quadratic_terms(features[:-1]))
        terms = np.hstack([quadratic, quadratic * place[:, None]])
        length = np.linalg.norm(terms, axis=0)
        length = np.where(length > 0, length, 1.0)
        scaled, *_ = np.linalg.lstsq(terms / length, target, rcond=None)
        return cls(tuple((scaled / length).tolist()), lowest, highest, decay)

    def excess(self, features: Features) -> Array:
        """Expected excess of waiting, in costs of a retrain, of the shape of the features."""
        bounds = zip(features, self.lowest, self.highest, strict=True)
        *held, price = [np.clip(feature, low, high) for feature, low, high in bounds]
        place = _place(price, self.lowest[-1], self.highest[-1])
        constant, slope = np.split(np.asarray(self.coefficients), 2)
        total = np.zeros(np.shape(place))
        for k, term in enumerate(_quadratic_terms(held)):
            total = total + term * (constant[k] + place * slope[k])
        return total


def _quadratic_terms(values: Sequence[Array]) -> list[Array]:
    products = [value * other for i, value in enumerate(values) for other in values[i:]]
    return [np.ones_like(values[0]), *values, *products]


def _place(price: Array, lowest: float, highest: float) -> Array:
    """Of a log cost between the lowest and the highest, 0 to 1; 0 if there was but one."""
    return np.asarray((price - lowest) / (highest - lowest) if highest > lowest else np.zeros_like(price))


def features(
    predictive_debt: ArrayLike, debt: ArrayLike, gaps: ArrayLike, spell_age: ArrayLike, price: ArrayLike
) -> Features:
    """The five features of cells or lanes.

    Parameters
    ----------
    predictive_debt, debt : array_like
        As in `Signals`.
    gaps : array_like
        Sum of the spell's score gaps so far, this period's included, each discounted by its age.
    spell_age : array_like
        Periods.
    price : array_like
        Cost of a retrain over exposure: in the score's unit.
    """
    paid = np.clip(price, LEAST_PRICE, LARGEST)
    expected = np.clip(predictive_debt, LEAST_EXPECTED * paid, LARGEST)
    columns = (
        np.log(expected / paid),
        np.arcsinh(gaps / paid),
        np.log(expected / np.clip(debt, LEAST_DEBT, LARGEST)),
        np.log(np.maximum(spell_age, 1)),
        np.log(paid),
    )
    return tuple(np.broadcast_arrays(*columns))
