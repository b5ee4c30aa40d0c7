"""The reference study's decisions from posterior draws, and their bills beside those of exact signals.

    python benchmarks/sampled_decisions.py [--draws 1000 4000] [--paths 4] [--repetition 1] [--jobs 1] [--nuts 0]

Policies are tuned on exact tables of tuning paths and then walk test paths twice: on exact signals, and on signals from
draws of the same posteriors (independent ones, or NUTS draws of the same model in PyMC, refitted every period). Either
schedule is billed with the true regret. Printed for each policy and number of draws: the share of periods decided
alike, retrains a path, and the sampled bill over the exact one, both over all cells and costs, with a standard error
over paths, and at the cheapest and the dearest retrain. The Pareto-k rule has no exact signal: it is held against
itself on 16,000 other draws. All is at the q75 score unit with positive accounting unless asked otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.schedules import walk
from learning_debt.policies import ParetoKThreshold, Policy
from learning_debt.policies.rivals import PARETO_K_THRESHOLDS
from learning_debt.pricing.walks import walk_policy
from learning_debt.spells import check_spells
from learning_debt_study.candidate_policies import OURS, PUBLISHED
from learning_debt_study.drawn_signals import DrawnCells, walk_drawn
from learning_debt_study.experiment import run_pass
from learning_debt_study.path_posteriors import (
    CHAINS,
    DrawnPosterior,
    DrawPosterior,
    exact_draws,
    exact_predictive_debt,
)
from learning_debt_study.scenarios import PAPER, SMOKE, Design, Paths, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import PRIOR, study_table

RESULTS = Path(__file__).parent / "results"
STUDIED = {name: PUBLISHED[name] for name in ("cusum", "debt_threshold")} | dict(OURS)
REFERENCE_DRAWS = 16_000
PARETO_K_PATHS = 2
NUTS_DRAWS = 4000


class Plan(NamedTuple):
    """What every path is walked with: policies by (name, cost ratio), the costs in nats, and the sizes."""

    design: Design
    repetition: int
    positive: bool
    policies: dict[tuple[str, float], Policy]
    costs: dict[float, float]


class Task(NamedTuple):
    """One test path; `sampler` is "exact" for independent draws or "nuts"."""

    shift: str
    probability: float
    number: int
    sampler: str
    draws: int


def cells_of(design: Design) -> list[tuple[str, float]]:
    """All (shift, probability) pairs."""
    return list(product(design.shifts, design.probabilities))


def tuned(options: argparse.Namespace, design: Design) -> tuple[dict[tuple[str, float], Policy], dict[float, float]]:
    """Policies by (name, cost ratio), tuned on all tuning paths; and the costs in nats.

    Those of the study on its exact tables; the Pareto-k rule, at 0.7 and tuned, on draws of the first tuning paths.
    """
    settings = {"accounting": options.accounting, "repetition": options.repetition}
    with ProcessPoolExecutor(options.jobs) as executor:
        one = run_pass(replace(design, test_paths=1), **settings, policies=STUDIED, executor=executor)
    of_unit = one.tuned[one.tuned["score_unit_mode"] == options.unit]
    costs = dict(zip(of_unit["kappa"], of_unit["lambda"], strict=True))
    known = {(name, str(policy)): policy for name, row in STUDIED.items() for policy in row.grid(one.calibration)}
    chosen = {(line.policy, line.kappa): known[line.policy, line.setting] for line in of_unit.itertuples()}
    with ProcessPoolExecutor(options.jobs) as executor:
        work = partial(pareto_k_bills, design, options, tuple(costs.values()))
        bills = sum(executor.map(work, cells_of(design)))
    for j, ratio in enumerate(costs):
        chosen["pareto_k_rule", ratio] = ParetoKThreshold(0.7)
        chosen["pareto_k_tuned", ratio] = ParetoKThreshold(PARETO_K_THRESHOLDS[int(np.argmin(bills[j]))])
    return chosen, costs


def pareto_k_bills(
    design: Design, options: argparse.Namespace, costs: tuple[float, ...], cell: tuple[str, float]
) -> np.ndarray:
    """Sum over the first tuning paths of one cell, shape (costs, candidates), on draws."""
    seeds = cell_seeds("tuning", *cell, design, options.repetition)[:PARETO_K_PATHS]
    bills = np.zeros((len(costs), len(PARETO_K_THRESHOLDS)))
    for seed in seeds.tolist():
        paths = draw_paths(*cell, [seed], design=design)
        cells, table = DrawnCells(paths, exact_draws(paths, max(options.draws), seed), seed), study_table(paths)
        schedules = walk_drawn(cells, [ParetoKThreshold(k) for k in PARETO_K_THRESHOLDS], [0.0] * bills.shape[1])
        for place in np.ndindex(*bills.shape):
            bills[place] += billed(table, schedules[place[1]], costs[place[0]], options.accounting == "positive")
    return bills


def nuts_draws(paths: Paths, draws: int, seed: int) -> DrawPosterior:
    """NUTS draws of the same model in PyMC, refitted to all data of every period that is asked for."""
    import pymc as pm

    def build_model(data: xr.Dataset) -> pm.Model:
        mean, precision, shape, rate = PRIOR
        with pm.Model() as model:
            x, y = (pm.Data(name, data[name].values, dims="obs") for name in ("x", "y"))
            variance = pm.InverseGamma("variance", shape, rate)
            coefficient = pm.Normal("coefficients", mean, pm.math.sqrt(variance / precision))
            pm.Normal("outcome", x * coefficient, pm.math.sqrt(variance), observed=y, dims="obs")
        return model

    forecaster = ld.PyMCForecaster(build_model, draws=draws // CHAINS, tune=500, chains=CHAINS, sampler="nutpie")

    def draw(path: int, period: int) -> DrawnPosterior:
        x, y = (
            np.concatenate([warm[path], update[path, :period].ravel()])
            for warm, update in ((paths.warm_start_x, paths.update_x), (paths.warm_start_y, paths.update_y))
        )
        fitted = forecaster.fit({"x": x, "y": y}, random_seed=seed + period)["posterior"]
        return DrawnPosterior(fitted["coefficients"].values, fitted["variance"].values)

    return draw


def walked(plan: Plan, task: Task) -> list[dict[str, Any]]:
    """Bills and decisions on one path: a row for each number of draws, policy and cost ratio."""
    seeds = cell_seeds("test", task.shift, task.probability, plan.design, plan.repetition)
    seed = int(seeds[task.number])
    paths = draw_paths(task.shift, task.probability, [seed], design=plan.design)
    table = study_table(paths)
    table["predictive_debt"] = table["debt"].dims, exact_predictive_debt(paths)
    on_draws = {key for key, policy in plan.policies.items() if "deployed_pareto_k" in policy.requires}
    exact = {
        key: walk_policy(check_spells(table, policy.requires), policy, np.array([plan.costs[key[1]]]))
        for key, policy in plan.policies.items()
        if key not in on_draws
    }
    reference = {key: plan.policies[key] for key in on_draws}
    exact |= on_cells(paths, exact_draws(paths, REFERENCE_DRAWS, seed + 1), seed, reference, plan.costs)
    make: Callable[..., DrawPosterior] = {"exact": exact_draws, "nuts": nuts_draws}[task.sampler]
    began = time.perf_counter()
    found = on_cells(paths, make(paths, task.draws, seed), seed, plan.policies, plan.costs)
    seconds = time.perf_counter() - began
    rows = []
    for (name, ratio), schedule in found.items():
        cost, beside = plan.costs[ratio], exact[name, ratio]
        bills = [billed(table, one, cost, plan.positive) for one in (schedule, beside)]
        rows.append(
            {**task._asdict(), "policy": name, "cost_ratio": ratio, "bill": bills[0], "exact_bill": bills[1]}
            | {"same": float((schedule == beside).mean()), "retrains": int(schedule.sum())}
            | {"exact_retrains": int(beside.sum()), "seconds": seconds}
        )
    return rows


def on_cells(
    paths: Paths, draws: DrawPosterior, seed: int, policies: dict[tuple[str, float], Policy], costs: dict[float, float]
) -> dict[tuple[str, float], Any]:
    """Schedules of all policies on signals from `draws`, each of shape (1, periods)."""
    schedules = walk_drawn(DrawnCells(paths, draws, seed), list(policies.values()), [costs[key[1]] for key in policies])
    return dict(zip(policies, schedules, strict=True))


def billed(table: xr.Dataset, schedule: Any, cost: float, positive: bool) -> float:
    """True regret of a schedule on the evaluation rows, and the cost of its retrains."""
    regret = walk.along_schedule(table["regret"].values, np.zeros(1, dtype=int), schedule)
    return float((np.maximum(regret, 0.0) if positive else regret).sum() + cost * schedule.sum())


def ratio_of_bills(
    rows: pd.DataFrame, path: tuple[str, ...] = ("shift", "probability", "number")
) -> tuple[float, float]:
    """Sum of sampled bills over that of the exact ones, and its delta-method standard error over paths.

    `path` names the columns that tell paths apart.
    """
    by_path = rows.groupby(list(path))[["bill", "exact_bill"]].sum()
    ratio = by_path["bill"].sum() / by_path["exact_bill"].sum()
    residual = by_path["bill"] - ratio * by_path["exact_bill"]
    return float(ratio), float(residual.std() * np.sqrt(len(by_path)) / by_path["exact_bill"].sum())


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line for each sampler, policy and number of draws."""
    lines = []
    for (sampler, name, draws), part in rows.groupby(["sampler", "policy", "draws"], sort=False):
        ratio, error = ratio_of_bills(part)
        line = {"sampler": sampler, "policy": name, "draws": draws, "paths": part.groupby(list(Task._fields)).ngroups}
        line |= {"same_decisions": part["same"].mean(), "bill_ratio": ratio, "bill_ratio_se": error}
        line |= {"retrains": part["retrains"].mean(), "exact_retrains": part["exact_retrains"].mean()}
        for label, cost in (("cheapest", part["cost_ratio"].min()), ("dearest", part["cost_ratio"].max())):
            line[label], line[f"{label}_se"] = ratio_of_bills(part[part["cost_ratio"] == cost])
        lines.append(line)
    return pd.DataFrame(lines)


