"""One pass of the reference study: calibrate, tune, evaluate, on the tables and policies that users get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES
from learning_debt.policies import Policy
from learning_debt.policies.models import SCORE_UNITS, ContinuationModel
from learning_debt.pricing import ACCOUNTINGS, fit_continuation, walk_candidates
from learning_debt.typing import Array
from learning_debt_study.calibration_paths import Calibration, calibrate
from learning_debt_study.candidate_policies import FIXED, PUBLISHED, Rows
from learning_debt_study.scenarios import PAPER, Design, Misspecification, Paths, Purpose, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import study_cells, study_table


@dataclass(frozen=True)
class Pass:
    """One calibrate-tune-evaluate pass.

    Attributes
    ----------
    calibration : Calibration
    tuned : DataFrame
        One row per (score_unit_mode, kappa, policy) with lambda, value (the number that was tuned; NaN for none or
        several), setting (the policy in words), mean_objective, mean_regret and mean_retrains over all tuning paths.
    evaluation : Dataset (score_unit_mode, kappa, shift_type, shift_prob, policy, path)
        ``regret``, ``retrains`` and ``objective`` of every test path; ``cost`` per (score_unit_mode, kappa).
    """

    calibration: Calibration
    tuned: pd.DataFrame
    evaluation: xr.Dataset


def run_pass(
    design: Design = PAPER,
    *,
    accounting: str = "positive",
    misspecification: Misspecification | None = None,
    repetition: int = 0,
    policies: Rows = PUBLISHED,
    executor: Executor | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Pass:
    """Calibrate, tune and evaluate, every quantity estimated anew.

    Parameters
    ----------
    design : Design
    accounting : {"positive", "signed"}
    misspecification : Misspecification, optional
    repetition : int
        Offsets the seeds; 0 is the published single pass.
    policies : mapping of str to Candidates
        What is tuned, besides what never changes: never, always, a calendar of ten, and the oracle. Results carry the
        names with ``_tuned`` behind.
    executor : concurrent.futures.Executor, optional
        Works on cells side by side.
    progress : callable, optional
        Told the name of every piece of work that is done.
    """
    if accounting not in ACCOUNTINGS:
        raise ValueError(f"accounting must be one of {ACCOUNTINGS}, not {accounting!r}")
    world = _World(design, misspecification or Misspecification(), repetition, accounting == "positive")
    run = executor.map if executor is not None else map

    def over_cells(work: Callable[..., Any], purpose: str, *more: Any) -> list[Any]:
        done = []
        for cell, result in zip(
            _cells_of(design), run(partial(_of_cell, work, world, *more), _cells_of(design)), strict=True
        ):
            progress(f"{purpose} {cell[0]} {cell[1]:g}")
            done.append(result)
        return done

    calibration = calibrate(over_cells(_calibration_rows, "calibration"))
    costs = {(u, k): k * calibration.score_units[u] for u in SCORE_UNITS for k in design.cost_ratios}
    if "continuation_value" in policies:
        calibration = replace(calibration, continuation=_continuation(world, costs))
        progress("continuation value")
    grids = {name: _Grid(list(row.grid(calibration)), row.parameter, row.sees_cost) for name, row in policies.items()}
    tuned, chosen = _best(over_cells(_tuning_bills, "tuning", grids, costs), grids, costs)
    bills = over_cells(_test_bills, "test", grids, costs, chosen)
    return Pass(calibration, tuned, _evaluation(bills, design, costs, accounting))


class _World(NamedTuple):
    design: Design
    misspecification: Misspecification
    repetition: int
    positive: bool

    def paths(self, purpose: Purpose, shift: str, probability: float) -> Paths:
        seeds = cell_seeds(purpose, shift, probability, self.design, self.repetition)
        return draw_paths(
            shift,
            probability,
            seeds,
            design=self.design,
            misspecification=self.misspecification,
            calibration=purpose == "calibration",
            threads=1,
        )


def _continuation(world: _World, costs: Costs) -> tuple[ContinuationModel, ...]:
    """One model for the costs of each score unit, learned on calibration and tuning paths of all cells."""
    paths = [world.paths(purpose, *cell) for purpose in ("calibration", "tuning") for cell in _cells_of(world.design)]
    unnumbered = [study_table(path).drop_vars(SERIES) for path in paths]  # every cell counts its paths from 0
    table = xr.concat(unnumbered, SERIES)
    accounting = "positive" if world.positive else "signed"
    models = []
    with ThreadPoolExecutor(2) as executor:  # threads, since a table this large is dear to send to another process
        for unit in SCORE_UNITS:
            known = [cost for (of, _), cost in costs.items() if of == unit]
            models.append(fit_continuation(table, known, accounting=accounting, executor=executor))
    return tuple(models)


class _Grid(NamedTuple):
    """`Candidates` after calibration; unlike them it travels to another process."""

    candidates: list[Policy]
    parameter: str | None
    sees_cost: bool


Bills = dict[str, tuple[Any, Any]]
"""Regret and retrains of each policy, arrays of shape (candidates or costs, paths)."""
Costs = dict[tuple[str, float], float]
Chosen = dict[tuple[str, str, float], Policy]


def _of_cell(work: Callable[..., Any], world: _World, *arguments: Any) -> Any:
    """Call `work` with the cell last in the arguments, in a form that travels to another process."""
    *more, (shift, probability) = arguments
    return work(world, shift, probability, *more)


def _calibration_rows(world: _World, shift: str, probability: float) -> dict[str, Array]:
    """Signals along the random deployments of one cell's calibration paths, flat."""
    paths = world.paths("calibration", shift, probability)
    cells, lanes = study_cells(paths), np.arange(len(paths.redeployed))
    rows: dict[str, Any] = {
        name: walk.along_schedule(values, lanes, paths.redeployed) for name, values in cells._asdict().items()
    }
    age = np.arange(1, world.design.periods + 1) - walk.deployed_during(paths.redeployed)
    rows |= {"spell_age": age, "stable": np.full(age.shape, shift == "none")}
    return {name: values.ravel() for name, values in rows.items()}


