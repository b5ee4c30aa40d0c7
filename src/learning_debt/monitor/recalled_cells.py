"""Cells of the last periods as a spell table: what expected regret, its chance and policies that refit learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.data import SERIES
from learning_debt.monitor.agreed_settings import Settings
from learning_debt.monitor.kept_labels import stored_of
from learning_debt.monitor.ledger import Ledger, Record
from learning_debt.monitor.present_spell import SIGNALS, cells_attributes, facts_of, filled
from learning_debt.spells.schema import DIMS, derived_regret

RECALLED = 156
"""Periods that are looked back at; however long a ledger is, what is learned from it takes as long."""

Cell = tuple[Any, ...]
"""Number of the posterior, number of the period, and values in the order of `SIGNALS`."""


class Audited(NamedTuple):
    """What an audit had shown before the monitor began, numbered as the ledger numbers: what it knows is 0 or below.

    Attributes
    ----------
    cells : list of tuple
    periods : list of mapping
        Numbers, labels, rows and exposure, in order.
    """

    cells: list[Cell]
    periods: list[Record]


def recalled(ledger: Ledger, before: int) -> tuple[list[Cell], list[Record]]:
    """Cells and rows of the last periods of the ledger with numbers below `before`."""
    first = max(before - RECALLED, 0)
    columns = ", ".join(("deployed_at", "period", *SIGNALS))
    cells = ledger.connection.execute(
        f"SELECT {columns} FROM signals WHERE period > ? AND period < ?", (first, before)
    ).fetchall()
    periods = ledger.all(
        "SELECT number, label, rows, exposure FROM periods WHERE number > ? AND number < ? ORDER BY number",
        first,
        before,
    )
    return cells, periods


def with_audited(
    cells: Sequence[Cell], periods: Sequence[Mapping[str, Any]], audited: Audited | None
) -> tuple[Sequence[Cell], Sequence[Mapping[str, Any]]]:
    """Cells and rows of the last periods of the ledger, and what an audit knows beside and before them."""
    if audited is None:
        return cells, periods
    last, own = periods[-1]["number"], {cell[:2] for cell in cells}
    first = last - RECALLED
    beside = [cell for cell in audited.cells if first < cell[1] <= last and cell[:2] not in own]
    before = [one for one in audited.periods if first < one["number"] <= 0]
    return [*beside, *cells], [*before, *periods]


def table_of(
    cells: Sequence[Cell],
    periods: Sequence[Mapping[str, Any]],
    in_service: int,
    earlier: int,
    settings: Settings,
) -> xr.Dataset:
    """A table of the last periods, numbered from 1, of all posteriors that were kept; rows of others are NaN.

    What is in service has a row of its own however old it is: that of the first posterior, if it is older.

    Parameters
    ----------
    cells : sequence of tuple
    periods : sequence of mapping
        Numbers, labels, rows and exposure, in order.
    in_service : int
        Number of the posterior that serves.
    earlier : int
        How many periods there were before these, the initial ones included; the table counts them.
    settings : Settings
    """
    first, count = periods[0]["number"] - 1, len(periods)
    values = np.array([cell[2:] for cell in cells], dtype=float)
    posterior, period = (np.array([cell[place] for cell in cells], dtype=np.int64) for place in (0, 1))
    row = np.where((posterior == in_service) & (posterior < first), 0, posterior - first)
    kept = (row >= 0) & ((posterior != first) | (in_service >= first))
    place = np.zeros(kept.sum(), dtype=np.int64), row[kept], period[kept] - first - 1
    found: dict[str, Any] = {}
    for column, name in enumerate(SIGNALS):
        if not np.isnan(values[:, column]).all():
            cells_of_name = np.full((1, count, count), np.nan)
            cells_of_name[place] = values[kept, column]
            found[name] = (DIMS, filled(name, cells_of_name), cells_attributes(name))
    labels, kind = stored_of([one["label"] for one in periods])
    for name in ("rows", "exposure"):
        found[name] = ((SERIES, "period"), np.array([[float(one[name]) for one in periods]]), {})
    table = xr.Dataset(
        found,
        coords={
            SERIES: (SERIES, [0]),
            "deployed_at": np.arange(count),
            "period": np.arange(1, count + 1),
            "label": ("period", labels, kind),
            "earlier": ("earlier", np.arange(-earlier, 0)),
        },
        attrs=facts_of(settings.score, settings).attributes(),
    )
    table["regret"] = derived_regret(table)
    return table


def row_in_service(in_service: int, first: int) -> int:
    """Which row of `table_of` is what serves, where its first period is the one after number `first`."""
    return max(in_service - first, 0)


def share_known(table: xr.Dataset) -> float:
    """Share of the cells of `table_of` that are not missing, of all that there would be were every posterior kept."""
    count = table.sizes["period"]
    return float(np.isfinite(table["regret"].values).sum() / (count * (count + 1) / 2))
