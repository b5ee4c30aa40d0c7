"""The bill that each policy runs up."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from arviz_plots.plots.utils import get_visual_kwargs

from learning_debt.auditing import Audit
from learning_debt.data import SERIES
from learning_debt.plots.common import (
    AUDIT,
    add_policy_aesthetics,
    check_picture,
    draw_decorations,
    figure_defaults,
    ignored_aesthetics,
    period_ticks,
    resolve_backend,
)
from learning_debt.plots.literal_text import LiteralLabeller, literal
from learning_debt.plots.number_text import decimals_for, number
from learning_debt.validation import require_instance, require_names

VISUALS = ("line", "retrain", "zero", "xlabel", "ylabel", "ticks", "legend")


def plot_bill(
    audit: Audit,
    *,
    policies: Sequence[str] | None = None,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot the cumulative bill of each policy over the evaluation periods, with its retrains marked.

    Parameters
    ----------
    audit : Audit
    policies : sequence of str, optional
        Rows of the audit's table to draw; all by default. The legend lists them from the dearest to the cheapest.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the legend; by default the name of the policy and its total.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default ``line`` uses all mappings and ``retrain`` uses ``color``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * line, retrain -> :func:`~arviz_plots.visuals.line_xy`, :func:`~arviz_plots.visuals.scatter_xy`. With
          several series, lines are means over them and no retrains are marked.
        * zero -> :func:`~arviz_plots.visuals.hline`
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`
        * ticks -> :func:`~arviz_plots.visuals.set_xticks`
        * legend -> :meth:`arviz_plots.PlotCollection.add_legend`

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
    aes_by_visuals, visuals = check_picture(plot_collection, backend, labeller, aes_by_visuals, visuals, VISUALS)
    lines = cumulative_bills(audit, policies)
    names = [str(name) for name in lines["policy"].values]
    if plot_collection is None:
        backend = resolve_backend(None, backend)
        pc_kwargs = figure_defaults(pc_kwargs, backend, 10.5, 5)
        add_policy_aesthetics(pc_kwargs, names, audit, ("color", "linestyle", "width"))
        plot_collection = PlotCollection.grid(lines[["bill"]], backend=backend, **pc_kwargs)
    pc = plot_collection
    for visual, function, data, aes, defaults in (
        ("line", vz.line_xy, lines[["bill"]], pc.aes_set, {}),
        ("retrain", vz.scatter_xy, lines[["retrain"]].rename(retrain="bill"), ("color",), {"size": 22}),
    ):
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False:
            ignore = ignored_aesthetics(pc, aes_by_visuals, visual, aes)
            pc.map(function, visual, data=data, ignore_aes=ignore, **{**defaults, **kwargs})
    _draw_decorations(pc, audit, visuals)
    legend = get_visual_kwargs(visuals, "legend")
    if legend is not False:
        labels = LiteralLabeller(pc.backend, coord_map={"policy": legend_labels(audit, names)})
        title = literal(f"total ({audit.cost.unit})", pc.backend)
        pc.add_legend("policy", labeller=labeller or labels, **{"title": title, **legend})
    return pc


def _draw_decorations(pc: PlotCollection, audit: Audit, visuals: Mapping[str, Any]) -> None:
    """Line at zero, axis labels and ticks."""
    positions, texts = period_ticks(next(iter(audit.replays.values())).bill["label"], 6, pc.backend)
    blank = xr.Dataset({"bill": 0.0})
    draw_decorations(
        pc,
        visuals,
        {
            "zero": (vz.hline, blank, {"color": "B3", "width": 0.8}),
            "xlabel": (vz.labelled_x, blank, {"text": "period"}),
            "ylabel": (vz.labelled_y, blank, {"text": literal(f"bill so far ({audit.cost.unit})", pc.backend)}),
            "ticks": (vz.set_xticks, blank, {"values": positions, "labels": texts}),
        },
    )


def cumulative_bills(audit: Audit, policies: Sequence[str] | None = None) -> xr.Dataset:
    """Points of the lines and of the retrains, dims (policy, plot_axis, period), the dearest policy first."""
    names = list(audit.replays) if policies is None else list(require_names("policies", policies))
    if not names:
        raise ValueError("policies must name at least one of the audit's; leave it out for all")
    unknown = sorted(set(names) - set(audit.replays))
    if unknown:
        raise KeyError(f"policies {unknown} are none of the audit's; it has {list(audit.replays)}")
    lines, marks = [], []
    for name in sorted(names, key=lambda policy: -float(audit.replays[policy].objective.mean())):
        replay = audit.replays[name]
        bill = replay.bill.mean(SERIES).cumsum("period")
        period = np.arange(1, bill.size + 1, dtype=float)
        retrained = replay.schedule.values[0] if replay.schedule.sizes[SERIES] == 1 else np.zeros(bill.size, dtype=bool)
        lines.append([period, bill.values])
        marks.append(np.where(retrained, [period, bill.values], np.nan))
    dims = ("policy", "plot_axis", "period")
    ordered = sorted(names, key=lambda policy: -float(audit.replays[policy].objective.mean()))
    return xr.Dataset(
        {"bill": (dims, np.array(lines)), "retrain": (dims, np.array(marks))},
        coords={"policy": ordered, "plot_axis": ["x", "y"]},
    )


def legend_labels(audit: Audit, names: Sequence[str]) -> dict[Hashable, Hashable]:
    """Name and total of each policy; a line that hides under an earlier replay says so."""
    labels: dict[Hashable, Hashable] = {}
    totals = {name: float(audit.replays[name].objective.mean()) for name in names}
    places = decimals_for(totals.values())
    for place, name in enumerate(names):
        replay = audit.replays[name]
        twin = next((n for n in names[:place] if np.array_equal(audit.replays[n].bill, replay.bill)), None)
        same = f"\n(same as {twin})" if twin else ""
        labels[name] = f"{name}: {number(totals[name], places)}{same}"
    return labels
