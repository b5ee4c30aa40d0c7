"""Age-adjusted posterior debt compared with its earlier values in the same spell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np
from numpy.typing import NDArray

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.models.calibration import CALIBRATION, AgeAdjustment
from learning_debt.policies.signals import Signals
from learning_debt.validation import require_instance

MINIMUM_SEEN = 10
"""Earlier values a spell must have shown before its quantile says anything."""


@dataclass(frozen=True, eq=False, repr=False)
class Alarm(Policy):
    """Retrain when age-adjusted debt exceeds the `quantile` of its earlier values in the same spell.

    It cannot fire in the first ten periods of a spell. Where the retrain it asked for is not made, that period's debt
    joins the earlier values and raises their quantile.

    Parameters
    ----------
    quantile : float
        Between 0 and 1.
    calibration : AgeAdjustment
        Mean and spread of the root of debt by age, where nothing has shifted.

    See Also
    --------
    DebtThreshold : Age-adjusted debt against a fixed threshold.
    learning_debt.AgeAdjustment : The calibration.

    Notes
    -----
    Quantiles are of type 7 (Hyndman & Fan 1996), numpy's "linear". The state is an array of shape (lanes, longest
    spell so far): every lane's earlier values in increasing order, then NaN.

    References
    ----------
    Katz, *Cost-sensitive retraining via posterior learning debt*, arXiv 2604.06438.
    """

    requires: ClassVar[tuple[str, ...]] = ("debt",)
    quantile: PerLane
    calibration: AgeAdjustment

    def __post_init__(self) -> None:
        self._require("quantile", at_least=0, at_most=1)
        require_instance("calibration", self.calibration, AgeAdjustment, CALIBRATION)

    @override
    def init(self, lanes: int) -> Any:
        return np.empty((lanes, 0))

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        value = self.calibration.standardise(signals.debt, signals.spell_age)
        earlier = np.where(signals.spell_age[:, None] == 1, np.nan, state)
        seen = np.count_nonzero(~np.isnan(earlier), axis=1)
        retrain = np.zeros(value.shape, dtype=bool)
        if seen.max() >= MINIMUM_SEEN:
            retrain = (seen >= MINIMUM_SEEN) & (value > _quantile(earlier, seen, self.quantile))
        ordered = np.sort(np.column_stack([earlier, value]), axis=1)  # NaN goes last
        return ordered[:, : seen.max() + 1], retrain


def _quantile(ordered: NDArray[np.float64], count: NDArray[np.int64], quantile: PerLane) -> NDArray[np.float64]:
    """Type-7 quantile of the first `count` values of every row, shape (lanes,); NaN where there are none."""
    last = np.maximum(count - 1, 0)
    position = quantile * last
    below = np.floor(position).astype(np.int64)
    low, high = (np.take_along_axis(ordered, at[:, None], axis=1)[:, 0] for at in (below, np.minimum(below + 1, last)))
    return low + (position - below) * (high - low)
