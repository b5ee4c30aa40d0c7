"""What all plots do alike: check their options, make a figure, draw visuals that look the same on every backend."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_plots import PlotCollection
from arviz_plots.plots.utils import filter_aes, get_visual_kwargs

from learning_debt.data import Labels
from learning_debt.plots.literal_text import labels_of
from learning_debt.plots.ticks import PER_CHARACTER, most_ticks, period_ticks
from learning_debt.validation import describe, require_choice, require_instance, require_names

BACKENDS = ("matplotlib", "bokeh", "plotly", "none")
MARGINS = {"l": 60, "r": 30, "t": 50, "b": 50}
"""Dots around the panels on plotly."""
DEFAULT_WIDTH = 8.0
"""Inches that a figure of the caller's own is taken to be wide."""
DOTS_PER_POINT = 4 / 3
MARKERS: dict[str, dict[str, Any]] = {
    "plotly": {">": "triangle-right"},
    "bokeh": {">": "triangle", "x": {"value": "x"}},
}
"""Markers that a backend has under another name; bokeh would take a bare "x" for the column of that name."""


@dataclass(frozen=True)
class Options:
    """What a caller said of how a plot is to look, checked.

    Attributes
    ----------
    plot_collection : PlotCollection or None
    backend : str
    labeller : labeller or None
    aes_by_visuals, visuals : mapping
    stats : mapping
    """

    plot_collection: PlotCollection | None
    backend: str
    labeller: Any
    aes_by_visuals: Mapping[str, Any]
    visuals: Mapping[str, Any]
    stats: Mapping[str, Any]

    def canvas(
        self,
        data: xr.Dataset,
        pc_kwargs: Mapping[str, Any],
        width: float,
        height: float,
        *,
        layout: Literal["grid", "wrap"] = "grid",
        figure: Mapping[str, Any] | None = None,
        aes: Mapping[str, tuple[Sequence[Hashable], Sequence[Any]]] | None = None,
        **facets: Any,
    ) -> Canvas:
        """The caller's collection, or a new one with a panel for every facet of `data`.

        Parameters
        ----------
        data : Dataset
        pc_kwargs : mapping
            The caller's; they come before what follows.
        width, height : float
            Of the figure, inches.
        layout : {"grid", "wrap"}
        figure : mapping, optional
            Further ``figure_kwargs``.
        aes : mapping of {str : (dimensions, values)}, optional
            Aesthetics to map; values are used where the caller left the mapping as it is.
        **facets
            ``rows``, ``cols`` or ``col_wrap``.
        """
        if self.plot_collection is not None:
            return Canvas(self, self.plot_collection, DEFAULT_WIDTH)
        kwargs = {**facets, **figure_defaults(pc_kwargs, self.backend, width, height)}
        kwargs["figure_kwargs"] = {**(figure or {}), **kwargs["figure_kwargs"]}
        for key, (dims, values) in (aes or {}).items():
            if kwargs["aes"].setdefault(key, list(dims)) == list(dims):
                kwargs.setdefault(key, list(values))
        made = getattr(PlotCollection, layout)(data, backend=self.backend, **kwargs)
        if self.backend == "plotly":  # whose margins are as wide in small figures as in large ones
            made.viz["figure"].item().update_layout(margin=MARGINS)
        size = kwargs["figure_kwargs"]
        return Canvas(self, made, size["figsize"][0] / (100 if size.get("figsize_units") == "dots" else 1))


