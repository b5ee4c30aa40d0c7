"""How much of what the shadow expects to gain comes, as periods come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.plots.curve import curve_lines, draw_curve
from learning_debt.plots.drawing import checked_options
from learning_debt.validation import require_instance

VISUALS = ("band", "line", "unreliable", "one", "xlabel", "ylabel", "ticks")


def plot_belief_slope(
    slopes: xr.Dataset,
    *,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot the running slope of realised gaps on beliefs, with its interval; dashed while too few periods are known.

    Parameters
    ----------
    slopes : Dataset
        From `belief_slope`.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of facets, if the collection has any.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * band -> the backend's ``fill_between_y``; intervals that are reliable
        * line, unreliable -> :func:`~arviz_plots.visuals.line_xy`; those that are not reliable as far as they lie
          within the reach of the intervals that are
        * one -> :func:`~arviz_plots.visuals.hline`: the slope of a model that is right
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`
        * ticks -> :func:`~arviz_plots.visuals.set_xticks`

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    TypeError, KeyError
        If `slopes` are none.

    Examples
    --------
    >>> import numpy as np
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> history = {"x": rng.normal(size=60), "y": rng.normal(size=60), "period": np.arange(60)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=20, progressbar=False)
    >>> "line" in plot_belief_slope(ld.belief_slope(spells), backend="none").viz
    True
    """
    require_instance("slopes", slopes, xr.Dataset, "a Dataset, as ld.belief_slope(spells) returns it")
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals)
    lines = curve_lines("slopes", slopes, "slope", "period", "belief_slope")
    lines["slope"] = _within_intervals(lines)
    canvas = options.canvas(lines[["slope"]], pc_kwargs, 8, 4)
    ticks = canvas.period_ticks(slopes["label"] if "label" in slopes else slopes["period"])
    axes: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "xlabel": (vz.labelled_x, {"text": "period"}),
        "ylabel": (vz.labelled_y, {"text": "realised gap per unit expected"}),
        "ticks": (vz.set_xticks, ticks),
    }
    draw_curve(canvas, lines, "slope", ("one", 1.0), axes)
    return canvas.collection


def _within_intervals(lines: xr.Dataset) -> xr.DataArray:
    """Points of the slope; of the first few periods they may lie so far off that nothing else could be seen."""
    slope, reliable = lines["slope"].sel(plot_axis="y", drop=True), lines["reliable"]
    low, high = lines["slope_low"].where(reliable).min(), lines["slope_high"].where(reliable).max()
    near = (slope >= low) & (slope <= high) if bool(reliable.any()) else reliable | True
    return lines["slope"].where(reliable | near)
