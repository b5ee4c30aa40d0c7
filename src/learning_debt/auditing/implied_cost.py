"""The cost of a retrain at which the owner's calendar would be the cheapest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.draws.resampling import resample_counts
from learning_debt.arrays.schedules import walk
from learning_debt.arrays.schedules.calendar_costs import (
    ROUNDING,
    costs_of_columns,
    costs_where_least,
    regret_of_calendars,
)
from learning_debt.auditing.cost_comparison import interval
from learning_debt.auditing.split_evaluation import as_calendar
from learning_debt.policies import Always, Calendar, Never, Policy, Schedule, SpellLimit
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.replays import charged_regret, check_dates
from learning_debt.pricing.walks import walk_policy
from learning_debt.representations import plain_number
from learning_debt.spells import check_spells
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_probability, require_seed, require_whole_number

CALENDARS = (Calendar, Schedule, SpellLimit, Never, Always)
"""Policies that look at no signal and at no cost, so that their bills are lines in the cost."""
NEARLY = 1e-9
"""Share of the largest cost at which calendars change by which two costs are one."""


@dataclass(frozen=True)
class ImpliedCost:
    """Result of `implied_cost`; costs and bills in `unit`.

    Attributes
    ----------
    low, high : float
        Costs of a retrain, at least 0, between which the calendar comes as near to the cheapest calendar as at any
        cost. `high` is infinite if no calendar retrains less.
    interval_low, interval_high : float
        An interval, by `probability`, that holds both.
    excess : float
        What the calendar costs more than the cheapest one there, over all periods, a mean over series. 0 if it is the
        cheapest: then `low` to `high` are all costs at which the calendar is right.
    cheapest : tuple of float
        Intervals of the calendars that are cheapest there, infinite for never; without the owner's own.
    calendars : Dataset (interval)
        Of every calendar, 1..T-1 periods and infinite for never: ``retrains`` and ``regret`` (over all periods, means
        over phases and series), ``cost_low`` and ``cost_high``, between which it is the cheapest; NaN where it is at
        no cost.
    calendar : str
        The owner's, in words.
    periods : int
        Over which bills are added up.
    unit : str
    probability : float
    """

    low: float
    high: float
    interval_low: float
    interval_high: float
    excess: float
    cheapest: tuple[float, ...]
    calendars: xr.Dataset
    calendar: str
    periods: int
    unit: str
    probability: float

    @property
    def right(self) -> bool:
        """Whether there is a positive cost at which the calendar is the cheapest."""
        return self.excess == 0 and self.high > 0

    def __str__(self) -> str:
        mine, where = _act(self.calendar), _range(self.low, self.high, self.unit)
        sure = f"{self.probability:.0%} interval {_range(self.interval_low, self.interval_high, self.unit)}"
        if self.right:
            return f"{mine[0].upper()}{mine[1:]} is the cheapest calendar if a retrain costs {where} ({sure})."
        others = " or ".join(_act(_every(length)) for length in self.cheapest)
        if self.excess == 0:
            return (
                f"At no positive cost of a retrain is {mine} the cheapest calendar. Were retrains free, it would cost "
                f"as much as {others} ({sure})."
            )
        more = f"{plain_number(self.excess)} {self.unit} more over {self.periods} periods than {others}"
        if self.high == 0:
            return (
                f"At no positive cost is {mine} the cheapest calendar: even if retrains were free it would have cost "
                f"{more} ({sure})."
            )
        return (
            f"At no cost of a retrain is {mine} the cheapest calendar. It comes nearest at {where}, where it would "
            f"have cost {more} ({sure})."
        )


class _Lines(NamedTuple):
    """Retrains and regret of all calendars and, in the last place, of the owner's.

    Shape (bills, series), summed over periods; of a single series (bills, periods).
    """

    retrains: Array
    regret: Array


def implied_cost(
    spells: xr.Dataset,
    calendar: int | Iterable[Any] | Policy,
    *,
    money_per_nat: float | None = None,
    currency: str | None = None,
    probability: float = 0.9,
    resamples: int = 2000,
    random_seed: int | None = 0,
) -> ImpliedCost:
    """The cost of a retrain at which a calendar would be right: what keeping to it says about its owner's price.

    The bill of a calendar over the whole table is regret + cost × retrains, signed, a line in the cost. The result
    has the costs at which that of `calendar` is the least among calendars of every interval and never retraining.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own.
    calendar : int, sequence of labels or Policy
        What you do today: an interval in periods, the labels of the periods after which you retrained, or a policy that
        looks at no signal.
    money_per_nat, currency
        As of `RetrainingCost`: a price of a nat makes the result money. A score that is money needs none.
    probability : float
        Of the interval.
    resamples : int
    random_seed : int, optional

    Returns
    -------
    ImpliedCost
        In the unit of the table's regret, or in money. Of one of several series take ``spells.isel(series=[0])``.

    Raises
    ------
    TypeError, ValueError, KeyError
        For a calendar that is none, dates that are no labels of the table, a price that does not fit the table's score.

    See Also
    --------
    audit : What the calendar and other policies cost at a cost that is known.
    ageing_curve : What a spell of each length costs.
    RetrainingCost : Other ways to a price.

    Notes
    -----
    An interval's bill is the mean over its phases, as where a history begins in a calendar is nobody's choice; one of
    labels is that of its dates. With R and N the regret and retrains of the owner's calendar and R_j and N_j those of
    another, it is the cheaper of the two at costs c with R + c N ≤ R_j + c N_j. So calendars with more retrains set
    the lower end, (R - R_j) / (N_j - N), and those with fewer the upper one: `low` is the greatest of the former,
    `high` the least of the latter. Where `low` would lie above `high` no cost makes the calendar the cheapest. Then
    the result is the cost at which its `excess` over the cheapest is least: where the cheapest calendar changes from
    more retrains than the owner's to fewer.

    The interval reaches from the lower quantile of `low` to the upper one of `high` under the circular block
    bootstrap of periods that `audit` uses; several series are resampled whole. It holds the luck of the history, not
    the Monte-Carlo error of sampled cells. Costs are fixed amounts: parts in proportion to computing or change have
    no single price.

    Examples
    --------
    Regret that grows by .1 with each period of age makes a calendar of n periods cost .05 (n - 1) + c / n a period,
    so that it is the cheapest at c from n (n - 1) / 20 to n (n + 1) / 20; a little less in a short history, which
    begins afresh.

    >>> age = np.arange(1, 61) - np.arange(60)[:, None]
    >>> gap = np.where(age > 0, 0.1 * (age - 1), np.nan)
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> found = implied_cost(spells, 5)
    >>> print(found)
    Retraining every 5 periods is the cheapest calendar if a retrain costs 0.966 to 1.43 nats (90% interval 0.9 to 1.5
    nats).
    >>> found.calendars["cost_high"].sel(interval=[1, 2, 3, 4]).round(2).values.tolist()
    [0.1, 0.3, 0.59, 0.97]
    """
    require_probability("probability", probability)
    require_whole_number("resamples", resamples, at_least=1)
    require_seed("random_seed", random_seed)
    owners = _without_signals(calendar)
    price = RetrainingCost(0.0, money_per_nat=money_per_nat, currency=currency)
    table = check_spells(spells)
    check_dates(table, owners)
    cost = price.resolve(table)
    lines = _lines(table, owners, cost)
    series, periods = table.sizes["series"], table.sizes["period"]
    retrains, regret = (values.sum(axis=1) / series for values in lines)
    own = len(regret) - 1
    low, high, excess = costs_where_least(retrains, regret, own)
    counts = resample_counts(series, periods, resamples, np.random.default_rng(random_seed))
    lows, highs, _ = costs_of_columns(lines.retrains @ counts, lines.regret @ counts, own)
    calendars = _calendars(retrains[:-1], regret[:-1])
    return ImpliedCost(
        low=low,
        high=high,
        interval_low=float(interval(lows, probability)[0]),
        interval_high=_upper(highs, probability),
        excess=excess,
        cheapest=_cheapest(calendars, low),
        calendars=calendars,
        calendar=_in_words(owners),
        periods=periods,
        unit=cost.unit,
        probability=probability,
    )


def _without_signals(calendar: Any) -> Policy:
    """The owner's calendar as a policy whose bill is a line in the cost."""
    policy = as_calendar(calendar)
    remedy = "an interval in periods, a list of period labels or a policy that looks at no signal, such as Calendar(4)"
    require_instance("calendar", policy, CALENDARS, remedy)
    if isinstance(policy, Calendar | SpellLimit) and np.ndim(policy.interval):
        raise ValueError(f"calendar must have one interval, not {np.size(policy.interval)}")
    return policy


