"""A monitor and the forecaster of a model file."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.cli.history_file import read_history
from learning_debt.cli.model_file import imported
from learning_debt.cli.settings import Settings, label_from_text
from learning_debt.data import PERIOD
from learning_debt.spells.placeholder_table import rehearsed_table

CREATION = tuple(
    name for name in inspect.signature(ld.Monitor.create).parameters if name not in ("path", "forecaster", "history")
)
ALIKE = ("score", "shadow", "exposure", "varying_rows", "random_seed")
"""Options of a spell table that a monitor has as well."""


@contextmanager
def monitor_of(directory: Path, model: Path, console: PlainConsole) -> Iterator[ld.Monitor]:
    """A folder's monitor with the forecaster of a model file, whose folder is on the import path while the block runs.

    Raises
    ------
    FileNotFoundError, ValueError, AttributeError, TypeError
        If the file holds no forecaster, or another one than the folder's.
    """
    with imported(model) as module:
        settings = _settings(model, module, console)
        yield ld.Monitor.open(directory, settings.forecaster()[0])


@contextmanager
def begun_monitor(
    directory: Path, model: Path, history: Path | None, options: dict[str, Any], console: PlainConsole
) -> Iterator[ld.Monitor]:
    """A new monitor: with the policy of the model file, or with the one that an audit of the history chooses.

    Raises
    ------
    ValueError, TypeError, AttributeError, FileNotFoundError
    """
    with imported(model) as module:
        settings = _settings(model, module, console, history=history, **options)
        cost, (forecaster, source) = settings.cost(), settings.forecaster()
        data = read_history(history) if history is not None else settings.history(forecaster.observation_dim)
        table_options = settings.table_options(forecaster, data, progressbar=False)
        rehearsed = rehearsed_table(forecaster, data, **table_options)
        audit_options = settings.audit_options(rehearsed)
        if settings.audit_option("calendar", None) is None:
            raise ValueError(f"say how often you retrain: --calendar N, in periods, or calendar in {model.name}")
        if "policy" in settings.said:
            given = {**settings.said, **settings.given, **audit_options, "cost": cost}
            chosen = {name: given[name] for name in CREATION if name in given}
            monitor = ld.Monitor.create(directory, forecaster, data, **chosen)
        else:
            console.say(f"{model.name}: {source}; an audit of the history chooses the policy", "bold")
            found = ld.audit(ld.spell_table(forecaster, data, **table_options), cost, **audit_options)
            alike = {name: table_options[name] for name in ALIKE if name in table_options}
            if isinstance(alike.get("shadow"), ld.PooledShadow):  # it serves whole histories
                alike.pop("shadow")
            monitor = ld.Monitor.from_audit(directory, found, forecaster, data, **alike)
        yield monitor


def label_of(monitor: ld.Monitor, text: str | None, option: str) -> Any:
    """A label of the command line as what the labels of a monitor are; None where none is given."""
    return None if text is None else label_from_text(text, _labelled(monitor), option)


def with_labels(monitor: ld.Monitor, rows: Any) -> Any:
    """Rows whose periods are text, as a CSV file has them, with labels as those of the monitor are."""
    if not isinstance(rows, pd.DataFrame) or PERIOD not in rows:
        return rows
    texts = rows[PERIOD]
    if not all(isinstance(text, str) for text in texts):
        return rows
    table = _labelled(monitor)
    meant = {text: label_from_text(text, table, "BATCH, column period") for text in texts.unique()}
    return rows.assign(**{PERIOD: pd.Series([meant[text] for text in texts], rows.index)})


def _labelled(monitor: ld.Monitor) -> xr.Dataset:
    """A table with nothing but a monitor's labels."""
    return xr.Dataset(coords={"label": monitor.labels().drop_vars(PERIOD)})


def _settings(model: Path, module: Any, console: PlainConsole, **given: Any) -> Settings:
    settings = Settings.read(model.name, module, **given)
    for hint in settings.hints():
        console.say(f"{model.name}: {hint}", style="yellow")
    return settings
