"""The candidates that tuning tries unless told otherwise."""

from __future__ import annotations

from itertools import product

import numpy as np
import xarray as xr

from learning_debt.policies import (
    CUSUM,
    BlendedThreshold,
    Calendar,
    DebtThreshold,
    Policy,
    PredictiveDebtThreshold,
    Recommended,
)
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.models.calibration import AgeAdjustment, score_unit

__all__ = [
    "BLENDS",
    "CUSUM_MULTIPLES",
    "CUSUM_THRESHOLDS",
    "DEBT_QUANTILES",
    "MULTIPLIERS",
    "RECOMMENDED",
    "calendars",
    "cusums",
    "readers_of_signals",
]

RECOMMENDED = "recommended"
"""The row that decides where there is one."""
CALENDAR_INTERVALS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 26, 30, 40, 52, 60, 80, 120)
CUSUM_MULTIPLES = tuple(np.geomspace(0.02, 80.0, 24).tolist())
"""Thresholds in costs of a retrain, at the usual exposure."""
CUSUM_THRESHOLDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Thresholds in nats, of the reference study."""
DEBT_QUANTILES = (*np.arange(0.5, 0.951, 0.05).round(2).tolist(), 0.975, 0.99)
MULTIPLIERS = tuple(2.0**k for k in range(-2, 11))
BLENDS = tuple(product(MULTIPLIERS, (0.05, 0.1, 0.2), (0.8, 0.9, 0.95)))
"""Multiplier, weight and decay."""


def calendars(tuning: xr.Dataset) -> list[Policy]:
    """Calendars that come round at least once in a spell table."""
    return [Calendar(interval) for interval in CALENDAR_INTERVALS if interval <= tuning.sizes["period"]]


def cusums(tuning: xr.Dataset, cost: RetrainingCost) -> list[Policy]:
    """CUSUM at multiples of what a retrain costs, per unit of score gap: a change of units changes no decision.

    Examples
    --------
    >>> from learning_debt import check_spells
    >>> spells = check_spells(xr.Dataset({"score_gap": (("deployed_at", "period"), np.eye(3))}))
    >>> cents = spells.assign(score_gap=100 * spells["score_gap"], regret=100 * spells["regret"])
    >>> here, there = cusums(spells, RetrainingCost(0.5)), cusums(cents, RetrainingCost(50.0))
    >>> bool(np.isclose(100 * here[0].threshold, there[0].threshold))
    True
    """
    worth = np.median(cost.exposure(tuning).values * tuning["exposure"].values)
    prices = cost.retraining_costs(tuning)[:, np.triu(np.ones((tuning.sizes["period"],) * 2, dtype=bool))]
    gaps = tuning["score_gap"].values
    usual = score_unit(gaps) if (gaps > 0).any() else 1.0  # where retrains are free
    unit = float(np.median(prices) / worth) or usual
    return [CUSUM(multiple * unit) for multiple in CUSUM_MULTIPLES]


def readers_of_signals(tuning: xr.Dataset, cost: RetrainingCost, accounting: str = "signed") -> dict[str, list[Policy]]:
    """Grids of the policies whose signals a checked spell table holds, at a resolved cost.

    Debt thresholds are calibrated on the table. No number in them has a unit: thresholds of gaps are multiples of the
    cost.
    """
    rows: dict[str, list[Policy]] = {}
    if all(name in tuning for name in Recommended.requires):
        rows[RECOMMENDED] = [Recommended(accounting=accounting)]
    if "score_gap" in tuning:
        rows["CUSUM"] = cusums(tuning, cost)
    if "debt" in tuning:
        debt, periods = tuning["debt"].values, tuning.sizes["period"]
        age = np.broadcast_to(np.arange(1, periods + 1) - np.arange(periods)[:, None], debt.shape)
        calibration = AgeAdjustment.fit(debt, age)
        normal = calibration.standardise(debt, age)
        thresholds = np.quantile(normal[np.isfinite(normal)], DEBT_QUANTILES)
        rows["debt threshold"] = [DebtThreshold(float(threshold), calibration) for threshold in thresholds]
    if "predictive_debt" in tuning:
        rows["predictive-debt threshold"] = [PredictiveDebtThreshold(multiplier) for multiplier in MULTIPLIERS]
    if "predictive_debt" in tuning and "score_gap" in tuning:
        rows["blended threshold"] = [BlendedThreshold(*values) for values in BLENDS]
    return rows
