"""Cumulative sum of realised score gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class CUSUM(Policy):
    """Retrain when the positive parts of the score gap, summed over the spell, exceed `threshold` (nats)."""

    requires: ClassVar[tuple[str, ...]] = ("score_gap",)
    threshold: PerLane

    def __post_init__(self) -> None:
        self._require("threshold", above=0)

    @override
    def init(self, lanes: int) -> Any:
        return np.zeros(lanes)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        carried = np.where(signals.spell_age == 1, 0.0, state)
        total = carried + np.maximum(signals.score_gap, 0.0)
        return total, total > self.threshold
