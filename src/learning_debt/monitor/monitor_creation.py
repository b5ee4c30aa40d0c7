"""How a monitor comes to be: a history cut into its parts, and a folder that is there as a whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from learning_debt.data import as_labels, label_text, require_same_kind
from learning_debt.forecasters.base import FarSighted, Forecaster
from learning_debt.monitor import ledger
from learning_debt.monitor.agreed_settings import Settings
from learning_debt.monitor.audited_cells import audited_table, audited_to_bytes
from learning_debt.monitor.forecaster_identity import identity_at
from learning_debt.monitor.incoming_batches import Arriving, by_period, columns_of
from learning_debt.monitor.kept_files import rows_from_bytes, rows_to_bytes
from learning_debt.monitor.kept_labels import written_label
from learning_debt.monitor.late_rows import with_lateness
from learning_debt.monitor.ledger import NewEntry
from learning_debt.monitor.live_rows import LiveRows, joined
from learning_debt.monitor.observation import LiveStep, period_row
from learning_debt.monitor.state_folder import AUDITED, DATA, LOCK, PARTS, POSTERIORS, StateFolder
from learning_debt.policies.fixed import Schedule
from learning_debt.validation import (
    require_instance,
    require_whole_number,
)


class Beginning(NamedTuple):
    """What a monitor begins with.

    Attributes
    ----------
    initial : list of Arriving
        Periods of the first posterior.
    later : list of Arriving
        Those that follow in the history.
    retrained_at : int or None
        Of the later ones the place of that after which was retrained.
    audited : Dataset or None
        As `learning_debt.monitor.audited_cells.audited_table` makes it.
    series : str
        What it is called among others; empty where it is alone.
    """

    initial: list[Arriving]
    later: list[Arriving]
    retrained_at: int | None
    audited: xr.Dataset | None
    series: str


def begun(
    history: Any, settings: Settings, initial: Any, last_retrain: Any, spells: xr.Dataset | None, series: str
) -> Beginning:
    """A history cut into the part of the first posterior and the periods that follow.

    Raises
    ------
    TypeError, ValueError, KeyError
    """
    periods = by_period(history, settings.observation_dim, "history", settings.late)
    if isinstance(settings.policy, Schedule):
        known = as_labels([one.label for one in periods], "history periods")
        require_same_kind(as_labels(list(settings.policy.dates), "policy dates"), known)
    place = None if last_retrain is None else _place(periods, last_retrain)
    if initial is None:
        initial = len(periods) if place is None else place + 1
    require_whole_number("initial", initial, at_least=1, at_most=len(periods))
    if place is not None and place < initial - 1:
        raise ValueError(
            f"last_retrain {label_text(last_retrain)} lies before the end of the initial part of {initial} period(s); "
            f"take initial={place + 1} or fewer"
        )
    retrained = None if place is None or place == initial - 1 else place - initial
    audited = None
    if spells is not None:
        audited = audited_table(spells, periods, initial, settings.observation_dim, settings.exposure)
    return Beginning(periods[:initial], periods[initial:], retrained, audited, series)


def _place(periods: Sequence[Arriving], label: Any) -> int:
    known = as_labels([one.label for one in periods], "history periods")
    found = int(as_labels([label], "last_retrain").positions(known)[0])
    if found < 0:
        raise ValueError(
            f"last_retrain {label_text(label)} is no period of the history, which runs from {known.texts[0]} to "
            f"{known.texts[-1]}"
        )
    return found


def require_new(path: Any) -> Path:
    """A folder that is not there yet, or is empty.

    Raises
    ------
    TypeError, ValueError, OSError
    """
    require_instance("path", path, (str, os.PathLike), "the path of a folder to be made")
    if not str(path):
        raise ValueError("path must be the path of a folder to be made, not empty")
    target = Path(path).expanduser().absolute()
    if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
        raise ValueError(
            f"path: {target} is there already; ld.Monitor.open goes on with a monitor, and create makes one"
        )
    return target


def begin_folder(
    part: Path, settings: Settings, beginning: Beginning, forecaster: Forecaster, step: LiveStep[Any]
) -> None:
    """Fit the first posterior, and fill a new folder with it, its rows and the first entry of a ledger.

    Parameters
    ----------
    part : Path
        An empty folder.
    settings : Settings
    beginning : Beginning
    forecaster : Forecaster
    step : LiveStep

    Raises
    ------
    OSError
        If it cannot be written.
    """
    rows, live = _initial_rows(beginning, settings)
    posterior, upkeep = step.start(live)
    whole = rows_to_bytes(rows)
    as_kept = rows_from_bytes(whole)  # text comes back in another type, and whoever opens the folder has these rows
    settings = replace(settings, forecaster=identity_at(forecaster, as_kept))
    folder = StateFolder(part)
    for name in PARTS:
        (part / name).mkdir()
    text = settings.text().encode()
    with folder.settings.open("wb") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    contents = {DATA: whole, POSTERIORS: step.written(posterior)}
    if beginning.audited is not None:
        contents[AUDITED] = audited_to_bytes(beginning.audited)
    written = {where: (*folder.write(where, 0, content), len(content)) for where, content in contents.items()}
    ledger.create(folder.ledger)
    facts: dict[str, Any] = {
        "series": beginning.series,
        "settings": hashlib.sha256(text).hexdigest(),
        "forecaster": settings.forecaster,
        "columns": columns_of(rows, settings.observation_dim),
        "labels": [written_label(one.label) for one in beginning.initial],
        "rows": live.counts,
        "fingerprints": [one.fingerprint for one in beginning.initial],
    }
    if beginning.audited is not None:
        facts["audited"] = {"file": written[AUDITED][0], "first": int(beginning.audited["period"].values[0])}
    last = beginning.initial[-1]._replace(fingerprint=hashlib.sha256(whole).hexdigest())
    row = period_row(0, last, sum(live.counts), settings, upkeep)
    files = {"data": written[DATA][0], "posterior": written[POSTERIORS][0]}
    entry = {
        "files": [{"name": name, "sha256": told, "bytes": size} for name, told, size in written.values()],
        "periods": [row | files | {"observe_seconds": upkeep.seconds}],
        "deployments": [{"number": 0, "kind": "first", "posterior": 0, "after": 0}],
    }
    with ledger.opened(folder.ledger, write=True) as book, book.transaction():
        book.append(NewEntry("create", 0, entry, facts=json.dumps(facts)))
    (part / LOCK).touch()


def _initial_rows(beginning: Beginning, settings: Settings) -> tuple[xr.Dataset, LiveRows]:
    """Rows of the first posterior, as they are kept and as a step takes them."""
    dim, initial = settings.observation_dim, beginning.initial
    rows = joined([one.rows for one in initial], dim)
    assert rows is not None
    counts = tuple(one.rows.sizes[dim] for one in initial)
    live = LiveRows(rows, 1 - len(counts), counts, dim)
    if settings.late:
        live = with_lateness(live, as_labels([one.label for one in initial]), settings.late)
    return rows, live


def checked_rows(forecaster: Forecaster, beginning: Beginning, dim: str) -> None:
    """Refuse rows that the forecaster refuses, or would come to refuse, before anything is worked out.

    Raises
    ------
    TypeError, ValueError, KeyError
    """
    for one in (*beginning.initial, *beginning.later):
        forecaster.as_batch(one.rows)
    if isinstance(forecaster, FarSighted):
        rows = joined([one.rows for one in (*beginning.initial, *beginning.later)], dim)
        forecaster.require_history(rows, sum(one.rows.sizes[dim] for one in beginning.initial))
