"""Repeated passes: their points, resuming, summaries, and directories that belong to one configuration."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from learning_debt_study import repetitions as repeated
from learning_debt_study.results_directory import claim, write_table
from learning_debt_study.scenarios import SMOKE, Misspecification

SMALL = replace(SMOKE, calibration_paths=1, tuning_paths=1, test_paths=1, probabilities=(0.1,), cost_ratios=(1.0,))


def test_published_points_of_the_sweep():
    points = repeated.severity_points(["tail", "hetero", "nonlinear"])
    counts = (
        pd.DataFrame([{**point.labels, "rep": point.repetition} for point in points]).groupby("axis")["rep"].count()
    )
    assert counts.to_dict() == {"hetero": 48, "nonlinear": 15, "tail": 48}
    assert points[0].misspecification.tail is None  # infinite degrees of freedom are normal noise


def test_a_run_goes_on_where_it_stopped_and_repeats_nothing(tmp_path, monkeypatch):
    path = tmp_path / "audit_per_rep.csv"
    first = repeated.run_points(repeated.audit_points("student_t", 1), SMALL, path)
    calls, original = [], repeated.run_pass
    monkeypatch.setattr(repeated, "run_pass", lambda *a, **k: calls.append(k["repetition"]) or original(*a, **k))
    both = repeated.run_points(repeated.audit_points("student_t", 2), SMALL, path)
    assert calls == [2]
    pd.testing.assert_frame_equal(both.iloc[: len(first)], first)
    assert pd.read_csv(path)["rep"].tolist() == [1, 1, 1, 2, 2, 2]
    assert list(both.columns) == [
        "cell", "rep", "score_unit_mode", "dt_cusum_win", "dt_cusum_ratio", "dt_calendar_win", "dt_calendar_ratio",
        "frac_deployed_better", "mean_sqrt_debt",
    ]  # fmt: skip


def test_a_pass_of_the_sweep_is_what_r_computes():
    """Means of the 72 ratios of debt threshold to calendar, by a plain program in R written from the study's text."""
    world = Misspecification(heteroskedasticity=0.5)
    one = repeated.run_pass(repeated.SEVERITY_DESIGN, accounting="signed", misspecification=world, repetition=6)
    found = repeated.pass_summary(one.evaluation, one.calibration).set_index("score_unit_mode")["dt_calendar_ratio"]
    printed_by_r = {"median": 0.863448525372378, "q75": 0.651382703068359, "mean": 0.639354689115664}
    assert found.to_dict() == pytest.approx(printed_by_r, rel=1e-11)


def test_infinite_severity_survives_the_file(tmp_path, monkeypatch):
    path = tmp_path / "severity_per_rep.csv"
    points = [point for point in repeated.severity_points(["tail"], 1) if math.isinf(point.labels["severity"])]
    repeated.run_points(points, SMALL, path)
    monkeypatch.setattr(repeated, "run_pass", lambda *_, **__: pytest.fail("ran again"))
    assert len(repeated.run_points(points, SMALL, path)) == 3


def test_crossings_interpolate_between_points():
    rows = pd.DataFrame(
        {
            "axis": ["nonlinear"] * 3 + ["tail"] * 2,
            "severity": [0.0, 0.4, 0.8, math.inf, 4.0],
            "score_unit_mode": "q75",
            "dt_cusum_ratio": [0.9, 0.95, 1.05, 0.9, 0.8],
        }
    )
    found = repeated.crossings(rows).set_index("axis")["severity_at_ratio_1"]
    assert found["nonlinear"] == pytest.approx(0.6)
    assert math.isnan(found["tail"])


def test_summaries_are_means_and_quantiles_over_repetitions():
    rows = pd.DataFrame(
        {"cell": "wellspec", "rep": [1, 2, 3], "score_unit_mode": "q75", "dt_cusum_win": [0.1, 0.2, 0.6]}
    )
    one = repeated.summarise(rows, ["cell"]).iloc[0]
    assert one["dt_cusum_win_mean"] == pytest.approx(0.3)
    assert one["dt_cusum_win_q05"] == pytest.approx(0.11)
    assert one["reps"] == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: repeated.audit_points("gaussian"), "cell must be one of"),
        (lambda: repeated.audit_points("wellspec", 0), "reps must be at least 1"),
        (lambda: repeated.severity_points(["tails"]), "axes must be among"),
        (lambda: repeated.severity_points(["tail"], 0), "reps must be at least 1"),
    ],
)
def test_bad_requests_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_directory_of_another_configuration_is_left_alone(tmp_path):
    target = claim(tmp_path / "out", {"study": "primary", "accounting": "signed"})
    write_table(target / "table1.csv", pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="accounting: 'signed' there, 'positive' asked for"):
        claim(target, {"study": "primary", "accounting": "positive"})
    assert pd.read_csv(target / "table1.csv")["a"].tolist() == [1]
    assert json.loads((target / "configuration.json").read_text())["accounting"] == "signed"


def test_a_directory_with_other_files_and_a_file_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        claim(tmp_path, {"study": "primary"})
    with pytest.raises(NotADirectoryError, match="is a file"):
        claim(tmp_path / "mine.txt", {"study": "primary"})
    with pytest.raises(OSError, match="cannot be made"):
        claim(tmp_path / "mine.txt" / "below", {"study": "primary"})


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path):
    class Broken(pd.DataFrame):
        def to_csv(self, path, **_):
            path.write_text("half")
            raise OSError("disk full")

    path = tmp_path / "table.csv"
    write_table(path, pd.DataFrame({"a": [1]}))
    with pytest.raises(OSError, match="disk full"):
        write_table(path, Broken({"a": [2]}))
    assert pd.read_csv(path)["a"].tolist() == [1]
    assert [one.name for one in tmp_path.iterdir()] == ["table.csv"]
