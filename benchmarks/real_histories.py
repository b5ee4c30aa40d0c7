"""What forgetting is worth on the real histories, whatever the timing of retrains.

Exact spell tables of `learning_debt.bench.histories`. Printed per history, prior and update rule, over the last 40% of
the periods: mean log score of the shadow itself (a forecaster retrained after every period), and of a forecaster frozen
after the first 60%, both less that of the shadow that keeps all data; nats per observation, mean over periods and
series. `score` is the shadow's own, of the standardised outcome.
"""

import argparse
import time

import numpy as np
import pandas as pd

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES, PRIORS

SPLIT = 0.6
DISCOUNTS = (1.0, 0.98, 0.95, 0.9)


def scores(spells):
    """Mean log score after the split: always retrained, and frozen at the split."""
    score, split = spells["deployed_score"].values, int(SPLIT * spells.sizes["period"])
    retrained = np.diagonal(score, axis1=1, axis2=2)[:, split:]
    return float(retrained.mean()), float(score[:, split, split:].mean())


def rows_of(name, prior):
    """One row per update rule."""
    rows = []
    for discount in DISCOUNTS:
        rule = ld.UpdateRule(discount=discount)
        start = time.perf_counter()
        spells = HISTORIES[name].spells(rule, prior)
        seconds = time.perf_counter() - start
        always, frozen = scores(spells)
        base = rows[0]["score"] if rows else always
        rows.append(
            {
                "history": name,
                "prior": prior,
                "update_rule": str(rule),
                "periods": spells.sizes["period"],
                "series": spells.sizes["series"],
                "always_retrained": always - base,
                "frozen": frozen - base,
                "score": always,
                "seconds": seconds,
            }
        )
    return rows


def main():
    """Print the table, and write it where told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", nargs="*", choices=HISTORIES, default=list(HISTORIES))
    parser.add_argument("--prior", nargs="*", choices=PRIORS, default=list(PRIORS))
    parser.add_argument("--out", help="a CSV file; seconds are left out of it")
    arguments = parser.parse_args()
    HISTORIES["inflation"].spells()  # compiles the engine
    table = pd.DataFrame(
        [row for name in arguments.history for prior in arguments.prior for row in rows_of(name, prior)]
    )
    print(table.round({"always_retrained": 3, "frozen": 3, "score": 3, "seconds": 2}).to_string(index=False))
    if arguments.out:
        table.drop(columns="seconds").round(4).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
