"""Chances that were said against the shares that came true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
)
from learning_debt.validation import require_instance

VISUALS = ("band", "diagonal", "line", "points", "xlabel", "ylabel")
FEWEST_CASES = 200
"""Cases below which a bin is left out."""


def plot_chances(
    reliability: xr.Dataset,
    *,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot the share of retrains that paid against the chance that was said of them, by tenths.

    Parameters
    ----------
    reliability : Dataset
        From `learning_debt.auditing.chance_check.reliability`: ``said``, ``paid``, ``error`` and ``cases`` along
        ``bin``. Bins of fewer than 200 cases are left out.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of facets, if the collection has any.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * band -> :func:`~arviz_plots.visuals.fill_between_y`; what came, give or take two standard errors
        * diagonal -> :func:`~arviz_plots.visuals.line_xy`: where what was said comes true
        * line, points -> :func:`~arviz_plots.visuals.line_xy`, :func:`~arviz_plots.visuals.scatter_xy`
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    TypeError, KeyError
        If `reliability` is none.

    Examples
    --------
    >>> from learning_debt.auditing.chance_check import reliability
    >>> rng = np.random.default_rng(1)
    >>> said = rng.random(4000)
    >>> found = reliability(said, rng.random(4000) < said, np.arange(4000))
    >>> "line" in plot_chances(found, backend="none").viz
    True
    """
    require_instance("reliability", reliability, xr.Dataset, "a Dataset, as chance_check.reliability returns it")
    aes_by_visuals, visuals = check_picture(plot_collection, backend, labeller, aes_by_visuals, visuals, VISUALS)
    for name in ("said", "paid", "error", "cases"):
        if name not in reliability or reliability[name].dims != ("bin",):
            raise KeyError(f"reliability holds no {name!r} along 'bin': give what chance_check.reliability returns")
    shown = reliability.isel(bin=np.flatnonzero(reliability["cases"].values >= FEWEST_CASES))
    points = _points(shown["said"].values, shown["paid"].values)
    if plot_collection is None:
        backend = resolve_backend(None, backend)
        pc_kwargs = figure_defaults(pc_kwargs, backend, 5, 5)
        plot_collection = PlotCollection.grid(points, backend=backend, **pc_kwargs)
    pc = plot_collection
    band = get_visual_kwargs(visuals, "band")
    if band is not False:
        half = 2 * shown["error"]
        ends = {"x": shown["said"], "y_bottom": shown["paid"] - half, "y_top": shown["paid"] + half}
        ignore, middle = ignored_aesthetics(pc, aes_by_visuals, "band"), shown[["paid"]]
        pc.map(
            vz.fill_between_y, "band", data=middle, ignore_aes=ignore, **ends, **{"color": "C0", "alpha": 0.25, **band}
        )
    drawn: tuple[tuple[str, Callable[..., Any], xr.Dataset, dict[str, Any]], ...] = (
        ("diagonal", vz.line_xy, _points(np.array([0.0, 1.0]), np.array([0.0, 1.0])), {"color": "B3", "width": 0.8}),
        ("line", vz.line_xy, points, {"color": "C0", "width": 2.0}),
        ("points", vz.scatter_xy, points, {"color": "C0"}),
    )
    for visual, draw, data, defaults in drawn:
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False:
            ignore = ignored_aesthetics(pc, aes_by_visuals, visual)
            pc.map(draw, visual, data=data, ignore_aes=ignore, **{**defaults, **kwargs})
    labels = {"xlabel": (vz.labelled_x, "chance said"), "ylabel": (vz.labelled_y, "share that paid")}
    at = xr.Dataset({"paid": 0.0})
    draw_decorations(pc, visuals, {visual: (draw, at, {"text": text}) for visual, (draw, text) in labels.items()})
    return pc


def _points(x: Any, y: Any) -> xr.Dataset:
    """Points (plot_axis: x, y) of the variable ``paid``."""
    return xr.Dataset({"paid": (("plot_axis", "place"), np.array([x, y]))}, {"plot_axis": ["x", "y"]})
