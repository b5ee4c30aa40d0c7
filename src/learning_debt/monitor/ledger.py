"""The ledger: what was observed, decided and done, in a SQLite file to which entries are added, each as a whole."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from learning_debt.monitor.ledger_tables import (
    APPLICATION,
    DIGESTS,
    ENTRIES,
    ENTRY,
    TABLES,
    VERSION,
    expected_statements,
    migrate,
    statements_of,
)
from learning_debt.monitor.receipts import FIRST, as_stored, digests_of, receipt_of

Record = dict[str, Any]
WAIT_SECONDS = 10.0
"""For which a reader waits on SQLite's own lock, as while another process writes its last page."""


class NewEntry(NamedTuple):
    """What is to be added to the ledger as a whole.

    Attributes
    ----------
    kind : str
    period : int or None
        The last period that the ledger holds with it.
    rows : dict of str to list of dict
        By table; the number of the entry is added to each.
    reason : str
        The owner's word.
    facts : str
        What else it rests on, as JSON.
    """

    kind: str
    period: int | None
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    reason: str = ""
    facts: str = "{}"


class Ledger:
    """An open ledger; `opened` makes one.

    Parameters
    ----------
    connection : sqlite3.Connection
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def all(self, query: str, *values: Any) -> list[Record]:
        """Rows of a query, by column."""
        cursor = self.connection.execute(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def first(self, query: str, *values: Any) -> Record | None:
        """The first row of a query."""
        return next(iter(self.all(f"{query} LIMIT 1", *values)), None)

    @property
    def head(self) -> Record | None:
        """The last entry."""
        return self.first(f"SELECT * FROM {ENTRIES} ORDER BY number DESC")

    def append(self, new: NewEntry) -> str:
        """Add an entry, within the transaction at hand; its receipt."""
        before = self.head
        number = 0 if before is None else before["number"] + 1
        entry = {
            "number": number,
            "kind": new.kind,
            "period": new.period,
            "written": time.time(),
            "reason": new.reason,
            "facts": new.facts,
            "receipt": "",
        }
        entry = as_stored(ENTRIES, entry)
        stored = {table: [_digested(table, row, number) for row in rows] for table, rows in new.rows.items()}
        receipt = receipt_of(FIRST if before is None else before["receipt"], entry, stored)
        self._insert(ENTRIES, entry | {"receipt": receipt})
        for table in TABLES:
            for row in stored.get(table, ()):
                self._insert(table, row)
        return receipt

    def _insert(self, table: str, row: Record) -> None:
        marks = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that the block adds, or nothing; on the disk once it has ended.

        Raises
        ------
        OSError
            If the disk is full; nothing has been added then.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self.connection.execute("COMMIT")
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise OSError(
                    errno.ENOSPC if "full" in str(error) else errno.EIO,
                    f"the ledger cannot be written ({error}); nothing has been recorded",
                ) from error
            raise


def _digested(table: str, row: Mapping[str, Any], entry: int) -> Record:
    stored = as_stored(table, {**row, ENTRY: entry})
    return stored | {DIGESTS: digests_of(table, stored)}


@contextmanager
def opened(file: Path, *, write: bool = False, check: bool = True) -> Iterator[Ledger]:
    """A ledger, open while the block runs.

    Parameters
    ----------
    file : Path
    write : bool
        Whether entries will be added; the lock of the folder is then held.
    check : bool
        Whether the tables must be those that this release makes.

    Raises
    ------
    ValueError
        If it is no ledger, or of a later release; nothing has been changed then.
    OSError
        If the disk is full or fails: SQLite needs some room even to read.
    """
    try:
        connection = _connected(file, write)
        try:
            if check:
                _require_known(file, connection, write)
            yield Ledger(connection)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
            raise OSError(
                errno.EIO,
                f"{file} cannot be used ({error}): the disk is full, or fails. Nothing has been recorded; free some "
                "space and try again",
            ) from error
        raise ValueError(
            f"{file} cannot be read as a ledger: {error}. Monitor.verify says what changed; if it was damaged, put "
            "back a copy of the whole folder"
        ) from error


def create(file: Path) -> None:
    """An empty ledger.

    Raises
    ------
    OSError
    """
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        migrate(connection, 0)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _connected(file: Path, write: bool) -> sqlite3.Connection:
    """Nothing that the file says is run: no extensions, and functions in its schema are not trusted.

    Where the folder cannot be written SQLite cannot share it either, and it is read as it stands.
    """
    sealed = not write and not os.access(file.parent, os.W_OK)
    still = "&immutable=1" if sealed and not file.with_name(f"{file.name}-wal").exists() else ""
    uri = f"file:{quote(str(file))}?mode={'ro' if sealed else 'rw'}{still}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=WAIT_SECONDS)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if not write:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _require_known(file: Path, connection: sqlite3.Connection, write: bool) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise ValueError(f"{file} is no ledger of a monitor")
    if version > VERSION:
        raise ValueError(
            f"{file} has schema version {version}: a later learning-debt wrote it, and this one reads versions up to "
            f"{VERSION}. Nothing has been changed; use that release, or install a newer one here"
        )
    if version < VERSION and write:
        connection.execute("BEGIN IMMEDIATE")
        migrate(connection, version)
        connection.execute("COMMIT")
    if statements_of(connection) != _expected():
        raise ValueError(
            f"the tables of {file} are not those that a monitor makes, so that it is not used; Monitor.verify says more"
        )


@cache
def _expected() -> dict[str, str]:
    return expected_statements()
