"""One way of one case, measured in this process and no other, so that its peak of memory is its own."""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from time import perf_counter, process_time
from typing import Any

import numpy as np
import xarray as xr
from benchmarks.tables.cases import CASES, Case
from benchmarks.tables.measuring import CompilerClock, CountedForecaster, TimedRefit, peak_gib
from benchmarks.tables.price import refit_price

import learning_debt as ld

WAYS = ("refit", "pooled", "anchors")
COLUMNS = 8
"""Periods that are replayed, to price all of them."""


def keeper(way: str) -> Any:
    """What keeps the shadow current.

    Raises
    ------
    SystemExit
        If this version of the library pools no shadows.
    """
    if way == "refit":
        return ld.Refit()
    if not hasattr(ld, "PooledShadow"):
        raise SystemExit("this version of learning_debt has no PooledShadow: only --way refit can be measured")
    return ld.PooledShadow()


def measured(case: Case, way: str, seed: int, *, sample: bool = False, anchors: Sequence[int] = ()) -> dict[str, Any]:
    """The record of one run: stages in seconds, fits, evaluations, memory.

    Parameters
    ----------
    sample : bool
        Replay `COLUMNS` periods, fit two more sizes, and price the rest.
    anchors : sequence of int
        Rows held by the fits of ``"anchors"``.
    """
    history = case.simulate(np.random.default_rng(seed))
    clock = CompilerClock()
    options = dict(case.options) | {"draws": case.draws, "tune": case.tune}
    forecaster = CountedForecaster(case.build_model, clock=clock, **options)
    record = {"case": case.name, "way": way, "seed": seed, "load": os.getloadavg()[0]}
    begun, worked = perf_counter(), process_time()
    with clock.running(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if way == "anchors":
            fit_rows(forecaster, history, anchors, seed)
        elif sample:
            return record | _priced(forecaster, history, case.initial, seed)
        else:
            spells = _table(forecaster, history, case.initial, keeper(way), seed)
            record |= _told(spells)
    record |= {"cpu": process_time() - worked, "peak_gib": peak_gib()}
    return record | _stages(forecaster, perf_counter() - begun)


def fit_rows(forecaster: CountedForecaster, history: xr.Dataset, sizes: Sequence[int], seed: int) -> None:
    """Fits to the first so many rows."""
    for number, rows in enumerate(sizes):
        forecaster.fit(history.isel(obs=slice(int(rows))), random_seed=seed + number)


def rows_held(history: xr.Dataset, initial: int) -> np.ndarray:
    """Rows of shadows 0..T."""
    return np.bincount(history["period"].values).cumsum()[initial - 1 :]


def _table(forecaster: CountedForecaster, history: xr.Dataset, initial: int, shadow: Any, seed: int) -> xr.Dataset:
    return ld.spell_table(forecaster, history, initial=initial, shadow=shadow, random_seed=seed, progressbar=False)


def _priced(forecaster: CountedForecaster, history: xr.Dataset, initial: int, seed: int) -> dict[str, Any]:
    begun, held, shadow = perf_counter(), rows_held(history, initial), TimedRefit(forecaster.clock)
    _table(forecaster, history.isel(obs=slice(int(held[COLUMNS]))), initial, shadow, seed)
    fit_rows(forecaster, history, [held[len(held) // 2], held[-1]], seed)
    taken = perf_counter() - begun
    price = refit_price(forecaster.fits, shadow.columns, held)
    return {
        "priced": True,
        "compile": forecaster.clock.seconds,
        "fitting": price["fit_seconds"],
        "rest": price["pair_seconds"],
        "seconds": forecaster.clock.seconds + price["fit_seconds"] + price["pair_seconds"],
        "fits": len(held),
        "gradients": price["fit_evaluations"],
        "densities": price["pair_evaluations"],
        "sample_seconds": taken,
        "parts": json.dumps({"fits": forecaster.fits, "columns": shadow.columns}),
    }


def _stages(forecaster: CountedForecaster, total: float) -> dict[str, Any]:
    fitting = sum(fit["seconds"] for fit in forecaster.fits)
    return {
        "priced": False,
        "compile": forecaster.clock.seconds,
        "fitting": fitting,
        "rest": total - fitting - forecaster.clock.seconds,
        "seconds": total,
        "fits": len(forecaster.fits),
        "gradients": sum(fit["evaluations"] for fit in forecaster.fits),
        "densities": forecaster.densities,
        "fitted_rows": json.dumps(sorted({fit["rows"] for fit in forecaster.fits})),
    }


def _told(spells: xr.Dataset) -> dict[str, Any]:
    """What the table says of itself, as a check on what it took."""
    filled = np.isfinite(spells["debt"].values)
    return {
        "pairs": int(filled.sum()),
        "reliable_debts": float(spells["debt_reliable"].values[filled].mean()),
        "largest_debt": float(np.nanmax(spells["debt"].values)),
        "converged": float(spells["converged"].values.mean()),
        "rungs": json.dumps(dict(Counter(spells["rung"].values.ravel().tolist()))),
    }


def main() -> None:
    """Print one record as JSON: ``python -m benchmarks.tables.run CASE WAY SEED [--sample] [--anchors ROWS ...]``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("seed", type=int)
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--anchors", type=int, nargs="*", default=())
    asked = parser.parse_args()
    record = measured(CASES[asked.case], asked.way, asked.seed, sample=asked.sample, anchors=asked.anchors)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
