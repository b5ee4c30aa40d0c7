"""The audit and the severity sweep: many passes, all estimated anew; they resume where they stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt_study.candidate_policies import Rows
from learning_debt_study.experiment import run_pass
from learning_debt_study.policy_comparison import comparison
from learning_debt_study.published_tables import pass_summary
from learning_debt_study.results_directory import write_netcdf, write_table
from learning_debt_study.scenarios import PAPER, Design, Misspecification

AUDIT_CELLS = {
    "wellspec": Misspecification(),
    "student_t": Misspecification(tail=4.0),
    "heteroskedastic": Misspecification(heteroskedasticity=1.0),
    "nonlinear": Misspecification(curvature=0.4),
}
AUDIT_DESIGN = replace(PAPER, calibration_paths=12, tuning_paths=8, test_paths=20)
AUDIT_REPETITIONS = 15
SEVERITY_DESIGN = replace(PAPER, calibration_paths=8, tuning_paths=6, test_paths=10)
SEVERITY_REPETITIONS = {"tail": 8, "hetero": 8, "nonlinear": 4}
SEVERITIES = {
    "tail": (math.inf, 8.0, 6.0, 5.0, 4.0, 3.0),
    "hetero": (0.0, 0.5, 1.0, 1.5, 2.0, 4.0),
    "nonlinear": (0.0, 0.2, 0.4, 0.8),
}
"""Points of each axis: degrees of freedom, theta, curvature."""


class Point(NamedTuple):
    """One pass to run: what its rows are labelled with, its world and its repetition."""

    labels: dict[str, object]
    misspecification: Misspecification
    repetition: int


def audit_points(cell: str, repetitions: int = AUDIT_REPETITIONS) -> list[Point]:
    """Passes of one audit cell.

    Examples
    --------
    >>> [point.repetition for point in audit_points("student_t", 3)]
    [1, 2, 3]
    """
    if cell not in AUDIT_CELLS:
        raise ValueError(f"cell must be one of {sorted(AUDIT_CELLS)}, not {cell!r}")
    _require_count(repetitions)
    return [Point({"cell": cell}, AUDIT_CELLS[cell], rep) for rep in range(1, repetitions + 1)]


def severity_points(axes: Sequence[str], repetitions: int | None = None) -> list[Point]:
    """Passes of the severity sweep; without `repetitions`, as many at each point as were published.

    Examples
    --------
    >>> len(severity_points(["tail", "hetero", "nonlinear"]))
    111
    """
    points = []
    for axis in axes:
        if axis not in SEVERITIES:
            raise ValueError(f"axes must be among {sorted(SEVERITIES)}, not {axis!r}")
        for severity in SEVERITIES[axis]:
            published = 3 if (axis, severity) == ("nonlinear", 0.2) else SEVERITY_REPETITIONS[axis]
            count = published if repetitions is None else repetitions
            _require_count(count)
            for rep in range(1, count + 1):
                points.append(Point({"axis": axis, "severity": severity}, _world(axis, severity), rep))
    return points


def run_points(
    points: Sequence[Point],
    design: Design,
    path: Path,
    *,
    executor: Executor | None = None,
    advance: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Run the passes that `path` does not hold yet and write each as soon as it is done; all rows are returned.

    Bills are signed, as published.
    """
    rows = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    done = _keys(rows, points[0].labels) if len(rows) else set()
    for point in points:
        if _key(point) not in done:
            one_pass = run_pass(
                design,
                accounting="signed",
                misspecification=point.misspecification,
                repetition=point.repetition,
                executor=executor,
            )
            new = pass_summary(one_pass.evaluation, one_pass.calibration).drop(columns="n_cells")
            for place, (name, value) in enumerate({**point.labels, "rep": point.repetition}.items()):
                new.insert(place, name, value)
            rows = pd.concat([rows, new], ignore_index=True)
            write_table(path, rows)
        advance()
    return rows


