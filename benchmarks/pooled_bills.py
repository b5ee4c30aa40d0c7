"""What policies decide on pooled spell tables, and their bills beside those of exact tables of the same histories.

    python benchmarks/pooled_bills.py [--replications 6] [--ways pooled refit] [--coefficients 3 20] [--periods 60]

Worlds are those of benchmarks/pooled_tables.py. In each, the thresholds of every policy are tuned on the exact table of
one history, at costs of a tenth, one and four times the mean regret of a period, and walk another history on its exact
table and on sampled ones (1,000 independent draws a fit). All schedules are billed with the exact regret. Printed for
each way and policy: the share of periods decided alike, retrains a table, and the sum of sampled bills over that of
exact ones, less one, with a standard error over tables.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
import pandas as pd
import xarray as xr
from pooled_tables import WORLDS, history, made, prior
from sampled_decisions import billed, ratio_of_bills

import learning_debt as ld
from learning_debt.policies.grids import readers_of_signals

KEEPERS = {"pooled": ld.PooledShadow(), "refit": ld.Refit()}
PARTS_OF_REGRET = (0.1, 1.0, 4.0)
PATH = ("world", "p", "seed")
"""Columns that tell histories apart."""


def table(forecaster: object, data: xr.Dataset, **options: object) -> xr.Dataset:
    return ld.spell_table(forecaster, data, initial=1, progressbar=False, exposure="rows", **options)


def schedule(policy: ld.policies.Policy, spells: xr.Dataset, cost: float) -> np.ndarray:
    """Whether the policy retrains at the end of each period, shape (1, T)."""
    return np.asarray(ld.replay(spells, policy, cost).schedule.values, dtype=bool).reshape(1, -1)


def bills(world: str, coefficients: int, periods: int, seed: int, ways: list[str]) -> list[dict]:
    """One history: a row for every way, policy and cost."""
    tuning, test = (
        history(world, coefficients, periods, np.random.default_rng([number, coefficients, periods]))
        for number in (seed + 1000, seed)
    )
    closed = ld.ConjugateRegression(prior(coefficients))
    tuning_table, exact = table(closed, tuning), table(closed, test)
    regret = float(np.nanmean(np.maximum(tuning_table["regret"].values, 0.0)))
    tables = {way: table(made(coefficients, 0.0), test, shadow=KEEPERS[way], random_seed=seed) for way in ways}
    rows = []
    grids = {part: readers_of_signals(tuning_table, ld.RetrainingCost(part * regret)) for part in PARTS_OF_REGRET}
    for part, name in ((part, name) for part, rows_of in grids.items() for name in rows_of):
        cost, candidates = part * regret, grids[part][name]
        policy = ld.tune(tuning_table, candidates, cost, starts=1).policy
        by_exact = schedule(policy, exact, cost)
        exact_bill = billed(exact, by_exact, cost, positive=False) / regret
        for way, spells in tables.items():
            found = schedule(policy, spells, cost)
            bill = billed(exact, found, cost, positive=False) / regret
            rows.append(
                {"world": world, "p": coefficients, "seed": seed, "way": way, "policy": name, "part": part}
                | {"bill": bill, "exact_bill": exact_bill}
                | {"alike": float((found == by_exact).mean()), "retrains": int(found.sum())}
            )
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line for each way and policy, and one for all policies; bills count periods of mean regret."""
    lines = []
    whole = [((way, "all"), part) for way, part in rows.groupby("way")]
    for (way, name), part in [*rows.groupby(["way", "policy"]), *whole]:
        ratio, error = ratio_of_bills(part, PATH)
        tables = len(part.groupby(list(PATH)))
        lines.append(
            {"way": way, "policy": name, "tables": tables, "excess %": 100 * (ratio - 1), "error %": 100 * error}
            | {"alike %": 100 * part["alike"].mean(), "retrains": part["retrains"].mean()}
        )
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coefficients", type=int, nargs="+", default=[3, 20])
    parser.add_argument("--periods", type=int, default=60)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=WORLDS)
    parser.add_argument("--ways", nargs="+", default=list(KEEPERS), choices=list(KEEPERS))
    parser.add_argument("--replications", type=int, default=6)
    asked = parser.parse_args()
    rows = [
        row
        for seed, p, world in product(range(1, asked.replications + 1), asked.coefficients, asked.worlds)
        for row in bills(world, p, asked.periods, seed, asked.ways)
    ]
    print(summary(pd.DataFrame(rows)).to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main()