@dataclass(frozen=True)
class Canvas:
    """A collection of panels to draw on.

    Attributes
    ----------
    options : Options
    collection : PlotCollection
    width : float
        Of the figure, inches.
    """

    options: Options
    collection: PlotCollection
    width: float

    @property
    def backend(self) -> str:
        """That of the collection."""
        return str(self.collection.backend)

    def wanted(self, visual: str, **defaults: Any) -> dict[str, Any] | None:
        """Keyword arguments of a visual, the caller's before the `defaults`; None where it is to be left out."""
        given = get_visual_kwargs(self.options.visuals, visual)
        return None if given is False else {**on_backend(self.backend, defaults), **given}

    def draw(
        self,
        visual: str,
        function: Callable[..., Any],
        data: xr.Dataset,
        aes: Sequence[str] = (),
        *,
        artist_dims: Mapping[str, int] | None = None,
        **defaults: Any,
    ) -> None:
        """Draw what belongs to the data, with the aesthetics `aes` unless the caller chose others."""
        kwargs = self.wanted(visual, **defaults)
        if kwargs is None or not data.data_vars:
            return
        wanted = self.options.aes_by_visuals.get(visual, self.collection.aes_set.intersection(aes))
        ignore = set(filter_aes(self.collection, {visual: wanted or []}, visual, [])[2])
        self.collection.map(function, visual, data=data, ignore_aes=ignore, artist_dims=artist_dims, **kwargs)

    def frame(self, visual: str, function: Callable[..., Any], data: xr.Dataset, **defaults: Any) -> None:
        """Draw what belongs to the panels: names and ticks of axes, lines of reference."""
        kwargs = self.wanted(visual, **defaults)
        if kwargs is not None:
            # Backends answer with a list of ticks, or nothing: there is no artist to keep.
            self.collection.map(function, data=data, ignore_aes="all", store_artist=False, **kwargs)

    def period_ticks(
        self, labels: Labels | xr.DataArray | Sequence[Any] | np.ndarray, beside: int = 0
    ) -> dict[str, Any]:
        """Places and labels of as many periods as there is room for, with names of `beside` characters at the left."""
        columns = 1 + max(int(np.max(of.values)) for of in _each(self.collection.viz["col_index"]))
        found = labels if isinstance(labels, Labels) else labels_of(labels)
        places, texts = period_ticks(
            found, most_ticks(found.texts, self.width / columns - PER_CHARACTER * beside), self.backend
        )
        return {"values": places, "labels": texts}


def checked_options(
    names: Sequence[str],
    plot_collection: Any,
    backend: Any,
    labeller: Any,
    aes_by_visuals: Any,
    visuals: Any,
    stats: Any = None,
    with_stats: Sequence[str] = (),
) -> Options:
    """The options that every plot has, checked; keys of `visuals` are among `names`, of `stats` among `with_stats`.

    Raises
    ------
    TypeError, ValueError
    """
    if plot_collection is not None:
        require_instance("plot_collection", plot_collection, PlotCollection, "a PlotCollection of arviz_plots")
    if backend is not None:
        require_choice("backend", backend, BACKENDS)
    if labeller is not None and (isinstance(labeller, type) or not hasattr(labeller, "make_label_vert")):
        remedy = "a labeller, such as arviz_base.labels.MapLabeller()"
        raise TypeError(f"labeller must be {remedy}, not {describe(labeller)}")
    checked = {}
    for name, given, among in (
        ("aes_by_visuals", aes_by_visuals, names),
        ("visuals", visuals, names),
        ("stats", stats, with_stats),
    ):
        if given is not None:
            require_instance(name, given, Mapping, "a mapping of visuals to their options")
            require_names(name, list(given), among)
        checked[name] = dict(given or {})
    if plot_collection is not None:
        backend = plot_collection.backend
    return Options(plot_collection, str(backend or rcParams["plot.backend"]), labeller, **checked)


def figure_defaults(pc_kwargs: Mapping[str, Any], backend: str, width: float, height: float) -> dict[str, Any]:
    """Copy of `pc_kwargs` with a figure size in inches; legends and labels outside the axes need room on matplotlib."""
    kwargs = {**pc_kwargs, "aes": dict(pc_kwargs.get("aes", {}))}
    figure = dict(pc_kwargs.get("figure_kwargs", {}))
    if "figsize" not in figure:
        dots = backend != "matplotlib"
        figure["figsize"] = (100 * width, 100 * height) if dots else (width, height)
        figure["figsize_units"] = "dots" if dots else "inches"
    if backend == "matplotlib":
        figure.setdefault("layout", "constrained")
    return {**kwargs, "figure_kwargs": figure}


def on_backend(backend: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments that look the same on every backend: sizes of markers are areas in points, as matplotlib's.

    Plotly is given areas in dots by arviz-plots, bokeh diameters in dots.

    Examples
    --------
    >>> on_backend("bokeh", {"size": 36, "marker": ">", "color": "C0"})
    {'size': 8.0, 'marker': 'triangle', 'color': 'C0'}
    """
    found = dict(defaults)
    if "size" in found and backend in ("plotly", "bokeh"):
        area = float(found["size"]) * DOTS_PER_POINT**2
        found["size"] = area if backend == "plotly" else area**0.5
    if "marker" in found:
        found["marker"] = MARKERS.get(backend, {}).get(found["marker"], found["marker"])
    return found


def _each(node: Any) -> list[xr.DataArray]:
    return [node] if isinstance(node, xr.DataArray) else list(node.data_vars.values())
