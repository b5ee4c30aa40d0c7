"""Legends beside the panels, or below them where the figure is narrow."""

from __future__ import annotations

from typing import Any

from arviz_base.labels import MapLabeller

from learning_debt.plots.drawing import Canvas

NARROW = 6.5
"""Inches below which a legend beside a panel would leave it no room."""


class _OnLines(MapLabeller):
    """A labeller of another's labels, in which plotly breaks lines as well."""

    def __init__(self, labeller: Any, backend: str) -> None:
        super().__init__()
        self.labeller, self.backend = labeller, backend

    def sel_to_str(self, sel: Any, isel: Any) -> str:
        """The label of a choice of coordinates."""
        text = str(self.labeller.sel_to_str(sel, isel))
        return text.replace("\n", "<br>") if self.backend == "plotly" else text


def add_legend(canvas: Canvas, dim: str, labeller: Any, title: str) -> None:
    """The legend of a dimension's aesthetics, unless the caller left it out or mapped none to it."""
    kwargs = canvas.wanted("legend", title=title, **_place(canvas))
    if kwargs is not None:
        canvas.collection.add_legend(dim, labeller=_OnLines(labeller, canvas.backend), **kwargs)


def _place(canvas: Canvas) -> dict[str, Any]:
    below = canvas.width < NARROW
    if canvas.backend == "matplotlib":
        return {"loc": "outside lower center", "fontsize": "small"} if below else {}
    if canvas.backend == "plotly" and below:
        return {"legend_orientation": "h", "legend_y": -0.2}
    if canvas.backend == "bokeh":
        return {"side": "below"} if below else {"side": "right", "margin": 0}
    return {}
