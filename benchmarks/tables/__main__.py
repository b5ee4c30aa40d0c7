"""What a spell table costs, way by way, each run in a process of its own.

From the clone's root: ``python -m benchmarks.tables --case NAME ... [--way refit|pooled|anchors] [--sample]``. Left
out, all three ways follow each other: a refit every period and a pooled shadow, the one that begins taking turns, then
the fits of the pooled table's anchors alone, which is the least it could take. ``--sample`` prices refitting from a few
fits and columns of pairs, where all of it would take hours. Runs are added to a CSV, and all of it is printed.
Seconds of compiling, of fits and of the rest add up; on a machine that others use, those of the processor (``cpu``, of
all threads) say more. Gradients and densities are of one row at one point.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from benchmarks.tables.cases import CASES
from benchmarks.tables.price import lines
from benchmarks.tables.run import WAYS, keeper
from benchmarks.tables.summary import anchor_rows, merged, ratios, shown

RESULTS = Path(__file__).parents[1] / "results"


def run_apart(case: str, way: str, seed: int, *options: str) -> dict[str, Any]:
    """The record of one run in a fresh process, with one thread for every library of linear algebra."""
    command = [sys.executable, "-m", "benchmarks.tables.run", case, way, str(seed), *options]
    found = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE
    )
    if found.returncode:
        raise SystemExit(f"{case}, {way}: the run failed, see above")
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    """Run what is asked for, store it, and print all that is stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", choices=CASES, required=True)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--sample", action="store_true", help="price refitting from a sample")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "tables.csv")
    asked = parser.parse_args()
    if asked.way != "refit":
        keeper("pooled")
    for case in asked.case:
        for repetition in range(asked.repetitions):
            pair = ("refit", "pooled") if repetition % 2 == 0 else ("pooled", "refit")
            for way in (*pair, "anchors") if asked.way is None else (asked.way,):
                options = ["--sample"] if asked.sample and way == "refit" else []
                if way == "anchors":
                    options = ["--anchors", *map(str, anchor_rows(merged(asked.out, []), case))]
                record = run_apart(case, way, asked.seed + repetition, *options)
                print(f"{case}, {way}: {record['seconds']:.0f} s", flush=True)
                merged(asked.out, [record | {"repetition": repetition}]).to_csv(asked.out, index=False)
    report(merged(asked.out, []))


def report(table: pd.DataFrame) -> None:
    """Print the table, ratios, and what prices were worked out from."""
    pd.set_option("display.width", 200, "display.max_columns", 40)
    print(f"\n{shown(table).to_string(index=False, float_format='{:.3g}'.format)}")
    print("~: priced from a sample, not run, so that processor time and peak memory are not known. Load: at the start.")
    for _, row in table[table["priced"]].iterrows():
        print(f"\n{row['case']}, refitting priced in {row['sample_seconds']:.0f} s from")
        print(lines(json.loads(row["parts"])))
    beside = ratios(table)
    if len(beside):
        print(f"\nCompilation apart:\n{beside.to_string(index=False, float_format='{:.2f}'.format)}")


if __name__ == "__main__":
    main()
