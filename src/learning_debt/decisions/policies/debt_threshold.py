"""Posterior debt, against what a spell of its age owes anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from learning_debt.decisions.calibration import AgeAdjustment
from learning_debt.decisions.policies.base import PerLane, Policy, Step
from learning_debt.signals import Signals


@dataclass(frozen=True)
class DebtThreshold(Policy):
    """Retrain when the square root of debt, standardised for spell age, exceeds `threshold`."""

    requires: ClassVar[tuple[str, ...]] = ("debt",)
    threshold: PerLane
    calibration: AgeAdjustment

    def __post_init__(self) -> None:
        if not np.isfinite(self.threshold).all():
            raise ValueError(f"threshold must be finite, not {self.threshold}")

    def step(self, state: Any, signals: Signals) -> Step:
        return state, self.calibration.standardise(signals.debt, signals.spell_age) > self.threshold
