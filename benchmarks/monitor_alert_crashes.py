"""Kill a process that sends alerts at random instants, and see that each decision arrives, in order, and counts once.

    python benchmarks/monitor_alert_crashes.py [--kills 1000] [--seed 1] [--write NAME]

A child process posts the decisions of a ledger to a server on this machine. It is killed by the system (SIGKILL) at an
instant drawn uniformly over what all posts take. Then the folder is verified, and another process sends the rest. Every
decision must have arrived; one that was posted and not yet recorded arrives twice, with the same id, and no other may.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import tempfile
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

import learning_debt as ld
from learning_debt.monitor import Webhook

FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
INITIAL, PERIODS = 12, 10
RESULTS = Path(__file__).parent / "results"
ALL = ("wait", "retrain", "cannot tell")
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # the child runs its own threads only


def rows_of(first: int, last: int) -> dict[str, np.ndarray]:
    """Rows of the periods from `first` on, before `last`."""
    rng = np.random.default_rng(first)
    x = rng.normal(size=last - first)
    return {"x": x, "y": 2 * x + rng.normal(size=x.size), "period": np.arange(first, last)}


class Receiver(ThreadingHTTPServer):
    """A server that remembers ids, in the order in which they came."""

    daemon_threads = True
    ids: list[str]

    def handle_error(self, *_: object) -> None:
        """A client that was killed is part of this."""


class Answers(BaseHTTPRequestHandler):
    """Takes every post."""

    def do_POST(self) -> None:
        """Remember, then answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.ids.append(self.headers["webhook-id"])  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def send(folder: Path, hook: Webhook) -> None:
    """Send what is to be sent."""
    ld.Monitor.open(folder).send_alerts([hook])


def killed(folder: Path, hook: Webhook, after: float) -> bool:
    """Send until killed; whether the kill came in time."""
    child = os.fork()
    if child == 0:
        try:
            send(folder, hook)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def faults(ids: list[str], expected: list[str]) -> list[str]:
    """What is wrong with what arrived."""
    found = []
    if list(dict.fromkeys(ids)) != expected:
        found.append(f"{len(set(ids))} of {len(expected)} decisions arrived, or in another order")
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if len(ids) > len(set(ids)) + 1:
        found.append(f"{len(twice)} decisions arrived more than once")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_alert_crashes_NAME.json")
    asked = parser.parse_args()
    rng, home = np.random.default_rng(asked.seed), Path(tempfile.mkdtemp())
    receiver = Receiver(("127.0.0.1", 0), Answers)
    receiver.ids = []
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    hook = Webhook(f"http://127.0.0.1:{receiver.server_port}", verdicts=ALL)
    base = home / "base"
    monitor = ld.Monitor.create(
        base, FORECASTER, rows_of(0, INITIAL), cost=0.3, policy=ld.policies.CUSUM(0.5), calendar=8
    )
    monitor.observe(rows_of(INITIAL, INITIAL + 1))
    send(base, hook)
    monitor.observe(rows_of(INITIAL + 1, INITIAL + 1 + PERIODS))
    expected = monitor.history()["receipt"].values[1:].tolist()
    for folder in (shutil.copytree(base, home / "warm"), shutil.copytree(base, home / "whole")):
        begun = time.perf_counter()
        send(folder, hook)
        takes = time.perf_counter() - begun
    bad: list[str] = []
    counts = {"killed": 0, "finished before": 0, "sent again with the same id": 0}
    for number in range(asked.kills):
        folder = shutil.copytree(base, home / "once")
        receiver.ids.clear()
        in_time = killed(folder, hook, float(rng.uniform(0, takes)))
        counts["killed" if in_time else "finished before"] += 1
        if not (found := ld.Monitor.open(folder).verify()).ok:
            bad.append(f"{number}: {found}")
        time.sleep(0.01)  # a post that was on its way when the kill came
        send(folder, hook)
        send(folder, hook)
        bad += [f"{number}: {fault}" for fault in faults(receiver.ids, expected)]
        counts["sent again with the same id"] += len(receiver.ids) > len(expected)
        if not (found := ld.Monitor.open(folder).verify()).ok:
            bad.append(f"{number}: at the end {found}")
        shutil.rmtree(folder)
    receiver.shutdown()
    shutil.rmtree(home)
    result = {
        "kills": asked.kills,
        "seed": asked.seed,
        "seconds for all": round(takes, 2),
        **counts,
        "faults": len(bad),
    }
    print(json.dumps(result, indent=1))
    print(*bad[:10], sep="\n")
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"monitor_alert_crashes_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
