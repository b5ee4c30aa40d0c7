"""Of which history and which forecaster a kept spell table is, so that one of another model does not pass unseen."""

from __future__ import annotations

import json
from typing import Any

import xarray as xr

from learning_debt.cli.settings import Settings
from learning_debt.data import RESERVED, as_dataset
from learning_debt.data.content_hash import content_hash
from learning_debt.monitor.forecaster_identity import identity_at, needs_rows

ORIGIN = "made_of"
"""Attribute of a kept table."""


def with_origin(table: xr.Dataset, settings: Settings, data: Any) -> xr.Dataset:
    """The table with what tells the history and the model file's forecaster from others.

    Without it where the owner's own code does not let itself be told: fits are not lost for that.
    """
    try:
        return table.assign_attrs({ORIGIN: json.dumps(_origin(settings, data))})
    except Exception:
        return table


def doubt_of_origin(table: xr.Dataset, settings: Settings) -> str:
    """What speaks against the table being that of this model file; nothing where nothing does, or nothing is known."""
    try:
        kept = json.loads(table.attrs[ORIGIN])
        data = settings.own_history()
        ours = _origin(settings, data)
    except KeyError:  # a table that was not made by this command
        return ""
    except Exception as reason:  # of the owner's own code, which an audit of a table did not need so far
        return f"whether --spells is of this model could not be told: {type(reason).__name__}: {reason}"
    if data is not None and ours["history"] != kept["history"]:
        return f"--spells was made of another history than the one that load_history() of {settings.file} returns now"
    if "forecaster" in ours and ours["forecaster"] != kept["forecaster"]:
        return f"--spells was made by another forecaster than that of {settings.file}: its fits are not this model's"
    return ""


def _origin(settings: Settings, data: Any) -> dict[str, str]:
    """Hashes of the history, and of the forecaster as the file alone says it is."""
    forecaster = settings.forecaster_of_file()
    rows = None if data is None else as_dataset(data, forecaster.observation_dim, RESERVED)
    told = {} if rows is None else {"history": content_hash(rows)}
    if rows is not None or not needs_rows(forecaster):
        told["forecaster"] = identity_at(forecaster, rows)
    return told
