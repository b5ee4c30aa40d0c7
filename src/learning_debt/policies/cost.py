"""What a retrain costs, and what a nat of log score is worth."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr

from learning_debt.data import SERIES
from learning_debt.policies.models.calibration import SCORE_UNITS, score_unit
from learning_debt.representations import plain_number
from learning_debt.spells.schema import TableFacts
from learning_debt.typing import Array
from learning_debt.validation import require_choice, require_instance, require_number, require_text

HOW_TO_THINK_ABOUT_COST = (
    "A retraining cost is what one retrain costs you in the unit in which a worse forecast costs you. "
    "RetrainingCost(0.1) says: retraining is worth it if it wins 0.1 nats of log score before the next one. "
    "RetrainingCost(500, money_per_nat=20, currency='EUR') says: a retrain costs 500, a nat per forecast row is "
    "worth 20. "
    "Where forecasts decide how much to stock, no price per nat is needed: with spell_table(..., "
    "score=NewsvendorLoss(under=4, over=1, currency='EUR')) a worse forecast costs money itself, and "
    "RetrainingCost(500, currency='EUR') is what a retrain costs. "
    "RetrainingCost(cost_ratio=1) says: as much as the upper quartile of one bad period's regret. "
    "Add per_second where computing has a price, and per_change where users pay for forecasts that change."
)

COST = "a number, such as 0.1, or a RetrainingCost"
PRICED = {"per_second": "seconds", "per_change": "predictive_debt"}
"""Proportional parts of a cost, and the variable of the spell table that each is a price of."""


@dataclass(frozen=True)
class RetrainingCost:
    """Cost of one retrain: a fixed amount and, where asked for, parts in proportion to computing and to change.

    Retraining after period t what was deployed after s costs λ(s, t) = amount + per_second × seconds(t) +
    per_change × Dpred(s, t), all in one unit.

    Parameters
    ----------
    amount : float, optional
        In the unit of the table's regret: nats, units of the outcome, or money where the score is in money; in money,
        too, when `money_per_nat` is given.
    money_per_nat : float, optional
        What one nat of log score is worth on one observation. Exposure is then this times the rows of a period. Only
        for tables of the log score: a score in money has its price already.
    currency : str, optional
        Of `amount`. It must be that of a table whose score is in money; taken from the table if left out.
    cost_ratio : float, optional
        Instead of `amount`: cost in units of typical positive regret, measured on calibration cells.
    score_unit : {"q75", "median", "mean"}
        The unit that goes with `cost_ratio`.
    per_second : float
        Price of a second of computing, in the unit of `amount`, where each retrain runs a fit of its own. Seconds are
        the table's: what it took to make the shadow that the retrain puts into service.
    per_change : float
        Price, in the unit of `amount`, of one unit of predictive debt between the shadow and what it replaces: users
        pay for forecasts that change. Predictive debt counts per observation, whatever the exposure.
    regret_unit : str
        Unit of regret without a price; `resolve` reads it from the table.

    Raises
    ------
    ValueError
        If no cost is given, or two are, or a part is negative or not finite.

    See Also
    --------
    audit, replay, tune, oracle, decide : Take it as `cost`.
    scores.NewsvendorLoss : A score that is in money by itself.

    Examples
    --------
    >>> RetrainingCost(0.1).unit
    'nats'
    >>> RetrainingCost(500, money_per_nat=20, currency="EUR").unit
    'EUR'
    >>> RetrainingCost(500, currency="EUR").in_money  # on a table whose score is in EUR
    True
    >>> print(RetrainingCost(500, money_per_nat=20, currency="EUR", per_second=0.1))
    500 EUR + 0.1 EUR per second of computing
    """

    amount: float | None = None
    money_per_nat: float | None = None
    currency: str | None = None
    cost_ratio: float | None = None
    score_unit: str = "q75"
    per_second: float = 0.0
    per_change: float = 0.0
    regret_unit: str = "nats"

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.cost_ratio is None):
            raise ValueError(f"give either an amount or a cost_ratio. {HOW_TO_THINK_ABOUT_COST}")
        for name in ("amount", "cost_ratio", "money_per_nat", *PRICED):
            value = getattr(self, name)
            if value is not None or name in PRICED:
                checked = require_number(name, value, at_least=0)
                object.__setattr__(self, name, int(value) if isinstance(value, int | np.integer) else checked)
        require_choice("score_unit", self.score_unit, SCORE_UNITS)
        for name in ("currency", "regret_unit"):
            if name == "regret_unit" or self.currency is not None:
                require_text(name, getattr(self, name), "a name, such as 'EUR'")
        if self.money_per_nat == 0:
            raise ValueError("money_per_nat must be positive: if a nat is worth nothing, no retrain is")
        if self.money_per_nat is not None and self.amount is None:
            raise ValueError("money_per_nat goes with an amount of money, not with a cost_ratio")

    @property
    def in_money(self) -> bool:
        """Whether bills come out in money. Money is signed: positive accounting charges noise and is refused."""
        return self.money_per_nat is not None or self.currency is not None

    @property
    def per_retrain(self) -> float:
        """The part that every retrain costs; a cost ratio must be resolved first."""
        if self.amount is None:
            raise ValueError("a cost_ratio has no amount until it is resolved on a calibration table")
        return float(self.amount)

    @property
    def unit(self) -> str:
        """Unit of bills: the currency (``"money"`` if it has no name), ``"nats"`` or ``"outcome units"``."""
        return (self.currency or "money") if self.in_money else self.regret_unit

    @property
    def proportional(self) -> bool:
        """Whether retrains of one table differ in what they cost."""
        return any(getattr(self, part) > 0 for part in PRICED)

    def __repr__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = [
            f"{field.name}={values[field.name]!r}" for field in fields(self) if values[field.name] != field.default
        ]
        return f"RetrainingCost({', '.join(given)})"

    def __str__(self) -> str:

        def shown(price: float) -> str:
            return plain_number(price, 6)

        in_ratio = f"{shown(self.cost_ratio or 0)} x {self.score_unit} regret"
        parts = [in_ratio if self.amount is None else f"{shown(self.amount)} {self.unit}"]
        parts += [f"{shown(self.per_second)} {self.unit} per second of computing"] if self.per_second else []
        parts += [f"{shown(self.per_change)} {self.unit} per unit of predictive debt"] if self.per_change else []
        return " + ".join(parts)

    def retraining_costs(self, spells: xr.Dataset) -> Array:
        """What each retrain of a checked table costs, shape (series, T, T), in `unit`.

        Entry [i, s, t - 1] is that of retraining after t what was deployed after s; entries with s >= t mean nothing.

        Raises
        ------
        KeyError
            If a proportional part prices what the table does not hold.
        ValueError
            If what it prices is not finite somewhere or, for seconds, negative or zero throughout.

        Examples
        --------
        >>> from learning_debt import check_spells
        >>> dims = ("deployed_at", "period")
        >>> spells = xr.Dataset({"score_gap": (dims, np.eye(2)), "predictive_debt": (dims, [[0.1, 0.3], [0.0, 0.2]])})
        >>> RetrainingCost(2.0, per_change=10.0).retraining_costs(check_spells(spells))[0, 0].tolist()
        [3.0, 5.0]
        """
        shape = _checked(spells)["regret"].shape
        if not self.proportional:
            return np.broadcast_to(np.float64(self.per_retrain), shape)
        cost = np.full(shape, self.per_retrain)
        if self.per_second:
            cost += self.per_second * _seconds(spells)[:, None, :]
        if self.per_change:
            change = _priced(spells, "per_change")
            cost += self.per_change * np.maximum(change, 0.0)  # an estimate may lie below zero
        return cost

    def of_retrain(self, spells: xr.Dataset) -> Array:
        """The old name of `retraining_costs`; it goes with the next release."""
        warnings.warn("of_retrain is now retraining_costs", DeprecationWarning, stacklevel=2)
        return self.retraining_costs(spells)

    def resolve(self, calibration: xr.Dataset) -> RetrainingCost:
        """The same cost as an amount in the unit of a table; a `cost_ratio` is measured on the table's regret.

        Raises
        ------
        ValueError
            If the cost is in another currency than the table, if it is money and the table is not, or if nats are
            priced that the table does not have.
        """
        _checked(calibration, "calibration")
        facts = TableFacts.from_table(calibration, "calibration")
        money, unit = facts.currency, facts.regret_unit
        self._require_same_money(money, unit)
        resolved = replace(self, currency=self.currency or money, regret_unit=unit)
        if self.cost_ratio is not None:
            amount = self.cost_ratio * score_unit(calibration["regret"].values, self.score_unit)
            resolved = replace(resolved, amount=amount, cost_ratio=None, score_unit="q75")
        return self if resolved == self else resolved

    def _require_same_money(self, money: str | None, unit: str) -> None:
        """Refuse prices that do not fit a table in `money`, or in `unit` if that is None."""
        if self.money_per_nat is not None and (money or unit != "nats"):
            raise ValueError(
                f"the table's score is in {money or unit}, not in nats, so money_per_nat has nothing to price: "
                + (f"give RetrainingCost(amount, currency={money!r})" if money else "leave it out, or use score='log'")
            )
        if money and self.currency is not None and self.currency != money:
            raise ValueError(f"the cost is in {self.currency}, the table's score in {money}: convert one of them")
        if not money and self.currency is not None and self.money_per_nat is None:
            raise ValueError(
                f"a cost in {self.currency} cannot be held against regret in {unit}: give money_per_nat, or build the "
                "table with a score in money, such as NewsvendorLoss(under, over, currency). If its regret is money "
                f"already, set spells.attrs['currency'] = {self.currency!r}"
            )

    def exposure(self, spells: xr.Dataset) -> xr.DataArray:
        """Money per unit of the table's regret, dims (series, period): 1, or the price of a nat times the rows."""
        rows = _checked(spells)["rows"]
        return xr.ones_like(rows, dtype=float) if self.money_per_nat is None else rows * self.money_per_nat


