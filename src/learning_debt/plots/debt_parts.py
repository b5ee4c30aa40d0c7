"""Where debt lives: by block of parameters, or by group of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.intervals import interval_probability, normal_interval
from learning_debt.plots.literal_text import LiteralLabeller, labels_of, literal
from learning_debt.plots.shapes import set_yticks
from learning_debt.plots.ticks import room_for, shortened
from learning_debt.validation import require_instance, require_whole_number

VISUALS = ("interval", "point", "lower_bound", "unreliable", "zero", "xlabel", "labels", "limits")
LONGEST_NAME = 48
"""Characters of the name of a part beside its row."""


def plot_debt_parts(
    parts: xr.Dataset,
    *,
    max_parts: int = 30,
    ci_prob: float | None = None,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    stats: Mapping[str, Mapping[str, Any] | xr.Dataset] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot a row per block of parameters or group of rows, the largest debt on top, with intervals.

    Parameters
    ----------
    parts : Dataset
        From `debt_by_block` or `debt_by_group`.
    max_parts : int
        Of more parts, only those of the largest absolute value are drawn. Parts without a finite value are left out,
        and the label of the axis says how many.
    ci_prob : float, optional
        Of the intervals; ``rcParams["stats.ci_prob"]`` of ArviZ by default.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the rows.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default ``interval`` and the points use ``y``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * interval -> :func:`~arviz_plots.visuals.line_x`
        * point, lower_bound, unreliable -> :func:`~arviz_plots.visuals.scatter_x`; lower bounds and other estimates
          that failed their checks apart
        * zero -> :func:`~arviz_plots.visuals.vline`
        * xlabel -> :func:`~arviz_plots.visuals.labelled_x`
        * labels -> the backend's ``yticks``
        * limits -> :func:`~arviz_plots.visuals.set_ylim`

    stats : mapping, optional
        For ``interval`` another ``{"prob": ...}``, or a Dataset of the ends of ``value`` along ``part``, ``ci_bound``.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If `parts` is no result of `debt_by_block` or `debt_by_group`, or holds no finite value.

    Examples
    --------
    >>> columns = {"value": [0.2, 1.3], "standard_error": [0.02, 0.1], "reliable": [True, True]}
    >>> parts = xr.Dataset(
    ...     {name: ("block", values) for name, values in columns.items()}, {"block": ["slope", "level[Graz]"]}
    ... )
    >>> plot_debt_parts(parts, backend="none").viz["point"]["value"]["part"].values.tolist()
    ['level[Graz]', 'slope']
    """
    require_instance("parts", parts, xr.Dataset, "a Dataset, as debt_by_block or debt_by_group returns it")
    require_whole_number("max_parts", max_parts, at_least=1)
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["interval"])
    probability, drawn = interval_probability(ci_prob), _ordered(parts, max_parts)
    values = drawn[["value"]]
    names = [str(name) for name in drawn["part"].values]
    heights = {"y": (["part"], [float(row) for row in reversed(range(len(names)))])}
    canvas = options.canvas(values, pc_kwargs, 8.0, 1.1 + 0.32 * len(names), aes=heights)
    error = drawn[["standard_error"]].rename(standard_error="value").fillna(0.0)
    ends = normal_interval(values, error, probability, options.stats, "interval")
    bound, reliable = drawn["lower_bound"], drawn["reliable"]
    canvas.draw("interval", vz.line_x, ends, ["y"], color="C0", width=2.0)
    marks: tuple[tuple[str, xr.DataArray, dict[str, Any]], ...] = (
        ("point", reliable, {"color": "C0", "size": 40}),
        ("lower_bound", bound, {"color": "C1", "marker": ">", "size": 60}),
        ("unreliable", ~reliable & ~bound, {"color": "C1", "marker": "x", "size": 36, "width": 1.5}),
    )
    for visual, shown, looks in marks:
        if bool((shown & values["value"].notnull()).any()):
            canvas.draw(visual, vz.scatter_x, values.where(shown), ["y"], **looks)
    unknown = parts["value"].size - int(np.isfinite(parts["value"].values).sum())
    said = ["; triangles: at least"] if bool(bound.any()) else []
    said += [f"; {unknown} without a finite value left out"] if unknown else []
    _draw_axes(canvas, parts.attrs, names, "".join(said))
    return canvas.collection


def _ordered(parts: xr.Dataset, most: int) -> xr.Dataset:
    """Value, error and verdicts along ``part``, the largest value first; at most `most` of the largest size."""
    missing = [name for name in ("value", "standard_error", "reliable") if name not in parts]
    if missing or parts["value"].ndim != 1:
        raise ValueError(f"parts must come from debt_by_block or debt_by_group; it lacks {missing or 'one dimension'}")
    (dim,) = parts["value"].dims
    value = parts["value"].values
    finite = np.flatnonzero(np.isfinite(value))
    if finite.size == 0:
        raise ValueError("parts holds no finite value to draw")
    largest = finite[np.argsort(-np.abs(value[finite]), kind="stable")][:most]
    order = largest[np.argsort(-value[largest], kind="stable")]
    bound = parts["lower_bound"].values if "lower_bound" in parts else np.zeros(value.size, dtype=bool)
    columns = {
        "value": value,
        "standard_error": parts["standard_error"].values,
        "reliable": parts["reliable"].values.astype(bool),
        "lower_bound": bound.astype(bool),
    }
    labels = np.array(labels_of(parts[dim]).texts)[order]
    return xr.Dataset({name: ("part", column[order]) for name, column in columns.items()}, {"part": labels})


def _draw_axes(canvas: Canvas, attrs: Mapping[Any, Any], names: Sequence[str], said: str) -> None:
    """Line at zero, axis label and the names of the rows."""
    rows, short = (
        np.arange(len(names))[::-1],
        {name: shortened(name, room_for(canvas.width, LONGEST_NAME)) for name in names},
    )
    labeller = canvas.options.labeller or LiteralLabeller(canvas.backend, coord_map={"part": short})
    labels = [labeller.sel_to_str({"part": name}, {"part": place}) for place, name in enumerate(names)]
    quantity = literal(f"{attrs.get('quantity', 'debt')} ({attrs.get('unit', 'nats')})", canvas.backend)
    blank = xr.Dataset({"value": 0.0})
    canvas.frame("zero", vz.vline, blank, color="B3", width=0.8)
    canvas.frame("xlabel", vz.labelled_x, blank, text=quantity + said)
    canvas.frame("labels", set_yticks, blank, values=rows, labels=labels)
    canvas.frame("limits", vz.set_ylim, blank, limits=(-0.6, len(names) - 0.4))
