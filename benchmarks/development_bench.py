"""Policies on real histories and simulated worlds that are not in the bench: those that `Recommended` was chosen on.

    pip install --no-deps -r benchmarks/worlds/development/requirements.txt
    python -m benchmarks.development_bench --out benchmarks/results/development_bench.csv

Each history is forecast by a regression under one of the bench's update rules and priors, which take turns. Its first
two fifths are known and tuned on, the rest is billed, at three cost ratios; of several series three are kept. What is
written is what `learning_debt.bench.summarise` says of real histories and of simulated ones. Some seconds a history.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xarray as xr
from benchmarks.worlds.development import DEVELOPMENT_HISTORIES
from benchmarks.worlds.development.packages import installed_versions
from benchmarks.worlds.kinds import KINDS, simulated
from benchmarks.worlds.tables import spells

from learning_debt.bench import run_bench, summarise
from learning_debt.bench.entries import UPDATE_RULES
from learning_debt.bench.histories import PRIORS

KNOWN_SHARE, SERIES, GROUPS = 0.4, 3, 4
POLICIES = ("predictive-debt threshold", "blended threshold", "recommended")
REAL, SIMULATED = "real", "simulated"


class Source(NamedTuple):
    """A history, `REAL` or `SIMULATED`, and how it is forecast: the place of an update rule, the name of a prior."""

    kind: str
    name: str
    load: Callable[[], xr.Dataset]
    rule: int
    prior: str

    def table(self) -> xr.Dataset:
        """Its spell table, of the first series."""
        return spells(self.load(), UPDATE_RULES[self.rule], self.prior).isel(series=slice(0, SERIES))


def sources(groups: int = GROUPS) -> Iterator[Source]:
    """Every development history, and so many groups of each kind of world."""
    turns = list(product(range(len(UPDATE_RULES)), PRIORS))
    for place, (name, load) in enumerate(DEVELOPMENT_HISTORIES.items()):
        yield Source(REAL, name, load, *turns[place % len(turns)])
    for group, (place, kind) in product(range(groups), enumerate(KINDS)):
        yield Source(SIMULATED, f"{kind} {group}", _world(kind, group), *turns[(place + group) % len(turns)])


def _world(kind: str, group: int) -> Callable[[], xr.Dataset]:
    return lambda: simulated(kind, group, SERIES)[1]


def bills_of(source: Source, policies: Sequence[str] = POLICIES) -> pd.DataFrame:
    """What each policy paid, as `run_bench` says, with the kind of history."""
    found = run_bench(
        {source.name: source.table()},
        policies=policies,
        splits=[KNOWN_SHARE],
        resamples=1,  # intervals are over histories, in the summary
        progressbar=False,
    )
    return found.bills.assign(kind=source.kind)


def summary(bills: pd.DataFrame) -> pd.DataFrame:
    """A line for each kind of history, cost ratio and policy, as `summarise` gives it."""
    parts = {kind: summarise(part.drop(columns="kind")) for kind, part in bills.groupby("kind", sort=False)}
    return pd.concat(parts, names=["kind"]).reset_index("kind").reset_index(drop=True)


def main() -> None:
    """Print the summary, and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file that is written")
    parser.add_argument("--groups", type=int, default=GROUPS, help="histories of each kind of simulated world")
    arguments = parser.parse_args()
    installed_versions()
    bills = []
    for source in sources(arguments.groups):
        bills.append(bills_of(source))
        print(f"{source.kind}: {source.name}", flush=True)
    found = summary(pd.concat(bills, ignore_index=True))
    found.to_csv(arguments.out, index=False, float_format="%.4g")
    shown = ["kind", "cost_ratio", "policy", "histories", "mean_excess", "relative", "relative_low", "relative_high"]
    print(found[[*shown, "dearer_than_calendar"]].to_string(index=False, float_format="{:.3g}".format))


if __name__ == "__main__":
    main()