def exposures(table: xr.Dataset, cost: RetrainingCost) -> Array:
    """What a unit of mean score is worth in the unit of the bill, shape (series, period)."""
    worth = np.asarray(_checked(table)["exposure"].transpose(SERIES, "period").values, dtype=float)
    return worth if cost.money_per_nat is None else worth * cost.exposure(table).transpose(SERIES, "period").values


def signed_regret(table: xr.Dataset, cost: RetrainingCost) -> Array:
    """Regret in the unit of the bill, shape (series, T, T)."""
    regret = np.asarray(table["regret"].values)
    if cost.money_per_nat is None:
        return regret
    return regret * cost.exposure(table).transpose(SERIES, "period").values[:, None, :]


def _checked(spells: xr.Dataset, name: str = "spells") -> xr.Dataset:
    require_instance(name, spells, xr.Dataset, "a spell table, as check_spells returns it")
    for variable in ("regret", "rows"):
        if variable not in spells:
            raise KeyError(f"{name} must hold {variable!r}: give check_spells(table)")
    return spells


def _priced(spells: xr.Dataset, part: str) -> Array:
    """What a proportional part is a price of, finite wherever something was deployed."""
    name = PRICED[part]
    if name not in spells:
        raise KeyError(f"{part} is a price of {name!r}, which the spell table lacks; add it, or leave {part} out")
    values = np.asarray(spells[name].values, dtype=float)
    present = np.triu(np.ones(values.shape[-2:], dtype=bool)) if values.ndim == 3 else ...
    if not np.isfinite(values[:, present]).all():
        raise ValueError(f"{part} is a price of {name!r}, which is not finite in some cells of the spell table")
    return values