def print_table(table: pd.DataFrame) -> None:
    """In the order of the policies."""
    print(f"{'sampler':8} {'policy':26} draws paths   same %   bills / exact   (cheapest, dearest)  retrains (exact)")
    for one in table.itertuples():
        ratio = f"{one.bill_ratio:.4f} ± {one.bill_ratio_se:.4f}"
        ends = f"({one.cheapest:.4f} ± {one.cheapest_se:.4f}, {one.dearest:.4f} ± {one.dearest_se:.4f})"
        which = f"{one.sampler:8} {one.policy:26} {one.draws:5d} {one.paths:5d} {100 * one.same_decisions:8.2f}"
        print(f"{which}   {ratio}  {ends}  {one.retrains:.2f} ({one.exact_retrains:.2f})")


def main() -> None:
    """Tune, walk, print, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--paths", type=int, default=4, help="test paths of each cell, exact draws")
    parser.add_argument("--nuts", type=int, default=0, help="cells in which one path is refitted by NUTS, 4000 draws")
    parser.add_argument("--policies", nargs="+", help="only these of the policies; all unless given")
    parser.add_argument("--repetition", type=int, default=1)
    parser.add_argument("--accounting", default="positive", choices=("positive", "signed"))
    parser.add_argument("--unit", default="q75", choices=("median", "q75", "mean"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="short paths, few of them")
    parser.add_argument("--write", metavar="NAME", help="write results/sampled_decisions_NAME.{csv,json}")
    options = parser.parse_args()
    design = replace(SMOKE if options.quick else PAPER, test_paths=max(options.paths, 1))
    chosen, costs = tuned(options, design)
    chosen = {key: policy for key, policy in chosen.items() if key[0] in (options.policies or {key[0]})}
    if not chosen:
        parser.error(f"--policies takes names among {', '.join(STUDIED)}, pareto_k_rule and pareto_k_tuned")
    for (name, ratio), policy in chosen.items():
        print(f"{name} at {ratio:g}: {policy}")
    plan = Plan(design, options.repetition, options.accounting == "positive", chosen, costs)
    cells = cells_of(design)
    tasks = [Task(*one, k, "exact", draws) for one in cells for k in range(options.paths) for draws in options.draws]
    every = max(len(cells) // max(options.nuts, 1), 1)
    tasks += [Task(*cell, 0, "nuts", NUTS_DRAWS) for cell in cells[::every][: options.nuts]]
    tasks.sort(key=lambda task: (task.number // 2, task.sampler == "nuts", -task.draws, task.number))
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(options.jobs) as executor:
        jobs = [executor.submit(walked, plan, task) for task in tasks]
        for done, job in enumerate(jobs, start=1):
            rows += job.result()
            print(f"{done} of {len(jobs)}: {tasks[done - 1]}, {rows[-1]['seconds']:.0f} s", file=sys.stderr)
            if options.write:
                write(pd.DataFrame(rows), options)
    print_table(summary(pd.DataFrame(rows)))


def write(rows: pd.DataFrame, options: argparse.Namespace) -> None:
    """Rows of every path summed over costs, and the summary."""
    keys = ["sampler", "draws", "policy", "shift", "probability", "number"]
    sums = rows.groupby(keys, sort=False)[["bill", "exact_bill", "same", "retrains", "exact_retrains"]].mean()
    sums.round(5).to_csv(RESULTS / f"sampled_decisions_{options.write}.csv")
    record = {"options": vars(options), "summary": json.loads(summary(rows).round(6).to_json(orient="records"))}
    (RESULTS / f"sampled_decisions_{options.write}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
