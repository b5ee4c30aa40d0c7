"""Predictive debt and realised gaps, priced together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class BlendedThreshold(Policy):
    """Retrain when `multiplier` times a blend of expected and recently realised regret exceeds the cost of a retrain.

    The blend is (1 - w) Dpred + w (1 - g) max(G, 0), with w = `weight`, g = `decay`, and G the sum of the spell's
    score gaps, each discounted by g a period: the first term is what the shadow expects, the second what was realised.

    Parameters
    ----------
    multiplier : float
        Above 0.
    weight : float
        Of what was realised, 0 to 1.
    decay : float
        Factor g of an earlier gap per period, 0 to 1.

    See Also
    --------
    PredictiveDebtThreshold : The blend with no weight on gaps.
    CUSUM : Reads gaps only.
    """

    requires: ClassVar[tuple[str, ...]] = ("predictive_debt", "score_gap")
    multiplier: PerLane
    weight: PerLane
    decay: PerLane

    def __post_init__(self) -> None:
        self._require("multiplier", above=0)
        self._require("weight", at_least=0, at_most=1)
        self._require("decay", at_least=0, at_most=1)

    @override
    def init(self, lanes: int) -> Any:
        return np.zeros(lanes)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        carried = np.where(signals.spell_age == 1, 0.0, state)
        gaps = self.decay * carried + signals.score_gap
        realised = (1 - self.decay) * np.maximum(gaps, 0.0)
        index = (1 - self.weight) * signals.predictive_debt + self.weight * realised
        return gaps, self.multiplier * signals.exposure * index > signals.cost
