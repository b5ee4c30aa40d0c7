"""Whether a folder is what was written: the chain of receipts, every file, and, on request, every decision anew."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from learning_debt.monitor.ledger import Ledger, opened
from learning_debt.monitor.ledger_tables import (
    APPLICATION,
    DIGESTS,
    ENTRIES,
    ENTRY,
    TABLES,
    VERSION,
    expected_statements,
    statements_of,
)
from learning_debt.monitor.receipts import FIRST, changed_columns, receipt_of
from learning_debt.monitor.state_folder import StateFolder
from learning_debt.validation import require_instance, require_text

MOST = 50
"""Findings that are listed; further ones are counted."""


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes
    ----------
    findings : tuple of str
        A sentence each, naming row, table and column, or the file; empty where nothing was changed.
    head : str
        Receipt of the last entry, to be kept elsewhere: whoever can rewrite all of a folder can forge its chain.
    entries : int
    replayed : bool
        Whether signals and decisions were worked out anew.
    """

    findings: tuple[str, ...]
    head: str
    entries: int
    replayed: bool

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        checked = f"{self.entries} entries, {'replayed, ' if self.replayed else ''}head {self.head}"
        return "\n".join([f"as it was written: {checked}"] if self.ok else [f"changed: {checked}", *self.findings])


def verify_folder(path: str | os.PathLike[str], *, head: str | None = None) -> Verification:
    """As `learning_debt.Monitor.verify` without a replay, of a folder that may be too damaged to be opened.

    Parameters
    ----------
    path : path
    head : str, optional

    Raises
    ------
    FileNotFoundError
        If there is no folder of a monitor.
    """
    require_instance("path", path, (str, os.PathLike), "the path of a monitor's folder")
    if head is not None:
        require_text("head", head, "a receipt, as status()['head'] gives it")
    folder = StateFolder(path)
    folder.require_own()
    return verified(folder, head)


def verified(folder: StateFolder, head: str | None = None) -> Verification:
    """Receipts and files; `head` is a receipt that was kept elsewhere, of the last entry or of an earlier one."""
    findings: list[str] = []
    last, entries = "", 0
    try:
        with opened(folder.ledger, check=False) as ledger:
            findings += _damaged(ledger)
            if not findings:
                findings += [
                    *_changed_entries(ledger),
                    *_changed_files(ledger, folder),
                    *_changed_settings(ledger, folder),
                ]
            found = ledger.head
            last, entries = ("", 0) if found is None else (found["receipt"], found["number"] + 1)
            if head is not None and ledger.first(f"SELECT number FROM {ENTRIES} WHERE receipt = ?", head) is None:
                findings.append(
                    f"{folder.ledger.name}: no entry has the receipt {head}: the ledger was cut short, rewritten or "
                    "replaced"
                )
    except (ValueError, sqlite3.Error, OSError, TypeError, KeyError) as error:
        findings.append(f"{folder.ledger.name} cannot be read: {error}")
    more = [f"and {len(findings) - MOST} more"] if len(findings) > MOST else []
    return Verification((*findings[:MOST], *more), last, entries, replayed=False)


def _damaged(ledger: Ledger) -> Iterator[str]:
    """What SQLite itself finds, and tables that are others."""
    connection = ledger.connection
    told = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
    if told != ["ok"]:
        yield from (f"{ENTRIES} and other tables: {line}" for line in told)
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        yield "the ledger's application id was changed"
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        yield f"the ledger's schema version is {version}, this learning-debt has {VERSION}"
    expected, found = expected_statements(), statements_of(connection)
    yield from (f"table, index or trigger {name} was changed" for name in expected if found.get(name) != expected[name])
    yield from (f"there is a table, view or trigger {name} that no monitor makes" for name in found.keys() - expected)


def _changed_entries(ledger: Ledger) -> Iterator[str]:
    """The chain, entry by entry; only one entry's rows are in memory at a time."""
    previous, number = FIRST, -1
    for entry in ledger.all(f"SELECT * FROM {ENTRIES} ORDER BY number"):
        number += 1
        if entry["number"] != number:
            yield f"{ENTRIES}: entry {number} is not there"
            number = entry["number"]
        rows = {table: _rows_of(ledger, table, number) for table in TABLES if table != ENTRIES}
        told = receipt_of(previous, entry, rows)
        if told != entry["receipt"]:
            named = [*_changed_columns(rows)]
            yield from named or [_unnamed(ledger, entry, told)]
        previous = entry["receipt"]
    for table in TABLES:
        if table != ENTRIES:
            strange = ledger.all(f"SELECT * FROM {table} WHERE {ENTRY} NOT IN (SELECT number FROM {ENTRIES})")
            yield from (f"{table}: row {_key(table, row)} belongs to no entry" for row in strange)


def _rows_of(ledger: Ledger, table: str, entry: int) -> list[dict[str, Any]]:
    return ledger.all(f"SELECT * FROM {table} WHERE {ENTRY} = ?", entry)


def _changed_columns(rows: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    for table, found in rows.items():
        for row in found:
            for column in changed_columns(table, row):
                yield f"{table}: column {column} of row {_key(table, row)} was changed"


def _unnamed(ledger: Ledger, entry: dict[str, Any], told: str) -> str:
    """Where no column of a row shows it: the entry itself, its receipt, the one before, or rows that came or went."""
    after = ledger.first(f"SELECT * FROM {ENTRIES} WHERE number = ?", entry["number"] + 1)
    if after is not None:
        rows = {table: _rows_of(ledger, table, after["number"]) for table in TABLES if table != ENTRIES}
        if receipt_of(told, after, rows) == after["receipt"]:
            return f"{ENTRIES}: column receipt of row {entry['number']} was changed"
    return (
        f"{ENTRIES}: row {entry['number']} ({entry['kind']}) does not have its receipt: a column of it, {DIGESTS} of "
        "its rows, or the receipt before it was changed, or rows of it were taken away or added"
    )


def _key(table: str, row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in TABLES[table].key)


def _changed_files(ledger: Ledger, folder: StateFolder) -> Iterator[str]:
    gone = ledger.all("SELECT posterior FROM periods WHERE number IN (SELECT posterior FROM releases)")
    released = {row["posterior"] for row in gone}
    for row in ledger.all("SELECT name, sha256, bytes FROM files ORDER BY name"):
        if row["name"] in released:
            continue
        try:
            content = folder.read(row["name"], checked=False)
        except (OSError, ValueError) as error:
            yield f"file {row['name']} cannot be read: {error}"
            continue
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            yield f"file {row['name']} was changed"


def _changed_settings(ledger: Ledger, folder: StateFolder) -> Iterator[str]:
    first = ledger.first(f"SELECT facts FROM {ENTRIES} ORDER BY number")
    if first is None:
        yield f"{ENTRIES}: there are none"
        return
    told = json.loads(first["facts"]).get("settings")
    if hashlib.sha256(folder.settings.read_bytes()).hexdigest() != told:
        yield f"file {folder.settings.name} was changed"
