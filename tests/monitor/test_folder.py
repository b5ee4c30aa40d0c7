"""The folder of a monitor: whole after a crash, found out when changed, of one writer, and nothing beyond itself."""

import errno
import json
import multiprocessing
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import learning_debt as ld
from learning_debt.monitor import BusyError, verify_folder
from learning_debt.monitor.live_session import LiveSession
from learning_debt.monitor.state_folder import StateFolder
from learning_debt.monitor.writer_lock import writer_lock

from .a_monitor import AGREED, FORECASTER, INITIAL, contents, history, made, part, walked

ROWS = history()
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def walked_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitor") / "state"
    monitor = made(folder, ROWS, retained=6)
    walked(monitor, ROWS, stop=INITIAL + 6)
    monitor.redeploy(reason="spring")
    monitor.decline(reason="holidays")
    return folder


@pytest.fixture
def folder(walked_folder, tmp_path):
    return shutil.copytree(walked_folder, tmp_path / "state")


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    ("program", "counted", "count"),
    [
        ("crashes", "--kills", "40"),
        ("changes", "--changes", "80"),
        ("batches", "--batches", "400"),
        ("writers", "--times", "5"),
    ],
)
def test_nothing_is_lost_and_no_change_unseen(program, counted, count):
    """A twentieth of the counts of the benchmarks, which say what they look at."""
    run = subprocess.run(
        [sys.executable, BENCHMARKS / f"monitor_{program}.py", counted, count], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout[: run.stdout.index("}\n\n") + 1])["faults"] == 0


def tampered(folder, statement):
    """Change the ledger as its triggers do not let it be, and put them back."""
    rows = sqlite3.connect(folder / "ledger.sqlite")
    triggers = rows.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        rows.execute(f"DROP TRIGGER {name}")
    rows.execute(statement)
    for _, sql in triggers:
        rows.execute(sql)
    rows.commit()
    rows.close()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE decisions SET verdict = 'retrain' WHERE period = 2", "decisions: column verdict of row period 2"),
        ("UPDATE decisions SET cost = 0.2999 WHERE period = 3", "decisions: column cost of row period 3"),
        (
            "UPDATE signals SET debt = debt + 1e-15 WHERE period = 4 AND deployed_at = 0",
            "signals: column debt of row deployed_at 0, period 4",
        ),
        ("UPDATE periods SET label = '[99, \"<i8\", {}]' WHERE number = 1", "periods: column label of row number 1"),
        ("UPDATE files SET bytes = 1 WHERE name LIKE 'data/000002%'", "files: column bytes of row name data/000002"),
        ("UPDATE deployments SET posterior = 1 WHERE number = 1", "deployments: column posterior of row number 1"),
        ("UPDATE entries SET reason = 'autumn' WHERE reason = 'spring'", r"entries: row 7 \(redeploy\)"),
        ("UPDATE entries SET receipt = '0' WHERE number = 3", "entries: column receipt of row 3"),
        ("UPDATE signals SET digests = '0' WHERE period = 2", "signals: column"),
        ("DELETE FROM signals WHERE period = 2 AND deployed_at = 1", r"entries: row 2 \(observe\)"),
        ("DELETE FROM entries WHERE number = 4", "entries: entry 4 is not there"),
        ("CREATE VIEW spy AS SELECT * FROM decisions", "table, view or trigger spy that no monitor makes"),
        ("DROP INDEX signals_period", "signals_period was changed"),
    ],
)
def test_what_was_changed_in_the_ledger_is_named(folder, statement, named):
    assert verify_folder(folder).ok
    tampered(folder, statement)
    found = verify_folder(folder)
    assert not found.ok
    assert any(re.search(named, one) for one in found.findings), found


@pytest.mark.parametrize("name", ["posteriors/*", "data/*", "monitor.toml"])
def test_a_changed_or_missing_file_is_named(folder, name):
    file = sorted(folder.glob(name))[0]
    shown = str(file.relative_to(folder))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert verify_folder(folder).findings == (f"file {shown} was changed",)
    if shown == "monitor.toml":
        with pytest.raises(ValueError, match="was changed after the monitor was made"):
            ld.Monitor.open(folder)
    else:
        file.unlink()
        assert f"file {shown} cannot be read" in str(verify_folder(folder))


@pytest.mark.parametrize("how", ["another", "half", "none"])
def test_what_is_not_what_was_written_is_not_gone_on_with(folder, how):
    """Not even another posterior of the same kind, from which a decision could be worked out."""
    files = sorted((folder / "posteriors").iterdir())
    content = {"another": files[1].read_bytes(), "half": files[0].read_bytes()[:700], "none": None}[how]
    files[0].unlink()
    if content is not None:
        files[0].write_bytes(content)
    before, said = contents(folder), "is not there" if how == "none" else "was changed after it was written"
    with pytest.raises((ValueError, FileNotFoundError), match=f"{files[0].name} {said}"):
        ld.Monitor.open(folder, FORECASTER).observe(part(ROWS, INITIAL + 6))
    assert contents(folder) == before


