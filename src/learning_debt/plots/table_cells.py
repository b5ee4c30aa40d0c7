"""The spell table as a picture: a cell for every pair of deployed posterior and period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from numpy.typing import NDArray

from learning_debt.arrays.schedules.walk import deployed_during
from learning_debt.data import SERIES, Labels
from learning_debt.plots.common import drawn_series, variable_label
from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.literal_text import LiteralLabeller, labels_of, literal
from learning_debt.plots.service_lines import require_retrains
from learning_debt.plots.shapes import cells, colour_bar, name_of_column, set_yticks
from learning_debt.plots.ticks import period_ticks
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import CELLS, reliability
from learning_debt.validation import require_choice, require_text, require_whole_number

VISUALS = ("cell", "unreliable", "schedule", "colour_bar", "xlabel", "ylabel", "title", "ticks", "deployed_ticks")
FULL_COLOUR = 0.9
"""Share of the cells that are told apart by colour: a few wild ones would leave one colour to all others."""
BELOW_ZERO = 0.02
"""Share of the cells below zero from which on both signs have colours of their own."""


def plot_spells(
    spells: xr.Dataset,
    schedule: xr.DataArray | None = None,
    *,
    variable: str | None = None,
    max_series: int = 6,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot a spell table as a triangle of cells: a row for what was deployed when, a column for each period.

    A row is a model that ages from left to right, the lower edge of the triangle the model of the first fit.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own.
    schedule : DataArray of bool (series, period), optional
        Of a `Replay` of the same table; its path through the cells is drawn on them.
    variable : str, optional
        What the colours show; ``score_gap`` by default, or ``regret`` where there is none. Values that are of both
        signs have a colour for each.
    max_series : int
        Of more series, only the first so many are drawn.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets' titles.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * cell -> matplotlib's ``imshow``, plotly's ``Heatmap`` or bokeh's ``image``; on all of them ``cmap``, a colour
          map of matplotlib's, and ``limits``, the values of its first and last colour
        * unreliable -> :func:`~arviz_plots.visuals.scatter_xy`: estimates that failed their checks
        * schedule -> :func:`~arviz_plots.visuals.line_xy`
        * colour_bar -> the backend's
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`
        * title -> :func:`~arviz_plots.visuals.labelled_title`: the series, if there are several
        * ticks, deployed_ticks -> ticks of the periods, and of the periods after which a posterior was trained

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If table and schedule do not fit, or the table has no finite cell of that name.

    See Also
    --------
    plot_debt : The cells that a schedule meets, as lines with their intervals.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> schedule = ld.replay(spells, ld.policies.CUSUM(0.2), cost=0.25).schedule
    >>> plot_spells(spells, schedule, backend="none").viz["cell"]["cells"].item()["limits"]
    (0.0, 0.35)
    """
    require_table("spells", spells)
    require_whole_number("max_series", max_series, at_least=1)
    if variable is not None:
        require_text("variable", variable, "the name of a variable of the table, such as 'score_gap'")
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals)
    table = check_spells(spells)
    retrained = require_retrains(table, schedule)[:max_series]
    table = drawn_series(table, max_series)
    name = _variable(table, variable)
    drawn = _of_cells(table, name)
    columns = min(drawn.sizes[SERIES], 3)
    rows = -(-drawn.sizes[SERIES] // columns)
    canvas = options.canvas(
        drawn,
        pc_kwargs,
        1.8 + 4.6 * columns,
        0.6 + 4.2 * rows,
        layout="wrap",
        cols=[SERIES] if drawn.sizes[SERIES] > 1 else [],
        col_wrap=columns,
    )
    if SERIES not in canvas.collection.facet_dims:
        drawn, retrained = drawn.isel({SERIES: 0}, drop=True), retrained[:1]
    looks = _colours(drawn["cells"].values)
    canvas.draw("cell", cells, drawn[["cells"]], **looks)
    _draw_doubts(canvas, drawn)
    if schedule is not None:
        canvas.draw("schedule", vz.line_xy, _path(retrained, drawn), color="B1", width=1.8)
    _draw_axes(canvas, drawn, table, name, looks)
    return canvas.collection


def _variable(table: xr.Dataset, variable: str | None) -> str:
    held = [str(name) for name in CELLS if name in table]
    name = next(one for one in ("score_gap", "regret") if one in held) if variable is None else variable
    require_choice("variable", name, held)
    if not np.isfinite(table[name]).any():
        raise ValueError(f"variable={name!r} has no finite cell to draw; the table holds {held}")
    return name


def _of_cells(table: xr.Dataset, name: str) -> xr.Dataset:
    """``cells`` and whether they are ``reliable``, without what else the table says of them."""
    dims = (SERIES, "deployed_at", "period")
    of = {"cells": table[name], "reliable": reliability(table, name)}
    columns = {key: (dims, part.transpose(*dims).values) for key, part in of.items()}
    return xr.Dataset(columns, {SERIES: table[SERIES].values})


def _colours(values: np.ndarray) -> dict[str, Any]:
    """Colours from zero on, or to both sides of it where a share of the cells lies below."""
    found = values[np.isfinite(values)]
    reach = float(np.quantile(np.abs(found), FULL_COLOUR)) or 1.0
    if np.mean(found < 0) > BELOW_ZERO:
        return {"cmap": "RdBu_r", "limits": (-reach, reach)}
    return {"cmap": "viridis_r", "limits": (0.0, round(reach, 12))}


def _draw_doubts(canvas: Canvas, drawn: xr.Dataset) -> None:
    held = drawn["cells"].notnull() & ~drawn["reliable"].astype(bool)
    if not bool(held.any()):
        return
    stacked = held.stack(cell=("deployed_at", "period"), create_index=False)
    at = np.indices(held.isel({SERIES: 0}).shape if SERIES in held.dims else held.shape).reshape(2, -1)
    places = xr.DataArray([at[1] + 1.0, at[0] + 0.0], dims=("plot_axis", "cell"), coords={"plot_axis": ["x", "y"]})
    marks = places.where(stacked).to_dataset(name="cells")
    canvas.draw("unreliable", vz.scatter_xy, marks, color="B1", marker="x", size=8)


def _path(retrained: NDArray[np.bool_], drawn: xr.Dataset) -> xr.Dataset:
    """The staircase of what serves: a step from half a period before to half a period after every period."""
    serves, number = deployed_during(retrained), np.arange(1, retrained.shape[1] + 1)
    x = np.stack([number - 0.5, number + 0.5], axis=1).ravel()
    y = np.repeat(serves, 2, axis=1)
    points = np.stack([np.broadcast_to(x, y.shape), y], axis=1)
    several = SERIES in drawn.dims
    dims, coords = ("plot_axis", "step"), {"plot_axis": ["x", "y"]}
    if not several:
        return xr.Dataset({"cells": (dims, points[0])}, coords)
    return xr.Dataset({"cells": ((SERIES, *dims), points)}, {**coords, SERIES: drawn[SERIES].values})


def _draw_axes(canvas: Canvas, drawn: xr.Dataset, table: xr.Dataset, name: str, looks: Mapping[str, Any]) -> None:
    blank = xr.zeros_like(drawn[["cells"]].isel(deployed_at=0, period=0, drop=True), dtype=float)
    first, last = ({SERIES: [place]} if SERIES in blank.dims else {} for place in (0, -1))
    text = literal(variable_label(table, name, " "), canvas.backend)
    given = canvas.wanted("cell", **looks) or {}
    if canvas.wanted("cell") is not None:
        bar = {"cmap": given["cmap"], "limits": given["limits"], "artist": canvas.collection.viz["cell"]["cells"]}
        each = blank if canvas.backend == "matplotlib" else blank.isel(last)
        canvas.frame("colour_bar", colour_bar, each, text=text, **bar)
    canvas.frame("xlabel", vz.labelled_x, blank, text="period")
    canvas.frame("ylabel", vz.labelled_y, blank.isel(first), text="trained after")
    if SERIES in blank.dims:
        labeller = canvas.options.labeller or LiteralLabeller(canvas.backend)
        canvas.frame("title", name_of_column, blank, subset_info=True, labeller=labeller)
    canvas.frame("ticks", vz.set_xticks, blank, **canvas.period_ticks(table["label"]))
    places, texts = period_ticks(_deployed_labels(table), 8, canvas.backend)
    canvas.frame("deployed_ticks", set_yticks, blank, values=places - 1, labels=texts)


def _deployed_labels(table: xr.Dataset) -> Labels:
    if "deployed_label" in table:
        return labels_of(table["deployed_label"])
    periods = labels_of(table["label"])
    return labels_of(["first fit", *periods.texts[:-1]])
