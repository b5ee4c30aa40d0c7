"""Visuals that arviz-plots has none of, on every backend: lines, bands with gaps, cells, logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from arviz_plots import visuals as vz
from arviz_plots.plot_collection import backend_from_object

from learning_debt.plots.intervals import BOUND, LOWER, UPPER
from learning_debt.typing import Array

COLOURS = 128
"""Steps of a colour scale on backends that take it as a list."""


def vertical_lines(da: xr.DataArray, target: Any, **kwargs: Any) -> np.ndarray:
    """Vertical lines at the values of `da`; NaN draws none."""
    backend = backend_from_object(target)
    artists = np.full(da.size, None, dtype=object)
    for place, value in enumerate(da.values.ravel()):
        if np.isfinite(value):
            artists[place] = backend.vline(float(value), target, **kwargs)
    return artists


def set_yticks(_da: xr.DataArray, target: Any, values: Any, labels: Sequence[str], **kwargs: Any) -> Any:
    """Ticks of the y axis."""
    return backend_from_object(target).yticks(values, labels, target, **kwargs)


def band(da: xr.DataArray, target: Any, *, x: Any, **kwargs: Any) -> Any:
    """Filled from the lower to the upper end of `da` along ``ci_bound``, in pieces where there are gaps.

    Backends differ in what they make of a gap, so each piece is drawn by itself; the artist is that of the first.
    """
    low, high = (np.asarray(da.sel({BOUND: end}).values, dtype=float) for end in (LOWER, UPPER))
    there, place = np.isfinite(low) & np.isfinite(high), np.asarray(x, dtype=float)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    backend, artists = backend_from_object(target), []
    for first, last in edges.reshape(-1, 2):
        piece = slice(first, last)
        artists.append(backend.fill_between_y(place[piece], low[piece], high[piece], target, **kwargs))
    return artists[0]


def stems(x: xr.DataArray, ends: xr.Dataset, dim: str) -> xr.Dataset:
    """Points (plot_axis) of one broken line that is an upright interval at every place of `x`, for `line_xy`.

    One line for all of them is drawn a hundred times as fast as one for each.

    Examples
    --------
    >>> ends = xr.Dataset({"a": (("p", "ci_bound"), [[0.0, 1.0]])}, {"ci_bound": ["lower", "upper"]})
    >>> stems(xr.DataArray([5.0], dims="p"), ends, "p")["a"].values
    array([[ 5.,  5., nan],
           [ 0.,  1., nan]])
    """
    low, high = (ends.sel({BOUND: end}, drop=True) for end in (LOWER, UPPER))
    three = xr.concat([low, high, low * np.nan], dim="part")
    points = {name: xr.concat(xr.broadcast(x.where(of.notnull()), of), dim="plot_axis") for name, of in three.items()}
    stacked = xr.Dataset(points).assign_coords(plot_axis=["x", "y"]).drop_vars([dim, "part"], errors="ignore")
    return stacked.stack(end=[dim, "part"], create_index=False)


def points_of(x: xr.DataArray | xr.Dataset, values: xr.Dataset) -> xr.Dataset:
    """Points of `values` over `x`, the same or one for each, along ``plot_axis`` (x, y)."""
    places = x if isinstance(x, xr.Dataset) else dict.fromkeys(values, x)
    points = {name: xr.concat(xr.broadcast(places[name], of), dim="plot_axis") for name, of in values.items()}
    return xr.Dataset(points).assign_coords(plot_axis=["x", "y"])


def name_of_row(da: xr.DataArray, target: Any, *, labeller: Any, var_name: str, **kwargs: Any) -> Any:
    """The variable's name at the y axis, without what the column's title says."""
    text = labeller.make_label_vert(var_name, {}, {})
    return vz.labelled_y(da, target, text=text, **_without_subset(kwargs))


def name_of_column(da: xr.DataArray, target: Any, *, labeller: Any, sel: Any, isel: Any, **kwargs: Any) -> Any:
    """The labels of a facet as its title."""
    text = labeller.sel_to_str(sel, isel)
    return vz.labelled_title(da, target, text=text, **_without_subset(kwargs))


def _without_subset(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kwargs.items() if key not in ("var_name", "sel", "isel")}


def logarithmic_axes(_da: xr.DataArray, target: Any) -> None:
    """Both axes logarithmic, which arviz-plots asks of matplotlib alone."""
    kind = backend_from_object(target, return_module=False)
    if kind == "matplotlib":
        target.set_xscale("log")
        target.set_yscale("log")
    elif kind == "plotly":
        target.update_xaxes(type="log")
        target.update_yaxes(type="log")
    elif kind == "bokeh":
        from bokeh.models import LogScale, LogTicker, LogTickFormatter

        target.x_scale, target.y_scale = LogScale(), LogScale()
        for axis in (*target.xaxis, *target.yaxis):
            axis.ticker, axis.formatter = LogTicker(), LogTickFormatter()


def cells(
    da: xr.DataArray,
    target: Any,
    *,
    cmap: str,
    limits: tuple[float, float],
    **kwargs: Any,
) -> Any:
    """A coloured cell for each pair (deployed_at, period); NaN is left blank.

    Parameters
    ----------
    da : DataArray (deployed_at, period)
    target : panel
    cmap : str
        A colour map of matplotlib's, also on other backends.
    limits : (float, float)
        Values of its first and last colour.
    **kwargs
        Passed to matplotlib's ``imshow``, plotly's ``Heatmap`` or bokeh's ``image``.
    """
    values = np.asarray(da.transpose("deployed_at", "period").values, dtype=float)
    rows, columns = values.shape
    kind = backend_from_object(target, return_module=False)
    if kind == "matplotlib":
        extent = (0.5, columns + 0.5, -0.5, rows - 0.5)
        kwargs = {"interpolation": "nearest", "aspect": "auto", **kwargs}
        return target.imshow(values, extent=extent, origin="lower", cmap=cmap, vmin=limits[0], vmax=limits[1], **kwargs)
    if kind == "plotly":
        return _heatmap(values, target, **kwargs)
    if kind == "bokeh":
        mapper = _bokeh_colours(cmap, limits)
        where = {"x": 0.5, "y": -0.5, "dw": columns, "dh": rows}
        return target.image(image=[values], color_mapper=mapper, **where, **kwargs)
    drawn = {"function": "cells", "values": values, "cmap": cmap, "limits": limits, **kwargs}
    target.append(drawn)
    return drawn


def _heatmap(values: Array, target: Any, **kwargs: Any) -> Any:
    from plotly.graph_objects import Heatmap

    rows, columns = values.shape
    hover = "period %{x}, trained after %{y}: %{z:.3g}<extra></extra>"
    places = {"x": np.arange(1, columns + 1), "y": np.arange(rows)}
    trace = Heatmap(z=values, **places, coloraxis="coloraxis", hovertemplate=hover, hoverongaps=False, **kwargs)
    target.add_trace(trace)
    return trace


def colour_bar(
    _da: xr.DataArray, target: Any, *, cmap: str, limits: tuple[float, float], text: str, artist: Any, **kwargs: Any
) -> Any:
    """The colours of `cells` and what they stand for, beside the panel; plotly has one for the whole figure."""
    kind = backend_from_object(target, return_module=False)
    if kind == "matplotlib":
        drawn = artist.item() if hasattr(artist, "item") else artist
        return target.figure.colorbar(drawn, ax=target, label=text, **{"extend": "both", **kwargs})
    if kind == "plotly":
        scale = [[place / (COLOURS - 1), colour] for place, colour in enumerate(_hex_colours(cmap))]
        title = {"text": text.replace("\n", "<br>"), "side": "right"}
        axis = {"colorscale": scale, "cmin": limits[0], "cmax": limits[1], "colorbar": {"title": title, **kwargs}}
        return target.figure.update_layout(coloraxis=axis)
    if kind == "bokeh":
        from bokeh.models.annotations import ColorBar

        bar = ColorBar(color_mapper=_bokeh_colours(cmap, limits), title=text.replace("\n", " "), **kwargs)
        return target.add_layout(bar, "right")
    target.append({"function": "colour_bar", "text": text, **kwargs})
    return None


def _bokeh_colours(cmap: str, limits: tuple[float, float]) -> Any:
    from bokeh.models import LinearColorMapper

    transparent = "rgba(0, 0, 0, 0)"
    return LinearColorMapper(palette=_hex_colours(cmap), low=limits[0], high=limits[1], nan_color=transparent)


def _hex_colours(cmap: str) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in colormaps[cmap](np.linspace(0, 1, COLOURS))]
