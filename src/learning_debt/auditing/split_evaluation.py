"""A trial of policies on one history: tuned on its first part, billed on the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.draws.resampling import first_least
from learning_debt.policies import Always, Calendar, Never, Policy, Schedule, grids
from learning_debt.policies.base import require_policies
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.pricing.decision_sentences import period_count
from learning_debt.pricing.replays import ACCOUNTINGS, Replay, check_dates, narrowed, oracle_checked, replay_checked
from learning_debt.pricing.starts import spread_starts
from learning_debt.pricing.tuning import Bills, Tuned, tune_by
from learning_debt.spells import check_spells, fewest_periods, first_billed, select_periods
from learning_debt.spells.checks import MINIMUM_PERIODS
from learning_debt.spells.schema import TableFacts
from learning_debt.validation import (
    describe,
    require_callable,
    require_choice,
    require_instance,
    require_text,
    require_whole_number,
)

YOURS, BEST, RIVAL, ORACLE = "your calendar", "best calendar", "CUSUM", "oracle"

Rows = Mapping[str, Sequence[Policy] | None]
"""Candidates of further rows; those of a standard row in place of its own; None to leave a standard row out."""


@dataclass(frozen=True)
class Trial:
    """What every row tuned to, and what it then cost.

    Attributes
    ----------
    rows : dict of str to list of Policy
        Candidates.
    tuned : dict of str to Tuned
    replays : dict of str to Replay
        Of the tuned policies and the oracle, on the evaluation part.
    bills : dict of str to (Bills, Bills)
        Of all candidates, on the tuning part, the mean over many starts, and on the evaluation part.
    tuning, evaluation : Dataset
    first : int
        Period after which the evaluation starts.
    cost : RetrainingCost
        Resolved on the tuning part.
    owners : Policy or None
        The owner's calendar.
    accounting : str
    """

    rows: dict[str, list[Policy]]
    tuned: dict[str, Tuned]
    replays: dict[str, Replay]
    bills: dict[str, tuple[Bills, Bills]]
    tuning: xr.Dataset
    evaluation: xr.Dataset
    first: int
    cost: RetrainingCost
    owners: Policy | None
    accounting: str

    @property
    def benchmark(self) -> str:
        """The row that others are held against."""
        return BEST if self.owners is None else YOURS

    @property
    def deciders(self) -> list[str]:
        """Rows that may decide today: the recommended one; without it, those that look at signals; or all."""
        return _deciders({name: tuned.policy for name, tuned in self.tuned.items()})

    @property
    def decided_by(self) -> str:
        """The row of these with the least bill in tuning."""
        return self.deciders[_least_bill([self.tuned[name] for name in self.deciders])]


class Question(NamedTuple):
    """What is asked of a history, checked before anything is computed."""

    cost: RetrainingCost
    owners: Policy | None
    accounting: str
    policies: Mapping[str, list[Policy] | None] | Callable[[xr.Dataset], Rows]
    starts: int | None = None

    @classmethod
    def of(cls, cost: Any, calendar: Any, accounting: Any, policies: Any, starts: Any = None) -> Question:
        """As `learning_debt.audit` takes them."""
        price = as_cost(cost)
        if starts is not None:
            require_whole_number("starts", starts, at_least=1)
        owners = None if calendar is None else as_calendar(calendar)
        require_choice("accounting", accounting, ACCOUNTINGS)
        later = callable(policies) and not isinstance(policies, type | Policy)
        if later:
            require_callable("policies", policies, "a mapping, or a function of the tuning part", takes=1)
        given = policies if later else _as_rows({} if policies is None else policies)
        return cls(price, owners, accounting, given, starts)


class Asked(NamedTuple):
    """What an audit was asked, and the part it was tuned on: with its table enough to ask it again at another cost."""

    tuning: xr.Dataset
    question: Question


def chosen_policies(
    asked: Asked, rows: Mapping[str, list[Policy]], cost: RetrainingCost
) -> tuple[dict[str, Policy], str]:
    """The candidate of every row that costs least on the tuning part, and the row that decides, as in `run_trial`.

    Rows of one candidate are billed only where it is in question which row decides.
    """
    tuning, accounting = asked.tuning, asked.question.accounting
    starts = spread_starts(tuning, asked.question.starts)

    def best(name: str) -> Tuned:
        candidates = [narrowed(policy, tuning) for policy in rows[name]]
        return tune_by(Bills.of(tuning, candidates, cost, accounting, starts, tuning))

    tuned = {name: best(name) for name, row in rows.items() if len(row) > 1}
    found = {name: row[tuned[name].index if name in tuned else 0] for name, row in rows.items()}
    deciders = _deciders(found)
    least = [] if len(deciders) == 1 else [tuned.get(name) or best(name) for name in deciders]
    return found, deciders[_least_bill(least) if least else 0]


def _deciders(policies: Mapping[str, Policy]) -> list[str]:
    """Of rows and the policies that they were tuned to, those that may decide today."""
    if grids.RECOMMENDED in policies:
        return [grids.RECOMMENDED]
    return [name for name, policy in policies.items() if policy.requires] or list(policies)


def _least_bill(tuned: Sequence[Tuned]) -> int:
    """Place of the one that cost least in tuning."""
    return int(first_least(np.array([float(one.table["objective"][one.index]) for one in tuned])))


def run_trial(table: xr.Dataset, question: Question, split: float) -> Trial:
    """Tune every row on the first part of a checked table, bill it on the rest."""
    cost, owners, accounting = question.cost, question.owners, question.accounting
    first = _split_period(table, split)
    tuning, evaluation = parts_of(table, split)
    resolved = cost.resolve(tuning)
    rows = candidate_rows(table, tuning, question, resolved)
    starts = spread_starts(tuning, question.starts)
    tuned, replays, bills = {}, {}, {}
    for name, row in rows.items():
        before, after = (
            Bills.of(part, [narrowed(policy, part) for policy in row], resolved, accounting, begin, history)
            for part, begin, history in ((tuning, starts, tuning), (evaluation, [0], table))
        )
        best = tune_by(before)
        tuned[name], bills[name] = replace(best, policy=row[best.index]), (before, after)
        chosen = narrowed(tuned[name].policy, evaluation)
        replays[name] = replay_checked(evaluation, chosen, resolved, accounting, table)
    replays[ORACLE] = oracle_checked(evaluation, resolved, accounting)
    return Trial(rows, tuned, replays, bills, tuning, evaluation, first, resolved, owners, accounting)


def parts_of(table: xr.Dataset, split: float) -> tuple[xr.Dataset, xr.Dataset]:
    """What a checked table is tuned on, and what follows; forecasts without an outcome by the split are in neither."""
    first = _split_period(table, split)
    return select_periods(table, 0, _known_by(table, first)), select_periods(table, first)


def candidate_rows(
    table: xr.Dataset, tuning: xr.Dataset, question: Question, cost: RetrainingCost
) -> dict[str, list[Policy]]:
    """Candidates of every row at a resolved cost, each of which the table can be walked with."""
    policies = question.policies
    given = _as_rows(policies(tuning)) if callable(policies) else policies
    rows = _rows(tuning, cost, question.owners, given, question.accounting)
    candidates = [candidate for row in rows.values() for candidate in row]
    check_spells(table, sorted({name for candidate in candidates for name in candidate.requires}))
    for candidate in candidates:
        check_dates(table, candidate)
    return rows


def as_calendar(calendar: int | Iterable[Any] | Policy) -> Policy:
    """An interval, labels of periods, or a policy, as a policy.

    Examples
    --------
    >>> as_calendar(4)
    Calendar(interval=4, offset=0)
    """
    if isinstance(calendar, Policy):
        return calendar
    if isinstance(calendar, int | np.integer) and not isinstance(calendar, bool):
        return Calendar(require_whole_number("calendar", calendar, at_least=1))
    remedy = "an interval in periods, a list of period labels or a policy"
    if isinstance(calendar, str | bytes | Set | Mapping | type) or not isinstance(calendar, Iterable):
        raise TypeError(f"calendar must be {remedy}, not {describe(calendar)}")
    try:
        return Schedule(calendar)
    except (TypeError, ValueError) as error:
        raise type(error)(f"calendar: {error}") from error


def _as_rows(policies: Any) -> dict[str, list[Policy] | None]:
    """Checked candidates of further rows."""
    remedy = "a mapping of names to lists of policies, such as {'CUSUM, slow': [ld.policies.CUSUM(8.0)]}"
    rows = require_instance("policies", policies, Mapping, remedy)
    return {
        require_text("policies: the name of a row", name): None
        if row is None
        else require_policies(f"policies[{name!r}]", row)
        for name, row in rows.items()
    }


def _rows(
    tuning: xr.Dataset, cost: RetrainingCost, owners: Policy | None, given: Rows, accounting: str
) -> dict[str, list[Policy]]:
    """Candidates of all rows: those that every trial has, the standard readers of signals, and the owner's own."""
    always_there: dict[str, list[Policy]] = {"never": [Never()], "always": [Always()]}
    if owners is not None:
        always_there[YOURS] = [owners]
    always_there[BEST] = grids.calendars(tuning)
    standard = grids.readers_of_signals(tuning, cost, accounting)
    if RIVAL in standard:
        always_there[RIVAL] = standard.pop(RIVAL)
    for name, candidates in given.items():
        if name in {*always_there, ORACLE, YOURS, RIVAL}:
            raise ValueError(
                f"policies: the name {name!r} is taken; every audit has the rows {[*always_there, ORACLE]}"
            )
        if candidates is None and name not in standard:
            raise ValueError(f"policies: there is no row {name!r} to leave out; standard rows are {list(standard)}")
    rows = {**always_there, **standard, **given}
    return {name: list(candidates) for name, candidates in rows.items() if candidates is not None}


def _split_period(table: xr.Dataset, split: float) -> int:
    periods = table.sizes["period"]
    first = first_billed(periods, split)
    known = _known_by(table, first)
    if min(known, periods - first) < MINIMUM_PERIODS:
        needed, even = (fewest_periods(share, TableFacts.from_table(table).horizon) for share in (split, 0.5))
        more = period_count(needed - periods)
        cure = "take split=0.5" if even <= periods else f"make the first fit (initial) {more} shorter"
        raise ValueError(
            f"split={split} of {periods} periods leaves {known} to tune on and {periods - first} to report on; "
            f"at least {MINIMUM_PERIODS} each are needed, which {needed} periods give: {cure}, or add {more} of "
            "history"
        )
    return first


def _known_by(table: xr.Dataset, first: int) -> int:
    """Periods whose forecasts had outcomes by the end of period `first`, if none arrive late: tuning sees no others."""
    return first - (TableFacts.from_table(table).horizon - 1)
