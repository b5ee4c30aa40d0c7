"""The command line, as its user meets it."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from learning_debt.cli import app

MODELS = Path(__file__).parents[2] / "models"
runner = CliRunner()


def run(*arguments):
    return runner.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An audit of the worked example's last quarters, small enough for a test."""
    out = tmp_path_factory.mktemp("audit") / "report"
    result = run("audit", MODELS / "us_inflation.py", "--initial", 181, "--draws", 250, "--out", out)
    assert result.exit_code == 0, result.output
    return result.output, out


def test_audit_prints_comparison_policies_and_todays_verdict(finished):
    output, _ = finished
    for row in ("debt", "predictive debt", "score gap"):
        assert row in output
    for row in (
        "never",
        "always",
        "your calendar",
        "best calendar",
        "CUSUM",
        "debt threshold",
        "predictive-debt threshold",
        "blended threshold",
    ):
        assert row in output
    assert "oracle" in output
    assert "A retrain costs 0.1 nats." in output
    assert "which decides today" in output
    assert "Today:" in output
    assert any(verdict in output for verdict in ("wait", "retrain", "cannot tell"))


def test_audit_leaves_report_pictures_and_tables(finished):
    _, out = finished
    names = {path.name for path in out.iterdir()}
    assert {"report.html", "policies.csv", "spells.nc"} <= names
    assert sum(name.endswith(".png") for name in names) >= 3


def test_a_kept_table_is_priced_anew_without_fitting(finished, tmp_path):
    _, first = finished
    result = run(
        "audit",
        MODELS / "us_inflation.py",
        "--spells",
        first / "spells.nc",
        "--cost",
        5,
        "--calendar",
        2,
        "--out",
        tmp_path,
    )
    assert result.exit_code == 0, result.output
    assert "their table is kept" not in result.output
    totals = [line for line in result.output.splitlines() if "always" in line]
    with xr.open_dataset(first / "spells.nc", engine="h5netcdf") as table:
        evaluated = table.sizes["period"] - round(0.6 * table.sizes["period"])
    assert f"{5 * (evaluated - 1):.3f}" in totals[0]


def model_file(folder, **lines):
    """A model file whose parts can be replaced or (with None) left out."""
    parts = {
        "build_model": "def build_model(data):\n    raise AssertionError('must not be reached')",
        "load_history": "import numpy as np\ndef load_history():\n"
        "    return {'x': np.ones((30, 1)), 'y': np.zeros(30), 'period': np.arange(30)}",
        "cost": "cost = 0.1",
    } | lines
    path = folder / "a_model.py"
    path.write_text("\n".join(text for text in parts.values() if text is not None))
    return path


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ({"build_model": None}, [], "build_model"),
        ({"load_history": None}, [], "--history"),
        ({"cost": None}, [], "RetrainingCost"),
        ({"cost": "cost = -1.0"}, [], "cost must be a number"),
        ({}, ["--cost", "-1"], "--cost must be a number"),
        ({}, ["--cost", "nan"], "--cost must be a number"),
        ({}, ["--history", "nothing.csv"], "nothing.csv"),
        ({}, ["--history", "a_model.py"], "a_model.py"),
        ({}, ["--initial", "30"], "initial"),
        ({}, ["--initial", "0"], "initial"),
        ({"load_history": "def load_history():\n    return {'y': [1.0, 2.0]}"}, ["--initial", "1"], "period"),
        ({}, ["--spells", "a_model.py"], "a_model.py"),
    ],
)
def test_bad_input_ends_with_one_clear_line_and_writes_nothing(tmp_path, monkeypatch, lines, options, message):
    path = model_file(tmp_path, **lines)
    monkeypatch.chdir(tmp_path)
    result = run("audit", path, *options, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "error:" in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_model_file_is_named(tmp_path):
    result = run("audit", tmp_path / "missing.py", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "missing.py" in result.stderr


def test_out_must_not_be_a_file(tmp_path):
    target = tmp_path / "taken"
    target.write_text("mine")
    result = run("audit", model_file(tmp_path), "--out", target)
    assert result.exit_code == 1
    assert str(target) in result.stderr
    assert target.read_text() == "mine"


def test_history_from_csv_reaches_the_checks(tmp_path):
    rows = "\n".join(f"{t},{np.sin(t)}" for t in [3, 2, 1, *range(4, 40)])
    (tmp_path / "history.csv").write_text(f"period,y\n{rows}\n")
    result = run(
        "audit", model_file(tmp_path), "--history", tmp_path / "history.csv", "--initial", 5, "--out", tmp_path / "o"
    )
    assert result.exit_code == 1
    assert "out of order" in result.stderr
