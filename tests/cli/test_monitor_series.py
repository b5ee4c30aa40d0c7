"""``learning-debt monitor`` about many series in one folder, and about rows that come late."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import learning_debt as ld
from learning_debt.cli import app
from learning_debt.monitor import SeriesMonitors
from learning_debt.monitor.ledger import opened

MODEL = """
import numpy as np
import learning_debt as ld

forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
cost = 0.3
calendar = 13
resamples = 20
"""
POLICY = "policy = ld.policies.CUSUM(0.5)\n"


def frame(first, last, slopes=None):
    slopes = {"north": 2.0, "south": 2.0} if slopes is None else slopes
    parts = []
    for place, (name, slope) in enumerate(slopes.items()):
        rng = np.random.default_rng([7, first, place])
        x = rng.normal(size=last - first)
        weeks = [f"w{week:03d}" for week in range(first, last)]
        y = slope * x + rng.normal(size=len(x))
        parts.append(pd.DataFrame({"period": weeks, "series": name, "x": x, "y": y}))
    return pd.concat(parts)


def run(*arguments):
    return CliRunner().invoke(app, ["monitor", *map(str, arguments)])


def told(result):
    assert result.exit_code in (0, 10, 20), result.output
    return json.loads(result.stdout)["data"]


def observe(rows, *more):
    rows.to_csv("batch.csv", index=False)
    return run("observe", "states", "batch.csv", "--model", "model.py", *more)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY)
    frame(0, 30).to_csv("history.csv", index=False)
    done = run("init", "states", "--model", "model.py", "--history", "history.csv", "--json")
    assert [(one["series"], one["last_label"]) for one in told(done)] == [("north", "w029"), ("south", "w029")]
    return tmp_path


def test_one_decision_each_and_the_most_urgent_is_the_exit_code(home):
    done = observe(frame(30, 37, {"north": 2.0, "south": -6.0}), "--json")
    assert done.exit_code == 10
    assert [(one["series"], one["verdict"]) for one in told(done)] == [("north", "wait"), ("south", "retrain")]
    assert [one["moved"] is None for one in told(done)] == [True, False]
    status = run("status", "states")
    assert status.exit_code == 10
    assert "south, w036: retrain" in status.stdout
    assert run("status", "states", "--series", "north").exit_code == 0
    assert observe(frame(37, 38, {"north": 2.0})).exit_code == 0
    assert "series='north'" not in run("metrics", "states").stdout
    assert 'learning_debt_verdict{series="south",verdict="retrain"} 1' in run("metrics", "states").stdout


def test_what_is_of_one_series_asks_which(home):
    observe(frame(30, 32))
    for arguments in (("history",), ("explain",), ("redeploy", "--model", "model.py"), ("rollback",)):
        done = run(arguments[0], "states", *arguments[1:])
        assert done.exit_code == 1
        assert "states holds 2 series: say which one with --series; there are north, south" in done.stderr
        wrong = run(arguments[0], "states", *arguments[1:], "--series", "east")
        assert "there is no series east" in wrong.stderr
    assert len(told(run("history", "states", "--series", "south", "--json"))) == 2
    assert "w031" in run("explain", "states", "--series", "south", "--model", "model.py").stdout
    done = run("redeploy", "states", "--model", "model.py", "--series", "south", "--json")
    assert (told(done)["series"], told(done)["in_service"]) == ("south", "w031")
    assert told(run("rollback", "states", "--series", "south", "--json"))["in_service"] == "w029"
    assert told(run("status", "states", "--json"))[0]["in_service"] == "w029"


def test_all_of_them_are_verified_and_copied(home):
    observe(frame(30, 32))
    found = told(run("verify", "states", "--replay", "--model", "model.py", "--json"))
    assert [(one["series"], one["findings"], one["replayed"]) for one in found] == [
        ("north", [], True), ("south", [], True),
    ]  # fmt: skip
    assert run("export", "states", "--out", "copy").exit_code == 0
    assert [one["series"] for one in told(run("status", "copy", "--json"))] == ["north", "south"]
    names = json.loads(Path("copy/series.json").read_text())
    Path("copy/series.json").write_text(json.dumps(names[::-1]))
    done = run("status", "copy")
    assert done.exit_code == 1
    assert "its ledger that it is of north" in done.stderr
    file = next(Path("states/00001/data").iterdir())
    file.write_bytes(b"other")
    done = run("verify", "states")
    assert done.exit_code == 3
    assert "south: changed" in done.stdout
    assert "north: as it was written" in done.stdout
    assert run("verify", "states", "--series", "north").exit_code == 0


def test_of_one_series_there_is_nothing_to_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY)
    frame(0, 30, {"north": 2.0}).to_csv("history.csv", index=False)
    assert run("init", "state", "--model", "model.py", "--history", "history.csv").exit_code == 0
    assert "state is of one series; leave the option out" in run("history", "state", "--series", "north").stderr


@pytest.mark.slow
def test_an_audit_of_all_series_chooses_the_policy_of_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + "policies = {'recommended': None}\n")
    rows = frame(0, 30)
    rows.to_csv("history.csv", index=False)
    done = run("init", "states", "--model", "model.py", "--history", "history.csv")
    assert done.exit_code == 0, done.output
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    spells = ld.spell_table(forecaster, rows, initial=10, random_seed=1, progressbar=False)
    audit = ld.audit(spells, 0.3, calendar=13, resamples=20, policies={"recommended": None})
    monitors = SeriesMonitors.open("states", forecaster)
    for label in monitors.labels:
        decision, again = monitors.monitor(label).history().isel(period=-1), audit.decisions[label]
        assert (decision["verdict"], decision["deployed_label"]) == (again.verdict, again.deployed_label)
        assert decision["expected_regret"].item() == pytest.approx(again.expected_regret.value, rel=1e-6)


def test_late_and_revised_rows_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY)
    rows = frame(0, 30, {"north": 2.0}).drop(columns="series")
    rows.assign(arrived=rows["period"], row="a").to_csv("history.csv", index=False)
    assert run("init", "states", "--model", "model.py", "--history", "history.csv", "--late", "3").exit_code == 0
    batch = frame(30, 33, {"north": 2.0}).drop(columns="series").assign(row="a")
    batch = batch.assign(arrived=batch["period"])
    revised = batch.iloc[[0]].assign(arrived="w032", y=9.0)
    late = batch.iloc[[1]].assign(arrived="w032", row="b", y=1.0)
    done = observe(pd.concat([batch, revised, late]).sort_values("period", kind="stable"), "--json")
    assert told(done)["label"] == "w032"
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    held = pd.concat([rows, batch.iloc[1:], late, revised])
    expected = forecaster.fit({"x": held["x"].values, "y": held["y"].values})
    monitor = ld.Monitor.open("states", forecaster)
    with opened(monitor.path / "ledger.sqlite") as ledger:
        (shadow,) = monitor._session.posteriors_of(ledger, [3])
    np.testing.assert_allclose(shadow.mean, expected.mean)
    assert run("verify", "states", "--replay", "--model", "model.py").exit_code == 0
    early = batch.iloc[[2]].assign(arrived="w033", period="w029", row="z")
    own = batch.iloc[[2]].assign(arrived="w033", period="w033")
    done = observe(pd.concat([early, own]))
    assert done.exit_code == 1
    assert "is more than 3 periods before" in done.stderr
