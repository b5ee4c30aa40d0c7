"""``learning-debt monitor`` as a scheduler calls it: exit codes, files of every kind, JSON, alerts, a wrong model."""

import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from typer.testing import CliRunner

import learning_debt as ld
from learning_debt.cli import app
from learning_debt.monitor.live_session import LiveSession

MODEL = '''
"""Weekly sales by a regression."""
import numpy as np
import learning_debt as ld

def load_history():
    rng = np.random.default_rng(1)
    x, week = rng.normal(size=40), np.arange(40)
    return {"x": x, "y": 2 * x + rng.normal(size=40), "period": [f"w{one:03d}" for one in week]}

forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
cost = 0.3
calendar = 13
'''
POLICY = "policy = ld.policies.CUSUM(0.5)\n"
DOCS = Path(__file__).parents[2] / "docs"


def frame(first, last, slope=2.0):
    rng = np.random.default_rng([7, first])
    x = rng.normal(size=last - first)
    weeks = [f"w{week:03d}" for week in range(first, last)]
    return pd.DataFrame({"period": weeks, "x": x, "y": slope * x + rng.normal(size=len(x))})


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, ["monitor", *map(str, arguments)], input=stdin)


def told(result):
    """The one JSON object of a command's standard output."""
    (line,) = result.stdout.splitlines()
    answer = json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert answer["schema"] == "learning-debt/monitor/1"
    return answer["data"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model file and a monitor of ten quiet weeks."""
    home = tmp_path_factory.mktemp("made")
    (home / "model.py").write_text(MODEL + POLICY)
    frame(40, 50).to_csv(home / "quiet.csv", index=False)
    assert run("init", home / "state", "--model", home / "model.py").exit_code == 0
    assert run("observe", home / "state", home / "quiet.csv", "--model", home / "model.py").exit_code == 0
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def observe(name, rows, *more, **options):
    rows.to_csv(name, index=False)
    return run("observe", "state", name, "--model", "model.py", *more, **options)


# Making one


def test_init_walks_through_the_periods_since_the_last_retrain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY)
    done = run("init", "state", "--model", "model.py", "--last-retrain", "w029", "--json")
    assert done.exit_code == 0, done.output
    status = told(done)
    assert (status["in_service"], status["label"], status["period"]) == ("w029", "w039", 10)
    assert (status["cost"], status["policy"]) == (0.3, "CUSUM(0.5)")
    assert "the policy is the one that the file names" in done.stderr


def test_init_says_what_serves_and_which_policy_decides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY)
    first, line = run("init", "state", "--model", "model.py", "--last-retrain", "w029").stdout.splitlines()
    assert first == "model.py: forecaster, a ConjugateRegression; the policy is the one that the file names"
    assert line == "state: what was trained after w029 serves; from the period after w039 on CUSUM(0.5) decides"


def test_init_takes_the_policy_of_an_audit_where_the_file_names_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + "resamples = 20\n")
    frame(0, 40).to_csv("history.csv", index=False)
    options = ("--history", "history.csv", "--cost", "0.5", "--calendar", "8", "--last-retrain", "w029")
    done = run("init", "state", "--model", "model.py", *options)
    assert done.exit_code == 0, done.output
    assert "an audit of the history chooses the policy" in done.output
    assert "the recommended policy decides" in done.stdout
    status = ld.Monitor.open("state").status()
    assert (status["in_service"], status["cost"], status["period"]) == ("w029", 0.5, 10)


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ("cost = None\n", (), "set cost in model.py, or give --cost"),
        ("calendar = None\n", (), "say how often you retrain: --calendar N"),
        ("", ("--last-retrain", "w999"), "w999"),
        ("", ("--history", "nothing.csv"), "there is no file nothing.csv"),
        ("", ("--cost", "-1"), "--cost must be"),
    ],
)
def test_init_refuses_before_it_makes_anything(tmp_path, monkeypatch, lines, options, message):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY + lines)
    done = run("init", "state", "--model", "model.py", *options)
    assert done.exit_code == 1
    assert message in done.stderr
    assert not Path("state").exists()


def test_init_that_is_cut_short_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL + POLICY)
    record, left = LiveSession._record, [4]

    def interrupted(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return record(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(LiveSession, "_record", interrupted)
        done = run("init", "state", "--model", "model.py", "--last-retrain", "w029")
    assert done.exit_code == 130
    assert [one.name for one in Path().iterdir() if "state" in one.name] == []
    assert run("init", "state", "--model", "model.py", "--last-retrain", "w029").exit_code == 0
    assert ld.Monitor.open("state").status()["in_service"] == "w029"


def test_init_leaves_a_folder_that_is_there_alone(home):
    before = sorted((one.name, one.stat().st_mtime_ns) for one in Path("state").rglob("*"))
    done = run("init", "state", "--model", "model.py")
    assert done.exit_code == 1
    assert "is there already" in done.stderr
    assert sorted((one.name, one.stat().st_mtime_ns) for one in Path("state").rglob("*")) == before


# Exit codes


def test_the_exit_code_is_the_verdict(home):
    assert observe("a.csv", frame(50, 51)).exit_code == 0
    done = observe("b.csv", frame(51, 58, slope=-6.0))
    assert done.exit_code == 10, done.output
    assert "state, w057: retrain" in done.stdout
    assert observe("b.csv", frame(51, 58, slope=-6.0), "--exit-zero").exit_code == 0
    assert run("status", "state").exit_code == 10
    assert run("status", "state", "--exit-zero").exit_code == 0
    assert run("status", "state", "nowhere").exit_code == 1


def test_of_several_folders_the_most_urgent_verdict_counts(home):
    shutil.copytree("state", "other")
    observe("b.csv", frame(50, 57, slope=-6.0))
    done = run("status", "other", "state", "--json")
    assert done.exit_code == 10
    assert [(one["series"], one["verdict"]) for one in told(done)] == [("other", "wait"), ("state", "retrain")]


def test_cannot_tell_is_twenty(home, monkeypatch):
    status = ld.Monitor.open("state").status()
    monkeypatch.setattr(ld.Monitor, "status", lambda _: status | {"verdict": "cannot tell"})
    assert run("status", "state").exit_code == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("observe", "state", "nothing.csv", "--model", "model.py"), "BATCH: there is no file nothing.csv"),
        (("observe", "state", "quiet.csv", "--model", "no.py"), "there is no file no.py"),
        (("observe", "nowhere", "quiet.csv", "--model", "model.py"), "nowhere is no folder of a monitor"),
        (("observe", "state", "model.py", "--model", "model.py"), "BATCH must be a .csv"),
        (("observe", "state", "-", "--model", "model.py", "--format", "xlsx"), "--format must be one of 'csv'"),
        (("observe", "state", "-", "--model", "model.py"), "BATCH: standard input is empty"),
        (("status", "nowhere"), "is no folder of a monitor"),
        (("explain", "state", "w999"), "w999"),
        (("rollback", "state"), "there is nothing to go back to"),
        (("verify", "state", "--replay"), "--replay works decisions out again and needs --model"),
        (("export", "state", "--out", "state"), "is there already"),
        (("status", "state", "--webhook", "ftp://a"), "url must be an http or https address"),
        (("status", "state", "--secret-variable", "NOT_THERE"), "--secret-variable signs posts"),
        (("status", "state", "--cooldown", "5"), "--cooldown is of alerts"),
        (("status", "state", "--command", "'"), "--command: No closing quotation"),
        (("status", "state", "--command", "no-such-program"), "there is no program 'no-such-program'"),
        (("status", "state", "--mlflow-uri", "sqlite:///a"), "give --mlflow NAME as well"),
    ],
)
def test_an_error_is_one_line_and_exit_code_one(home, arguments, message):
    head = ld.Monitor.open("state").status()["head"]
    done = run(*arguments)
    assert done.exit_code == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    assert ld.Monitor.open("state").status()["head"] == head


def test_another_model_is_refused_and_nothing_changes(home):
    Path("other.py").write_text((MODEL + POLICY).replace("NIG(0.0, 1.0", "NIG(0.0, 3.0"))
    head = ld.Monitor.open("state").status()["head"]
    frame(50, 51).to_csv("a.csv", index=False)
    done = run("observe", "state", "a.csv", "--model", "other.py")
    assert done.exit_code == 1
    assert "is of the forecaster" in done.stderr
    assert ld.Monitor.open("state").status()["head"] == head


# What it reads


def test_a_batch_comes_from_csv_parquet_netcdf_and_standard_input(home):
    pytest.importorskip("pyarrow")
    rows = frame(50, 51)
    rows.to_csv("a.csv", index=False)
    rows.to_parquet("a.parquet")
    rows.to_xarray().rename(index="obs").drop_vars("obs").to_netcdf("a.nc", engine="h5netcdf")
    found = []
    for number, batch in enumerate(("a.csv", "a.parquet", "a.nc", "-", "-")):
        state = shutil.copytree("state", f"state{number}")
        stdin = Path("a.nc").read_bytes() if number == 4 else Path("a.csv").read_bytes()
        kind = ("--format", "netcdf") if number == 4 else ()
        done = run("observe", state, batch, "--model", "model.py", "--json", *kind, stdin=stdin)
        assert done.exit_code == 0, done.output
        found.append({name: told(done)[name] for name in ("label", "expected_regret", "debt")})
    assert all(one == found[0] for one in found)
    assert found[0]["label"] == "w050"


def test_the_same_batch_twice_changes_nothing(home):
    first = told(observe("a.csv", frame(50, 52), "--json"))
    again = told(observe("a.csv", frame(50, 52), "--json"))
    assert first == again


def test_values_that_no_model_takes_are_refused(home):
    head = ld.Monitor.open("state").status()["head"]
    done = observe("a.csv", frame(50, 51).assign(x=np.nan))
    assert done.exit_code == 1
    assert "'x'" in done.stderr
    assert ld.Monitor.open("state").status()["head"] == head


@pytest.mark.parametrize(
    ("periods", "texts"),
    [
        ("pd.date_range('2024-01-01', periods=40, freq='W-MON')", ["2024-10-07", "2024-10-14"]),
        ("pd.period_range('2021-01', periods=40, freq='M')", ["2024-05", "2024-06"]),
        ("np.arange(40)", ["40", "41"]),
    ],
    ids=["dates", "months", "numbers"],
)
def test_text_means_the_label_that_it_would_be_in_the_history(tmp_path, monkeypatch, periods, texts):
    monkeypatch.chdir(tmp_path)
    model = (
        (MODEL + POLICY)
        .replace('[f"w{one:03d}" for one in week]', periods)
        .replace("import numpy", "import pandas as pd, numpy")
    )
    Path("model.py").write_text(model)
    assert run("init", "state", "--model", "model.py").exit_code == 0
    done = observe("a.csv", frame(40, 42).assign(period=texts))
    assert done.exit_code == 0, done.output
    assert texts[1] in done.stdout
    assert texts[0] in run("explain", "state", texts[0]).stdout
    (first,) = told(run("status", "state", "--json"))["rollback_to"] or ["none"]
    assert first == "none"
    assert run("redeploy", "state", "--model", "model.py").exit_code == 0
    (back,) = told(run("status", "state", "--json"))["rollback_to"]
    assert told(run("rollback", "state", "--to", back, "--json"))["in_service"] == back
    if periods != "np.arange(40)":
        done = observe("b.csv", frame(42, 43).assign(period="next week"))
        assert done.exit_code == 1
        assert "BATCH, column period: 'next week' is no" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("period,x,y\n", "BATCH: standard input holds a header and no rows"),
        (
            "period,x,y\n07/10/2024,1,2\n",
            "BATCH: column 'period' of standard input, row 2: 07/10/2024 begins with the day",
        ),
        ("period,x,y\nw050,1\n", "BATCH: "),
        ("\0\0", "BATCH: standard input holds zero bytes"),
    ],
)
def test_what_is_wrong_with_standard_input_is_said_of_it(home, content, message):
    done = run("observe", "state", "-", "--model", "model.py", stdin=content)
    assert done.exit_code == 1
    assert message in done.stderr
    assert "/tmp" not in done.stderr
    assert "--history" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_batch_may_come_from_a_pipe_as_of_a_shell(home):
    os.mkfifo("pipe")
    rows = frame(50, 51).to_csv(index=False)
    with ThreadPoolExecutor() as other:
        written = other.submit(Path("pipe").write_text, rows)
        done = run("observe", "state", "pipe", "--model", "model.py", "--json")
        assert written.result() == len(rows)
    assert told(done)["label"] == "w050"
    refused = run("init", "new", "--model", "model.py", "--history", "pipe")
    assert "--history: pipe is a pipe, which can be read once only; write the rows to a file first" in refused.stderr
    assert "BATCH: . is a folder" in run("observe", "state", ".", "--model", "model.py").stderr


def test_a_column_that_is_not_there_is_said_before_anything_is_recorded(home):
    refused = observe("a.csv", frame(50, 51), "--by", "shop")
    assert refused.exit_code == 1
    assert "--by: the rows have no column 'shop'; they have period, x, y" in refused.stderr
    assert told(run("status", "state", "--json"))["label"] == "w049"


# What it says


def test_it_names_what_moved_unless_it_is_to_wait(home):
    quiet, turned = frame(50, 51), frame(51, 58, slope=-6.0)
    assert told(observe("a.csv", quiet, "--json"))["moved"] is None
    moved = told(observe("b.csv", turned, "--json"))["moved"]
    assert {one["name"] for one in moved["blocks"]} == {"coefficients[0]", "variance"}
    assert all(one["standard_error"] == 0 and one["value"] > 0 for one in moved["blocks"])
    said = run("explain", "state", "--model", "model.py", "--by", "x")
    assert said.exit_code == 0, said.output
    assert "Moved most since w039, by parameter, in nats: " in said.stdout
    (groups,) = re.findall(r"by x, in nats: (.*)\.", said.stdout)
    assert all(len(one.split()[0]) <= len("-0.0001234") for one in groups.split(", "))  # not sixteen digits
    assert "needs --model" in run("explain", "state", "--by", "x").stderr
    assert "have no column 'shop'" in run("explain", "state", "--model", "model.py", "--by", "shop").stderr


def test_json_is_one_object_and_all_else_is_on_standard_error(home):
    Path("model.py").write_text(
        MODEL + POLICY + "calender = 3\nprint('hello from the model file', file=__import__('sys').stderr)\n"
    )
    done = observe("a.csv", frame(50, 51), "--json")
    status = told(done)
    assert "did you mean 'calendar'" in done.stderr
    for name in ("verdict", "reason", "expected_regret", "probability", "cost", "unit", "receipt", "head", "doubts"):
        assert name in status
    assert status["series"] == "state"


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "state"),
        ("history", "state"),
        ("explain", "state"),
        ("explain", "state", "w045"),
        ("verify", "state"),
        ("verify", "state", "--replay", "--model", "model.py"),
        ("metrics", "state"),
        ("export", "state", "--out", "copy"),
        ("redeploy", "state", "--model", "model.py"),
    ],
    ids=lambda arguments: " ".join(arguments[::2]),
)
def test_every_command_has_json_and_text(home, arguments):
    shutil.copytree(home / "state", home / "spare")
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["command"] == arguments[0]
    assert told(done)
    again = [("copy2" if part == "copy" else "spare" if part == "state" else part) for part in arguments]
    said = run(*again)
    assert said.exit_code == 0, said.output
    assert said.stdout
    assert not said.stdout.startswith("{")


@pytest.mark.slow
def test_the_report_audits_what_was_observed(home):
    few = run("report", "state", "--model", "model.py")
    assert few.exit_code == 1
    assert "at least 8 each are needed" in few.stderr
    assert not Path("report").exists()
    observe("a.csv", frame(50, 70))
    done = run("report", "state", "--model", "model.py", "--calendar", "13", "--json")
    assert done.exit_code == 0, done.output
    assert "Calendar(13)" in Path(told(done)["page"]).read_text()


@pytest.mark.slow
def test_a_report_after_a_redeploy_is_about_what_served_and_says_so(home):
    observe("a.csv", frame(50, 70, slope=0.0))
    assert run("redeploy", "state", "--model", "model.py", "--force").exit_code == 0
    done = run("report", "state", "--model", "model.py", "--calendar", "13", "--no-what-if")
    assert done.exit_code == 0, done.output
    assert "decides by the recommended policy, as an audit does; what CUSUM(0.5) said" in done.stdout
    page = Path("report/report.html").read_text()
    since = "what was trained after w069 serves since then, and no outcomes have come in since"
    assert page.count(since) == 2, "under the title and in the log"
    assert "trained after w039, in service for 30 periods" in page
    observe("b.csv", frame(70, 71))
    run("report", "state", "--model", "model.py", "--no-what-if")
    assert "serves since then" not in Path("report/report.html").read_text()


def test_history_lists_the_decisions(home):
    records = told(run("history", "state", "--json"))
    assert [one["label"] for one in records] == [f"w{week:03d}" for week in range(40, 50)]
    assert {one["verdict"] for one in records} == {"wait"}
    last = run("history", "state", "--last", 3).stdout
    assert "w047" in last
    assert "w046" not in last


def test_metrics_are_open_metrics_of_several_folders_in_one_file(home):
    shutil.copytree("state", "other")
    done = run("metrics", "state", "other", "--out", "forecasts.prom")
    assert done.exit_code == 0
    assert done.stdout == ""
    text = Path("forecasts.prom").read_text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    ages = {sample.labels["series"]: sample.value for sample in families["learning_debt_spell_age_periods"].samples}
    assert ages == {"state": 10, "other": 10}
    assert run("metrics", "state", "other").stdout == text
    assert [one.name for one in Path().iterdir() if "prom" in one.name] == ["forecasts.prom"]
    (home / "elsewhere").mkdir()
    shutil.copytree("state", "elsewhere/state")
    assert "two folders or series have the same name" in run("metrics", "state", "elsewhere/state").stderr


# What the owner does


def test_redeploy_and_rollback(home):
    observe("b.csv", frame(50, 57, slope=-6.0))
    done = run("redeploy", "state", "--model", "model.py", "--reason", "the slope has turned", "--json")
    assert done.exit_code == 0, done.output
    answer = told(done)
    assert answer["deployed"] is True
    assert answer["check"]["passes"] is True
    assert answer["in_service"] == "w056"
    assert run("status", "state").exit_code == 0
    back = told(run("rollback", "state", "--to", "w039", "--reason", "it was a strike", "--json"))
    assert back["in_service"] == "w039"


def test_a_candidate_that_does_not_pass_ends_in_three(home):
    observe("b.csv", frame(50, 57, slope=-6.0))
    options = ("--model", "model.py", "--largest-shift", "0.001")
    done = run("redeploy", "state", *options)
    assert done.exit_code == 3
    assert "not put into service: the candidate does not pass: its forecasts have moved by" in done.stdout
    assert ld.Monitor.open("state").status()["in_service"] == "w039"
    assert told(run("redeploy", "state", *options, "--json"))["deployed"] is False
    forced = told(run("redeploy", "state", *options, "--force", "--json"))
    assert (forced["deployed"], forced["check"]["passes"]) == (True, False)


@pytest.mark.slow
def test_mlflow_follows_and_a_dead_store_leaves_the_redeploy(home):
    pytest.importorskip("mlflow")
    observe("b.csv", frame(50, 57, slope=-6.0))
    Path("file").write_text("no folder")
    dead = ("--mlflow", "sales", "--mlflow-uri", f"sqlite:///{home}/file/mlflow.db")
    done = run("redeploy", "state", "--model", "model.py", *dead)
    assert done.exit_code == 1
    assert "deployment stands" in done.stderr
    assert "repeat with: learning-debt monitor status state --mlflow sales" in done.stderr
    assert ld.Monitor.open("state").status()["in_service"] == "w056"
    alive = ("--mlflow", "sales", "--mlflow-uri", f"sqlite:///{home}/mlflow.db")
    for _ in range(2):
        done = run("status", "state", *alive)
        assert done.exit_code == 0, done.output
        assert "MLflow: sales version 1 is deployed" in done.stderr
    done = run("rollback", "state", *alive)
    assert "MLflow: sales version 2 is deployed" in done.stderr


def test_verify_finds_a_changed_value_and_another_head(home):
    head = told(run("verify", "state", "--json"))["head"]
    observe("a.csv", frame(50, 51))
    assert run("verify", "state", "--head", head).exit_code == 0
    assert run("verify", "state", "--head", "0" * 64).exit_code == 3
    with closing(sqlite3.connect("state/ledger.sqlite")) as ledger, ledger:
        ledger.execute("DROP TRIGGER decisions_update")
        ledger.execute("UPDATE decisions SET verdict = 'retrain' WHERE period = 3")
    done = run("verify", "state", "--json")
    assert done.exit_code == 3
    assert told(done)["findings"]


@pytest.mark.filterwarnings("default:.*did not take the alert:UserWarning")
def test_alerts_are_sent_once_and_a_dead_one_does_not_change_the_exit_code(home):
    Path("hook.py").write_text("import sys; print(sys.stdin.read(), file=open('told', 'a'))")
    command = ("--command", shlex.join([sys.executable, "hook.py"]))
    assert observe("b.csv", frame(50, 57, slope=-6.0), *command).exit_code == 10
    assert run("status", "state", *command).exit_code == 10
    (line,) = Path("told").read_text().splitlines()
    assert json.loads(line)["data"]["verdict"] == "retrain"
    assert json.loads(line)["data"]["series"] == "state"
    done = observe("c.csv", frame(57, 58, slope=-6.0), "--webhook", "http://127.0.0.1:9/hidden")
    assert done.exit_code == 10
    assert "did not take the alert" in done.stderr
    assert "hidden" not in done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("default:.*did not take the alert:UserWarning")
def test_a_dead_hook_costs_its_time_once_for_all_folders(home, monkeypatch):
    observe("b.csv", frame(50, 57, slope=-6.0))
    for name in "abcdef":
        shutil.copytree("state", name)
    monkeypatch.setattr("learning_debt.cli.monitor_hooks.ALERT_SECONDS", 1.0)
    command = ("--command", shlex.join([sys.executable, "-c", "import time; time.sleep(60)"]))
    begun = time.monotonic()
    done = run("status", *"abcdef", *command)
    assert done.exit_code == 10
    assert "no time was left for all folders" in done.stderr
    assert time.monotonic() - begun < 10


# Help, and the docs


def commands():
    return typer.main.get_command(app).commands["monitor"]


def test_help_says_what_a_scheduler_needs(home):
    names = commands().list_commands(None)
    assert " ".join(names) == "init observe redeploy rollback status history explain verify report metrics export"
    said = re.sub(r"\s+", " ", run("observe", "--help").stdout)
    assert "10 for retrain, 20 where it cannot tell, 1 for an error" in said


DOCUMENTED = [
    (page.name, line)
    for page in sorted(DOCS.glob("monitor*.md"))
    for line in re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8")).splitlines()
    if "learning-debt monitor " in line
]


@pytest.mark.parametrize(("page", "line"), DOCUMENTED)
def test_commands_in_the_docs_exist_with_their_options(page, line):
    for words in re.findall(r"learning-debt monitor (\w+)([^`|;>\n]*)", line):
        command = commands().get_command(None, words[0])
        assert command is not None, f"{page}: {words[0]}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", words[1])) <= known, f"{page}: {line}"


def test_metrics_in_the_docs_exist(home):
    text = (DOCS / "monitor-operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"learning_debt_\w+(?=\{| )", "\n".join(re.findall(r"expr: (.*)", text))))
    assert len(named) == 2
    written = run("metrics", "state").stdout
    assert all(f"# TYPE {name} gauge" in written for name in named)


DATA = {
    "status": {"series", "verdict", "reason", "expected_regret", "probability", "cost", "unit", "in_service", "head"},
    "explain": {"text", "moved"},
    "redeploy": {"deployed", "check", "in_service"},
    "verify": {"findings", "head", "entries", "replayed"},
    "metrics": {"text"},
}


@pytest.mark.parametrize("command", DATA)
def test_keys_of_json_that_the_docs_name_are_there(home, command):
    answer = told(run(command, "state", "--json", *(("--model", "model.py") if command == "redeploy" else ())))
    assert set(answer) >= DATA[command]
    if command == "redeploy":
        named = {"passes", "reasons", "notes", "score_difference", "score_bounds", "forecast_shift"}
        assert set(answer["check"]) >= named


@pytest.mark.slow
def test_it_runs_as_a_program(home):
    frame(50, 57, slope=-6.0).to_csv("b.csv", index=False)
    program = [
        sys.executable,
        "-m",
        "learning_debt",
        "monitor",
        "observe",
        "state",
        "-",
        "--model",
        "model.py",
        "--json",
    ]
    with open("b.csv", "rb") as rows:
        done = subprocess.run(program, stdin=rows, capture_output=True, env=os.environ, check=False)
    assert done.returncode == 10, done.stderr
    assert json.load(io.BytesIO(done.stdout))["data"]["verdict"] == "retrain"
