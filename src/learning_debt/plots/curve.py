"""A curve with its interval, drawn apart where it is not reliable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr
from arviz_plots import PlotCollection
from arviz_plots import visuals as vz
from arviz_plots.plots.utils import get_visual_kwargs

from learning_debt.plots.common import draw_decorations, ignored_aesthetics


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
    pc: PlotCollection,
    lines: xr.Dataset,
    name: str,
    aes_by_visuals: Mapping[str, Any],
    visuals: Mapping[str, Any],
    level: tuple[str, float],
    decorations: Mapping[str, tuple[Callable[..., Any], Mapping[str, Any]]],
) -> None:
    """Band and line where the curve is reliable, a broken line elsewhere; a `level` (visual, value); `decorations`."""
    reliable, points = lines["reliable"], lines[[name]]
    band = get_visual_kwargs(visuals, "band")
    if band is not False and bool(reliable.any()):
        low, high = (lines[f"{name}_{end}"].where(reliable) for end in ("low", "high"))
        ends = {"x": points[name].sel(plot_axis="x"), "y_bottom": low, "y_top": high}
        ignore, middle = ignored_aesthetics(pc, aes_by_visuals, "band"), low.to_dataset(name=name)
        kwargs = {"color": "C0", "alpha": 0.25, **band}
        pc.map(vz.fill_between_y, "band", data=middle, ignore_aes=ignore, **ends, **kwargs)
    drawn = (
        ("unreliable", points, {"color": "C0", "linestyle": "--", "width": 1.2}),
        ("line", points.where(reliable), {"color": "C0", "width": 2.0}),
    )
    for visual, data, defaults in drawn:
        kwargs = get_visual_kwargs(visuals, visual)
        if kwargs is not False and bool(reliable.any() if visual == "line" else ~reliable.all()):
            ignore = ignored_aesthetics(pc, aes_by_visuals, visual)
            pc.map(vz.line_xy, visual, data=data, ignore_aes=ignore, **{**defaults, **kwargs})
    at = xr.Dataset({name: level[1]})
    around = {level[0]: (vz.hline, {"color": "B3", "width": 0.8})} | {**decorations}
    draw_decorations(pc, visuals, {visual: (draw, at, given) for visual, (draw, given) in around.items()})
