"""Debt of what was in service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from arviz_plots import PlotCollection

from learning_debt.data import SERIES
from learning_debt.plots.common import drawn_series, variable_labels
from learning_debt.plots.drawing import checked_options
from learning_debt.plots.intervals import interval_probability
from learning_debt.plots.service_lines import (
    VISUALS,
    ServiceLines,
    draw_service,
    require_retrains,
    served,
    service_canvas,
)
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import CELLS, SAMPLED, reliability, standard_error
from learning_debt.validation import require_names, require_whole_number


def plot_debt(
    spells: xr.Dataset,
    schedule: xr.DataArray | None = None,
    *,
    var_names: Sequence[str] | None = None,
    ci_prob: float | None = None,
    max_series: int = 6,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    stats: Mapping[str, Mapping[str, Any] | xr.Dataset] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot how far what was in service had fallen behind: debt, predictive debt and score gap, period by period.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own; of debt, predictive debt and score gap, those that it holds are drawn.
    schedule : DataArray of bool (series, period), optional
        Of a `Replay` of the same table; without it nothing was ever retrained.
    var_names : sequence of str, optional
        Other variables of the table to draw, such as ``["deployed_score"]``.
    ci_prob : float, optional
        Of the bands; ``rcParams["stats.ci_prob"]`` of ArviZ by default.
    max_series : int
        Of more series, only the first so many are drawn.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * line -> :func:`~arviz_plots.visuals.line_xy`
        * band -> the backend's ``fill_between_y``: Monte-Carlo intervals, where signals are sampled
        * unreliable -> :func:`~arviz_plots.visuals.scatter_xy`: estimates that failed their checks
        * retrain -> the backend's ``vline``, after the periods of the retrains
        * zero -> :func:`~arviz_plots.visuals.hline`
        * xlabel, ylabel -> :func:`~arviz_plots.visuals.labelled_x`, :func:`~arviz_plots.visuals.labelled_y`
        * title -> :func:`~arviz_plots.visuals.labelled_title`: the series, if there are several
        * ticks -> :func:`~arviz_plots.visuals.set_xticks`

    stats : mapping, optional
        For ``band`` another ``{"prob": ...}``, or a Dataset of its ends along ``ci_bound``.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If table and schedule do not fit, or the table holds nothing to draw.

    See Also
    --------
    plot_regret : What it cost.
    plot_spells : The same for every pair of deployed posterior and period.

    Examples
    --------
    >>> import numpy as np
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> schedule = ld.replay(spells, ld.policies.CUSUM(0.2), cost=0.25).schedule
    >>> sorted(plot_debt(spells, schedule, backend="none").viz["line"].data_vars)
    ['score_gap']
    """
    require_table("spells", spells)
    require_whole_number("max_series", max_series, at_least=1)
    probability = interval_probability(ci_prob)
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["band"])
    table = check_spells(spells)
    retrained = require_retrains(table, schedule)[:max_series]
    table = drawn_series(table, max_series)
    names = _variables(table, var_names)

    def along(of: Any) -> xr.Dataset:
        return xr.Dataset({name: served(table, of(table, name).values, retrained) for name in names})

    values = along(lambda cells, name: cells[name])
    made = xr.DataArray(retrained, dims=(SERIES, "period"), coords={SERIES: values[SERIES]})
    labels = variable_labels(table, names)
    lines = ServiceLines(values, along(standard_error), along(reliability).astype(bool), made, table["label"], labels)
    canvas = service_canvas(options, lines, pc_kwargs)
    draw_service(canvas, lines, probability)
    return canvas.collection


def _variables(table: xr.Dataset, var_names: Sequence[str] | None) -> list[str]:
    held = [str(name) for name in CELLS if name in table]
    if var_names is not None:
        wanted = [var_names] if isinstance(var_names, str) else var_names
        named = list(require_names("var_names", wanted, held))
        if not named:
            raise ValueError(f"var_names must name at least one variable of the table, of {held}; leave it out for all")
        return named
    found = [name for name in SAMPLED if name in held]
    if not found:
        raise ValueError(f"spells hold none of the signals {SAMPLED}; name others in var_names, of {held}")
    return found
