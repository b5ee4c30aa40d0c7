"""On what to retrain, and when, on the real histories: `learning_debt.bench.rule_savings`, printed and kept."""

import argparse
import time
from pathlib import Path

import pandas as pd

from learning_debt.bench.histories import HISTORIES, PRIORS
from learning_debt.bench.savings_of_rules import rule_savings


def main():
    """Print a line for each history, prior and cost ratio as it comes, and write all of them where told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", nargs="*", choices=HISTORIES, default=list(HISTORIES))
    parser.add_argument("--prior", nargs="*", choices=PRIORS, default=list(PRIORS))
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="a CSV file")
    arguments = parser.parse_args()
    found = []
    for name in arguments.history:
        started = time.perf_counter()
        found.append(rule_savings([name], priors=arguments.prior, resamples=arguments.resamples))
        print(f"{name}, {time.perf_counter() - started:.0f} s")
        print(
            "\n".join(f"  {row.prior}, {row.cost_ratio:g}: {row.sentence}" for row in found[-1].itertuples()),
            flush=True,
        )
        if arguments.out:
            pd.concat(found).round(4).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
