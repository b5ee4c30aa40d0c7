"""What an audit has shown before a monitor began: its cells, numbered as the ledger numbers, and kept in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES, as_labels, restored_labels
from learning_debt.monitor.incoming_batches import Arriving
from learning_debt.monitor.kept_files import ENGINE
from learning_debt.monitor.kept_labels import written_label
from learning_debt.monitor.present_spell import SIGNALS
from learning_debt.monitor.recalled_cells import RECALLED, Audited
from learning_debt.typing import Array


def audited_table(
    table: xr.Dataset, periods: Sequence[Arriving], initial: int, dim: str, exposure: float
) -> xr.Dataset:
    """Cells of an audited table, with the periods of the history that it is of, both numbered as in the ledger.

    Parameters
    ----------
    table : Dataset
        Of one series, checked.
    periods : sequence of Arriving
        All of the history.
    initial : int
        How many of them the monitor begins with: the last of these is number 0.
    dim : str
        The observation dimension.
    exposure : float
        As in `learning_debt.monitor.agreed_settings.Settings`.

    Raises
    ------
    ValueError
        If the table is of other periods than the history.
    """
    known = as_labels([one.label for one in periods], "history periods")
    audited = restored_labels(table["label"].values, table["label"].attrs, "periods of the audit")
    places = audited.positions(known)
    if places[0] < 0 or (np.diff(places) != 1).any():
        wrong = int(np.argmax(np.append(places[:1] < 0, np.diff(places) != 1)))
        raise ValueError(
            f"audit is of another history: its period {audited.texts[wrong]} is not where the history has it; give the "
            "history that was audited, or one that goes on from it"
        )
    first = int(places[0]) - initial + 1  # number of the first audited period
    stop = len(periods) - initial + 1
    numbers = np.arange(max(first, stop - RECALLED), stop)
    counts = np.array([one.rows.sizes[dim] - one.late for one in periods], dtype=float)
    at = numbers + initial - 1
    cells = table.isel({SERIES: 0}).assign_coords(
        deployed_at=np.arange(first - 1, first - 1 + table.sizes["deployed_at"]),
        period=np.arange(first, first + table.sizes["period"]),
    )
    found = {
        name: (("deployed_at", "period"), _at(cells[name].astype(float), numbers)) for name in SIGNALS if name in cells
    }
    return xr.Dataset(
        found
        | {
            "label": ("period", np.array([written_label(periods[place].label) for place in at.tolist()])),
            "rows": ("period", counts[at]),
            "exposure": ("period", np.full(len(at), exposure) if exposure else counts[at]),
        },
        coords={"deployed_at": numbers - 1, "period": numbers},
    )


def _at(cells: xr.DataArray, numbers: NDArray[np.int64]) -> Array:
    there = cells.reindex(deployed_at=numbers - 1, period=numbers)
    return np.asarray(there.transpose("deployed_at", "period").values)


def audited_to_bytes(table: xr.Dataset) -> bytes:
    """What `audited_table` made, as a file; half of it is empty and takes no room."""
    packed = {name: {"zlib": True} for name in table.data_vars if name in SIGNALS}
    return bytes(table.to_netcdf(engine=ENGINE, encoding=packed))


def audited_from_bytes(content: bytes) -> Audited:
    """What `audited_to_bytes` wrote, cell by cell."""
    table = xr.load_dataset(BytesIO(content), engine=ENGINE)
    deployed_at, period = (table[name].values for name in ("deployed_at", "period"))
    nothing = np.full((len(deployed_at), len(period)), np.nan)
    values = np.stack([table[name].values if name in table else nothing for name in SIGNALS], axis=-1)
    known = np.isfinite(values).any(axis=-1) & (deployed_at[:, None] < period)
    row, column = np.nonzero(known)
    cells = [
        (posterior, number, *told)
        for posterior, number, told in zip(
            deployed_at[row].tolist(), period[column].tolist(), values[row, column].tolist(), strict=True
        )
    ]
    parts = (table[name].values.tolist() for name in ("period", "label", "rows", "exposure"))
    named = ("number", "label", "rows", "exposure")
    return Audited(cells, [dict(zip(named, one, strict=True)) for one in zip(*parts, strict=True)])
