"""Energy score: the CRPS of outcomes that hold several values."""

from __future__ import annotations

from dataclasses import dataclass

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.losses import distance_divergence, distance_scores
from learning_debt.arrays.losses.distance_scores import Scored, WeightedDraws
from learning_debt.arrays.losses.divergence import Divergence
from learning_debt.scores.crps import CRPS
from learning_debt.scores.predictive_draws import PredictiveDrawsScore
from learning_debt.typing import Array


@dataclass(frozen=True)
class EnergyScore(PredictiveDrawsScore):
    """Minus the energy score ``E|X - y| - E|X - X'|/2`` with the Euclidean norm over all values of a row.

    Rows of a batch are separate observations. With one value a row it is the CRPS. Values should share a unit: those
    with the larger spread count for more. Time and memory grow with the draws squared.

    See Also
    --------
    CRPS : For one value a row.

    References
    ----------
    Gneiting & Raftery, *Strictly proper scoring rules, prediction, and estimation*, JASA 102 (2007), 359-378.

    Examples
    --------
    >>> EnergyScore().name
    'energy'
    """

    vector = True

    @property
    def name(self) -> str:
        """``"energy"``."""
        return "energy"

    @property
    def unit(self) -> str:
        """``"outcome"``: the outcome's own unit."""
        return "outcome"

    def _scored(self, draws: WeightedDraws, outcome: Array) -> Scored:
        return distance_scores.energy(draws, outcome)

    def _diverged(self, shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence:
        return distance_divergence.energy_divergence(shadow, deployed)

    def exact_score(self, posterior: NIG, x: Array, y: Array) -> Array:
        """The CRPS: the conjugate model has one outcome a row."""
        return CRPS().exact_score(posterior, x, y)

    def exact_divergence(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """That of the CRPS."""
        return CRPS().exact_divergence(shadow, deployed, x)

    def exact_gap_spread(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """That of the CRPS."""
        return CRPS().exact_gap_spread(shadow, deployed, x)
