"""Rows that became known later than their period, or were revised, among all rows in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import override

import numpy as np

from learning_debt.data import Labels, as_labels
from learning_debt.data.history import PERIOD, ROW, revisions
from learning_debt.data.update_rule import UpdateRule
from learning_debt.monitor.live_rows import LiveRows
from learning_debt.spells.step import Arrival, Forecasts, Period, Positions
from learning_debt.typing import Array


@dataclass(frozen=True)
class LateRows(LiveRows):
    """All rows so far, with the period that each is of.

    Attributes
    ----------
    period_of : ndarray of int, shape (rows,)
        Number of the period that a row is of.
    known_at : ndarray of int, shape (rows,)
        Number of the period in which it became known.
    replaces : ndarray of int, shape (rows,)
        Position of the row that it is a revision of, -1 if none.
    """

    period_of: Positions
    known_at: Positions
    replaces: Positions

    @override
    def weights(self, number: int, rule: UpdateRule) -> Array:
        known, replaced_by = self.known_at <= number, np.full(len(self.replaces), -1)
        revised = np.flatnonzero(self.replaces >= 0)
        replaced_by[self.replaces[revised]] = revised
        superseded = (replaced_by >= 0) & known[replaced_by]
        return np.where(known & ~superseded, rule.weights(number - self.period_of), 0.0)

    @override
    def period(self, rule: UpdateRule, stored: Sequence[int]) -> Period:
        number, total = self.next - 1, sum(self.counts)
        new = np.arange(total - self.counts[-1], total)
        target, replaced = self.period_of[new], self.replaces[new]
        arrivals = []
        for issue in np.unique(target[target >= 1]).tolist():
            own, before = target == issue, replaced[target == issue]
            arrivals.append(Arrival(self._forecasts(issue, stored), new[own], before[before >= 0]))
        forecasts = self._forecasts(number, stored)
        return Period(number, self.take, self.weights(number, rule), forecasts, tuple(arrivals))

    def _forecasts(self, issue: int, stored: Sequence[int]) -> Forecasts:
        """Those that were issued in a period, for the rows that came with it."""
        rows = np.flatnonzero((self.period_of == issue) & (self.known_at == issue))
        before = sum(self.counts[: issue - self.first])
        return Forecasts(issue, rows, before, before, sum(number < issue for number in stored))


def with_lateness(rows: LiveRows, periods: Labels, late: int) -> LateRows:
    """All rows so far; `periods` are the labels of all periods, the initial ones included.

    Raises
    ------
    ValueError
        If a row is of no period, or comes more than `late` periods after its own, or a revision before what it revises.
    """
    assert rows.rows is not None
    labels = as_labels(rows.rows[PERIOD].values, "batch variable 'period'")
    known_at = rows.first + np.repeat(np.arange(len(rows.counts)), rows.counts)
    period_of = rows.first + labels.positions(periods)
    new = known_at == rows.next - 1
    for wrong, why in (
        (period_of < rows.first, "is no period that was observed"),
        (period_of > known_at, "has not been observed yet"),
        (known_at - period_of > late, f"is more than {late} periods before, and the monitor was made with late={late}"),
    ):
        if (wrong & new & (rows.next > 1)).any():
            text = labels.texts[int(np.argmax(wrong & new))]
            raise ValueError(f"batch of period {periods.texts[-1]} has a row of period {text}, which {why}")
    replaces = np.full(len(known_at), -1)
    if ROW in rows.rows.variables:
        arrived = Labels(periods.index[known_at - rows.first], periods.kind, "arrival")
        replaces = revisions(as_labels(rows.rows[ROW].values, "batch variable 'row'"), labels, arrived, known_at)
    return LateRows(rows.rows, rows.first, rows.counts, rows.dim, period_of, known_at, replaces)