def _tuning_bills(world: _World, shift: str, probability: float, grids: dict[str, _Grid], costs: Costs) -> Bills:
    """Regret and retrains of every candidate, shape (candidates, paths); where it sees the cost, for each cost."""
    table = study_table(world.paths("tuning", shift, probability))
    bills = {}
    for name, grid in grids.items():
        lambdas = list(costs.values()) if grid.sees_cost else [0.0]
        policies, faced = grid.candidates * len(lambdas), np.repeat(lambdas, len(grid.candidates))
        bills[name] = walk_lanes(table, policies, faced, world.positive)
    return bills


def _best(bills: list[Bills], grids: dict[str, _Grid], costs: Costs) -> tuple[pd.DataFrame, Chosen]:
    """The candidate with the least mean objective over all tuning paths of all cells, for each cost and policy."""
    rows, chosen = [], {}
    for j, ((unit, kappa), cost) in enumerate(costs.items()):
        for name, (candidates, parameter, sees_cost) in grids.items():
            part = slice(j * len(candidates), (j + 1) * len(candidates)) if sees_cost else slice(None)
            regret, retrains = (
                np.concatenate([bill[name][k][part] for bill in bills], axis=1).mean(axis=1) for k in (0, 1)
            )
            objective = regret + cost * retrains
            best = int(np.argmin(objective))
            chosen[name, unit, kappa] = candidates[best]
            value = getattr(candidates[best], parameter) if parameter else np.nan
            figures = (objective[best], regret[best], retrains[best])
            rows.append((unit, kappa, cost, name, value, *figures, str(candidates[best])))
    columns = [
        "score_unit_mode",
        "kappa",
        "lambda",
        "policy",
        "value",
        "mean_objective",
        "mean_regret",
        "mean_retrains",
        "setting",
    ]
    return pd.DataFrame(rows, columns=columns), chosen


