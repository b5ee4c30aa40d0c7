"""An audit's bills at other costs of a retrain and under other calendars, each worked out anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.auditing.audit_result import Audit
from learning_debt.auditing.split_evaluation import ORACLE, YOURS, Asked, candidate_rows, chosen_policies
from learning_debt.auditing.todays_decisions import mean_spell
from learning_debt.policies import Calendar, Policy
from learning_debt.policies.cost import PRICED, RetrainingCost
from learning_debt.policies.grids import CALENDAR_INTERVALS
from learning_debt.pricing.decision import decide_all
from learning_debt.pricing.replays import Replay, narrowed, oracle_checked
from learning_debt.pricing.tuning import Bills
from learning_debt.typing import Array

FACTORS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 10.0)
"""Costs of a retrain that are tried, in the audited one."""


class _Charged(NamedTuple):
    """What some policies were charged in every period, with retrains and without; shapes (rows, series, period)."""

    bill: Array
    regret: Array
    retrained: Array


class _Rows(NamedTuple):
    """Bills of some policies, means over the series.

    Attributes
    ----------
    bill, retrained : ndarray, shape (rows, period)
        Regret and cost of retrains together, and the share of the series that retrains.
    total, regret, retrains : ndarray, shape (rows,)
        Over all periods.
    """

    bill: Array
    retrained: Array
    total: Array
    regret: Array
    retrains: Array

    @classmethod
    def of(cls, *parts: _Charged) -> _Rows:
        """Of some policies, and of others below them."""
        bill, regret, retrained = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(bill.mean(axis=1), retrained.mean(axis=1), *(_sums(part) for part in (bill, regret, retrained)))


def _sums(parts: Array) -> Array:
    return np.asarray(parts.sum(axis=-1).mean(axis=-1))


class _Stop(NamedTuple):
    """What everything costs at one cost of a retrain; `rows` are of `policies`, and of the oracle after them."""

    cost: RetrainingCost
    policies: dict[str, Policy]
    rows: _Rows
    calendars: _Rows
    decided_by: str
    decision: Any


def rebilled(
    audit: Audit, factors: Sequence[float] = FACTORS, intervals: Sequence[int] | None = None
) -> xr.Dataset | None:
    """What an audit would have said, had a retrain cost more or less, and had the calendar been another one.

    At every cost all policies are tuned anew on the first part of the history, as `audit` does it, and billed on the
    rest; calendars of every interval are billed beside them.

    Parameters
    ----------
    audit : Audit
    factors : sequence of float
        Costs, in the audited one.
    intervals : sequence of int, optional
        Of the calendars, in periods; those that `audit` tunes if left out. Longer than the reported part are left out.

    Returns
    -------
    Dataset (cost, policy, interval, period) or None
        ``total``, ``regret`` and ``retrains`` (cost, policy), means over series in the audit's unit, ``setting`` (of
        the tuned policy), ``bill`` and ``retrained`` (cost, policy, period; the latter the share of the series); of
        the calendars ``calendar_total``, ``calendar_regret``, ``calendar_retrains`` (cost, interval) and
        ``calendar_bill``, ``calendar_retrained`` (cost, interval, period); ``amount`` (cost), what a retrain costs,
        its fixed part; ``decided_by`` (cost), the row that would decide; of a single series today's ``verdict`` and
        ``chance`` (cost). None where the audit does not know what it was asked.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=60)
    >>> history = {"x": x, "y": np.where(np.arange(60) < 40, 2, 0) * x + rng.normal(size=60), "period": np.arange(60)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> audited = ld.audit(spells, 0.1, calendar=12, resamples=10)
    >>> dearer = ld.audit(spells, 0.2, calendar=12, resamples=10)
    >>> found = rebilled(audited, [1.0, 2.0], [12])
    >>> bool((found["total"].sel(cost=2.0) == dearer.table["total"]).all())
    True
    """
    asked = audit.asked
    if asked is None:
        return None
    periods = audit.spells.sizes["period"]
    every = [n for n in (CALENDAR_INTERVALS if intervals is None else intervals) if n <= periods]
    tried = list(factors) if audit.cost.amount or audit.cost.proportional else [1.0]
    calendars: list[Policy] = [Calendar(interval) for interval in every]
    return _dataset(audit, tried, every, [_at(audit, asked, factor, calendars) for factor in tried])


def scaled(cost: RetrainingCost, factor: float) -> RetrainingCost:
    """A cost with all its parts multiplied."""
    parts = {name: getattr(cost, name) * factor for name in ("amount", *PRICED) if getattr(cost, name)}
    return cost if factor == 1 else replace(cost, **parts)


def _at(audit: Audit, asked: Asked, factor: float, calendars: list[Policy]) -> _Stop:
    cost, evaluation = scaled(audit.cost, factor), audit.spells

    def billed(policies: list[Policy]) -> _Charged:
        bills = Bills.of(evaluation, policies, cost, audit.accounting, history=audit.all_spells)
        return _Charged(bills.total, bills.regret, bills.retrains)

    by_calendar, one_series = _Rows.of(billed(calendars)), len(audit.decisions) == 1
    if factor == 1:
        policies = {name: tuned.policy for name, tuned in audit.tuned.items()}
        rows = _Rows.of(*(_charged(audit.replays[name]) for name in (*policies, ORACLE)))
        return _Stop(cost, policies, rows, by_calendar, audit.decided_by, audit.decision if one_series else None)
    policies, decides = chosen_policies(
        asked, candidate_rows(audit.all_spells, asked.tuning, asked.question, cost), cost
    )
    charged = billed([narrowed(policy, evaluation) for policy in policies.values()])
    rows = _Rows.of(charged, _charged(oracle_checked(evaluation, cost, audit.accounting)))
    decision = None
    if one_series:
        whose = [*policies].index(decides if asked.question.owners is None else YOURS)
        (decision,) = decide_all(
            audit.all_spells,
            policies[decides],
            cost,
            deployed_at=audit.all_spells.sizes["period"] - audit.decision.spell_age,
            horizon=mean_spell(charged.retrained[whose]),
            probability=audit.probability,
        ).values()
    return _Stop(cost, policies, rows, by_calendar, decides, decision)


def _charged(replay: Replay) -> _Charged:
    """Of one policy."""
    parts = replay.bill, replay.bill - replay.paid, replay.schedule.astype(float)
    return _Charged(*(part.values[None] for part in parts))


def _dataset(audit: Audit, factors: Sequence[float], intervals: Sequence[int], stops: Sequence[_Stop]) -> xr.Dataset:
    names = [*stops[0].policies]
    found: dict[str, Any] = {"amount": ("cost", [float(stop.cost.per_retrain) for stop in stops])}
    tables = {"": ("policy", [stop.rows for stop in stops]), "calendar_": ("interval", [s.calendars for s in stops])}
    for prefix, (along, rows) in tables.items():
        for name in _Rows._fields:
            dims = ("cost", along, "period") if name in ("bill", "retrained") else ("cost", along)
            found[prefix + name] = (dims, np.stack([getattr(of_stop, name) for of_stop in rows]))
    settings = [[*(str(stop.policies[name]) for name in names), ""] for stop in stops]
    found["setting"] = (("cost", "policy"), np.array(settings, dtype=np.str_))
    found["decided_by"] = ("cost", [stop.decided_by for stop in stops])
    if len(audit.decisions) == 1:
        found["verdict"] = ("cost", [stop.decision.verdict for stop in stops])
        found["chance"] = ("cost", [stop.decision.probability for stop in stops])
    coords = {"cost": list(factors), "policy": [*names, ORACLE], "interval": list(intervals)}
    return xr.Dataset(found, coords, {"unit": audit.cost.unit, "benchmark": audit.benchmark})
