"""One pass of the reference study: calibrate, tune, evaluate, on the tables and policies that users get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays import walk
from learning_debt.data import SERIES
from learning_debt.decisions.calibration import SCORE_UNITS, AgeAdjustment, score_unit
from learning_debt.decisions.cost import RetrainingCost
from learning_debt.decisions.expected_regret import DebtRegretModel, HybridRegretModel
from learning_debt.decisions.policies import CUSUM, Alarm, Always, Calendar, DebtThreshold, ExpectedRegret, Never, Policy
from learning_debt.decisions.policies.base import stack
from learning_debt.replay import SignalReader
from learning_debt.spells import spell_age
from learning_debt.study.scenarios import PAPER, Design, Misspecification, cell_seeds, draw_paths
from learning_debt.study.table import study_table

Array = NDArray[np.float64]

CALENDAR_INTERVALS = (1, 2, 3, 5, 10, 20, 40, 80)
CUSUM_THRESHOLDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
ALARM_QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
DEBT_QUANTILES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99)
UTILITY_SCALES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
FIXED = ("never_retrain", "always_retrain", "calendar10")
TUNED = ("calendar", "cusum", "alarm", "debt_threshold", "debt_utility", "hybrid_utility")
"""Policies in the order of the published tables."""


@dataclass(frozen=True)
class Calibration:
    """What the calibration paths of all cells teach.

    Attributes
    ----------
    adjustment : AgeAdjustment
        Of debt by spell age, on paths without shifts.
    thresholds : tuple of float
        Quantiles of age-adjusted debt over all paths: the debt threshold's candidates.
    debt_model, hybrid_model
        Expected-regret models, on all paths.
    score_units : dict of str to float
        Nats.
    frac_deployed_better, mean_sqrt_debt : float
        Share of periods in which the deployed posterior scored better on the evaluation rows; mean root debt.
    """

    adjustment: AgeAdjustment
    thresholds: tuple[float, ...]
    debt_model: DebtRegretModel
    hybrid_model: HybridRegretModel
    score_units: dict[str, float]
    frac_deployed_better: float
    mean_sqrt_debt: float


def calibrate(
    design: Design = PAPER, misspecification: Misspecification | None = None, repetition: int = 0
) -> Calibration:
    """Calibrate on paths that retrain at random, once in 25 periods on average."""
    rows: dict[str, list[Array]] = {}
    stable: list[NDArray[np.bool_]] = []
    for shift, probability in _cells_of(design):
        seeds = cell_seeds("calibration", shift, probability, design, repetition)
        paths = draw_paths(
            shift, probability, seeds, design=design, misspecification=misspecification, calibration=True
        )
        table, lanes = study_table(paths), np.arange(len(seeds))
        for name in ("debt", "score_gap", "parameter_gap", "residual_exceedance", "regret"):
            rows.setdefault(name, []).append(walk.along_schedule(table[name].values, lanes, paths.redeployed))
        age = np.arange(1, design.periods + 1) - walk.deployed_during(paths.redeployed)
        rows.setdefault("spell_age", []).append(age)
        stable.append(np.full(age.shape, shift == "none"))
    flat = {name: np.concatenate(parts).ravel() for name, parts in rows.items()}
    calm = np.concatenate(stable).ravel()
    adjustment = AgeAdjustment.fit(flat["debt"][calm], flat["spell_age"][calm])
    normal = adjustment.standardise(flat["debt"], flat["spell_age"])
    arguments = (flat["debt"], flat["spell_age"], flat["regret"])
    extra = (flat["score_gap"], flat["parameter_gap"], flat["residual_exceedance"])
    return Calibration(
        adjustment=adjustment,
        thresholds=tuple(np.quantile(normal, DEBT_QUANTILES).tolist()),
        debt_model=DebtRegretModel.fit(*arguments, calibration=adjustment),
        hybrid_model=HybridRegretModel.fit(*arguments, *extra, calibration=adjustment),
        score_units={unit: score_unit(flat["regret"], unit) for unit in SCORE_UNITS},
        frac_deployed_better=float((flat["regret"] < 0).mean()),
        mean_sqrt_debt=float(np.sqrt(flat["debt"]).mean()),
    )


def candidates(name: str, calibration: Calibration) -> list[Policy]:
    """The grid of one policy."""
    grids: dict[str, Callable[[], list[Policy]]] = {
        "calendar": lambda: [Calendar(value) for value in CALENDAR_INTERVALS],
        "cusum": lambda: [CUSUM(value) for value in CUSUM_THRESHOLDS],
        "alarm": lambda: [Alarm(value, calibration.adjustment) for value in ALARM_QUANTILES],
        "debt_threshold": lambda: [DebtThreshold(value, calibration.adjustment) for value in calibration.thresholds],
        "debt_utility": lambda: [ExpectedRegret(value, calibration.debt_model) for value in UTILITY_SCALES],
        "hybrid_utility": lambda: [ExpectedRegret(value, calibration.hybrid_model) for value in UTILITY_SCALES],
    }
    return grids[name]()


def _cells_of(design: Design) -> Iterator[tuple[str, float]]:
    for shift in design.shifts:
        for probability in design.probabilities:
            yield shift, probability


def walk_lanes(table: xr.Dataset, policies: Sequence[Policy], costs: Sequence[float], positive: bool) -> tuple[Array, Array]:
    """Regret and retrains of every (policy, series), shape (policies, series); policy i faces costs[i]."""
    series, count = table.sizes[SERIES], len(policies)
    together = stack(policies, series)
    assert together is not None
    lanes = np.tile(np.arange(series), count)
    see = SignalReader(table, together.requires, RetrainingCost(0.0), lanes)
    see.cost = np.repeat(np.asarray(costs, dtype=float), series)
    state = together.init(len(lanes))

    def decide(t: int, deployed_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        nonlocal state
        state, retrain = together.step(state, see(t, deployed_at))
        return retrain

    schedules = walk.walk(table.sizes["period"], len(lanes), decide)
    regret = walk.along_schedule(table["regret"].values, lanes, schedules)
    if positive:
        regret = np.maximum(regret, 0.0)
    return regret.sum(axis=1).reshape(count, series), schedules.sum(axis=1).reshape(count, series)
