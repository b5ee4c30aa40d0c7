"""What a monitor does in its folder: entries, one at a time, each from what the ledger says when its turn has come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import PERIOD, as_labels, label_text
from learning_debt.errors import noted
from learning_debt.forecasters.base import Forecaster, require_sampled_forecaster
from learning_debt.forecasters.conjugate_regression import ConjugateRegression
from learning_debt.monitor.agreed_settings import Settings
from learning_debt.monitor.audited_cells import audited_from_bytes
from learning_debt.monitor.decision_records import RecordedDecision
from learning_debt.monitor.forecaster_identity import identity_at, needs_rows
from learning_debt.monitor.incoming_batches import Arriving, what_is_new
from learning_debt.monitor.kept_files import rows_from_bytes, rows_to_bytes
from learning_debt.monitor.kept_labels import labels_of, read_labels, written_label
from learning_debt.monitor.late_rows import with_lateness
from learning_debt.monitor.ledger import Ledger, NewEntry, opened
from learning_debt.monitor.live_exact import LiveExact
from learning_debt.monitor.live_rows import LiveRows, first_needed, joined
from learning_debt.monitor.live_sampled import LiveSampled
from learning_debt.monitor.observation import Before, LiveStep, observed
from learning_debt.monitor.present_spell import spell_rows
from learning_debt.monitor.recalled_cells import Audited, recalled
from learning_debt.monitor.standing import Standing, decision_of, last_decision, retrains_of
from learning_debt.monitor.state_folder import DATA, POSTERIORS, StateFolder
from learning_debt.spells.step import StepOptions


def live_step(forecaster: Forecaster, settings: Settings) -> LiveStep[Any]:
    """What takes the periods of a forecaster."""
    options = StepOptions(settings.variables, settings.score, settings.update_rule, on_time=settings.late == 0)
    if isinstance(forecaster, ConjugateRegression):
        return LiveExact(forecaster, options)
    return LiveSampled(require_sampled_forecaster("forecaster", forecaster), options, settings.shadow, settings.seed)


class LiveSession:
    """A monitor at work in its folder.

    Parameters
    ----------
    folder : StateFolder
    settings : Settings
    forecaster : Forecaster or None
        None for one that does not observe.
    """

    def __init__(self, folder: StateFolder, settings: Settings, forecaster: Forecaster | None) -> None:
        self.folder, self.settings, self.forecaster = folder, settings, forecaster
        self._rows: tuple[int, LiveRows] | None = None
        self._posteriors: dict[str, Any] = {}
        self._step: tuple[Forecaster, LiveStep[Any]] | None = None
        self._audited: Audited | None = None
        self._cleaned = False

    def require_same(self, forecaster: Forecaster) -> None:
        """Refuse another forecaster than that of the folder.

        Raises
        ------
        ValueError
            Naming both fingerprints.
        """
        with opened(self.folder.ledger) as ledger:
            theirs = Standing.of(ledger).forecaster
        ours = self.identity(forecaster)
        if ours != theirs:
            raise ValueError(
                f"the monitor in {self.folder.path} is of the forecaster {theirs}, and this one is {ours}: nothing "
                "will be observed with another one. If only a comment or a package changed, open the folder without "
                "a forecaster, and use adopt(forecaster, reason=...)"
            )

    def require_forecaster(self) -> Forecaster:
        """The forecaster that was opened with.

        Raises
        ------
        ValueError
        """
        if self.forecaster is None:
            raise ValueError("the monitor was opened without its forecaster: use ld.Monitor.open(path, forecaster)")
        return self.forecaster

    def identity(self, forecaster: Forecaster) -> str:
        """What tells a forecaster from others, at the rows of the first fit."""
        if not needs_rows(forecaster):
            return identity_at(forecaster, None)
        with opened(self.folder.ledger) as ledger:
            return identity_at(forecaster, self._read_rows(ledger, [0])[0])

    def adopt(self, forecaster: Forecaster, reason: str) -> None:
        """Record that a forecaster is accepted in place of the one before."""
        with opened(self.folder.ledger) as ledger:
            forecaster.as_batch(self._read_rows(ledger, [0])[0])  # refuses rows that are not made for it
        facts = json.dumps({"forecaster": self.identity(forecaster)})
        with self.writing("adopt") as ledger:
            self.append(ledger, NewEntry("adopt", Standing.of(ledger).last, {}, reason, facts))
        self.forecaster, self._rows = forecaster, None

    @contextmanager
    def writing(self, doing: str) -> Iterator[Ledger]:
        """Be the only writer while the block runs."""
        with self.folder.writing(doing), opened(self.folder.ledger, write=True) as ledger:
            if not self._cleaned:
                self.folder.clean(known_files(ledger))
                self._cleaned = True
            yield ledger

    def append(self, ledger: Ledger, new: NewEntry) -> str:
        """Record an entry."""
        with ledger.transaction():
            return ledger.append(new)

    def observe(self, arriving: Sequence[Arriving], *, gaps: bool) -> RecordedDecision:
        """Record what is new of some periods; the decision of the last one."""
        forecaster, new = self.require_forecaster(), self.check(arriving, gaps=gaps)
        if not new:
            with opened(self.folder.ledger) as ledger:
                return _decision_about(ledger, arriving[-1].label)
        with self.writing("observe") as ledger:
            for one in self._new(ledger, new, gaps):  # another process may have been at it meanwhile
                with noted(f"in period {label_text(one.label)}"):
                    self._record(ledger, forecaster, one)
            return _decision_about(ledger, arriving[-1].label)

    def check(self, arriving: Sequence[Arriving], *, gaps: bool) -> Sequence[Arriving]:
        """What is new of some periods, checked as far as it can be before anything is worked out."""
        forecaster = self.require_forecaster()
        with opened(self.folder.ledger) as ledger:
            new = self._new(ledger, arriving, gaps)
        for one in new:
            forecaster.as_batch(one.rows)
        return new

    def _new(self, ledger: Ledger, arriving: Sequence[Arriving], gaps: bool) -> Sequence[Arriving]:
        known = Standing.of(ledger).known(ledger, [one.label for one in arriving])
        settings = self.settings
        again = what_is_new(arriving, known, settings.observation_dim, varying_rows=settings.varying_rows, gaps=gaps)
        return arriving[again:]

    def _record(self, ledger: Ledger, forecaster: Forecaster, arriving: Arriving) -> None:
        """One period, from its rows to its entry; what it writes before is nothing without the entry."""
        begun, standing = perf_counter(), Standing.of(ledger)
        step, number = self._step_of(forecaster), standing.last + 1
        rows = self._rows_before(ledger, standing, step).with_period(arriving.rows)
        if self.settings.late:
            labels = labels_of([*standing.labels(ledger), written_label(arriving.label)])
            rows = with_lateness(rows, labels, self.settings.late)
        stored = self._stored(ledger, standing.stored, step)
        before = _before(ledger, standing, self.audited(ledger))
        found = observed(step, self.settings, before, stored, rows, arriving, lambda: perf_counter() - begun)
        files = []
        for part, content in ((DATA, rows_to_bytes(arriving.rows)), (POSTERIORS, step.written(found.shadow))):
            files.append((*self.folder.write(part, number, content), len(content)))
        self.append(ledger, NewEntry("observe", number, found.rows(files[0], files[1])))
        self._rows = number, rows
        self._posteriors[files[1][0]] = found.shadow
        if found.released:
            gone = [row["posterior"] for row in _period_rows(ledger, found.released)]
            self.folder.remove(gone)
            for name in gone:
                self._posteriors.pop(name, None)

    def _step_of(self, forecaster: Forecaster) -> LiveStep[Any]:
        """What takes the periods, the same one from period to period: it may remember."""
        if self._step is None or self._step[0] is not forecaster:
            self._step = forecaster, live_step(forecaster, self.settings)
        return self._step[1]

    def _rows_before(self, ledger: Ledger, standing: Standing, step: LiveStep[Any]) -> LiveRows:
        """Rows that the next step may need, from memory or from the folder."""
        rule, dim = self.settings.update_rule, self.settings.observation_dim
        remembers = step.remembers and not self.settings.late
        first = first_needed(standing.last + 1, rule, remembers=remembers, initial=standing.first)
        if self._rows is not None and self._rows[0] == standing.last and self._rows[1].first <= first:
            return self._rows[1].from_period(first)
        if first > standing.last:
            return LiveRows(None, first, (), dim)
        whole = standing.first if first <= 0 else first  # the initial part is one file
        numbers = range(max(first, 0), standing.last + 1)
        rows = joined(self._read_rows(ledger, numbers), dim)
        return LiveRows(rows, whole, standing.counts(ledger, whole), dim).from_period(first)

    def _read_rows(self, ledger: Ledger, numbers: Sequence[int]) -> list[xr.Dataset]:
        return [rows_from_bytes(self.folder.read(row["data"])) for row in _period_rows(ledger, numbers)]

    def all_rows(self, ledger: Ledger) -> xr.Dataset:
        """Rows of all periods, in their order; where some may be late, with the period in which each ``arrived``."""
        standing, dim = Standing.of(ledger), self.settings.observation_dim
        rows = self.rows_of(ledger, range(standing.last + 1))
        if not self.settings.late:
            return rows
        periods = labels_of(standing.labels(ledger))
        known_at = np.repeat(np.arange(len(periods)), standing.counts(ledger, standing.first))
        arrived = np.array([periods.index[place] for place in known_at], dtype=object)
        order = np.argsort(as_labels(rows[PERIOD].values).positions(periods), kind="stable")
        return rows.assign(arrived=(dim, arrived)).isel({dim: order})

    def _stored(self, ledger: Ledger, numbers: Sequence[int], step: LiveStep[Any]) -> list[Any]:
        """Posteriors that are kept, from memory or from the folder."""
        for row in _period_rows(ledger, numbers):
            if row["posterior"] not in self._posteriors:
                self._posteriors[row["posterior"]] = step.read(self.folder.read(row["posterior"]))
        return [self._posteriors[row["posterior"]] for row in _period_rows(ledger, numbers)]

    def posteriors_of(self, ledger: Ledger, numbers: Sequence[int]) -> list[Any]:
        """Posteriors that are kept, one of each number, as the forecaster takes them."""
        assert self.forecaster is not None
        step = live_step(self.forecaster, self.settings)
        return [self._stored(ledger, [number], step)[0] for number in numbers]

    def rows_of(self, ledger: Ledger, numbers: Sequence[int]) -> xr.Dataset:
        """Rows of some periods, those of the initial part under number 0."""
        rows = joined(self._read_rows(ledger, numbers), self.settings.observation_dim)
        assert rows is not None
        return rows

    def audited(self, ledger: Ledger) -> Audited | None:
        """What an audit had shown before the first period, where the monitor was made from one."""
        told = Standing.of(ledger).created.get("audited")
        if told is not None and self._audited is None:
            self._audited = audited_from_bytes(self.folder.read(told["file"]))
        return self._audited

    def deploy(self, kind: str, reason: str, to: Any = None, *, checked: Callable[[Ledger], str] | None = None) -> None:
        """Record that the shadow, or one that has been in service before, serves from now on.

        `checked` says what it rests on, as JSON, or raises; nothing is recorded then.

        Raises
        ------
        ValueError
            If it serves already, or is none that has served and is kept.
        """
        with self.writing(kind) as ledger:
            standing = Standing.of(ledger)
            posterior = standing.last if kind != "rollback" else _earlier(ledger, standing, to)
            if posterior == standing.in_service:
                raise ValueError(
                    f"what was trained after {label_text(standing.label(ledger, posterior))} is in service already"
                )
            row = {"number": len(standing.deployed), "kind": kind, "posterior": posterior, "after": standing.last}
            facts = "{}" if checked is None else checked(ledger)
            self.append(ledger, NewEntry(kind, standing.last, {"deployments": [row]}, reason, facts))


def known_files(ledger: Ledger) -> list[str]:
    """Names of the files that the folder should hold."""
    rows = ledger.all("SELECT name FROM files")
    released = ledger.all("SELECT posterior FROM periods WHERE number IN (SELECT posterior FROM releases)")
    gone = {row["posterior"] for row in released}
    return [row["name"] for row in rows if row["name"] not in gone]


def _period_rows(ledger: Ledger, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of ``periods``, in the order of their numbers."""
    low, high = min(numbers), max(numbers)
    rows = ledger.all("SELECT * FROM periods WHERE number BETWEEN ? AND ? ORDER BY number", low, high)
    wanted = set(numbers)
    return [row for row in rows if row["number"] in wanted]


