"""The pictures of a bench: how policies compare, on which histories, and at which costs."""

from __future__ import annotations

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.style import context
from matplotlib.ticker import LogLocator, NullFormatter

from learning_debt.bench.cases import HINDSIGHT, ORACLE
from learning_debt.bench.library_rows import CUSUM_ROW
from learning_debt.bench.package_rows import HINDSIGHT_ROWS
from learning_debt.bench.registry import ROWS
from learning_debt.bench.summary import ALL_RATIOS, CASE, FLOOR
from learning_debt.plots.literal_text import literal
from learning_debt.report.pictures import STYLE, Figure

COLOURS = {"ours": "#1f6fb4", "fixed": "#555555", "rival": "#c8641b", "in hindsight": "#3b8c58"}
ROW_HEIGHT, CHARACTER_WIDTH = 0.27, 0.07
"""Inches a policy, and a character of its name."""
LEAST_SHOWN, WIDE = 0.05, 300.0
"""The least excess on a logarithmic axis, in costs of a retrain; ends of one that has fewer ticks."""


def draw_bench(bills: pd.DataFrame, summary: pd.DataFrame) -> list[Figure]:
    """All pictures as PNG, with their captions; those relative to CUSUM only where it was among the policies."""
    with context(["default", STYLE | {"font.size": 10}]):
        compared = (
            [_relative(summary), _by_history(bills, summary)] if (bills["policy"] == CUSUM_ROW.name).any() else []
        )
        return [*compared, _by_cost_ratio(summary)]


