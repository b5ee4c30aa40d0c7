"""Parameters over refits: what the story was, what it is, and what the owner was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz

from learning_debt.arrays.schedules.walk import deployed_during
from learning_debt.plots.common import draw_retrains
from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.intervals import interval_probability, require_ends
from learning_debt.plots.literal_text import LiteralLabeller
from learning_debt.plots.parameter_summary import KINDS, PARAMETER, PERIOD, POINTS, Chosen, parameter_summary
from learning_debt.plots.shapes import band, name_of_column, points_of
from learning_debt.plots.ticks import shortened
from learning_debt.validation import (
    describe,
    require_choice,
    require_instance,
    require_names,
    require_text,
    require_whole_number,
)

VISUALS = ("interval", "point", "points", "deployed", "retrain", "xlabel", "title", "ticks")
FEW = 60
"""Posteriors up to which each has a mark of its own."""
LONGEST_NAME = 36
"""Characters of a parameter's name above its panel."""


def plot_parameter_stability(
    posteriors: Any,
    schedule: xr.DataArray | None = None,
    *,
    var_names: str | Sequence[str] | None = None,
    filter_vars: str | None = None,
    group: str = "posterior",
    coords: Mapping[Any, Any] | None = None,
    sample_dims: str | Sequence[str] | None = None,
    point_estimate: str | None = None,
    ci_kind: str | None = None,
    ci_prob: float | None = None,
    max_parameters: int = 12,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    stats: Mapping[str, xr.Dataset] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot parameters and their intervals over refits or periods, with retrains and what was deployed marked.

    Where the line of what was deployed jumps, a retrain changed the story that its owner is told.

    Parameters
    ----------
    posteriors : ReplayedPosteriors, mapping, DataTree or Dataset
        From `replayed_posteriors`; or a mapping of labels of periods, in order, to posteriors (draws, weighted draws,
        exact ``NIG``); or draws with a dimension ``period`` besides.
    schedule : DataArray of bool (period), or (series, period) of one series, optional
        Of a `Replay` of the same history: the retrains. It has a period for every posterior, or for every one but the
        first, which a replay begins with.
    var_names : str or sequence of str, optional
        Variables to draw, those of exact posteriors are ``coefficients`` and ``variance``; a ``~`` in front leaves one
        out.
    filter_vars : {None, "like", "regex"}, optional
        How ``var_names`` is read, as in ArviZ.
    group : str
        Of a DataTree.
    coords : mapping, optional
        Labels to draw, by dimension.
    sample_dims : str or sequence of str, optional
        Dimensions of the draws; ``rcParams["data.sample_dims"]`` of ArviZ by default.
    point_estimate : {"mean", "median", "mode"}, optional
        ``rcParams["stats.point_estimate"]`` by default.
    ci_kind : {"eti", "hdi"}, optional
        ``rcParams["stats.ci_kind"]`` by default.
    ci_prob : float, optional
        ``rcParams["stats.ci_prob"]`` by default.
    max_parameters : int
        Of more, those are drawn that moved the most, in widths of their own intervals.
    plot_collection : PlotCollection, optional
        With a panel for every label of the dimension ``parameter``.
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the titles.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * interval -> the backend's ``fill_between_y``
        * point -> :func:`~arviz_plots.visuals.line_xy`
        * points -> :func:`~arviz_plots.visuals.scatter_xy`; of up to 60 posteriors
        * deployed -> :func:`~arviz_plots.visuals.line_xy`: the point estimate of what served
        * retrain -> the backend's ``vline``, after the periods of the retrains
        * xlabel -> :func:`~arviz_plots.visuals.labelled_x`
        * title -> :func:`~arviz_plots.visuals.labelled_title`: the parameter
        * ticks -> :func:`~arviz_plots.visuals.set_xticks`

    stats : mapping, optional
        For ``interval`` a Dataset of ``value`` along ``parameter``, ``period`` and ``ci_bound``.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    TypeError, ValueError, KeyError
        If `posteriors` are none, hold nothing that was chosen, or do not fit the schedule.

    See Also
    --------
    plot_debt_parts : How much of the debt between two of them lies in which parameter.

    Examples
    --------
    >>> import learning_debt as ld
    >>> posteriors = {year: ld.NIG(mean, 4.0, 3.0, 2.0) for year, mean in ((2023, 0.1), (2024, 0.2), (2025, 0.8))}
    >>> pc = plot_parameter_stability(posteriors, backend="none")
    >>> pc.viz["point"]["value"]["parameter"].values.tolist()
    ['coefficients[0]', 'variance']
    """
    require_whole_number("max_parameters", max_parameters, at_least=1)
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["interval"])
    chosen = Chosen(
        var_names=None if var_names is None else _names("var_names", var_names),
        filter_vars=_filter(filter_vars),
        coords={} if coords is None else require_instance("coords", coords, Mapping, "labels by dimension"),
        group=require_text("group", group, "the name of a group, such as 'posterior'"),
        sample_dims=tuple(_names("sample_dims", _or_default(sample_dims, "data.sample_dims"))),
        point=require_choice("point_estimate", _or_default(point_estimate, "stats.point_estimate"), POINTS),
        kind=require_choice("ci_kind", _or_default(ci_kind, "stats.ci_kind"), KINDS),
        probability=interval_probability(ci_prob),
    )
    if schedule is not None:
        require_instance("schedule", schedule, xr.DataArray, "a DataArray of bool, as in Replay.schedule")
    found, labels = parameter_summary(posteriors, chosen)
    retrained = None if schedule is None else _retrains(schedule, found.sizes[PERIOD])
    found = _most_moved(found, max_parameters)
    given = options.stats.get("interval")
    point, ends = found[["point"]].rename(point="value"), found[["interval"]].rename(interval="value")
    ends = ends if given is None else require_ends(given, point, "interval").sel({PARAMETER: found[PARAMETER]})
    count = found.sizes[PARAMETER]
    columns = min(count, 3)
    canvas = options.canvas(
        point,
        pc_kwargs,
        1.0 + 3.6 * columns,
        0.8 + 2.4 * -(-count // columns),
        layout="wrap",
        cols=[PARAMETER],
        col_wrap=columns,
    )
    place = found[PERIOD].astype(float)
    canvas.draw("interval", band, ends, x=place, color="C0", alpha=0.25)
    canvas.draw("point", vz.line_xy, points_of(place, point), color="C0", width=1.5)
    if found.sizes[PERIOD] <= FEW:
        canvas.draw("points", vz.scatter_xy, points_of(place, point), color="C0", size=14)
    if retrained is not None:
        _draw_deployed(canvas, point, retrained)
    _draw_axes(canvas, found, labels)
    return canvas.collection


def _filter(given: Any) -> Literal["like", "regex"] | None:
    chosen = None if given is None else require_choice("filter_vars", given, ("like", "regex"))
    return "like" if chosen == "like" else "regex" if chosen == "regex" else None


def _names(argument: str, given: Any) -> list[str]:
    names = list(require_names(argument, [given] if isinstance(given, str) else given))
    if not names:
        raise ValueError(f"{argument} must name at least one; leave it out for all")
    return names


def _or_default(given: Any, key: str) -> Any:
    return rcParams[key] if given is None else given


def _retrains(schedule: xr.DataArray, posteriors: int) -> np.ndarray:
    """Whether what was believed at each of the posteriors was put into service, shape (posteriors,)."""
    made = schedule.isel(series=0) if schedule.dims[:1] == ("series",) and schedule.sizes["series"] == 1 else schedule
    if made.dims != (PERIOD,) or made.sizes[PERIOD] not in (posteriors, posteriors - 1):
        raise ValueError(
            f"schedule must be of one series and have {posteriors} or {posteriors - 1} periods, one for every "
            f"posterior or for every one after the first, not {describe(dict(schedule.sizes))}"
        )
    retrained = np.asarray(made.values.astype(bool))
    return retrained if retrained.size == posteriors else np.concatenate([[True], retrained])


def _most_moved(found: xr.Dataset, most: int) -> xr.Dataset:
    """Parameters in their order; of more than `most`, those whose points moved furthest, in widths of intervals."""
    width = found["interval"].sel(ci_bound="upper") - found["interval"].sel(ci_bound="lower")
    moved = (found["point"].max(PERIOD) - found["point"].min(PERIOD)) / width.median(PERIOD)
    order = np.argsort(-np.nan_to_num(moved.values, nan=-1.0), kind="stable")[:most]
    return found.isel({PARAMETER: np.sort(order)})


def _draw_deployed(canvas: Canvas, point: xr.Dataset, retrained: np.ndarray) -> None:
    """The point estimate of what served in each period: that of the last posterior before it that was deployed."""
    serves = deployed_during(retrained[None])[0]  # 1 for the first posterior; 0 while none was deployed
    known = np.flatnonzero(serves > 0)
    made = xr.DataArray(retrained & (np.arange(retrained.size) > 0), dims=PERIOD)
    draw_retrains(canvas, made.expand_dims({PARAMETER: point[PARAMETER].values}), ["value"])
    if known.size == 0:
        return
    value = point.isel({PERIOD: serves[known] - 1}).drop_vars(PERIOD)
    steps = value.isel({PERIOD: np.repeat(np.arange(known.size), 2)}).rename({PERIOD: "step"})
    x = xr.DataArray(np.stack([known + 0.5, known + 1.5], axis=1).ravel(), dims="step")
    canvas.draw("deployed", vz.line_xy, points_of(x, steps), color="C1", width=2.0)


def _draw_axes(canvas: Canvas, found: xr.Dataset, labels: Any) -> None:
    blank = xr.zeros_like(found[["point"]].rename(point="value").isel({PERIOD: 0}, drop=True))
    short = {name: shortened(name, LONGEST_NAME) for name in found[PARAMETER].values.tolist()}
    labeller = canvas.options.labeller or LiteralLabeller(canvas.backend, coord_map={PARAMETER: short})
    canvas.frame("title", name_of_column, blank, subset_info=True, labeller=labeller)
    canvas.frame("xlabel", vz.labelled_x, blank, text="period")
    canvas.frame("ticks", vz.set_xticks, blank, **canvas.period_ticks(labels))
