"""What a diagnosis says in worlds of each kind: a confusion table.

Every history has 24 periods before the spell and 36 in it; the shadow holds all data, and a second one discounts by .9.

stale: coefficients move by one standard deviation when the spell begins, and stay there. missing drift: they walk by
.15 a period throughout. wrong model: they stay, and errors have heavy tails, unequal variances, an omitted square or
are autocorrelated. still: they stay and the model is right; what is then said of spells that cost something is bad
luck.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import simulated_drift

import learning_debt as ld
from learning_debt.auditing.diagnosis import diagnose

BEFORE, SPELL, COEFFICIENTS = 24, 36, simulated_drift.COEFFICIENTS
WRONG = ("heavy tails", "unequal variances", "omitted square", "autocorrelated")
KINDS = ("stale", "missing drift", *WRONG, "still")
RESULTS = Path(__file__).parent / "results" / "diagnosed_worlds.csv"


def coefficients(kind, rng):
    """In every period, shape (periods, coefficients)."""
    start, shape = rng.normal(size=COEFFICIENTS), (BEFORE + SPELL, COEFFICIENTS)
    if kind == "missing drift":
        return start + np.cumsum(0.15 * rng.normal(size=shape), axis=0)
    moved = rng.normal(size=COEFFICIENTS) if kind == "stale" else np.zeros(COEFFICIENTS)
    return start + np.where(np.arange(shape[0])[:, None] >= BEFORE, moved, 0.0)


def history(kind, rows, rng):
    """A history of that many rows a period."""
    model = kind if kind in WRONG else "right"
    data = simulated_drift.history("still", model, rows, BEFORE + SPELL, rng)
    moved = coefficients(kind, rng)[data["period"]]
    return data | {"y": data["y"] + (data["x"] * moved).sum(axis=1)}


def main():
    """Print and keep the shares of verdicts by kind and rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--rows", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(COEFFICIENTS), 0.1 * np.eye(COEFFICIENTS), 2.0, 1.0))
    rng, found = np.random.default_rng(arguments.seed), []
    for kind in KINDS:
        for rows in arguments.rows:
            for _ in range(arguments.replications):
                data = history(kind, rows, rng)
                spells, forgetting = (
                    ld.spell_table(forecaster, data, initial=BEFORE, update_rule=rule, progressbar=False)
                    for rule in (None, ld.UpdateRule(discount=0.9))
                )
                for tables, other in (("one", None), ("both", forgetting)):
                    said = diagnose(spells, forgetting=other)
                    verdict = " and ".join(said.findings) or "nothing"
                    found.append((kind, rows, tables, f"{verdict} ({said.cause})" if said.cause else verdict))
    frame = pd.DataFrame(found, columns=["world", "rows", "tables", "verdict"])
    shares = pd.crosstab([frame["tables"], frame["rows"], frame["world"]], frame["verdict"], normalize="index")
    shares.round(3).to_csv(arguments.out)
    print(shares.round(2).to_string())


if __name__ == "__main__":
    main()
