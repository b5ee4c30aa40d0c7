"""Figures of the reference study: plain matplotlib figures that belong to nobody and leave nothing open.

They read the evaluation of one pass, or the rows of the audit and of the severity sweep, and return a figure.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.policies import CUSUM, Calendar, DebtThreshold, Policy
from learning_debt.pricing import Replay, oracle, replay
from learning_debt.typing import Array
from learning_debt_study.calibration_paths import Calibration
from learning_debt_study.experiment import Pass
from learning_debt_study.published_tables import PRIMARY_UNIT
from learning_debt_study.scenarios import Design, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import study_table

DPI = 110
BENCHMARK = "cusum_tuned"


class _Look(NamedTuple):
    label: str
    color: str
    linestyle: str = "-"
    marker: str = "o"


POLICIES = {
    "calendar_tuned": _Look("calendar", "#8c8c8c", "-", "s"),
    "cusum_tuned": _Look("CUSUM", "#1f1f1f", "-", "o"),
    "alarm_tuned": _Look("alarm", "#b79f00", "-", "v"),
    "debt_threshold_tuned": _Look("debt threshold", "#d1495b", "-", "o"),
    "debt_utility_tuned": _Look("debt utility", "#3a6ea5", "--", "^"),
    "hybrid_utility_tuned": _Look("hybrid utility", "#63a7c9", "--", "D"),
    "oracle": _Look("oracle (hindsight)", "#2a9d5c", ":", "o"),
}
"""Policies that the figures draw, and how."""
SHIFTS = {
    "none": "no shift",
    "abrupt_coef": "abrupt shift of the coefficient",
    "variance": "abrupt shift of the variance",
    "gradual": "gradual drift of the coefficient",
}
UNITS = {
    "median": _Look("median", "#3a6ea5", "-", "s"),
    "q75": _Look("q75 (primary)", "#d1495b", "-", "o"),
    "mean": _Look("mean", "#b79f00", "-", "^"),
}
AXES = {
    "tail": "degrees of freedom of the noise",
    "hetero": "heteroskedasticity θ",
    "nonlinear": "curvature c",
}
AUDIT_CELLS = {
    "wellspec": "well specified",
    "student_t": "Student-t noise",
    "heteroskedastic": "heteroskedastic",
    "nonlinear": "nonlinear",
}
BENCHMARKS = {"dt_cusum_ratio": "tuned CUSUM", "dt_calendar_ratio": "tuned calendar"}


def relative_objective_figure(evaluation: xr.Dataset, score_unit_mode: str = PRIMARY_UNIT) -> Figure:
    """Mean objective of each tuned policy and of the oracle over that of tuned CUSUM, by cost ratio and shift type.

    Points are cells, one for each shift probability; lines are their means. Below 1, a policy is cheaper than CUSUM.

    Parameters
    ----------
    evaluation : Dataset
        Of a `Pass`.
    score_unit_mode : str
    """
    means = _chosen(evaluation, score_unit_mode)["objective"].mean("path")
    shifts = [name for name in _names(evaluation, "shift_type") if name != "none"]
    policies = [name for name in POLICIES if name in _names(evaluation, "policy") and name != BENCHMARK]
    if not shifts:
        raise ValueError("the evaluation has no cell with a shift")
    if BENCHMARK not in _names(evaluation, "policy"):
        raise ValueError(f"the evaluation has no policy {BENCHMARK!r}")
    ratios = means / means.sel(policy=BENCHMARK)
    figure, panels = _panels(len(shifts), height=4.4, legend=True)
    kappa = evaluation["kappa"].values.astype(float)
    for axes, shift in zip(panels, shifts, strict=True):
        axes.axhline(1.0, color=POLICIES[BENCHMARK].color, linewidth=1.0)
        for name in policies:
            ratio = ratios.sel(shift_type=shift, policy=name).transpose("shift_prob", "kappa").values
            look = POLICIES[name]
            where = np.tile(kappa, len(ratio))
            axes.plot(where, ratio.ravel(), look.marker, color=look.color, alpha=0.22, markersize=3.5, linewidth=0)
            _line(axes, kappa, ratio.mean(axis=0), look, emphasised=name == "debt_threshold_tuned")
        axes.set_yscale("log")
        _furnish_cost_axis(axes, kappa)
        axes.set_title(SHIFTS.get(shift, shift), fontsize=10.5)
    drawn = ratios.sel(shift_type=shifts, policy=policies).values
    _ratio_ticks(panels, drawn[drawn > 0])
    panels[0].set_ylabel("mean objective, relative to tuned CUSUM")
    _legend_below(figure, panels[0])
    return figure


def retrains_figure(evaluation: xr.Dataset, score_unit_mode: str = PRIMARY_UNIT) -> Figure:
    """Mean retrains of a path, by cost ratio and shift type; lines average over shift probabilities.

    The axis is linear below 1 and logarithmic above.

    Parameters
    ----------
    evaluation : Dataset
    score_unit_mode : str
    """
    retrains = _chosen(evaluation, score_unit_mode)["retrains"].mean(["path", "shift_prob"])
    shifts = _names(evaluation, "shift_type")
    figure, panels = _panels(len(shifts), height=4.2, legend=True)
    kappa = evaluation["kappa"].values.astype(float)
    for axes, shift in zip(panels, shifts, strict=True):
        for name in (name for name in POLICIES if name in _names(evaluation, "policy")):
            values = retrains.sel(shift_type=shift, policy=name).values
            _line(axes, kappa, values, POLICIES[name], emphasised=name == "debt_threshold_tuned")
        axes.set_yscale("symlog", linthresh=1.0, linscale=0.5)
        axes.set_ylim(0.0, 1.5 * max(1.0, float(retrains.max())))
        _furnish_cost_axis(axes, kappa)
        axes.set_title(SHIFTS.get(shift, shift), fontsize=10.5)
        _plain_ticks(axes, [0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200])
    panels[0].set_ylabel("retrains per path")
    _legend_below(figure, panels[0])
    return figure


def decision_path_figure(
    design: Design,
    calibration: Calibration,
    tuned: pd.DataFrame,
    *,
    shift: str = "abrupt_coef",
    probability: float = 0.05,
    path: int = 1,
    kappa: float = 1.0,
    score_unit_mode: str = PRIMARY_UNIT,
    accounting: str = "positive",
) -> Figure:
    """One test path: the truth, what the debt threshold saw, and when each policy retrained.

    Signals are those along the debt threshold's own schedule, whose spells are shaded in turn.

    Parameters
    ----------
    design : Design
    calibration : Calibration
    tuned : DataFrame
        Of the same `Pass`.
    shift : str
    probability : float
    path : int
        Counted from 1.
    kappa : float
        Cost ratio.
    score_unit_mode : str
    accounting : {"positive", "signed"}
        What the bills in the figure, and the oracle, are charged.
    """
    seeds = cell_seeds("test", shift, probability, design)
    if not 1 <= path <= len(seeds):
        raise ValueError(f"path must lie in 1..{len(seeds)}, not {path}")
    paths = draw_paths(shift, probability, seeds[path - 1 : path], design=design)
    table = study_table(paths)
    chosen = tuned[(tuned["score_unit_mode"] == score_unit_mode) & (tuned["kappa"] == kappa)].set_index("policy")
    if chosen.empty:
        raise ValueError(f"nothing was tuned for kappa = {kappa:g} at the score unit {score_unit_mode!r}")
    threshold, walks = float(chosen["value"]["debt_threshold"]), _walks(table, chosen, calibration, accounting)
    schedule = walks["debt_threshold_tuned"].schedule.values
    lane, period = np.zeros(1, dtype=int), np.arange(1, design.periods + 1)
    age = period - walk.deployed_during(schedule)[0]
    debt = walk.along_schedule(table["debt"].values, lane, schedule)[0]
    gap = walk.along_schedule(table["score_gap"].values, lane, schedule)[0]

    figure, panels = _stacked_panels((1.1, 1.4, 1.1, 1.2))
    for axes in panels[:3]:
        _shade_spells(axes, schedule[0])
        axes.tick_params(labelbottom=False)
    truth = paths.variance[0] if shift == "variance" else paths.coefficient[0]
    panels[0].plot(period, truth, color="#1f1f1f", linewidth=1.8)
    panels[0].set_ylabel("true variance" if shift == "variance" else "true coefficient")
    look = POLICIES["debt_threshold_tuned"]
    panels[1].plot(period, calibration.adjustment.standardise(debt, age), color=look.color, linewidth=1.5)
    panels[1].axhline(threshold, color="#1f1f1f", linestyle="--", linewidth=1.0)
    panels[1].annotate(
        f"threshold {threshold:.2f}",
        (0.006, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=9,
    )
    panels[1].set_ylabel("debt\n(age-adjusted)")
    panels[2].axhline(0.0, color="#8c8c8c", linewidth=0.8)
    panels[2].plot(period, gap, color="#3a6ea5", linewidth=1.3)
    panels[2].set_ylabel("score gap\n(nats per obs.)")
    _draw_schedules(panels[3], walks)
    panels[3].set_xlabel("period")
    panels[3].set_xlim(0.5, design.periods + 0.5)
    _clean(panels)
    figure.align_ylabels(panels[:3])
    figure.suptitle(
        f"{SHIFTS.get(shift, shift)}, probability {probability:g}: test path {path}, cost ratio {kappa:g}\n"
        "signals of what the debt threshold had in service; its spells are shaded in turn",
        fontsize=10.5,
    )
    return figure


def severity_figure(rows: pd.DataFrame) -> Figure:
    """Mean ratio of the debt threshold to tuned CUSUM as the world departs from the model, one panel per axis.

    Points are repetitions; lines are their means. The well-specified world is on the left.

    Parameters
    ----------
    rows : DataFrame
        Of the severity sweep: ``axis``, ``severity``, ``score_unit_mode``, ``dt_cusum_ratio``; one row per repetition.
    """
    _require(rows, ("axis", "severity", "score_unit_mode", "dt_cusum_ratio"))
    rows = rows.assign(severity=rows["severity"].astype(float))
    names = [name for name in AXES if (rows["axis"] == name).any()]
    figure, panels = _panels(len(names), height=4.2, legend=True)
    for axes, name in zip(panels, names, strict=True):
        part = rows[rows["axis"] == name]
        values = np.unique(part["severity"])[:: -1 if name == "tail" else 1]
        place = np.array([1.0 / value if name == "tail" else value for value in values])
        axes.axhline(1.0, color=POLICIES[BENCHMARK].color, linewidth=1.0)
        for unit, look in UNITS.items():
            of_unit = part[part["score_unit_mode"] == unit]
            if of_unit.empty:
                continue
            where = place[[int(np.flatnonzero(values == value)[0]) for value in of_unit["severity"]]]
            axes.plot(
                where, of_unit["dt_cusum_ratio"], look.marker, color=look.color, alpha=0.25, markersize=3.5, linewidth=0
            )
            means = of_unit.groupby("severity")["dt_cusum_ratio"].mean().reindex(values)
            _line(axes, place, means.to_numpy(), look, emphasised=unit == PRIMARY_UNIT)
        axes.set_xticks(place, ["∞" if math.isinf(value) else f"{value:g}" for value in values])
        axes.set_xlabel(AXES[name])
    _clean(panels)
    panels[0].set_ylabel("debt threshold relative to tuned CUSUM\n(mean over the cells with a shift)")
    _legend_below(figure, panels[0], title="score unit")
    return figure


def audit_figure(rows: pd.DataFrame) -> Figure:
    """Ratios of the debt threshold to its benchmarks in every repetition of the whole pass.

    Points are repetitions, bars reach from their 0.05 to their 0.95 quantile, and a longer mark is the mean.

    Parameters
    ----------
    rows : DataFrame
        Of the audit: ``cell``, ``score_unit_mode``, ``dt_cusum_ratio``, ``dt_calendar_ratio``; one row per repetition.
    """
    _require(rows, ("cell", "score_unit_mode", *BENCHMARKS))
    cells = list(dict.fromkeys(rows["cell"]))
    units = [unit for unit in UNITS if (rows["score_unit_mode"] == unit).any()]
    figure, panels = _panels(len(BENCHMARKS), height=4.2, legend=True, share=False)
    offsets = np.linspace(-0.17, 0.17, len(cells)) if len(cells) > 1 else np.zeros(1)
    colors = [look.color for look in (UNITS["q75"], UNITS["median"], POLICIES["oracle"], UNITS["mean"])]
    for axes, (column, benchmark) in zip(panels, BENCHMARKS.items(), strict=True):
        axes.axhline(1.0, color=POLICIES[BENCHMARK].color, linewidth=1.0)
        for offset, cell, color in zip(offsets, cells, colors, strict=False):
            for place, unit in enumerate(units):
                ratio = rows.loc[(rows["cell"] == cell) & (rows["score_unit_mode"] == unit), column].to_numpy(float)
                if not ratio.size:
                    continue
                label = AUDIT_CELLS.get(cell, str(cell)) if place == 0 else None
                spread = place + offset + 0.05 * np.linspace(-1, 1, ratio.size)
                axes.plot(spread, ratio, "o", color=color, alpha=0.45, markersize=4, linewidth=0, label=label)
                axes.vlines(place + offset, *np.quantile(ratio, [0.05, 0.95]), color=color, linewidth=1.8)
                axes.hlines(ratio.mean(), place + offset - 0.1, place + offset + 0.1, color=color, linewidth=2.2)
        axes.set_xticks(range(len(units)), [UNITS[unit].label for unit in units])
        axes.set_xlim(-0.5, len(units) - 0.5)
        axes.set_xlabel("score unit")
        axes.set_title(f"against {benchmark}", fontsize=10.5)
    _clean(panels)
    panels[0].set_ylabel("debt threshold relative to the benchmark\n(mean over the cells with a shift)")
    _legend_below(figure, panels[0])
    return figure


def save_figures(one_pass: Pass, directory: str | os.PathLike[str], design: Design | None = None) -> list[Path]:
    """Write the figures of one pass as PNG files.

    Parameters
    ----------
    one_pass : Pass
    directory : path
        Must exist.
    design : Design, optional
        What the pass was run with; draws the decision path too, of a cell with a shift.

    Returns
    -------
    list of Path
    """
    figures = {
        "relative_objective": relative_objective_figure(one_pass.evaluation),
        "retrains": retrains_figure(one_pass.evaluation),
    }
    if design is not None:
        ratios = design.cost_ratios
        figures["decision_path"] = decision_path_figure(
            design,
            one_pass.calibration,
            one_pass.tuned,
            shift=_preferred("abrupt_coef", design.shifts),
            probability=_preferred(0.05, design.probabilities),
            kappa=_preferred(1.0, ratios),
            accounting=one_pass.evaluation.attrs.get("accounting", "positive"),
        )
    written = []
    for name, figure in figures.items():
        written.append(Path(directory) / f"{name}.png")
        figure.savefig(written[-1], dpi=DPI)
    return written


def _preferred[Value](wanted: Value, there: Sequence[Value]) -> Value:
    return wanted if wanted in there else there[-1]


def _names(evaluation: xr.Dataset, dimension: str) -> list[str]:
    return [str(name) for name in evaluation[dimension].values]


def _chosen(evaluation: xr.Dataset, score_unit_mode: str) -> xr.Dataset:
    there = _names(evaluation, "score_unit_mode")
    if score_unit_mode not in there:
        raise ValueError(f"the evaluation has no score unit {score_unit_mode!r}, only {', '.join(there)}")
    return evaluation.sel(score_unit_mode=score_unit_mode)


def _require(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise ValueError(f"rows lack the columns {', '.join(missing)}")
    if rows.empty:
        raise ValueError("rows must hold at least one repetition")


def _panels(count: int, height: float, *, legend: bool = False, share: bool = True) -> tuple[Figure, list[Axes]]:
    """A row of panels; margins are fixed, since solving for them takes longer than drawing."""
    width = 1.35 + (3.1 if count > 2 else 4.2) * count
    figure = Figure(figsize=(width, height))
    grid = figure.add_gridspec(
        1, count, left=1.0 / width, right=1 - 0.15 / width, top=0.92, bottom=0.25 if legend else 0.13, wspace=0.09
    )
    if not share:
        grid.update(wspace=0.16)
    panels: list[Axes] = []
    for column in range(count):
        panels.append(figure.add_subplot(grid[column], sharey=panels[0] if panels and share else None))
        if panels and share and column:
            panels[-1].tick_params(labelleft=False)
    _clean(panels)
    return figure, panels


def _stacked_panels(heights: tuple[float, ...]) -> tuple[Figure, list[Axes]]:
    """A column of panels over one axis of periods."""
    figure = Figure(figsize=(10.5, 7.6))
    grid = figure.add_gridspec(
        len(heights), 1, height_ratios=heights, left=0.15, right=0.98, top=0.92, bottom=0.075, hspace=0.12
    )
    first = figure.add_subplot(grid[0])
    return figure, [first, *(figure.add_subplot(grid[row], sharex=first) for row in range(1, len(heights)))]


def _walks(table: xr.Dataset, chosen: pd.DataFrame, calibration: Calibration, accounting: str) -> dict[str, Replay]:
    """Replays of the tuned policies of one cost, and of the oracle; `chosen` is indexed by policy."""
    values, cost = chosen["value"], float(chosen["lambda"].iloc[0])
    policies: dict[str, Policy] = {
        "debt_threshold_tuned": DebtThreshold(float(values["debt_threshold"]), calibration.adjustment),
        "cusum_tuned": CUSUM(float(values["cusum"])),
        "calendar_tuned": Calendar(int(values["calendar"])),
    }
    walks = {name: replay(table, policy, cost, accounting) for name, policy in policies.items()}
    return walks | {"oracle": oracle(table, cost, accounting)}


def _clean(panels: Sequence[Axes]) -> None:
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)


def _line(axes: Axes, x: Array, y: Array, look: _Look, *, emphasised: bool) -> None:
    axes.plot(
        x,
        y,
        color=look.color,
        linestyle=look.linestyle,
        marker=look.marker,
        markersize=5,
        linewidth=2.6 if emphasised else 1.5,
        zorder=3 if emphasised else 2.5,
        label=look.label,
    )


def _legend_below(figure: Figure, axes: Axes, title: str | None = None) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        ncols=len(labels),
        frameon=False,
        fontsize=9.5,
        title=title,
        columnspacing=1.6,
    )


def _furnish_cost_axis(axes: Axes, kappa: Array) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(kappa, [f"{value:g}" for value in kappa])
    axes.set_xlabel("cost ratio κ")


def _plain_ticks(axes: Axes, values: Sequence[float]) -> None:
    axes.yaxis.set_major_locator(FixedLocator(list(values)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _ratio_ticks(panels: Sequence[Axes], drawn: Array) -> None:
    """Ticks of a logarithmic axis of ratios, dense around 1."""
    low, high = (float(drawn.min()), float(drawn.max())) if drawn.size else (0.9, 1.1)
    ticks = [0.01, 0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 4, 6, 10, 20, 50, 100, 1000]
    for axes in panels:
        _plain_ticks(axes, [tick for tick in ticks if 0.8 * low <= tick <= 1.2 * high])
        axes.set_ylim(min(0.95, 0.95 * low), max(1.05, 1.05 * high))
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
        axes.set_axisbelow(True)


def _shade_spells(axes: Axes, schedule: NDArray[np.bool_]) -> None:
    """Every other spell; a retrain takes effect after its period."""
    edges = [0.5, *(np.flatnonzero(schedule) + 1.5), schedule.size + 0.5]
    for left, right in zip(edges[1::2], edges[2::2], strict=False):
        axes.axvspan(left, right, color="#efece6", linewidth=0, zorder=0)


def _draw_schedules(axes: Axes, walks: dict[str, Replay]) -> None:
    """A row of marks for each policy, the first on top."""
    labels: list[Any] = []
    for row, (name, walked) in enumerate(walks.items()):
        retrained = np.flatnonzero(walked.schedule.values[0]) + 1.0
        axes.plot(retrained, np.full(retrained.size, -row), "|", color=POLICIES[name].color, markersize=13, mew=1.8)
        count = int(walked.retrains.item())
        labels.append(f"{POLICIES[name].label}\n{count} retrains, bill {float(walked.objective.item()):.2f}")
    axes.set_yticks([-row for row in range(len(walks))], labels)
    axes.set_ylim(0.6 - len(walks), 0.6)
