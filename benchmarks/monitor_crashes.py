"""Kill a monitor at random instants, and see that nothing is lost and nothing doubled.

    python benchmarks/monitor_crashes.py [--kills 1000] [--seed 1] [--write NAME]

A child process goes through observations, retrains and rollbacks of a folder, and says on a pipe when each has
returned. It is killed by the system (SIGKILL) at an instant drawn uniformly over what the whole way takes. Then the
folder is verified with a replay, its entries are counted against what the child had said, another child goes the rest
of the way, and what is recorded at the end must be what a way without a kill records.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

import learning_debt as ld

FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
INITIAL, PERIODS = 12, 6
TIMED = ["receipt", "seconds", "decided_at"]
RESULTS = Path(__file__).parent / "results"
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # the child runs one thread


def rows_of(period: int, count: int = 3) -> dict[str, np.ndarray]:
    """Rows of one period."""
    rng = np.random.default_rng(period)
    x = np.column_stack([np.ones(count), rng.normal(size=count)])
    return {"x": x, "y": x @ [1.0, 2.0] + rng.normal(size=count), "period": np.full(count, period)}


def steps(folder: Path) -> list[Callable[[], object]]:
    """The way: each step may be gone again after a kill, and then does what is left of it."""
    monitor = ld.Monitor.open(folder, FORECASTER)

    def deploy(how: str, period: int) -> None:
        status = monitor.status()
        answered = status["answer"] == how and status["last_label"] == period
        if status["last_label"] == period and not answered:
            getattr(monitor, how)(reason=f"after {period}")

    found: list[Callable[[], object]] = []
    for number in range(PERIODS):
        period = INITIAL + number
        found.append(lambda period=period: monitor.observe(rows_of(period)))
        if number in (1, 4):
            found.append(lambda period=period: deploy("redeploy", period))
        if number == 3:
            found.append(lambda period=period: deploy("rollback", period))
    return found


def go(folder: Path, said: int) -> None:
    """Go the whole way, and say after each step that it has returned."""
    for step in steps(folder):
        step()
        os.write(said, b".")


def killed(folder: Path, after: float) -> tuple[int, bool]:
    """Go until killed; steps that had returned, and whether the kill came in time."""
    listening, said = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(listening)
        try:
            go(folder, said)
        finally:
            os._exit(0)
    os.close(said)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    returned = b""
    while part := os.read(listening, 4096):
        returned += part
    os.close(listening)
    return len(returned), os.WIFSIGNALED(status)


def recorded(folder: Path) -> tuple[list[str], xr.Dataset]:
    """Kinds of the entries, and all decisions but for receipts and times."""
    with sqlite3.connect(folder / "ledger.sqlite") as rows:
        kinds = [kind for (kind,) in rows.execute("SELECT kind FROM entries ORDER BY number")]
    rows.close()
    return kinds, ld.Monitor.open(folder).history().drop_vars(TIMED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_crashes_NAME.json")
    asked = parser.parse_args()
    rng, home = np.random.default_rng(asked.seed), Path(tempfile.mkdtemp())
    first = {
        name: np.concatenate([rows_of(period)[name] for period in range(INITIAL)]) for name in ("x", "y", "period")
    }
    made = ld.Monitor.create(home / "base", FORECASTER, first, cost=0.3, policy=ld.policies.CUSUM(0.5), calendar=8)
    del made
    whole = shutil.copytree(home / "base", home / "whole")
    for folder in (shutil.copytree(home / "base", home / "warm"), whole):
        begun = time.perf_counter()
        for step in steps(folder):
            step()
        takes = time.perf_counter() - begun
    kinds, decisions = recorded(whole)
    bad: list[str] = []
    counts = {"killed": 0, "finished before": 0, "leaving the ledger in use": 0}
    for number in range(asked.kills):
        folder = shutil.copytree(home / "base", home / "once")
        returned, in_time = killed(folder, float(rng.uniform(0, takes)))
        counts["killed" if in_time else "finished before"] += 1
        strayed = sorted(file.name for file in folder.rglob("*.part")) or (folder / "ledger.sqlite-wal").exists()
        counts["leaving the ledger in use"] += bool(strayed) and in_time
        monitor = ld.Monitor.open(folder, FORECASTER)
        found = monitor.verify(replay=True)
        now, _ = recorded(folder)
        if not found.ok:
            bad.append(f"{number}: {found}")
        if now != kinds[: len(now)] or not returned + 1 <= len(now) <= returned + 2:
            bad.append(f"{number}: {returned} steps had returned, and the ledger holds {now}")
        for step in steps(folder):
            step()
        again, same = recorded(folder)
        files = {file.name for part in ("data", "posteriors") for file in (folder / part).iterdir()}
        expected = {file.name for part in ("data", "posteriors") for file in (whole / part).iterdir()}
        if again != kinds or not same.identical(decisions) or len(files) != len(expected):
            bad.append(f"{number}: at the end {again}, {len(files)} files where {len(expected)} should be")
        if not monitor.verify(replay=True).ok:
            bad.append(f"{number}: at the end {monitor.verify(replay=True)}")
        shutil.rmtree(folder)
    shutil.rmtree(home)
    result = {"kills": asked.kills, "seed": asked.seed, "seconds a way": round(takes, 2), **counts, "faults": len(bad)}
    print(json.dumps(result, indent=1))
    print(*bad[:10], sep="\n")
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"monitor_crashes_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
