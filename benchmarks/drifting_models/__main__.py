"""Policies on three models without a conjugate prior, whose drift is known: prints the tables.

From the directory benchmarks: ``python -m drifting_models --quick`` (a few minutes, nothing stored) or without (20 CPU
seconds a series; a run that was stopped goes on where it was). Nothing was chosen on the seed that is stored.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import xarray as xr

from drifting_models.comparison import cell_table, compare, summary
from drifting_models.policies import COST_RATIOS, conjugate_continuation, costs_of
from drifting_models.run import cases, run
from drifting_models.worlds import WORLDS
from learning_debt.pricing.replays import ACCOUNTINGS

RESULTS = Path(__file__).parents[1] / "results"


def report(tables: dict[str, xr.Dataset], name: str | None) -> None:
    """Print a table for each accounting; with a name, store summaries and signed cells as CSV."""
    every = np.concatenate([costs_of(table).ravel() for table in tables.values()])
    carried = conjugate_continuation(np.geomspace(every.min(), every.max(), 6).tolist())
    found = compare(tables, carried)
    groups = [([bills], model) for (model, _), bills in found.items()]
    groups += [([found[model, accounting] for model in tables], "all") for accounting in ACCOUNTINGS]
    summaries = pd.concat([summary(*group) for group in groups], ignore_index=True)
    signed = {model: bills for (model, accounting), bills in found.items() if accounting == "signed"}
    cells = pd.concat([cell_table(bills, model) for model, bills in signed.items()], ignore_index=True)
    series = series_table(tables)
    if name:
        summaries.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g")
        cells.to_csv(RESULTS / f"{name}_cells.csv", index=False, float_format="%.4g")
        series.to_csv(RESULTS / f"{name}_series.csv", index=False, float_format="%.4g")
    print(series.to_string(index=False, float_format="{:.4g}".format))
    for accounting, part in summaries.groupby("accounting", sort=False):
        print(
            f"\n{accounting}: ratio to tuned CUSUM where something shifts (cells won); no shift; {ORACLE[accounting]}"
        )
        print(pd.DataFrame({name: _texts(own) for name, own in part.groupby("model", sort=False)}).to_string())


def _texts(part: pd.DataFrame) -> pd.Series:
    def text(row: pd.Series) -> str:
        columns = ("ratio", "no_shift", ORACLE[row["accounting"]])
        shown = [f"{row[key]:.3f} [{row[f'{key}_low']:.2f} {row[f'{key}_high']:.2f}]" for key in columns]
        return f"{shown[0]} ({row['wins']}/{row['cells']})  {shown[1]}  {shown[2]}"

    return part.set_index("policy").apply(text, axis=1)


ORACLE = {"signed": "excess", "positive": "to_oracle"}
"""What is shown against the oracle: the ratio, or, where its bill can be near zero, excess over it in tuned CUSUM's."""


def series_table(tables: dict[str, xr.Dataset]) -> pd.DataFrame:
    """How many series there are, their score units, and how far sampled cells can be believed."""
    rows = []
    for name, table in tables.items():
        cells = np.triu(np.ones((table.sizes["period"],) * 2, dtype=bool))
        row = {"model": name, "series": table.sizes["series"], "periods": table.sizes["period"]}
        row |= {f"{signal}_reliable": float(table[f"{signal}_reliable"].values[:, cells].mean()) for signal in SIGNALS}
        row["converged"] = float(table["converged"].mean())
        row["regret_se"] = float(np.sqrt((table["regret_se"].values[:, cells] ** 2).mean()))
        row["positive_regret"] = float((table["regret"].values[:, cells] > 0).mean())
        row |= {f"{signal}_rank_correlation": _correlation(table, signal, cells) for signal in SIGNALS}
        row |= dict(zip(("median_unit", "q75_unit"), costs_of(table)[:, COST_RATIOS.index(1.0)], strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


SIGNALS = ("debt", "predictive_debt", "score_gap")


def _correlation(table: xr.Dataset, signal: str, cells: np.ndarray) -> float:
    """Rank correlation of a signal with the regret of the same cell."""
    columns = [pd.Series(table[name].values[:, cells].ravel()).rank() for name in (signal, "regret")]
    return float(np.corrcoef(*columns)[0, 1])


def main() -> None:
    """Run, or go on with, the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short series of each kind, nothing stored")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=6, help="series of each model and shift type")
    parser.add_argument("--minutes", type=float, default=120.0, help="after which no new series is begun")
    parser.add_argument("--tables", type=Path, help="where spell tables are kept")
    arguments = parser.parse_args()
    if arguments.quick:
        with TemporaryDirectory() as directory:
            short = [replace(world, periods=20) for world in WORLDS]
            report(run(list(cases(2, short)), arguments.seed + 1000, Path(directory)), None)
        return
    directory = arguments.tables or RESULTS / f"raw_drifting_seed{arguments.seed}"
    tables = run(list(cases(arguments.rounds)), arguments.seed, directory, arguments.minutes)
    report(tables, f"drifting_models_seed{arguments.seed}")


if __name__ == "__main__":
    main()