def run_evaluations(
    points: Sequence[Point],
    design: Design,
    directory: Path,
    *,
    accounting: str,
    policies: Rows,
    executor: Executor | None = None,
    advance: Callable[[], None] = lambda: None,
) -> list[xr.Dataset]:
    """Run the passes that `directory` does not hold yet, with any policies, and keep each evaluation as netCDF."""
    found = []
    for point in points:
        name = "_".join(str(part) for part in (*point.labels.values(), point.repetition))
        path = directory / f"evaluation_{accounting}_{name}.nc"
        if not path.is_file():
            one_pass = run_pass(
                design,
                accounting=accounting,
                misspecification=point.misspecification,
                repetition=point.repetition,
                policies=policies,
                executor=executor,
            )
            write_netcdf(path, one_pass.evaluation)
            write_table(path.with_suffix(".csv"), one_pass.tuned)
        found.append(xr.load_dataset(path))
        advance()
    return found


def compare_policies(evaluations: Sequence[xr.Dataset], benchmark: str = "cusum_tuned") -> pd.DataFrame:
    """`comparison` of repetitions one by one (``rep`` 1, 2, ... in order) and pooled (``rep`` 0).

    Pooled, a cell's ratio is that of sums over all paths of all repetitions, each tuned on its own.
    """
    together = xr.concat([evaluation.drop_vars("cost") for evaluation in evaluations], "path")
    parts = [comparison(evaluation, benchmark) for evaluation in (together, *evaluations)]
    return pd.concat([part.assign(rep=rep) for rep, part in enumerate(parts)], ignore_index=True)


def summarise(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and the 0.05 and 0.95 quantiles over repetitions of every figure, for each `by` and score unit."""
    figures = [name for name in rows.columns if name not in (*by, "rep", "score_unit_mode")]
    grouped = rows.groupby([*by, "score_unit_mode"], sort=False)
    parts = {
        "mean": grouped[figures].mean(),
        "q05": grouped[figures].quantile(0.05),
        "q95": grouped[figures].quantile(0.95),
    }
    joined = pd.concat([part.add_suffix(f"_{name}") for name, part in parts.items()], axis=1)
    return joined.assign(reps=grouped["rep"].nunique()).reset_index()


def crossings(rows: pd.DataFrame) -> pd.DataFrame:
    """Severity at which the debt threshold's mean ratio to CUSUM crosses 1, by linear interpolation between points.

    Severity of the tail axis is interpolated in 1 / nu. NaN where the ratio stays on one side.
    """
    found = []
    for (axis, unit), part in rows.groupby(["axis", "score_unit_mode"], sort=False):
        means = part.groupby("severity", sort=False)["dt_cusum_ratio"].mean()
        place = np.array([1.0 / value if axis == "tail" else value for value in means.index])
        order = np.argsort(place)
        place, excess = place[order], means.to_numpy()[order] - 1.0
        change = np.flatnonzero(np.sign(excess[:-1]) != np.sign(excess[1:]))
        at = float("nan")
        if change.size:
            i = change[0]
            at = place[i] + (place[i + 1] - place[i]) * excess[i] / (excess[i] - excess[i + 1])
            at = 1.0 / at if axis == "tail" else at
        found.append({"axis": axis, "score_unit_mode": unit, "severity_at_ratio_1": at})
    return pd.DataFrame(found)


def _world(axis: str, severity: float) -> Misspecification:
    if axis == "tail":
        return Misspecification(tail=None if math.isinf(severity) else severity)
    if axis == "hetero":
        return Misspecification(heteroskedasticity=severity)
    return Misspecification(curvature=severity)


def _keys(rows: pd.DataFrame, labels: Iterable[str]) -> set[tuple[object, ...]]:
    return set(rows[[*labels, "rep"]].itertuples(index=False, name=None))


def _key(point: Point) -> tuple[object, ...]:
    return (*point.labels.values(), point.repetition)


def _require_count(repetitions: int) -> None:
    if repetitions < 1:
        raise ValueError(f"reps must be at least 1, not {repetitions}")
