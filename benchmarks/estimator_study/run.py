"""Running cells: one raw file a cell, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from estimator_study.cells import COLUMNS, Cell, replicate


def run_cell(cell: Cell, seed: int, directory: Path) -> pd.DataFrame:
    """All replications of a cell; what the cell's file already holds is not computed again."""
    path = directory / f"{cell.name}.csv"
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
    if len(done) < cell.replications:
        new = [replicate(cell, seed, number) for number in range(len(done), cell.replications)]
        done = pd.concat([done, pd.DataFrame(new)], ignore_index=True) if len(done) else pd.DataFrame(new)
        done.to_csv(path, index=False, float_format="%.7g")
    return done.iloc[: cell.replications]


def run_cells(cells: list[Cell], seed: int, directory: Path, minutes: float = np.inf) -> pd.DataFrame:
    """Every replication of every cell, one row each, with the cell's settings; stops after `minutes` of CPU time."""
    directory.mkdir(parents=True, exist_ok=True)
    tables = []
    for number, cell in enumerate(cells, start=1):
        if time.process_time() > 60 * minutes:
            print(f"stopped before cell {number} of {len(cells)}: {minutes:g} CPU minutes are over", flush=True)
            break
        table = run_cell(cell, seed, directory)
        labels = {"sampler": cell.sampler, "draws": cell.draws, "coefficients": cell.coefficients}
        tables.append(table.assign(**labels, scenario=cell.scenario, periods=cell.periods))
    return pd.concat(tables, ignore_index=True)
