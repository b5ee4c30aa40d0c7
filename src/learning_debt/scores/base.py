"""What a score must offer to be used for gaps, predictive debt and spell tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.estimate import Estimate
from learning_debt.forecasters.base import Predictor
from learning_debt.typing import Array


class Contrast(Protocol):
    """The shadow's forecast of a batch, ready to be held against any deployed posterior."""

    def against(self, deployed: xr.DataTree) -> Estimate:
        """Divergence of the deployed forecast from the shadow's, mean per observation, in the score's unit.

        It is never negative in truth. ``diagnostics["gap_sd"]`` is the standard deviation, under the shadow, of the
        batch's mean gap.
        """
        ...


class Score(ABC):
    """A proper score of a forecast, higher is better; losses count negative.

    Its divergence, the predictive debt of this score, is what the shadow itself expects to gain:
    E over outcomes y of the shadow's forecast p of [S(p, y) - S(q, y)], never negative.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """As in a table's attributes: ``"log"``, ``"crps"``, ..."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Of one observation: ``"nats"``, ``"outcome"`` for the outcome's own, or a currency."""

    @property
    def in_money(self) -> bool:
        """Whether the unit is money, so that regret is money without a price per nat."""
        return False

    @abstractmethod
    def forecast(
        self,
        forecaster: Predictor,
        posterior: xr.DataTree,
        batch: xr.Dataset,
        past: xr.Dataset | None = None,
        random_seed: int | None = None,
    ) -> Any:
        """What `gap` needs to know of a posterior's forecast of `batch`; kept, so that a posterior is asked once.

        Posteriors forecast with one `random_seed` share their random numbers.
        """

    @abstractmethod
    def gap(self, shadow: Any, deployed: Any) -> Estimate:
        """Mean score of the shadow's forecast minus that of the deployed one, at the batch's outcomes."""

    def mean_score(self, forecast: Any) -> Estimate:
        """Mean score of one forecast at the batch's outcomes: a table's ``deployed_score``.

        Raises
        ------
        NotImplementedError
            If what this score keeps of a forecast does not tell.
        """
        raise NotImplementedError(f"the {self.name} score is known for differences only; leave out deployed_score")

    @property
    def differences_only(self) -> bool:
        """Whether draws tell the gap of two forecasts and not the score of one: no `mean_score` was written."""
        return type(self).mean_score is Score.mean_score

    @abstractmethod
    def contrast(
        self,
        forecaster: Predictor,
        shadow: xr.DataTree,
        batch: xr.Dataset,
        random_seed: int | None = None,
        past: xr.Dataset | None = None,
    ) -> Contrast:
        """The shadow's forecast of the inputs of `batch`, ready for `Contrast.against`."""

    def exact_score(self, posterior: NIG, x: Array, y: Array) -> Array:
        """Score of every row under exact posteriors, shape (..., rows), over the leading axes of `posterior`.

        Raises
        ------
        NotImplementedError
            If this score has no closed form in the conjugate model.
        """
        raise NotImplementedError(f"the {self.name} score has no exact value; sample the posteriors first")

    def exact_divergence(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """Divergence, mean over the rows of `x`, broadcasting over leading axes; raises as `exact_score`."""
        raise NotImplementedError(f"the {self.name} score has no exact divergence; sample the posteriors first")

    def exact_gap_spread(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """Standard deviation, under the shadow, of the mean gap over the rows of `x`; raises as `exact_score`."""
        raise NotImplementedError(f"the {self.name} score has no exact gap spread; sample the posteriors first")
