"""How badly the deployed model forecasts, whatever a retrained one would do: the policies of Cara."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class StalenessThreshold(Policy):
    """Retrain when staleness, minus the deployed model's score in the period, exceeds `threshold`.

    Cara-T of Mahadevan & Mathioudakis (arXiv 2310.04216), whose staleness is the cost of what is deployed on the data
    of the period. A threshold of ``-inf`` always retrains, one of ``inf`` never.

    Parameters
    ----------
    threshold : float
        In the unit of the table's score.

    See Also
    --------
    CumulativeStaleness : The sum over the spell.
    """

    requires: ClassVar[tuple[str, ...]] = ("deployed_score",)
    threshold: PerLane

    def __post_init__(self) -> None:
        self._require("threshold", finite=False)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        return state, -signals.deployed_score > self.threshold


@dataclass(frozen=True, eq=False, repr=False)
class CumulativeStaleness(Policy):
    """Retrain when staleness, minus the deployed model's score, summed over the spell exceeds `threshold`.

    Cara-CT of Mahadevan & Mathioudakis (arXiv 2310.04216). A threshold of ``-inf`` always retrains, one of ``inf``
    never. It is meant for scores that are losses; where log densities are above 0, the sum falls and never fires.

    Parameters
    ----------
    threshold : float
        In the unit of the table's score.

    See Also
    --------
    StalenessThreshold : One period at a time.
    """

    requires: ClassVar[tuple[str, ...]] = ("deployed_score",)
    threshold: PerLane

    def __post_init__(self) -> None:
        self._require("threshold", finite=False)

    @override
    def init(self, lanes: int) -> Any:
        return np.zeros(lanes)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        total = np.where(signals.spell_age == 1, 0.0, state) - signals.deployed_score
        return total, total > self.threshold
