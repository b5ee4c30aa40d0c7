"""Replays over a spell table: walk a policy, add up its bill; the oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES, as_labels, label_text, plain_labels
from learning_debt.policies.base import Policy, require_policy, side_by_side
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.policies.fixed import Schedule, counted_from
from learning_debt.policies.signals import Signals, seen_as
from learning_debt.pricing.net_scores import exposures, monte_carlo_errors, net_scores
from learning_debt.spells import check_spells
from learning_debt.spells.schema import ESTIMATED, FLAGS, OPTIONAL, reliable_of, se_of
from learning_debt.typing import Array
from learning_debt.validation import require_choice

ACCOUNTINGS = ("signed", "positive")


@dataclass(frozen=True)
class Replay:
    """The bill of one policy on every series of a table.

    Attributes
    ----------
    objective : DataArray (series)
        Cost of all retrains plus regret, in `unit`. With signed accounting it can be negative.
    objective_se : DataArray (series)
        Monte-Carlo error of sampled regret. Errors of periods served by one deployed posterior are taken as fully
        dependent, of different spells as independent.
    regret : DataArray (series)
    retrains : DataArray (series)
    schedule : DataArray of bool (series, period)
        True where the policy retrained; it serves from the next period on.
    bill : DataArray (series, period)
        Period by period; adds up to `objective`.
    paid : DataArray (series, period)
        The part of `bill` that retrains cost; the rest is regret.
    unit : str
    net_score : DataArray (series)
        Realised score of what served x exposure, less what the retrains cost, summed over the periods, in `unit`;
        higher is better. Regret is counted from a table's own shadow; this is not, so bills under other update rules or
        of other forecasters compare by it. On one table it differs between policies as `objective` does, with the sign
        turned. NaN where it is not defined.
    net_score_se : DataArray (series)
        Monte-Carlo error of sampled scores, as `objective_se`. Two policies share that of what both had in service.
    net_score_reason : str
        Why it is not defined: no ``deployed_score`` in the table, or none that is finite where a posterior served;
        positive accounting; a regret of the owner's own. Empty where it is. With timing ``"separate"`` it is the score
        on the rows that gaps are measured on.
    frac_deployed_better : DataArray (series)
        Share of the periods in which the deployed forecast beat the shadow's: signed regret below zero. A forecast that
        is the shadow's own does not count.
    """

    objective: xr.DataArray
    objective_se: xr.DataArray
    regret: xr.DataArray
    retrains: xr.DataArray
    schedule: xr.DataArray
    bill: xr.DataArray
    paid: xr.DataArray
    unit: str
    net_score: xr.DataArray
    net_score_se: xr.DataArray
    net_score_reason: str
    frac_deployed_better: xr.DataArray

    @property
    def dates(self) -> list[list[object]]:
        """Labels of the periods after which each series retrained."""
        labels = plain_labels(self.schedule["label"])
        return [
            [label for label, retrained in zip(labels, row, strict=True) if retrained] for row in self.schedule.values
        ]


def replay(spells: xr.Dataset, policy: Policy, cost: RetrainingCost | float, accounting: str = "signed") -> Replay:
    """Walk `policy` over every series of a spell table and add up its bill.

    In period t the deployed posterior's regret is charged, then the policy sees the period's signals and may
    retrain, which has its cost and takes effect from t + 1 on. No retrain is made in the last period.

    Parameters
    ----------
    spells : Dataset
        From `spell_table`, or your own (`check_spells` says what is needed).
    policy : Policy
    cost : RetrainingCost or float
    accounting : {"signed", "positive"}
        Signed regret is the real bill. Positive regret is the paper's; it charges noise and is never money.

    Raises
    ------
    ValueError, KeyError, TypeError
        For a missing or negative cost, an unknown accounting, or a table without the signals the policy reads.

    See Also
    --------
    oracle : The cheapest schedule.
    tune : The cheapest of many policies.
    audit : Tunes on one part of a history and replays on the rest.
    spell_table : Makes the table.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> never = replay(spells, ld.policies.Never(), cost=0.25)
    >>> cusum = replay(spells, ld.policies.CUSUM(0.2), cost=0.25)
    >>> float(never.objective.item()), float(cusum.objective.item()), cusum.dates
    (0.7, 0.55, [[2]])
    """
    require_policy("policy", policy)
    require_choice("accounting", accounting, ACCOUNTINGS)
    price = as_cost(cost)
    table = check_spells(spells, policy.requires)
    check_dates(table, policy)
    return replay_checked(table, policy, price.resolve(table), accounting)


def oracle(spells: xr.Dataset, cost: RetrainingCost | float, accounting: str = "signed") -> Replay:
    """The cheapest schedule in hindsight; no policy can cost less under the same accounting.

    See Also
    --------
    replay : The bill of a policy, which knows no future.
    tune : The cheapest of many policies.

    Examples
    --------
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> best = oracle(spells, cost=0.25)
    >>> round(float(best.objective.item()), 2), best.dates
    (0.35, [[1]])
    """
    require_choice("accounting", accounting, ACCOUNTINGS)
    price = as_cost(cost)
    table = check_spells(spells)
    return oracle_checked(table, price.resolve(table), accounting)


def replay_checked(
    table: xr.Dataset, policy: Policy, cost: RetrainingCost, accounting: str, history: xr.Dataset | None = None
) -> Replay:
    """`replay` of a checked table at a resolved cost; `history` as in `walk_policy`."""
    schedule = walk_policy(table, policy, cost, history=history)
    return _bill(table, schedule, cost, accounting, charged_regret(table, cost, accounting))


def oracle_checked(table: xr.Dataset, cost: RetrainingCost, accounting: str) -> Replay:
    """`oracle` of a checked table at a resolved cost."""
    charged, costs = charged_regret(table, cost, accounting), cost.retraining_costs(table)
    schedule = walk.oracle(charged, costs if cost.proportional else costs[:, 0, 0])
    return _bill(table, schedule, cost, accounting, charged)


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
    return schedules.reshape(count, len(starts), series, -1)


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
    before = 0 if known is None else last_period(known) - periods

    def decide(t: int, deployed_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        nonlocal state, policy
        if known is not None and cost is not None:
            policy = policy.refit(known_after(known, before + t), cost)
        state, retrain = policy.step(state, see(t, deployed_at))
        return retrain

    return walk.walk(periods, lanes, decide, starts)


def what_refits_read(policy: Policy, table: xr.Dataset, cost: RetrainingCost) -> xr.Dataset:
    """Of a checked table the signals that a policy requires, as policies see them, and what prices them."""
    if cost.proportional:
        return table
    return table[[*(seen_as(table, name) for name in policy.requires), "regret", "exposure", "rows"]]


def known_after(table: xr.Dataset, period: int) -> xr.Dataset:
    """Cells of a checked table, or of a part of one, up to and including a period."""
    return table.isel(
        deployed_at=slice(0, max(period - first_of(table, "deployed_at"), 0)),
        period=slice(0, period - first_of(table, "period") + 1),
    )


class SignalReader:
    """Reads from a checked table, or from a part of one by its coordinates, what the lanes see in a period."""

    def __init__(
        self, table: xr.Dataset, requires: Sequence[str], cost: RetrainingCost | Array, series: NDArray[np.int64]
    ) -> None:
        self.missing, self.exact = _shared(len(series), np.nan), _shared(len(series), 0.0)
        self.all_true = _shared(len(series), True)
        self.series, self.requires, self.labels = series, tuple(requires), plain_labels(table["label"])
        self.first_period, self.first_posterior = first_of(table, "period"), first_of(table, "deployed_at")
        self.cells = {}
        for name in self.requires:
            known = seen_as(table, name)
            for told in (str, se_of, reliable_of):
                if told(known) in table:
                    self.cells[told(name)] = table[told(known)].values
        self.converged = {name: table[name].transpose(SERIES, ...).values for name in FLAGS if name in table}
        if isinstance(cost, RetrainingCost):
            self.costs = cost.retraining_costs(table) if cost.proportional else np.full(series.shape, cost.per_retrain)
            self.exposure = exposures(table, cost)
        else:
            self.costs = np.asarray(cost)
            self.exposure = table["exposure"].transpose(SERIES, "period").values

    def __call__(self, t: int, deployed_at: NDArray[np.int64]) -> Signals:
        """Signals of period t = 1..T for lanes deployed at `deployed_at`."""
        period, posterior = t - self.first_period, deployed_at - self.first_posterior

        def cell(name: str, default: Any) -> Any:
            values = self.cells.get(name)
            return default if values is None else values[self.series, posterior, period]

        reliable = self.all_true
        for name in self.requires:
            reliable = reliable & cell(reliable_of(name), self.all_true)
        converged = self.all_true
        if "converged" in self.converged:
            converged = converged & self.converged["converged"][self.series, period]
        if "deployed_converged" in self.converged:
            converged = converged & self.converged["deployed_converged"][self.series, posterior]
        signals = {name: cell(name, self.missing) for name in (*ESTIMATED, *OPTIONAL)}
        errors = {se_of(name): cell(se_of(name), self.exact) for name in ESTIMATED}
        return Signals(
            period=t,
            label=self.labels[period],
            spell_age=t - deployed_at,
            cost=self.costs[self.series, posterior, period] if self.costs.ndim == 3 else self.costs,
            exposure=self.exposure[self.series, period],
            reliable=reliable,
            converged=converged,
            **signals,
            **errors,
        )


def last_period(table: xr.Dataset) -> int:
    """Number of the last period of a table, or of a part of one."""
    return int(table["period"].values[-1])


def first_of(table: xr.Dataset, dim: str) -> int:
    """The first period or posterior of a table, or of a part of one, by its number."""
    return int(table[dim].values[0])


def _shared(lanes: int, value: float | bool) -> Any:
    """The same value in every lane; read-only, since every period's signals share it."""
    return np.broadcast_to(np.asarray(value), (lanes,))


