"""A history: rows by the period they belong to, and by the period in which they became known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data.label_cures import cure_of_order
from learning_debt.data.label_storage import stored_labels
from learning_debt.data.label_times import require_time_order
from learning_debt.data.labels import Labels, as_labels, label_text
from learning_debt.data.observations import as_dataset, require_variables, take_rows
from learning_debt.data.update_rule import UpdateRule
from learning_debt.typing import Array

Positions = NDArray[np.int64]

PERIOD, SERIES, ARRIVED, ROW = "period", "series", "arrived", "row"
RESERVED = (PERIOD, SERIES, ARRIVED, ROW)
"""Columns that say when a row belongs, to whom, when it became known, and which row it is."""


@dataclass(frozen=True)
class History:
    """Observations of one series by the period they belong to, and when each became known.

    Periods count by position, from 0. A row that became known is held until a revision of it is known.

    Attributes
    ----------
    data : xarray.Dataset
        All rows, sorted by period; without the columns ``arrived`` and ``row``, which are for the history alone.
    labels : numpy.ndarray, shape (periods,)
        Period labels, of the owner's kind.
    starts : numpy.ndarray of int, shape (periods + 1,)
        Period i holds the rows ``starts[i]`` up to, not including, ``starts[i + 1]``.
    observation_dim : str
    known_at : numpy.ndarray of int, shape (rows,)
        Position of the period at whose end each row became known; the number of periods if it never does.
    replaces : numpy.ndarray of int, shape (rows,)
        The row that each row is a revision of, -1 if none.
    """

    data: xr.Dataset
    labels: np.ndarray
    starts: np.ndarray
    observation_dim: str
    known_at: Positions
    replaces: Positions

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rows(self) -> Positions:
        """Rows in each period, revisions not counted, shape (periods,)."""
        return np.bincount(self.period_of[self.replaced_by < 0], minlength=len(self))

    @cached_property
    def period_of(self) -> Positions:
        """Position of the period each row belongs to, shape (rows,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @cached_property
    def replaced_by(self) -> Positions:
        """The revision that follows each row, -1 if it is the last vintage, shape (rows,)."""
        later = np.full(len(self.replaces), -1)
        revisions = np.flatnonzero(self.replaces >= 0)
        later[self.replaces[revisions]] = revisions
        return later

    @property
    def on_time(self) -> bool:
        """Whether every row became known in its own period and was never revised."""
        return bool((self.known_at == self.period_of).all() and (self.replaces < 0).all())

    def periods(self, first: int, stop: int) -> xr.Dataset:
        """All rows of the periods ``first`` up to, not including, ``stop`` (positions, from 0), revisions too."""
        return take_rows(self.data, slice(int(self.starts[first]), int(self.starts[stop])), self.observation_dim)

    def take(self, rows: Positions | slice) -> xr.Dataset:
        """Rows by position."""
        return take_rows(self.data, rows, self.observation_dim)

    def final_rows(self, position: int) -> Positions:
        """Positions of a period's rows in their last vintage, whether it became known in this history or not."""
        rows = np.arange(self.starts[position], self.starts[position + 1])
        return rows[self.replaced_by[rows] < 0]

    def final(self, position: int) -> xr.Dataset:
        """Rows of a period in their last vintage."""
        return self.take(self.final_rows(position))

    def newly_known(self, position: int) -> tuple[Positions, Positions]:
        """Rows that became known in a period, and the row each of them replaces (-1: none)."""
        rows = np.flatnonzero(self.known_at == position)
        return rows, self.replaces[rows]

    def row_weight(self, position: int, rule: UpdateRule) -> Array:
        """Weight of every row in the shadow at the end of a period, shape (rows,).

        0 for a row that is not known yet, or superseded by then; else the rule's weight for the age of its period.

        Examples
        --------
        >>> history = split_periods({"y": [1.0, 2.0, 2.5, 3.0], "period": [1, 2, 2, 3], "row": [1, 1, 1, 1],
        ...                          "arrived": [1, 2, 3, 3]})
        >>> [history.row_weight(t, UpdateRule(discount=0.5)).tolist() for t in (1, 2)]
        [[0.5, 1.0, 0.0, 0.0], [0.25, 0.0, 0.5, 1.0]]
        """
        known = self.known_at <= position
        superseded = (self.replaced_by >= 0) & known[self.replaced_by]
        return np.where(known & ~superseded, rule.weights(position - self.period_of), 0.0)


def split_periods(history: Any, observation_dim: str = "obs", *, varying_rows: bool = False) -> History:
    """Cut one series of observations into its periods.

    Parameters
    ----------
    history : xarray.Dataset, mapping or pandas.DataFrame
        Must carry ``period`` along the observation dimension, in time order: the period a row belongs to. May carry
        ``arrived``, the label of the period at whose end the row became known (its own, if the column is left out; a
        label later than all periods says that it never does in this history), and ``row``, which names a row
        within its period: a second row of the same name is a revision, and supersedes the first when it arrives.
        Without ``row``, rows that arrive late are further rows.
    observation_dim : str
    varying_rows : bool
        Set it when the number of rows truly varies between one and more. Otherwise a second row in a history that
        has one row a period is taken for a duplicate and refused.

    Raises
    ------
    KeyError
        If there is no ``period``.
    ValueError
        If periods are out of order, come back after they ended, or look duplicated; if ``arrived`` names no period, or
        one before the row's own; if a revision stands before what it revises or arrives together with it.

    Examples
    --------
    >>> split_periods({"y": [0.1, 0.2, 0.3, 0.4], "period": [1, 1, 2, 2]}).rows.tolist()
    [2, 2]
    >>> late = {"y": [0.1, 0.2, 0.3], "period": [1, 1, 2], "arrived": [1, 2, 2]}
    >>> split_periods(late, varying_rows=True).newly_known(1)
    (array([1, 2]), array([-1, -1]))
    """
    data = as_dataset(history, observation_dim, RESERVED)
    require_variables(data, [PERIOD], "history")
    labels = _column(data, PERIOD, observation_dim)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(_codes(labels))) + 1, [len(labels)]])
    distinct = Labels(labels.index[starts[:-1]], labels.kind, "history periods")
    for before, after in pairwise(distinct.index):
        if after < before:
            raise ValueError(
                f"history periods are out of order: {label_text(after)} follows {label_text(before)}; "
                f"{cure_of_order(distinct)}"
            )
    own = np.repeat(np.arange(len(distinct)), np.diff(starts))
    require_time_order(distinct, cure_of_order)
    known_at, arrived = own, labels
    if ARRIVED in data.variables:
        arrived = _column(data, ARRIVED, observation_dim)
        known_at = _known_at(arrived, distinct, own)
    replaces = np.full(len(labels), -1)
    if ROW in data.variables:
        replaces = revisions(_column(data, ROW, observation_dim), labels, arrived, known_at)
    kept = data.drop_vars([name for name in (ARRIVED, ROW) if name in data.variables])
    cut = History(kept, np.asarray(distinct.index.to_numpy()), starts, observation_dim, known_at, replaces)
    if not varying_rows and cut.rows.max() > 1 and np.median(cut.rows) == 1:
        repeated = distinct.texts[int(np.argmax(cut.rows > 1))]
        raise ValueError(
            f"history period {repeated} appears in more than one row while most periods have one: a duplicate? "
            "Drop it, or pass varying_rows=True if the number of rows truly varies"
        )
    return cut


