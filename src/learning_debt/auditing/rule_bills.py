"""What every candidate policy would have earned under every update rule: realised score less the cost of retrains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from learning_debt.arrays.schedules import walk
from learning_debt.auditing.split_evaluation import BEST, YOURS, Question, candidate_rows, parts_of
from learning_debt.policies import Calendar, Policy
from learning_debt.policies.cost import RetrainingCost, exposures
from learning_debt.policies.fixed import phases
from learning_debt.policies.grids import RECOMMENDED
from learning_debt.pricing.replays import narrowed
from learning_debt.pricing.starts import spread_starts
from learning_debt.pricing.walks import walk_from_starts
from learning_debt.spells.schema import DEPLOYED_SCORE
from learning_debt.typing import Array

CALENDARS = ("never", BEST)
"""Rows among which today's calendar is found where the owner names none."""


@dataclass(frozen=True)
class PartBills:
    """Of one rule, on one part of the history.

    Attributes
    ----------
    losses : ndarray, shape (candidate, series, period)
        Cost of retrains less exposure x realised score of what served; on the tuning part the mean over many starts,
        and calendars averaged over their phases.
    retrains : ndarray, shape (candidate,)
        Mean over series and phases.
    shadow, frozen : float
        Exposure x score of the period before's shadow, and of what served first, a period; mean over series.
    """

    losses: Array
    retrains: Array
    shadow: float
    frozen: float


@dataclass(frozen=True)
class RuleBills:
    """Of one rule, on both parts; candidates are the same policies in both, named by row.

    Attributes
    ----------
    rows : list of str
        Row of each candidate.
    candidates : list of Policy
    tuning, evaluation : PartBills
    """

    rows: list[str]
    candidates: list[Policy]
    tuning: PartBills
    evaluation: PartBills

    @property
    def calendars(self) -> list[int]:
        """Positions of the calendars: the owner's, or those among which one is tuned."""
        own = [place for place, row in enumerate(self.rows) if row == YOURS]
        return own or self.all_calendars

    @property
    def all_calendars(self) -> list[int]:
        """Positions of all candidates that look at no signal, the owner's calendar among them."""
        return [place for place, row in enumerate(self.rows) if row in (*CALENDARS, YOURS)]


def bills_under(
    tables: Mapping[str, xr.Dataset], question: Question, split: float, today: str
) -> tuple[dict[str, RuleBills], RetrainingCost]:
    """Bills of all candidates under every rule, and the one cost, resolved on the tuning part of today's."""
    tuning, _ = parts_of(tables[today], split)
    cost = question.cost.resolve(tuning)
    return {name: _bills(table, question, split, cost) for name, table in tables.items()}, cost


def _bills(table: xr.Dataset, question: Question, split: float, cost: RetrainingCost) -> RuleBills:
    tuning, evaluation = parts_of(table, split)
    named = candidate_rows(table, tuning, question, cost)
    named.pop(RECOMMENDED, None)  # it learns as it goes: there is no candidate to choose again on a resample
    rows = [name for name, row in named.items() for _ in row]
    candidates = [policy for row in named.values() for policy in row]
    before, after = (
        _on_part(part, list(named.values()), cost, begin, history)
        for part, begin, history in (
            (tuning, spread_starts(tuning, question.starts), tuning),
            (evaluation, [0], table),
        )
    )
    return RuleBills(rows, candidates, before, after)


def _on_part(
    part: xr.Dataset,
    rows: Sequence[Sequence[Policy]],
    cost: RetrainingCost,
    starts: Sequence[int],
    history: xr.Dataset,
) -> PartBills:
    """Walk the candidates of all rows, and add up; the part is the end of `history`."""
    worth = worth_of(part, DEPLOYED_SCORE, cost)
    walked = [_walked(part, row, cost, worth, [0] if any(map(_says_when, row)) else starts, history) for row in rows]
    losses, retrains = (np.concatenate(of_rows) for of_rows in zip(*walked, strict=True))
    own = np.diagonal(worth + worth_of(part, "score_gap", cost), axis1=1, axis2=2)
    return PartBills(losses, retrains, float(own.mean()), float(worth[:, 0].mean()))


def _walked(
    part: xr.Dataset,
    row: Sequence[Policy],
    cost: RetrainingCost,
    worth: Array,
    starts: Sequence[int],
    history: xr.Dataset,
) -> tuple[Array, Array]:
    """Losses and retrains of the candidates of a row, walked side by side, each averaged over starts and phases."""
    starting = [_phases(narrowed(policy, part)) if len(starts) == 1 else [narrowed(policy, part)] for policy in row]
    walked, begin = [policy for own in starting for policy in own], np.asarray(starts, dtype=np.int64)
    schedules = walk_from_starts(part, walked, cost, starts, history)
    paid = walk.mean_over_starts(np.array(cost.retraining_costs(part)), schedules, begin, at_retrains=True)
    losses = paid - walk.mean_over_starts(worth, schedules, begin)
    retrains = schedules.sum(axis=-1).mean(axis=(1, 2))
    firsts, sizes = np.cumsum([0, *map(len, starting[:-1])]), np.array([len(own) for own in starting])
    return np.add.reduceat(losses, firsts) / sizes[:, None, None], np.add.reduceat(retrains, firsts) / sizes


def _phases(policy: Policy) -> list[Policy]:
    """A calendar that starts in each of its periods, since where it starts is chance, unless its owner says where."""
    return [policy] if _says_when(policy) else phases(policy)


def _says_when(policy: Policy) -> bool:
    """Whether a calendar is told in which of its periods it starts."""
    return isinstance(policy, Calendar) and bool(np.ndim(policy.interval) > 0 or np.any(policy.offset))


def worth_of(table: xr.Dataset, name: str, cost: RetrainingCost) -> Array:
    """Exposure x a score of every deployed forecast in the unit of the bill, shape (series, T, T)."""
    return np.asarray(table[name].values * exposures(table, cost)[:, None, :])
