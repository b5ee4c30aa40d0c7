"""Alerts, the candidate's check, a registry and a copy, on the ledger of a real folder."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import learning_debt as ld
from learning_debt.errors import CandidateRefusedError, RegistryError
from learning_debt.monitor.alert_outbox import AlertOutbox
from learning_debt.monitor.alerts import send_alerts
from learning_debt.monitor.command_hook import CommandHook
from learning_debt.monitor.state_folder import StateFolder
from learning_debt.monitor.writer_lock import BusyError, writer_lock

ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": str(ROOT / "src")}


def forecaster():
    return ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))


def rows(first, last, slope=2.0, seed=1):
    """Rows of the periods from `first` on, before `last`."""
    rng = np.random.default_rng([seed, first])
    x = rng.normal(size=last - first)
    return {"x": x, "y": slope * x + rng.normal(size=len(x)), "period": np.arange(first, last)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A monitor's folder whose forecaster was right for ten periods and wrong for six."""
    path = tmp_path_factory.mktemp("made") / "sales"
    monitor = ld.Monitor.create(path, forecaster(), rows(0, 30), cost=0.3, policy=ld.policies.CUSUM(0.5), calendar=12)
    monitor.observe(rows(30, 40))
    monitor.observe(rows(40, 46, slope=-4.0))
    return path


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "sales")


def monitor_of(folder):
    return ld.Monitor.open(folder, forecaster())


@pytest.fixture
def told(tmp_path):
    """A hook that adds what it is told to a file, and that file's messages."""
    file = tmp_path / "told"
    program = f"import sys; print(sys.stdin.read(), file=open({str(file)!r}, 'a'))"

    def messages():
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return CommandHook([sys.executable, "-c", program]), messages


def test_an_audit_decides_about_what_served_at_the_last_decision(folder):
    monitor = monitor_of(folder)
    assert monitor.history().attrs["since"] == ""
    before = monitor.audit(calendar=5, split=0.5, resamples=20).decision
    monitor.redeploy(force=True)
    assert monitor.status()["retrains"] == monitor.history().attrs["retrains"] == 1
    assert monitor.history()["retrains"].values[-1] == 0
    after = monitor.audit(calendar=5, split=0.5, resamples=20).decision
    assert (after.deployed_label, after.spell_age, after.verdict) == (29, 16, before.verdict)
    assert monitor.history().attrs["since"].startswith("what was trained after 45 serves")
    monitor.observe(rows(46, 47))
    assert monitor.audit(calendar=5, split=0.5, resamples=20).decision.deployed_label == 45
    assert monitor.history().attrs["since"] == ""


# Alerts


def test_a_new_hook_begins_with_the_newest_decision_and_is_given_each_once(folder, told):
    hook, messages = told
    monitor = monitor_of(folder)
    assert monitor.status()["verdict"] == "retrain"
    for _ in range(3):
        monitor.send_alerts([hook])
    monitor.observe(rows(46, 48, slope=-4.0))
    for _ in range(2):
        monitor.send_alerts([hook])
    labels = [message["data"]["label"] for message in messages()]
    assert labels == [45, 46, 47]
    assert [message["data"]["verdict"] for message in messages()] == ["retrain"] * 3
    receipts = ld.Monitor.open(folder).history()["receipt"].values[-3:].tolist()
    assert [message["id"] for message in messages()] == receipts
    assert {message["data"]["series"] for message in messages()} == {"sales"}


def test_a_hook_that_began_with_a_wait_misses_nothing_after_it(folder, told):
    hook, messages = told
    monitor = monitor_of(folder)
    monitor.redeploy(force=True)
    monitor.observe(rows(46, 47, slope=-4.0))
    assert monitor.status()["verdict"] == "wait"
    monitor.send_alerts([hook])
    monitor.observe(rows(47, 50, slope=9.0))
    monitor.observe(rows(50, 51))
    monitor.send_alerts([hook])
    decided = monitor.history().to_dataframe().tail(5)
    alarming = decided[decided["verdict"] != "wait"]
    assert len(alarming) >= 3
    assert [message["id"] for message in messages()] == alarming["receipt"].tolist()


