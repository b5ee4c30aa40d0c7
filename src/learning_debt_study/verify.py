"""Compare a study's files with the published figures, number by number.

The figures are those of Katz (arXiv 2604.06438) and its public replication outputs, kept in ``published.json``. Some
are given in full, others rounded; ours may then differ by half a unit of the last published digit.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from learning_debt_study.published_tables import BENCHMARKS, PRIMARY_UNIT
from learning_debt_study.repetitions import AUDIT_DESIGN, AUDIT_REPETITIONS, SEVERITY_DESIGN, severity_points
from learning_debt_study.results_directory import CONFIGURATION
from learning_debt_study.scenarios import PAPER, Design

PASS_FILES = (
    "score_units.csv",
    "tuned_parameters.csv",
    "policy_summary.csv",
    "table1.csv",
    "no_shift.csv",
    "sensitivity.csv",
)
AUDIT_FILE = "audit_per_rep.csv"
SEVERITY_FILE = "severity_per_rep.csv"

EXACT = 1e-9
"""Of figures published in full."""
INTERVAL = {"signed": 1e-6, "positive": 3e-4}
"""Of bootstrap bounds; the published positive ones come from an earlier run that no order of draws repeats."""

PASSED, FAILED, NOT_RUN, NOT_COMPARABLE = "passed", "FAILED", "not run", "not comparable"

_HALF_UNIT = 0.5 * (1 + 1e-9)
"""Of the last digit; a hair more, since a value exactly between two roundings is within either."""
_DECIMALS = {"retrains": 2, "objective": 3, "mean_relative": 3, "audit": 4, "severity": 4}
"""Published digits after the point of rounded figures; a JSON number does not keep its trailing zeros."""
_COLUMNS = ("figure", "published", "ours", "difference", "tolerance", "passed", "status")


def published() -> dict[str, Any]:
    """The published figures, as in ``published.json``.

    Examples
    --------
    >>> published()["score_units"]["q75"]
    0.080699258661979
    """
    text = resources.files("learning_debt_study").joinpath("published.json").read_text(encoding="utf-8")
    figures: dict[str, Any] = json.loads(text)
    return figures


def verify(directory: str | Path) -> pd.DataFrame:
    """Compare the files of a study with every published figure that they allow.

    Parameters
    ----------
    directory : str or Path
        What the study wrote: ``configuration.json`` and a pass (`PASS_FILES`), an audit (``audit_per_rep.csv``) or a
        severity sweep (``severity_per_rep.csv``).

    Returns
    -------
    DataFrame
        Columns ``figure``, ``published``, ``ours``, ``difference`` (ours less published), ``tolerance``, ``passed``
        (missing where nothing could be compared) and ``status`` ("passed", "FAILED", "not run", "not comparable").

    Raises
    ------
    FileNotFoundError
        If the directory or a file of the study is missing.
    ValueError
        If the pass is not the published one (paper size, repetition 0, all paths), or a file lacks a column or a row.

    Notes
    -----
    An audit or a point of the sweep with another number of repetitions or paths than published is not comparable.

    Examples
    --------
    >>> verify("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: there is no directory nowhere
    """
    place = Path(directory)
    if not place.is_dir():
        raise FileNotFoundError(f"there is no directory {place}")
    if not (place / CONFIGURATION).is_file():
        raise FileNotFoundError(f"{place} has no {CONFIGURATION}, so it holds no study")
    configuration = json.loads((place / CONFIGURATION).read_text(encoding="utf-8"))
    figures = published()
    parts: list[Iterator[_Comparison]] = []
    repeated = configuration.get("study") in ("audit", "severity")
    if not repeated or any((place / name).exists() for name in PASS_FILES):
        parts.append(_of_pass(place, configuration, figures))
    if (place / AUDIT_FILE).exists() or configuration.get("study") == "audit":
        parts.append(_of_audit(place, configuration, figures["audit_signed"]))
    if (place / SEVERITY_FILE).exists() or configuration.get("study") == "severity":
        parts.append(_of_severity(place, configuration, figures["severity_signed"]))
    frame = pd.DataFrame([check.row() for part in parts for check in part], columns=list(_COLUMNS))
    return frame.astype({"passed": "boolean"})


@dataclass(frozen=True)
class _Comparison:
    figure: str
    published: float
    ours: float
    tolerance: float
    status: str = ""
    """Why nothing was compared, if so."""

    def row(self) -> tuple[Any, ...]:
        difference = self.ours - self.published
        if self.status:
            return self.figure, self.published, self.ours, difference, self.tolerance, None, self.status
        passed = abs(difference) <= self.tolerance  # not so for NaN
        status = PASSED if passed else FAILED
        return self.figure, self.published, self.ours, difference, self.tolerance, passed, status


def _rounded(decimals: int) -> float:
    return _HALF_UNIT * 10.0**-decimals


def _of_pass(place: Path, configuration: dict[str, Any], figures: dict[str, Any]) -> Iterator[_Comparison]:
    for name in PASS_FILES:
        _require(place / name)
    accounting = _check_configuration(configuration)
    units = _Rows(place / "score_units.csv", "score_unit_mode")
    for unit, value in figures["score_units"].items():
        yield _Comparison(f"score unit {unit}", value, units.value("value", unit), EXACT)
    yield from _of_table1(_Rows(place / "table1.csv", "policy", "benchmark"), accounting, figures)
    if accounting == "positive":
        yield from _of_no_shift(_Rows(place / "no_shift.csv", "policy"), figures["no_shift_q75_positive"])
    ratios = _Rows(place / "sensitivity.csv", "benchmark", "score_unit_mode", "shift_type")
    for against, by_unit in figures["debt_threshold_sensitivity"][accounting].items():
        for unit, pair in by_unit.items():
            yield from _of_ratio(f"debt_threshold {against}, {unit}", ratios, (BENCHMARKS[against], unit, "all"), pair)
    if accounting == "positive":
        for against, by_shift in figures["by_shift_q75_positive_debt_threshold"].items():
            for shift, pair in by_shift.items():
                key = (BENCHMARKS[against], PRIMARY_UNIT, shift)
                yield from _of_ratio(f"debt_threshold {against}, {PRIMARY_UNIT}, {shift}", ratios, key, pair)


def _check_configuration(configuration: dict[str, Any]) -> str:
    """Accounting of a pass that is the published one; refuse any other."""
    sizes = _path_counts(PAPER)
    for key in ("accounting", "size", "rep", *sizes):
        if key not in configuration:
            raise ValueError(f"{CONFIGURATION} does not say {key}")
    accounting = configuration["accounting"]
    if accounting not in INTERVAL:
        raise ValueError(f"{CONFIGURATION}: accounting must be positive or signed, not {accounting!r}")
    wanted = {"size": "paper", "rep": 0, **sizes}
    wrong = [
        f"{key} is {configuration[key]}, not {value}" for key, value in wanted.items() if configuration[key] != value
    ]
    if wrong:
        raise ValueError(f"this pass is not the published one: in {CONFIGURATION}, {'; '.join(wrong)}")
    return str(accounting)


def _path_counts(design: Design) -> dict[str, int]:
    names = ("calibration_paths", "tuning_paths", "test_paths")
    return {name: getattr(design, name) for name in names}


def _of_table1(table: _Rows, accounting: str, figures: dict[str, Any]) -> Iterator[_Comparison]:
    tolerances = {"cell_wins": 0.0, "n_cells": 0.0, "ci_025": INTERVAL[accounting], "ci_975": INTERVAL[accounting]}
    for row in figures[f"table1_q75_{accounting}"]:
        key = row["policy"], row["benchmark"]
        for name, value in row.items():
            if name not in ("policy", "benchmark"):
                figure = f"Table 1, {key[0]} vs {key[1]}, {name}"
                yield _Comparison(figure, value, table.value(name, *key), tolerances.get(name, EXACT))


def _of_no_shift(table: _Rows, figures: dict[str, Any]) -> Iterator[_Comparison]:
    for policy, row in figures.items():
        for name, value in row.items():
            figure = f"no shift, {policy}, {name}"
            yield _Comparison(figure, value, table.value(name, policy), _rounded(_DECIMALS[name]))


def _of_ratio(figure: str, table: _Rows, key: Sequence[str], pair: Sequence[float]) -> Iterator[_Comparison]:
    wins, ratio = pair
    yield _Comparison(f"{figure}, wins", wins, table.value("cell_wins", *key), 0.0)
    tolerance = _rounded(_DECIMALS["mean_relative"])
    yield _Comparison(f"{figure}, mean ratio", ratio, table.value("mean_relative", *key), tolerance)


_STATISTICS: dict[str, Callable[[pd.Series], float]] = {
    "mean": lambda values: float(values.mean(skipna=False)),
    "q05": lambda values: float(values.quantile(0.05)),
    "q95": lambda values: float(values.quantile(0.95)),
}
"""Over repetitions; the quantiles interpolate linearly (type 7)."""


def _of_audit(place: Path, configuration: dict[str, Any], figures: dict[str, Any]) -> Iterator[_Comparison]:
    rows = _read(place / AUDIT_FILE)
    _check_columns(rows, AUDIT_FILE, "cell", "rep", "score_unit_mode")
    other_size = configuration.get("study") == "audit" and not _has_size(configuration, AUDIT_DESIGN)
    for cell, by_unit in figures.items():
        for unit, statistics in by_unit.items():
            chosen = rows[(rows["cell"] == cell) & (rows["score_unit_mode"] == unit)]
            status = _comparability(chosen, AUDIT_FILE, AUDIT_REPETITIONS, other_size)
            for name, value in statistics.items():
                column, statistic = name.rsplit("_", 1)
                ours = _statistic(chosen, AUDIT_FILE, column, statistic)
                tolerance = _rounded(_DECIMALS["audit"])
                yield _Comparison(f"audit, {cell}, {unit}, {name}", value, ours, tolerance, status)


def _of_severity(
    place: Path, configuration: dict[str, Any], figures: Sequence[dict[str, Any]]
) -> Iterator[_Comparison]:
    rows = _read(place / SEVERITY_FILE)
    _check_columns(rows, SEVERITY_FILE, "axis", "severity", "rep", "score_unit_mode")
    other_size = configuration.get("study") == "severity" and not _has_size(configuration, SEVERITY_DESIGN)
    severities = rows["severity"].astype(float)
    axes = list(dict.fromkeys(row["axis"] for row in figures))
    repetitions = Counter((point.labels["axis"], point.labels["severity"]) for point in severity_points(axes))
    for row in figures:
        axis, severity = row["axis"], float(row["severity"])
        chosen = rows[(rows["axis"] == axis) & (severities == severity) & (rows["score_unit_mode"] == row["unit"])]
        status = _comparability(chosen, SEVERITY_FILE, repetitions[axis, severity], other_size)
        for name in ("dt_cusum_ratio_mean", "frac_deployed_better"):
            ours = _statistic(chosen, SEVERITY_FILE, name.removesuffix("_mean"), "mean")
            figure = f"severity, {axis} {row['severity']}, {row['unit']}, {name}"
            yield _Comparison(figure, row[name], ours, _rounded(_DECIMALS["severity"]), status)


def _has_size(configuration: dict[str, Any], design: Design) -> bool:
    return all(configuration.get(name) == count for name, count in _path_counts(design).items())


def _comparability(chosen: pd.DataFrame, file: str, repetitions: int, other_size: bool) -> str:
    """Empty if the rows are as published, repetitions 1, 2, ... of the published size; otherwise the status to give."""
    if chosen.empty:
        return NOT_RUN
    if chosen["rep"].duplicated().any():
        raise ValueError(f"{file} has a repetition twice")
    same = set(chosen["rep"]) == set(range(1, repetitions + 1))
    return "" if same and not other_size else NOT_COMPARABLE


def _statistic(chosen: pd.DataFrame, file: str, column: str, statistic: str) -> float:
    _check_columns(chosen, file, column)
    return _STATISTICS[statistic](chosen[column]) if len(chosen) else math.nan


class _Rows:
    """A file's rows, looked up by the columns that name them."""

    def __init__(self, path: Path, *names: str) -> None:
        self.file, self.names = path.name, names
        frame = _read(path)
        _check_columns(frame, self.file, *names)
        self.frame = frame

    def value(self, column: str, *key: str) -> float:
        _check_columns(self.frame, self.file, column)
        found = self.frame[column]
        for name, wanted in zip(self.names, key, strict=True):
            found = found[self.frame[name] == wanted]
        if len(found) != 1:
            told = ", ".join(f"{name} {value}" for name, value in zip(self.names, key, strict=True))
            raise ValueError(f"{self.file} should have one row for {told}, not {len(found)}")
        return float(found.iloc[0])


def _require(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}: the study there is not complete")


def _read(path: Path) -> pd.DataFrame:
    _require(path)
    try:
        return pd.read_csv(path)
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise ValueError(f"{path.name} is not a table: {error}") from error


def _check_columns(frame: pd.DataFrame, file: str, *names: str) -> None:
    for name in names:
        if name not in frame.columns:
            raise ValueError(f"{file} has no column {name}")
