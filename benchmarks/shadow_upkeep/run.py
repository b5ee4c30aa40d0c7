"""Cells of the study, one raw file a walk, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from shadow_upkeep import worlds
from shadow_upkeep.hierarchical import hierarchical_walk
from shadow_upkeep.walk import Cell, walk

MAIN = ("refit", "ladder, 4 fits")
GUARDS = ("k only", "size only")


def cells(periods: int = 200) -> list[tuple[Cell, int]]:
    """Cells with their replications, what matters most first."""
    small, rest = (2, 20), ("ladder", "reweight", "reweight, 4 fits")
    plan = [(cell, 0) for size in small for cell in nutpie_cells(size, periods)]
    plan += [(cell, 0) for size in small for cell in exact_cells(size, MAIN, periods)]
    plan += [(cell, 0) for cell in exact_cells(2, GUARDS, periods)]
    plan += [(cell, 0) for size in small for cell in exact_cells(size, rest, periods)]
    plan += [(cell, 0) for cell in exact_cells(100, ("refit",), periods)]
    plan += [(cell, 0) for cell in nutpie_cells(100, periods)]
    plan += [(cell, 1) for size in small for cell in exact_cells(size, MAIN, periods)]
    plan += [(cell, 0) for cell in exact_cells(100, ("ladder, 4 fits",), periods)]
    plan += [(cell, 1) for cell in exact_cells(2, GUARDS, periods)]
    return plan + [(cell, 2) for size in small for cell in exact_cells(size, MAIN, periods)]


def exact_cells(size: int, keepers: tuple[str, ...], periods: int) -> Iterator[Cell]:
    """Walks with independent draws, for the accuracy of keepers."""
    for keeper in keepers:
        for scenario in worlds.SCENARIOS:
            yield Cell("exact draws", size, scenario, keeper, periods)


def nutpie_cells(size: int, periods: int) -> Iterator[Cell]:
    """Walks with a real sampler; a refit of every period is priced at every twentieth or fortieth."""
    for scenario in worlds.SCENARIOS:
        for keeper in MAIN:
            priced = 40 if size == 100 else 20
            yield Cell("nutpie", size, scenario, keeper, periods, priced if keeper == "refit" else 1)


def run(
    planned: list[tuple[Cell, int]], seed: int, directory: Path, minutes: float, hierarchical: int = 0
) -> list[dict[str, Any]]:
    """Records of all walks, with the cell's settings; no new walk is begun after `minutes`."""
    directory.mkdir(parents=True, exist_ok=True)
    begun, forecasters, records = perf_counter(), {}, []
    for cell, replication in planned:
        if hierarchical and cell.coefficients == 100:
            records += _stored(
                directory / "hierarchical.json", lambda periods=hierarchical: hierarchical_walk(seed, periods)
            )
            hierarchical = 0
        path = directory / f"{cell.name}-{replication}.json"
        if not path.exists() and perf_counter() - begun > 60 * minutes:
            print(f"{time.strftime('%H:%M')} left out: {path.stem}", flush=True)
            continue
        found = _stored(path, lambda cell=cell, replication=replication: _walked(cell, seed, replication, forecasters))
        settings = {name: getattr(cell, name) for name in ("engine", "coefficients", "scenario", "keeper", "every")}
        records += [{**settings, "replication": replication, **one} for one in found]
    return records


def _walked(cell: Cell, seed: int, replication: int, forecasters: dict[int, Any]) -> list[dict[str, Any]]:
    forecaster = None
    if cell.engine == "nutpie":
        if cell.coefficients not in forecasters:
            forecasters[cell.coefficients] = _compiled(cell.coefficients, seed)
        forecaster = forecasters[cell.coefficients]
    begun = perf_counter()
    found = walk(cell, seed, replication, forecaster)
    print(f"{time.strftime('%H:%M')} {cell.name}-{replication}: {perf_counter() - begun:.0f} s", flush=True)
    return found


def _compiled(coefficients: int, seed: int) -> Any:
    """A forecaster that has compiled all it will need, so that no walk pays for it."""
    forecaster, begun = worlds.nutpie_twin(coefficients), perf_counter()
    walk(Cell("nutpie", coefficients, "shift 2", "compile", periods=8), seed + 1000, 0, forecaster)
    print(f"{time.strftime('%H:%M')} compiled {coefficients} coefficients: {perf_counter() - begun:.0f} s", flush=True)
    return forecaster


def _stored(path: Path, make: Any) -> list[dict[str, Any]]:
    if not path.exists():
        path.write_text(json.dumps(make()))
    return json.loads(path.read_text())
