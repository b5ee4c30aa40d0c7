"""What the reference study costs: paths, spell tables, whole pass; scaling in paths and in periods; peak memory."""

import argparse
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from learning_debt_study.experiment import run_pass
from learning_debt_study.published_tables import table1
from learning_debt_study.scenarios import PAPER, Design, draw_paths
from learning_debt_study.simulated_spells import study_cells


def seconds(call: Callable[[], Any]) -> float:
    """Best of three, after one that compiles."""
    call()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def tables(design: Design, count: int, threads: int) -> None:
    """Print seconds per thousand paths and cells per second of one chunk."""
    seeds = list(range(1, count + 1))
    drawing = seconds(lambda: draw_paths("gradual", 0.1, seeds, design=design, threads=threads))
    paths = draw_paths("gradual", 0.1, seeds, design=design)
    filling = seconds(lambda: study_cells(paths, threads))
    cells = count * design.periods * (design.periods + 1) / 2
    print(
        f"T = {design.periods:4d}, {count:4d} paths, {threads} thread(s): per thousand paths "
        f"{1e3 * drawing / count:5.2f} s to draw, {1e3 * filling / count:5.2f} s for the tables; "
        f"{cells / filling / 1e6:5.1f} million cells a second"
    )


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    jobs = parser.parse_args().jobs
    for count in (25, 100, 400):
        tables(PAPER, count, 1)
    for periods in (50, 100, 400):
        tables(replace(PAPER, periods=periods), 50, 1)
    tables(PAPER, 100, jobs)
    with ProcessPoolExecutor(jobs) as executor:
        run_pass(replace(PAPER, calibration_paths=2, tuning_paths=2, test_paths=2), executor=executor)  # compiles
        start = time.perf_counter()
        one = run_pass(PAPER, executor=executor)
        passed = time.perf_counter() - start
        start = time.perf_counter()
        table1(one.evaluation)
        print(
            f"primary study, {jobs} processes: {passed:.1f} s, bootstrap of Table 1 {time.perf_counter() - start:.1f} s"
        )
    peaks = [resource.getrusage(who).ru_maxrss / 1024**2 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"peak memory: {peaks[0]:.2f} GiB here, {peaks[1]:.2f} GiB in the largest worker")


if __name__ == "__main__":
    main()
