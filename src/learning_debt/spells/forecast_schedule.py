"""When, in the replay of one series, which rows are forecast, held and learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learning_debt.data import History, plain_labels
from learning_debt.data.update_rule import UpdateRule
from learning_debt.scores import Score
from learning_debt.spells.step import Arrival, Forecasts, Period, Positions, StepOptions
from learning_debt.typing import Array


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
    def options(self) -> StepOptions:
        """What is asked of every period alike."""
        return StepOptions(self.variables, self.score, self.update_rule, self.horizon, self.history.on_time)

    @property
    def learns_late(self) -> bool:
        """Whether what is learnt in a period may be about other forecasts than those issued in it."""
        return self.options.learns_late

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

    def period(self, t: int) -> Period:
        """What table period `t` brings; 0 is the first fit."""
        count = int(self.history.starts[self.position(t) + 1])
        weight = self.row_weight(t)[:count]
        if t == 0:
            return Period(0, self.history.take, weight)
        forecasts, arrivals = self._forecasts(t), self._arrivals(t) if self.learns_late else ()
        return Period(t, self.history.take, weight, forecasts, arrivals, self._awaited(t, forecasts))

    def _forecasts(self, t: int) -> Forecasts:
        starts = self.history.starts
        known, before = int(starts[self.position(t)]), int(starts[self.target(t)])
        return Forecasts(t, self.forecast_rows(t), known, before)

    def _arrivals(self, t: int) -> tuple[Arrival, ...]:
        """Outcomes of forecasts issued up to `t` that become known in it, in order of issue."""
        rows, replaced = self.history.newly_known(self.position(t))
        target = self.history.period_of[rows]
        found = []
        for position in np.unique(target[target >= self.target(1)]).tolist():
            own = target == position
            superseded = replaced[own]
            forecasts = self._forecasts(position - self.target(1) + 1)
            found.append(Arrival(forecasts, rows[own], superseded[superseded >= 0]))
        return tuple(found)

    def _awaited(self, t: int, forecasts: Forecasts) -> bool:
        """Whether the outcomes of `forecasts` become known together in a later period of the table."""
        known_at = self.history.known_at[forecasts.rows]
        last = self.position(self.periods)
        return bool(self.position(t) < known_at[0] <= last and (known_at == known_at[0]).all())