def _test_bills(
    world: _World, shift: str, probability: float, grids: dict[str, _Grid], costs: Costs, chosen: Chosen
) -> Bills:
    """Regret and retrains of fixed, tuned and oracle policies, each of shape (costs, paths)."""
    table = study_table(world.paths("test", shift, probability))
    lambdas = list(costs.values())
    bills = {}
    for name, policy in FIXED.items():
        regret, retrains = walk_lanes(table, [policy], [0.0], world.positive)
        bills[name] = np.repeat(regret, len(costs), axis=0), np.repeat(retrains, len(costs), axis=0)
    for name, grid in grids.items():
        policies = [chosen[name, *key] for key in costs]
        if grid.sees_cost:
            bills[f"{name}_tuned"] = walk_lanes(table, policies, lambdas, world.positive)
            continue
        distinct = list(dict.fromkeys(policies))  # a policy that does not see the cost walks alike under many
        regret, retrains = walk_lanes(table, distinct, [0.0] * len(distinct), world.positive)
        place = [distinct.index(policy) for policy in policies]
        bills[f"{name}_tuned"] = regret[place], retrains[place]
    bills["oracle"] = _oracle_bills(table["regret"].values, lambdas, world.positive)
    return bills


def _oracle_bills(regret: Array, lambdas: Sequence[float], positive: bool) -> tuple[Any, Any]:
    charged = np.maximum(regret, 0.0) if positive else regret
    lanes = np.arange(len(charged))
    schedules = [walk.oracle(charged, np.full(len(charged), cost)) for cost in lambdas]
    regrets = [walk.along_schedule(charged, lanes, schedule).sum(axis=1) for schedule in schedules]
    return np.stack(regrets), np.stack([schedule.sum(axis=1) for schedule in schedules])


def _evaluation(bills: list[Bills], design: Design, costs: Costs, accounting: str) -> xr.Dataset:
    names, sizes = list(bills[0]), (len(SCORE_UNITS), len(design.cost_ratios))
    regret, retrains = (
        np.stack([np.stack([bill[name][k] for name in names]) for bill in bills])  # (cell, policy, cost, path)
        .reshape(len(design.shifts), len(design.probabilities), len(names), *sizes, -1)
        .transpose(3, 4, 0, 1, 2, 5)
        for k in (0, 1)
    )
    dims = ("score_unit_mode", "kappa", "shift_type", "shift_prob", "policy", "path")
    coords = {
        "score_unit_mode": list(SCORE_UNITS),
        "kappa": list(design.cost_ratios),
        "shift_type": list(design.shifts),
        "shift_prob": list(design.probabilities),
        "policy": names,
    }
    evaluation = xr.Dataset(
        {"regret": (dims, regret), "retrains": (dims, retrains)}, coords, {"accounting": accounting}
    )
    evaluation["cost"] = (dims[:2], np.reshape(list(costs.values()), sizes))
    evaluation["objective"] = (evaluation["regret"] + evaluation["cost"] * evaluation["retrains"]).transpose(*dims)
    return evaluation


def _cells_of(design: Design) -> list[tuple[str, float]]:
    return [(shift, probability) for shift in design.shifts for probability in design.probabilities]


def walk_lanes(table: xr.Dataset, policies: Sequence[Policy], costs: ArrayLike, positive: bool) -> tuple[Any, Any]:
    """Regret and retrains of every (policy, path), shape (policies, paths); policy i faces ``costs[i]``."""
    paths, count = table.sizes[SERIES], len(policies)
    schedules = walk_candidates(table, policies, np.asarray(costs)).reshape(count * paths, -1)
    regret = walk.along_schedule(table["regret"].values, np.tile(np.arange(paths), count), schedules)
    if positive:
        regret = np.maximum(regret, 0.0)
    return regret.sum(axis=1).reshape(count, paths), schedules.sum(axis=1).reshape(count, paths)