def test_before_the_first_decision_there_is_nothing_to_send(tmp_path, told):
    hook, messages = told
    monitor = ld.Monitor.create(
        tmp_path / "new", forecaster(), rows(0, 30), cost=0.3, policy=ld.policies.CUSUM(0.5), calendar=12
    )
    assert monitor.send_alerts([hook]) == []
    assert not messages()


def test_deliveries_are_in_the_chain_and_can_be_verified(folder, told):
    monitor = monitor_of(folder)
    before = monitor.status()["head"]
    monitor.send_alerts([told[0]])
    assert monitor.status()["head"] != before
    assert monitor.verify(replay=True, head=before).ok
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        kept = ledger.execute("SELECT hook, series, outcome FROM deliveries ORDER BY number").fetchall()
        everything = " ".join(ledger.iterdump())
    assert kept == [("command", "sales", "began"), ("command", "sales", "delivered")]
    assert sys.executable not in everything  # nothing that would run


def test_a_failing_hook_loses_nothing(folder, told):
    hook, messages = told
    monitor = monitor_of(folder)
    failing = CommandHook([sys.executable, "-c", "raise SystemExit(1)"])
    with pytest.warns(UserWarning, match="'command' did not take the alert about sales: .* exit code 1; the next call"):
        monitor.send_alerts([failing])
    decision = monitor.observe(rows(46, 47, slope=-4.0))
    monitor.send_alerts([hook])
    assert [message["data"]["label"] for message in messages()] == [45, decision.label]
    assert monitor.verify().ok


def test_who_sends_holds_up_nobody_who_observes(folder, told):
    hook, messages = told
    with AlertOutbox(StateFolder(folder)).sending() as alone:
        assert alone
        assert monitor_of(folder).send_alerts([hook]) == []
        monitor_of(folder).observe(rows(46, 47, slope=-4.0))
    monitor_of(folder).send_alerts([hook])
    assert len(messages()) == 1


def test_a_record_waits_for_a_writer_and_then_gives_up(folder, told, monkeypatch):
    hook, messages = told
    monkeypatch.setattr("learning_debt.monitor.alert_outbox.PATIENCE", 0.2)
    monitor = monitor_of(folder)
    monitor.send_alerts([hook])
    monitor.observe(rows(46, 47, slope=-4.0))
    with (
        writer_lock(folder / "writer.lock", "observe"),
        pytest.warns(UserWarning, match="the ledger cannot keep that .another process is writing"),
    ):
        assert monitor.send_alerts([hook]) == []
    assert [one.outcome for one in monitor.send_alerts([hook])] == ["delivered"]
    ids = [message["id"] for message in messages()]
    assert len(ids) == 3
    assert ids[1] == ids[2]


KILLED = """
    import os, signal, sys
    from learning_debt.monitor.alert_outbox import AlertOutbox
    from learning_debt.monitor.alerts import send_alerts
    from learning_debt.monitor.command_hook import CommandHook
    from learning_debt.monitor.state_folder import StateFolder
    outbox = AlertOutbox(StateFolder(sys.argv[1]))
    kept = outbox.record
    outbox.record = lambda one: kept(one) if one.outcome == "began" else os.kill(os.getpid(), signal.SIGKILL)
    send_alerts(outbox, [CommandHook([sys.executable, "-c", sys.argv[2]])])
"""


