"""Do the audit's intervals cover, and how often do two policies that a history tells apart really differ?

Histories of one stationary world: a regression of 5 rows a period whose coefficient is drawn anew from N(0, 1/4) in one
period of 20, a shadow that holds the last 20 periods, a retrain that costs 0.2 nats; exact posteriors. Each history is
audited: half for tuning, half for the report. The truth that an interval should hold is the mean, over all histories,
of the difference to the best calendar of the policies as each history tuned them. Two intervals are held against it:
the audit's, for which both parts are resampled and tuning is done anew, and the one that keeps the tuned candidates and
resamples the reported part only. A share is followed by its binomial error; those of one run share their histories, and
the error of the truth, from the same histories, is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import learning_debt as ld
from learning_debt.arrays.draws.resampling import resample_counts, resampled_totals
from learning_debt.auditing.cost_comparison import interval, resample
from learning_debt.auditing.split_evaluation import BEST, RIVAL, Question, Trial, run_trial

DECIDES = "what decides"
COST, WINDOW, ROWS, RESAMPLES, PROBABILITY = ld.RetrainingCost(0.2), 20, 5, 1000, 0.9


def simulated_table(periods: int, rng: np.random.Generator):
    """Spell table of `periods` periods of the world above, after the first 20."""
    count = periods + WINDOW
    level = np.cumsum(rng.random(count) < 0.05)
    slope = np.repeat(0.5 * rng.normal(size=count)[level], ROWS)
    x = rng.normal(size=slope.size)
    history = {"x": x, "y": slope * x + rng.normal(size=slope.size), "period": np.repeat(np.arange(count), ROWS)}
    return ld.spell_table(
        ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)),
        history,
        initial=WINDOW,
        update_rule=ld.UpdateRule(window=WINDOW),
        progressbar=False,
    )


def trial_of(table) -> Trial:
    """Half of a history tuned on, half reported on."""
    return run_trial(ld.check_spells(table), Question.of(COST, None, "signed", None), 0.5)


def of_one_history(trial: Trial, rng: np.random.Generator) -> dict[str, dict[str, list[float]]]:
    """Difference to the best calendar, and both intervals of it, of every row; and of what decides to its rivals."""
    resampled = resample(trial, RESAMPLES, rng)
    counts = resample_counts(1, trial.evaluation.sizes["period"], RESAMPLES, rng)
    held = {name: resampled_totals(one.bill.values[None], counts)[0] for name, one in trial.replays.items()}
    cost = {name: float(one.objective.item()) for name, one in trial.replays.items()}
    again = resampled.totals | {DECIDES: resampled.decided}
    held[DECIDES], cost[DECIDES] = held[trial.decided_by], cost[trial.decided_by]
    pairs = [(name, BEST) for name in cost if name != BEST] + [(DECIDES, RIVAL)]
    return {
        f"{one}, to {other}": {
            "difference": [cost[one] - cost[other]],
            "again": interval(again[one] - again[other], PROBABILITY).tolist(),
            "held": interval(held[one] - held[other], PROBABILITY).tolist(),
        }
        for one, other in pairs
    }


def share(hits: np.ndarray) -> list[float]:
    """A share and its binomial error."""
    mean = float(hits.mean())
    return [mean, float(np.sqrt(mean * (1 - mean) / hits.size))]


def summarise(found: list[dict[str, dict[str, list[float]]]]) -> dict[str, dict[str, list[float]]]:
    """Truth with its error, and for both intervals: coverage, mean width, and how often they leave zero out."""
    summary = {}
    for pair in found[0]:
        difference = np.array([one[pair]["difference"][0] for one in found])
        truth = float(difference.mean())
        row = {"truth": [truth, float(difference.std(ddof=1) / np.sqrt(difference.size))]}
        for kind in ("again", "held"):
            low, high = np.array([one[pair][kind] for one in found]).T
            row[f"{kind}_covers"] = share((low <= truth) & (truth <= high))
            row[f"{kind}_width"] = [float((high - low).mean())]
            row[f"{kind}_cheaper"], row[f"{kind}_dearer"] = share(high < 0), share(low > 0)
        summary[pair] = row
    return summary


def main() -> None:
    """Simulate, audit, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=300)
    parser.add_argument("--periods", type=int, nargs="+", default=[80, 160])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON to keep the results in")
    options = parser.parse_args()
    results = {}
    for periods in options.periods:
        started = time.perf_counter()
        found = []
        for seed in np.random.SeedSequence([options.seed, periods]).spawn(options.replications):
            rng = np.random.default_rng(seed)
            found.append(of_one_history(trial_of(simulated_table(periods, rng)), rng))
        results[str(periods)] = summarise(found)
        print(
            f"\n{periods} periods, half of them reported on; {options.replications} histories, "
            f"{time.perf_counter() - started:.0f} s; {PROBABILITY:.0%} intervals, tuned again / tuned candidates held"
        )
        for pair, row in results[str(periods)].items():
            text = [f"{row['truth'][0]:+6.2f} ± {row['truth'][1]:.2f}"]
            for name in ("covers", "cheaper", "dearer"):
                text.append(
                    f"{name} "
                    + " / ".join(
                        f"{row[f'{k}_{name}'][0]:.2f} ± {row[f'{k}_{name}'][1]:.2f}" for k in ("again", "held")
                    )
                )
            text.append(f"width {row['again_width'][0]:.1f} / {row['held_width'][0]:.1f}")
            print(f"{pair:44s} " + "   ".join(text))
    if options.out:
        options.out.write_text(
            json.dumps({"replications": options.replications, "seed": options.seed, **results}, indent=1)
        )


if __name__ == "__main__":
    main()
