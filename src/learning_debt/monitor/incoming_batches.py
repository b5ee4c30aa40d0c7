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
    fingerprint : str
        Hash of what the rows hold.
    """

    label: Any
    rows: xr.Dataset
    fingerprint: str


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


def by_period(given: Any, dim: str, what: str) -> list[Arriving]:
    """Rows of each period of a batch, in the order in which they stand, which must be that of time.

    Raises
    ------
    TypeError, ValueError, KeyError
    """
    rows = as_dataset(given, dim, RESERVED)
    require_variables(rows, [PERIOD], what)
    for name in LATE:
        if name in rows.variables:
            raise ValueError(
                f"{what} has a column {name!r}: rows that come late or are revised are not taken yet; leave them out, "
                "or audit the whole history anew"
            )
    if SERIES in rows.variables and len(np.unique(np.asarray(rows[SERIES].values).astype(str))) > 1:
        raise ValueError(f"{what} holds several series; a monitor is of one: give each its own folder")
    cut = split_periods(rows, dim, varying_rows=True)
    plain = cut.data.drop_attrs() if hasattr(cut.data, "drop_attrs") else cut.data
    found = []
    for position, label in enumerate(cut.labels):
        span = slice(int(cut.starts[position]), int(cut.starts[position + 1]))
        part = plain.isel({dim: span})
        found.append(Arriving(label, part, content_hash(part)))
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
        _require_like(text, one.rows, known, dim, varying_rows)
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
            f"observe {missing} first, or, if there is no such period, pass gaps=True"
        )


def _require_like(text: str, rows: xr.Dataset, known: Known, dim: str, varying_rows: bool) -> None:
    found = columns_of(rows, dim)
    for name in known.columns:
        if name not in found:
            raise ValueError(f"batch of period {text} lacks the column {name!r}, which the history has")
    for name, made in found.items():
        if name not in known.columns:
            raise ValueError(f"batch of period {text} has a column {name!r} that the history lacks; drop it")
        if made != known.columns[name]:
            raise ValueError(
                f"batch of period {text}: column {name!r} has dimensions, kind and shape {made}, in the history "
                f"{known.columns[name]}"
            )
    if known.single and not varying_rows and rows.sizes[dim] > 1:
        raise ValueError(
            f"batch of period {text} has {rows.sizes[dim]} rows while all periods before have one: a duplicate? Drop "
            "it, or make the monitor with varying_rows=True if the number of rows truly varies"
        )


def label_line(labels: Sequence[Any]) -> str:
    """Labels as a message lists them."""
    return ", ".join(label_text(label) for label in labels)
