"""Chances that were said against the shares that came true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.plots.drawing import checked_options
from learning_debt.plots.intervals import interval_probability, normal_interval
from learning_debt.plots.shapes import band, points_of
from learning_debt.validation import require_instance, require_whole_number

VISUALS = ("band", "diagonal", "line", "points", "xlabel", "ylabel")


def plot_calibration(
    reliability: xr.Dataset,
    *,
    fewest_cases: int = 200,
    ci_prob: float | None = None,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    stats: Mapping[str, Mapping[str, Any] | xr.Dataset] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot the share of retrains that paid against the chance that was said of them, by tenths.

    Parameters
    ----------
    reliability : Dataset
        From `learning_debt.auditing.chance_check.reliability`: ``said``, ``paid``, ``error`` and ``cases`` along
        ``bin``.
    fewest_cases : int
        Bins of fewer are left out.
    ci_prob : float, optional
        Of the band; ``rcParams["stats.ci_prob"]`` of ArviZ by default.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of facets, if the collection has any.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * band -> the backend's ``fill_between_y``; what came, with its interval
        * diagonal -> :func:`~arviz_plots.visuals.line_xy`: where what was said comes true
        * line, points -> :func:`~arviz_plots.visuals.line_xy`, :func:`~arviz_plots.visuals.scatter_xy`
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`

    stats : mapping, optional
        For ``band`` another ``{"prob": ...}``, or a Dataset of the ends of ``paid`` along ``bin`` and ``ci_bound``.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    TypeError, KeyError, ValueError
        If `reliability` is none, or has no bin of so many cases.

    Examples
    --------
    >>> from learning_debt.auditing.chance_check import reliability
    >>> rng = np.random.default_rng(1)
    >>> said = rng.random(4000)
    >>> found = reliability(said, rng.random(4000) < said, np.arange(4000))
    >>> "line" in plot_calibration(found, backend="none").viz
    True
    """
    require_whole_number("fewest_cases", fewest_cases, at_least=1)
    require_instance("reliability", reliability, xr.Dataset, "a Dataset, as chance_check.reliability returns it")
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["band"])
    probability = interval_probability(ci_prob)
    for name in ("said", "paid", "error", "cases"):
        if name not in reliability or reliability[name].dims != ("bin",):
            raise KeyError(f"reliability holds no {name!r} along 'bin': give what chance_check.reliability returns")
    shown = reliability.isel(bin=np.flatnonzero(reliability["cases"].values >= fewest_cases))
    if not shown.sizes["bin"]:
        raise ValueError(f"reliability has no bin of fewest_cases={fewest_cases} or more; draw those of fewer cases")
    points = points_of(shown["said"], shown[["paid"]])
    canvas = options.canvas(points, pc_kwargs, 5, 5)
    ends = normal_interval(shown[["paid"]], shown[["error"]].rename(error="paid"), probability, options.stats, "band")
    corners = xr.DataArray([0.0, 1.0], dims="place")
    canvas.draw("band", band, ends, x=shown["said"], color="C0", alpha=0.25)
    canvas.draw("diagonal", vz.line_xy, points_of(corners, corners.to_dataset(name="paid")), color="B3", width=0.8)
    canvas.draw("line", vz.line_xy, points, color="C0", width=2.0)
    canvas.draw("points", vz.scatter_xy, points, color="C0", size=30)
    at = xr.Dataset({"paid": 0.0})
    canvas.frame("xlabel", vz.labelled_x, at, text="chance said")
    canvas.frame("ylabel", vz.labelled_y, at, text="share that came true")
    return canvas.collection
