"""What the ledger's tables are, by version of their schema: SQL that any tool reads, and nothing that runs."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from learning_debt.spells.schema import ARRIVED_GAP, CELLS, ESTIMATED, doubt_of, reliable_of, se_of

APPLICATION = 0x4C44_4D4F
"""What SQLite calls an application id; it tells a ledger from other databases."""

WITH_ERRORS = (*ESTIMATED, ARRIVED_GAP)
"""Signals that are kept with standard error, verdict and code of what is doubted."""


class Column(NamedTuple):
    """A column of a table: its name, its type in SQLite, and whether it may hold nothing."""

    name: str
    kind: str
    empty: bool = False


class Table(NamedTuple):
    """A table: its columns, those that are its key, and rules that SQLite holds it to."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[str, ...] = ()


def _signal_columns() -> tuple[Column, ...]:
    found = []
    for name in CELLS:
        if name == "regret":
            continue
        found.append(Column(name, "REAL", empty=True))
        if name in WITH_ERRORS:
            found += [Column(se_of(name), "REAL", empty=True)]
            found += [Column(told(name), "INTEGER", empty=True) for told in (reliable_of, doubt_of)]
    return tuple(found)


def _number(name: str) -> Column:
    return Column(name, "INTEGER")


def _text(name: str) -> Column:
    return Column(name, "TEXT")


def _real(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "REAL", empty=True) for name in names)


ENTRY = "entry"
ENTRIES = "entries"
TABLES = {
    ENTRIES: Table(
        (
            _number("number"), _text("kind"), Column("period", "INTEGER", empty=True), Column("written", "REAL"),
            _text("reason"), _text("facts"), _text("receipt"),
        ),
        ("number",),
    ),
    "files": Table(
        (_text("name"), _number(ENTRY), _text("sha256"), _number("bytes")),
        ("name",),
    ),
    "periods": Table(
        (
            _number("number"), _number(ENTRY), _text("label"), _number("rows"), _number("late"),
            Column("exposure", "REAL"),
            _text("fingerprint"), _text("data"), _text("posterior"), _text("rung"), _number("refits"),
            *_real("evaluations", "seconds", "pareto_k", "effective_size"), _number("converged"),
            _number("converged_doubt"), _text("doubt"), *_real("observe_seconds"),
        ),
        ("number",),
        ("UNIQUE (label)", *(f"FOREIGN KEY ({file}) REFERENCES files(name)" for file in ("data", "posterior"))),
    ),
    "signals": Table(
        (_number("period"), _number("deployed_at"), _number(ENTRY), *_signal_columns()),
        ("deployed_at", "period"),
        ("FOREIGN KEY (period) REFERENCES periods(number)", "FOREIGN KEY (deployed_at) REFERENCES periods(number)"),
    ),
    "decisions": Table(
        (
            _number("period"), _number(ENTRY), _text("verdict"), _text("reason"), _text("conflict"), _text("policy"),
            _number("deployed_at"), _number("spell_age"), _number("horizon"),
            *_real("expected_regret", "expected_regret_se"), _number("expected_regret_reliable"),
            *_real("believed_regret", "probability", "break_even_cost", "cost"), _text("unit"), _text("doubts"),
            *_real("regret", "regret_se", "realised_regret", "realised_regret_se", "regret_so_far"),
            _number("retrains"), _number("recalled_periods"), Column("recalled_share", "REAL"),
        ),
        ("period",),
        ("FOREIGN KEY (period) REFERENCES periods(number)", "FOREIGN KEY (deployed_at) REFERENCES periods(number)"),
    ),
    "deployments": Table(
        (_number("number"), _number(ENTRY), _text("kind"), _number("posterior"), _number("after")),
        ("number",),
        ("FOREIGN KEY (posterior) REFERENCES periods(number)", "FOREIGN KEY (after) REFERENCES periods(number)"),
    ),
    "releases": Table(
        (_number("posterior"), _number(ENTRY)),
        ("posterior",),
        ("FOREIGN KEY (posterior) REFERENCES periods(number)",),
    ),
    "messages": Table(
        (_number("number"), _number(ENTRY), _text("text")),
        ("number",),
    ),
    "deliveries": Table(
        (
            _number("number"), _number(ENTRY), _text("hook"), _text("series"), _text("decision"), _text("verdict"),
            _text("outcome"), Column("at", "REAL"), _text("detail"),
        ),
        ("number",),
    ),
}  # fmt: skip
"""All tables by name, a table behind those that it refers to."""

DIGESTS = "digests"
"""Eight hexadecimal digits for each column of a row, in order, by which a changed column is named."""


def _created(name: str, table: Table) -> list[str]:
    """SQL that makes a table to which rows are added and never anything else is done."""
    lines = [f"{one.name} {one.kind}{'' if one.empty else ' NOT NULL'}" for one in table.columns]
    if name != ENTRIES:
        lines.append(f"FOREIGN KEY ({ENTRY}) REFERENCES {ENTRIES}(number)")
    lines += [f"{DIGESTS} TEXT NOT NULL"] if name != ENTRIES else []
    constraints = [line for line in lines if line.startswith("FOREIGN")]
    columns = [line for line in lines if line not in constraints]
    body = ", ".join([*columns, f"PRIMARY KEY ({', '.join(table.key)})", *constraints, *table.rules])
    found = [f"CREATE TABLE {name} ({body}) STRICT"]
    found += [
        f"CREATE TRIGGER {name}_{what.lower()} BEFORE {what} ON {name} "
        "BEGIN SELECT RAISE(ABORT, 'rows of the ledger are only added'); END"
        for what in ("UPDATE", "DELETE")
    ]
    found += [] if name == ENTRIES else [f"CREATE INDEX {name}_{ENTRY} ON {name}({ENTRY})"]
    return found + (["CREATE INDEX signals_period ON signals(period)"] if name == "signals" else [])


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    tuple(line for name, table in TABLES.items() for line in _created(name, table)),
)
"""Statement by statement, what brings a ledger of schema version k, counted from 0, to version k + 1."""

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a ledger of an earlier version to the present one, within the transaction at hand."""
    for script in MIGRATIONS[version:]:
        for statement in script:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def statements_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The SQL by which everything in a database was made, by name."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {str(name): str(sql) for name, sql in rows}


def expected_statements() -> dict[str, str]:
    """The same of a ledger of the present version."""
    connection = sqlite3.connect(":memory:")
    try:
        migrate(connection, 0)
        return statements_of(connection)
    finally:
        connection.close()
