"""The bill that each policy runs up."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.auditing import Audit
from learning_debt.data import SERIES
from learning_debt.plots.common import AUDIT, policy_mappings
from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.intervals import interval_probability, normal_interval
from learning_debt.plots.legends import add_legend
from learning_debt.plots.literal_text import LiteralLabeller, literal
from learning_debt.plots.number_text import decimals_for, number
from learning_debt.plots.shapes import stems
from learning_debt.plots.ticks import shortened
from learning_debt.validation import require_instance, require_names

VISUALS = ("line", "retrain", "interval", "zero", "xlabel", "ylabel", "ticks", "legend")
LONGEST_NAME = 36
"""Characters of a policy's name in a legend."""
STEP_ASIDE = 0.008
"""Between the intervals of two policies, in lengths of the picture."""


def plot_bill(
    audit: Audit,
    *,
    policies: Sequence[str] | None = None,
    ci_prob: float | None = None,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    stats: Mapping[str, Mapping[str, Any] | xr.Dataset] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot the cumulative bill of each policy over the evaluation periods, with its retrains marked.

    Parameters
    ----------
    audit : Audit
    policies : sequence of str, optional
        Rows of the audit's table to draw; all by default. The legend lists them from the dearest to the cheapest.
    ci_prob : float, optional
        Of the intervals of the totals; ``rcParams["stats.ci_prob"]`` of ArviZ by default. They are about the sampler's
        error alone: `Audit.table` has what another stretch of history could have brought.
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

    stats : mapping, optional
        For ``interval`` another ``{"prob": ...}``, or a Dataset of the ends of ``bill`` along ``ci_bound``.
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
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["interval"])
    probability, lines = interval_probability(ci_prob), cumulative_bills(audit, policies)
    names = [str(name) for name in lines["policy"].values]
    labels = legend_labels(audit, names)
    rows = sum(1 + str(label).count("\n") for label in labels.values())
    looks = policy_mappings(names, audit, ("color", "linestyle", "width"))
    canvas = options.canvas(lines[["bill"]], pc_kwargs, 10.5, max(5.0, 1.2 + 0.22 * rows), aes=looks)
    canvas.draw("line", vz.line_xy, lines[["bill"]], sorted(canvas.collection.aes_set))
    retrains = lines[["retrain"]].rename(retrain="bill")
    canvas.draw("retrain", vz.scatter_xy, retrains, ["color"], size=22)
    if bool((lines["error"] > 0).any()):
        end = lines[["bill"]].sel(plot_axis="y").isel(period=-1, drop=True)
        ends = normal_interval(end, lines[["error"]].rename(error="bill"), probability, options.stats, "interval")
        sampled = ends.where(lines["error"] > 0).expand_dims("place")
        whiskers = stems(lines["aside"].expand_dims("place"), sampled, "place")
        canvas.draw("interval", vz.line_xy, whiskers, ["color"], width=2.0)
    _draw_axes(canvas, audit)
    title = literal(f"total ({audit.cost.unit})", canvas.backend)
    labeller = labeller or LiteralLabeller(canvas.backend, coord_map={"policy": labels})
    add_legend(canvas, "policy", labeller, title)
    return canvas.collection


def _draw_axes(canvas: Canvas, audit: Audit) -> None:
    """Line at zero, axis labels and ticks."""
    blank = xr.Dataset({"bill": 0.0})
    label = next(iter(audit.replays.values())).bill["label"]
    canvas.frame("zero", vz.hline, blank, color="B3", width=0.8)
    canvas.frame("xlabel", vz.labelled_x, blank, text="period")
    canvas.frame("ylabel", vz.labelled_y, blank, text=literal(f"bill so far ({audit.cost.unit})", canvas.backend))
    canvas.frame("ticks", vz.set_xticks, blank, **canvas.period_ticks(label))


def cumulative_bills(audit: Audit, policies: Sequence[str] | None = None) -> xr.Dataset:
    """Lines and retrains, dims (policy, plot_axis, period), with the ``error`` of the total; the dearest policy first.

    ``aside`` is where the interval of a policy's total stands.
    """
    names = list(audit.replays) if policies is None else list(require_names("policies", policies))
    if not names:
        raise ValueError("policies must name at least one of the audit's; leave it out for all")
    unknown = sorted(set(names) - set(audit.replays))
    if unknown:
        raise KeyError(f"policies {unknown} are none of the audit's; it has {list(audit.replays)}")
    ordered = sorted(names, key=lambda policy: -float(audit.replays[policy].objective.mean()))
    lines, marks, errors = [], [], []
    for name in ordered:
        replay = audit.replays[name]
        bill = replay.bill.mean(SERIES).cumsum("period")
        period = np.arange(1, bill.size + 1, dtype=float)
        retrained = replay.schedule.values[0] if replay.schedule.sizes[SERIES] == 1 else np.zeros(bill.size, dtype=bool)
        lines.append([period, bill.values])
        marks.append(np.where(retrained, [period, bill.values], np.nan))
        errors.append(float(np.sqrt((replay.objective_se**2).sum()) / replay.objective_se.size))
    dims = ("policy", "plot_axis", "period")
    aside = period.size * (1 + STEP_ASIDE * np.arange(1, len(ordered) + 1))
    return xr.Dataset(
        {
            "bill": (dims, np.array(lines)),
            "retrain": (dims, np.array(marks)),
            "error": ("policy", errors),
            "aside": ("policy", aside),
        },
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
        same = f"\n(same as {shortened(twin, LONGEST_NAME)})" if twin else ""
        labels[name] = f"{shortened(name, LONGEST_NAME)}: {number(totals[name], places)}{same}"
    return labels
