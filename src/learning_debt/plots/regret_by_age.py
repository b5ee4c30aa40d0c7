"""Regret by the age of what serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.plots.curve import curve_lines, draw_curve
from learning_debt.plots.drawing import checked_options
from learning_debt.plots.literal_text import literal
from learning_debt.spells.schema import TableFacts
from learning_debt.validation import require_instance, require_whole_number

VISUALS = ("band", "line", "unreliable", "zero", "xlabel", "ylabel")


def plot_ageing(
    curve: xr.Dataset,
    *,
    max_age: int | None = None,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot mean regret by spell age, with its interval; dashed where too few spells lie behind it.

    Parameters
    ----------
    curve : Dataset
        From `ageing_curve`.
    max_age : int, optional
        Largest age to draw; half of the table's periods by default, beyond which few spells are left.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of facets, if the collection has any.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * band -> the backend's ``fill_between_y``; intervals that are reliable
        * line, unreliable -> :func:`~arviz_plots.visuals.line_xy`
        * zero -> :func:`~arviz_plots.visuals.hline`
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    TypeError, KeyError
        If `curve` is none.

    Examples
    --------
    >>> import numpy as np
    >>> import learning_debt as ld
    >>> gap = np.triu(np.arange(9.0).reshape(3, 3))
    >>> curve = ld.ageing_curve(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}))
    >>> sorted(plot_ageing(curve, backend="none").viz)
    ['col_index', 'figure', 'plot', 'row_index', 'unreliable']
    """
    require_instance("curve", curve, xr.Dataset, "a Dataset, as ld.ageing_curve(spells) returns it")
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals)
    lines = curve_lines("curve", curve, "regret", "age", "ageing_curve")
    oldest = curve.sizes["age"]
    last = max(2, oldest // 2) if max_age is None else require_whole_number("max_age", max_age, at_least=1)
    lines = lines.isel(age=slice(last))
    canvas = options.canvas(lines[["regret"]], pc_kwargs, 8, 4)
    unit = literal(f"mean regret of a period ({TableFacts.from_table(curve, 'curve').regret_unit})", canvas.backend)
    axes = {
        "xlabel": (vz.labelled_x, {"text": "spell age (periods since the last retrain)"}),
        "ylabel": (vz.labelled_y, {"text": unit}),
    }
    draw_curve(canvas, lines, "regret", ("zero", 0.0), axes)
    return canvas.collection
