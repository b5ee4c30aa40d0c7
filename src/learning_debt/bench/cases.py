"""One history under one update rule and prior: every row tuned on its first part and billed on the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.arrays.draws.resampling import resample_counts
from learning_debt.arrays.schedules import walk
from learning_debt.bench.entries import parts
from learning_debt.bench.library_rows import CALENDAR_ROW, GRID_ROWS
from learning_debt.bench.rows import NotPossibleError, Row
from learning_debt.bench.walked_candidates import Walked
from learning_debt.data import SERIES, as_labels
from learning_debt.policies import Policy
from learning_debt.policies.base import require_policies, require_policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.pricing.net_scores import monte_carlo_errors, net_scores
from learning_debt.pricing.replays import charged_regret
from learning_debt.spells import check_spells
from learning_debt.typing import Array
from learning_debt.validation import describe

ORACLE, BEST_CALENDAR, BEST_CANDIDATE = "oracle", "best calendar in hindsight", "best candidate in hindsight"
HINDSIGHT = (ORACLE, BEST_CALENDAR, BEST_CANDIDATE)
PROBABILITY = 0.9


@dataclass(frozen=True)
class Protocol:
    """How a bench measures.

    Attributes
    ----------
    rows : list of Row
    cost_ratios, splits : tuple of float
    accounting : str
    resamples : int
    random_seed : int
    """

    rows: list[Row]
    cost_ratios: tuple[float, ...]
    splits: tuple[float, ...]
    accounting: str
    resamples: int
    random_seed: int


def run_cases(table: xr.Dataset, protocol: Protocol) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bills of every row, series, split and cost ratio on a checked table; and notes on what was left out."""
    frames, notes = [], _Notes()
    rows = [row for row in protocol.rows if notes.unless_lacking(table, row)]
    for split in protocol.splits:
        case = _Case(table, *parts(table, split), protocol, notes)
        for ratio in protocol.cost_ratios:
            cost = RetrainingCost(cost_ratio=ratio).resolve(case.tuning)
            frames.append(case.bills(rows, cost).assign(split=split, cost_ratio=ratio))
    return pd.concat(frames, ignore_index=True), notes.frame(len(frames))