def _column(data: xr.Dataset, name: str, observation_dim: str) -> Labels:
    if data[name].dims != (observation_dim,):
        raise ValueError(f"history variable {name!r} must run along {observation_dim!r} only, not {data[name].dims}")
    labels = as_labels(data[name].values, f"history variable {name!r}")
    stored_labels(labels.index, labels.what)  # raises where no file can hold them
    return labels


def _codes(labels: Labels) -> Positions:
    """A number for each label, the same for labels that are equal, shape (rows,)."""
    return np.asarray(labels.index.factorize()[0], dtype=np.int64)


def _known_at(arrived: Labels, periods: Labels, own: Positions) -> Positions:
    """Position of each row's arrival; the number of periods where it lies beyond them."""
    known, last = arrived.positions(periods), periods.index[-1]
    for row, (position, label) in enumerate(zip(known.tolist(), arrived.index, strict=True)):
        if position < 0 and not label > last:
            raise ValueError(
                f"history row {row}: arrived {label_text(label)} is no period of the history, whose labels run from "
                f"{periods.texts[0]} to {periods.texts[-1]}; name one of them, or a later one if the row never becomes "
                "known"
            )
        if 0 <= position < own[row]:
            raise ValueError(
                f"history row {row} of period {periods.texts[own[row]]} arrived {label_text(label)}, before its "
                "period: an outcome is known at the end of its own period at the earliest"
            )
    return np.where(known < 0, len(periods), known)


def revisions(names: Labels, labels: Labels, arrived: Labels, known_at: Positions) -> Positions:
    """For every row the one it revises, -1 if none: the last before it of the same name in the same period.

    Parameters
    ----------
    names, labels, arrived : Labels
        Of every row: its name within its period, its period, and the period in which it became known.
    known_at : ndarray of int
        Position of the last.

    Raises
    ------
    ValueError
        If a revision arrives together with what it revises, or before.
    """
    replaces, when = np.full(len(names), -1), arrived.index
    latest: dict[tuple[int, int], int] = {}
    for row, key in enumerate(zip(_codes(labels).tolist(), _codes(names).tolist(), strict=True)):
        before = latest.get(key)
        if before is not None:
            which = f"row {label_text(names.index[row])} of period {label_text(labels.index[row])}"
            if when[row] == when[before]:
                raise ValueError(
                    f"history rows {before} and {row} are both {which}, and both arrived {label_text(when[row])}; drop "
                    "one of them"
                )
            if known_at[row] < known_at[before] or when[row] < when[before]:
                raise ValueError(
                    f"history row {row}, a revision of {which}, arrived {label_text(when[row])}, before row {before}, "
                    f"which it revises, did ({label_text(when[before])}); a revision needs an original known before "
                    "it, and stands below it"
                )
            replaces[row] = before
        latest[key] = row
    return replaces
