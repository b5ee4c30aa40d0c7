"""Sampled debt, predictive debt and score gap against exact values: prints the tables and a line for each bar.

From the directory benchmarks: ``python -m estimator_study --quick`` (about a minute) or without (40 CPU minutes; a run
that was stopped goes on where it was). Thresholds were chosen on other seeds; the results stored are those of seed 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from estimator_study.cells import SIGNALS, Cell, cells
from estimator_study.run import run_cells
from estimator_study.summary import ENOUGH, beyond, cell_table, curves, long, overlap_choice, verdicts

RESULTS = Path(__file__).parents[1] / "results"
SHOWN = ["sampler", "draws", "coefficients", "scenario", "periods", "exact", "overlap", "reliable", "share_reliable"]
ERRORS = ["bias", "rmse", "relative_error", "coverage", "coverage_error", "largest_miss"]


def quick_cells() -> list[Cell]:
    """A slice that takes about a minute."""
    kept = [cell for cell in cells(0.05) if cell.sampler == "iid" and cell.coefficients <= 10]
    return [cell for cell in kept if cell.periods in (1, 50)]


def report(table: pd.DataFrame, name: str | None) -> None:
    """Print tables and verdicts; with a name, store them as CSV."""
    estimates = long(table)
    by_cell, along = cell_table(estimates), curves(table, estimates)
    bars = verdicts(estimates, by_cell)
    if name:
        by_cell.to_csv(RESULTS / f"{name}_cells.csv", index=False, float_format="%.4g")
        along.to_csv(RESULTS / f"{name}_curves.csv", index=False, float_format="%.4g")
        bars.to_csv(RESULTS / f"{name}_verdicts.csv", index=False)
    for signal in SIGNALS:
        rows = by_cell.loc[by_cell["signal"] == signal, SHOWN + ERRORS]
        print(f"\n{signal}\n{rows.to_string(index=False, float_format='{:.3g}'.format)}")
    print(f"\nalong what reliability is judged on\n{along.to_string(index=False, float_format='{:.3g}'.format)}")
    print(f"\n{overlap_choice(table)}")
    few = by_cell[by_cell["reliable"] < ENOUGH].groupby("signal").size().to_dict()
    print(f"cells with fewer than {ENOUGH} reliable estimates: {few}")
    print(f"cells outside:\n{beyond(by_cell)[['signal', *SHOWN, *ERRORS]].to_string(index=False)}\n")
    for bar in bars.itertuples():
        print(f"{bar.verdict}  {bar.signal}: {bar.asked}: {bar.found}")


def main() -> None:
    """Run, or go on with, the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a slice, nothing stored")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="times the replications of every cell")
    parser.add_argument("--minutes", type=float, default=40.0, help="of CPU time, after which no new cell is begun")
    arguments = parser.parse_args()
    if arguments.quick:
        with TemporaryDirectory() as directory:
            report(run_cells(quick_cells(), arguments.seed, Path(directory)), None)
        return
    directory = RESULTS / f"raw_seed{arguments.seed}"
    table = run_cells(cells(arguments.scale), arguments.seed, directory, arguments.minutes)
    report(table, f"estimators_seed{arguments.seed}")


if __name__ == "__main__":
    main()
