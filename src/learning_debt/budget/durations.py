"""Laws of how long a concept lasts: survival, hazard, and what is left of it at each age."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, override

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gamma, gammaincc, gammaincinv

from learning_debt.representations import plain_number
from learning_debt.typing import Array
from learning_debt.validation import (
    require_instance,
    require_number,
    require_numbers,
    require_seed,
    require_whole_number,
)

Trend = Literal["decreasing", "constant", "increasing", "neither"]
HALVINGS, NEWTON_STEPS = 80, 100
UNDERFLOW = 1e-290
"""Powers of an age, below which their logarithm is lost."""


class Duration(ABC):
    """How long a concept lasts, in periods: a random time Y above 0 with a finite mean.

    A concept is a stretch in which the world keeps to one law. A subclass gives the mean, the survival and what follows
    from it; the age of the concept at a random moment has the density S(a) / E[Y].
    """

    @property
    @abstractmethod
    def mean(self) -> float:
        """E[Y], periods."""

    @property
    @abstractmethod
    def residual_life_trend(self) -> Trend:
        """Whether the mean residual life decreases with age (DMRL), increases (IMRL), is constant, or neither."""

    @abstractmethod
    def survival(self, age: ArrayLike) -> Array:
        """S(a) = P(Y > a), of ages of any shape."""

    @abstractmethod
    def hazard(self, age: ArrayLike) -> Array:
        """r(a) = -S'(a) / S(a): ends per period among the concepts that have come to this age."""

    @abstractmethod
    def survival_integral(self, age: ArrayLike) -> Array:
        """R(a), the integral of S from a on; R(0) = E[Y]."""

    def mean_residual_life(self, age: ArrayLike) -> Array:
        """m(a) = R(a) / S(a): how long a concept of this age still lasts on average, periods."""
        survival = self.survival(age)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(survival > 0, self.survival_integral(age) / survival, 1 / self.hazard(age)))

    def age_quantile(self, probability: ArrayLike) -> Array:
        """The age a at which R(a) = E[Y] (1 - p): quantiles of the age of the concept at a random moment."""
        wanted = self.mean * (1 - np.asarray(probability, dtype=float))
        low, high = np.zeros(wanted.shape), np.full(wanted.shape, self.mean)
        while (short := self.survival_integral(high) > wanted).any() and np.isfinite(high).all():
            high = np.where(short, 2 * high, high)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            short = self.survival_integral(middle) > wanted
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return (low + high) / 2

    @abstractmethod
    def draw(self, number: int, *, random_seed: int | None = None) -> Array:
        """So many independent durations, shape (number,)."""

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class ExponentialDuration(Duration):
    """Concepts that end at any age with the same chance.

    Parameters
    ----------
    rate : float
        Ends per period, above 0: 1 / mean.

    Examples
    --------
    >>> duration = ExponentialDuration(0.5)
    >>> duration.mean, duration.survival([0.0, 2.0]).round(3).tolist(), duration.mean_residual_life(5.0).item()
    (2.0, [1.0, 0.368], 2.0)
    """

    rate: float

    def __post_init__(self) -> None:
        require_number("rate", self.rate, above=0)

    @property
    @override
    def mean(self) -> float:
        return 1 / self.rate

    @property
    @override
    def residual_life_trend(self) -> Trend:
        return "constant"

    @override
    def survival(self, age: ArrayLike) -> Array:
        return np.asarray(np.exp(-_ages(age) / self.mean))

    @override
    def hazard(self, age: ArrayLike) -> Array:
        return np.full(_ages(age).shape, 1 / self.mean)

    @override
    def survival_integral(self, age: ArrayLike) -> Array:
        return np.asarray(self.mean * self.survival(age))

    @override
    def mean_residual_life(self, age: ArrayLike) -> Array:
        return np.full(_ages(age).shape, float(self.mean))

    @override
    def age_quantile(self, probability: ArrayLike) -> Array:
        return np.asarray(-self.mean * np.log1p(-_probabilities(probability)))

    @override
    def draw(self, number: int, *, random_seed: int | None = None) -> Array:
        return _generator(number, random_seed).exponential(self.mean, number)

    @override
    def __str__(self) -> str:
        return f"exponential, mean {plain_number(self.mean)} periods"


