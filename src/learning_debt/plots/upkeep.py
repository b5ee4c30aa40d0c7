"""How the shadow was kept current, and what that took."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_base.labels import MapLabeller
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from arviz_plots.plots.utils import get_visual_kwargs

from learning_debt.data import SERIES
from learning_debt.forecasters.weights import MAXIMUM_PARETO_K
from learning_debt.plots.common import (
    check_picture,
    draw_decorations,
    figure_defaults,
    ignored_aesthetics,
    period_ticks,
    resolve_backend,
    set_yticks,
)
from learning_debt.spells import check_spells

VISUALS = ("point", "doubtful", "limit", "xlabel", "ylabel", "ticks", "rungs")
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
    aes_by_visuals, visuals = check_picture(plot_collection, backend, labeller, aes_by_visuals, visuals, VISUALS)
    table = check_spells(spells)
    points = upkeep_points(table)
    if plot_collection is None:
        backend = resolve_backend(None, backend)
        pc_kwargs = figure_defaults(pc_kwargs, backend, 10.0, 1.0 + 1.6 * len(points))
        pc_kwargs["figure_kwargs"].setdefault("sharex", True)
        pc_kwargs.setdefault("rows", ["__variable__"])
        plot_collection = PlotCollection.grid(points, backend=backend, **pc_kwargs)
    believed = xr.DataArray(_first_series(table, "converged", True).astype(bool), dims="period")
    drawn = (
        ("point", points.where(believed), {"color": "C0", "size": 14}),
        ("doubtful", points.where(~believed), {"color": "C1", "marker": "x", "size": 30}),
    )
    for visual, data, defaults in drawn:
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False and (visual == "point" or not bool(believed.all())):
            ignore = ignored_aesthetics(plot_collection, aes_by_visuals, visual)
            plot_collection.map(vz.scatter_xy, visual, data=data, ignore_aes=ignore, **{**defaults, **kwargs})
    _draw_decorations(plot_collection, points, table, labeller or MapLabeller(var_name_map=LABELS), visuals)
    return plot_collection


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


def _draw_decorations(pc: PlotCollection, points: xr.Dataset, table: xr.Dataset, labeller: Any, visuals: Any) -> None:
    """The limit of Pareto k, axis labels and ticks."""
    positions, texts = period_ticks(table["label"], backend=pc.backend)
    blank = xr.Dataset(dict.fromkeys(points, 0.0))
    found = [place for place in range(len(RUNGS)) if (points["rung"].sel(plot_axis="y") == place).any()]
    decorations: dict[str, tuple[Callable[..., Any], xr.Dataset, dict[str, Any]]] = {
        "xlabel": (vz.labelled_x, blank[[list(blank)[-1]]], {"text": "period"}),
        "ylabel": (_name_of_panel, blank, {"subset_info": True, "labeller": labeller}),
        "ticks": (vz.set_xticks, blank, {"values": positions, "labels": texts}),
        "rungs": (set_yticks, blank[["rung"]], {"values": found, "labels": [RUNGS[place] for place in found]}),
    }
    if "pareto_k" in blank:
        limit = blank[["pareto_k"]] + MAXIMUM_PARETO_K
        decorations["limit"] = (vz.hline, limit, {"color": "B3", "linestyle": "--", "width": 0.8})
    draw_decorations(pc, visuals, decorations)


def _name_of_panel(da: xr.DataArray, target: Any, *, labeller: Any, var_name: str, **kwargs: Any) -> Any:
    kwargs = {key: value for key, value in kwargs.items() if key not in ("sel", "isel")}
    return vz.labelled_y(da, target, text=labeller.make_label_vert(var_name, {}, {}), **kwargs)
