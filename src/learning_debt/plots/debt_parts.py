"""Where debt lives: by block of parameters, or by group of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from arviz_plots.plots.utils import get_visual_kwargs

from learning_debt.plots.common import (
    check_picture,
    draw_decorations,
    figure_defaults,
    ignored_aesthetics,
    resolve_backend,
    set_yticks,
)
from learning_debt.plots.literal_text import LiteralLabeller, labels_of, literal
from learning_debt.plots.signal_lines import Z90
from learning_debt.validation import require_instance, require_whole_number

VISUALS = ("interval", "point", "lower_bound", "unreliable", "zero", "xlabel", "labels", "limits")


def plot_debt_parts(
    parts: xr.Dataset,
    *,
    max_parts: int = 30,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot a row per block of parameters or group of rows, the largest debt on top, with 90% intervals.

    Parameters
    ----------
    parts : Dataset
        From `debt_by_block` or `debt_by_group`.
    max_parts : int
        Of more parts, only those of the largest absolute value are drawn.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the rows.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default ``interval`` and the points use ``y``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * interval -> :func:`~arviz_plots.visuals.line_x`, 1.645 standard errors each side
        * point, lower_bound, unreliable -> :func:`~arviz_plots.visuals.scatter_x`; lower bounds and other estimates
          that failed their checks apart
        * zero -> :func:`~arviz_plots.visuals.vline`
        * xlabel -> :func:`~arviz_plots.visuals.labelled_x`
        * labels -> the backend's ``yticks``
        * limits -> :func:`~arviz_plots.visuals.set_ylim`

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
    aes_by_visuals, visuals = check_picture(plot_collection, backend, labeller, aes_by_visuals, visuals, VISUALS)
    drawn = _ordered(parts, max_parts)
    values = drawn[["value"]]
    names = [str(name) for name in drawn["part"].values]
    if plot_collection is None:
        backend = resolve_backend(None, backend)
        pc_kwargs = figure_defaults(pc_kwargs, backend, 8.0, 1.1 + 0.32 * len(names))
        pc_kwargs["aes"].setdefault("y", ["part"])
        pc_kwargs.setdefault("y", [float(row) for row in reversed(range(len(names)))])
        plot_collection = PlotCollection.grid(values, backend=backend, **pc_kwargs)
    pc = plot_collection
    half = Z90 * drawn["standard_error"].fillna(0.0)
    ends = xr.concat([drawn["value"] - half, drawn["value"] + half], dim="end").transpose("part", "end")
    bound = drawn["lower_bound"]
    for visual, function, data, defaults in (
        ("interval", vz.line_x, ends.to_dataset(name="value"), {"color": "C0", "width": 2.0}),
        ("point", vz.scatter_x, values.where(drawn["reliable"]), {"color": "C0", "size": 40}),
        ("lower_bound", vz.scatter_x, values.where(bound), {"color": "C1", "marker": ">", "size": 60}),
        ("unreliable", vz.scatter_x, values.where(~drawn["reliable"] & ~bound), {"color": "C1", "marker": "x"}),
    ):
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False and bool(np.isfinite(data["value"]).any()):
            ignore = ignored_aesthetics(pc, aes_by_visuals, visual, ("y",))
            pc.map(function, visual, data=data, ignore_aes=ignore, **{**defaults, **kwargs})
    _draw_decorations(pc, parts.attrs, names, bool(bound.any()), labeller or LiteralLabeller(pc.backend), visuals)
    return pc


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


def _draw_decorations(
    pc: PlotCollection,
    attrs: Mapping[Any, Any],
    names: Sequence[str],
    bounded: bool,
    labeller: Any,
    visuals: Mapping[str, Any],
) -> None:
    """Line at zero, axis label and the names of the rows."""
    rows = np.arange(len(names))[::-1]
    labels = [labeller.sel_to_str({"part": name}, {"part": place}) for place, name in enumerate(names)]
    quantity = literal(f"{attrs.get('quantity', 'debt')} ({attrs.get('unit', 'nats')})", pc.backend)
    blank = xr.Dataset({"value": 0.0})
    draw_decorations(
        pc,
        visuals,
        {
            "zero": (vz.vline, blank, {"color": "B3", "width": 0.8}),
            "xlabel": (vz.labelled_x, blank, {"text": quantity + ("; triangles: at least" if bounded else "")}),
            "labels": (set_yticks, blank, {"values": rows, "labels": labels}),
            "limits": (vz.set_ylim, blank, {"limits": (-0.6, len(names) - 0.4)}),
        },
    )
