"""Where a monitor stands: what its ledger says of the last period, of what is in service and of what is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_debt.data import Labels, label_text
from learning_debt.monitor.decision_records import QUERY, RecordedDecision
from learning_debt.monitor.incoming_batches import Known
from learning_debt.monitor.kept_labels import labels_of, read_labels, written_label
from learning_debt.monitor.ledger import Ledger

RECENT = 64
"""Labels that are looked at to tell what comes next."""


@dataclass(frozen=True)
class Standing:
    """What the ledger says.

    Attributes
    ----------
    last : int
        Number of the last period.
    receipt : str
        Of the last entry.
    first : int
        Number of the first period of all: 1 less those of the initial part.
    stored : tuple of int
        Numbers of the posteriors that are kept, in order, the shadow last.
    deployed : tuple of int
        What has been in service, in order; the last one is.
    since : int
        Number of the period after which it was put into service.
    forecaster : str
        What tells the forecaster from others, as adopted last.
    created : dict
        What the first entry says of the history it was made with.
    """

    last: int
    receipt: str
    first: int
    stored: tuple[int, ...]
    deployed: tuple[int, ...]
    since: int
    forecaster: str
    created: dict[str, Any]

    @classmethod
    def of(cls, ledger: Ledger) -> Standing:
        """As the ledger has it now."""
        head, first = ledger.head, ledger.first("SELECT facts FROM entries ORDER BY number")
        if head is None or first is None:
            raise ValueError("the ledger holds no entry: its making was cut short; delete the folder and make it anew")
        created = json.loads(first["facts"])
        stored = ledger.all(
            "SELECT number FROM periods WHERE number NOT IN (SELECT posterior FROM releases) ORDER BY number"
        )
        deployed = ledger.all("SELECT posterior, after FROM deployments ORDER BY number")
        adopted = ledger.first("SELECT facts FROM entries WHERE kind = 'adopt' ORDER BY number DESC")
        last = ledger.first("SELECT number FROM periods ORDER BY number DESC")
        assert last is not None
        return cls(
            last=last["number"],
            receipt=head["receipt"],
            first=1 - len(created["rows"]),
            stored=tuple(row["number"] for row in stored),
            deployed=tuple(row["posterior"] for row in deployed),
            since=deployed[-1]["after"],
            forecaster=created["forecaster"] if adopted is None else json.loads(adopted["facts"])["forecaster"],
            created=created,
        )

    @property
    def in_service(self) -> int:
        """Number of the posterior that serves."""
        return self.deployed[-1]

    def name(self, path: Path) -> str:
        """What the monitor in a folder is called: as a series among others, or as its folder."""
        return str(self.created.get("series") or path.name)

    def known(self, ledger: Ledger, labels: Sequence[Any] = ()) -> Known:
        """What decides what may come next; fingerprints of those of the `labels` that were observed."""
        recent = ledger.all("SELECT label, rows FROM periods WHERE number > 0 ORDER BY number DESC LIMIT ?", RECENT)
        written = [*self.created["labels"], *(row["label"] for row in reversed(recent))][-RECENT:]
        counts = [*self.created["rows"], *(row["rows"] for row in reversed(recent))][-RECENT:]
        first = dict(zip(self.created["labels"], self.created["fingerprints"], strict=True))
        fingerprints = {}
        for label in labels:
            if (own := written_label(label)) in first:
                fingerprints[label_text(label)] = first[own]
            query = "SELECT fingerprint FROM periods WHERE label = ? AND number > 0"
            if (row := ledger.first(query, own)) is not None:
                fingerprints[label_text(label)] = row["fingerprint"]
        return Known(labels_of(written), fingerprints, self.created["columns"], set(counts) == {1})

    def counts(self, ledger: Ledger, first: int) -> tuple[int, ...]:
        """Rows of the periods from number `first` on."""
        initial = [count for place, count in enumerate(self.created["rows"]) if self.first + place >= first]
        later = ledger.all("SELECT rows + late AS rows FROM periods WHERE number >= ? ORDER BY number", max(first, 1))
        return (*initial, *(row["rows"] for row in later))

    def labels(self, ledger: Ledger) -> list[str]:
        """All labels as they are written, those of the initial part first."""
        later = ledger.all("SELECT label FROM periods WHERE number > 0 ORDER BY number")
        return [*self.created["labels"], *(row["label"] for row in later)]

    def label(self, ledger: Ledger, number: int) -> Any:
        """The owner's name of a period, or of that after which a posterior was trained."""
        row = ledger.first("SELECT label FROM periods WHERE number = ?", number)
        assert row is not None
        return read_labels([row["label"]])[0]


def retrains_of(ledger: Ledger) -> int:
    """Retrains that have been put into service since the monitor began, up to now."""
    row = ledger.first("SELECT COUNT(*) AS n FROM deployments WHERE kind IN ('redeploy', 'told')")
    assert row is not None
    return int(row["n"])


def last_decision(ledger: Ledger) -> RecordedDecision | None:
    """The last one that was made."""
    row = ledger.first(f"{QUERY} ORDER BY d.period DESC")
    return None if row is None else RecordedDecision.from_row(row)


def decision_of(ledger: Ledger, number: int) -> RecordedDecision:
    """That of a period."""
    row = ledger.first(f"{QUERY} WHERE d.period = ?", number)
    if row is None:
        raise ValueError(f"no decision was made in period {number}")
    return RecordedDecision.from_row(row)


def labels_by_number(ledger: Ledger) -> tuple[list[int], Labels]:
    """Numbers of all periods, 0 included, and their labels."""
    rows = ledger.all("SELECT number, label FROM periods ORDER BY number")
    return [row["number"] for row in rows], labels_of([row["label"] for row in rows])
