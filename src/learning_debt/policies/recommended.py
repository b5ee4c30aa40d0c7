"""The policy that is recommended where an owner has one history."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, override

import numpy as np
import xarray as xr

from learning_debt.policies.base import PerLane, Policy, Step
from learning_debt.policies.models.history_facts import HistoryFacts
from learning_debt.policies.models.retraining_index import LARGEST, RelativeFacts, RetrainingIndex, learned_index
from learning_debt.policies.signals import Signals
from learning_debt.typing import Array
from learning_debt.validation import require_flag, require_instance


NOTHING_KNOWN = HistoryFacts()


@dataclass(frozen=True, eq=False, repr=False)
class Recommended(Policy):
    """Retrain when most of several settings expect a retrain to avoid more regret than it costs.

    Each setting expects the gap of a period from what the shadow believes, corrected by how gaps followed beliefs in
    this history, and from the gaps of the spell; times a horizon that grows with the spell's age. The settings were
    learned on simulated worlds and need no tuning; what is learned of a history is learned anew in every period.

    Parameters
    ----------
    urgency : float
        Multiplies what is expected: above 1 it retrains sooner.
    facts : HistoryFacts, optional
        What is known of the history beforehand.
    index : RetrainingIndex, optional
        The settings; those that come with the library if left out.
    learns : bool
        Whether it learns from the history it walks. False where that is not one history, as in a simulation.

    See Also
    --------
    BlendedThreshold, ContinuationValue : Policies to tune, or to learn, for a case of your own.
    learning_debt.audit : Decides with this policy unless told otherwise.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4, 0.5], [np.nan, 0.0, 0.1, 0.2], [np.nan, np.nan, 0.0, 0.1], [np.nan] * 3 + [0.0]]
    >>> belief = [[0.1, 0.2, 0.3, 0.4], [np.nan, 0.1, 0.1, 0.1], [np.nan, np.nan, 0.1, 0.1], [np.nan] * 3 + [0.1]]
    >>> dims = ("deployed_at", "period")
    >>> spells = xr.Dataset({"score_gap": (dims, gap), "predictive_debt": (dims, belief)})
    >>> ld.replay(spells, Recommended(), cost=0.25).dates
    [[2]]
    """

    requires: ClassVar[tuple[str, ...]] = ("predictive_debt", "score_gap")
    urgency: PerLane = 1.0
    facts: HistoryFacts = NOTHING_KNOWN
    index: RetrainingIndex = field(default_factory=learned_index)
    learns: bool = True

    def __post_init__(self) -> None:
        self._require("urgency", above=0)
        require_instance("facts", self.facts, HistoryFacts, "HistoryFacts")
        require_instance("index", self.index, RetrainingIndex, "a RetrainingIndex")
        require_flag("learns", self.learns)

    @property
    def refits(self) -> bool:  # type: ignore[override]
        """As `learns` says."""
        return self.learns

    @override
    def refit(self, spells: xr.Dataset) -> Policy:
        return replace(self, facts=self.facts.after(spells))

    @override
    def init(self, lanes: int) -> Any:
        return self.index.init(lanes)

    @override
    def step(self, state: Any, signals: Signals) -> Step:
        price = _price(signals)
        gap = np.clip(np.nan_to_num(signals.score_gap / price), -LARGEST, LARGEST)
        memory = self.index.remember(state, gap, signals.spell_age)
        return memory, self._in_favour(memory, signals, price) > 0.5

    def share_in_favour(self, state: Any, signals: Signals) -> Array:
        """Share of the settings that would retrain, shape (lanes,), given the state that `step` returned."""
        return self._in_favour(state, signals, _price(signals))

    def _in_favour(self, memory: Array, signals: Signals, price: Array) -> Array:
        facts = RelativeFacts.of(self.facts, price)
        avoided = self.index.log_avoided(memory, signals.predictive_debt / price, signals.spell_age, facts)
        return np.asarray(np.mean(avoided + np.log(self.urgency) > 0, axis=0))

    def __str__(self) -> str:
        return "Recommended()" if np.all(np.equal(self.urgency, 1)) else super().__str__()


def _price(signals: Signals) -> Array:
    """Cost of a retrain in the unit of gaps; infinite where a period is worth nothing."""
    exposed = signals.exposure > 0
    price = np.where(exposed, signals.cost / np.where(exposed, signals.exposure, 1.0), np.inf)
    return np.asarray(np.maximum(price, 1e-300))
