"""Fresh or stale: a hidden state, filtered from debt, and the losses of getting it wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np

from learning_debt.policies.base import PerLane, Policy, Step, mark
from learning_debt.policies.models.two_state_filter import FRESH, TwoStateEmissions, filter_step
from learning_debt.policies.signals import Signals
from learning_debt.validation import require_instance


@dataclass(frozen=True, eq=False, repr=False)
class TwoState(Policy):
    """Retrain when the filtered probability rho that the model is stale exceeds churn / (churn + waiting).

    Waiting loses `waiting_cost` times rho, retraining `churn_cost` times (1 - rho): equation 6 of Katz
    (arXiv 2604.06438). The cost of a retrain in the signals is not looked at.

    Parameters
    ----------
    hazard : float
        Probability that a fresh model turns stale in a period.
    recovery : float
        Probability that a stale one turns fresh by itself; 0 where shifts last.
    churn_cost : float
        Excess loss of retraining while fresh.
    waiting_cost : float
        Excess loss of waiting a period while stale, in the same unit.
    emissions : TwoStateEmissions
        What debt looks like in either state.

    See Also
    --------
    learning_debt.TwoStateEmissions : What debt looks like in either state.

    Notes
    -----
    The state is the log odds of stale, shape (lanes,). At the start of a spell rho is 0, before that period's
    hazard and debt are taken in.
    """

    requires: ClassVar[tuple[str, ...]] = ("debt",)
    hazard: PerLane
    recovery: PerLane
    churn_cost: PerLane
    waiting_cost: PerLane
    emissions: TwoStateEmissions

    def __post_init__(self) -> None:
        for name in ("hazard", "recovery"):
            self._require(name, at_least=0, at_most=1)
        for name in ("churn_cost", "waiting_cost"):
            self._require(name, above=0)
        remedy = "a TwoStateEmissions, as TwoStateEmissions.fit returns it"
        require_instance("emissions", self.emissions, TwoStateEmissions, remedy)

    @override
    def init(self, lanes: int) -> Any:
        return np.full(lanes, FRESH)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        carried = np.where(signals.spell_age == 1, FRESH, state)
        evidence = self.emissions.log_likelihood_ratio(signals.debt)
        log_odds = filter_step(carried, evidence, self.hazard, self.recovery)
        return log_odds, log_odds > np.log(self.churn_cost) - np.log(self.waiting_cost)

    def __str__(self) -> str:
        return f"{super().__str__()[:-1]}, {mark(self.emissions)})"
