"""Bills of real histories under two readings of one protocol, side by side: the first one made, and that of the bench.

The first reading bills from the second period after the split on, calendars in the one phase that begins at the split,
CUSUM with thresholds in nats, and the study's continuation value with this history's nats for the study's. The bench
bills all periods after the split, calendars as the mean over their phases, and knows no unit. Split of .6, the weak
prior, signed accounting.

    python benchmarks/real_history_bills.py OUT.csv [HISTORY ...]
"""

import sys
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt import bench
from learning_debt.bench.library_rows import BLENDS, INTERVALS, MULTIPLIERS, study_continuation
from learning_debt.policies import (
    CUSUM,
    Always,
    BlendedThreshold,
    Calendar,
    ContinuationValue,
    Never,
    Policy,
    PredictiveDebtThreshold,
)

HISTORIES = ("inflation", "deaths", "co2", "avocado", "bike", "apple", "sp500")
RULES = {"all data": ld.UpdateRule(), "discount .98": ld.UpdateRule(discount=0.98)}
COST_RATIOS, SPLIT = (0.25, 1.0, 4.0), 0.6
BY_THE_BENCH = {
    "never": "never",
    "always": "always",
    "oracle": "oracle",
    "best_calendar_in_hindsight": "best calendar in hindsight",
    "calendar": "calendar",
    "cusum": "CUSUM",
    "predictive_debt_threshold": "predictive-debt threshold",
    "blended_threshold": "blended threshold",
    "continuation_of_the_study": "continuation value of the study",
}
"""Rows of the bench by the columns of the first reading."""


def first_grids() -> Mapping[str, list[Policy]]:
    """Candidates by column."""
    return {
        "calendar": [Never(), *map(Calendar, INTERVALS)],
        "cusum": [CUSUM(threshold) for threshold in np.geomspace(0.005, 20.0, 24).tolist()],
        "predictive_debt_threshold": [PredictiveDebtThreshold(multiplier) for multiplier in MULTIPLIERS],
        "blended_threshold": [BlendedThreshold(*values) for values in BLENDS],
        "continuation_of_the_study": [ContinuationValue(study_continuation()[0])],
    }


def first_reading(table: xr.Dataset, ratio: float) -> dict[str, float]:
    """Mean bills over series, in costs of a retrain, rounded to two decimals."""
    split = int(SPLIT * table.sizes["period"])
    tuning, evaluation = ld.select_periods(table, 0, split), ld.select_periods(table, split + 1)
    cost = ld.RetrainingCost(cost_ratio=ratio).resolve(ld.check_spells(tuning))

    def bill(policy: Policy) -> float:
        return float(ld.replay(evaluation, policy, cost).objective.mean())

    grids = first_grids()
    bills = {"never": bill(Never()), "always": bill(Always())}
    bills["oracle"] = float(ld.oracle(evaluation, cost).objective.mean())
    in_hindsight = ld.tune(evaluation, grids["calendar"], cost, starts=1).table["objective"]
    bills["best_calendar_in_hindsight"] = float(in_hindsight.min())
    for name, candidates in grids.items():
        bills[name] = bill(ld.tune(tuning, candidates, cost, starts=1).policy)
    return {name: round(value / cost.per_retrain, 2) for name, value in bills.items()}


def bench_reading(tables: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """The same columns by the bench, by history and cost ratio."""
    rows = list(BY_THE_BENCH.values())[6:]
    found = bench.run_bench(
        tables, policies=rows, cost_ratios=COST_RATIOS, splits=[SPLIT], resamples=1, progressbar=False
    )
    means = found.bills.groupby(["history", "cost_ratio", "policy"])["bill"].mean().unstack("policy")
    return means[list(BY_THE_BENCH.values())].set_axis(list(BY_THE_BENCH), axis=1)


def main(out: str, names: list[str]) -> None:
    """Write both readings and print, for each column, how far they lie apart."""
    lines = []
    for rule_name, rule in RULES.items():
        tables = {name: bench.HISTORIES[name].spells(rule) for name in names}
        corrected = bench_reading(tables)
        for name, table in tables.items():
            for ratio in COST_RATIOS:
                both = {"first": first_reading(table, ratio), "bench": corrected.loc[(name, ratio)].round(4).to_dict()}
                key = {"history": name, "update_rule": rule_name, "cost_ratio": ratio}
                lines += [key | {"reading": reading} | bills for reading, bills in both.items()]
    frame = pd.DataFrame(lines)
    frame.to_csv(out, index=False)
    key = ["history", "update_rule", "cost_ratio"]
    first, second = (frame[frame["reading"] == name].set_index(key)[list(BY_THE_BENCH)] for name in ("first", "bench"))
    apart = second - first
    sizes = {"median size": apart.abs().median(), "largest": apart.abs().max()}
    print(pd.DataFrame({"mean": apart.mean()} | sizes).round(2))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or list(HISTORIES))
