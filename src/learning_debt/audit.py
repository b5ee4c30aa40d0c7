"""The audit: what your calendar cost, what tuned policies would have cost, and what to do today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.resampling import bootstrap_totals
from learning_debt.decision import Decision, decide
from learning_debt.decisions import grids
from learning_debt.decisions.cost import RetrainingCost, as_cost
from learning_debt.decisions.policies import Always, Calendar, Never, Policy, Schedule
from learning_debt.estimate import require_probability
from learning_debt.notes import audit_notes
from learning_debt.replay import Replay, check_dates, narrowed, oracle, replay
from learning_debt.spells import check_spells, from_period
from learning_debt.tuning import Tuned, tune

Array = NDArray[np.float64]

MINIMUM_PERIODS = 8
YOURS, BEST, ORACLE = "your calendar", "best calendar", "oracle"


@dataclass(frozen=True)
class Audit:
    """Result of `audit`.

    Attributes
    ----------
    table : Dataset (policy)
        On the evaluation periods, means over series: ``retrains``, ``regret``, ``total`` (cost of retrains plus
        regret), ``total_se`` (Monte-Carlo), ``ratio`` and ``difference`` to the benchmark's total with the bounds
        ``difference_low`` and ``difference_high``, ``total_positive`` (the same schedule under positive accounting;
        NaN in money) and ``parameter``.
    replays : dict of str to Replay
        The evaluation's schedules and bills.
    tuned : dict of str to Tuned
        What tuning saw.
    benchmark : str
        Row that `ratio` and `difference` compare with: your calendar, or the best one.
    decision : Decision or None
        For today, from the policy that did best in tuning; None for a table of several series.
    decided_by : str
        Name of that policy's row.
    spells : Dataset
        The evaluation part of the table.
    cost : RetrainingCost
    accounting : str
    probability : float
        Of the intervals.
    notes : tuple of str
        What the reader must know.
    """

    table: xr.Dataset
    replays: dict[str, Replay]
    tuned: dict[str, Tuned]
    benchmark: str
    decision: Decision | None
    decided_by: str
    spells: xr.Dataset
    cost: RetrainingCost
    accounting: str
    probability: float
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """What the benchmark cost, and what the policy best in tuning and hindsight would have cost."""
        total, periods = self.table["total"], self.spells.sizes["period"]
        mine, ours, best = (float(total.sel(policy=name)) for name in (self.benchmark, self.decided_by, ORACLE))
        return (
            f"Over {periods} periods {self.benchmark} cost {mine:.3g} {self.cost.unit}; {self.decided_by}, tuned "
            f"beforehand, would have cost {ours:.3g}; the best that hindsight could have done is {best:.3g}."
        )

    def __str__(self) -> str:
        frame = self.table.to_dataframe().drop(columns=["total_se", "parameter"])
        decision = f"\n\nToday: {self.decision.reason}" if self.decision else ""
        notes = "".join(f"\n- {note}" for note in self.notes)
        return f"{frame.to_string(float_format=lambda value: f'{value:.3f}')}\n\n{self.headline}{decision}\n{notes}"


def audit(
    spells: xr.Dataset,
    cost: RetrainingCost | float | None,
    *,
    calendar: int | Iterable[Any] | Policy | None = None,
    split: float = 0.6,
    accounting: str = "signed",
    policies: Mapping[str, Sequence[Policy]] | None = None,
    probability: float = 0.9,
    resamples: int = 2000,
    random_seed: int | None = 0,
) -> Audit:
    """Price policies on a history: tune on its first part, report on the rest, decide about today.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own.
    cost : RetrainingCost or float
        There is no default: only the owner knows.
    calendar : int, sequence of labels or Policy, optional
        What you do today: an interval in periods, or the labels of the periods after which you retrained.
    split : float
        Share of the periods used for calibration and tuning. The rest starts afresh, with what the shadow believed
        at the split in service. Forecasts several steps ahead whose outcomes lie beyond the split are in neither part.
    accounting : {"signed", "positive"}
    policies : mapping of str to sequence of Policy, optional
        Further rows: the candidates of each are tuned like the others.
    probability : float
        Of the intervals of the difference to the benchmark: a circular block bootstrap of paired bills over periods
        (over series, if there are several), given the tuned policies.
    resamples : int
    random_seed : int, optional

    Raises
    ------
    ValueError
        For a missing or negative cost, a split that leaves too few periods, an invalid calendar.

    Examples
    --------
    >>> import learning_debt as ld
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=80)
    >>> history = {"x": x, "y": np.where(np.arange(80) < 50, 2, 0) * x + rng.normal(size=80), "period": np.arange(80)}
    >>> forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    >>> spells = ld.spell_table(forecaster, history, initial=10, progressbar=False)
    >>> result = audit(spells, cost=0.1, calendar=12)
    >>> float(result.table["total"].min()) == float(result.table["total"].sel(policy="oracle"))
    True
    """
    require_probability(probability)
    table = check_spells(spells)
    asked = as_cost(cost)
    first = _split_period(table, split)
    tuning, evaluation = from_period(table, 0, _known_by(table, first)), from_period(table, first)
    resolved = asked.resolve(tuning)
    owners = None if calendar is None else as_calendar(calendar)
    rows: dict[str, list[Policy]] = {"never": [Never()], "always": [Always()]}
    if owners is not None:
        rows[YOURS] = [owners]
    rows[BEST] = grids.calendars(tuning)
    rows |= grids.readers_of_signals(tuning)
    rows |= _own_rows(policies or {}, {*rows, ORACLE})
    for candidate in (one for candidates in rows.values() for one in candidates):
        check_dates(table, candidate)
    tuned, replays = {}, {}
    for name, candidates in rows.items():
        best = tune(tuning, [narrowed(one, tuning) for one in candidates], resolved, accounting)
        tuned[name] = replace(best, policy=candidates[best.index])
        replays[name] = replay(evaluation, narrowed(tuned[name].policy, evaluation), resolved, accounting)
    replays[ORACLE] = oracle(evaluation, resolved, accounting)
    benchmark = BEST if owners is None else YOURS
    rng = np.random.default_rng(random_seed)
    result = _compare(replays, tuned, benchmark, resolved, accounting, probability, resamples, rng)
    decided_by = _best_in_tuning(tuned)
    decision = _today(table, tuned[decided_by].policy, replays, owners, decided_by, resolved, probability)
    notes = audit_notes(table, result, tuned, rows, ORACLE, first, tuning.sizes["period"], probability)
    return Audit(
        result, replays, tuned, benchmark, decision, decided_by, evaluation, resolved, accounting, probability, notes
    )


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
        return Calendar(int(calendar))
    if isinstance(calendar, str | bytes | Set | Mapping) or not isinstance(calendar, Iterable):
        raise ValueError(
            f"calendar must be an interval in periods, a list of period labels or a policy, not {calendar!r}"
        )
    return Schedule(list(calendar))


def _own_rows(policies: Mapping[str, Sequence[Policy]], taken: set[str]) -> dict[str, list[Policy]]:
    for name in policies:
        if name in taken:
            raise ValueError(f"policies: the name {name!r} is taken; every audit has the rows {sorted(taken)}")
    return {name: list(candidates) for name, candidates in policies.items()}


def _split_period(table: xr.Dataset, split: float) -> int:
    periods = table.sizes["period"]
    if not 0 < split < 1:
        raise ValueError(f"split must lie between 0 and 1, not {split}")
    first = round(split * periods)
    known = _known_by(table, first)
    if min(known, periods - first) < MINIMUM_PERIODS:
        raise ValueError(
            f"split={split} of {periods} periods leaves {known} to tune on and {periods - first} to report on; "
            f"at least {MINIMUM_PERIODS} each are needed"
        )
    return first


def _known_by(table: xr.Dataset, first: int) -> int:
    """Periods whose forecasts had outcomes by the end of period `first`, if none arrive late: tuning sees no others."""
    return first - (int(table.attrs.get("horizon", 1)) - 1)


def _best_in_tuning(tuned: Mapping[str, Tuned]) -> str:
    """The row with the least bill in tuning, among those that look at signals or, failing them, all."""
    looking = {name: one for name, one in tuned.items() if one.policy.requires} or dict(tuned)
    return min(looking, key=lambda name: float(looking[name].table["objective"].min()))


def _compare(
    replays: Mapping[str, Replay],
    tuned: Mapping[str, Tuned],
    benchmark: str,
    cost: RetrainingCost,
    accounting: str,
    probability: float,
    resamples: int,
    rng: np.random.Generator,
) -> xr.Dataset:
    names = list(replays)
    bills = np.stack([replays[name].bill.values for name in names])
    against = names.index(benchmark)
    differences = bootstrap_totals(bills - bills[against], resamples, rng)
    low, high = np.quantile(differences, [(1 - probability) / 2, (1 + probability) / 2], axis=-1)
    total = bills.sum(axis=-1).mean(axis=-1)
    errors = [float(np.sqrt((one.objective_se**2).sum())) / len(one.objective) for one in replays.values()]
    ratio = total / total[against] if total[against] > 0 else np.full(len(names), np.nan)
    columns: dict[str, Any] = {
        "retrains": [float(one.retrains.mean()) for one in replays.values()],
        "regret": [float(one.regret.mean()) for one in replays.values()],
        "total": total,
        "total_se": errors,
        "ratio": ratio,
        "difference": total - total[against],
        "difference_low": low,
        "difference_high": high,
        "total_positive": [_total_positive(one, cost) for one in replays.values()],
        "parameter": [str(tuned[name].policy) if name in tuned else "in hindsight" for name in names],
    }
    attrs = {"unit": cost.unit, "accounting": accounting, "benchmark": benchmark, "probability": probability}
    return xr.Dataset({name: ("policy", values) for name, values in columns.items()}, {"policy": names}, attrs)


def _total_positive(one: Replay, cost: RetrainingCost) -> float:
    """What the same schedule costs when only positive regret counts; NaN in money."""
    if cost.in_money:
        return float("nan")
    positive = np.maximum(one.bill.values - one.paid.values, 0.0) + one.paid.values
    return float(positive.sum(axis=1).mean())


def _today(
    table: xr.Dataset,
    policy: Policy,
    schedules: Mapping[str, Replay],
    owners: Policy | None,
    decided_by: str,
    cost: RetrainingCost,
    probability: float,
) -> Decision | None:
    """Today's decision about what the owner's own calendar left in service (the first posterior, without one).

    The horizon, until which a retrain would serve, is the mean spell of the owner's calendar; without one, of the
    policy that decides.
    """
    if table.sizes["series"] != 1:
        return None
    deployed_at = 0
    if owners is not None:
        retrained = np.flatnonzero(replay(table, owners, cost).schedule.values[0])
        deployed_at = int(retrained[-1]) + 1 if retrained.size else 0
    rhythm = schedules[YOURS if owners is not None else decided_by]
    horizon = max(1, round(rhythm.schedule.sizes["period"] / (int(rhythm.retrains.item()) + 1)))
    return decide(table, policy, cost, deployed_at=deployed_at, horizon=horizon, probability=probability)
