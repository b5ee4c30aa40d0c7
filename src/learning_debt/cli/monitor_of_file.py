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
from learning_debt.cli.monitor_series import Monitors, each_of, opened
from learning_debt.cli.settings import Settings, label_from_text
from learning_debt.cli.text_table import TIMES
from learning_debt.data import PERIOD, SERIES
from learning_debt.monitor import SeriesMonitors
from learning_debt.spells.placeholder_table import rehearsed_table

CREATION = tuple(
    name for name in inspect.signature(ld.Monitor.create).parameters if name not in ("path", "forecaster", "history")
)
ALIKE = ("score", "shadow", "exposure", "varying_rows", "random_seed", "late", "retained")
"""Options of a monitor that no audit settles."""


@contextmanager
def monitor_of(directory: Path, model: Path, console: PlainConsole) -> Iterator[Monitors]:
    """A folder's monitor or monitors, with the forecaster of a model file, whose folder can be imported from meanwhile.

    Raises
    ------
    FileNotFoundError, ValueError, AttributeError, TypeError
        If the file holds no forecaster, or another one than the folder's.
    """
    with imported(model) as module:
        settings = _settings(model, module, console)
        yield opened(directory, settings.forecaster()[0])


@contextmanager
def begun_monitor(
    directory: Path, model: Path, history: Path | None, options: dict[str, Any], console: PlainConsole
) -> Iterator[Monitors]:
    """A new monitor, or one of each series: with the policy of the model file, or the one that an audit chooses.

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
        many = rehearsed.sizes[SERIES] > 1
        if "policy" in settings.said:
            console.say(f"{model.name}: {source}; the policy is the one that the file names", "bold")
            given = {**settings.said, **settings.given, **audit_options, "cost": cost}
            chosen = {name: given[name] for name in CREATION if name in given}
            if many:
                yield SeriesMonitors.create(directory, forecaster, data, chosen)
            else:
                yield ld.Monitor.create(directory, forecaster, data, **chosen)
            return
        console.say(f"{model.name}: {source}; an audit of the history chooses the policy", "bold")
        found = ld.audit(ld.spell_table(forecaster, data, **table_options), cost, **audit_options)
        options = {**settings.said, **settings.given, **table_options}
        alike = {name: options[name] for name in ALIKE if name in options}
        if isinstance(alike.get("shadow"), ld.PooledShadow):  # it serves whole histories
            alike.pop("shadow")
        if many:
            yield SeriesMonitors.from_audit(directory, found, forecaster, data, alike)
        else:
            yield ld.Monitor.from_audit(directory, found, forecaster, data, **alike)


def label_of(monitor: ld.Monitor, text: str | None, option: str) -> Any:
    """A label of the command line as what the labels of a monitor are; None where none is given."""
    return None if text is None else label_from_text(text, _labelled(monitor), option)


def with_labels(monitors: Monitors, rows: Any) -> Any:
    """Rows whose periods are text, as a CSV file has them, with labels as those of the monitor are."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    table = _labelled(each_of(monitors)[0])
    for name in TIMES:
        if name in rows and all(isinstance(text, str) for text in rows[name]):
            meant = {text: label_from_text(text, table, f"BATCH, column {name}") for text in rows[name].unique()}
            rows = rows.assign(**{name: pd.Series([meant[text] for text in rows[name]], rows.index)})
    return rows


def _labelled(monitor: ld.Monitor) -> xr.Dataset:
    """A table with nothing but a monitor's labels."""
    return xr.Dataset(coords={"label": monitor.labels().drop_vars(PERIOD)})


def _settings(model: Path, module: Any, console: PlainConsole, **given: Any) -> Settings:
    settings = Settings.read(model.name, module, **given)
    for hint in settings.hints():
        console.say(f"{model.name}: {hint}", style="yellow")
    return settings
