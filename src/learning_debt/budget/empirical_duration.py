"""The law of durations as they were seen, with those that had not ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, override

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_debt.budget.durations import Duration, Trend
from learning_debt.representations import plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_numbers, require_seed, require_sequence, require_whole_number

FEWEST_ENDED = 2


@dataclass(frozen=True, eq=False, repr=False)
class EmpiricalDuration(Duration):
    """Durations as they were seen: the product-limit survival (Kaplan & Meier 1958), which assumes no law.

    Parameters
    ----------
    durations : sequence of float
        Periods, above 0.
    observed : sequence of bool, optional
        False of a concept that had not ended. All had unless told.

    Notes
    -----
    Where the longest duration had not ended the survival does not come down to 0. From there on it is exponential, at
    the rate that leads from 1 at age 0 to where it stands (Brown, Hollander & Korwar 1974). The survival is a step
    function, whose mean residual life falls along its steps and jumps up at them, so that its trend is "neither"; the
    hazard is that of the tail, NaN on the steps.

    Examples
    --------
    >>> seen = EmpiricalDuration([1.0, 2.0, 4.0, 5.0], [True, True, True, False])
    >>> seen.survival([0.5, 1.0, 3.0, 4.5]).tolist(), round(seen.mean, 3)
    ([1.0, 0.75, 0.5, 0.25], 3.902)
    """

    durations: Any
    observed: Any = None
    _ages: Array = field(init=False)
    _levels: Array = field(init=False)
    _integral: Array = field(init=False)
    _tail_rate: float = field(init=False)

    def __post_init__(self) -> None:
        from scipy.stats import CensoredData, ecdf

        durations, observed = checked_durations(self.durations, self.observed)
        steps = ecdf(CensoredData.right_censored(durations, ~observed)).sf
        last = float(durations.max())
        ages = np.concatenate([[0.0], steps.quantiles, [last]])
        levels = np.concatenate([[1.0], steps.probabilities, steps.probabilities[-1:]])
        levels = np.where(levels < 1e-12, 0.0, levels)
        rate = -np.log(levels[-1]) / last if levels[-1] > 0 else 0.0  # nothing is left to fall
        areas = np.append(levels[:-1] * np.diff(ages), levels[-1] / rate if rate else 0.0)
        told: dict[str, Any] = {"durations": durations, "observed": observed, "_ages": ages, "_levels": levels}
        told |= {"_integral": np.cumsum(areas[::-1])[::-1], "_tail_rate": float(rate)}
        for name, value in told.items():
            object.__setattr__(self, name, value)

    @property
    @override
    def mean(self) -> float:
        return float(self._integral[0])

    @property
    @override
    def residual_life_trend(self) -> Trend:
        return "neither"

    @override
    def survival(self, age: ArrayLike) -> Array:
        age, place = self._placed(age)
        return np.asarray(self._levels[place] * self._tail(age))

    @override
    def hazard(self, age: ArrayLike) -> Array:
        age, _ = self._placed(age)
        return np.where(age >= self._ages[-1], self._tail_rate or np.inf, np.nan)

    @override
    def survival_integral(self, age: ArrayLike) -> Array:
        age, place = self._placed(age)
        inside = self._integral[place] - self._levels[place] * (np.minimum(age, self._ages[-1]) - self._ages[place])
        return np.asarray(np.where(age >= self._ages[-1], self._integral[-1] * self._tail(age), inside))

    @override
    def age_quantile(self, probability: ArrayLike) -> Array:
        wanted = self.mean * (1 - require_numbers("probability", probability, at_least=0, below=1))
        place = np.searchsorted(-self._integral, -wanted, side="right") - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = self._ages[place] + (self._integral[place] - wanted) / self._levels[place]
            beyond = self._ages[-1] + np.log(self._integral[-1] / wanted) / self._tail_rate
        return np.asarray(np.where(wanted < self._integral[-1], beyond, inside))

    @override
    def draw(self, number: int, *, random_seed: int | None = None) -> Array:
        require_whole_number("number", number, at_least=1)
        rng = np.random.default_rng(require_seed("random_seed", random_seed))
        level = 1 - rng.uniform(size=number)
        place = np.searchsorted(-self._levels, -level, side="right").clip(max=len(self._ages) - 1)
        if not self._tail_rate:
            return np.asarray(self._ages[place])
        beyond = np.log(np.maximum(self._levels[-1] / level, 1.0)) / self._tail_rate
        return np.asarray(self._ages[place] + beyond)

    @override
    def __str__(self) -> str:
        running = int((~self.observed).sum())
        still = f", {running} of them still running" if running else ""
        return f"as seen in {self.durations.size} concepts{still}, mean {plain_number(self.mean)} periods"

    @override
    def __repr__(self) -> str:
        return f"EmpiricalDuration({self.durations.tolist()}, {self.observed.tolist()})"

    def _placed(self, age: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
        """Ages, and the step that each is on."""
        ages = require_numbers("age", age, at_least=0, finite=False)
        return ages, np.searchsorted(self._ages, ages, side="right") - 1

    def _tail(self, age: Array) -> Array:
        past = np.clip(age - self._ages[-1], 0.0, np.finfo(float).max)
        return np.asarray(np.exp(-past * self._tail_rate))


def checked_durations(durations: Any, observed: Any) -> tuple[Array, NDArray[np.bool_]]:
    """Durations and whether each had ended, at least two of them, both of shape (n,).

    Raises
    ------
    TypeError, ValueError
    """
    values = require_numbers("durations", durations, above=0)
    if values.ndim != 1:
        raise ValueError(f"durations must be a list of numbers, one of each concept, not shape {values.shape}")
    if observed is None:
        ended = np.ones(values.shape, dtype=bool)
    else:
        flags = np.asarray(require_sequence("observed", observed, "a list of True and False, one of each duration"))
        if flags.dtype != bool:
            raise TypeError("observed must hold True, for a concept that had ended, or False, and nothing else")
        if flags.shape != values.shape:
            raise ValueError(f"observed must have an entry of each of {values.size} durations, not shape {flags.shape}")
        ended = flags
    if ended.sum() < FEWEST_ENDED:
        raise ValueError(
            f"durations must hold at least {FEWEST_ENDED} concepts that had ended, not {int(ended.sum())}; with fewer, "
            "give a law by its numbers, such as ExponentialDuration(mean)"
        )
    return values, ended