def _relative(summary: pd.DataFrame) -> Figure:
    """Geometric mean of the ratio of excess to CUSUM's."""
    part = _ordered(summary)
    figure, axes = plt.subplots(figsize=(8.5, 1.4 + ROW_HEIGHT * len(part)), layout="constrained")
    _dots(axes, part, "relative")
    axes.axvline(1.0, color="#999999", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    _plain_ticks(axes)
    axes.set_xlabel("excess over the oracle, relative to tuned CUSUM (geometric mean)")
    axes.legend(handles=_key(part), loc="upper right", fontsize=9)
    return Figure(
        "relative.png",
        "What each policy cost above the oracle, relative to tuned CUSUM: the geometric mean over all cases, with "
        f"intervals by a bootstrap over histories where there are enough of them. Excesses below {FLOOR:g} costs of a "
        "retrain count as that. Left of the line is cheaper than CUSUM; the best of hindsight is nobody's policy.",
        png_of(figure),
    )


def _by_history(bills: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """The same of each history, as a heat map."""
    names = [name for name in _ordered(summary)["policy"] if name != CUSUM_ROW.name]
    excess = bills.groupby([*CASE, "policy"], sort=False)["excess"].mean().unstack("policy").clip(lower=FLOOR)
    logs = np.log(excess[names].div(excess[CUSUM_ROW.name], axis=0))
    ratio = np.exp(logs.groupby("history", sort=False).mean()).T
    size = (1.5 + CHARACTER_WIDTH * max(map(len, names)) + 0.78 * ratio.shape[1], 1.6 + ROW_HEIGHT * len(names))
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    image = axes.imshow(ratio.to_numpy(), aspect="auto", cmap="RdBu_r", norm=LogNorm(1 / 8, 8))
    for (row, column), value in np.ndenumerate(ratio.to_numpy()):
        if np.isfinite(value):
            dark = not 1 / 4 < value < 4
            colour = "white" if dark else "black"
            axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_yticks(range(len(names)), [literal(name, "matplotlib") for name in names])
    histories = [literal(str(name), "matplotlib") for name in ratio.columns]
    axes.set_xticks(range(len(histories)), histories, rotation=35, ha="left", rotation_mode="anchor")
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=min(1.0, 9 / len(names)), ticks=[1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8])
    bar.ax.set_yticklabels(["1/8", "1/4", "1/2", "1", "2", "4", "8"])
    bar.ax.yaxis.set_minor_locator(plt.NullLocator())
    bar.outline.set_visible(False)
    return Figure(
        "by_history.png",
        "The same for each history: blue is cheaper than tuned CUSUM there, red dearer. Policies are in the order of "
        "the first picture; where one cannot be made the field is empty.",
        png_of(figure),
    )


def _by_cost_ratio(summary: pd.DataFrame) -> Figure:
    """Mean and median excess at each cost ratio."""
    order = _ordered(summary)["policy"]
    ratios = [ratio for ratio in summary["cost_ratio"].unique() if ratio != ALL_RATIOS]
    size = (3.0 + 2.6 * len(ratios), 1.5 + ROW_HEIGHT * len(order))
    figure, panels = plt.subplots(1, len(ratios), figsize=size, layout="constrained", sharey=True, squeeze=False)
    for axes, ratio in zip(panels[0], ratios, strict=True):
        part = summary[summary["cost_ratio"] == ratio].set_index("policy").reindex(order).reset_index()
        _dots(axes, part, "mean_excess", least=LEAST_SHOWN)
        medians = np.maximum(part["median_excess"], LEAST_SHOWN)
        axes.plot(medians, range(len(part)), "|", color="black", markersize=7)
        axes.set_xscale("log")
        _plain_ticks(axes)
        axes.set_title(f"cost ratio {ratio}", fontsize=10)
    figure.supxlabel("excess over the oracle, in costs of a retrain: mean (dot) and median (bar)", fontsize=10)
    return Figure(
        "by_cost_ratio.png",
        "What each policy cost above the oracle at each cost ratio, in costs of a retrain: the mean over cases with "
        f"its interval, and the median. What is below {LEAST_SHOWN:g} sits on the left edge.",
        png_of(figure),
    )


def _ordered(summary: pd.DataFrame) -> pd.DataFrame:
    """Lines of all cost ratios together, without the oracle, the best on top."""
    whole = summary[(summary["cost_ratio"] == ALL_RATIOS) & (summary["policy"] != ORACLE)]
    key = "relative" if whole["relative"].notna().any() else "mean_excess"
    return whole.sort_values(key, kind="stable").reset_index(drop=True)


def _dots(axes: plt.Axes, part: pd.DataFrame, name: str, least: float = 0.0) -> None:
    """A dot a policy, the first on top, and its interval."""
    values, low, high = (np.maximum(part[f"{name}{end}"], least) for end in ("", "_low", "_high"))
    colours = [COLOURS[_kind(policy)] for policy in part["policy"]]
    places = np.arange(len(part))
    axes.hlines(places, low, high, color=colours, linewidth=1.6)
    axes.scatter(values, places, color=colours, s=22, zorder=3)
    axes.set_yticks(places, [literal(policy, "matplotlib") for policy in part["policy"]])
    axes.set_ylim(len(part) - 0.4, -0.6)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _plain_ticks(axes: plt.Axes) -> None:
    """Ticks of a logarithmic axis as plain numbers."""
    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if high < WIDE * low else (1.0, 3.0)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _kind(policy: str) -> str:
    """Whose policy it is, as colours tell."""
    if policy in HINDSIGHT or policy in {row.name for row in HINDSIGHT_ROWS}:
        return "in hindsight"
    group = ROWS[policy].group if policy in ROWS else "ours"
    return group if group in COLOURS else "rival"


def _key(part: pd.DataFrame) -> list[Line2D]:
    kinds = list(dict.fromkeys(_kind(policy) for policy in part["policy"]))
    words = {
        "ours": "of this library",
        "fixed": "looks at nothing",
        "rival": "of others",
        "in hindsight": "in hindsight",
    }
    return [
        Line2D([], [], color=COLOURS[kind], marker="o", markersize=5, label=words.get(kind, kind)) for kind in kinds
    ]


def png_of(figure: Canvas) -> bytes:
    """A figure as PNG; it is closed."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    plt.close(figure)
    return buffer.getvalue()
