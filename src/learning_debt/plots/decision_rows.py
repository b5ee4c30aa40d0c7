"""When each policy retrains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.auditing import Audit
from learning_debt.data import SERIES
from learning_debt.plots.bill import cumulative_bills
from learning_debt.plots.common import AUDIT, policy_mappings
from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.literal_text import LiteralLabeller
from learning_debt.plots.shapes import set_yticks
from learning_debt.plots.ticks import room_for, shortened
from learning_debt.representations import plain_number
from learning_debt.validation import require_instance, require_whole_number

VISUALS = ("baseline", "retrain", "xlabel", "ticks", "policy_names", "limits")
LONGEST_NAME = 40
"""Characters of a policy's name beside its row."""


def plot_decisions(
    audit: Audit,
    *,
    policies: Sequence[str] | None = None,
    max_series: int = 20,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot a row per policy with a mark at each of its retrains; several series lie side by side within a row.

    Parameters
    ----------
    audit : Audit
    policies : sequence of str, optional
        Rows of the audit's table to draw; all by default, in the order of `plot_bill`: the dearest on top.
    max_series : int
        Of more series, only the first so many are drawn.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the policies' names.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default ``baseline`` uses ``y`` and ``retrain`` uses ``y`` and ``color``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * baseline, retrain -> :func:`~arviz_plots.visuals.line_x`, :func:`~arviz_plots.visuals.scatter_x`
        * xlabel -> :func:`~arviz_plots.visuals.labelled_x`
        * ticks -> :func:`~arviz_plots.visuals.set_xticks`
        * policy_names -> the backend's ``yticks``; in brackets the number of retrains, a mean over series
        * limits -> :func:`~arviz_plots.visuals.set_ylim`

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    KeyError
        If the audit holds no policy of that name.
    """
    require_instance("audit", audit, Audit, AUDIT)
    require_whole_number("max_series", max_series, at_least=1)
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals)
    names = [str(name) for name in cumulative_bills(audit, policies)["policy"].values]
    marks = retrain_marks(audit, names).isel({SERIES: slice(0, max_series)})
    looks = policy_mappings(names, audit, ("color",))
    looks["y"] = ["policy", SERIES], _row_positions(len(names), marks.sizes[SERIES])
    canvas = options.canvas(marks, pc_kwargs, 10.5, 1.0 + 0.36 * len(names), aes=looks)
    ends = marks.isel(period=slice(0, 2)).copy(data={"retrain": np.full((*marks["retrain"].shape[:2], 2), np.nan)})
    ends["retrain"][..., 0], ends["retrain"][..., 1] = 1.0, float(marks.sizes["period"])
    size = 170 if marks.sizes[SERIES] == 1 else 30
    canvas.draw("baseline", vz.line_x, ends, ["y"], color="B3", width=0.6)
    canvas.draw("retrain", vz.scatter_x, marks, ["y", "color"], marker="|", size=size, width=2.2)
    _draw_axes(canvas, audit, names)
    return canvas.collection


def _draw_axes(canvas: Canvas, audit: Audit, names: Sequence[str]) -> None:
    """Axis labels, ticks and the names of the rows."""
    short = {name: shortened(name, room_for(canvas.width, LONGEST_NAME)) for name in names}
    labeller = canvas.options.labeller or LiteralLabeller(canvas.backend, coord_map={"policy": short})
    rows = np.arange(len(names))[::-1]
    made = {name: float(audit.replays[name].retrains.mean()) for name in names}
    labels = [
        f"{labeller.sel_to_str({'policy': name}, {'policy': place})} ({plain_number(made[name])})"
        for place, name in enumerate(names)
    ]
    blank = xr.Dataset({"retrain": 0.0})
    canvas.frame("xlabel", vz.labelled_x, blank, text="period (in brackets: retrains)")
    ticks = canvas.period_ticks(audit.replays[names[0]].schedule["label"], max(len(label) for label in labels))
    canvas.frame("ticks", vz.set_xticks, blank, **ticks)
    canvas.frame("policy_names", set_yticks, blank, values=rows, labels=labels)
    canvas.frame("limits", vz.set_ylim, blank, limits=(-0.6, len(names) - 0.4))


def retrain_marks(audit: Audit, names: Sequence[str]) -> xr.Dataset:
    """Periods of the retrains, dims (policy, series, period), NaN where there is none."""
    schedules = np.stack([audit.replays[name].schedule.values for name in names])
    period = np.arange(1.0, schedules.shape[-1] + 1)
    series = audit.replays[names[0]].schedule[SERIES].values
    data = (("policy", SERIES, "period"), np.where(schedules, period, np.nan))
    return xr.Dataset({"retrain": data}, coords={"policy": list(names), SERIES: series})


def _row_positions(policies: int, series: int) -> list[float]:
    """Heights of the rows, the first policy on top; the series of a policy share its row."""
    offsets = np.linspace(0.35, -0.35, series) if series > 1 else np.zeros(1)
    return [float(row + offset) for row in range(policies - 1, -1, -1) for offset in offsets]