def test_a_folder_that_was_replaced_as_a_whole_is_found_by_its_head(folder, tmp_path):
    head = ld.Monitor.open(folder).status()["head"]
    other = made(tmp_path / "other", history(seed=2))
    assert other.verify().ok
    assert not other.verify(head=head).ok
    assert ld.Monitor.open(folder).verify(head=head).ok
    earlier = ld.Monitor.open(folder).history()["receipt"].values[1]
    assert ld.Monitor.open(folder).verify(head=str(earlier)).ok


def test_a_replay_finds_what_a_forged_chain_hides(folder, monkeypatch):
    """Whoever writes an entry anew with receipts and all is found where the numbers do not follow from the rows."""
    copy = made(folder.parent / "copy", ROWS, retained=6)
    real = ld.ConjugateRegression.as_batch

    def shifted(self, data):
        rows = real(self, data)
        return rows.assign(y=rows["y"] + 0.1)

    with monkeypatch.context() as patched:
        patched.setattr(ld.ConjugateRegression, "as_batch", shifted)
        copy.observe(part(ROWS, INITIAL))
    assert copy.verify().ok
    assert any("signals: a replay has" in one for one in copy.verify(replay=True).findings)


def test_what_a_crash_left_behind_is_cleaned_and_counts_for_nothing(folder):
    for name in ("data/000099-0123456789ab.nc", "posteriors/000099-0123456789ab.nc.part"):
        (folder / name).write_bytes(b"half")
    assert verify_folder(folder).ok
    monitor = ld.Monitor.open(folder, FORECASTER)
    monitor.observe(part(ROWS, INITIAL + 6))
    assert not list(folder.rglob("*0123456789ab*"))


def observe_once(folder, gate, answers):
    monitor = ld.Monitor.open(folder, FORECASTER)
    gate.wait()
    try:
        answers.put(("decided", monitor.observe(part(ROWS, INITIAL + 6)).receipt))
    except BusyError as error:
        answers.put(("busy", str(error)))


@pytest.mark.slow
@pytest.mark.integration
def test_two_processes_at_once_record_one_entry(folder, tmp_path):
    context = multiprocessing.get_context("spawn")
    for number in range(3):
        place = shutil.copytree(folder, tmp_path / str(number))
        gate, answers = context.Barrier(2), context.Queue()
        both = [context.Process(target=observe_once, args=(place, gate, answers)) for _ in range(2)]
        for one in both:
            one.start()
        said = [answers.get(timeout=120) for _ in both]
        for one in both:
            one.join()
        receipts = {what for kind, what in said if kind == "decided"}
        assert len(receipts) == 1
        assert all("another process is writing" in what for kind, what in said if kind == "busy")
        assert ld.Monitor.open(place).status()["period"] == 7
        assert verify_folder(place).ok


def test_a_second_writer_is_told_who_is_at_work(folder):
    monitor, before = ld.Monitor.open(folder, FORECASTER), contents(folder)
    with writer_lock(folder / "writer.lock", "observe"), pytest.raises(BusyError, match=f"process {os.getpid()} on"):
        monitor.observe(part(ROWS, INITIAL + 6))
    assert contents(folder) == before


def test_the_lock_of_a_process_that_died_is_none(folder):
    told = {"process": 1, "host": "elsewhere", "doing": "observe", "since": 0.0}
    (folder / "writer.lock").write_text(json.dumps(told))
    assert ld.Monitor.open(folder, FORECASTER).observe(part(ROWS, INITIAL + 6)).period == 7
    assert (folder / "writer.lock").read_bytes() == b""


def test_a_clock_that_was_set_back_changes_nothing(folder, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 86400.0)
    monitor = ld.Monitor.open(folder, FORECASTER)
    assert monitor.observe(part(ROWS, INITIAL + 6)).decided_at == 86400.0
    monitor.redeploy()
    assert monitor.observe(part(ROWS, INITIAL + 7)).spell_age == 1
    assert monitor.verify(replay=True).ok


def test_a_full_disk_is_said_before_anything_begins(folder, monkeypatch):
    monitor, before = ld.Monitor.open(folder, FORECASTER), contents(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda *_: shutil._ntuple_diskusage(100, 100, 0))
    with pytest.raises(OSError, match="has 0 bytes left; nothing has been begun"):
        monitor.observe(part(ROWS, INITIAL + 6))
    assert contents(folder) == before


