"""One period: what it brings, and what a step makes of it and of what is held so far, however many periods there are.

A table is a loop over steps that collects their columns (`learning_debt.spells.table_loop`); a monitor is
another one, which keeps what is held between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data.update_rule import UpdateRule
from learning_debt.scores import Score
from learning_debt.shadows.base import Upkeep
from learning_debt.spells.schema import ARRIVED_GAP, doubt_of, reliable_of, se_of
from learning_debt.typing import Array

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class StepOptions:
    """What is asked of every period alike.

    Attributes
    ----------
    variables : tuple of str
        Signals to work out; ``score_gap`` always is.
    score : Score
    update_rule : UpdateRule
    horizon : int
        Periods ahead that forecasts are for, from 1.
    on_time : bool
        Whether every row becomes known in its own period and stays as it is.
    """

    variables: tuple[str, ...]
    score: Score
    update_rule: UpdateRule
    horizon: int = 1
    on_time: bool = True

    @property
    def learns_late(self) -> bool:
        """Whether what is learnt in a period may be about other forecasts than those issued in it."""
        return self.horizon > 1 or not self.on_time


class Forecasts(NamedTuple):
    """What is forecast in one period, at its beginning, by every posterior stored before it.

    Attributes
    ----------
    issue : int
        Number of the period in which they are issued, from 1.
    rows : ndarray of int
        What they are for, in the last vintage at hand.
    known : int
        Rows of the periods before the one of issue.
    before : int
        Rows of the periods before the one that is forecast.
    kept : int, optional
        How many of the posteriors at hand were stored before the period of issue; `issue`, where all are at hand.
    """

    issue: int
    rows: Positions
    known: int
    before: int
    kept: int | None = None

    @property
    def posteriors(self) -> int:
        """How many of the posteriors at hand issue them, the oldest ones."""
        return self.issue if self.kept is None else self.kept


class Arrival(NamedTuple):
    """Outcomes of forecasts that become known in a period.

    Attributes
    ----------
    forecasts : Forecasts
    rows : ndarray of int
        Rows that become known.
    replaced : ndarray of int
        Rows whose outcome was known before, and is superseded by one of `rows`.
    """

    forecasts: Forecasts
    rows: Positions
    replaced: Positions

    @property
    def whole(self) -> bool:
        """Whether these are all the outcomes that the forecasts are for."""
        return np.array_equal(self.rows, self.forecasts.rows)


@dataclass(frozen=True)
class Period:
    """What one period brings. Rows are told by position, which stays theirs: later ones come behind them.

    Attributes
    ----------
    number : int
        From 1; 0 is the first fit, which has no forecasts.
    take : callable
        ``take(rows) -> Dataset``, by positions or a slice of them.
    row_weight : ndarray, shape (rows so far,)
        Weight of every row in the shadow at the end of the period.
    forecasts : Forecasts or None
    arrivals : tuple of Arrival
        What becomes known about forecasts of this period and of earlier ones, in order of issue.
    awaited : bool
        Whether the outcomes of its own forecasts come in together in a later period, but are at hand already.
    """

    number: int
    take: Callable[[Positions | slice], xr.Dataset]
    row_weight: Array
    forecasts: Forecasts | None = None
    arrivals: tuple[Arrival, ...] = ()
    awaited: bool = False

    @property
    def issued(self) -> Forecasts:
        """Its forecasts.

        Raises
        ------
        ValueError
            If it is the first fit, which has none.
        """
        if self.forecasts is None:
            raise ValueError(f"period {self.number} has no forecasts: only start can take it")
        return self.forecasts

    @property
    def arriving(self) -> set[int]:
        """Periods of issue of the forecasts about which something becomes known."""
        return {arrival.forecasts.issue for arrival in self.arrivals}

    @property
    def so_far(self) -> xr.Dataset:
        """All rows up to its end, held or not: later rows are nobody's yet."""
        return self.take(slice(len(self.row_weight)))


class Column(NamedTuple):
    """Signals of one period.

    Attributes
    ----------
    signals : dict of ndarray, shape (stored,)
        For every posterior stored before the period, oldest first; estimates with their errors, verdicts and doubts.
    upkeep : Upkeep
        What keeping the shadow current took.
    no_debt : str
        Why a posterior has no debt to the shadow that could be told, or nothing.
    """

    signals: dict[str, Array]
    upkeep: Upkeep
    no_debt: str = ""


class Step[Holdings](Protocol):
    """Takes one period and what is held so far, and changes neither; how many periods there are it does not know."""

    def start(self, period: Period) -> tuple[Holdings, Upkeep]:
        """What is held after the first fit."""
        ...

    def step(self, held: Holdings, period: Period, known: Column | None = None) -> tuple[Holdings, Column]:
        """What is held at the end of the period, and its signals.

        Forecasts are scored by the posteriors stored before it; then the shadow learns what became known, is stored,
        and is compared with each of them. Where the column is `known` already, only what is held is worked out.
        """
        ...


def period_seeds(seed: np.random.SeedSequence, number: int) -> list[int]:
    """Of a period: for its fit, for its forecasts, and for the bridge to what it stored; whatever comes after it."""
    return seed.generate_state(3 * (number + 1))[-3:].tolist()


class ArrivedGaps:
    """What one period teaches about the forecasts of each stored posterior: the mean gap over rows that became known.

    Each row counts with its gap less that of the vintage it replaces. Errors of issues by one posterior come from the
    same draws and are added up as if fully dependent.
    """

    def __init__(self, stored: int) -> None:
        self.rows, self.total, self.error = np.zeros(stored), np.zeros(stored), np.zeros(stored)
        self.reliable, self.doubt = np.ones(stored, dtype=bool), np.zeros(stored, dtype=np.int8)

    def add(
        self,
        arrival: Arrival,
        total: Array,
        error: Array | float = 0.0,
        reliable: Array | bool = True,
        doubt: Array | int = 0,
    ) -> None:
        """Count an arrival's rows: `total` is the sum of their gaps, less that of the vintages they replace.

        Of several doubts, given by their codes, the first is kept.
        """
        issuing = slice(arrival.forecasts.posteriors)
        self.rows[issuing] += len(arrival.rows)
        self.total[issuing] += total
        self.error[issuing] += error
        self.reliable[issuing] &= reliable
        self.doubt[issuing] = np.where(self.doubt[issuing] == 0, doubt, self.doubt[issuing])

    def signals(self) -> dict[str, Array]:
        """Means, their errors and verdicts; 0 where no row became known."""
        rows = np.maximum(self.rows, 1)
        return {
            ARRIVED_GAP: self.total / rows,
            se_of(ARRIVED_GAP): self.error / rows,
            reliable_of(ARRIVED_GAP): self.reliable,
            doubt_of(ARRIVED_GAP): self.doubt,
        }
