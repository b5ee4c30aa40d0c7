"""Decisions and deliveries in a SQLite file: the least that alerts need of a ledger."""

import json
import sqlite3
from contextlib import closing, contextmanager


class OutboxOfRows:
    def __init__(self, path):
        self.path = path
        with self._database() as rows:
            rows.execute("CREATE TABLE IF NOT EXISTS decisions (number INTEGER PRIMARY KEY, status TEXT) STRICT")
            rows.execute("CREATE TABLE IF NOT EXISTS deliveries (hook, series, decision, verdict, outcome, at, detail)")

    @contextmanager
    def _database(self):
        with closing(sqlite3.connect(self.path)) as rows, rows:
            yield rows

    def decide(self, receipt, verdict="retrain", series="north", **more):
        with self._database() as rows:
            status = {"receipt": receipt, "verdict": verdict, "series": series, **more}
            rows.execute("INSERT INTO decisions (status) VALUES (?)", (json.dumps(status),))

    @contextmanager
    def sending(self):
        yield True

    def undelivered(self, hook, verdicts):
        done = {row[2] for row in self.deliveries() if row[0] == hook and row[4] != "failed"}
        with self._database() as rows:
            found = [json.loads(text) for (text,) in rows.execute("SELECT status FROM decisions ORDER BY number")]
        return iter([one for one in found if one["verdict"] in verdicts and one["receipt"] not in done])

    def last_delivered(self, hook, series):
        given = [row for row in self.deliveries() if row[0] == hook and row[1] == series and row[4] == "delivered"]
        return (given[-1][3], given[-1][5]) if given else None

    def record(self, delivery):
        one = delivery
        row = (one.hook, one.series, one.decision, one.verdict, one.outcome, one.at, one.detail)
        with self._database() as rows:
            rows.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def deliveries(self):
        with self._database() as rows:
            return rows.execute("SELECT * FROM deliveries ORDER BY rowid").fetchall()