@pytest.mark.parametrize("failing", ["data", "posteriors"])
def test_a_disk_that_fills_up_meanwhile_leaves_all_as_it_was(folder, monkeypatch, failing):
    monitor, before = ld.Monitor.open(folder, FORECASTER), contents(folder)
    real = Path.replace

    def full(self, target):
        if self.parent.name == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left on device; the ledger is as it was before"):
            monitor.observe(part(ROWS, INITIAL + 6))
    assert verify_folder(folder).ok
    assert monitor.status()["period"] == 6
    assert monitor.observe(part(ROWS, INITIAL + 6)).period == 7
    assert set(before) <= set(contents(folder)) | {name for name in before if name.startswith("posteriors")}


def test_a_ledger_that_cannot_be_written_records_nothing(folder, monkeypatch):
    monitor = ld.Monitor.open(folder, FORECASTER)
    with sqlite3.connect(folder / "ledger.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("learning_debt.monitor.ledger.WAIT_SECONDS", 0.05)
        with pytest.raises(OSError, match=r"the ledger cannot be written .*; nothing has been recorded"):
            monitor.observe(part(ROWS, INITIAL + 6))
    other.close()
    assert monitor.observe(part(ROWS, INITIAL + 6)).period == 7


def test_a_folder_that_only_may_be_read_is_read(folder, monkeypatch):
    before = contents(folder)
    monkeypatch.setattr(os, "access", lambda *_: False)
    monitor = ld.Monitor.open(folder, FORECASTER)
    assert monitor.status()["period"] == 6
    assert monitor.verify(replay=True).ok
    assert contents(folder) == before
    real = os.open

    def forbidden(path, flags, *rest, **more):
        if str(path).endswith("writer.lock"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(OSError, match=r"cannot be written \(Read-only file system\).*nothing has\s+changed"):
        monitor.observe(part(ROWS, INITIAL + 6))


def test_a_later_schema_is_said_before_anything_changes(folder):
    with sqlite3.connect(folder / "ledger.sqlite") as rows:
        rows.execute("PRAGMA user_version = 7")
    rows.close()
    before = contents(folder)
    with pytest.raises(ValueError, match="has schema version 7: a later learning-debt wrote it"):
        ld.Monitor.open(folder, FORECASTER)
    assert contents(folder) == before


CRAFTED = {
    "a link in place of a part": lambda folder, away: (
        (folder / "data").rename(away),
        (folder / "data").symlink_to(away),
    ),
    "a link in place of the settings": lambda folder, away: (
        (folder / "monitor.toml").rename(away),
        (folder / "monitor.toml").symlink_to(away),
    ),
    "a name that leads elsewhere": lambda folder, away: tampered(
        folder, f"UPDATE files SET name = '../{away.name}' WHERE name LIKE 'posteriors/000006%'"
    ),
    "a class that there is not": lambda folder, _: (folder / "monitor.toml").write_text(
        (folder / "monitor.toml").read_text().replace("CUSUM", "os.system")
    ),
    "a trigger that runs": lambda folder, _: sqlite3.connect(folder / "ledger.sqlite").execute(
        "CREATE TRIGGER spy AFTER INSERT ON entries BEGIN SELECT load_extension('/tmp/spy.so'); END"
    ),
}


@pytest.mark.parametrize("craft", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_folder_is_refused(folder, tmp_path, craft):
    craft(folder, tmp_path / "away")
    with pytest.raises((ValueError, FileNotFoundError)):
        ld.Monitor.open(folder, FORECASTER).observe(part(ROWS, INITIAL + 6))


def test_no_name_leads_out_of_the_folder(tmp_path):
    folder = StateFolder(tmp_path)
    for name in (
        "../x",
        "/etc/passwd",
        "data/../../x",
        "posteriors/1.nc",
        "ledger.sqlite",
        "data/000001-0123456789ab.nc/x",
    ):
        with pytest.raises(ValueError, match="names a file"):
            folder.read(name)


def test_what_is_no_folder_of_a_monitor_is_said(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="is no folder of a monitor"):
            ld.Monitor.open(path)
    with pytest.raises(FileNotFoundError, match="is no folder of a monitor"):
        verify_folder(tmp_path)


def test_rows_are_only_added(folder):
    with sqlite3.connect(folder / "ledger.sqlite") as rows:
        for statement in ("UPDATE decisions SET cost = 1", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                rows.execute(statement)
    rows.close()


@pytest.mark.parametrize("doing", ["_record", "deploy"])
def test_a_monitor_is_made_as_a_whole_or_not_at_all(tmp_path, monkeypatch, doing):
    """Ended before the told retrain is recorded, it would go on with another posterior in service than was told."""

    def ended(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LiveSession, doing, ended)
        with pytest.raises(KeyboardInterrupt):
            ld.Monitor.create(tmp_path / "state", FORECASTER, ROWS, initial=10, last_retrain=15, **AGREED)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_left_half_made(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        made(tmp_path / "state", ROWS)
    assert not list(tmp_path.iterdir())
