"""How the shadow was kept current, and what that took."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_base.labels import MapLabeller
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.data import SERIES
from learning_debt.forecasters.weights import MAXIMUM_PARETO_K
from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.shapes import name_of_row, set_yticks
from learning_debt.spells import check_spells

VISUALS = ("point", "doubtful", "limit", "xlabel", "ylabel", "ticks", "rungs", "limits")
RUNGS = ("kept", "supplied", "pooled", "reweight", "moment match", "refit", "exact")
"""From the cheapest to the dearest."""
LABELS: dict[Hashable, Hashable] = {"rung": "rung", "pareto_k": "Pareto k", "evaluations": "evaluations\n(log10)"}


def plot_upkeep(
    spells: xr.Dataset,
    *,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot, period by period, how the shadow was kept current, the Pareto k of its weights and what it took.

    Evaluations are log densities of one row at one point, on a logarithmic scale; periods without any are left out.

    Parameters
    ----------
    spells : Dataset
        From `spell_table`; of several series the first.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * point, doubtful -> :func:`~arviz_plots.visuals.scatter_xy`; shadows that cannot be believed apart
        * limit -> :func:`~arviz_plots.visuals.hline`: Pareto k = 0.7
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`
        * ticks, rungs -> ticks of the periods and of the rungs
        * limits -> :func:`~arviz_plots.visuals.set_ylim` of the rungs

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If the table does not say how its shadow was kept.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> history = {"x": rng.normal(size=30), "y": rng.normal(size=30), "period": np.arange(30)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> sorted(plot_upkeep(spells, backend="none").viz["point"].data_vars)
    ['rung']
    """
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals)
    table = check_spells(spells)
    points = upkeep_points(table)
    heights = [max(3, len(_found(points))) if name == "rung" else 4 for name in points]
    canvas = options.canvas(
        points,
        pc_kwargs,
        10.0,
        1.0 + 0.42 * sum(heights),
        figure={"sharex": True, "height_ratios": heights},
        rows=["__variable__"],
    )
    believed = xr.DataArray(_first_series(table, "converged", True).astype(bool), dims="period")
    canvas.draw("point", vz.scatter_xy, points.where(believed), color="C0", size=14)
    if not bool(believed.all()):
        canvas.draw("doubtful", vz.scatter_xy, points.where(~believed), color="C1", marker="x", size=36, width=1.5)
    _draw_axes(canvas, points, table)
    return canvas.collection


def upkeep_points(table: xr.Dataset) -> xr.Dataset:
    """Points x = period, y = rung (its place in `RUNGS`), Pareto k and log10 of the evaluations, if there are any."""
    if "rung" not in table:
        raise ValueError("spells do not say how their shadow was kept: they have no variable 'rung'")
    periods = np.arange(1.0, table.sizes["period"] + 1)
    places = {rung: place for place, rung in enumerate(RUNGS)}
    columns = {"rung": np.array([places.get(str(rung), np.nan) for rung in _first_series(table, "rung", "")])}
    pareto_k, evaluations = (_first_series(table, name, np.nan) for name in ("pareto_k", "evaluations"))
    if np.isfinite(pareto_k).any():
        columns["pareto_k"] = pareto_k
    if (evaluations > 0).any():
        columns["evaluations"] = np.log10(np.where(evaluations > 0, evaluations, np.nan))
    return xr.Dataset(
        {name: (("plot_axis", "period"), np.stack([periods, values])) for name, values in columns.items()},
        coords={"plot_axis": ["x", "y"]},
    )


def _first_series(table: xr.Dataset, name: str, default: Any) -> np.ndarray:
    if name not in table:
        return np.full(table.sizes["period"], default)
    return np.asarray(table[name].isel({SERIES: 0}).values)


def _found(points: xr.Dataset) -> list[int]:
    """Places of the rungs that occur."""
    return [place for place in range(len(RUNGS)) if (points["rung"].sel(plot_axis="y") == place).any()]


def _draw_axes(canvas: Canvas, points: xr.Dataset, table: xr.Dataset) -> None:
    """The limit of Pareto k, axis labels and ticks."""
    labeller = canvas.options.labeller or MapLabeller(var_name_map=LABELS)
    blank, found = xr.Dataset(dict.fromkeys(points, 0.0)), _found(points)
    canvas.frame("xlabel", vz.labelled_x, blank[[list(blank)[-1]]], text="period")
    canvas.frame("ylabel", name_of_row, blank, subset_info=True, labeller=labeller)
    canvas.frame("ticks", vz.set_xticks, blank, **canvas.period_ticks(table["label"]))
    canvas.frame("rungs", set_yticks, blank[["rung"]], values=found, labels=[RUNGS[place] for place in found])
    if found:
        canvas.frame("limits", vz.set_ylim, blank[["rung"]], limits=(min(found) - 0.5, max(found) + 0.5))
    if "pareto_k" in blank:
        limit = blank[["pareto_k"]] + MAXIMUM_PARETO_K
        canvas.frame("limit", vz.hline, limit, color="B3", linestyle="C1", width=0.8)
