"""Regret of what was in service, period by period and since the last retrain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from numpy.typing import NDArray

from learning_debt.data import SERIES
from learning_debt.plots.common import drawn_series
from learning_debt.plots.drawing import checked_options
from learning_debt.plots.intervals import interval_probability
from learning_debt.plots.service_lines import (
    VISUALS,
    ServiceLines,
    by_period,
    draw_service,
    require_retrains,
    served,
    service_canvas,
    since_retrain,
)
from learning_debt.plots.shapes import points_of
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import TableFacts, has_own_regret, reliability, se_of, standard_error
from learning_debt.typing import Array
from learning_debt.validation import require_whole_number


def plot_regret(
    spells: xr.Dataset,
    schedule: xr.DataArray | None = None,
    *,
    cost: RetrainingCost | float | None = None,
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
    """Plot what waiting cost: regret of every period, and its sum since the last retrain beside what a retrain costs.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own.
    schedule : DataArray of bool (series, period), optional
        Of a `Replay` of the same table; without it nothing was ever retrained.
    cost : RetrainingCost or float, optional
        Of a retrain. Regret is then in its unit, money where nats have a price, and the cost is a broken line.
    ci_prob : float, optional
        Of the bands; ``rcParams["stats.ci_prob"]`` of ArviZ by default. Errors of the periods of one spell are taken as
        fully dependent, as in `Replay`.
    max_series : int
        Of more series, only the first so many are drawn.
    plot_collection : PlotCollection, optional
        With panels for the variables ``regret`` and ``spell_regret``.
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * line -> :func:`~arviz_plots.visuals.line_xy`
        * band -> the backend's ``fill_between_y``: Monte-Carlo intervals, where gaps are sampled
        * cost -> :func:`~arviz_plots.visuals.line_xy`
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
        If table and schedule, or table and cost, do not fit.

    See Also
    --------
    plot_debt : How far what serves has fallen behind.
    plot_bill : The whole bill of several policies.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> sorted(plot_regret(spells, cost=0.25, backend="none").viz["line"].data_vars)
    ['regret', 'spell_regret']
    """
    require_table("spells", spells)
    require_whole_number("max_series", max_series, at_least=1)
    probability, names = interval_probability(ci_prob), (*VISUALS, "cost")
    options = checked_options(names, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["band"])
    price = None if cost is None else as_cost(cost)
    table = check_spells(spells)
    resolved = None if price is None else price.resolve(table)
    retrained = require_retrains(table, schedule)[:max_series]
    table = drawn_series(table, max_series)
    lines = _regret_lines(table, retrained, resolved)
    canvas = service_canvas(options, lines, pc_kwargs)
    if resolved is not None:
        costs = served(table, resolved.retraining_costs(table), retrained).to_dataset(name="spell_regret")
        costs = costs if SERIES in canvas.collection.facet_dims else costs.isel({SERIES: 0}, drop=True)
        dashed = points_of(costs["period"].astype(float), costs)
        canvas.draw("cost", vz.line_xy, dashed, color="C1", linestyle="C1", width=1.5)
    draw_service(canvas, lines, probability)
    return canvas.collection


def _regret_lines(table: xr.Dataset, retrained: NDArray[np.bool_], cost: RetrainingCost | None) -> ServiceLines:
    worth = np.ones(retrained.shape) if cost is None else cost.exposure(table).transpose(SERIES, "period").values
    regret = served(table, table["regret"].values, retrained) * worth
    error = served(table, _error(table), retrained).fillna(0.0) * worth
    gaps_reliable = reliability(table, "score_gap").values if "score_gap" in table else np.ones(table["regret"].shape)
    reliable = served(table, gaps_reliable, retrained).astype(bool)
    values = {"regret": regret, "spell_regret": since_retrain(table, regret, retrained)}
    errors = {"regret": error, "spell_regret": since_retrain(table, error, retrained)}
    unit = TableFacts.from_table(table).regret_unit if cost is None else cost.unit
    dashed = "" if cost is None else "; - - its cost"
    return ServiceLines(
        xr.Dataset(values),
        xr.Dataset(errors),
        xr.Dataset({"regret": reliable, "spell_regret": reliable | True}),
        by_period(table, retrained).drop_vars("period"),
        table["label"],
        {"regret": f"regret\n({unit})", "spell_regret": f"regret since retrain\n({unit}{dashed})"},
    )


def _error(table: xr.Dataset) -> Array:
    """Standard errors of regret, shape (series, T, T): 0 where it is the owner's own, of which no error is known."""
    if se_of("regret") in table:
        return np.asarray(standard_error(table, "regret").values)
    if has_own_regret(table):
        return np.zeros(table["regret"].shape)
    return np.asarray((table["exposure"] * standard_error(table, "score_gap")).transpose(*table["regret"].dims).values)
