"""What the calibration paths of a study teach: what debt is normal, what regret to expect, in which units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learning_debt.policies.grids import DEBT_QUANTILES
from learning_debt.policies.models import (
    SCORE_UNITS,
    AgeAdjustment,
    ContinuationModel,
    DebtRegretModel,
    HybridRegretModel,
    score_unit,
)
from learning_debt.policies.rivals import typical_size
from learning_debt.typing import Array

STALENESS_QUANTILES = tuple(np.linspace(0, 1, 201).tolist())


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
    positive_regrets : int
        Calibration rows with positive regret, which the score units are made of.
    staleness : tuple of float
        Quantiles of the deployed posterior's negative score, which some rivals' candidates are.
    typical_gap : float
        Median size of a score gap, which some rivals' streams are scaled by.
    continuation : tuple of ContinuationModel
        Fitted on whole spell tables of calibration and tuning paths, where asked for: one for the costs of each score
        unit.
    frac_deployed_better, mean_sqrt_debt : float
        Share of periods in which the deployed posterior scored better on the evaluation rows; mean root debt.
    """

    adjustment: AgeAdjustment
    thresholds: tuple[float, ...]
    debt_model: DebtRegretModel
    hybrid_model: HybridRegretModel
    score_units: dict[str, float]
    positive_regrets: int
    frac_deployed_better: float
    mean_sqrt_debt: float
    staleness: tuple[float, ...]
    typical_gap: float
    continuation: tuple[ContinuationModel, ...] = ()


def calibrate(cells: Sequence[dict[str, Array]]) -> Calibration:
    """Calibrate on rows of all cells: paths that retrain at random, once in 25 periods on average."""
    rows = {name: np.concatenate([cell[name] for cell in cells]) for name in cells[0]}
    debt, age, stable, regret = (rows[name] for name in ("debt", "spell_age", "stable", "regret"))
    adjustment = AgeAdjustment.fit(debt[stable], age[stable])
    extra = (rows["score_gap"], rows["parameter_gap"], rows["residual_exceedance"])
    return Calibration(
        adjustment=adjustment,
        thresholds=tuple(np.quantile(adjustment.standardise(debt, age), DEBT_QUANTILES).tolist()),
        debt_model=DebtRegretModel.fit(debt, age, regret, calibration=adjustment),
        hybrid_model=HybridRegretModel.fit(debt, age, regret, *extra, calibration=adjustment),
        score_units={unit: score_unit(regret, unit) for unit in SCORE_UNITS},
        positive_regrets=int((regret > 0).sum()),
        frac_deployed_better=float((regret < 0).mean()),
        mean_sqrt_debt=float(np.sqrt(debt).mean()),
        staleness=tuple(np.quantile(-rows["deployed_score"], STALENESS_QUANTILES).tolist()),
        typical_gap=typical_size(rows["score_gap"]),
    )
