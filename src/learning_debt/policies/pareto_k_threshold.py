"""Refit when reweighting fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class ParetoKThreshold(Policy):
    """Retrain when the Pareto k-hat of the weights from deployed to shadow posterior exceeds `threshold`.

    The refit rule of leave-future-out cross-validation (Bürkner, Gabry & Vehtari, arXiv 1902.06281, threshold 0.7).
    It signals that importance sampling from the deployed draws fails, not that the world has drifted: with enough new
    rows it fires on stationary data too, and a change that matters little to forecasts can set it off.

    Parameters
    ----------
    threshold : float
        Above 0; .7 in the paper.
    """

    requires: ClassVar[tuple[str, ...]] = ("deployed_pareto_k",)
    threshold: PerLane

    def __post_init__(self) -> None:
        self._require("threshold", above=0)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, signals.deployed_pareto_k > self.threshold
