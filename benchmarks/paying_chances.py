"""Do retrains that are given a chance to pay pay in that share of the cases? Real histories, and known drift.

Every chance is said at the end of a period from what was known then. Real: the nine histories of the bench (every sixth
region of the avocados, which would else be most of the cases), under both update rules and both priors, costs of .25, 1
and 4 typical bad periods (q75 of the tuning part). Simulated: the worlds and models of `simulated_drift`, 1, 5 or 25
rows a period. Bins are tenths of the chance said; errors are clustered by history.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import simulated_drift

import learning_debt as ld
from learning_debt.auditing.chance_check import chances_of_past_retrains, reliability
from learning_debt.bench.entries import parts, real_entries
from learning_debt.plots import plot_calibration

HORIZONS, RATIOS = (4, 12, 26), (0.25, 1.0, 4.0)
RESULTS = Path(__file__).parent / "results" / "paying_chances.csv"
SPACED = {"avocado": 6}
WHO = {"said": "calibrated", "shadow_said": "shadow alone"}


def cases_of(table, costs_from, **labels):
    """Chances of one table at all horizons and costs, a row a case."""
    frames = []
    for ratio in RATIOS:
        cost = ld.RetrainingCost(cost_ratio=ratio).resolve(costs_from)
        for horizon in HORIZONS:
            if table.sizes["period"] - horizon <= 20:
                continue
            frame = chances_of_past_retrains(table, cost, horizon).to_dataframe()
            frames.append(frame.assign(horizon=horizon, ratio=ratio, **labels))
    return frames


def real_cases():
    """Of the bench's histories."""
    frames = []
    for entry in real_entries(None, None, None):
        table = entry.spells()
        some = table.isel(series=slice(None, None, SPACED.get(entry.history, 1)))
        frames += cases_of(some, parts(table, 0.6)[0], history=entry.history)
    return pd.concat(frames)


def simulated_cases(replications, seed):
    """Of histories with known drift; every one is a history of its own."""
    frames, rng = [], np.random.default_rng(seed)
    for world in simulated_drift.WORLDS:
        for model in simulated_drift.MODELS:
            for rows in (1, 5, 25):
                for number in range(replications):
                    rule = ld.UpdateRule(discount=0.98) if number % 2 else None
                    initial = int(rng.choice([8, 24]))
                    table = ld.check_spells(simulated_drift.spells(world, model, rows, 120, initial, rng, rule))
                    name = f"{world}, {model}, {rows} rows, {number}"
                    frames += cases_of(table, table, history=name, world=world, model=model)
    return pd.concat(frames)


def binned(frame, source, **labels):
    """A row a bin and speaker."""
    rows, cluster = [], pd.factorize(frame["history"])[0]
    for column, who in WHO.items():
        found = reliability(frame[column].to_numpy(), frame["paid"].to_numpy(bool), cluster).to_dataframe()
        rows.append(found.assign(source=source, said_by=who, **labels))
    return pd.concat(rows)


def main():
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2, help="of every simulated world, model and rows")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, help="where to draw the real histories' chances")
    arguments = parser.parse_args()
    real, simulated = real_cases(), simulated_cases(arguments.replications, arguments.seed)
    tables = [binned(real, "real histories"), binned(simulated, "simulated drift")]
    tables += [binned(frame, "real histories", part=f"horizon {horizon}") for horizon, frame in real.groupby("horizon")]
    tables += [binned(frame, "real histories", part=f"cost ratio {ratio:g}") for ratio, frame in real.groupby("ratio")]
    tables += [binned(frame, "real histories", part=name) for name, frame in real.groupby("history")]
    for key in ("world", "model"):
        tables += [binned(frame, "simulated drift", part=name) for name, frame in simulated.groupby(key)]
    table = pd.concat(tables).assign(part=lambda frame: frame["part"].fillna("all"))
    table = table.reset_index()[["source", "part", "said_by", "bin", "cases", "clusters", "said", "paid", "error"]]
    table.round(4).to_csv(arguments.out, index=False)
    if arguments.picture:
        drawn = binned(real, "real histories").query("said_by == 'calibrated'").to_xarray()
        figure = plot_calibration(drawn, backend="matplotlib").viz["figure"].item()
        figure.savefig(arguments.picture, dpi=110)
    table["off"] = (table["paid"] - table["said"]).abs() > 0.07 + 2 * table["error"]
    print(table[table["part"] == "all"].round(3).to_string(index=False))
    enough = table[(table["cases"] >= 200) & table["off"] & (table["said_by"] == "calibrated")]
    print(f"bins of 200 or more, off by over 7 points and two errors:\n{enough.round(3).to_string(index=False)}")
    for name, frame in {"real": real, "simulated": simulated}.items():
        missed = {who: (frame[column] - frame["paid"]) ** 2 for column, who in WHO.items()}
        score = {who: round(float(of.groupby(frame["history"]).mean().mean()), 4) for who, of in missed.items()}
        print(f"Brier score, mean over histories, {name}: {score}")


if __name__ == "__main__":
    main()