def _seconds(spells: xr.Dataset) -> Array:
    """Seconds that each period's shadow took, shape (series, T)."""
    if "seconds" in spells:
        everywhere = spells["seconds"].broadcast_like(spells["rows"]).transpose(*spells["rows"].dims)
        spells = spells.assign(seconds=everywhere)
    seconds = _priced(spells, "per_second")
    if (seconds < 0).any() or not (seconds > 0).any():
        raise ValueError(
            "per_second is a price of 'seconds', which must not be negative and are zero throughout where posteriors "
            "are exact: leave per_second out, or put the seconds that a retrain takes into the spell table"
        )
    return seconds


def as_cost(cost: RetrainingCost | float | None) -> RetrainingCost:
    """Accept a plain number; refuse the absence of one with advice.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> as_cost("0.1")
    Traceback (most recent call last):
    TypeError: cost must be a number, such as 0.1, or a RetrainingCost, not '0.1' (str)
    """
    if cost is None:
        raise ValueError(f"a retraining cost is missing. {HOW_TO_THINK_ABOUT_COST}")
    if isinstance(cost, RetrainingCost):
        return cost
    require_instance("cost", cost, (RetrainingCost, int, float, np.number, np.ndarray), COST)
    return RetrainingCost(require_number("cost", cost, at_least=0))
