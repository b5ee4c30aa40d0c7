"""Replays over a spell table: walk a policy, add up its bill; the oracle."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES, as_labels, label_text, plain_labels
from learning_debt.policies.base import Policy, require_policy
from learning_debt.policies.cost import RetrainingCost, as_cost, signed_regret
from learning_debt.policies.fixed import Schedule
from learning_debt.pricing.net_scores import monte_carlo_errors, net_scores
from learning_debt.pricing.replay_result import Replay
from learning_debt.pricing.walks import walk_policy
from learning_debt.spells import check_spells
from learning_debt.typing import Array
from learning_debt.validation import require_choice

ACCOUNTINGS = ("signed", "positive")


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


def charged_regret(table: xr.Dataset, cost: RetrainingCost, accounting: str) -> Array:
    """Regret as it is billed, shape (series, T, T)."""
    require_choice("accounting", accounting, ACCOUNTINGS)
    if accounting == "positive" and cost.in_money:
        raise ValueError("positive accounting charges noise and is never turned into money; use accounting='signed'")
    regret = signed_regret(table, cost)
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
