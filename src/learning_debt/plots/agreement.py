"""Sampled estimates held against exact values."""

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
    signal_labels,
)
from learning_debt.plots.literal_text import LiteralLabeller
from learning_debt.plots.signal_lines import Z90
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import SAMPLED, reliability, standard_error
from learning_debt.spells.table_comparison import require_alike_tables
from learning_debt.validation import require_seed, require_whole_number

VISUALS = ("interval", "point", "unreliable", "identity", "xlabel", "ylabel", "title", "scale")
ON_LOG_SCALE = ("debt", "predictive_debt")


def plot_sampled_against_exact(
    sampled: xr.Dataset,
    exact: xr.Dataset,
    *,
    max_points: int = 1500,
    random_seed: int | None = 0,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot each sampled signal against its exact value, with 1.645 standard errors each side.

    Debts are on logarithmic axes; what falls below half the least positive exact value is drawn there.

    Parameters
    ----------
    sampled, exact : Dataset
        Two spell tables of the same history.
    max_points : int
        Of each signal; of more cells, so many are drawn at random.
    random_seed : int, optional
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets' titles.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * interval -> :func:`~arviz_plots.visuals.ci_line_y`
        * point, unreliable -> :func:`~arviz_plots.visuals.scatter_xy`; estimates that failed their checks apart
        * identity -> :func:`~arviz_plots.visuals.line_xy`
        * xlabel, ylabel, title -> :func:`~arviz_plots.visuals.labelled_x`, and so on
        * scale -> logarithmic axes of the debts; takes no keyword arguments

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If the tables differ in size, labels or score, or share no signal.
    """
    require_table("sampled", sampled)
    require_table("exact", exact)
    require_whole_number("max_points", max_points, at_least=1)
    require_seed("random_seed", random_seed)
    aes_by_visuals, visuals = check_picture(plot_collection, backend, labeller, aes_by_visuals, visuals, VISUALS)
    logarithmic = ON_LOG_SCALE if get_visual_kwargs(visuals, "scale") is not False else ()
    points, reliable = paired_cells(sampled, exact, max_points, random_seed, logarithmic)
    if plot_collection is None:
        backend = resolve_backend(None, backend)
        pc_kwargs = figure_defaults(pc_kwargs, backend, 4.0 * len(points), 4.0)
        pc_kwargs.setdefault("cols", ["__variable__"])
        plot_collection = PlotCollection.grid(points, backend=backend, **pc_kwargs)
    pc = plot_collection
    ends = points.sel(plot_axis=["x", "y"])
    low, high = ends.min(["plot_axis", "cell"]), ends.max(["plot_axis", "cell"])
    identity = xr.concat([low, high], dim="end").expand_dims(plot_axis=["x", "y"])
    drawn = (
        ("interval", vz.ci_line_y, points, {"color": "C0", "alpha": 0.15, "width": 1.0}),
        ("point", vz.scatter_xy, ends.where(reliable), {"color": "C0", "size": 8, "alpha": 0.6}),
        ("unreliable", vz.scatter_xy, ends.where(~reliable), {"color": "C1", "marker": "x", "size": 22}),
        ("identity", vz.line_xy, identity, {"color": "B1", "linestyle": "--", "width": 1.0}),
    )
    for visual, function, data, defaults in drawn:
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False:
            ignore = ignored_aesthetics(pc, aes_by_visuals, visual)
            pc.map(function, visual, data=data, ignore_aes=ignore, **{**defaults, **kwargs})
    _draw_decorations(
        pc, points, labeller or LiteralLabeller(pc.backend, var_name_map=signal_labels(sampled)), logarithmic, visuals
    )
    return pc


def paired_cells(
    sampled: xr.Dataset, exact: xr.Dataset, max_points: int, random_seed: int | None, logarithmic: Sequence[str]
) -> tuple[xr.Dataset, xr.Dataset]:
    """Cells that both tables hold, dims (plot_axis: x, y, y_bottom, y_top; cell), and which of them are reliable."""
    require_alike_tables(sampled, exact)
    ours, theirs = check_spells(sampled), check_spells(exact)
    names = [name for name in SAMPLED if name in ours and name in theirs]
    if not names:
        raise ValueError(f"the tables share none of the signals {SAMPLED}")
    present = np.logical_and.reduce([np.isfinite(t[name].values) for name in names for t in (ours, theirs)])
    cells = np.flatnonzero(present)
    if cells.size > max_points:
        cells = np.sort(np.random.default_rng(random_seed).choice(cells, max_points, replace=False))
    columns, reliable = {}, {}
    for name in names:
        x, y = theirs[name].values.ravel()[cells], ours[name].values.ravel()[cells]
        half = Z90 * standard_error(ours, name).values.ravel()[cells]
        quadruple = np.stack([x, y, y - half, y + half])
        if name in logarithmic and (x > 0).any():
            quadruple = np.maximum(quadruple, 0.5 * x[x > 0].min())
        columns[name] = (("plot_axis", "cell"), quadruple)
        reliable[name] = ("cell", reliability(ours, name).values.ravel()[cells])
    coords = {"plot_axis": ["x", "y", "y_bottom", "y_top"]}
    return xr.Dataset(columns, coords=coords), xr.Dataset(reliable)


def _draw_decorations(
    pc: PlotCollection, points: xr.Dataset, labeller: Any, logarithmic: Sequence[str], visuals: Mapping[str, Any]
) -> None:
    """Scales, axis labels and titles."""
    blank = xr.Dataset(dict.fromkeys(points, 0.0))
    logs = blank[[name for name in blank if name in logarithmic]]
    for function in (vz.set_xscale, vz.set_yscale) if len(logs) else ():
        pc.map(function, data=logs, ignore_aes="all", store_artist=False, scale="log")
    draw_decorations(
        pc,
        visuals,
        {
            "xlabel": (vz.labelled_x, blank, {"text": "exact"}),
            "ylabel": (vz.labelled_y, blank[[next(iter(blank))]], {"text": "sampled"}),
            "title": (vz.labelled_title, blank, {"subset_info": True, "labeller": labeller}),
        },
    )
