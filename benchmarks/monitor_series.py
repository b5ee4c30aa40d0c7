"""How much time and memory a period takes of many series in one folder.

    python benchmarks/monitor_series.py [--series 200] [--periods 6] [--write NAME]

Exact forecasters of one coefficient, three rows a period. Processor seconds of each period, of a process that stays and
of one that opens the folder anew for each, and the most memory that it has held so far.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

import learning_debt as ld
from learning_debt.monitor import SeriesMonitors

FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
AGREED = {"cost": 0.3, "policy": ld.policies.CUSUM(0.5), "calendar": 13}
INITIAL, ROWS = 20, 3
RESULTS = Path(__file__).parent / "results"


def rows_of(first: int, stop: int, count: int) -> dict[str, np.ndarray]:
    """Rows of some periods of so many series."""
    rng = np.random.default_rng(first)
    each = (stop - first) * ROWS
    x = rng.normal(size=each * count)
    period = np.tile(np.repeat(np.arange(first, stop), ROWS), count)
    return {"x": x, "y": x + rng.normal(size=x.size), "period": period, "series": np.repeat(np.arange(count), each)}


def took(doing: object) -> tuple[float, int]:
    """Processor seconds, and the peak of memory in megabytes, of a process of its own."""
    listening, said = os.pipe()
    if os.fork() == 0:
        try:
            begun = time.process_time()
            doing()  # type: ignore[operator]
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            os.write(said, json.dumps([round(time.process_time() - begun, 2), peak]).encode())
        finally:
            os._exit(0)
    os.close(said)
    told = json.loads(os.read(listening, 4096))
    os.close(listening)
    os.wait()
    return told[0], told[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--periods", type=int, default=6)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_series_NAME.json")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp())
    folder, count = home / "states", asked.series
    begun = time.process_time()
    monitors = SeriesMonitors.create(folder, FORECASTER, rows_of(0, INITIAL, count), AGREED)
    made = round(time.process_time() - begun, 2)
    print("made in", made, flush=True)
    found = []
    for period in range(INITIAL, INITIAL + asked.periods):
        rows = rows_of(period, period + 1, count)
        copy = shutil.copytree(folder, home / "copy")
        anew, peak = took(lambda copy=copy, rows=rows: SeriesMonitors.open(copy, FORECASTER).observe(rows))
        shutil.rmtree(copy)
        begun = time.process_time()
        monitors.observe(rows)
        seconds = round(time.process_time() - begun, 2)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) >> 20
        found.append(
            {
                "period": period - INITIAL + 1,
                "seconds": seconds,
                "peak megabytes": own,
                "seconds opened anew": anew,
                "peak megabytes opened anew": peak,
                "folder megabytes": size,
            }
        )
        print(json.dumps(found[-1]), flush=True)
    shutil.rmtree(home)
    result = {"series": count, "seconds to make": made, "periods": found}
    if asked.write:
        (RESULTS / f"monitor_series_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
