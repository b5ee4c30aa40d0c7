"""How often must a shadow be refitted? Prints the table and a line for each bar.

From the directory benchmarks: ``python -m shadow_upkeep --quick`` (a minute) or without (40 minutes; a run that was
stopped goes on where it was). The ladder's defaults were chosen on other seeds; what is stored is seed 5.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from shadow_upkeep.run import cells, run
from shadow_upkeep.summary import KEYS, cell_table, verdicts
from shadow_upkeep.walk import Cell

RESULTS = Path(__file__).parents[1] / "results"
SHOWN = ["refits", "matches", "share_by_weights", "evaluations", "seconds", "cpu_seconds"]
AGAINST = ["times_cheaper_seconds", "times_cheaper_cpu", "times_cheaper_evaluations", "refit_in_passes"]
ERRORS = ["rms_error", "rms_error_se", "worst_error", "error_ratio", "error_ratio_se"]
DEBTS = ["debts", "debts_reliable", "debt_coverage", "debt_largest_miss"]


def quick_cells() -> list[tuple[Cell, int]]:
    """A slice that takes about a minute."""
    names = ("refit", "reweight", "ladder", "ladder, 4 fits")
    return [(Cell("exact draws", 2, "shift .5", name, 60), replication) for name in names for replication in range(3)]


def report(records: list[dict], name: str | None) -> None:
    """Print table and verdicts; with a name, store both as JSON."""
    table = cell_table(records)
    bars = verdicts(table)
    if name:
        stored = {
            "cells": json.loads(table.to_json(orient="records")),
            "bars": json.loads(bars.to_json(orient="records")),
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n")
    pd.set_option("display.width", 250, "display.max_columns", 40, "display.max_rows", 500)
    for columns in (SHOWN, AGAINST, ERRORS, DEBTS):
        present = [column for column in columns if column in table]
        print(f"\n{table[KEYS + present].to_string(index=False, float_format='{:.4g}'.format)}")
    print(f"\n{bars.to_string(index=False)}")


def main() -> None:
    """Run, or go on with, the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a slice, nothing stored")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=40.0, help="after which no new walk is begun")
    arguments = parser.parse_args()
    if arguments.quick:
        with TemporaryDirectory() as directory:
            report(run(quick_cells(), arguments.seed, Path(directory), arguments.minutes), None)
        return
    directory = RESULTS / f"raw_upkeep_seed{arguments.seed}"
    records = run(cells(), arguments.seed, directory, arguments.minutes, hierarchical=40)
    report(records, f"shadow_upkeep_seed{arguments.seed}")


if __name__ == "__main__":
    main()
