"""What may be observed: rows of the periods that come next, checked before anything else happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.data import (
    PERIOD,
    RESERVED,
    SERIES,
    Labels,
    as_dataset,
    as_labels,
    first_gap,
    label_text,
    read_together,
    require_same_kind,
    require_variables,
    split_periods,
)
from learning_debt.data.content_hash import content_hash

LATE = ("arrived", "row")


class Arriving(NamedTuple):
    """Rows of one period.

    Attributes
    ----------
    label : object
    rows : Dataset
        Those of earlier periods first.
    fingerprint : str
        Hash of what the rows hold.
    late : int
        How many are of earlier periods.
    """

    label: Any
    rows: xr.Dataset
    fingerprint: str
    late: int = 0


class Known(NamedTuple):
    """What the ledger knows, as far as it decides what may come next.

    Attributes
    ----------
    labels : Labels
        Of the last periods, the initial ones included.
    fingerprints : dict of str to str
        Of the periods that were observed, by the text of their labels.
    columns : dict of str to list
        What the first history held: name, and dimensions, kind and shape of a row.
    single : bool
        Whether all periods so far had one row.
    """

    labels: Labels
    fingerprints: dict[str, str]
    columns: dict[str, list[Any]]
    single: bool


_KINDS = dict.fromkeys("iuf", "number") | dict.fromkeys("OSTU", "text")
"""Kinds that stand for one: a data frame keeps as objects what an array keeps as text."""


def columns_of(rows: xr.Dataset, dim: str) -> dict[str, list[Any]]:
    """Name, dimensions, kind and shape of a row of every variable, as JSON holds them."""
    return {
        str(name): [
            [str(one) for one in variable.dims],
            _KINDS.get(variable.dtype.kind, variable.dtype.kind),
            [size for one, size in variable.sizes.items() if one != dim],
        ]
        for name, variable in rows.variables.items()
    }


def by_period(given: Any, dim: str, what: str, late: int = 0) -> list[Arriving]:
    """Rows that become known in each period of a batch, in the order of time.

    Parameters
    ----------
    given : Dataset, mapping or data frame
    dim, what : str
        The observation dimension, and what the caller calls the rows.
    late : int
        Periods that a row may come late.

    Raises
    ------
    TypeError, ValueError, KeyError
    """
    rows = as_dataset(given, dim, RESERVED)
    require_variables(rows, [PERIOD], what)
    for name in LATE:
        if name in rows.variables and not late:
            raise ValueError(
                f"{what} has a column {name!r}, and the monitor was made for rows that come with their period and stay "
                "as they are: leave it out, or make a monitor with late=4 (--late 4), say, for rows that come, or are "
                "revised, up to 4 periods later"
            )
    if SERIES in rows.variables and len(np.unique(np.asarray(rows[SERIES].values).astype(str))) > 1:
        raise ValueError(f"{what} holds several series; a monitor is of one: give each its own folder")
    cut = split_periods(rows, dim, varying_rows=True)
    plain = rows.drop_vars("arrived", errors="ignore").drop_attrs()
    found = []
    for position, label in enumerate(cut.labels):
        known = np.flatnonzero(cut.known_at == position)
        if not len(known):  # of an earlier period, of which rows come late
            continue
        before = int((cut.period_of[known] < position).sum())
        if before == len(known):
            raise ValueError(f"{what}: rows come late in period {label_text(label)}, which has none of its own")
        part = plain.isel({dim: known})
        found.append(Arriving(label, part, content_hash(part), before))
    if (cut.known_at == len(cut)).any():
        raise ValueError(f"{what} has rows that arrive after its last period; leave them out until they do")
    return found


def what_is_new(arriving: Sequence[Arriving], known: Known, dim: str, *, varying_rows: bool, gaps: bool) -> int:
    """How many of the periods, the first ones, are known already and unchanged; the others may be observed.

    Raises
    ------
    ValueError
        If a period is known with other data, lies before the last one or leaves one out, or if rows are not made like
        those before.
    """
    labels = as_labels([one.label for one in arriving], "batch periods")
    require_same_kind(labels, known.labels)
    texts, last = labels.texts, known.labels.texts[-1]
    again = 0
    for text, one in zip(texts, arriving, strict=True):
        if text not in known.fingerprints:
            break
        if known.fingerprints[text] != one.fingerprint:
            raise ValueError(
                f"period {text} has been observed with other data: what is recorded stays. Nothing has changed; leave "
                "the period out of the batch"
            )
        again += 1
    new = Labels(labels.index[again:], labels.kind, labels.what)
    if len(new):
        _require_next(new, known.labels, last, gaps)
    for text, one in zip(new.texts, arriving[again:], strict=True):
        _require_like(text, one, known, dim, varying_rows)
    return again


def _require_next(new: Labels, known: Labels, last: str, gaps: bool) -> None:
    ways = read_together(known, new)
    behind = [given.points[0] <= held.points[-1] for held, given in ways]
    if (behind and all(behind)) or new.texts[0] in known.texts:
        raise ValueError(
            f"period {new.texts[0]} does not come after {last}, the last one that is recorded. Nothing has changed; "
            "observe periods in order, each once"
        )
    missing = None if gaps else first_gap(known, new)
    if missing is not None:
        raise ValueError(
            f"period {missing} is left out: the batch goes on with {new.texts[0]} after {last}. Nothing has changed; "
            f"observe {missing} first, or, if there is no such period, pass gaps=True (--gaps)"
        )


def _require_like(text: str, one: Arriving, known: Known, dim: str, varying_rows: bool) -> None:
    found, own = columns_of(one.rows, dim), one.rows.sizes[dim] - one.late
    for name in known.columns:
        if name not in found:
            raise ValueError(
                f"batch of period {text} lacks the column {name!r}, which the history has; a batch has the columns of "
                f"the history: {', '.join(list(known.columns)[:20])}"
            )
    for name, made in found.items():
        if name not in known.columns:
            raise ValueError(f"batch of period {text} has a column {name!r} that the history lacks; drop it")
        if made != known.columns[name]:
            raise ValueError(
                f"batch of period {text}: column {name!r} has dimensions, kind and shape {made}, in the history "
                f"{known.columns[name]}"
            )
    if known.single and not varying_rows and own > 1:
        raise ValueError(
            f"batch of period {text} has {own} rows while all periods before have one: a duplicate? Drop "
            "it, or make the monitor with varying_rows=True if the number of rows truly varies"
        )


def label_line(labels: Sequence[Any]) -> str:
    """Labels as a message lists them."""
    return ", ".join(label_text(label) for label in labels)
