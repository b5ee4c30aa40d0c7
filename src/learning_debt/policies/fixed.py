"""Policies that look at no signal: never, always, a calendar, a list of dates."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, override

import numpy as np
from numpy.typing import NDArray
from pandas import Index

from learning_debt.data import as_labels, plain_labels
from learning_debt.policies.base import PerLane, Policy, Step, briefly
from learning_debt.policies.signals import Signals
from learning_debt.validation import require_sequence

LABELS = "a list of labels of periods"
MOST_DATES = 8
"""Dates that the ``str`` of a schedule shows before it leaves some out."""


@dataclass(frozen=True, eq=False, repr=False)
class Never(Policy):
    """Never retrain."""

    requires: ClassVar[tuple[str, ...]] = ()

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, np.zeros(signals.spell_age.shape, dtype=bool)


@dataclass(frozen=True, eq=False, repr=False)
class Always(Policy):
    """Retrain after every period."""

    requires: ClassVar[tuple[str, ...]] = ()

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, np.ones(signals.spell_age.shape, dtype=bool)


@dataclass(frozen=True, eq=False, repr=False)
class Calendar(Policy):
    """Retrain whenever the period's number, less `offset`, is a multiple of `interval`.

    Parameters
    ----------
    interval : int
        Periods, at least 1.
    offset : int
        The calendar is shifted by as many periods.

    See Also
    --------
    Schedule : Retrains after the periods with given labels.
    Never, Always : No calendar at all, and one of every period.
    """

    requires: ClassVar[tuple[str, ...]] = ()

    interval: int | PerLane
    offset: int | PerLane = 0

    def __post_init__(self) -> None:
        self._require("interval", whole=True, at_least=1)
        self._require("offset", whole=True)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        due = (signals.period - np.asarray(self.offset)) % np.asarray(self.interval) == 0
        return state, np.broadcast_to(due, signals.spell_age.shape)

    def __str__(self) -> str:
        return super().__str__() if np.any(self.offset) else f"Calendar({briefly(self.interval)})"


@dataclass(frozen=True, eq=False, repr=False)
class SpellLimit(Policy):
    """Retrain whatever has served for `interval` periods.

    Parameters
    ----------
    interval : int
        Periods, at least 1.

    See Also
    --------
    Calendar : Retrains at fixed periods, whenever the last retrain was.
    """

    requires: ClassVar[tuple[str, ...]] = ()

    interval: int | PerLane

    def __post_init__(self) -> None:
        self._require("interval", whole=True, at_least=1)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, signals.spell_age >= np.asarray(self.interval)


def phases(policy: Policy) -> list[Policy]:
    """A calendar at each of its offsets; any other policy by itself.

    What a calendar costs depends on where in it a history begins, which nobody chooses: its bill is the mean.

    Examples
    --------
    >>> phases(Calendar(2))
    [Calendar(interval=2, offset=0), Calendar(interval=2, offset=1)]
    """
    if not isinstance(policy, Calendar):
        return [policy]
    return [replace(policy, offset=offset) for offset in range(int(policy.interval))]


def counted_from(policy: Policy, starts: NDArray[np.int64]) -> Policy:
    """A calendar that counts periods from where each lane starts; any other policy as it is.

    Examples
    --------
    >>> counted_from(Calendar(4), np.array([0, 3])).offset.tolist()
    [0.0, 3.0]
    """
    if not isinstance(policy, Calendar) or not starts.any():
        return policy
    return replace(policy, offset=np.asarray(policy.offset + starts, dtype=float))


@dataclass(frozen=True, eq=False, repr=False)
class Schedule(Policy):
    """Retrain after the periods with these labels.

    Parameters
    ----------
    dates : sequence of labels
        As the table's ``label`` has them, matched by value.

    See Also
    --------
    Calendar : Retrains in regular intervals.
    """

    requires: ClassVar[tuple[str, ...]] = ()

    dates: tuple[Hashable, ...]

    def __init__(self, dates: Any) -> None:
        given = dates if isinstance(dates, np.ndarray | Index) else require_sequence("dates", dates, LABELS)
        if isinstance(dates, np.ndarray) and dates.ndim != 1:
            raise ValueError(f"dates must be {LABELS}, not an array of shape {dates.shape}")
        as_labels(given, "dates")
        object.__setattr__(self, "dates", tuple(plain_labels(given)))

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, np.full(signals.spell_age.shape, signals.label in self.dates)

    def __str__(self) -> str:
        dates = [str(date) for date in self.dates]
        if len(dates) > MOST_DATES:
            dates = [*dates[: MOST_DATES - 2], f"… {len(dates) - MOST_DATES + 1} more …", dates[-1]]
        return f"Schedule({', '.join(dates)})"
