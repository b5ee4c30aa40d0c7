"""Whether tuning from many starts, and taking the simpler of two that cannot be told apart, pays on real histories.

Every case of the bench (histories, update rules, priors, splits and cost ratios, signed accounting): each row of
candidates, and all of them together, is tuned on the first part in four ways and billed as the bench bills it. The four
are one walk from the beginning, as the bench tunes, or many starts; and the cheapest candidate, or the simplest within
one standard error of it, where candidates differ in how simple they are.

    python benchmarks/tuning_starts.py OUT.csv [HISTORY ...]
"""

import sys

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt import bench
from learning_debt.bench.entries import Entry, parts, real_entries
from learning_debt.bench.library_rows import CUSUM_ROW, GRID_ROWS
from learning_debt.bench.running import COST_RATIOS, SPLITS
from learning_debt.bench.walked_candidates import Walked
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.replays import oracle_checked
from learning_debt.pricing.starts import spread_starts
from learning_debt.pricing.tuning import Bills, complexity, tune_by

TUNED = {row.name: row for row in GRID_ROWS if row.name not in ("never", "always")}
TOGETHER, CUSUM = "all together", CUSUM_ROW.name
WITHIN = (0.0, 1.0)


def seen(tuning: xr.Dataset, candidates: list, cost: RetrainingCost, starts: list[int] | None) -> Bills:
    """Bills of candidates on the tuning part: from these starts, or as the bench has them."""
    if starts is not None:
        return Bills.of(tuning, candidates, cost, "signed", starts)
    walked = Walked.of(tuning, candidates, cost, "signed")
    return Bills(candidates, walked.regret, walked.retrains * cost.per_retrain, walked.retrains)


def joined(bills: list[Bills]) -> Bills:
    """Candidates of several rows as those of one."""
    candidates = [policy for one in bills for policy in one.candidates]
    return Bills(
        candidates,
        *(np.concatenate([getattr(one, name) for one in bills]) for name in vars(bills[0]) if name != "candidates"),
    )


def case(entry: Entry, table: xr.Dataset, split: float, ratio: float) -> list[dict]:
    """A line for each row and way of tuning."""
    tuning, evaluation = parts(table, split)
    cost = RetrainingCost(cost_ratio=ratio).resolve(tuning)
    least = float(oracle_checked(evaluation, cost, "signed").objective.mean()) / cost.per_retrain
    same = entry.labels | {"accounting": "signed", "split": split, "cost_ratio": ratio, "series": "all"}
    lines, known = [], {}
    candidates = {name: row.candidates(tuning, cost, 0) for name, row in TUNED.items()}
    for way, starts in {"one path": None, "many starts": spread_starts(tuning)}.items():
        bills = {name: seen(tuning, grid, cost, starts) for name, grid in candidates.items()}
        bills[TOGETHER] = joined(list(bills.values()))
        for within in WITHIN:
            for name, of_row in bills.items():
                if within and len({complexity(policy) for policy in of_row.candidates}) == 1:
                    continue
                policy = tune_by(of_row, within).policy
                if policy not in known:
                    walked = Walked.of(evaluation, [policy], cost, "signed")
                    known[policy] = float(walked.bills(cost).sum(axis=-1).mean()) - least
                label = f"{name}, {way}{', simplest within 1 SE' if within else ''}"
                label = name if label == f"{name}, one path" else label
                paid = {"policy": label, "excess": known[policy], "periods": evaluation.sizes["period"]}
                lines.append(same | paid | {"setting": str(policy)})
    return lines


def against_one_path(bills: pd.DataFrame) -> pd.DataFrame:
    """Excess of every way of tuning relative to that of the same row tuned on one walk, with 90% intervals."""
    lines = []
    for name in bills["policy"].unique():
        first = name.split(",")[0]
        pair = bills[bills["policy"] == first].assign(policy=CUSUM), bills[bills["policy"] == name].assign(policy="it")
        found = bench.summarise(pd.concat(pair)).query("cost_ratio == 'all' and policy == 'it'").iloc[0]
        lines.append({"policy": name} | {f"to_one_path{end}": found[f"relative{end}"] for end in ("", "_low", "_high")})
    return pd.DataFrame(lines)


def main(out: str, histories: list[str]) -> None:
    """Write the table of comparisons, and print it."""
    lines = []
    for entry in real_entries(histories or None, None, None):
        table = entry.spells()
        lines += [line for split in SPLITS for ratio in COST_RATIOS for line in case(entry, table, split, ratio)]
        print(entry.history, entry.prior, entry.update_rule, flush=True)
    bills = pd.DataFrame(lines)
    found = bench.summarise(bills).query("cost_ratio == 'all'")
    columns = ["policy", "cases", "relative", "relative_low", "relative_high", "mean_excess", "median_excess"]
    whole = found[[*columns, "dearer_than_calendar"]].merge(against_one_path(bills), on="policy").round(3)
    whole.to_csv(out, index=False)
    print(whole.to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
