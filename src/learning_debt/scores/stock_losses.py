"""Losses of decisions that are quantiles of the forecast: quantile loss, and stock in money."""

from __future__ import annotations

from dataclasses import dataclass

from learning_debt.arrays.conjugate import student_t_scores
from learning_debt.arrays.conjugate.nig import NIG, predictive
from learning_debt.arrays.losses import stock_loss
from learning_debt.arrays.losses.distance_scores import Scored, WeightedDraws
from learning_debt.arrays.losses.divergence import Divergence
from learning_debt.scores.predictive_draws import PredictiveDrawsScore
from learning_debt.typing import Array
from learning_debt.validation import require_number, require_probability, require_text


class _StockScore(PredictiveDrawsScore):
    """Minus the cost of the best stock; `_costs` are (under, over)."""

    @property
    def _costs(self) -> tuple[float, float]:
        raise NotImplementedError

    @property
    def _level(self) -> float:
        under, over = self._costs
        return under / (under + over)

    def _scored(self, draws: WeightedDraws, outcome: Array) -> Scored:
        return stock_loss.stock_score(draws, outcome, *self._costs)

    def _diverged(self, shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence:
        return stock_loss.stock_divergence(shadow, deployed, *self._costs)

    def exact_score(self, posterior: NIG, x: Array, y: Array) -> Array:
        """Minus the cost of the Student-t predictive's quantile at the outcome."""
        stock = student_t_scores.quantile(self._level, *predictive(posterior, x))
        return -stock_loss.stock_loss(stock, y, *self._costs)

    def exact_divergence(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """Extra cost, under the shadow, of the deployed quantile, in closed form; mean over the rows."""
        forecasts = *predictive(shadow, x), *predictive(deployed, x)
        return student_t_scores.stock_divergence(*forecasts, *self._costs).mean(axis=-1)

    def exact_gap_spread(self, shadow: NIG, deployed: NIG, x: Array) -> Array:
        """By quadrature between the two quantiles."""
        return student_t_scores.stock_gap_spread(*predictive(shadow, x), *predictive(deployed, x), *self._costs)


@dataclass(frozen=True)
class QuantileLoss(_StockScore):
    """Minus the quantile (pinball) loss of the forecast's quantile at `level`, in the unit of the outcome.

    Parameters
    ----------
    level : float
        Between 0 and 1: an outcome above costs level per unit, one below 1 - level.

    Raises
    ------
    TypeError, ValueError
        If `level` is no number between 0 and 1.

    See Also
    --------
    NewsvendorLoss : The same decision, in money.
    CRPS : Averages over all quantiles.

    References
    ----------
    Koenker & Bassett, *Regression quantiles*, Econometrica 46 (1978), 33-50.

    Examples
    --------
    >>> QuantileLoss(0.9).name
    'quantile 0.9'
    """

    level: float

    def __post_init__(self) -> None:
        require_probability("level", self.level)

    @property
    def name(self) -> str:
        """With the level."""
        return f"quantile {self.level:.12g}"

    @property
    def unit(self) -> str:
        """``"outcome"``: the outcome's own unit."""
        return "outcome"

    @property
    def _costs(self) -> tuple[float, float]:
        return self.level, 1 - self.level


@dataclass(frozen=True)
class NewsvendorLoss(_StockScore):
    """Minus what the stock ordered on a forecast costs, in money per observation.

    The decision is the quantile under / (under + over) of the forecast (Arrow, Harris & Marschak, Econometrica 19,
    1951).

    Parameters
    ----------
    under : float
        Cost of a unit of demand that was not met.
    over : float
        Cost of a unit left over.
    currency : str

    Raises
    ------
    TypeError, ValueError
        If a cost is not a positive finite number, one is so much the larger that no quantile is left between 0 and 1,
        or the currency is no name.

    See Also
    --------
    QuantileLoss : The same decision, in the unit of the outcome.
    learning_debt.RetrainingCost : What a retrain costs in the same currency.

    Examples
    --------
    >>> loss = NewsvendorLoss(under=4.0, over=1.0, currency="EUR")
    >>> loss.unit, loss.level
    ('EUR', 0.8)
    """

    under: float
    over: float
    currency: str = "money"

    def __post_init__(self) -> None:
        for name in ("under", "over"):
            require_number(name, getattr(self, name), above=0)
        if not 0 < self._level < 1:
            raise ValueError(
                f"under and over must be of comparable size, not {self.under:g} and {self.over:g}: the stock they ask "
                f"for is the quantile at level {self._level:g}, which no forecast has"
            )
        require_text("currency", self.currency, "a name, such as 'EUR'")

    @property
    def name(self) -> str:
        """``"newsvendor"`` with its costs."""
        return f"newsvendor {self.under:.12g}/{self.over:.12g}"

    @property
    def unit(self) -> str:
        """The currency."""
        return self.currency

    @property
    def in_money(self) -> bool:
        """True."""
        return True

    @property
    def level(self) -> float:
        """Of the quantile that is ordered."""
        return self._level

    @property
    def _costs(self) -> tuple[float, float]:
        return self.under, self.over