def _lines(table: xr.Dataset, owners: Policy, cost: RetrainingCost) -> _Lines:
    """Bills of all calendars of a checked table, never next to last, the owner's last."""
    charged, periods = charged_regret(table, cost, "signed"), table.sizes["period"]
    can_retrain = np.arange(1, periods + 1) < periods
    own_retrains, own_regret = _own(table, owners, cost, charged, can_retrain)
    shares = [*(1 / np.arange(1, periods)), 0.0]
    parts = []
    for i in range(table.sizes["series"]):  # one at a time, which bounds memory
        regret = regret_of_calendars(charged[[i]], periods - 1)[:, 0]
        rows = (np.outer(shares, can_retrain), own_retrains[[i]]), (regret, charged[[i], 0], own_regret[[i]])
        parts.append([np.concatenate(part) for part in rows])
    if len(parts) == 1:
        return _Lines(*parts[0])
    return _Lines(*(np.stack([part.sum(axis=1) for part in kind], axis=1) for kind in zip(*parts, strict=True)))


def _own(
    table: xr.Dataset, owners: Policy, cost: RetrainingCost, charged: Array, can_retrain: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Retrains and regret of the owner's calendar, each of shape (series, T)."""
    series, _, periods = charged.shape
    if not isinstance(owners, Calendar):
        schedule = walk_policy(table, owners, cost)
        return schedule.astype(float), walk.along_schedule(charged, np.arange(series), schedule)
    length = int(owners.interval)
    regret = regret_of_calendars(charged, min(length, periods))[-1]
    if length > periods:  # in the phases beyond those it never retrains
        regret = (periods * regret + (length - periods) * charged[:, 0]) / length
    return np.broadcast_to(can_retrain / length, (series, periods)), regret


def _calendars(retrains: Array, regret: Array) -> xr.Dataset:
    """What every calendar comes to, and at which costs it is the cheapest."""
    found = np.array([costs_where_least(retrains, regret, which) for which in range(len(regret))])
    found[found[:, 2] > 0, :2] = np.nan
    values = {"retrains": retrains, "regret": regret, "cost_low": found[:, 0], "cost_high": found[:, 1]}
    intervals = [*np.arange(1.0, len(regret)), np.inf]
    return xr.Dataset({name: ("interval", of) for name, of in values.items()}, {"interval": intervals})


def _cheapest(calendars: xr.Dataset, cost: float) -> tuple[float, ...]:
    """Intervals of the calendars that are cheapest at a cost and are so at more than one."""
    ends = calendars["cost_high"].values[np.isfinite(calendars["cost_high"].values)]
    rounding = ROUNDING * float(np.abs(calendars["regret"]).max())
    spread = max(NEARLY * max([cost, *ends.tolist()]), rounding)  # in the unit of these costs, whatever that is
    at = (calendars["cost_low"] <= cost + spread) & (cost - spread <= calendars["cost_high"])
    found = at & (calendars["cost_high"] > calendars["cost_low"] + spread)
    return tuple(calendars["interval"].values[(found if bool(found.any()) else at).values].tolist())


def _upper(highs: Array, probability: float) -> float:
    """Upper quantile of values of which some may be infinite."""
    return float(np.quantile(highs, (1 + probability) / 2, method="higher"))


def _in_words(owners: Policy) -> str:
    if isinstance(owners, Calendar):
        return _every(float(owners.interval))
    if isinstance(owners, Never | Always):
        return _every(np.inf if isinstance(owners, Never) else 1.0)
    if isinstance(owners, Schedule):
        named = {0: _every(np.inf), 1: "after your one date"}
        return named.get(len(owners.dates), f"after your {len(owners.dates)} dates")
    return f"by {owners}"


def _act(calendar: str) -> str:
    return "never retraining" if calendar == "never" else f"retraining {calendar}"


def _every(length: float) -> str:
    return "never" if np.isinf(length) else "every period" if length == 1 else f"every {length:.0f} periods"


def _range(low: float, high: float, unit: str) -> str:
    if np.isinf(high):
        return f"{plain_number(low)} {unit} or more"
    ends = [plain_number(low), plain_number(high)]
    return f"{' to '.join(dict.fromkeys(ends))} {unit}"