def charged_regret(table: xr.Dataset, cost: RetrainingCost, accounting: str) -> Array:
    """Regret as it is billed, shape (series, T, T)."""
    require_choice("accounting", accounting, ACCOUNTINGS)
    if accounting == "positive" and cost.in_money:
        raise ValueError("positive accounting charges noise and is never turned into money; use accounting='signed'")
    regret = table["regret"].values * cost.exposure(table).transpose(SERIES, "period").values[:, None, :]
    return np.maximum(regret, 0.0) if accounting == "positive" else regret


def paid_for_retrains(
    table: xr.Dataset,
    cost: RetrainingCost,
    series: NDArray[np.int64],
    schedule: NDArray[np.bool_],
    starts: NDArray[np.int64] | None = None,
) -> Array:
    """What the retrains of each lane cost, shape (lanes, periods)."""
    return np.where(schedule, walk.along_schedule(cost.retraining_costs(table), series, schedule, starts), 0.0)


def _bill(
    table: xr.Dataset, schedule: NDArray[np.bool_], cost: RetrainingCost, accounting: str, charged: Array
) -> Replay:
    """Bill of a schedule, given a resolved cost and the regret charged in every cell."""
    lanes = np.arange(table.sizes[SERIES])
    regret = walk.along_schedule(charged, lanes, schedule)
    paid = paid_for_retrains(table, cost, lanes, schedule)
    bill = regret + paid
    coords = {name: table.coords[name] for name in (SERIES, "period", "label")}
    dims = (SERIES, "period")
    net = net_scores(table, schedule, cost, paid, accounting)
    gained = walk.along_schedule(table["regret"].values, lanes, schedule) < 0

    def by_series(values: NDArray[np.float64 | np.int64]) -> xr.DataArray:
        return xr.DataArray(values, dims=SERIES, coords={SERIES: table.coords[SERIES]})

    return Replay(
        objective=by_series(bill.sum(axis=1)),
        objective_se=by_series(monte_carlo_errors(table, "score_gap", schedule, cost)),
        regret=by_series(regret.sum(axis=1)),
        retrains=by_series(schedule.sum(axis=1)),
        schedule=xr.DataArray(schedule, dims=dims, coords=coords),
        bill=xr.DataArray(bill, dims=dims, coords=coords),
        paid=xr.DataArray(paid, dims=dims, coords=coords),
        unit=cost.unit,
        net_score=by_series(net.value),
        net_score_se=by_series(net.error),
        net_score_reason=net.reason,
        frac_deployed_better=by_series(gained.mean(axis=1)),
    )


def narrowed(policy: Policy, table: xr.Dataset) -> Policy:
    """A schedule without the dates that lie outside `table`; any other policy as it is."""
    if not isinstance(policy, Schedule):
        return policy
    labels = set(plain_labels(table["label"]))
    return Schedule([date for date in policy.dates if date in labels])


def check_dates(table: xr.Dataset, policy: Policy) -> None:
    """Raise unless all dates of a schedule are labels of the table, or of periods before it.

    A misspelt date would otherwise be passed over, and the schedule be billed for fewer retrains.
    """
    if not isinstance(policy, Schedule):
        return
    labels = plain_labels(table["label"])
    known = {*labels, *(plain_labels(table["earlier"]) if "earlier" in table.coords else ())}
    strange = [date for date in policy.dates if date not in known]
    if strange:
        shown = ", ".join(repr(date) if isinstance(date, str) else label_text(date) for date in strange[:5])
        kind = as_labels(labels).kind
        raise ValueError(
            f"schedule dates [{shown}] are no period labels of the table, which are "
            f"{'labels' if kind is None else kind.plural} from {label_text(labels[0])} to {label_text(labels[-1])}"
        )
