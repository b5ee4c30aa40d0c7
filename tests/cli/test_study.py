"""``learning-debt study`` as its user meets it, at smoke size."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from learning_debt.cli import app
from learning_debt_study import repetitions as repeated
from learning_debt_study.scenarios import SMOKE

runner = CliRunner()


def run(*arguments):
    return runner.invoke(app, ["study", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "smoke"
    result = run("primary", "--size", "smoke", "--accounting", "signed", "--jobs", 1, "--out", out)
    assert result.exit_code == 0, result.output
    return out


def test_primary_leaves_every_table_and_figure(finished):
    names = {path.name for path in finished.iterdir()}
    tables = ("score_units", "tuned_parameters", "policy_summary", "table1", "no_shift", "sensitivity")
    assert {f"{name}.csv" for name in tables} <= names
    assert {"relative_objective.png", "retrains.png", "decision_path.png", "configuration.json"} <= names
    assert not [name for name in names if name.startswith(".")]
    tuned = pd.read_csv(finished / "tuned_parameters.csv")
    assert list(tuned.columns) == [
        "score_unit_mode", "kappa", "lambda", "policy", "value", "mean_objective", "mean_regret", "mean_retrains",
        "setting",
    ]  # fmt: skip
    summary = pd.read_csv(finished / "policy_summary.csv")
    assert list(summary.columns) == [
        "score_unit_mode", "kappa", "shift_prob", "shift_type", "policy", "mean_objective", "se_objective",
        "mean_regret", "mean_retrains",
    ]  # fmt: skip
    assert len(summary) == 3 * 3 * 2 * 4 * 10


def test_the_same_configuration_may_run_again_and_another_may_not(finished):
    before = (finished / "table1.csv").read_bytes()
    assert run("primary", "--size", "smoke", "--accounting", "signed", "--jobs", 1, "--out", finished).exit_code == 0
    other = run("primary", "--size", "smoke", "--accounting", "positive", "--jobs", 1, "--out", finished)
    assert other.exit_code == 1
    assert "another configuration" in other.stderr
    assert (finished / "table1.csv").read_bytes() == before
    assert json.loads((finished / "configuration.json").read_text())["accounting"] == "signed"


def test_a_smoke_pass_is_not_compared_with_the_paper(finished):
    result = run("verify", finished)
    assert result.exit_code == 1
    assert "not the published one" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("primary", "--accounting", "net"), "--accounting must be"),
        (("primary", "--size", "large"), "--size must be"),
        (("primary", "--rep", -1), "--rep must be"),
        (("primary", "--size", "smoke", "--test-paths", 0), "test_paths"),
        (("primary", "--size", "smoke", "--jobs", 0), "--jobs must be"),
        (("audit", "--cell", "gaussian"), "cell must be one of"),
        (("audit", "--cell", "wellspec", "--reps", 0), "reps must be"),
        (("severity", "--axes", "tail,heads"), "axes must be among"),
    ],
)
def test_bad_requests_end_with_one_clear_line(tmp_path, arguments, message):
    result = run(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out" / "table1.csv").exists()


def test_verifying_nothing_is_an_error(tmp_path):
    result = run("verify", tmp_path / "missing")
    assert result.exit_code == 1
    assert "missing" in result.stderr


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("policies") / "smoke"
    arguments = ("policies", "--size", "smoke", "--accounting", "signed", "--reps", 2, "--jobs", 1, "--out", out)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return arguments, out, result.output


def test_policies_leaves_one_table_of_all(compared):
    _, out, output = compared
    table = pd.read_csv(out / "comparison_signed.csv")
    names = {"never_retrain", "always_retrain", "calendar_tuned", "cusum_tuned", "debt_threshold_tuned", "oracle"}
    ours = {"predictive_debt_threshold_tuned", "blended_threshold_tuned", "continuation_value_tuned"}
    assert names | ours <= set(table["policy"])
    assert table["rep"].unique().tolist() == ["all", "0", "1"]
    assert "continuation_value_tuned" in output
    oracle = table[table["policy"] == "oracle"]
    assert (oracle["mean_relative"] <= table.groupby(["rep", "score_unit_mode"])["mean_relative"].min().max()).all()
    assert (oracle["mean_to_oracle"] == 1).all()


def test_policies_goes_on_where_it_stopped(compared):
    arguments, out, _ = compared
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("evaluation_*")}
    assert sorted(before) == sorted(f"evaluation_signed_{rep}.{kind}" for rep in (0, 1) for kind in ("nc", "csv"))
    assert run(*arguments).exit_code == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("evaluation_*")} == before


def test_the_sweep_of_policies_has_a_table_a_point(tmp_path, monkeypatch):
    monkeypatch.setattr(repeated, "SEVERITY_DESIGN", SMOKE)
    result = run("severity", "--axes", "nonlinear", "--reps", 1, "--ours", "--jobs", 1, "--out", tmp_path / "sweep")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "sweep" / "severity_comparison.csv")
    assert table["severity"].unique().tolist() == [0.0, 0.2, 0.4, 0.8]
    assert set(table["axis"]) == {"nonlinear"}
    cusum = table[table["policy"] == "cusum_tuned"]
    assert (cusum["mean_relative"] == 1).all()


def test_a_figure_that_differs_has_its_own_exit_code(tmp_path, monkeypatch):
    differing = pd.DataFrame({"figure": ["a", "b"], "passed": [True, False]})
    monkeypatch.setattr("learning_debt.cli.study_commands.compare_with_published", {tmp_path: differing}.get)
    result = run("verify", tmp_path)
    assert result.exit_code == 3
    assert "2 figures, 1 differ" in result.output