@pytest.mark.slow
def test_a_process_killed_before_the_record_sends_again_with_the_same_id(folder, told):
    hook, messages = told
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), hook.arguments[2]]
    ended = subprocess.run(
        program,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert ld.Monitor.open(folder).verify().ok
    for _ in range(2):
        send_alerts(AlertOutbox(StateFolder(folder)), [hook])
    ids = [message["id"] for message in messages()]
    assert len(ids) == 2
    assert ids[0] == ids[1]


@pytest.mark.slow
@pytest.mark.integration
def test_killed_at_any_instant_each_decision_arrives_and_counts_once():
    """A part of the count of the benchmark, which says what it looks at."""
    program = [sys.executable, ROOT / "benchmarks" / "monitor_alert_crashes.py", "--kills", "20"]
    done = subprocess.run(program, capture_output=True, text=True, env=os.environ | PATHS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"faults": 0' in done.stdout


SENDS = """
    import sys
    from learning_debt.monitor.alert_outbox import AlertOutbox
    from learning_debt.monitor.alerts import send_alerts
    from learning_debt.monitor.command_hook import CommandHook
    from learning_debt.monitor.state_folder import StateFolder
    outbox, hook = AlertOutbox(StateFolder(sys.argv[1])), CommandHook([sys.executable, "-c", sys.argv[2]])
    while sys.stdin.readline():
        print(len(send_alerts(outbox, [hook])), flush=True)
"""


@pytest.mark.slow
def test_two_processes_that_send_at_once_send_each_decision_once(folder, told):
    hook, messages = told
    monitor = monitor_of(folder)
    monitor.send_alerts([hook])
    program = [sys.executable, "-c", textwrap.dedent(SENDS), str(folder), hook.arguments[2]]
    both = [
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | PATHS)
        for _ in range(2)
    ]
    for week in range(46, 52):
        monitor.observe(rows(week, week + 1, slope=-4.0))
        for each in both:
            each.stdin.write("\n")
            each.stdin.flush()
        assert sum(int(each.stdout.readline()) for each in both) == 1
    for each in both:
        each.stdin.close()
        assert each.wait(60) == 0
        each.stdout.close()
    ids = [message["id"] for message in messages()]
    assert ids == monitor.history()["receipt"].values[-7:].tolist()
    assert monitor.verify(replay=True).ok


def test_a_link_in_place_of_the_lock_is_not_followed(folder, told, tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    (folder / "alerts.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="is a link to another place"):
        monitor_of(folder).send_alerts([told[0]])
    assert (tmp_path / "elsewhere").read_text() == "mine"


# The candidate's check


def test_a_candidate_is_checked_before_it_serves_and_what_was_found_is_recorded(folder):
    monitor = monitor_of(folder)
    check = monitor.check_candidate()
    assert check.passes
    assert check.score_difference.value > 0
    assert check.forecast_shift.value > 0
    assert check.forecast_shift.standard_error == 0
    monitor.redeploy(reason="the slope has turned")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        reason, facts = ledger.execute("SELECT reason, facts FROM entries WHERE kind = 'redeploy'").fetchone()
    assert reason == "the slope has turned"
    kept = json.loads(facts)
    assert kept["forced"] is False
    assert kept["check"]["passes"] is True
    assert kept["check"]["score_difference"]["value"] == check.score_difference.value


def test_a_candidate_that_is_worse_is_refused_and_force_is_recorded(folder, made):
    monitor = monitor_of(folder)
    monitor.redeploy()
    # The slope is what it was before the last two periods, and the deployed posterior has just learned otherwise.
    monitor.rollback(reason="it was a strike")
    monitor.observe(rows(46, 60))
    assert monitor.check_candidate(largest_shift=1e-6).reasons
    head = monitor.status()["head"]
    with pytest.raises(
        CandidateRefusedError, match=r"forecasts have moved .* more than largest_shift=1e-06"
    ) as refused:
        monitor.redeploy(largest_shift=1e-6)
    assert not refused.value.check.passes
    assert monitor.status()["head"] == head
    monitor.redeploy(largest_shift=1e-6, force=True)
    assert monitor.status()["in_service"] == 59
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        (facts,) = ledger.execute("SELECT facts FROM entries WHERE kind = 'redeploy' ORDER BY number DESC").fetchone()
    assert json.loads(facts)["forced"] is True
    assert monitor.verify(replay=True).ok


def test_without_a_forecaster_the_shift_is_not_known(folder):
    monitor = ld.Monitor.open(folder)
    assert "it is not known how far its forecasts have moved" in monitor.check_candidate().notes
    with pytest.raises(ValueError, match="largest_shift needs forecasts: open the monitor with its forecaster"):
        monitor.redeploy(largest_shift=1.0)
    monitor.redeploy()
    assert monitor.status()["in_service"] == 45


# A registry


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    pytest.importorskip("mlflow")
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.mark.slow
def test_a_registry_follows_redeploys_and_rollbacks(folder, store, tmp_path):
    import mlflow

    from learning_debt.monitor.model_registry import MlflowRegistry

    registry = MlflowRegistry("{series}", tracking_uri=store, artifact_location=(tmp_path / "runs").as_uri())
    client = mlflow.MlflowClient(store, store)
    monitor = monitor_of(folder)
    assert monitor.register(registry).new
    monitor.redeploy(reason="the slope has turned", registry=registry)
    serving = client.get_model_version_by_alias("sales", "deployed")
    assert (int(serving.version), serving.tags["trained_after"], serving.tags["reason"]) == (
        2,
        "45",
        "the slope has turned",
    )
    kept = Path(client.download_artifacts(serving.run_id, "posterior", str(tmp_path)))
    (file,) = kept.iterdir()
    assert file.read_bytes() == (folder / "posteriors" / file.name).read_bytes()
    monitor.rollback(registry=registry)
    serving = client.get_model_version_by_alias("sales", "deployed")
    assert (int(serving.version), serving.tags["trained_after"]) == (1, "29")
    assert not monitor.register(registry).new


@pytest.mark.slow
def test_a_registry_that_fails_leaves_the_redeploy_and_says_what_to_repeat(folder, store, tmp_path):
    from learning_debt.monitor.model_registry import MlflowRegistry

    (tmp_path / "file").write_text("no folder")
    dead = MlflowRegistry("sales", tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db")
    monitor = monitor_of(folder)
    with pytest.warns(UserWarning, match=r"deployment stands; repeat with monitor\.register\(registry\)"):
        monitor.redeploy(registry=dead)
    assert monitor.status()["in_service"] == 45
    with pytest.raises(RegistryError):
        monitor.register(dead)
    alive = MlflowRegistry("mended", tracking_uri=store, artifact_location=(tmp_path / "runs").as_uri())
    assert monitor.register(alive).new


# A copy


def test_a_copy_goes_on_like_the_folder(folder, tmp_path):
    monitor = monitor_of(folder)
    copy = monitor.export(tmp_path / "backup" / "sales")
    again = ld.Monitor.open(copy, forecaster())
    assert again.status() == monitor.status()
    assert again.verify(replay=True).ok
    more = rows(46, 48, slope=-4.0)
    ours, theirs = monitor.observe(more), again.observe(more)
    assert ours.expected_regret == theirs.expected_regret
    table = pd.read_csv(copy / "decisions.csv")
    assert table["label"].tolist() == list(range(30, 46))
    assert table["verdict"].tolist()[-1] == "retrain"


def test_a_copy_without_rows_holds_none_and_its_chain_can_be_verified(folder, tmp_path):
    y = [f"{value:.6f}" for value in rows(30, 40)["y"]]
    copy = monitor_of(folder).export(tmp_path / "record", rows=False)
    assert sorted(one.name for one in copy.rglob("*") if one.is_file()) == [
        "decisions.csv",
        "ledger.sqlite",
        "monitor.toml",
    ]
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as ledger:
        everything = " ".join(ledger.iterdump())
    assert not any(value in everything for value in y)
    findings = ld.Monitor.open(copy).verify().findings
    assert findings
    assert all("posteriors/" in one or "data/" in one for one in findings)  # nothing else is missing or changed


@pytest.mark.parametrize("place", ["sales", "sales/inside"])
def test_a_copy_is_made_elsewhere_and_over_nothing(folder, place):
    with pytest.raises(ValueError, match=r"target: .* (is there already|lies within)"):
        monitor_of(folder).export(folder.parent / place)


def test_no_copy_is_made_while_another_process_writes(folder, tmp_path):
    with writer_lock(folder / "writer.lock", "observe"), pytest.raises(BusyError):
        monitor_of(folder).export(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".copy*"))
