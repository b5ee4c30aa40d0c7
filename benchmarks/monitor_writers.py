"""Let two processes observe the same period at the same instant, and see that it is recorded once.

    python benchmarks/monitor_writers.py [--times 100] [--write NAME]

Both open the folder, wait for each other, and observe. Each must be told the decision, or that the other one is
writing, and there must be one decision, one entry and nothing left over. Half of the times both observe, in the other
half one of them retrains.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np

import learning_debt as ld
from learning_debt.monitor import BusyError

FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
INITIAL = 12
RESULTS = Path(__file__).parent / "results"
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # the children run their own threads only


def rows_of(first: int, stop: int) -> dict[str, np.ndarray]:
    """Rows of some periods."""
    rng = np.random.default_rng(first)
    x = rng.normal(size=stop - first)
    return {"x": x, "y": 2 * x + rng.normal(size=x.size), "period": np.arange(first, stop)}


def started(folder: Path, retrains: bool, gate: tuple[int, int], said: int) -> int:
    """A process that waits at the gate, and says what came of it."""
    if child := os.fork():
        return child
    try:
        monitor = ld.Monitor.open(folder, FORECASTER)
        os.close(gate[1])
        os.read(gate[0], 1)  # until the parent closes its end
        try:
            if retrains:
                answer = f"served {monitor.redeploy(force=True)['in_service']}"
            else:
                answer = f"decided {monitor.observe(rows_of(INITIAL + 1, INITIAL + 2)).receipt}"
        except BusyError:
            answer = "busy"
        except BaseException as error:
            answer = f"fault {error!r}"
        os.write(said, (answer + "\n").encode())
    finally:
        os._exit(0)


def at_once(folder: Path, retrains: bool) -> list[str]:
    """What two processes say that begin together."""
    gate, (listening, said) = os.pipe(), os.pipe()
    children = [started(folder, retrains and number == 1, gate, said) for number in range(2)]
    os.close(gate[0])
    os.close(gate[1])
    os.close(said)
    for child in children:
        os.waitpid(child, 0)
    told = b""
    while part := os.read(listening, 4096):
        told += part
    os.close(listening)
    return told.decode().split("\n")[:-1]


def faults(folder: Path, told: list[str]) -> list[str]:
    """What is wrong with what was said and recorded."""
    monitor, found = ld.Monitor.open(folder, FORECASTER), []
    decided = {one for one in told if one.startswith("decided")}
    done = len(decided) + sum(one.startswith("served") for one in told)
    if len(told) != 2 or any(one.startswith("fault") for one in told) or not done:
        found.append(f"said {told}")
    if len(decided) > 1:
        found.append("two decisions about one period")
    period = monitor.status()["period"]
    if period != (2 if decided else 1):
        found.append(f"the ledger holds {period} periods")
    if not (verified := monitor.verify(replay=True)).ok or verified.entries != 2 + done:
        found.append(str(verified))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_writers_NAME.json")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp())
    agreed = {"cost": 0.3, "policy": ld.policies.CUSUM(0.5), "calendar": 8}
    monitor = ld.Monitor.create(home / "base", FORECASTER, rows_of(0, INITIAL), **agreed)
    monitor.observe(rows_of(INITIAL, INITIAL + 1))
    bad: list[str] = []
    counts = {"decided": 0, "served": 0, "busy": 0}
    for number in range(asked.times):
        folder, retrains = shutil.copytree(home / "base", home / "once"), number % 2 == 1
        told = at_once(folder, retrains)
        for one in told:
            counts[one.split()[0]] = counts.get(one.split()[0], 0) + 1
        bad += [f"{number}: {fault}" for fault in faults(folder, told)]
        shutil.rmtree(folder)
    shutil.rmtree(home)
    result = {"times": asked.times, **counts, "faults": len(bad)}
    print(json.dumps(result, indent=1))
    print(*["", *bad[:10]], sep="\n")
    if asked.write:
        (RESULTS / f"monitor_writers_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
