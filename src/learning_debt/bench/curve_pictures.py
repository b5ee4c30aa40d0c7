"""Pictures of the curves of a bench: a panel for each history, a colour for each update rule."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.style import context

from learning_debt.bench.bench_pictures import png_of
from learning_debt.bench.history_curves import AGEING, SCORE, SLOPE
from learning_debt.plots.literal_text import literal
from learning_debt.report.pictures import STYLE, Figure

COLUMNS, PANEL = 3, (3.4, 2.3)
"""Panels side by side; inches of one."""


def draw_curves(curves: pd.DataFrame) -> list[Figure]:
    """Regret by age, slope of gaps on beliefs and scores of the shadows, as far as there are, under the first prior."""
    if curves.empty:
        return []
    part = curves[curves["prior"] == curves["prior"].iloc[0]]
    with context(["default", STYLE | {"font.size": 9}]):
        drawn = [(_ageing, AGEING), (_slopes, SLOPE), (_scores, SCORE)]
        rules = list(part["update_rule"].unique())
        shown = part[part["reliable"] | (part["curve"] != SLOPE)]  # of a few periods, slopes may be anything
        return [draw(shown[shown["curve"] == curve], rules) for draw, curve in drawn if (shown["curve"] == curve).any()]


def _ageing(part: pd.DataFrame, rules: list[str]) -> Figure:
    """Up to half of the periods: beyond that few spells are left."""
    longest = part.groupby("history")["place"].transform("max")
    return Figure(
        "ageing.png",
        "What a period costs by the age of what serves it: mean regret over all spells of a history, with 90% "
        "intervals as far as enough spells lie behind them. Below zero the older forecast was the better one.",
        _panels(part[part["place"] <= longest / 2], rules, "spell age (periods)", "regret of a period", 0.0),
    )


def _slopes(part: pd.DataFrame, rules: list[str]) -> Figure:
    return Figure(
        "belief_slope.png",
        "How much of what the model expected to gain came, over all spells known by each period, with 90% intervals. "
        "One is what a model that is right gives; at zero it sees debt where there is none; far above one the world "
        "moves faster than the shadow follows.",
        _panels(part, rules, "period", "gap per unit expected", 1.0),
    )


def _scores(part: pd.DataFrame, rules: list[str]) -> Figure:
    """Relative to the first update rule."""
    base = part[part["update_rule"] == rules[0]].set_index(["history", "forecaster", "place"])["value"]
    rest = part[part["update_rule"] != rules[0]] if len(rules) > 1 else part
    keys = pd.MultiIndex.from_frame(rest[["history", "forecaster", "place"]])
    relative = rest.assign(value=rest["value"].to_numpy() - (base.reindex(keys).to_numpy() if len(rules) > 1 else 0.0))
    against = f", less that under {rules[0]}" if len(rules) > 1 else ""
    return Figure(
        "shadow_scores.png",
        f"Mean score of the shadow's own forecasts up to each period, as if it always served{against}. The higher, the "
        "better the shadow that this update rule makes.",
        _panels(relative, rules, "period", "mean score so far" + ("" if len(rules) == 1 else ", difference"), 0.0),
    )


def _panels(part: pd.DataFrame, rules: list[str], xlabel: str, ylabel: str, level: float) -> bytes:
    histories = list(part["history"].unique())
    rows = -(-len(histories) // COLUMNS)
    size = (PANEL[0] * min(COLUMNS, len(histories)) + 0.4, PANEL[1] * rows + 0.7)
    shape = (rows, min(COLUMNS, len(histories)))
    figure, panels = plt.subplots(*shape, figsize=size, layout="constrained", squeeze=False)
    for axes, history in zip(panels.ravel(), histories, strict=False):
        own = part[part["history"] == history]
        for (_, rule), lines in own.groupby(["forecaster", "update_rule"], sort=False):
            _curve(axes, lines, f"C{rules.index(rule)}")
        axes.axhline(level, color="#999999", linewidth=0.8, zorder=0)
        axes.set_title(literal(str(history), "matplotlib"), fontsize=9)
        _keep_in_sight(axes, own, level)
    for axes in panels.ravel()[len(histories) :]:
        axes.set_visible(False)
    figure.supxlabel(xlabel, fontsize=9)
    figure.supylabel(ylabel, fontsize=9)
    drawn = set(part["update_rule"])
    key = [
        Line2D([], [], color=f"C{place}", label=literal(rule, "matplotlib"))
        for place, rule in enumerate(rules)
        if rule in drawn
    ]
    figure.legend(handles=key, loc="outside upper right", ncols=len(key), fontsize=9)
    return png_of(figure)


def _curve(axes: plt.Axes, lines: pd.DataFrame, colour: str) -> None:
    """Bold with its band where it is reliable, thin elsewhere."""
    place, value = lines["place"].to_numpy(), lines["value"].to_numpy(dtype=float)
    sure = lines["reliable"].to_numpy(dtype=bool)
    low, high = (np.where(sure, lines[end].to_numpy(dtype=float), np.nan) for end in ("low", "high"))
    axes.fill_between(place, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(place, value, color=colour, linewidth=0.8, linestyle="--")
    axes.plot(place, np.where(sure, value, np.nan), color=colour, linewidth=1.6)


def _keep_in_sight(axes: plt.Axes, own: pd.DataFrame, level: float) -> None:
    """Limits that the curves set: an interval of a few early periods may reach ten times as far."""
    values = np.append(own["value"].to_numpy(dtype=float), level)
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.6 * (high - low) or 1.0
    axes.set_ylim(max(axes.get_ylim()[0], low - room), min(axes.get_ylim()[1], high + room))
