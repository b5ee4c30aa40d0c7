"""Do the intervals of `compare_rules` cover, and how often is a change of rule recommended that is none?

Histories of a regression with 5 rows a period in three worlds: its coefficient jumps in one period of 20, it wanders
with an autocorrelation of .9, or it never changes. Rules: all data (today's), a window of 20 periods, discounts of .95
and .8; a calendar of 10 periods, which is today's, all other calendars, never, always, and CUSUM; a retrain costs 0.2
nats; exact posteriors. Sixty percent of the periods are chosen on, the rest is reported on. The truth that an interval
should hold is the mean over all histories of what the change that each history chose would have saved. Recommended
changes are counted beside it. Shares are followed by their binomial error, truths by their standard error.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import learning_debt as ld

FIRST, ROWS, COST = 20, 5, 0.2
RULES = [ld.UpdateRule(), ld.UpdateRule(window=20), ld.UpdateRule(discount=0.95), ld.UpdateRule(discount=0.8)]


def jumps(count: int, rng: np.random.Generator) -> np.ndarray:
    """Drawn anew from N(0, 1) in one period of 20."""
    return rng.normal(size=count)[np.cumsum(rng.random(count) < 0.05) - 1]


def wanders(count: int, rng: np.random.Generator) -> np.ndarray:
    """Autoregressive of order one, 0.9 of the period before, with variance 1."""
    levels = [rng.normal()]
    for noise in np.sqrt(1 - 0.9**2) * rng.normal(size=count - 1):
        levels.append(0.9 * levels[-1] + noise)
    return np.array(levels)


def never_changes(count: int, rng: np.random.Generator) -> np.ndarray:
    """One number for good."""
    return np.full(count, rng.normal())


WORLDS = {"jumps": jumps, "wanders": wanders, "never changes": never_changes}


def comparison(periods: int, world: Callable, resamples: int, seed: np.random.SeedSequence) -> ld.RuleComparison:
    """Rules compared on one simulated history."""
    rng = np.random.default_rng(seed)
    count = periods + FIRST
    slope = np.repeat(world(count, rng), ROWS)
    x = rng.normal(size=slope.size)
    history = {"x": x, "y": slope * x + rng.normal(size=slope.size), "period": np.repeat(np.arange(count), ROWS)}
    return ld.compare_rules(
        ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)),
        history,
        RULES,
        COST,
        initial=FIRST,
        calendar=10,
        resamples=resamples,
        variables=("score_gap",),
        random_seed=int(rng.integers(2**31)),
        progressbar=False,
    )


def share(hits: np.ndarray) -> list[float]:
    """A share and its binomial error."""
    mean = float(hits.mean())
    return [mean, float(np.sqrt(mean * (1 - mean) / hits.size))]


def summarised(found: list[ld.RuleComparison]) -> dict[str, dict[str, list[float]]]:
    """Truth and coverage by change, how often it is told to be worth something or to cost; and recommendations."""
    summary = {}
    for change in found[0].savings["change"].values.tolist():
        value, low, high = (
            np.array([float(one.savings[name].sel(change=change)) for one in found])
            for name in ("saving", "low", "high")
        )
        truth = float(value.mean())
        summary[change] = {
            "truth": [truth, float(value.std(ddof=1) / np.sqrt(value.size))],
            "covers": share((low <= truth) & (truth <= high)),
            "above zero": share(low > 0),
            "below zero": share(high < 0),
            "width": [float((high - low).mean())],
        }
    changed = np.array([one.recommended != one.today for one in found])
    told = np.array([bool((one.table["tuning_low"].values[1:] > 0).any()) for one in found])
    summary["recommended"] = {"a change": share(changed), "some rule told from today's": share(told)}
    for name in found[0].table["rule"].values.tolist():
        held = np.array([float(one.table["saving"].sel(rule=name)) for one in found])
        summary[f"always {name}"] = {"truth": [float(held.mean()), float(held.std(ddof=1) / np.sqrt(held.size))]}
    return summary


def main() -> None:
    """Simulate, compare, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=300)
    parser.add_argument("--periods", type=int, nargs="+", default=[80, 160])
    parser.add_argument("--world", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON to keep the results in")
    options = parser.parse_args()
    results = {}
    for name_of_world in options.world:
        place, world = list(WORLDS).index(name_of_world), WORLDS[name_of_world]
        for periods in options.periods:
            started = time.perf_counter()
            seeds = np.random.SeedSequence([options.seed, place, periods]).spawn(options.replications)
            found = [
                dataclasses.replace(comparison(periods, world, options.resamples, seed), spells={}) for seed in seeds
            ]  # without the tables, which would fill the memory
            rows = results[f"{name_of_world}, {periods} periods"] = summarised(found)
            print(
                f"\n{name_of_world}; {periods} periods, {len(found)} histories, {time.perf_counter() - started:.0f} s"
            )
            for name, row in rows.items():
                text = "   ".join(f"{key} " + " ± ".join(f"{part:.3f}" for part in parts) for key, parts in row.items())
                print(f"{name:32s} {text}", flush=True)
    if options.out:
        options.out.write_text(
            json.dumps({"replications": options.replications, "seed": options.seed, **results}, indent=1)
        )


if __name__ == "__main__":
    main()
