"""Posterior debt compared with what is usual at the age of the spell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.models.calibration import CALIBRATION, AgeAdjustment
from learning_debt.policies.signals import Signals
from learning_debt.validation import require_instance


@dataclass(frozen=True, eq=False, repr=False)
class DebtThreshold(Policy):
    """Retrain when the square root of debt, standardised for spell age, exceeds `threshold`.

    Parameters
    ----------
    threshold : float
        Standard deviations above what is usual at the spell's age; where negative, below it.
    calibration : AgeAdjustment
        What is usual: mean and spread of the root of debt by age, where nothing has shifted.

    See Also
    --------
    Alarm : Age-adjusted debt against its own past.
    learning_debt.AgeAdjustment : The calibration.

    References
    ----------
    Katz, *Cost-sensitive retraining via posterior learning debt*, arXiv 2604.06438.
    """

    requires: ClassVar[tuple[str, ...]] = ("debt",)
    threshold: PerLane
    calibration: AgeAdjustment

    def __post_init__(self) -> None:
        self._require("threshold")
        require_instance("calibration", self.calibration, AgeAdjustment, CALIBRATION)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, self.calibration.standardise(signals.debt, signals.spell_age) > self.threshold
