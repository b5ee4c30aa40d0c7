"""Continuous ranked probability score: how far a forecast is from the outcome, in the outcome's own unit."""

from __future__ import annotations

from dataclasses import dataclass

from learning_debt.arrays.conjugate import student_t_scores
from learning_debt.arrays.conjugate.nig import NIG, predictive
from learning_debt.arrays.losses import distance_divergence, distance_scores
from learning_debt.arrays.losses.distance_scores import Scored, WeightedDraws
from learning_debt.arrays.losses.divergence import Divergence
from learning_debt.scores.predictive_draws import PredictiveDrawsScore
from learning_debt.typing import Array


@dataclass(frozen=True)
class CRPS(PredictiveDrawsScore):
    """Minus the continuous ranked probability score, ``E|X - y| - E|X - X'|/2``.

    For a point forecast that is minus the absolute error. Its divergence is the integral of (F - G)^2 (Gneiting &
    Raftery, JASA 102, 2007). Unit: that of the outcome.

    See Also
    --------
    LogScore : Needs a density, and punishes surprise in the tails.
    EnergyScore : The same for several values a row.
    QuantileLoss : Scores one quantile.

    Examples
    --------
    >>> CRPS().unit
    'outcome'
    """

    @property
    def name(self) -> str:
        """``"crps"``."""
        return "crps"

    @property
    def unit(self) -> str:
        """``"outcome"``: the outcome's own unit."""
        return "outcome"

    def _scored(self, draws: WeightedDraws, outcome: Array) -> Scored:
        return distance_scores.crps(draws, outcome)

    def _diverged(self, shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence:
        return distance_divergence.crps_divergence(shadow, deployed)

    def exact_score(self, posterior: NIG, x: Array, y: Array) -> Array:
        """Of the Student-t predictive, in closed form."""
        return -student_t_scores.crps(y, *predictive(posterior, x))

    def exact_divergence(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """Of two Student-t predictives, by quadrature; mean over the rows."""
        return student_t_scores.crps_divergence(*predictive(shadow, x), *predictive(deployed, x)).mean(axis=-1)

    def exact_gap_spread(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """By quadrature."""
        return student_t_scores.crps_gap_spread(*predictive(shadow, x), *predictive(deployed, x))
