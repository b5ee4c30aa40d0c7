"""What was in service, seen by the signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from arviz_plots.plots.utils import get_visual_kwargs

from learning_debt.arrays.schedules.walk import along_schedule
from learning_debt.data import SERIES
from learning_debt.plots.common import (
    check_picture,
    draw_decorations,
    figure_defaults,
    ignored_aesthetics,
    period_ticks,
    resolve_backend,
    signal_labels,
    vertical_lines,
)
from learning_debt.plots.literal_text import LiteralLabeller
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_schedule, require_table
from learning_debt.spells.schema import SAMPLED, reliability, reliable_of, se_of, standard_error
from learning_debt.validation import require_instance

VISUALS = ("line", "band", "unreliable", "retrain", "zero", "xlabel", "ylabel", "title", "ticks")
Z90 = 1.645  # half width of a 90% interval, in standard errors


def plot_signals(
    spells: xr.Dataset,
    schedule: xr.DataArray,
    *,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot debt, predictive debt and score gap of what was in service under one schedule.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own; signals it does not hold are left out.
    schedule : DataArray of bool (series, period)
        Of a `Replay` of the same table.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * line -> :func:`~arviz_plots.visuals.line_xy`
        * band -> :func:`~arviz_plots.visuals.fill_between_y`: 1.645 standard errors each side, where sampled
        * unreliable -> :func:`~arviz_plots.visuals.scatter_xy`: estimates that failed their checks
        * retrain -> vertical lines after the periods of the retrains
        * zero -> :func:`~arviz_plots.visuals.hline`
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`
        * title -> :func:`~arviz_plots.visuals.labelled_title`: the series, if there are several
        * ticks -> :func:`~arviz_plots.visuals.set_xticks`

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If table and schedule do not fit, or the table holds none of the signals.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> schedule = ld.replay(spells, ld.policies.CUSUM(0.2), cost=0.25).schedule
    >>> sorted(plot_signals(spells, schedule, backend="none").viz["line"].data_vars)
    ['score_gap']
    """
    require_table("spells", spells)
    require_instance("schedule", schedule, xr.DataArray, "a DataArray of bool, as in Replay.schedule")
    aes_by_visuals, visuals = check_picture(plot_collection, backend, labeller, aes_by_visuals, visuals, VISUALS)
    table = check_spells(spells)
    served = in_service(table, schedule)
    lines = _points(served, [name for name in SAMPLED if name in served])
    if plot_collection is None:
        backend = resolve_backend(None, backend)
        columns = table.sizes[SERIES]
        pc_kwargs = figure_defaults(pc_kwargs, backend, max(10.0, 4.0 * columns), 1.0 + 1.9 * len(lines))
        pc_kwargs["figure_kwargs"].setdefault("sharex", True)
        pc_kwargs.setdefault("rows", ["__variable__"])
        pc_kwargs.setdefault("cols", [SERIES] if columns > 1 else [])
        plot_collection = PlotCollection.grid(lines, backend=backend, **pc_kwargs)
    pc = plot_collection
    if SERIES not in pc.facet_dims:
        served, lines = served.isel({SERIES: 0}), lines.isel({SERIES: 0})
        schedule = schedule.isel({SERIES: 0})
    _draw_signals(pc, served, lines, aes_by_visuals, visuals)
    _draw_retrains(pc, schedule, lines, visuals)
    _draw_decorations(
        pc, lines, table, labeller or LiteralLabeller(pc.backend, var_name_map=signal_labels(table)), visuals
    )
    return pc


def in_service(table: xr.Dataset, schedule: xr.DataArray) -> xr.Dataset:
    """Signals, their errors and reliability along a schedule, dims (series, period), of a checked table."""
    retrained = require_schedule(table, schedule)
    wanted = [variable for name in SAMPLED for variable in (name, se_of(name), reliable_of(name))]
    lanes = np.arange(len(retrained))
    served = {
        name: ((SERIES, "period"), along_schedule(table[name].values, lanes, retrained))
        for name in wanted
        if name in table
    }
    if not served:
        raise ValueError(f"spells hold none of the signals {SAMPLED}")
    return xr.Dataset(served, coords={SERIES: table[SERIES].values, "period": np.arange(1, retrained.shape[1] + 1)})


