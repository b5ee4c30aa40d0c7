"""What exact tables cost: the engine alone, `spell_table`, a step a period; a fleet tabled, audited and decided.

From the clone's root: ``python -m benchmarks.tables.exact [--fleet SERIES ...] [--jobs 2]``. Without ``--fleet``, a
curve over coefficients at 5 rows × 200 periods: million cells a second of one core's time (``process_time``, the best
of three), the three ways one after the other in the same run. A step a period is priced on one series. With it, so many
series are made up, tabled a hundred at a time, audited, and each decided, by processes side by side; a row for each
number of series is kept.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from benchmarks.tables.measuring import peak_gib

import learning_debt as ld
from learning_debt.arrays.conjugate.posterior_chain import posterior_chain
from learning_debt.arrays.conjugate.spell_cells import spell_cells
from learning_debt.data import split_periods
from learning_debt.spells.exact import ExactStep
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.schema import SAMPLED
from learning_debt.spells.table_loop import collected_columns

RESULTS = Path(__file__).parents[1] / "results"
COEFFICIENTS = (1, 2, 3, 5, 10, 20, 50)
ROWS, PERIODS, INITIAL = 5, 200, 20
CELLS = PERIODS * (PERIODS + 1) // 2
PART, A_TABLE = 500, 100
COST, HORIZON = 0.1, 20


def forecaster(coefficients: int) -> ld.ConjugateRegression:
    """With a prior worth a row or two."""
    return ld.ConjugateRegression(ld.NIG(np.zeros(coefficients), np.eye(coefficients), 3.0, 2.0))


def histories(series: int, coefficients: int, seed: int) -> xr.Dataset:
    """Regressions of noise 1; in half of the series the intercept moves by 1 at some period of the replay."""
    rng, periods = np.random.default_rng(seed), INITIAL + PERIODS
    period, owner = np.tile(np.repeat(np.arange(periods), ROWS), series), np.repeat(np.arange(series), periods * ROWS)
    x = rng.normal(size=(period.size, coefficients))
    x[:, 0] = 1.0
    shift = rng.integers(INITIAL, INITIAL + 2 * PERIODS, size=series)
    y = (x * rng.normal(size=(series, coefficients))[owner]).sum(axis=1) + (period >= shift[owner])
    return xr.Dataset(
        {"x": (("obs", "coefficient"), x), "y": ("obs", y + rng.normal(size=period.size))},
        coords={"period": ("obs", period), "series": ("obs", owner)},
    )


def best_of_three(call: Callable[[], Any]) -> float:
    """Seconds of one core, after a call that compiles."""
    call()
    taken = []
    for _ in range(3):
        begun = process_time()
        call()
        taken.append(process_time() - begun)
    return min(taken)


def rates(coefficients: int, seed: int = 1) -> dict[str, float]:
    """Million cells a second of the three ways."""
    many = 10 if coefficients <= 10 else 3
    data, model = histories(many, coefficients, seed), forecaster(coefficients)
    one = data.isel(obs=slice((INITIAL + PERIODS) * ROWS)).drop_vars("series")
    plan = Plan(split_periods(one), INITIAL, 1, ld.UpdateRule(), ld.scores.LogScore(), SAMPLED)
    x, y, starts = one["x"].values, one["y"].values, plan.history.starts
    first, age_weight = starts[INITIAL], np.ones(len(plan.history))

    def engine() -> None:
        chain = posterior_chain(model.prior, x, y, starts, INITIAL, age_weight)
        spell_cells(chain, x[first:], y[first:], starts[INITIAL:] - first)

    def tabled() -> None:
        ld.spell_table(model, data, initial=INITIAL, variables=SAMPLED, progressbar=False)

    taken = {
        "engine": best_of_three(engine),
        "spell_table": best_of_three(tabled) / many,
        "steps": best_of_three(lambda: collected_columns(ExactStep(model, plan.options), plan)),
    }
    return {"coefficients": coefficients, "load": os.getloadavg()[0]} | {
        way: CELLS / seconds / 1e6 for way, seconds in taken.items()
    }


def decided(number: int, series: int) -> dict[str, float]:
    """Seconds of each stage of one part of the fleet: made up, tabled, audited, decided; and this process's peak."""
    taken = dict.fromkeys(("making", "tables", "audits", "decisions"), 0.0)
    begun = process_time()

    def clock(stage: str) -> None:
        nonlocal begun
        taken[stage] += process_time() - begun
        begun = process_time()

    data, verdicts = histories(series, 3, number), []
    clock("making")
    for table in ld.spell_tables(forecaster(3), data, initial=INITIAL, series_per_table=A_TABLE, progressbar=False):
        clock("tables")
        audit = ld.audit(table, COST)
        clock("audits")
        policy = audit.tuned[audit.decided_by].policy
        decisions = ld.decide_all(table, policy, COST, horizon=HORIZON)
        verdicts += [decision.verdict for decision in decisions.values()]
        clock("decisions")
    return taken | {"series": len(verdicts), "retrain": verdicts.count("retrain"), "peak_gib": peak_gib()}


def fleet(series: int, jobs: int) -> dict[str, float]:
    """All parts of a fleet, by so many processes; stages are in seconds of cores, compiling left out.

    Peak memory is that of the workers and of this process together.
    """
    parts = [min(PART, series - first) for first in range(0, series, PART)]
    jobs = min(jobs, len(parts))
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        list(executor.map(decided, [0] * jobs, [2] * jobs))
        begun = perf_counter()
        found = pd.DataFrame(executor.map(decided, range(len(parts)), parts))
        wall = perf_counter() - begun
    total = found.drop(columns="peak_gib").sum().to_dict()
    return total | {
        "wall": wall,
        "jobs": jobs,
        "peak_gib": jobs * found["peak_gib"].max() + peak_gib(),
        "tables_million_cells_a_second": total["series"] * CELLS / total["tables"] / 1e6,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleet", type=int, nargs="+", help="series to table, audit and decide, instead of the curve")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--coefficients", type=int, nargs="+", default=COEFFICIENTS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if asked.fleet is None:
        path, table = asked.out / "exact_tables.csv", pd.DataFrame([rates(p) for p in asked.coefficients])
    else:
        path, table = asked.out / "exact_fleet.csv", pd.DataFrame([fleet(series, asked.jobs) for series in asked.fleet])
        if path.exists():
            kept = pd.read_csv(path)
            table = pd.concat([kept[~kept["series"].isin(table["series"])], table]).sort_values("series")
    table.to_csv(path, index=False)
    print(table.to_string(index=False, float_format="{:.3g}".format))


if __name__ == "__main__":
    main()
