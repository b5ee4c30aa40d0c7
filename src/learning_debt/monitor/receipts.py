"""Receipts: each entry's hash of all its rows and of the receipt before it, so that no stored value changes unseen.

Values are hashed as they are stored, in JSON that writes every float to its last digit. The chain has no key: whoever
can rewrite all of it can forge it, which a receipt that is kept elsewhere finds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from learning_debt.monitor.ledger_tables import DIGESTS, ENTRIES, TABLES

FIRST = "0" * 64
"""What stands before the first entry."""
_DIGITS = 8

Row = Mapping[str, Any]


def as_stored(table: str, row: Row) -> dict[str, Any]:
    """The values of a row as SQLite gives them back, without its digests.

    NaN is NULL there, and minus zero zero.

    Raises
    ------
    KeyError
        If the table has a column that the row lacks, or the row one that the table lacks.

    Examples
    --------
    >>> as_stored("messages", {"number": 1, "entry": True, "text": "late"})
    {'number': 1, 'entry': 1, 'text': 'late'}
    """
    columns = TABLES[table].columns
    strange = set(row) - {column.name for column in columns}
    if strange:
        raise KeyError(f"table {table} has no column {sorted(strange)}")
    return {column.name: _value(row[column.name], column.kind) for column in columns}


def _value(value: Any, kind: str) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "INTEGER":
        return int(value)
    return float(value) + 0.0 if kind == "REAL" else str(value)


def digests_of(table: str, row: Row) -> str:
    """What names a changed column: a short hash of each, in order.

    Examples
    --------
    >>> one = {"number": 1, "entry": 1, "text": "late"}
    >>> changed_columns("messages", one | {"text": "soon", "digests": digests_of("messages", one)})
    ['text']
    """
    return "".join(_short(row[column.name]) for column in TABLES[table].columns)


def changed_columns(table: str, row: Row) -> list[str]:
    """Columns of a stored row whose values are not those that its digests were made of."""
    told = str(row[DIGESTS])
    names = [column.name for column in TABLES[table].columns]
    parts = [told[place : place + _DIGITS] for place in range(0, _DIGITS * len(names), _DIGITS)]
    found = [name for name, part in zip(names, parts, strict=True) if part != _short(row[name])]
    return found if len(told) == _DIGITS * len(names) else [*found, DIGESTS]


def _short(value: Any) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()[:_DIGITS]


def receipt_of(previous: str, entry: Row, rows: Mapping[str, Sequence[Row]]) -> str:
    """Hash of an entry: of the receipt before it, its own columns, and its rows of every table in the order of keys.

    Parameters
    ----------
    previous : str
        `FIRST` for the first entry.
    entry : mapping
        Its row in ``entries``; a receipt in it does not count.
    rows : mapping of str to sequence of mapping
        As stored, with digests.
    """
    own = {name: value for name, value in entry.items() if name != "receipt"}
    listed = {table: [dict(row) for row in _in_order(table, rows[table])] for table in sorted(rows) if rows[table]}
    return hashlib.sha256(_text({"previous": previous, ENTRIES: own, "rows": listed}).encode()).hexdigest()


def _in_order(table: str, rows: Sequence[Row]) -> list[Row]:
    key = TABLES[table].key
    return sorted(rows, key=lambda row: [row[name] for name in key])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
