"""Which strategy chooses best what serves, on simulated drift of outcomes that are yes or no?

Two kinds of data: one like the census (a quarter is yes; balanced accuracy decides) and one like account fraud (one in
fifty; average precision decides). Three kinds of drift of the coefficients of a logistic model: two jumps, a random
walk, and two regimes that take turns. Batches of rows come one after the other. Every six batches a model, Bayesian
logistic regression by Laplace's approximation, is fitted to four fifths of the rows of the last six and validated on
the rest; it is a candidate from then on, and the models before it stay candidates. A strategy sees the reward of the
batch that was served, and chooses for the next. The log score of what served stands beside.

Rows are means over worlds, intervals resample worlds. All figures are ours, of simulated data. Some five minutes:

    python benchmarks/serving_study.py --out benchmarks/results/serving_study.csv
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, log_expit

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving import (
    UCB1,
    ABTest,
    BetaThompson,
    EpsilonGreedy,
    FollowLeader,
    Naive,
    NormalThompson,
    Validation,
    average_precision,
    balanced_accuracy,
)
from learning_debt.serving.score_tables import ScoreTable
from learning_debt.serving.serving_walk import walk_strategy
from learning_debt.serving.stacking import mixture_scores, walk_forward_stacking

RESULTS = Path(__file__).parent / "results" / "serving_study.csv"
BATCHES, EVERY, FEATURES = 60, 6, 6
ROWS = {"census-like": 400, "fraud-like": 1500}
SHARE = {"census-like": 0.25, "fraud-like": 0.02}
METRIC = {"census-like": balanced_accuracy, "fraud-like": average_precision}
DRIFTS = ("jumps", "random walk", "regimes that return")
RUNS, RESAMPLES, PROBABILITY = 40, 10_000, 0.9
WINDOW, DISCOUNT = UpdateRule(window=12), UpdateRule(discount=0.9)


def strategies():
    """The six of the table, then the forms for drift and what sees all scores."""
    six = {
        "naive": Naive(),
        "validation": Validation(),
        "A/B": ABTest(EVERY),
        "epsilon-greedy": EpsilonGreedy(0.1),
        "UCB1": UCB1(),
        "Thompson (Beta)": BetaThompson(),
    }
    normal = {"mean": 0.5, "sd": 0.25, "noise": 0.05}
    more = {"Thompson (normal)": NormalThompson(**normal)}
    for end, memory in (("window", WINDOW), ("discount", DISCOUNT)):
        more |= {
            f"epsilon-greedy, {end}": EpsilonGreedy(0.1, memory),
            f"UCB1, {end}": UCB1(memory=memory),
            f"Thompson (Beta), {end}": BetaThompson(memory=memory),
            f"Thompson (normal), {end}": NormalThompson(**normal, memory=memory),
            f"follow the leader, {end}": FollowLeader(memory),
        }
    return six | more | {"follow the leader": FollowLeader()}


class World(NamedTuple):
    """Rewards and log scores of every model on every batch, NaN before it was made.

    Attributes
    ----------
    rewards, scores, validation : ndarray, shape (batches, models)
    outcomes : ndarray of bool, shape (batches, rows)
    log_chance : ndarray, shape (batches, rows, models)
        Log probability of yes, and in `log_other` of no.
    """

    rewards: np.ndarray
    scores: np.ndarray
    validation: np.ndarray
    outcomes: np.ndarray
    log_chance: np.ndarray
    log_other: np.ndarray


def coefficients(drift, rng):
    """Shape (batches, features)."""
    if drift == "jumps":
        levels = rng.normal(0, 0.8, size=(3, FEATURES))
        return levels[np.searchsorted(np.sort(rng.integers(12, BATCHES, size=2)), np.arange(BATCHES), side="right")]
    if drift == "random walk":
        steps = rng.normal(0, 0.15, size=(BATCHES, FEATURES))
        return rng.normal(0, 0.8, size=FEATURES) + steps.cumsum(axis=0)
    two = rng.normal(0, 0.8, size=(2, FEATURES))
    return two[(np.arange(BATCHES) // 12) % 2]


def fitted(x, y):
    """Mean and covariance of a logistic regression's posterior under N(0, 2^2) priors, by Laplace's approximation."""
    beta, prior = np.zeros(x.shape[1]), np.eye(x.shape[1]) / 4
    for _ in range(12):
        chance = expit(x @ beta)
        precision = (x * (chance * (1 - chance))[:, None]).T @ x + prior
        beta = beta + np.linalg.solve(precision, x.T @ (y - chance) - prior @ beta)
    return beta, np.linalg.inv(precision)


def log_chances(posterior, x):
    """Log probability of yes and of no, the logit's variance taken in as a probit's."""
    beta, covariance = posterior
    variance = np.einsum("...i,ij,...j", x, covariance, x)
    logit = x @ beta / np.sqrt(1 + np.pi * variance / 8)
    return log_expit(logit), log_expit(-logit)


def simulated(kind, drift, rng):
    """A world of one kind of data and of drift."""
    beta, rows, metric = coefficients(drift, rng), ROWS[kind], METRIC[kind]
    x = np.dstack([np.ones((BATCHES, rows)), rng.normal(size=(BATCHES, rows, FEATURES))])
    logits = np.einsum("bri,bi->br", x[..., 1:], beta) + np.log(SHARE[kind] / (1 - SHARE[kind]))
    outcomes = rng.random((BATCHES, rows)) < expit(logits)
    models = BATCHES // EVERY - 1
    found = {name: np.full((BATCHES, models), np.nan) for name in ("rewards", "scores", "validation")}
    yes, no = (np.full((BATCHES, rows, models), np.nan) for _ in range(2))
    for model in range(models):
        begins, ends = model * EVERY, (model + 1) * EVERY
        past_x, past_y = x[begins:ends].reshape(-1, FEATURES + 1), outcomes[begins:ends].ravel()
        held_out = np.arange(len(past_y)) % 5 == 0
        posterior = fitted(past_x[~held_out], past_y[~held_out].astype(float))
        check = np.exp(log_chances(posterior, past_x[held_out])[0])
        found["validation"][ends:, model] = metric(past_y[held_out], check)
        yes[ends:, :, model], no[ends:, :, model] = log_chances(posterior, x[ends:])
        for batch in range(ends, BATCHES):
            found["rewards"][batch, model] = metric(outcomes[batch], np.exp(yes[batch, :, model]))
            of_rows = np.where(outcomes[batch], yes[batch, :, model], no[batch, :, model])
            found["scores"][batch, model] = of_rows.mean()
    return World(*(value[EVERY:] for value in (*found.values(), outcomes, yes, no)))


def played(kind, world, rng):
    """Reward, log score and switches of every strategy in a world, means over batches and runs."""
    batches, models = world.rewards.shape
    ones = np.ones(batches)
    table = ScoreTable(
        world.rewards, world.validation, ones, None, None, list(range(batches)), [str(one) for one in range(models)], ""
    )
    found = {}
    for name, strategy in strategies().items():
        served = walk_strategy(strategy, table, RUNS if strategy.random else 1, rng)
        taken = (np.take_along_axis(of, served, axis=1).mean() for of in (world.rewards, world.scores))
        found[name] = (*taken, (np.diff(served, axis=0) != 0).sum(axis=0).mean())
    found["stacking"] = (*stacked(kind, world), np.nan)
    best = np.nanmax(world.rewards, axis=1)
    chosen = np.nanargmax(world.rewards, axis=1)
    hindsight = np.take_along_axis(world.scores, chosen[:, None], axis=1).mean()
    found["best of every batch, in hindsight"] = (best.mean(), hindsight, np.nan)
    return pd.DataFrame(found, index=["reward", "log_score", "switches"]).T.rename_axis("strategy").reset_index()


def stacked(kind, world):
    """Reward and log score of the stacked mixture, weights from the last window of batches."""
    batches, rows, models = world.log_chance.shape
    of_rows = np.where(world.outcomes[..., None], world.log_chance, world.log_other).reshape(-1, models)
    places = np.repeat(np.arange(batches), rows)
    weights, scores = walk_forward_stacking(of_rows, places, batches, WINDOW)
    mixed = [mixture_scores(world.log_chance[batch], weights[batch]) for batch in range(batches)]
    rewards = [METRIC[kind](world.outcomes[batch], np.minimum(np.exp(mixed[batch]), 1.0)) for batch in range(batches)]
    return np.mean(rewards), scores.mean()


def summarise(found):
    """A row for each kind of data and strategy: means over worlds, and differences to naive, with intervals."""
    rng = np.random.default_rng(0)
    rows = []
    for kind, of_kind in found.groupby("kind", sort=False):
        wide = {
            name: of_kind.pivot(index=["drift", "world"], columns="strategy", values=name)
            for name in ("reward", "log_score", "switches")
        }
        drawn = rng.integers(len(wide["reward"]), size=(RESAMPLES, len(wide["reward"])))
        for strategy in of_kind["strategy"].unique():
            row = {"kind": kind, "strategy": strategy, "switches": wide["switches"][strategy].mean()}
            for name in ("reward", "log_score"):
                values = wide[name][strategy].to_numpy()
                for what, of in ((name, values), (f"{name}_difference", values - wide[name]["naive"].to_numpy())):
                    ends = np.quantile(of[drawn].mean(axis=1), [(1 - PROBABILITY) / 2, (1 + PROBABILITY) / 2])
                    row |= {what: of.mean(), f"{what}_low": ends[0], f"{what}_high": ends[1]}
            rows.append(row)
    return pd.DataFrame(rows).set_index(["kind", "strategy"])


HEADERS = {
    "census-like": "| strategy | balanced accuracy (90%) | more than naive | log score more than naive | switches |",
    "fraud-like": "| strategy | average precision (90%) | more than naive | log score more than naive | switches |",
}


def page_table(found, kind):
    """One of the tables of docs/serving.md: the six rows, then the others, each in the order of its reward."""
    rows = summarise(found).loc[kind]
    six = list(strategies())[:6]
    lines = [HEADERS[kind], "|---|---|---|---|---|"]
    for group in (rows.loc[six], rows.drop(index=six)):
        for strategy, row in group.sort_values("reward", ascending=False).iterrows():
            switches = "" if np.isnan(row["switches"]) else f"{row['switches']:.0f}"
            cells = [_with_ends(row, name) for name in ("reward", "reward_difference", "log_score_difference")]
            cells = cells if strategy != "naive" else [cells[0], "0", "0"]
            lines.append(f"| {' | '.join([strategy, *cells, switches])} |")
    return "\n".join(lines)


def _with_ends(row, name):
    digits = 3 if "log" not in name else 4
    value, low, high = (_number(row[one], digits) for one in (name, f"{name}_low", f"{name}_high"))
    return f"{value} ({low} to {high})"


def _number(value, digits):
    """Without the zero before the point, and without a sign of nothing."""
    text = f"{value:.{digits}f}"
    return (text if float(text) else text.lstrip("-")).replace("0.", ".", 1)


def main():
    """Print the table, and write a row for each kind, drift, world and strategy where told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=20, help="of each kind of data and drift")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a CSV file")
    arguments = parser.parse_args()
    found = []
    for place, kind in enumerate(ROWS):
        for other, drift in enumerate(DRIFTS):
            started = time.perf_counter()
            for world in range(arguments.worlds):
                rng = np.random.default_rng([arguments.seed, place, other, world])
                rows = played(kind, simulated(kind, drift, rng), rng)
                found.append(rows.assign(kind=kind, drift=drift, world=world))
            print(f"{kind}, {drift}: {time.perf_counter() - started:.0f} s", flush=True)
            if arguments.out:
                pd.concat(found).round(5).to_csv(arguments.out, index=False)
    print(summarise(pd.concat(found)).round(4).to_string())


if __name__ == "__main__":
    main()
