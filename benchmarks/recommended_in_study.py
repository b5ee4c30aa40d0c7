"""The recommended policy in the reference study, beside tuned CUSUM and the blended threshold.

    python benchmarks/recommended_in_study.py --repetitions 901 902 903 904 905 --out recommended_in_study.csv
    python benchmarks/recommended_in_study.py --repetitions 901 --severities --out recommended_severity.csv

The study's paths are many histories, not one: what candidates would have paid is counted on two tuning paths of every
cell, at each cost; the tallies of all costs are the candidates that the study tunes, and none learns on a test path.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.data import SERIES
from learning_debt.policies.models.candidate_tally import CandidateTally
from learning_debt.policies.recommended import Recommended, candidates
from learning_debt_study.calibration_paths import Calibration
from learning_debt_study.candidate_policies import OURS, PUBLISHED, Candidates
from learning_debt_study.experiment import run_pass
from learning_debt_study.policy_comparison import comparison
from learning_debt_study.repetitions import SEVERITY_DESIGN, severity_points
from learning_debt_study.scenarios import PAPER, Design, Misspecification, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import study_table

PATHS_EACH = 2
SHOWN = ("recommended_tuned", "blended_threshold_tuned")


def tuning_table(design: Design, misspecification: Misspecification, repetition: int) -> xr.Dataset:
    """Tuning paths of every cell, as series of one checked table."""
    tables = []
    for shift in design.shifts:
        for probability in design.probabilities:
            seeds = cell_seeds("tuning", shift, probability, design, repetition)
            paths = draw_paths(shift, probability, seeds, design=design, misspecification=misspecification)
            tables.append(study_table(paths).drop_vars(SERIES).isel({SERIES: slice(PATHS_EACH)}))
    together = xr.concat(tables, SERIES).assign_coords({SERIES: np.arange(PATHS_EACH * len(tables))})
    return ld.check_spells(together, Recommended.requires)


def tallied(table: xr.Dataset, accounting: str, known: Calibration) -> Sequence[Recommended]:
    """One policy for each cost of the study, with what the candidates would have paid at it."""
    costs = [ratio * unit for unit in known.score_units.values() for ratio in PAPER.cost_ratios]
    tallies = [
        CandidateTally.of(candidates()).after(table, ld.RetrainingCost(float(cost)).resolve(table), accounting)
        for cost in costs
    ]
    return [Recommended(tally=tally, learns=False, accounting=accounting) for tally in tallies]


def compared(design: Design, misspecification: Misspecification, repetition: int, accounting: str) -> pd.DataFrame:
    """Rows of `comparison` for the policies that are shown."""
    grid = partial(tallied, tuning_table(design, misspecification, repetition), accounting)
    rows = {
        "cusum": PUBLISHED["cusum"],
        "blended_threshold": OURS["blended_threshold"],
        "recommended": Candidates(grid, None, True),
    }
    found = run_pass(
        design, accounting=accounting, misspecification=misspecification, repetition=repetition, policies=rows
    )
    table = comparison(found.evaluation, resamples=200)
    return table[table["policy"].isin(SHOWN)].assign(accounting=accounting, repetition=repetition)


def passes(repetitions: Sequence[int], severities: bool) -> Iterator[pd.DataFrame]:
    """One table a pass."""
    if not severities:
        for repetition in repetitions:
            for accounting in ("positive", "signed"):
                yield compared(PAPER, Misspecification(), repetition, accounting)
        return
    for point in severity_points(("tail", "hetero", "nonlinear"), 1):
        for repetition in repetitions:
            yield compared(SEVERITY_DESIGN, point.misspecification, repetition, "signed").assign(**point.labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, nargs="+", required=True)
    parser.add_argument("--severities", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    tables: list[pd.DataFrame] = []
    for table in passes(given.repetitions, given.severities):
        tables.append(table)
        pd.concat(tables, ignore_index=True).to_csv(given.out, index=False, float_format="%.6g")
        print(table.to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