@dataclass(frozen=True)
class WeibullDuration(Duration):
    """Concepts that end the likelier the older they are (shape above 1), or the less likely (below 1).

    Parameters
    ----------
    shape : float
        Above 0: S(a) = exp(-(a / scale)^shape).
    scale : float
        Periods, above 0.

    Examples
    --------
    >>> WeibullDuration(2.0, 2.0).residual_life_trend, round(WeibullDuration(2.0, 2.0).mean, 3)
    ('decreasing', 1.772)
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        require_number("shape", self.shape, at_least=0.05)
        require_number("scale", self.scale, above=0)

    @property
    @override
    def mean(self) -> float:
        return float(self.scale * gamma(1 + 1 / self.shape))

    @property
    @override
    def residual_life_trend(self) -> Trend:
        return "constant" if self.shape == 1 else "decreasing" if self.shape > 1 else "increasing"

    @override
    def survival(self, age: ArrayLike) -> Array:
        with np.errstate(over="ignore"):  # none is left
            return np.asarray(np.exp(-((_ages(age) / self.scale) ** self.shape)))

    @override
    def hazard(self, age: ArrayLike) -> Array:
        with np.errstate(divide="ignore"):  # infinite at age 0 where it falls
            return np.asarray(self.shape / self.scale * (_ages(age) / self.scale) ** (self.shape - 1))

    @override
    def survival_integral(self, age: ArrayLike) -> Array:
        ages = _ages(age)
        with np.errstate(over="ignore"):
            power = (ages / self.scale) ** self.shape
        left = self.mean * gammaincc(1 / self.shape, power)
        return np.asarray(np.where(power < UNDERFLOW, np.maximum(self.mean - ages, 0.0), left))  # none has ended yet

    @override
    def age_quantile(self, probability: ArrayLike) -> Array:
        chance = _probabilities(probability)
        power = gammaincinv(1 / self.shape, chance)
        return np.asarray(np.where(power < UNDERFLOW, self.mean * chance, self.scale * power ** (1 / self.shape)))

    @override
    def draw(self, number: int, *, random_seed: int | None = None) -> Array:
        return np.asarray(self.scale * _generator(number, random_seed).weibull(self.shape, number))

    @override
    def __str__(self) -> str:
        form = f"shape {plain_number(self.shape)}, scale {plain_number(self.scale)}"
        return f"Weibull, {form}, mean {plain_number(self.mean)} periods"


@dataclass(frozen=True)
class HyperexponentialDuration(Duration):
    """Short-lived and long-lived concepts in one: a mixture of exponential laws. The older one is, the longer it lasts.

    Parameters
    ----------
    weights : sequence of float
        Shares of the kinds, above 0; they are scaled to add up to one.
    rates : sequence of float
        Ends per period of each kind, above 0.

    Examples
    --------
    >>> duration = HyperexponentialDuration((0.8, 0.2), (2.0, 0.1))
    >>> duration.mean_residual_life([0.0, 5.0]).round(2).tolist()
    [2.4, 10.0]
    """

    weights: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        rates = np.atleast_1d(require_numbers("rates", self.rates, above=0))
        if rates.ndim != 1 or not rates.size:
            raise ValueError(f"rates must be a list of numbers, one of each kind of concept, not shape {rates.shape}")
        weights = np.atleast_1d(require_numbers("weights", self.weights, above=0))
        if weights.shape != rates.shape:
            raise ValueError(
                f"weights and rates must be as many, not {weights.size} and {rates.size}: one of each kind"
            )
        shares = weights / weights.max()  # so that large ones do not add up to infinity
        object.__setattr__(self, "weights", tuple((shares / shares.sum()).tolist()))
        object.__setattr__(self, "rates", tuple(rates.tolist()))

    @property
    @override
    def mean(self) -> float:
        return float(np.sum(np.divide(self.weights, self.rates)))

    @property
    @override
    def residual_life_trend(self) -> Trend:
        return "constant" if len(set(self.rates)) == 1 else "increasing"

    @override
    def survival(self, age: ArrayLike) -> Array:
        return self._sum(_ages(age), 0)

    @override
    def hazard(self, age: ArrayLike) -> Array:
        return self._ratio(_ages(age), 1)

    @override
    def survival_integral(self, age: ArrayLike) -> Array:
        return self._sum(_ages(age), -1)

    @override
    def mean_residual_life(self, age: ArrayLike) -> Array:
        return self._ratio(_ages(age), -1)

    @override
    def age_quantile(self, probability: ArrayLike) -> Array:
        wanted = np.log1p(-_probabilities(probability))
        slowest, age = min(self.rates), np.zeros(wanted.shape)
        for _ in range(NEWTON_STEPS):  # log R is convex, so that steps from the left never pass the age
            left = np.log(self._sum(age, -1, slowest) / self.mean) - slowest * age - wanted
            age = age + np.maximum(left, 0.0) * self._ratio(age, -1)
            if (left <= 1e-13).all():
                break
        return np.asarray(age)

    @override
    def draw(self, number: int, *, random_seed: int | None = None) -> Array:
        rng = _generator(number, random_seed)
        kind = rng.choice(len(self.rates), size=number, p=self.weights)
        return np.asarray(rng.exponential(1 / np.asarray(self.rates)[kind]))

    @override
    def __str__(self) -> str:
        kinds = " and ".join(
            f"{weight:.0%} of mean {plain_number(1 / rate)}"
            for weight, rate in zip(self.weights, self.rates, strict=True)
        )
        return f"hyperexponential, {kinds}, mean {plain_number(self.mean)} periods"

    def _sum(self, age: Array, power: int, fewer: float = 0.0) -> Array:
        """Of the kinds, weight × rate^power × exp(-(rate - fewer) age)."""
        rates = np.asarray(self.rates)
        return np.asarray(np.exp(-age[..., None] * (rates - fewer)) @ (self.weights * rates**power))

    def _ratio(self, age: Array, power: int) -> Array:
        """To the survival, with what both have in common left out, so that neither is rounded to 0."""
        slowest = min(self.rates)
        return self._sum(age, power, slowest) / self._sum(age, 0, slowest)


def require_duration(name: str, value: Any) -> Duration:
    """A law of durations with a finite mean.

    Raises
    ------
    TypeError, ValueError
    """
    law = require_instance(name, value, Duration, "how long concepts last, such as ExponentialDuration(1)")
    with np.errstate(over="ignore"):
        mean = law.mean
    if not 0 < mean < np.inf:
        raise ValueError(f"{name} must have a finite mean above 0, not {mean:g} periods")
    return law


def _ages(age: ArrayLike) -> Array:
    return require_numbers("age", age, at_least=0, finite=False)


def _probabilities(probability: ArrayLike) -> Array:
    return require_numbers("probability", probability, at_least=0, below=1)


def _generator(number: int, random_seed: int | None) -> np.random.Generator:
    require_whole_number("number", number, at_least=1)
    return np.random.default_rng(require_seed("random_seed", random_seed))