class _Notes:
    """What was left out, with the first reason why."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._times: Counter[str] = Counter()

    def say(self, policy: str, note: str) -> None:
        """Of all cases, or of none in particular."""
        self._of.setdefault(policy, note)

    def add(self, policy: str, note: str) -> None:
        """A row that cannot be made in one case."""
        self.say(policy, note)
        self._times[policy] += 1

    def unless_lacking(self, table: xr.Dataset, row: Row) -> bool:
        """Whether a table has what a row reads; a note where it has not."""
        reason = _lacking(table, row.requires)
        if reason:
            self.say(row.name, reason)
        return not reason

    def frame(self, cases: int) -> pd.DataFrame:
        """A line a row; of so many cases."""
        times = {policy: f" (left out in {count} of {cases} cases)" for policy, count in self._times.items()}
        said = [(policy, note + times.get(policy, "")) for policy, note in self._of.items()]
        return pd.DataFrame(said, columns=["policy", "note"])


def _lacking(table: xr.Dataset, signals: Sequence[str]) -> str:
    """Why a table does not do for what reads these signals; empty where it does."""
    absent = [repr(name) for name in signals if name not in table]
    if absent:
        return f"the table lacks {' and '.join(absent)}"
    try:
        check_spells(table, signals)
    except (KeyError, ValueError) as error:
        return str(error.args[0])
    return ""


class _Case:
    """One split. Nothing is walked twice, and what does not depend on the cost once for all costs."""

    def __init__(
        self, table: xr.Dataset, tuning: xr.Dataset, evaluation: xr.Dataset, protocol: Protocol, notes: _Notes
    ) -> None:
        self.table, self.tuning, self.evaluation = table, tuning, evaluation
        self.protocol, self.notes = protocol, notes
        self.grids = [row for row in GRID_ROWS if not _lacking(evaluation, row.requires)]
        self._kept: dict[tuple[str, str, float | None], Walked] = {}

    def bills(self, rows: Sequence[Row], cost: RetrainingCost) -> pd.DataFrame:
        """Of all rows at one cost, a line for each policy and series."""
        chosen = {row.name: found for row in rows if (found := self._chosen(row, cost)) is not None}
        billed = chosen | self._in_hindsight(cost)
        realised = [_Realised.of(self.evaluation, walked, cost, self.protocol.accounting) for walked in billed.values()]
        for reason in dict.fromkeys(one.reason for one in realised if one.reason):
            self.notes.say("", f"net_score is empty: {reason}")
        return _lines(self.evaluation, billed, realised, cost, self.protocol)

    def _chosen(self, row: Row, cost: RetrainingCost) -> Walked | None:
        """What a row comes to on the evaluation part; None where it cannot be made, which is noted."""
        try:
            if row.planner is not None:
                return self._planned(row, cost)
            candidates = self._candidates(row, cost)
        except NotPossibleError as reason:
            self.notes.add(row.name, str(reason))
            return None
        index = 0
        if len(candidates) > 1:
            tuned = self._once(row, "tuning", cost, lambda: self._walk(self.tuning, candidates, cost))
            index = tuned.cheapest(cost)
        if row in self.grids:
            return self._everywhere(row, cost).only(index)
        policy = require_policy(f"candidate {index} of the row {row.name!r}", candidates[index])
        return self._once(row, f"evaluation {index}", cost, lambda: self._walk(self.evaluation, [policy], cost))

    def _candidates(self, row: Row, cost: RetrainingCost) -> list[Policy]:
        assert row.candidates is not None
        given = row.candidates(self.tuning, cost, self.protocol.random_seed)
        found = require_policies(f"candidates of the row {row.name!r}", given)
        unsaid = sorted({name for policy in found for name in policy.requires if name not in row.requires})
        for part in (self.tuning, self.evaluation) if unsaid else ():
            if reason := _lacking(part, unsaid):
                raise NotPossibleError(reason)
        return found

    def _everywhere(self, row: Row, cost: RetrainingCost) -> Walked:
        """All candidates of a row on the evaluation part, for those who choose in hindsight."""
        return self._once(
            row, "evaluation", cost, lambda: self._walk(self.evaluation, self._candidates(row, cost), cost)
        )

    def _once(self, row: Row, part: str, cost: RetrainingCost, walk_it: Callable[[], Walked]) -> Walked:
        key = row.name, part, cost.per_retrain if row.sees_cost else None
        if key not in self._kept:
            self._kept[key] = walk_it()
        return self._kept[key]

    def _walk(self, table: xr.Dataset, candidates: Sequence[Policy], cost: RetrainingCost) -> Walked:
        history = self.table if table is self.evaluation else None
        return Walked.of(table, candidates, cost, self.protocol.accounting, history)

    def _planned(self, row: Row, cost: RetrainingCost) -> Walked:
        """A planner's schedule, without a retrain in the last period, which would serve nothing."""
        evaluation = self.evaluation
        assert row.planner is not None
        schedule = np.array(row.planner(self.tuning, evaluation, cost))
        shape = (evaluation.sizes[SERIES], evaluation.sizes["period"])
        if schedule.shape != shape or schedule.dtype != bool:
            raise ValueError(
                f"the planner {row.name!r} must return an array of bool of shape {shape}, not {describe(schedule)}"
            )
        schedule[:, -1] = False
        return Walked.of_schedules(evaluation, [row.name], [schedule[None]], cost, self.protocol.accounting)

    def _in_hindsight(self, cost: RetrainingCost) -> dict[str, Walked]:
        evaluation, accounting = self.evaluation, self.protocol.accounting
        charged = charged_regret(evaluation, cost, accounting)
        schedule = walk.oracle(charged, np.full(len(charged), cost.per_retrain))
        everything = {row.name: self._everywhere(row, cost) for row in self.grids}
        best = {name: walked.only(walked.cheapest(cost)) for name, walked in everything.items()}
        least = min(best, key=lambda name: float(best[name].bills(cost).sum()))
        return {
            ORACLE: Walked.of_schedules(evaluation, ["in hindsight"], [schedule[None]], cost, accounting),
            BEST_CALENDAR: best[CALENDAR_ROW.name],
            BEST_CANDIDATE: best[least],
        }


