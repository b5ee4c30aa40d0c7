"""Calibrated expected regret, priced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, override

from learning_debt.policies.base import PerLane, Policy, Step, mark
from learning_debt.policies.models.regret import RegretModel
from learning_debt.policies.signals import Signals
from learning_debt.validation import require_flag, require_instance


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedRegret(Policy):
    """Retrain when `scale` times the regret a calibrated model expects in one period exceeds the cost of a retrain.

    Equation 5 of Katz (arXiv 2604.06438) for `scale` = 1; a tuned scale stands for the periods a retrain serves.

    Parameters
    ----------
    scale : float
    model : RegretModel
        `DebtRegretModel` or `HybridRegretModel`. Predicted regret is in the units of the regret the model was
        fitted on, and the cost must be in the same units.
    per_nat : bool
        Set it if the model was fitted on score gaps in nats and costs are not: the prediction is then multiplied by
        the period's exposure, which also makes it money when the cost is money.

    See Also
    --------
    learning_debt.DebtRegretModel, learning_debt.HybridRegretModel : The models.
    PredictiveDebtThreshold : Takes the expectation from the shadow, and fits nothing.
    """

    scale: PerLane
    model: RegretModel
    per_nat: bool = False

    def __post_init__(self) -> None:
        self._require("scale", above=0)
        require_instance("model", self.model, RegretModel, "a regret model, as DebtRegretModel.fit returns it")
        require_flag("per_nat", self.per_nat)

    @property
    def requires(self) -> tuple[str, ...]:  # type: ignore[override]
        """The signals its model reads."""
        return self.model.requires

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        expected = self.model.expected_regret(signals)
        worth = expected * signals.exposure if self.per_nat else expected
        return state, self.scale * worth > signals.cost

    def __str__(self) -> str:
        per_nat = ", per nat" if self.per_nat else ""
        return f"{super().__str__()[:-1]}{per_nat}, {mark(self.model)})"
