"""What it does to a monitor's decisions that it keeps a few posteriors and not all of them.

    python benchmarks/monitor_thinning.py [--histories 20] [--periods 120] [--seed 1] [--write NAME]

Histories of an exact forecaster whose slope stands still, jumps or walks. Of each the whole spell table is made, and
then, as a monitor keeps so many posteriors, those cells are taken away that its ledger would not hold. The decision of
the last period, by the recommended policy, is compared: expected regret in its standard errors, chance, verdict.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import xarray as xr

import learning_debt as ld
from learning_debt.monitor.retention import kept
from learning_debt.policies.cost import as_cost
from learning_debt.pricing.decision import decide_about_spell

FORECASTER = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))
INITIAL, ROWS, COST, HORIZON = 12, 3, 0.5, 13
RETAINED = (20, 8)
RESULTS = Path(__file__).parent / "results"


def table_of(kind: int, periods: int, rng: np.random.Generator) -> xr.Dataset:
    """The whole table of one history."""
    count = periods + INITIAL
    walk = np.cumsum(rng.normal(size=count)) * 0.05
    slope = (np.zeros(count), np.where(np.arange(count) > rng.uniform(0.3, 0.9) * count, 1.0, 0.0), walk)[kind % 3]
    period = np.repeat(np.arange(count), ROWS)
    x = np.column_stack([np.ones(period.size), rng.normal(size=period.size)])
    y = x[:, 1] * slope[period] + rng.normal(size=period.size)
    history = {"x": x, "y": y, "period": period}
    return ld.check_spells(ld.spell_table(FORECASTER, history, initial=INITIAL, progressbar=False))


def thinned(table: xr.Dataset, deployed_at: int, retained: int) -> xr.Dataset:
    """The table with the cells that a ledger would hold."""
    periods = table.sizes["period"]
    held, there = [0], np.zeros((periods, periods), dtype=bool)
    for period in range(1, periods + 1):
        there[held, period - 1] = True
        held = kept([*held, period], [0] if period <= deployed_at else [0, deployed_at], retained)
    there = xr.DataArray(there, dims=("deployed_at", "period"))
    cells = {name: one.where(there) for name, one in table.items() if {"deployed_at", "period"} <= {*one.dims}}
    return table.assign({name: one for name, one in cells.items() if one.dtype.kind == "f"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=20)
    parser.add_argument("--periods", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="NAME", help="write results/monitor_thinning_NAME.json")
    asked = parser.parse_args()
    rng, found = np.random.default_rng(asked.seed), {retained: [] for retained in RETAINED}
    policy, cost = ld.policies.Recommended(), as_cost(COST)
    for number in range(asked.histories):
        table = table_of(number, asked.periods, rng)
        deployed_at = asked.periods - int(rng.integers(1, 2 * HORIZON))
        spell = table.isel(deployed_at=[deployed_at], period=slice(deployed_at, None))
        whole = ld.decide(table, policy, COST, deployed_at=deployed_at, horizon=HORIZON)
        for retained in RETAINED:
            past = thinned(table, deployed_at, retained)
            less = decide_about_spell(spell, policy, cost.resolve(table), horizon=HORIZON, probability=0.9, past=past)
            off = (less.expected_regret.value - whole.expected_regret.value) / whole.expected_regret.standard_error
            found[retained].append((off, less.probability - whole.probability, less.verdict != whole.verdict))
        print(number, [np.round(found[retained][-1], 3).tolist() for retained in RETAINED], flush=True)
    result = {
        str(retained): {
            "histories": asked.histories,
            "periods": asked.periods,
            "expected regret off by, mean and root mean square in standard errors": [
                round(float(np.mean([one[0] for one in rows])), 3),
                round(float(np.sqrt(np.mean([one[0] ** 2 for one in rows]))), 3),
            ],
            "chance off by, mean and root mean square": [
                round(float(np.mean([one[1] for one in rows])), 3),
                round(float(np.sqrt(np.mean([one[1] ** 2 for one in rows]))), 3),
            ],
            "other verdicts": int(sum(one[2] for one in rows)),
        }
        for retained, rows in found.items()
    }
    print(json.dumps(result, indent=1))
    if asked.write:
        (RESULTS / f"monitor_thinning_{asked.write}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