def _points(served: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """Points x = period, y = signal, with a new dimension ``plot_axis``."""
    period = served["period"].astype(float)
    points = {name: xr.concat(xr.broadcast(period, served[name]), dim="plot_axis") for name in names}
    return xr.Dataset(points).assign_coords(plot_axis=["x", "y"])


def _draw_signals(
    pc: PlotCollection, served: xr.Dataset, lines: xr.Dataset, aes_by_visuals: Mapping[str, Any], visuals: Any
) -> None:
    band = get_visual_kwargs(visuals, "band")
    sampled = [name for name in lines if bool((standard_error(served, name) > 0).any())]
    if band is not False and sampled:
        middle = served[sampled]
        half = Z90 * xr.Dataset({name: standard_error(served, name) for name in sampled})
        ignore = ignored_aesthetics(pc, aes_by_visuals, "band")
        sides = {"x": served["period"], "y_bottom": middle - half, "y_top": middle + half}
        kwargs = {"color": "C0", "alpha": 0.3, **band}
        pc.map(vz.fill_between_y, "band", data=middle, ignore_aes=ignore, **sides, **kwargs)
    line = get_visual_kwargs(visuals, "line")
    if line is not False:
        ignore = ignored_aesthetics(pc, aes_by_visuals, "line")
        pc.map(vz.line_xy, "line", data=lines, ignore_aes=ignore, **{"color": "C0", "width": 1.5, **line})
    unreliable = get_visual_kwargs(visuals, "unreliable")
    doubtful = {
        name: lines[name].where(~reliability(served, name))
        for name in lines
        if not bool(reliability(served, name).all())
    }
    if unreliable is not False and doubtful:
        ignore = ignored_aesthetics(pc, aes_by_visuals, "unreliable")
        kwargs = {"color": "C1", "marker": "x", "size": 30, **unreliable}
        pc.map(vz.scatter_xy, "unreliable", data=xr.Dataset(doubtful), ignore_aes=ignore, **kwargs)


def _draw_retrains(pc: PlotCollection, schedule: xr.DataArray, lines: xr.Dataset, visuals: Any) -> None:
    """Vertical lines half a period after the retrain's period: from there on its posterior serves."""
    kwargs = get_visual_kwargs(visuals, "retrain")
    made = schedule.drop_vars(list(schedule.coords)).astype(bool)
    if SERIES in schedule.dims:
        made = made.assign_coords({SERIES: lines[SERIES]})
    after = xr.DataArray(np.arange(1, made.sizes["period"] + 1) + 0.5, dims="period")
    somewhere = np.flatnonzero(made.values.reshape(-1, after.size).any(axis=0))
    if kwargs is False or somewhere.size == 0:
        return
    after, made = after.isel(period=somewhere), made.isel(period=somewhere)
    data = xr.Dataset({name: after.where(made) for name in lines})
    kwargs = {"color": "B3", "linestyle": "--", "width": 1.0, **kwargs}
    pc.map(vertical_lines, "retrain", data=data, ignore_aes="all", artist_dims={"mark": somewhere.size}, **kwargs)


def _draw_decorations(pc: PlotCollection, lines: xr.Dataset, table: xr.Dataset, labeller: Any, visuals: Any) -> None:
    """Line at zero, axis labels and ticks."""
    positions, texts = period_ticks(table["label"], 4 if SERIES in lines.dims else 8, pc.backend)
    blank = xr.zeros_like(lines.isel(plot_axis=0, period=0, drop=True))
    top, last = blank[[next(iter(blank))]], blank[[list(blank)[-1]]]
    left = blank.isel({SERIES: [0]}) if SERIES in blank.dims else blank
    top = top if SERIES in blank.dims else top.drop_vars(list(top))
    draw_decorations(
        pc,
        visuals,
        {
            "zero": (vz.hline, blank, {"color": "B3", "width": 0.8}),
            "xlabel": (vz.labelled_x, last, {"text": "period"}),
            "ylabel": (_name_of_signal, left, {"subset_info": True, "labeller": labeller}),
            "title": (_name_of_series, top, {"subset_info": True, "labeller": labeller}),
            "ticks": (vz.set_xticks, blank, {"values": positions, "labels": texts}),
        },
    )


def _name_of_signal(da: xr.DataArray, target: Any, *, labeller: Any, var_name: str, **kwargs: Any) -> Any:
    """Names the row, leaving the series to the title of the column."""
    kwargs = {key: value for key, value in kwargs.items() if key not in ("sel", "isel")}
    return vz.labelled_y(da, target, text=labeller.make_label_vert(var_name, {}, {}), **kwargs)


def _name_of_series(da: xr.DataArray, target: Any, *, labeller: Any, sel: Any, isel: Any, **kwargs: Any) -> Any:
    """Names the column."""
    kwargs = {key: value for key, value in kwargs.items() if key != "var_name"}
    return vz.labelled_title(da, target, text=labeller.sel_to_str(sel, isel), **kwargs)
