"""How much time and memory a period takes as a monitor's ledger grows.

    python benchmarks/monitor_periods.py [--periods 1000] [--rows 10] [--write NAME]

Two ledgers of an exact forecaster: one retrains as its policy says, the other never does, so that its present spell is
as long as the ledger. Processor seconds, memory and bytes of every period are means over a tenth of the periods; and a
ledger is opened anew for one more period at the end of each tenth.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

import learning_debt as ld

FORECASTER = ld.ConjugateRegression(ld.NIG(np.zeros(3), np.eye(3), 2.0, 1.0))
RESULTS = Path(__file__).parent / "results"
POLICIES = {"retrains": ld.policies.CUSUM(0.5), "never retrains": ld.policies.CUSUM(1e9)}
INITIAL = 20


def rows_of(first: int, stop: int, count: int) -> dict[str, np.ndarray]:
    """Rows of some periods, whose coefficients walk."""
    found = []
    for period in range(first, stop):
        rng = np.random.default_rng(period)
        x = np.column_stack([np.ones(count), rng.normal(size=(count, 2))])
        y = x @ [1.0, np.sin(period / 30), 0.5] + rng.normal(size=count)
        found.append({"x": x, "y": y, "period": np.full(count, period)})
    return {name: np.concatenate([one[name] for one in found]) for name in ("x", "y", "period")}


def size_of(folder: Path) -> dict[str, int]:
    """Bytes of a folder's parts."""
    parts = {
        "ledger": [folder / "ledger.sqlite"],
        **{name: (folder / name).iterdir() for name in ("posteriors", "data")},
    }
    return {name: sum(file.stat().st_size for file in files) for name, files in parts.items()}


def grown(folder: Path, policy: ld.policies.Policy, periods: int, count: int) -> list[dict[str, object]]:
    """Observe, a tenth after the other; what each took."""
    agreed = {"cost": 0.5, "policy": policy, "calendar": 13}
    monitor = ld.Monitor.create(folder, FORECASTER, rows_of(0, INITIAL, count), **agreed)
    found, tenth = [], periods // 10
    for part in range(10):
        begun = time.process_time()
        for period in range(INITIAL + part * tenth, INITIAL + (part + 1) * tenth):
            if monitor.observe(rows_of(period, period + 1, count)).verdict == "retrain":
                monitor.redeploy(force=True)
        took = (time.process_time() - begun) / tenth
        copy = shutil.copytree(folder, folder.with_name("copy"))
        begun = time.process_time()
        ld.Monitor.open(copy, FORECASTER).observe(rows_of(period + 1, period + 2, count))
        again = time.process_time() - begun
        shutil.rmtree(copy)
        status = monitor.status()
        found.append(
            {
                "periods": (part + 1) * tenth,
                "seconds": round(took, 4),
                "seconds opened anew": round(again, 4),
                "peak megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "spell age": status["spell_age"],
                "retrains": status["retrains"],
                **size_of(folder),
            }
        )
        print(json.dumps(found[-1]), flush=True)
    begun = time.process_time()
    verified = monitor.verify()
    print(verified.ok, "verified in", round(time.process_time() - begun, 2), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--periods", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_periods_NAME.json")
    asked = parser.parse_args()
    home, result = Path(tempfile.mkdtemp()), {}
    for name, policy in POLICIES.items():
        print(name, flush=True)
        result[name] = grown(home / name.replace(" ", "-"), policy, asked.periods, asked.rows)
    shutil.rmtree(home)
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"monitor_periods_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
