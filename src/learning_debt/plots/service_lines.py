"""Lines of what was in service, a row a quantity and a column a series, with intervals and retrains."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import visuals as vz
from numpy.typing import NDArray

from learning_debt.arrays.schedules.walk import along_schedule, deployed_during
from learning_debt.data import SERIES
from learning_debt.plots.common import draw_retrains
from learning_debt.plots.drawing import Canvas, Options
from learning_debt.plots.intervals import normal_interval
from learning_debt.plots.literal_text import LiteralLabeller
from learning_debt.plots.shapes import band, name_of_column, name_of_row, points_of
from learning_debt.spells.checks import require_schedule
from learning_debt.typing import Array
from learning_debt.validation import require_instance

VISUALS = ("line", "band", "unreliable", "retrain", "zero", "xlabel", "ylabel", "title", "ticks")


@dataclass(frozen=True)
class ServiceLines:
    """What is drawn.

    Attributes
    ----------
    values, errors, reliable : Dataset (series, period)
        Quantities, their standard errors, and whether those can be relied on.
    retrained : DataArray of bool (series, period)
    labels : DataArray (period)
        The owner's names of the periods.
    names : mapping
        Of the quantities, in words.
    """

    values: xr.Dataset
    errors: xr.Dataset
    reliable: xr.Dataset
    retrained: xr.DataArray
    labels: xr.DataArray
    names: Mapping[Hashable, Hashable]


def require_retrains(table: xr.Dataset, schedule: xr.DataArray | None) -> NDArray[np.bool_]:
    """Retrains of a schedule of a checked table, shape (series, periods); none where there is no schedule."""
    if schedule is None:
        return np.zeros((table.sizes[SERIES], table.sizes["period"]), dtype=bool)
    require_instance("schedule", schedule, xr.DataArray, "a DataArray of bool, as in Replay.schedule")
    return require_schedule(table, schedule)


def served(table: xr.Dataset, cells: Array, retrained: NDArray[np.bool_]) -> xr.DataArray:
    """Entries (series, deployed_at, period) that a schedule meets, dims (series, period)."""
    values = along_schedule(cells, np.arange(len(retrained)), retrained)
    return by_period(table, values)


def since_retrain(table: xr.Dataset, values: xr.DataArray, retrained: NDArray[np.bool_]) -> xr.DataArray:
    """Sums over the periods since the last retrain, dims (series, period)."""
    total, since = np.cumsum(values.values, axis=1), deployed_during(retrained)
    before = np.pad(total, ((0, 0), (1, 0)))
    return by_period(table, total - np.take_along_axis(before, since, axis=1))


def by_period(table: xr.Dataset, values: Array | NDArray[np.bool_]) -> xr.DataArray:
    """Values of shape (series, periods) with the table's names of series and positions of periods."""
    coords = {SERIES: table[SERIES].values, "period": np.arange(1, values.shape[1] + 1)}
    return xr.DataArray(values, dims=(SERIES, "period"), coords=coords)


def service_canvas(options: Options, lines: ServiceLines, pc_kwargs: Mapping[str, Any]) -> Canvas:
    """A panel for every quantity and series; one series needs no column of its own."""
    columns = lines.values.sizes[SERIES]
    return options.canvas(
        points_of(lines.values["period"].astype(float), lines.values),
        pc_kwargs,
        max(10.0, 4.0 * columns),
        1.0 + 1.9 * len(lines.values),
        figure={"sharex": True},
        rows=["__variable__"],
        cols=[SERIES] if columns > 1 else [],
    )


def draw_service(canvas: Canvas, lines: ServiceLines, probability: float) -> None:
    """Bands, lines, doubtful estimates and retrains, and the axes."""
    if SERIES not in canvas.collection.facet_dims:
        lines = _of_first_series(lines)
    period = lines.values["period"].astype(float)
    sampled = [name for name in lines.values if bool((lines.errors[name] > 0).any())]
    if sampled and canvas.wanted("band") is not None:
        ends = normal_interval(lines.values[sampled], lines.errors[sampled], probability, canvas.options.stats, "band")
        canvas.draw("band", band, ends, x=period, color="C0", alpha=0.3)
    points = points_of(period, lines.values)
    canvas.draw("line", vz.line_xy, points, color="C0", width=1.5)
    doubted = [name for name in points if not bool(lines.reliable[name].all())]
    doubtful = points[doubted].where(~lines.reliable[doubted])
    canvas.draw("unreliable", vz.scatter_xy, doubtful, color="C1", marker="x", size=36, width=1.5)
    draw_retrains(canvas, lines.retrained, list(lines.values))
    _draw_axes(canvas, lines)


def _of_first_series(lines: ServiceLines) -> ServiceLines:
    values, errors, reliable = (
        part.isel({SERIES: 0}, drop=True) for part in (lines.values, lines.errors, lines.reliable)
    )
    retrained = lines.retrained.isel({SERIES: 0}, drop=True)
    return ServiceLines(values, errors, reliable, retrained, lines.labels, lines.names)


def _draw_axes(canvas: Canvas, lines: ServiceLines) -> None:
    labeller = canvas.options.labeller or LiteralLabeller(canvas.backend, var_name_map=lines.names)
    blank = xr.zeros_like(lines.values.isel(period=0, drop=True), dtype=float)
    several = SERIES in blank.dims
    left = blank.isel({SERIES: [0]}) if several else blank
    top, last = blank[[next(iter(blank))]], blank[[list(blank)[-1]]]
    canvas.frame("zero", vz.hline, blank, color="B3", width=0.8)
    canvas.frame("xlabel", vz.labelled_x, last, text="period")
    canvas.frame("ylabel", name_of_row, left, subset_info=True, labeller=labeller)
    if several:
        canvas.frame("title", name_of_column, top, subset_info=True, labeller=labeller)
    canvas.frame("ticks", vz.set_xticks, blank, **canvas.period_ticks(lines.labels))
