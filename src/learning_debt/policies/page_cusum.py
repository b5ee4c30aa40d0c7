"""Page's cumulative sum on the score gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class PageCUSUM(Policy):
    """Retrain when the regret of the spell, less an allowance a period and never below zero, exceeds a threshold.

    Gaps below zero count: where the deployed posterior does as well as the shadow, the sum goes back.

    Parameters
    ----------
    threshold : float
        In costs of a retrain.
    allowance : float
        Regret of a period that is no cause for concern, in costs of a retrain.

    See Also
    --------
    CUSUM : Adds up positive gaps only, with a threshold in the unit of the score.

    References
    ----------
    Page, *Continuous inspection schemes*, Biometrika 41 (1954), 100-115.

    Examples
    --------
    >>> import xarray as xr
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> ld.replay(spells, PageCUSUM(1.0), cost=0.25).dates
    [[2]]
    """

    requires: ClassVar[tuple[str, ...]] = ("score_gap",)
    threshold: PerLane
    allowance: PerLane = 0.0

    def __post_init__(self) -> None:
        self._require("threshold", above=0)
        self._require("allowance", at_least=0)

    @override
    def init(self, lanes: int) -> Any:
        return np.zeros(lanes)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        carried = np.where(signals.spell_age == 1, 0.0, state)
        regret = signals.exposure * signals.score_gap - self.allowance * signals.cost
        total = np.maximum(carried + regret, 0.0)
        return total, total > self.threshold * signals.cost
