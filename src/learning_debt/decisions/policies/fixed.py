"""Policies that look at no signal: never, always, a calendar, a list of dates."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from learning_debt.data import plain_labels
from learning_debt.decisions.policies.base import PerLane, Policy, Step
from learning_debt.signals import Signals


@dataclass(frozen=True)
class Never(Policy):
    """Never retrain."""

    def step(self, state: Any, signals: Signals) -> Step:
        return state, np.zeros(signals.spell_age.shape, dtype=bool)


@dataclass(frozen=True)
class Always(Policy):
    """Retrain after every period."""

    def step(self, state: Any, signals: Signals) -> Step:
        return state, np.ones(signals.spell_age.shape, dtype=bool)


@dataclass(frozen=True)
class Calendar(Policy):
    """Retrain whenever the period's number, less `offset`, is a multiple of `interval`."""

    interval: int | PerLane
    offset: int | PerLane = 0

    def __post_init__(self) -> None:
        interval, offset = np.asarray(self.interval), np.asarray(self.offset)
        if not (np.isfinite(interval) & (interval >= 1) & (interval == np.floor(interval))).all():
            raise ValueError(f"interval must be a whole number of periods, at least 1, not {self.interval}")
        if not (np.isfinite(offset) & (offset == np.floor(offset))).all():
            raise ValueError(f"offset must be a whole number of periods, not {self.offset}")

    def step(self, state: Any, signals: Signals) -> Step:
        due = (signals.period - np.asarray(self.offset)) % np.asarray(self.interval) == 0
        return state, np.broadcast_to(due, signals.spell_age.shape)

    def __str__(self) -> str:
        return super().__str__() if np.any(self.offset) else f"Calendar({self.interval:.4g})"


@dataclass(frozen=True)
class Schedule(Policy):
    """Retrain after the periods with these labels."""

    dates: tuple[Hashable, ...]

    def __init__(self, dates: Any) -> None:
        object.__setattr__(self, "dates", tuple(plain_labels(dates)))

    def step(self, state: Any, signals: Signals) -> Step:
        return state, np.full(signals.spell_age.shape, signals.label in self.dates)