class _Realised(NamedTuple):
    """Of one policy, means over its phases, shape (series,).

    Attributes
    ----------
    net_score : ndarray
        Realised score of what served, less what retrains cost, in the unit of the table's regret.
    frac_deployed_better : ndarray
        Share of the periods in which what served scored better than the shadow.
    bill_se : ndarray
        Monte-Carlo error of the bill, in the same unit; phases share their cells, so it is no smaller for their number.
    reason : str
        Why `net_score` is NaN.
    """

    net_score: Array
    frac_deployed_better: Array
    bill_se: Array
    reason: str

    @classmethod
    def of(cls, evaluation: xr.Dataset, walked: Walked, cost: RetrainingCost, accounting: str) -> _Realised:
        """Of the only candidate that `walked` holds."""
        (schedules,) = walked.schedules
        net = [net_scores(evaluation, one, cost, one * cost.per_retrain, accounting) for one in schedules]
        errors = [monte_carlo_errors(evaluation, "score_gap", one, cost) for one in schedules]
        reason = next((one.reason for one in net if one.reason), "")
        series = np.arange(evaluation.sizes[SERIES])
        gained = [walk.along_schedule(evaluation["regret"].values, series, one) < 0 for one in schedules]
        value = np.mean([one.value for one in net], axis=0)
        return cls(value, np.mean(gained, axis=(0, 2)), np.mean(errors, axis=0), reason)


def _lines(
    evaluation: xr.Dataset,
    billed: Mapping[str, Walked],
    realised: Sequence[_Realised],
    cost: RetrainingCost,
    protocol: Protocol,
) -> pd.DataFrame:
    """A line for each policy and series, in costs of a retrain; only `net_score` has the unit of the table's regret."""
    bills = np.concatenate([walked.bills(cost) for walked in billed.values()])
    regret = np.concatenate([walked.regret for walked in billed.values()]) / cost.per_retrain
    retrains = np.concatenate([walked.retrains for walked in billed.values()])
    least = bills[list(billed).index(ORACLE)]
    intervals = {"bill": bills, "excess": bills - least}
    columns: dict[str, Array] = {
        "retrains": retrains.sum(axis=-1),
        "regret": regret.sum(axis=-1),
        "bill": bills.sum(axis=-1),
        "oracle": np.broadcast_to(least.sum(axis=-1), bills.shape[:-1]),
        "excess": (bills - least).sum(axis=-1),
        "net_score": np.stack([one.net_score for one in realised]),
        "frac_deployed_better": np.stack([one.frac_deployed_better for one in realised]),
        "bill_se": np.stack([one.bill_se for one in realised]) / cost.per_retrain,
    }
    counts = resample_counts(1, bills.shape[-1], protocol.resamples, np.random.default_rng(protocol.random_seed))
    for name, values in intervals.items():
        ends = np.quantile(values @ counts, [(1 - PROBABILITY) / 2, (1 + PROBABILITY) / 2], axis=-1)
        columns |= {f"{name}_low": ends[0], f"{name}_high": ends[1]}
    series = as_labels(evaluation[SERIES]).texts
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    return frame.assign(
        policy=np.repeat(list(billed), len(series)),
        series=np.tile(series, len(billed)),
        setting=np.repeat([str(walked.candidates[0]) for walked in billed.values()], len(series)),
        accounting=protocol.accounting,
        periods=evaluation.sizes["period"],
        cost=cost.per_retrain,
        unit=cost.unit,
    )
