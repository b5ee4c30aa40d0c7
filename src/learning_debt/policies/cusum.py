"""Cumulative sum of realised score gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.signals import Signals


@dataclass(frozen=True, eq=False, repr=False)
class CUSUM(Policy):
    """Retrain when the positive parts of the score gap, summed over the spell, exceed `threshold`.

    It is the rule of the reference study. Unlike Page's CUSUM, from which a reference value is taken off every period,
    the sum never falls.

    Parameters
    ----------
    threshold : float
        Above 0, in the unit of the table's score.

    See Also
    --------
    Changepoint : Asks whether the gaps have changed, not how much they add up to.
    BlendedThreshold : Weighs recent gaps with what the shadow expects.

    References
    ----------
    Page, *Continuous inspection schemes*, Biometrika 41 (1954), 100-115.

    Examples
    --------
    >>> import xarray as xr
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> ld.replay(spells, CUSUM(0.2), cost=0.25).dates
    [[2]]
    """

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
