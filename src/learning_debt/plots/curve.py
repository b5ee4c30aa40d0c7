"""A curve with its interval, drawn apart where it is not reliable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr
from arviz_plots import visuals as vz

from learning_debt.plots.drawing import Canvas
from learning_debt.plots.intervals import BOUND, LOWER, UPPER
from learning_debt.plots.shapes import band


def curve_lines(argument: str, curve: xr.Dataset, name: str, dim: str, made_by: str) -> xr.Dataset:
    """The curve `name` along `dim`: its points (plot_axis: x, y), interval and verdict, checked.

    Raises
    ------
    KeyError
        Naming the variable that is missing.
    """
    for wanted in (f"{name}_low", f"{name}_high", "reliable", name):
        if wanted not in curve or curve[wanted].dims != (dim,):
            raise KeyError(f"{argument} holds no {wanted!r} along {dim!r}: give what ld.{made_by}(spells) returns")
    along = curve[dim].astype(float)
    points = xr.concat([along, curve[name].astype(float)], dim="plot_axis", coords="minimal", compat="override")
    lines = curve[[f"{name}_low", f"{name}_high", "reliable"]].reset_coords(drop=True)
    return lines.assign({name: points.reset_coords(drop=True)}).assign_coords(plot_axis=["x", "y"])


def draw_curve(
    canvas: Canvas,
    lines: xr.Dataset,
    name: str,
    level: tuple[str, float],
    axes: Mapping[str, tuple[Callable[..., Any], Mapping[str, Any]]],
) -> None:
    """Band and line where the curve is reliable, a broken line elsewhere; a `level` (visual, value); `axes`."""
    reliable, points = lines["reliable"], lines[[name]]
    if bool(reliable.any()):
        low, high = (lines[f"{name}_{end}"].where(reliable) for end in ("low", "high"))
        ends = xr.concat([low, high], dim=xr.DataArray([LOWER, UPPER], dims=BOUND, name=BOUND))
        canvas.draw("band", band, ends.to_dataset(name=name), x=points[name].sel(plot_axis="x"), color="C0", alpha=0.25)
    if not bool(reliable.all()):
        canvas.draw("unreliable", vz.line_xy, points, color="C0", linestyle="C1", width=1.2)
    if bool(reliable.any()):
        canvas.draw("line", vz.line_xy, points.where(reliable), color="C0", width=2.0)
    at = xr.Dataset({name: level[1]})
    canvas.frame(level[0], vz.hline, at, color="B3", width=0.8)
    for visual, (draw, given) in axes.items():
        canvas.frame(visual, draw, at, **given)
