"""What alerts need of a ledger: decisions that a hook has not been given, and a record of what became of each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from learning_debt.monitor.alerts import Delivery
from learning_debt.monitor.decision_records import QUERY, RecordedDecision
from learning_debt.monitor.ledger import Ledger, NewEntry, opened
from learning_debt.monitor.standing import Standing
from learning_debt.monitor.state_folder import StateFolder
from learning_debt.monitor.writer_lock import BusyError, writer_lock

SENDING = "alerts.lock"
BEGAN = "began"
PATIENCE = 10.0
"""Seconds for which a record waits until another process has done writing."""


class AlertOutbox:
    """The ledger of a folder, as `send_alerts` sees it.

    A hook that is new to the ledger begins with the newest decision; that it began is an entry of its own.

    Parameters
    ----------
    folder : StateFolder
    """

    def __init__(self, folder: StateFolder) -> None:
        self.folder = folder
        with opened(folder.ledger) as ledger:
            self.series = Standing.of(ledger).name(folder.path)

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """While the block runs, no other process sends; False where another one does.

        A lock of its own: whoever observes is not held up by an alert.
        """
        lock = self.folder.path / SENDING
        if lock.is_symlink():
            raise ValueError(f"{lock} is a link to another place; a monitor's folder holds its own files")
        with ExitStack() as stack:
            try:
                stack.enter_context(writer_lock(lock, "sending alerts"))
            except BusyError:
                yield False
            else:
                yield True

    def undelivered(self, hook: str, verdicts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Decisions with these verdicts that the hook has not been given, the oldest first."""
        with opened(self.folder.ledger) as ledger:
            begun = self._begun(ledger, hook)
            newest = ledger.first(f"{QUERY} ORDER BY d.period DESC")
        if newest is None:
            return iter(())
        if begun is None:
            begun = int(newest["period"])
            self.record(Delivery(hook, self.series, newest["receipt"], newest["verdict"], BEGAN, time.time()))
        with opened(self.folder.ledger) as ledger:
            found = ledger.all(
                f"{QUERY} WHERE d.period >= ? AND d.verdict IN ({', '.join('?' * len(verdicts))}) AND e.receipt NOT IN "
                "(SELECT decision FROM deliveries WHERE hook = ? AND outcome IN ('delivered', 'held back')) "
                "ORDER BY d.period",
                begun,
                *verdicts,
                hook,
            )
        return iter([RecordedDecision.from_row(row).as_dict() | {"series": self.series} for row in found])

    def last_delivered(self, hook: str, series: str) -> tuple[str, float] | None:
        """Verdict and time of the last alert about a series that the hook has taken."""
        with opened(self.folder.ledger) as ledger:
            row = ledger.first(
                "SELECT verdict, at FROM deliveries WHERE hook = ? AND series = ? AND outcome = 'delivered' "
                "ORDER BY number DESC",
                hook,
                series,
            )
        return None if row is None else (row["verdict"], row["at"])

    def record(self, delivery: Delivery) -> None:
        """Add an entry that says what became of an alert.

        Raises
        ------
        BusyError
            If another process goes on writing for ten seconds.
        OSError
            If the folder cannot be written.
        """
        with self._patiently_writing(), opened(self.folder.ledger, write=True) as ledger, ledger.transaction():
            last = ledger.first("SELECT number FROM deliveries ORDER BY number DESC")
            row = {"number": 0 if last is None else last["number"] + 1, **vars(delivery)}
            ledger.append(NewEntry("delivery", Standing.of(ledger).last, {"deliveries": [row]}))

    @contextmanager
    def _patiently_writing(self) -> Iterator[None]:
        until = time.monotonic() + PATIENCE
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self.folder.writing("record an alert"))
                    break
                except BusyError:
                    if time.monotonic() >= until:
                        raise
                    time.sleep(0.05)
            yield

    @staticmethod
    def _begun(ledger: Ledger, hook: str) -> int | None:
        """Number of the period with whose decision a hook began."""
        row = ledger.first(
            "SELECT d.period FROM deliveries a JOIN entries e ON e.receipt = a.decision JOIN decisions d "
            f"ON d.entry = e.number WHERE a.hook = ? AND a.outcome = '{BEGAN}' ORDER BY a.number",
            hook,
        )
        return None if row is None else int(row["period"])
