"""Hand malformed batches to a monitor, and see that each is refused in words and changes nothing.

    python benchmarks/monitor_batches.py [--batches 10000] [--seed 1] [--write NAME]

A right batch is spoilt in one to three ways drawn at random: columns taken away, added, renamed, of another type, shape
or length, with values that are not numbers, not finite or beyond all bounds; no rows; labels that are wrong, of another
kind, skipped, past, repeated, out of order; periods observed before with other rows; another series; things that are no
table at all. A refusal is a ValueError, TypeError or KeyError with a message, raised by this library. Every file of the
folder is compared byte by byte.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld

FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
RESULTS = Path(__file__).parent / "results"
LAST = 19
Batch = dict[str, Any]
warnings.filterwarnings("ignore", category=np.exceptions.ComplexWarning)  # of the spoiling itself


def rows_of(first: int, stop: int, rng: np.random.Generator, count: int = 3) -> Batch:
    """Rows of some periods."""
    period = np.repeat(np.arange(first, stop), count)
    x = np.column_stack([np.ones(len(period)), rng.normal(size=len(period))])
    return {"x": x, "y": x @ [1.0, 2.0] + rng.normal(size=len(period)), "period": period}


def _numbers(batch: Batch, name: str) -> np.ndarray:
    """A column as numbers, or some where it holds none by now."""
    try:
        return np.array(batch.get(name, np.ones(3)), dtype=float).reshape(_count(batch), -1)
    except (ValueError, TypeError):
        return np.ones((3, 1))


def _count(batch: Batch) -> int:
    return np.asarray(batch.get("period", np.ones(3))).size


def _column(batch: Batch, rng: np.random.Generator) -> str:
    return str(rng.choice([name for name in ("x", "y", "period") if name in batch] or ["y"]))


def without(batch: Batch, rng: np.random.Generator) -> Any:
    gone = _column(batch, rng)
    return {name: values for name, values in batch.items() if name != gone}


def renamed(batch: Batch, rng: np.random.Generator) -> Any:
    old = _column(batch, rng)
    return {(f"{name}s" if name == old else name): values for name, values in batch.items()}


def beyond(batch: Batch, rng: np.random.Generator) -> Any:
    name = str(rng.choice(["x", "y"]))
    values = _numbers(batch, name)
    if values.size:
        values.flat[rng.integers(values.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e200])
    return batch | {name: values if name == "x" else values.ravel()}


def retyped(batch: Batch, rng: np.random.Generator) -> Any:
    name = str(rng.choice(["x", "y"]))
    values = _numbers(batch, name)
    kinds: list[Callable[[np.ndarray], Any]] = [
        lambda one: one.astype(str),
        lambda one: one + 1j,
        lambda one: [*one.astype(object).ravel().tolist(), "a"],
        lambda one: np.full(one.shape, None),
        lambda one: one.astype("datetime64[s]"),
        lambda one: [{"a": 1}] * len(one),
        lambda _: b"abc",
        lambda one: one > 0,
    ]
    return batch | {name: kinds[rng.integers(len(kinds))](values)}


def reshaped(batch: Batch, rng: np.random.Generator) -> Any:
    name = str(rng.choice(["x", "y"]))
    values = _numbers(batch, name)
    shapes = [values[..., None], values[:-1], values.sum(), np.tile(values, 3), values.T]
    return batch | {name: shapes[rng.integers(len(shapes))]}


def widened(batch: Batch, rng: np.random.Generator) -> Any:
    return batch | {"x": np.ones((_count(batch), int(rng.choice([1, 3, 40]))))}


def added(batch: Batch, rng: np.random.Generator) -> Any:
    name = str(rng.choice(["z", "arrived", "row", "weight", "digests; DROP TABLE entries", "../x"]))
    return batch | {name: np.zeros(_count(batch))}


def emptied(batch: Batch, rng: np.random.Generator) -> Any:
    return {name: np.atleast_1d(values)[:0] for name, values in batch.items()}


def relabelled(batch: Batch, rng: np.random.Generator) -> Any:
    count = _count(batch)
    labels = [
        np.full(count, LAST + 2),
        np.full(count, LAST + 1000),
        np.full(count, -3),
        np.full(count, 12),
        np.full(count, LAST),
        np.full(count, np.nan),
        np.full(count, float(LAST) + 0.5),
        np.full(count, "20"),
        np.full(count, ""),
        pd.to_datetime(np.full(count, "2024-01-01")),
        np.arange(LAST + count, LAST, -1),
        np.full(count, 10**18),
        np.full(count, True),
        [None] * count,
        [("a", 1)] * count,
    ]
    return batch | {"period": labels[rng.integers(len(labels))]}


def other_rows(batch: Batch, rng: np.random.Generator) -> Any:
    return rows_of(int(rng.integers(1, LAST + 1)), LAST + 2, rng)


def of_two_series(batch: Batch, rng: np.random.Generator) -> Any:
    count = _count(batch)
    return batch | {"series": [*"abcdefghij"][:count] if count < 10 else np.arange(count)}


def no_table(batch: Batch, rng: np.random.Generator) -> Any:
    things = [
        None,
        3,
        "rows.csv",
        b"abc",
        [1, 2],
        np.ones(3),
        object(),
        lambda: 1,
        xr.Dataset(),
        pd.DataFrame(),
        {},
        {1, 2},
    ]
    return things[rng.integers(len(things))]


SPOILT = (
    without, renamed, beyond, retyped, reshaped, widened, added, emptied, relabelled, other_rows, of_two_series,
    no_table,
)  # fmt: skip


def spoilt(rng: np.random.Generator) -> tuple[str, Any]:
    """A malformed batch, and in which ways."""
    batch: Any = rows_of(LAST + 1, LAST + 2, rng)
    ways = []
    for _ in range(int(rng.integers(1, 4))):
        if isinstance(batch, dict):
            way = SPOILT[rng.integers(len(SPOILT))]
            batch = way(batch, rng)
            ways.append(way.__name__)
    if isinstance(batch, dict) and rng.random() < 0.2:
        try:
            batch = pd.DataFrame({name: list(np.atleast_1d(values)) for name, values in batch.items()})
            ways.append("as a frame")
        except (ValueError, TypeError):
            pass
    return ", ".join(ways), batch


def fault(monitor: ld.Monitor, batch: Any) -> str:
    """What is wrong with how a batch was taken; nothing where it was refused as it should be."""
    try:
        decision = monitor.observe(batch)
    except (ValueError, TypeError, KeyError) as error:
        ours = "learning_debt" in traceback.extract_tb(error.__traceback__)[-1].filename
        return "" if ours and str(error).strip() else f"of another library: {type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"taken as {decision.label}"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file."""
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_batches_NAME.json")
    asked = parser.parse_args()
    rng, home = np.random.default_rng(asked.seed), Path(tempfile.mkdtemp())
    agreed = {"cost": 0.3, "policy": ld.policies.CUSUM(0.5), "calendar": 8}
    monitor = ld.Monitor.create(home / "state", FORECASTER, rows_of(0, 15, np.random.default_rng(1)), **agreed)
    for period in range(15, LAST + 1):
        monitor.observe(rows_of(period, period + 1, np.random.default_rng(period)))
    before, counts, faults = contents(monitor.path), Counter(), []
    for number in range(asked.batches):
        ways, batch = spoilt(rng)
        counts[ways.split(", ")[0]] += 1
        said = fault(monitor, batch)
        if said or contents(monitor.path) != before:
            faults.append(f"{number} ({ways}): {said or 'the folder has changed'}")
            if contents(monitor.path) != before:
                break
    shutil.rmtree(home)
    result = {"batches": sum(counts.values()), "seed": asked.seed, "first spoilt": dict(counts), "faults": len(faults)}
    print(json.dumps(result, indent=1))
    print(*faults[:30], sep="\n")
    if asked.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"monitor_batches_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
