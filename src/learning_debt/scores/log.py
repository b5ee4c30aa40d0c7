"""The log score: what a forecast gave to the outcome, in nats."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from learning_debt.arrays.conjugate import nig, student_t_scores
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.predictive.mixture import Mixture
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor
from learning_debt.scores.base import Score
from learning_debt.scores.predictive_contrast import PredictiveContrast
from learning_debt.scores.row_mixtures import gap_from_mixtures, row_mixture, score_from_mixture
from learning_debt.typing import Array


@dataclass(frozen=True)
class LogScore(Score):
    """log p(y); its divergence is KL(p‖q).

    See Also
    --------
    CRPS : Forgives more in the tails, and needs draws only.

    References
    ----------
    Gneiting & Raftery, *Strictly proper scoring rules, prediction, and estimation*, JASA 102 (2007), 359-378.

    Examples
    --------
    >>> LogScore().unit
    'nats'
    """

    @property
    def name(self) -> str:
        """``"log"``."""
        return "log"

    @property
    def unit(self) -> str:
        """``"nats"``."""
        return "nats"

    def forecast(
        self,
        forecaster: Predictor,
        posterior: xr.DataTree,
        batch: xr.Dataset,
        past: xr.Dataset | None = None,
        random_seed: int | None = None,
    ) -> Mixture:
        """Log predictive density at the outcomes."""
        return row_mixture(forecaster, posterior, batch, past, random_seed)

    def gap(self, shadow: Mixture, deployed: Mixture) -> Estimate:
        """As in `Score.gap`, nats per observation."""
        return gap_from_mixtures(shadow, deployed)

    def mean_score(self, forecast: Mixture) -> Estimate:
        """As in `Score.mean_score`, nats per observation."""
        return score_from_mixture(forecast)

    def contrast(
        self,
        forecaster: Predictor,
        shadow: xr.DataTree,
        batch: xr.Dataset,
        random_seed: int | None = None,
        past: xr.Dataset | None = None,
    ) -> PredictiveContrast:
        """Kullback-Leibler divergence, by quadrature where it can be."""
        return PredictiveContrast(forecaster, shadow, batch, random_seed, past)

    def exact_score(self, posterior: NIG, x: Array, y: Array) -> Array:
        """Log density of the Student-t predictive."""
        return nig.log_score(posterior, x, y)

    def exact_divergence(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """Kullback-Leibler divergence of two Student-t predictives."""
        return nig.predictive_debt(shadow, deployed, x)

    def exact_gap_spread(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """By quadrature over the shadow's predictive."""
        return student_t_scores.log_gap_spread(*nig.predictive(shadow, x), *nig.predictive(deployed, x))
