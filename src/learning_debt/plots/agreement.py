"""Sampled estimates held against exact values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from arviz_plots.plots.utils import get_visual_kwargs

from learning_debt.plots.common import variable_labels
from learning_debt.plots.drawing import Canvas, checked_options
from learning_debt.plots.intervals import interval_probability, normal_interval
from learning_debt.plots.literal_text import LiteralLabeller
from learning_debt.plots.shapes import logarithmic_axes, points_of, stems
from learning_debt.spells import check_spells
from learning_debt.spells.checks import require_table
from learning_debt.spells.schema import SAMPLED, reliability, standard_error
from learning_debt.spells.table_comparison import require_alike_tables
from learning_debt.validation import require_seed, require_whole_number

VISUALS = ("interval", "point", "unreliable", "identity", "xlabel", "ylabel", "title", "scale")
ON_LOG_SCALE = ("debt", "predictive_debt")


def plot_sampled_against_exact(
    sampled: xr.Dataset,
    exact: xr.Dataset,
    *,
    max_points: int = 1500,
    random_seed: int | None = 0,
    ci_prob: float | None = None,
    plot_collection: PlotCollection | None = None,
    backend: str | None = None,
    labeller: Any = None,
    aes_by_visuals: Mapping[str, Sequence[str]] | None = None,
    visuals: Mapping[str, Mapping[str, Any] | bool] | None = None,
    stats: Mapping[str, Mapping[str, Any] | xr.Dataset] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Plot each sampled signal against its exact value, with Monte-Carlo intervals.

    Debts are on logarithmic axes; what falls below half the least positive exact value is drawn there.

    Parameters
    ----------
    sampled, exact : Dataset
        Two spell tables of the same history.
    max_points : int
        Of each signal; of more cells, so many are drawn at random.
    random_seed : int, optional
    ci_prob : float, optional
        Of the intervals; ``rcParams["stats.ci_prob"]`` of ArviZ by default.
    plot_collection : PlotCollection, optional
    backend : {"matplotlib", "bokeh", "plotly", "none"}, optional
    labeller : labeller, optional
        Of the facets' titles.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        By default no visual uses a mapping.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out:

        * interval -> :func:`~arviz_plots.visuals.line_xy`; all of a panel in one line
        * point, unreliable -> :func:`~arviz_plots.visuals.scatter_xy`; estimates that failed their checks apart
        * identity -> :func:`~arviz_plots.visuals.line_xy`
        * xlabel, ylabel, title -> :func:`~arviz_plots.visuals.labelled_x`, and so on
        * scale -> logarithmic axes of the debts; takes no keyword arguments

    stats : mapping, optional
        For ``interval`` another ``{"prob": ...}``, or a Dataset of the ends along ``cell`` and ``ci_bound``.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.grid`.

    Returns
    -------
    PlotCollection

    Raises
    ------
    ValueError
        If the tables differ in size, labels or score, or share no signal.
    """
    require_table("sampled", sampled)
    require_table("exact", exact)
    require_whole_number("max_points", max_points, at_least=1)
    require_seed("random_seed", random_seed)
    options = checked_options(VISUALS, plot_collection, backend, labeller, aes_by_visuals, visuals, stats, ["interval"])
    probability = interval_probability(ci_prob)
    logarithmic = () if get_visual_kwargs(options.visuals, "scale") is False else ON_LOG_SCALE
    cells = paired_cells(sampled, exact, max_points, random_seed)
    floors = {name: _floor(cells.exact[name]) for name in cells.exact if name in logarithmic}
    points = points_of(cells.exact, _raised(cells.sampled, floors))
    canvas = options.canvas(points, pc_kwargs, 4.0 * len(points), 4.0, cols=["__variable__"])
    ends = normal_interval(cells.sampled, cells.error, probability, options.stats, "interval")
    low, high = points.min(["plot_axis", "cell"]), points.max(["plot_axis", "cell"])
    identity = xr.concat([low, high], dim="end").expand_dims(plot_axis=["x", "y"])
    whiskers = {name: stems(cells.exact[name], _raised(ends[[name]], floors), "cell")[name] for name in points}
    canvas.draw("interval", vz.line_xy, xr.Dataset(whiskers), color="C0", alpha=0.15, width=1.0)
    canvas.draw("point", vz.scatter_xy, points.where(cells.reliable), color="C0", size=8, alpha=0.6)
    canvas.draw("unreliable", vz.scatter_xy, points.where(~cells.reliable), color="C1", marker="x", size=22, width=1.2)
    canvas.draw("identity", vz.line_xy, identity, color="B1", linestyle="C1", width=1.0)
    _draw_axes(canvas, sampled, points, list(floors))
    return canvas.collection


class PairedCells(NamedTuple):
    """Of each signal, along ``cell``: its two values, the error of the sampled one, and whether that is reliable."""

    exact: xr.Dataset
    sampled: xr.Dataset
    error: xr.Dataset
    reliable: xr.Dataset


def paired_cells(sampled: xr.Dataset, exact: xr.Dataset, max_points: int, random_seed: int | None) -> PairedCells:
    """Cells that both tables hold; of more than `max_points`, so many at random."""
    require_alike_tables(sampled, exact)
    ours, theirs = check_spells(sampled), check_spells(exact)
    names = [name for name in SAMPLED if name in ours and name in theirs]
    if not names:
        raise ValueError(f"the tables share none of the signals {SAMPLED}")
    present = np.logical_and.reduce([np.isfinite(t[name].values) for name in names for t in (ours, theirs)])
    chosen = np.flatnonzero(present)
    if chosen.size == 0:
        raise ValueError(f"the tables share no cell in which all of {names} are finite: there is nothing to draw")
    if chosen.size > max_points:
        chosen = np.sort(np.random.default_rng(random_seed).choice(chosen, max_points, replace=False))

    def of(part: Callable[[str], xr.DataArray]) -> xr.Dataset:
        return xr.Dataset({name: ("cell", part(name).values.ravel()[chosen]) for name in names})

    return PairedCells(
        of(lambda name: theirs[name]),
        of(lambda name: ours[name]),
        of(lambda name: standard_error(ours, name)),
        of(lambda name: reliability(ours, name)).astype(bool),
    )


def _floor(exact: xr.DataArray) -> float:
    """Where a logarithmic axis ends: at half the least positive exact value."""
    positive = exact.values[exact.values > 0]
    return 0.5 * float(positive.min()) if positive.size else 1.0


def _raised(values: xr.Dataset, floors: Mapping[Hashable, float]) -> xr.Dataset:
    return xr.Dataset({name: of.clip(min=floors[name]) if name in floors else of for name, of in values.items()})


def _draw_axes(canvas: Canvas, sampled: xr.Dataset, points: xr.Dataset, logarithmic: Sequence[Hashable]) -> None:
    """Scales, axis labels and titles."""
    names = variable_labels(sampled, list(points))
    labeller = canvas.options.labeller or LiteralLabeller(canvas.backend, var_name_map=names)
    blank = xr.Dataset(dict.fromkeys(points, 0.0))
    if logarithmic:
        canvas.frame("scale", logarithmic_axes, blank[list(logarithmic)])
    canvas.frame("xlabel", vz.labelled_x, blank, text="exact")
    canvas.frame("ylabel", vz.labelled_y, blank[[next(iter(blank))]], text="sampled")
    canvas.frame("title", vz.labelled_title, blank, subset_info=True, labeller=labeller)
