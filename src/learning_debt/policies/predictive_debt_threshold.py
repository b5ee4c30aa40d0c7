"""Predictive debt, priced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class PredictiveDebtThreshold(Policy):
    """Retrain when `multiplier` times the regret the shadow expects in one period exceeds the cost of a retrain.

    The multiplier stands for the periods that a retrain serves and for how far the shadow itself lags behind a
    changing world. It is tuned, and not a number of periods.

    Parameters
    ----------
    multiplier : float
        Above 0.

    See Also
    --------
    BlendedThreshold : The same, with part of the expectation replaced by recent gaps.
    ContinuationValue : Learns what waiting is worth instead of multiplying.
    """

    requires: ClassVar[tuple[str, ...]] = ("predictive_debt",)
    multiplier: PerLane

    def __post_init__(self) -> None:
        self._require("multiplier", above=0)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, self.multiplier * signals.exposure * signals.predictive_debt > signals.cost
