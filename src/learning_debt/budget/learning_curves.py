"""What a concept costs after so much training: loss by effort, falling ever more slowly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import override

import numpy as np
from numpy.typing import ArrayLike

from learning_debt.representations import plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_number, require_numbers


class LearningCurve(ABC):
    """Mean loss of a period, g(E), of a forecaster on which effort E was spent since the concept began.

    It must fall and be convex: every further effort is worth less than the one before. Effort is counted in whatever
    is bought: periods of new rows, labels, draws, refits, machine hours. Lower is better; minus a log score is a loss.
    """

    @abstractmethod
    def loss(self, effort: ArrayLike) -> Array:
        """g(E), of efforts of any shape, at least 0."""

    @abstractmethod
    def slope(self, effort: ArrayLike) -> Array:
        """g'(E), at most 0: what a little more effort changes, per unit of it."""

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class ExponentialCurve(LearningCurve):
    """g(E) = floor + gain exp(-rate E).

    Parameters
    ----------
    floor : float
        Loss after endless training.
    gain : float
        What all of it is worth, at least 0.
    rate : float
        Above 0: effort 1 / rate gets 63% of the gain.

    Examples
    --------
    >>> ExponentialCurve(0.1, 0.9, 1.0).loss([0.0, 1.0]).round(3).tolist()
    [1.0, 0.431]
    """

    floor: float
    gain: float
    rate: float

    def __post_init__(self) -> None:
        require_number("floor", self.floor)
        require_number("gain", self.gain, at_least=0)
        require_number("rate", self.rate, above=0)

    @override
    def loss(self, effort: ArrayLike) -> Array:
        return np.asarray(self.floor + self.gain * np.exp(-self.rate * _efforts(effort)))

    @override
    def slope(self, effort: ArrayLike) -> Array:
        return np.asarray(-self.gain * self.rate * np.exp(-self.rate * _efforts(effort)))

    @override
    def __str__(self) -> str:
        return (
            f"{plain_number(self.floor)} + {plain_number(self.gain)} exp(-{plain_number(self.rate)} E), E the effort "
            "since the concept began"
        )


@dataclass(frozen=True)
class PowerCurve(LearningCurve):
    """g(E) = floor + gain (1 + E / scale)^(-exponent).

    Parameters
    ----------
    floor : float
        Loss after endless training.
    gain : float
        What all of it is worth, at least 0.
    exponent : float
        Above 0.
    scale : float
        Effort that counts as one, above 0: so that the loss at no effort is finite.

    Examples
    --------
    >>> PowerCurve(0.1, 0.9, 0.5).loss([0.0, 3.0]).round(3).tolist()
    [1.0, 0.55]
    """

    floor: float
    gain: float
    exponent: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        require_number("floor", self.floor)
        require_number("gain", self.gain, at_least=0)
        require_number("exponent", self.exponent, above=0)
        require_number("scale", self.scale, above=0)

    @override
    def loss(self, effort: ArrayLike) -> Array:
        return np.asarray(self.floor + self.gain * (1 + _efforts(effort) / self.scale) ** -self.exponent)

    @override
    def slope(self, effort: ArrayLike) -> Array:
        steep = self.gain * self.exponent / self.scale
        return np.asarray(-steep * (1 + _efforts(effort) / self.scale) ** (-self.exponent - 1))

    @override
    def __str__(self) -> str:
        return (
            f"{plain_number(self.floor)} + {plain_number(self.gain)} (1 + E / {plain_number(self.scale)})^-"
            f"{plain_number(self.exponent)}, E the effort since the concept began"
        )


def _efforts(effort: ArrayLike) -> Array:
    return require_numbers("effort", effort, at_least=0, finite=False)
