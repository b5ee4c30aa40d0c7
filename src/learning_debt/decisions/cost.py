"""What a retrain costs and what a nat is worth: the owner's to say, never the library's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from learning_debt.decisions.calibration import SCORE_UNITS, score_unit

HOW_TO_THINK_ABOUT_COST = (
    "A retraining cost is what one retrain costs you in the unit in which a worse forecast costs you. "
    "RetrainingCost(0.1) says: retraining is worth it if it wins 0.1 nats of log score before the next one. "
    "RetrainingCost(500, money_per_nat=20, currency='EUR') says: a retrain costs 500, a nat per forecast row is "
    "worth 20. "
    "RetrainingCost(cost_ratio=1) says: as much as the upper quartile of one bad period's regret."
)


@dataclass(frozen=True)
class RetrainingCost:
    """Cost of one retrain.

    Parameters
    ----------
    amount : float, optional
        In nats of summed mean score gap, or in money when `money_per_nat` is given.
    money_per_nat : float, optional
        What one nat of log score is worth on one observation. Exposure is then this times the rows of a period.
    currency : str
        Shown in reports.
    cost_ratio : float, optional
        Instead of `amount`: cost in units of typical positive regret, measured on calibration cells.
    score_unit : {"q75", "median", "mean"}
        The unit that goes with `cost_ratio`.

    Raises
    ------
    ValueError
        If no cost is given, or two are, or one is negative or not finite.

    Examples
    --------
    >>> RetrainingCost(0.1).unit
    'nats'
    >>> RetrainingCost(500, money_per_nat=20, currency="EUR").unit
    'EUR'
    """

    amount: float | None = None
    money_per_nat: float | None = None
    currency: str = "money"
    cost_ratio: float | None = None
    score_unit: str = "q75"

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.cost_ratio is None):
            raise ValueError(f"give either an amount or a cost_ratio. {HOW_TO_THINK_ABOUT_COST}")
        for name in ("amount", "cost_ratio", "money_per_nat"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be zero or positive and finite, not {value}")
        if self.score_unit not in SCORE_UNITS:
            raise ValueError(f"score_unit must be one of {SCORE_UNITS}, not {self.score_unit!r}")
        if self.money_per_nat == 0:
            raise ValueError("money_per_nat must be positive: if a nat is worth nothing, no retrain is")
        if self.money_per_nat is not None and self.amount is None:
            raise ValueError("money_per_nat goes with an amount of money, not with a cost_ratio")

    @property
    def in_money(self) -> bool:
        """Whether bills come out in money."""
        return self.money_per_nat is not None

    @property
    def per_retrain(self) -> float:
        """The amount; a cost ratio must be resolved first."""
        if self.amount is None:
            raise ValueError("a cost_ratio has no amount until it is resolved on a calibration table")
        return float(self.amount)

    @property
    def unit(self) -> str:
        """Unit of bills: ``"nats"`` or the currency."""
        return self.currency if self.in_money else "nats"

    def resolve(self, calibration: xr.Dataset) -> RetrainingCost:
        """This cost as an amount; a `cost_ratio` is measured on the regret cells of `calibration`."""
        if self.amount is not None:
            return self
        assert self.cost_ratio is not None
        return RetrainingCost(self.cost_ratio * score_unit(calibration["regret"].values, self.score_unit))

    def exposure(self, spells: xr.Dataset) -> xr.DataArray:
        """Regret per nat of mean score gap, dims (series, period), before the table's own exposure: 1, or money."""
        rows = spells["rows"]
        return xr.ones_like(rows, dtype=float) if self.money_per_nat is None else rows * self.money_per_nat


def as_cost(cost: RetrainingCost | float | None) -> RetrainingCost:
    """Accept a plain number; refuse the absence of one with advice."""
    if cost is None:
        raise ValueError(f"a retraining cost is missing. {HOW_TO_THINK_ABOUT_COST}")
    return cost if isinstance(cost, RetrainingCost) else RetrainingCost(float(cost))
