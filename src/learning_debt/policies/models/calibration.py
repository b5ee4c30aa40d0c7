"""Calibration on periods without shifts: usual debt by spell age, and the unit in which regret comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from learning_debt.typing import Array
from learning_debt.validation import require_choice, require_number, require_numbers

MINIMUM_SPREAD = 0.01
SCORE_UNITS = ("median", "q75", "mean")
CALIBRATION = "an AgeAdjustment, as AgeAdjustment.fit(debt, spell_age) returns it"


@dataclass(frozen=True)
class AgeAdjustment:
    """Mean and spread of sqrt(debt) by spell age, on periods believed free of shifts.

    Attributes
    ----------
    coefficients : tuple of float, length 4
        Of 1, log(1 + age), sqrt(age) and age.
    spread : float
        Standard deviation of the residuals, at least 0.01.

    Examples
    --------
    >>> age = np.arange(1, 50)
    >>> adjustment = AgeAdjustment.fit(debt=0.01 * age, spell_age=age)
    >>> float(adjustment.standardise(0.01 * 20, 20).round(6))
    0.0
    """

    coefficients: tuple[float, ...]
    spread: float

    def __post_init__(self) -> None:
        coefficients = require_numbers("coefficients", self.coefficients, shape=(4,))
        object.__setattr__(self, "coefficients", tuple(coefficients.tolist()))
        object.__setattr__(self, "spread", require_number("spread", self.spread, above=0))

    @classmethod
    def fit(cls, debt: ArrayLike, spell_age: ArrayLike) -> AgeAdjustment:
        """Least squares on all cells where `debt` is a number.

        Raises
        ------
        ValueError
            With fewer than six cells, which cannot carry four coefficients and a spread, or where ages do not fit.
        """
        debts = require_numbers("debt", debt, finite=False)
        ages = require_numbers("spell_age", spell_age)
        if ages.shape != debts.shape:
            raise ValueError(f"debt and spell_age must have one shape, not {debts.shape} and {ages.shape}")
        root, age = np.sqrt(np.maximum(debts, 0.0)).ravel(), ages.ravel()
        present = np.isfinite(root)
        if present.sum() < 6:
            raise ValueError(f"calibrating debt by age needs at least 6 cells, not {int(present.sum())}")
        root, age = root[present], age[present]
        coefficients, *_ = np.linalg.lstsq(_basis(age), root, rcond=None)
        residuals = root - _basis(age) @ coefficients
        return cls(tuple(coefficients.tolist()), max(float(np.std(residuals, ddof=1)), MINIMUM_SPREAD))

    def standardise(self, debt: ArrayLike, spell_age: ArrayLike) -> Array:
        """Standard deviations of sqrt(debt) above what is normal at that age."""
        expected = _basis(require_numbers("spell_age", spell_age)) @ np.asarray(self.coefficients)
        return (np.sqrt(np.maximum(require_numbers("debt", debt, finite=False), 0.0)) - expected) / self.spread


def _basis(age: Array) -> Array:
    age = np.maximum(age, 0.0)  # cells before the deployment carry no debt, and no age
    return np.stack([np.ones_like(age), np.log1p(age), np.sqrt(age), age], axis=-1)


def score_unit(regret: ArrayLike, unit: str = "q75") -> float:
    """Typical positive regret of a period: its median, 0.75 quantile or mean over calibration cells.

    Raises
    ------
    ValueError
        If the unit is unknown or no regret is positive.
    """
    require_choice("score_unit", unit, SCORE_UNITS)
    values = require_numbers("regret", regret, finite=False)
    positive = values[values > 0]
    if positive.size == 0:
        raise ValueError(
            "no calibration cell has positive regret, so there is no score unit; give the cost as a number"
        )
    if unit == "mean":
        return float(positive.mean())
    return float(np.quantile(positive, {"median": 0.5, "q75": 0.75}[unit]))
