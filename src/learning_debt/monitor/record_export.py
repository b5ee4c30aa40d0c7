"""A copy of a monitor's folder that is whole, with its decisions as a table that anything opens."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from learning_debt.monitor.ledger import opened
from learning_debt.monitor.ledger_reading import history_of
from learning_debt.monitor.state_folder import PARTS, StateFolder, made_whole

DECISIONS = "decisions.csv"


def export_record(folder: StateFolder, target: Path, *, rows: bool = True) -> Path:
    """Copy a folder as it stands between two periods.

    Parameters
    ----------
    folder : StateFolder
    target : Path
        A folder that is not there yet. It is there as a whole or not at all.
    rows : bool
        Whether the rows go along, and the posteriors, which hold them as well. Without them the copy is a record of
        what was decided, whose chain can be verified; it is no monitor that goes on.

    Returns
    -------
    Path
        Of the copy: the ledger, the settings, ``decisions.csv`` and, with `rows`, the files of both.

    Raises
    ------
    ValueError
        If `target` is there already, or lies within the folder.
    BusyError
        If another process is writing.
    OSError
    """
    target = Path(target).expanduser().absolute()
    if target.exists():
        raise ValueError(f"target: {target} is there already; name a folder that is not")
    if folder.path == target or folder.path in target.parents:
        raise ValueError(f"target: {target} lies within the monitor's folder; name one outside of it")
    with made_whole(target) as part:
        if os.access(folder.path, os.W_OK):
            with folder.writing("export"):
                _copy(folder, part, rows)
        else:  # nobody writes to it
            _copy(folder, part, rows)
    return target


def _copy(folder: StateFolder, part: Path, rows: bool) -> None:
    with opened(folder.ledger) as ledger:
        with closing(sqlite3.connect(part / folder.ledger.name)) as copy:
            ledger.connection.backup(copy)
        kept = [str(row["name"]) for row in ledger.all("SELECT name FROM files ORDER BY name")] if rows else []
        history_of(ledger).to_dataframe().to_csv(part / DECISIONS)
    shutil.copyfile(folder.settings, part / folder.settings.name)
    for place in PARTS:
        if (folder.path / place).exists():
            (part / place).mkdir()
    for name in kept:
        if (folder.path / folder.require_inside(name)).exists():  # those of posteriors that were let go are not
            (part / name).write_bytes(folder.read(name, checked=False))
