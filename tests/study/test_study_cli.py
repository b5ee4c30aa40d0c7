"""``learning-debt study`` as its user meets it, at smoke size."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from learning_debt.cli import app

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
