"""The value of waiting, learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step, briefly, mark
from learning_debt.policies.models.continuation import LEAST_PRICE, ContinuationModel, features
from learning_debt.policies.signals import Signals
from learning_debt.representations import plain_number
from learning_debt.validation import require_instance


@dataclass(frozen=True, eq=False, repr=False)
class ContinuationValue(Policy):
    """Retrain when the rest of the bill is expected to be larger if the retrain waits a period than if it is made now.

    The expectation was learned by `learning_debt.fit_continuation` from spell tables, in which what came after is
    known.

    Parameters
    ----------
    model : ContinuationModel
    price : float, optional
        What a retrain counts as in the unit that the model learned in, for scores in another unit: signals are scaled
        so that the cost comes to it. Left out, signals and cost are taken as they are.

    See Also
    --------
    learning_debt.fit_continuation : Learns the model.
    PredictiveDebtThreshold, BlendedThreshold : Thresholds for short histories.
    """

    requires: ClassVar[tuple[str, ...]] = ("debt", "predictive_debt", "score_gap")
    model: ContinuationModel
    price: PerLane | None = None

    def __post_init__(self) -> None:
        remedy = "a ContinuationModel, as fit_continuation returns it"
        require_instance("model", self.model, ContinuationModel, remedy)
        if self.price is not None:
            self._require("price", above=0)

    @override
    def init(self, lanes: int) -> Any:
        return np.zeros(lanes)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        gaps = self.model.decay * np.where(signals.spell_age == 1, 0.0, state) + signals.score_gap
        price = signals.cost / signals.exposure
        paid, unit = (price, 1.0) if self.price is None else (self.price, self.price / np.maximum(price, LEAST_PRICE))
        seen = features(signals.predictive_debt * unit, signals.debt, gaps * unit, signals.spell_age, paid)
        return gaps, self.model.excess(seen) > 0

    def __str__(self) -> str:
        lowest, highest = np.exp([self.model.lowest[-1], self.model.highest[-1]])
        costs = plain_number(lowest) if lowest == highest else f"{plain_number(lowest)} to {plain_number(highest)}"
        counts = "" if self.price is None else f", a retrain counts as {briefly(self.price)}"
        return f"ContinuationValue(learned at costs of {costs}, {mark(self.model)}{counts})"
