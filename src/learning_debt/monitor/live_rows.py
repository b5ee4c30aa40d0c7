"""The rows that a step may still need, of the periods so far: all of them, those of a window, or none but the new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import xarray as xr

from learning_debt.data import append_rows
from learning_debt.data.update_rule import UpdateRule
from learning_debt.spells.step import Forecasts, Period, Positions
from learning_debt.typing import Array


@dataclass(frozen=True)
class LiveRows:
    """Rows of consecutive periods, the last one included. Their positions count from the first row that is here.

    Attributes
    ----------
    rows : Dataset or None
        None where there are none.
    first : int
        Number of the first period, as the ledger counts: 0 is the last of the initial part, those before it are
        negative.
    counts : tuple of int
        Rows of each period.
    dim : str
    """

    rows: xr.Dataset | None
    first: int
    counts: tuple[int, ...]
    dim: str

    @property
    def next(self) -> int:
        """Number of the period that comes next."""
        return self.first + len(self.counts)

    def weights(self, number: int, rule: UpdateRule) -> Array:
        """Weight of every row in the shadow at the end of period `number`, shape (rows,)."""
        period_of = self.first + np.repeat(np.arange(len(self.counts)), self.counts)
        return rule.weights(number - period_of)

    def with_period(self, batch: xr.Dataset) -> LiveRows:
        """With the rows of the next period behind the others."""
        rows = batch if self.rows is None else append_rows(self.rows, batch, self.dim)
        return replace(self, rows=rows, counts=(*self.counts, batch.sizes[self.dim]))

    def from_period(self, number: int) -> LiveRows:
        """Without the rows of the periods before `number`."""
        gone = max(number - self.first, 0)
        if not gone:
            return self
        counts = self.counts[gone:]
        if not counts or self.rows is None:
            return LiveRows(None, max(number, self.first), (), self.dim)
        start = sum(self.counts[:gone])
        return replace(self, rows=self.rows.isel({self.dim: slice(start, None)}), first=number, counts=counts)

    def take(self, rows: Positions | slice) -> xr.Dataset:
        """Rows by position."""
        assert self.rows is not None
        return self.rows.isel({self.dim: rows})

    def first_fit(self, rule: UpdateRule) -> Period:
        """All rows at hand, for the first posterior."""
        return Period(0, self.take, self.weights(0, rule))

    def period(self, rule: UpdateRule, stored: Sequence[int]) -> Period:
        """What the last of the periods brings, forecast by the posteriors with the `stored` numbers."""
        number, total = self.next - 1, sum(self.counts)
        start = total - self.counts[-1]
        forecasts = Forecasts(number, np.arange(start, total), start, start, len(stored))
        return Period(number, self.take, self.weights(number, rule), forecasts)


def first_needed(number: int, rule: UpdateRule, *, remembers: bool, initial: int) -> int:
    """Number of the first period whose rows a step to period `number` may ask for.

    Parameters
    ----------
    number : int
    rule : UpdateRule
    remembers : bool
        Whether the last shadow is all that a step needs of the rows that it holds and goes on to hold.
    initial : int
        Number of the first period of all, at most 0.
    """
    if not remembers:
        return initial
    if rule.window is not None:
        return max(number - rule.window, initial)
    return number if rule.discount == 1 else initial


def joined(parts: Sequence[xr.Dataset], dim: str) -> xr.Dataset | None:
    """Rows of several periods, one behind the other; halves first, so that few rows are copied often."""
    if not parts:
        return None
    while len(parts) > 1:
        parts = [reduce(_after(dim), parts[place : place + 2]) for place in range(0, len(parts), 2)]
    return parts[0]


def _after(dim: str) -> Callable[[xr.Dataset, xr.Dataset], xr.Dataset]:
    return lambda before, after: append_rows(before, after, dim)
