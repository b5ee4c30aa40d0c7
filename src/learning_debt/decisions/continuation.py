"""Regression of what waiting costs beyond retraining now, on signals.

Least-squares Monte Carlo for optimal stopping (Longstaff & Schwartz 2001, Review of Financial Studies 14, 113-147),
with retraining as the exercise and approximate policy iteration in place of the backward recursion: spells repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Features = tuple[Array, ...]

FEATURES = ("expected", "realised", "ratio", "age", "cost")
LEAST, LARGEST = 1e-9, 1e12
"""Debts beyond these count as these, in nats or the score's unit; sampled ones can be zero, below, or infinite."""
CLIP = 2.0
"""Excess, in costs of a retrain, beyond which a cell teaches no more: it is clear there what to do."""


@dataclass(frozen=True)
class ContinuationModel:
    """Expects, from signals, how much more the rest of the bill will be if the retrain waits a period.

    The excess, in units of the cost of a retrain, is a full quadratic in five features of a period: log expected
    regret, inverse hyperbolic sine of the spell's discounted score gaps (both over the cost), log ratio of predictive
    to posterior debt, log spell age, and log cost. `learning_debt.fit_continuation` makes it from spell tables.

    Attributes
    ----------
    coefficients : tuple of float, length 21
        Of 1, the five features, and their products i <= j in this order.
    lowest, highest : tuple of float, length 5
        Range of each feature in calibration. Beyond it features count as at its end: a parabola says nothing there.
    decay : float
        Weight, a period later, of a score gap in the sum of the spell's gaps.
    """

    coefficients: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    decay: float

    def __post_init__(self) -> None:
        count = len(FEATURES)
        for name, length in (("coefficients", 1 + count + count * (count + 1) // 2), ("lowest", count)):
            values = getattr(self, name)
            if len(values) != length or not np.isfinite(values).all():
                raise ValueError(f"{name} must be {length} finite numbers, not {values}")
        if len(self.highest) != count or not (np.asarray(self.highest) >= self.lowest).all():
            raise ValueError(f"highest must be {count} numbers, none below lowest, not {self.highest}")
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay must lie between 0 and 1, not {self.decay}")

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
        seen, target = np.stack(features, axis=-1), np.clip(excess, -CLIP, CLIP)
        if not (np.isfinite(seen).all() and np.isfinite(target).all()):
            raise ValueError("features and excess must be finite")
        first, second = np.triu_indices(len(FEATURES))
        terms = np.column_stack([np.ones(len(seen)), seen, seen[:, first] * seen[:, second]])
        if len(terms) < 10 * terms.shape[1]:
            raise ValueError(
                f"learning a continuation value needs at least {10 * terms.shape[1]} cells, not {len(terms)}"
            )
        length = np.linalg.norm(terms, axis=0)
        length = np.where(length > 0, length, 1.0)
        scaled, *_ = np.linalg.lstsq(terms / length, target, rcond=None)
        lowest, highest = (tuple(end(seen, axis=0).tolist()) for end in (np.min, np.max))
        return cls(tuple((scaled / length).tolist()), lowest, highest, decay)

    def excess(self, features: Features) -> Array:
        """Expected excess of waiting, in costs of a retrain, of the shape of the features."""
        bounds = zip(features, self.lowest, self.highest, strict=True)
        held = [np.clip(one, low, high) for one, low, high in bounds]
        left = iter(self.coefficients)
        total, slopes = np.asarray(next(left)), [next(left) for _ in held]
        for i, one in enumerate(held):  # c + sum of f_i (c_i + sum over j >= i of c_ij f_j)
            total = total + one * sum((next(left) * other for other in held[i:]), slopes[i])
        return total


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
    expected, moved, paid = (np.clip(one, LEAST, LARGEST) for one in (predictive_debt, debt, price))
    return (
        np.log(expected / paid + 1e-6),
        np.arcsinh(gaps / paid),
        np.log(expected / moved),
        np.log(np.maximum(spell_age, 1)),
        np.log(paid),
    )
