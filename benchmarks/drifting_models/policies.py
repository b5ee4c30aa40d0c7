"""Every policy of the table, with the candidates that tuning tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import learning_debt as ld
from learning_debt.arrays.schedules import walk
from learning_debt.policies import (
    CUSUM,
    Always,
    BlendedThreshold,
    ContinuationValue,
    DebtThreshold,
    Never,
    Policy,
    PredictiveDebtThreshold,
)
from learning_debt.policies.grids import BLENDS, CUSUM_THRESHOLDS, DEBT_QUANTILES, MULTIPLIERS, calendars
from learning_debt.policies.models.calibration import AgeAdjustment, score_unit
from learning_debt.policies.rivals import rivals, typical_size
from learning_debt_study.scenarios import PAPER, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import study_table

Array = NDArray[np.float64]
Grids = dict[str, list[Policy]]

UNITS = ("median", "q75")
COST_RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
REDEPLOYMENT_PROBABILITY = 1 / 25
"""Calibration looks along random deployments, as the reference study does, so that spells of all ages are seen."""
REDEPLOYMENTS = 20
SEES_COST = (PredictiveDebtThreshold, BlendedThreshold, ContinuationValue)
"""Policies whose decision depends on the cost; the others walk once for all costs."""


@dataclass(frozen=True)
class Calibration:
    """What the tuning series of one model teach before anything is tuned."""

    adjustment: AgeAdjustment
    thresholds: tuple[float, ...]
    staleness: Array
    typical_gap: float


def costs_of(table: xr.Dataset) -> Array:
    """Costs of a retrain, shape (unit, ratio), in score units of the model's series."""
    regret = _along(table, "regret")
    return np.outer([score_unit(regret, unit) for unit in UNITS], COST_RATIOS)


def calibrate(tuning: xr.Dataset) -> Calibration:
    """What debt is normal where nothing shifts, and scales for rivals."""
    rows = {name: _along(tuning, name) for name in ("debt", "score_gap", "deployed_score", "age")}
    stable = np.tile(tuning["shift"].values == "none", REDEPLOYMENTS)
    adjustment = AgeAdjustment.fit(rows["debt"][stable], rows["age"][stable])
    normal = adjustment.standardise(rows["debt"], rows["age"])
    return Calibration(
        adjustment=adjustment,
        thresholds=tuple(np.quantile(normal, DEBT_QUANTILES).tolist()),
        staleness=-rows["deployed_score"],
        typical_gap=typical_size(rows["score_gap"]),
    )


def _along(table: xr.Dataset, name: str) -> Array:
    """Values of a signal along random deployments, shape (deployments x series, period)."""
    series, periods = table.sizes["series"], table.sizes["period"]
    redeployed = np.random.default_rng(0).random((REDEPLOYMENTS * series, periods)) < REDEPLOYMENT_PROBABILITY
    if name == "age":
        return np.arange(1, periods + 1) - walk.deployed_during(redeployed)
    return walk.along_schedule(table[name].values, np.tile(np.arange(series), REDEPLOYMENTS), redeployed)


def grids(tuning: xr.Dataset, known: Calibration) -> Grids:
    """Candidates by the name of their row, but for the continuation value, which has none."""
    rows: Grids = {"never": [Never()], "always": [Always()], "best calendar": calendars(tuning)}
    rows["tuned CUSUM"] = [CUSUM(value) for value in CUSUM_THRESHOLDS]
    rows["debt threshold"] = [DebtThreshold(value, known.adjustment) for value in known.thresholds]
    rows["predictive-debt threshold"] = [PredictiveDebtThreshold(value) for value in MULTIPLIERS]
    rows["blended threshold"] = [BlendedThreshold(*blend) for blend in BLENDS]
    signals = [str(name) for name in tuning.data_vars]
    return rows | rivals(known.staleness, typical_gap=known.typical_gap, signals=signals)


def conjugate_continuation(costs: Sequence[float], paths: int = 4) -> ld.ContinuationModel:
    """A continuation value learned on exact tables of the conjugate reference study, to be carried over as it is."""
    design = replace(PAPER, tuning_paths=paths)
    tables = []
    for shift, probability in product(design.shifts, design.probabilities):
        seeds = cell_seeds("tuning", shift, probability, design, 0)
        tables.append(study_table(draw_paths(shift, probability, seeds, design=design, calibration=False, threads=1)))
    return ld.fit_continuation(tables, list(costs), cells=5_000)
