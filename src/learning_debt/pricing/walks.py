"""Policies on their way over a spell table: who retrains when, with what they learn as periods come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES
from learning_debt.policies.base import Policy, side_by_side
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.fixed import counted_from
from learning_debt.policies.signal_reader import SignalReader, last_period
from learning_debt.policies.signals import Signals, seen_as
from learning_debt.typing import Array


def walk_policy(
    table: xr.Dataset,
    policy: Policy,
    cost: RetrainingCost | Array,
    copies: int = 1,
    starts: NDArray[np.int64] | None = None,
    history: xr.Dataset | None = None,
) -> NDArray[np.bool_]:
    """Schedule of a policy, shape (lanes, T), on `copies` times all series of a checked table.

    `cost` is one for all lanes, or an array of one per lane in units of the table's regret; `starts` has the period
    after which each lane begins, 0 if left out. `history` is a checked table whose last periods are this one's: a
    policy that refits learns from its earlier ones too.
    """
    series = table.sizes[SERIES]
    see = SignalReader(table, policy.requires, cost, np.tile(np.arange(series), copies))
    cells = table if history is None else history
    return walk_signals(
        policy,
        see,
        table.sizes["period"],
        series * copies,
        starts,
        cells,
        cost if isinstance(cost, RetrainingCost) else None,
    )


def walk_candidates(
    table: xr.Dataset,
    policies: Sequence[Policy],
    cost: RetrainingCost | Array,
    history: xr.Dataset | None = None,
) -> NDArray[np.bool_]:
    """Schedules of several policies, shape (policies, series, T), on all series of a checked table.

    They walk side by side where they differ in their numbers only. `cost` is one for all, or an array of one per policy
    in units of the table's regret; `history` as in `walk_policy`.
    """
    return walk_from_starts(table, policies, cost, [0], history)[:, 0]


def walk_from_starts(
    table: xr.Dataset,
    policies: Sequence[Policy],
    cost: RetrainingCost | Array,
    starts: Sequence[int],
    history: xr.Dataset | None = None,
) -> NDArray[np.bool_]:
    """Schedules of several policies from several starts, shape (policies, starts, series, T), on a checked table.

    A start is the period after which what then was newest is put into service: the walk is that over
    ``select_periods(table, start)``, and no retrain is made before. A calendar counts from the start.
    """
    series, count, each = table.sizes[SERIES], len(policies), len(starts) * table.sizes[SERIES]
    begin = np.repeat(np.asarray(starts, dtype=np.int64), series)
    schedules = np.zeros((count, each, table.sizes["period"]), dtype=bool)
    for which, together in side_by_side(policies, each):
        lanes = np.tile(begin, len(which))
        faced = cost if isinstance(cost, RetrainingCost) else np.repeat(np.asarray(cost, dtype=float)[which], each)
        walked = walk_policy(table, counted_from(together, lanes), faced, len(which) * len(starts), lanes, history)
        schedules[which] = walked.reshape(len(which), each, -1)
    return schedules.reshape(count, len(starts), series, table.sizes["period"])


def walk_signals(
    policy: Policy,
    see: Callable[[int, NDArray[np.int64]], Signals],
    periods: int,
    lanes: int,
    starts: NDArray[np.int64] | None = None,
    cells: xr.Dataset | None = None,
    cost: RetrainingCost | None = None,
) -> NDArray[np.bool_]:
    """Schedule of a policy, shape (lanes, periods), on signals that need not come from a table.

    ``see(t, deployed_at)`` gives those of period t = 1..periods, for lanes deployed at `deployed_at`; `starts` has the
    period after which each lane begins, 0 if left out. A policy that refits does so on the `cells` of a checked table
    as they come, if they are given: their last period is the last of the walk, and earlier ones are known beforehand.
    """
    state = policy.init(lanes)
    known = None if cells is None or cost is None or not policy.refits else what_refits_read(policy, cells, cost)
    learned: Iterator[Policy] | None = None
    if known is not None and cost is not None:
        first = last_period(known) - periods + 1
        learned = policy.refit_each(known, cost, range(first, first + periods))

    def decide(t: int, deployed_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        nonlocal state, policy
        if learned is not None:
            policy = next(learned)  # the walk asks in every period, once
        state, retrain = policy.step(state, see(t, deployed_at))
        return retrain

    return walk.walk(periods, lanes, decide, starts)


def what_refits_read(policy: Policy, table: xr.Dataset, cost: RetrainingCost) -> xr.Dataset:
    """Of a checked table the signals that a policy requires, as policies see them, and what prices them."""
    if cost.proportional:
        return table
    return table[[*(seen_as(table, name) for name in policy.requires), "regret", "exposure", "rows"]]
