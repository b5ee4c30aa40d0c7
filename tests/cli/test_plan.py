"""``learning-debt plan``: the plans of the library, from files, a monitor's folder or numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import learning_debt as ld
from learning_debt.cli import app
from learning_debt.monitor import SeriesMonitors

CURVE = ("--floor", 0.1, "--gain", 0.9, "--curve-rate", 1)
BUDGET = ("--budget", 0.3, "--max-rate", 1)
LAW = ("--durations", "exponential", "--mean", 2)


def run(*arguments):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def told(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    answer = json.loads(line)
    assert (answer["schema"], answer["command"]) == ("learning-debt/plan/1", "plan")
    return answer["data"]


def test_numbers_give_the_librarys_plan():
    data = told(*LAW, *CURVE, *BUDGET, "--shipping-rate", 0.15)
    assert data["plan"]["stop_age"] == pytest.approx(0.71335, abs=1e-5)
    assert data["shipping"]["loss"] == pytest.approx(0.8623, abs=5e-5)
    assert data["durations"] is data["learning_curve"] is data["estimation"] is None
    plain = run(*LAW, *CURVE, *BUDGET, "--shipping-rate", 0.15)
    assert plain.exit_code == 0
    assert "until it is 0.713 periods old" in plain.stdout
    assert "do not ship" in plain.stdout
    kinds = ("--durations", "hyperexponential", "--means", "0.5,10", "--weights", "0.8,0.2")
    assert told(*kinds, *CURVE, "--budget", 0.3, "--max-rate", 5)["plan"]["loss"] == pytest.approx(0.3345, abs=1e-4)
    power = ("--floor", 0.1, "--gain", 0.9, "--curve-exponent", 1)
    assert told("--durations", "weibull", "--shape", 2, "--scale", 2, *power, *BUDGET)["plan"]["kind"] == "front-loaded"


def test_files_are_fitted_and_the_estimation_is_priced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lasted = [14, 9, 22, 17, 11, 19, 6]
    pd.DataFrame({"weeks": lasted, "over": [1] * 6 + [0]}).to_csv("lasted.csv", index=False)
    effort = np.arange(10)
    loss = ld.budget.ExponentialCurve(0.1, 0.9, 0.5).loss(effort)
    pd.DataFrame({"effort": effort, "loss": loss, "error": 0.02}).to_csv("losses.csv", index=False)
    data = told("--durations", "lasted.csv", "--column", "weeks", "--ended", "over", "--curve", "losses.csv", *BUDGET)
    fit = ld.budget.fit_durations(lasted, [True] * 6 + [False])
    assert data["durations"]["law"] == str(fit.duration)
    assert data["durations"]["running"] == 1
    assert data["learning_curve"]["parameters"]["rate"] == pytest.approx(0.5, abs=1e-3)
    assert 0 <= data["estimation"]["mean"] < 0.05
    assert data["plan"]["notes"]


def test_a_monitors_verdicts_are_durations(tmp_path):
    rng = np.random.default_rng(1)
    period = np.arange(90)
    x = rng.normal(size=90)
    sign = np.where((period // 15) % 2, -1.0, 1.0)  # the world turns round every 15 periods
    rows = {"x": x, "y": 4 * sign * x + 0.3 * rng.normal(size=90), "period": period}
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    first = {name: of[:10] for name, of in rows.items()}
    monitor = ld.Monitor.create(
        tmp_path / "live",
        forecaster,
        first,
        policy=ld.policies.CUSUM(1.5),
        cost=0.1,
        calendar=15,
        update_rule=ld.UpdateRule(window=6),
    )
    for one in period[10:]:
        decision = monitor.observe({name: of[one : one + 1] for name, of in rows.items()})
        if decision.verdict == "retrain":
            monitor.redeploy(reason="as decided")
    data = told("--durations", tmp_path / "live", "--shortest", 8, *CURVE, *BUDGET, "--no-estimation")
    assert data["durations"]["concepts"] >= 4
    assert data["durations"]["mean"] == pytest.approx(15, abs=4)


@pytest.mark.slow
@pytest.mark.integration
def test_a_folder_of_many_series_pools_their_durations(tmp_path):
    rng, period = np.random.default_rng(1), np.tile(np.arange(40), 2)
    x = rng.normal(size=80)
    sign = np.where((period // 8) % 2, -1.0, 1.0)
    y = 4 * sign * x + 0.3 * rng.normal(size=80)
    rows = pd.DataFrame({"period": period, "series": np.repeat(["a", "b"], 40), "x": x, "y": y})
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    agreed = {"policy": ld.policies.CUSUM(1.5), "cost": 0.1, "calendar": 9, "update_rule": ld.UpdateRule(window=4)}
    monitors = SeriesMonitors.create(tmp_path / "many", forecaster, rows[rows["period"] < 6], agreed)
    for one in range(6, 40):
        for name, decision in monitors.observe(rows[rows["period"] == one]).items():
            if decision.verdict == "retrain":
                monitors.monitor(name).redeploy(reason="as decided")
    each = [ld.budget.durations_from_ledger(monitors.monitor(name).history(), shortest=4) for name in ("a", "b")]
    data = told("--durations", tmp_path / "many", "--shortest", 4, *CURVE, *BUDGET, "--no-estimation")
    assert data["durations"]["concepts"] == sum(one.sizes["concept"] for one in each) > each[0].sizes["concept"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--durations", "exponential", *CURVE, *BUDGET), "--durations exponential needs --mean"),
        (("--durations", "exponental", *CURVE, *BUDGET), "did you mean exponential?"),
        (("--durations", "none.csv", *CURVE, *BUDGET), "there is no file none.csv"),
        ((*LAW, *BUDGET), "give --curve FILE, or --floor, --gain, --curve-rate"),
        ((*LAW, *CURVE, "--curve-exponent", 1, *BUDGET), "not both"),
        ((*LAW, *CURVE, "--budget", -1, "--max-rate", 1), "budget must be a number that is above 0, not -1"),
        (("--durations", "lasted.csv", *CURVE, *BUDGET), "lasted.csv has no column duration; its columns are weeks"),
        (("--durations", "lasted.csv", "--column", "weeks", "--ended", "weeks", *CURVE, *BUDGET), "must hold true and"),
        (("--durations", "lasted.csv", "--mean", 2, *CURVE, *BUDGET), "--mean belongs to a law by its name"),
        ((*LAW, "--shape", 2, *CURVE, *BUDGET), "--shape belongs to another law"),
        (("--durations", "exponential", "--mean", "inf", *CURVE, *BUDGET), "--mean must be a finite number above 0"),
        (
            ("--durations", "hyperexponential", "--means=1,nan", "--weights=1,1", *CURVE, *BUDGET),
            "--means must be finite",
        ),
    ],
)
def test_what_is_wrong_is_one_line(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"weeks": [14, 9, 22]}).to_csv("lasted.csv", index=False)
    result = run(*arguments)
    assert result.exit_code == 1
    assert not result.stdout
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_missing_is_wrong_usage():
    assert run(*LAW, *CURVE, "--max-rate", 1).exit_code == 2