def _before(ledger: Ledger, standing: Standing, audited: Audited | None) -> Before:
    (trained,) = _period_rows(ledger, [standing.in_service])
    decision = ledger.first("SELECT * FROM decisions ORDER BY period DESC")
    cells, periods = recalled(ledger, standing.last + 1)
    return Before(
        number=standing.last + 1,
        stored=standing.stored,
        deployed=standing.deployed,
        spell=spell_rows(ledger, standing.in_service),
        trained=trained,
        initial=standing.created["labels"],
        cells=cells,
        periods=periods,
        audited=audited,
        regret_so_far=decision["regret_so_far"] if decision else 0.0,
        retrains=retrains_of(ledger),
    )


def _earlier(ledger: Ledger, standing: Standing, to: Any) -> int:
    """Number of an earlier posterior to go back to."""
    there = rollback_numbers(standing)
    if not there:
        raise ValueError("there is nothing to go back to: no other posterior has been in service and is kept")
    if to is None:
        return there[0]
    labels = labels_of([row["label"] for row in _period_rows(ledger, there)], "posteriors that were in service")
    found = int(as_labels([to], "to").positions(labels)[0])
    if found < 0:
        raise ValueError(
            f"to: {label_text(to)} is no period after which one was trained that has been in service and is kept; "
            f"those are {', '.join(labels.texts)}"
        )
    return sorted(there)[found]


def rollback_numbers(standing: Standing) -> list[int]:
    """Posteriors that have been in service and are kept, but for the present one; the latest first."""
    kept = set(standing.stored) - {standing.in_service}
    return list(dict.fromkeys(number for number in reversed(standing.deployed) if number in kept))


def _decision_about(ledger: Ledger, label: Any) -> RecordedDecision:
    """The recorded decision of a period by its label."""
    text = label_text(label)
    rows = ledger.all("SELECT number, label FROM periods WHERE number > 0 ORDER BY number DESC")
    for row in rows:
        if label_text(read_labels([row["label"]])[0]) == text:
            return decision_of(ledger, row["number"])
    last = last_decision(ledger)
    if last is None:
        raise ValueError("nothing but the history that the monitor was made with is in this batch")
    return last
