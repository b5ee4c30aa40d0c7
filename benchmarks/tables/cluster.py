"""Many PyMC series on a local cluster of worker processes, one of which is killed midway, held against one process.

From the clone's root: ``python -m benchmarks.tables.cluster [--series 20 200] [--workers 2]``. Every series is a
regression of 3 parameters over 12 periods of 5 rows after 5 periods to begin with. Their tables are made one after the
other in this process, and then on the cluster; all numbers are compared, and counted is how often a series' history
was sent to a worker and how often a worker unpacked the forecaster. A row for each number of series is kept.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.executors import _unpacked

RESULTS = Path(__file__).parents[1] / "results"
ROWS, PERIODS, INITIAL = 5, 12, 5
OPTIONS = {"initial": INITIAL, "random_seed": 1, "progressbar": False}


def build_model(data: xr.Dataset) -> Any:
    """A regression with intercept, slope and noise."""
    import pymc as pm

    with pm.Model() as model:
        x, y = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y"))
        mean = pm.Normal("intercept", 0, 2) + pm.Normal("slope", 0, 2) * x
        pm.Normal("outcome", mean, pm.HalfNormal("sd", 2), observed=y, dims="obs")
    return model


def histories(series: int, seed: int = 1) -> xr.Dataset:
    """Slopes of 1 that turn to 0 in half of the series, at any period of the replay."""
    rng, periods = np.random.default_rng(seed), INITIAL + PERIODS
    period, owner = np.tile(np.repeat(np.arange(periods), ROWS), series), np.repeat(np.arange(series), periods * ROWS)
    shift = rng.integers(INITIAL, INITIAL + 2 * PERIODS, size=series)
    x = rng.normal(size=period.size)
    y = x * (period < shift[owner]) + rng.normal(size=period.size)
    return xr.Dataset({"x": ("obs", x), "y": ("obs", y)}, {"period": ("obs", period), "series": ("obs", owner)})


def forecaster() -> ld.PyMCForecaster:
    """Four chains of 200 draws, after 300 of tuning."""
    return ld.PyMCForecaster(build_model, draws=200, tune=300, chains=4)


class Weighing(Executor):
    """Hands work on to another executor, and notes how many bytes it was handed."""

    def __init__(self, executor: Executor) -> None:
        self.executor, self.shared, self.items = executor, 0, []

    def submit(self, function: Any, item: Any) -> Any:
        """As in `Executor`."""
        self.shared = len(function.args[0])
        self.items.append(len(item))
        return self.executor.submit(function, item)


def killed_midway(cluster: Any, pids: list[int], tasks: int) -> Callable[[], None]:
    """Kill the first worker once half of the tasks are done; what is returned waits until that has been."""

    def wait_and_kill() -> None:
        while sum(finish == "memory" for _, _, finish, *_ in list(cluster.scheduler.transition_log)) < tasks // 2:
            time.sleep(0.02)
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=wait_and_kill)
    killer.start()
    return killer.join


def times_sent(transitions: Iterable[Any]) -> Counter[int]:
    """How many tasks were sent to a worker so often, by the scheduler's own record."""
    return Counter(Counter(key for key, _, finish, *_ in tuple(transitions) if finish == "processing").values())


def times_unpacked() -> int:
    """How often this process has unpacked a forecaster."""
    return _unpacked.cache_info().misses


def on_cluster(data: xr.Dataset, series: int, workers: int) -> tuple[xr.Dataset, dict[str, Any]]:
    """The table from a cluster that loses a worker, and what it took."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set({"distributed.admin.low-level-log-length": 100 * series})
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        pids, executor = list(client.run(os.getpid).values()), Weighing(client.get_executor())
        begun, join = time.perf_counter(), killed_midway(cluster, pids, series)
        table = ld.spell_table(forecaster(), data, executor=executor, **OPTIONS)
        wall = time.perf_counter() - begun
        join()
        sent = times_sent(cluster.scheduler.transition_log)
        unpacked = list(client.run(times_unpacked).values())
        survivors = set(pids) & set(client.run(os.getpid).values())
    return table, {
        "cluster_wall": wall,
        "workers": workers,
        "killed": workers - len(survivors),
        "sent_once": sent[1],
        "sent_twice": sent[2],
        "sent_more_often": sum(sent.values()) - sent[1] - sent[2],
        "unpacked_most": max(unpacked),
        "forecaster_bytes": executor.shared,
        "series_bytes": float(np.mean(executor.items)),
    }


def measured(series: int, workers: int) -> dict[str, Any]:
    """Both ways with so many series, and whether their numbers are the same.

    Raises
    ------
    AssertionError
        If a number of the two tables differs.
    """
    data = histories(series)
    ld.spell_table(forecaster(), histories(1), **OPTIONS)  # numba's first steps, which are not a series'
    begun, worked = time.perf_counter(), time.process_time()
    serial = ld.spell_table(forecaster(), data, **OPTIONS)
    record = {"series": series, "serial_wall": time.perf_counter() - begun, "serial_cpu": time.process_time() - worked}
    table, found = on_cluster(data, series, workers)
    xr.testing.assert_identical(serial.drop_vars("seconds"), table.drop_vars("seconds"))
    return record | {"own_bytes": data.nbytes / series} | found | {"identical": True, "load": os.getloadavg()[0]}


def main() -> None:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, nargs="+", default=(20, 200))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    path = asked.out / "cluster.csv"
    for series in asked.series:
        table = pd.DataFrame([measured(series, asked.workers)])
        if path.exists():
            kept = pd.read_csv(path)
            table = pd.concat([kept[kept["series"] != series], table]).sort_values("series")
        table.to_csv(path, index=False)
    print(table.T.to_string(header=False))


if __name__ == "__main__":
    main()
