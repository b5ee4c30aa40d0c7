"""When, in the replay of one series, which rows are forecast, held and learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import History, plain_labels
from learning_debt.data.update_rule import UpdateRule
from learning_debt.scores import Score
from learning_debt.spells.schema import ARRIVED_GAP, doubt_of, reliable_of, se_of
from learning_debt.typing import Array

Positions = NDArray[np.int64]


class Columns(NamedTuple):
    """What an engine found for one series.

    Attributes
    ----------
    cells : dict of ndarray
        Per cell (T, T), deployed_at by period; per period (T,).
    no_debt : str
        Why the table holds no posterior debt, or nothing.
    """

    cells: dict[str, Array]
    no_debt: str = ""


class Arrival(NamedTuple):
    """Outcomes of one issue of forecasts that become known in one period.

    Attributes
    ----------
    period : int
        Of the table, from 1.
    rows : ndarray of int
        Rows of the history that become known.
    replaced : ndarray of int
        Rows whose outcome was known before, and is superseded by one of `rows`.
    """

    period: int
    rows: Positions
    replaced: Positions


@dataclass(frozen=True)
class Plan:
    """One series to be replayed. Table periods count from 1; period 0 is the end of the initial part.

    A forecast issued in t, at its beginning and from what was known at the end of t - 1, is for period
    t + `horizon` - 1.
    """

    history: History
    initial: int
    horizon: int
    update_rule: UpdateRule
    score: Score
    variables: tuple[str, ...]

    @property
    def periods(self) -> int:
        """Periods in which forecasts are issued whose outcomes the history holds."""
        return len(self.history) - self.initial - (self.horizon - 1)

    @property
    def learns_late(self) -> bool:
        """Whether what is learnt in a period may be about other forecasts than those issued in it."""
        return self.horizon > 1 or not self.history.on_time

    def where(self, t: int) -> str:
        """Table period `t`, or the first fit where it is 0, as a message names it."""
        labels = plain_labels(self.history.labels)
        if t == 0:
            return (
                f"in the first fit, to the {self.initial} period(s) from {labels[0]!s} to {labels[self.initial - 1]!s}"
            )
        return f"in period {labels[self.position(t)]!s}, number {t} of {self.periods} after the first fit"

    def position(self, t: int) -> int:
        """Position in the history of table period `t`."""
        return self.initial + t - 1

    def target(self, t: int) -> int:
        """Position of the period that forecasts issued in `t` are for."""
        return self.position(t) + self.horizon - 1

    def forecast_rows(self, t: int) -> Positions:
        """Rows that forecasts issued in `t` are for, in their last vintage."""
        return self.history.final_rows(self.target(t))

    def row_weight(self, t: int) -> Array:
        """Weight of every row of the history in the shadow at the end of `t`."""
        return self.history.row_weight(self.position(t), self.update_rule)

    def so_far(self, t: int) -> tuple[xr.Dataset, Array]:
        """Rows of the periods up to `t`, and their weights at its end: later rows are nobody's yet."""
        count = int(self.history.starts[self.position(t) + 1])
        return self.history.take(slice(count)), self.row_weight(t)[:count]

    def arrivals(self, t: int) -> list[Arrival]:
        """When the outcomes of forecasts issued in `t` become known, vintage by vintage, as far as the table goes."""
        history, target = self.history, self.target(t)
        rows = np.arange(history.starts[target], history.starts[target + 1])
        found = []
        for position in np.unique(history.known_at[rows]).tolist():
            new = rows[history.known_at[rows] == position]
            replaced = history.replaces[new]
            period = position - self.initial + 1
            if period <= self.periods:
                found.append(Arrival(period, new, replaced[replaced >= 0]))
        return found


class ArrivedGaps:
    """Adds up what becomes known, period by period, about the forecasts that each posterior has issued."""

    def __init__(self, periods: int) -> None:
        self.total, self.error = np.zeros((periods, periods)), np.zeros((periods, periods))
        self.rows = np.zeros((periods, periods))
        self.reliable = np.ones((periods, periods), dtype=bool)
        self.doubt = np.zeros((periods, periods), dtype=np.int8)

    def add(
        self,
        arrival: Arrival,
        s: int | slice,
        total: Any,
        error: float = 0.0,
        reliable: bool = True,
        doubt: int = 0,
    ) -> None:
        """Count an arrival's rows: `total` is the sum of their gaps, less that of the vintages they replace.

        Errors of issues by one posterior come from the same draws and are added up as if fully dependent. Of several
        doubts, given by their codes, the first is kept.
        """
        at = (s, arrival.period - 1)
        self.rows[at] += len(arrival.rows)
        self.total[at] += total
        self.error[at] += error
        self.reliable[at] &= reliable
        self.doubt[at] = np.where(self.doubt[at] == 0, doubt, self.doubt[at])

    def cells(self) -> dict[str, Array]:
        """Mean over the rows that became known, 0 where none did; NaN where s >= t."""
        present = np.triu(np.ones(self.rows.shape, dtype=bool))
        rows = np.maximum(self.rows, 1)
        return {
            ARRIVED_GAP: np.where(present, self.total / rows, np.nan),
            se_of(ARRIVED_GAP): np.where(present, self.error / rows, np.nan),
            reliable_of(ARRIVED_GAP): present & self.reliable,
            doubt_of(ARRIVED_GAP): self.doubt,
        }
