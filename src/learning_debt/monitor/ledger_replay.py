"""A ledger worked out anew from its rows: every signal, every decision, and which posteriors were kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from learning_debt.monitor.agreed_settings import present_versions
from learning_debt.monitor.incoming_batches import Arriving
from learning_debt.monitor.kept_files import rows_from_bytes
from learning_debt.monitor.kept_labels import labels_of, read_labels
from learning_debt.monitor.late_rows import with_lateness
from learning_debt.monitor.ledger import Ledger, Record, opened
from learning_debt.monitor.live_rows import LiveRows, first_needed
from learning_debt.monitor.live_session import LiveSession, live_step
from learning_debt.monitor.observation import Before, decided, observed
from learning_debt.monitor.present_spell import CELLS
from learning_debt.monitor.recalled_cells import recalled
from learning_debt.monitor.standing import Standing
from learning_debt.monitor.verification import Verification

TOLERANCE = 1e-9
"""Relative, where other versions of packages or another machine made the ledger; else values must be the same."""
TIMED = ("observe_seconds", "seconds", "data", "posterior", "entry", "digests")
"""Columns that a replay does not work out."""


def replayed(session: LiveSession, found: Verification) -> Verification:
    """A verification with what a replay adds to it."""
    if not found.ok:
        return found
    with opened(session.folder.ledger) as ledger:
        findings = tuple(_differences(ledger, session))
    return replace(found, findings=findings, replayed=True)


def _differences(ledger: Ledger, session: LiveSession) -> Iterator[str]:
    """Walk through the entries in order, as they were made."""
    walk = _Walk(ledger, session)
    for entry in ledger.all("SELECT * FROM entries ORDER BY number"):
        if entry["kind"] == "create":
            walk.begin()
        for row in ledger.all("SELECT * FROM deployments WHERE entry = ?", entry["number"]):
            walk.deployed.append(row["posterior"])
            walk.retrains += row["kind"] in ("redeploy", "told")
        if entry["kind"] == "observe":
            yield from walk.observe(entry["period"])


class _Walk:
    """What is held in the middle of a replay."""

    def __init__(self, ledger: Ledger, session: LiveSession) -> None:
        self.ledger, self.session, self.settings = ledger, session, session.settings
        self.exact = set(present_versions()) == set(session.settings.versions)
        self.deployed: list[int] = []
        self.retrains, self.regret = 0, 0.0
        self.created: dict[str, Any] = {}
        self.audited = session.audited(ledger)

    def begin(self) -> None:
        """The first posterior."""
        self.created = Standing.of(self.ledger).created
        dim, counts = self.settings.observation_dim, tuple(self.created["rows"])
        forecaster = self.session.forecaster
        self.step = None if forecaster is None else live_step(forecaster, self.settings)
        self.stored: list[int] = [0]
        if self.step is None or not self.step.remembers:
            self.step = None
            return
        self.rows = LiveRows(self._file(0), 1 - len(counts), counts, dim)
        if self.settings.late:
            self.rows = with_lateness(self.rows, labels_of(self.created["labels"]), self.settings.late)
        self.posteriors = {0: self.step.start(self.rows)[0]}

    def observe(self, number: int) -> Iterator[str]:
        """One period: what is recorded against what comes out."""
        recorded = self._recorded(number)
        in_service = self.deployed[-1]
        trained = self._one("SELECT * FROM periods WHERE number = ?", in_service)
        before = Before(
            number, tuple(self.stored), tuple(self.deployed), self._spell(in_service, number), trained,
            self.created["labels"], *recalled(self.ledger, number), self.audited, self.regret, self.retrains,
        )  # fmt: skip
        if self.step is None:
            own = self._spell(in_service, number + 1)
            cells, periods = recalled(self.ledger, number + 1)
            row = decided(self.settings, self.settings.policy, before, own, cells, periods)
            yield from self._compare("decisions", [row], recorded)
            released = [row["posterior"] for row in recorded["releases"]]
        else:
            row = recorded["periods"][0]
            label = read_labels([row["label"]])[0]
            arriving = Arriving(label, self._file(number), row["fingerprint"], row["late"])
            initial = 1 - len(self.created["rows"])
            first = first_needed(number, self.settings.update_rule, remembers=True, initial=initial)
            self.rows = self._grown(number, first, arriving)
            stored = [self.posteriors[one] for one in self.stored]
            found = observed(self.step, self.settings, before, stored, self.rows, arriving, lambda: 0.0)
            for table, rows in found.rows(("", "", 0), ("", "", 0)).items():
                if table != "files":
                    yield from self._compare(table, rows, recorded)
            self.posteriors[number] = found.shadow
            released = found.released
            for gone in released:
                self.posteriors.pop(gone, None)
        decision = recorded["decisions"][0]
        self.regret = decision["regret_so_far"]
        self.stored = [one for one in (*self.stored, number) if one not in released]

    def _grown(self, number: int, first: int, arriving: Arriving) -> LiveRows:
        if not self.settings.late:
            return self.rows.from_period(first).with_period(arriving.rows)
        grown = LiveRows(self.rows.rows, self.rows.first, self.rows.counts, self.rows.dim).with_period(arriving.rows)
        written = Standing.of(self.ledger).labels(self.ledger)[: number + len(self.created["rows"])]
        return with_lateness(grown, labels_of(written), self.settings.late)

    def _recorded(self, number: int) -> dict[str, list[Record]]:
        entry = self._one("SELECT entry FROM periods WHERE number = ?", number)["entry"]
        tables = ("periods", "signals", "decisions", "releases")
        return {table: self.ledger.all(f"SELECT * FROM {table} WHERE entry = ?", entry) for table in tables}

    def _spell(self, posterior: int, before: int) -> list[Record]:
        query = f"{CELLS} WHERE s.deployed_at = ? AND s.period < ? ORDER BY s.period"
        return self.ledger.all(query, posterior, before)

    def _file(self, number: int) -> Any:
        return rows_from_bytes(
            self.session.folder.read(self._one("SELECT data FROM periods WHERE number = ?", number)["data"])
        )

    def _one(self, query: str, *values: Any) -> Record:
        row = self.ledger.first(query, *values)
        assert row is not None
        return row

    def _compare(self, table: str, rows: list[Record], recorded: dict[str, list[Record]]) -> Iterator[str]:
        theirs = recorded[table]
        if len(rows) != len(theirs):
            yield f"{table}: a replay makes {len(rows)} row(s) of an entry that has {len(theirs)}"
            return
        key = {"signals": ("deployed_at",), "releases": ("posterior",)}.get(table, ())
        rows, theirs = (sorted(one, key=lambda row: [row[name] for name in key]) for one in (rows, theirs))
        for row, there in zip(rows, theirs, strict=True):
            for name, value in row.items():
                same = _same_label if name == "label" else self._same
                if name not in TIMED and not same(value, there[name]):
                    yield f"{table}: a replay has {name} {value!r} where {there[name]!r} is recorded ({there})"

    def _same(self, value: Any, there: Any) -> bool:
        if value is None or (isinstance(value, float) and np.isnan(value)):
            return there is None
        if isinstance(value, float) and isinstance(there, float):
            return value == there or (not self.exact and bool(np.isclose(value, there, rtol=TOLERANCE, atol=TOLERANCE)))
        return bool(value == there) or (not self.exact and isinstance(value, str) and isinstance(there, str))


def _same_label(written: str, there: str) -> bool:
    """Whether two labels mean the same: 13 and 13.0, or a date in days and in nanoseconds."""
    return labels_of([written]).same_as(labels_of([there]))
