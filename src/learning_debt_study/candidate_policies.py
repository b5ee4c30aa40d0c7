"""The policies of the study, with the grids that tuning tries: the published ones, ours and other people's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from learning_debt.policies import (
    CUSUM,
    Alarm,
    Always,
    BlendedThreshold,
    Calendar,
    ContinuationValue,
    DebtThreshold,
    ExpectedRegret,
    Never,
    Policy,
    PredictiveDebtThreshold,
)
from learning_debt.policies.grids import BLENDS, CUSUM_THRESHOLDS, MULTIPLIERS
from learning_debt.policies.rivals import RIVER_SETTINGS, rivals
from learning_debt_study.calibration_paths import Calibration

CALENDAR_INTERVALS = (1, 2, 3, 5, 10, 20, 40, 80)
ALARM_QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
RIVAL_NAMES = (*RIVER_SETTINGS, "changepoint", "Cara T", "Cara CT", "Cara P")
UTILITY_SCALES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Candidates:
    """A row of the study's tables.

    Attributes
    ----------
    grid : callable
        Candidates, given what calibration taught.
    parameter : str, optional
        The number that is tuned, where there is one.
    sees_cost : bool
        Whether decisions depend on the cost; policies that do not look at it walk once for all costs.
    """

    grid: Callable[[Calibration], Sequence[Policy]]
    parameter: str | None = None
    sees_cost: bool = False


Rows = Mapping[str, Candidates]

FIXED: dict[str, Policy] = {"never_retrain": Never(), "always_retrain": Always(), "calendar10": Calendar(10)}
PUBLISHED: Rows = {
    "calendar": Candidates(lambda _: [Calendar(value) for value in CALENDAR_INTERVALS], "interval"),
    "cusum": Candidates(lambda _: [CUSUM(value) for value in CUSUM_THRESHOLDS], "threshold"),
    "alarm": Candidates(lambda known: [Alarm(value, known.adjustment) for value in ALARM_QUANTILES], "quantile"),
    "debt_threshold": Candidates(
        lambda known: [DebtThreshold(value, known.adjustment) for value in known.thresholds], "threshold"
    ),
    "debt_utility": Candidates(
        lambda known: [ExpectedRegret(value, known.debt_model) for value in UTILITY_SCALES], "scale", True
    ),
    "hybrid_utility": Candidates(
        lambda known: [ExpectedRegret(value, known.hybrid_model) for value in UTILITY_SCALES], "scale", True
    ),
}
"""Tuned policies in the order of the published tables."""


OURS: Rows = {
    "predictive_debt_threshold": Candidates(
        lambda _: [PredictiveDebtThreshold(value) for value in MULTIPLIERS], "multiplier", True
    ),
    "blended_threshold": Candidates(lambda _: [BlendedThreshold(*values) for values in BLENDS], None, True),
    "continuation_value": Candidates(
        lambda known: [ContinuationValue(model) for model in known.continuation], None, True
    ),
}
"""Policies that price predictive debt, and the one that learns what waiting is worth."""


def _rival(name: str) -> Candidates:
    return Candidates(lambda known: rivals(known.staleness, typical_gap=known.typical_gap)[name])


RIVALS: Rows = {name: _rival(name) for name in RIVAL_NAMES}
"""Other people's detectors on the same signals; the Pareto-k rule needs draws and is not among them."""
