"""Today's decision: retrain, wait, or cannot tell, with what waiting is expected to cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES, plain_labels
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.policies.base import Policy, require_policy
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.policies.signal_reader import first_of, last_period
from learning_debt.policies.signals import seen_as
from learning_debt.pricing.avoided_regret import AvoidedRegret, realised_regret
from learning_debt.pricing.decision_sentences import conflict_of, reason_of
from learning_debt.pricing.today import (
    against_posteriors,
    break_even_costs,
    cells_in_service,
    state_and_signals,
)
from learning_debt.pricing.verdict import Decision
from learning_debt.pricing.walks import what_refits_read
from learning_debt.spells import check_spells, deployed_after
from learning_debt.spells.deployed_labels import trained_after
from learning_debt.spells.doubt_codes import doubts_each
from learning_debt.spells.schema import TableFacts
from learning_debt.validation import describe, require_probability, require_whole_number


def decide(
    spells: xr.Dataset,
    policy: Policy,
    cost: RetrainingCost | float,
    *,
    deployed_at: int | None = None,
    deployed_label: Any = None,
    horizon: int,
    probability: float = 0.9,
) -> Decision:
    """Ask a policy for today's decision, at the end of the table, about what is in service.

    Parameters
    ----------
    spells : Dataset
        One series.
    policy : Policy
    cost : RetrainingCost or float
    deployed_at : int, optional
        Period of the last retrain, 0..T-1. Left out, and without `deployed_label`, it is 0: what the table begins with.
    deployed_label : object, optional
        Instead of `deployed_at`: the owner's label of the period after which was retrained, matched by value.
    horizon : int
        Periods a retrain is expected to serve.
    probability : float
        Of the interval of the signals that must not straddle the policy's threshold.

    Raises
    ------
    ValueError
        If `deployed_at` or `horizon` is out of range, if no posterior was trained after `deployed_label`, or if the
        table holds several series.

    See Also
    --------
    decide_all : About every series of a table.
    audit : Tunes the policy first, then decides.
    replay : What the policy would have done, and cost, on the whole table.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3], [np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> decide(spells, ld.policies.CUSUM(0.2), 0.1, horizon=10).verdict
    'retrain'
    """
    asked = _Asked.checked(spells, policy, cost, horizon, probability)
    table = asked.table
    if table.sizes[SERIES] != 1:
        raise ValueError(
            f"decide looks at one series; the table has {table.sizes[SERIES]}: select one with isel, or use decide_all"
        )
    if deployed_label is not None:
        _require_one_way(deployed_at, deployed_label)
        deployed_at = deployed_after(table, deployed_label)
    deployed_at = 0 if deployed_at is None else deployed_at
    require_whole_number("deployed_at", deployed_at, at_least=0, at_most=table.sizes["period"] - 1)
    return _decisions(asked, np.array([deployed_at]))[0]


def decide_all(
    spells: xr.Dataset,
    policy: Policy,
    cost: RetrainingCost | float,
    *,
    deployed_at: int | Sequence[int] | NDArray[np.int64] | None = None,
    deployed_label: Any = None,
    horizon: int,
    probability: float = 0.9,
) -> dict[Any, Decision]:
    """Ask a policy for today's decision about every series of a table.

    They are the decisions that `decide` makes of the series one by one, in one walk over the table; but a policy that
    learns from a history, as the recommended one does, learns from all series together.

    Parameters
    ----------
    spells : Dataset
        Of any number of series.
    policy, cost, horizon, probability
        As in `decide`, the same for all series.
    deployed_at : int, or list, array or index of int, optional
        As in `decide`: one for all series, or one of each, in the table's order.
    deployed_label : object, or list, array or index of objects, optional
        Instead of `deployed_at`, in the same way.

    Returns
    -------
    dict of label to Decision
        In the order of the table's series; by their names.

    Raises
    ------
    TypeError, ValueError
        As `decide`, or if `deployed_at` or `deployed_label` are not as many as there are series, or have names.

    See Also
    --------
    decide : About one series.
    spell_tables : Tables of many series, a few at a time.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[[0.0, 0.3], [np.nan, 0.0]], [[0.0, 0.1], [np.nan, 0.0]]]
    >>> dims = ("series", "deployed_at", "period")
    >>> spells = xr.Dataset({"score_gap": (dims, gap)}, {"series": ["north", "south"]})
    >>> decisions = decide_all(spells, ld.policies.CUSUM(0.2), 0.1, horizon=10)
    >>> {name: decision.verdict for name, decision in decisions.items()}
    {'north': 'retrain', 'south': 'wait'}
    """
    asked = _Asked.checked(spells, policy, cost, horizon, probability)
    table = asked.table
    count, last = table.sizes[SERIES], table.sizes["period"] - 1
    if deployed_label is None:
        given = _one_or_each("deployed_at", 0 if deployed_at is None else deployed_at, count)
        given = {name: require_whole_number(name, at, at_least=0, at_most=last) for name, at in given.items()}
    else:
        _require_one_way(deployed_at, deployed_label)
        labels = _one_or_each("deployed_label", deployed_label, count)
        given = {name: deployed_after(table, label, name) for name, label in labels.items()}
    deployed = np.broadcast_to(np.array([*given.values()], dtype=np.int64), count)
    return dict(zip(plain_labels(table[SERIES]), _decisions(asked, deployed), strict=True))


def decide_about_spell(
    spell: xr.Dataset,
    policy: Policy,
    cost: RetrainingCost,
    *,
    horizon: int,
    probability: float,
    past: xr.Dataset | None = None,
    past_row: int | None = None,
) -> Decision:
    """As `decide`, of the present spell alone, which is all of a table that the verdict rests on.

    Parameters
    ----------
    spell : Dataset
        Of a checked table the cells of what is in service, dims (series, deployed_at, period) of sizes 1, 1 and the
        spell's age, with the table's attributes and coordinates: ``deployed_at`` and ``period`` number as they do in
        the table, ``deployed_label`` is there, and ``earlier`` is the table's.
    policy : Policy
    cost : RetrainingCost
        Resolved.
    horizon : int
    probability : float
    past : Dataset, optional
        What the expected regret and its chance are learned from: a table with the cells of all posteriors up to today,
        as `check_spells` completes it, in which rows of posteriors that nobody kept may be NaN. Left out, they learn
        from the present spell alone. With all rows kept, everything is as `decide` has it.
    past_row : int, optional
        Which row of `past` is what is in service, where `past` begins later than the table and numbers from its own
        beginning.
    """
    asked = _Asked(spell, policy, cost, horizon, probability, past, past_row)
    return _decisions(asked, np.array([first_of(spell, "deployed_at")]))[0]


class _Asked(NamedTuple):
    """What is asked of a table, and the table, checked."""

    table: xr.Dataset
    policy: Policy
    cost: RetrainingCost
    horizon: int
    probability: float
    past: xr.Dataset | None = None
    past_row: int | None = None

    @classmethod
    def checked(cls, spells: Any, policy: Any, cost: Any, horizon: Any, probability: Any) -> _Asked:
        require_policy("policy", policy)
        price = as_cost(cost)
        require_whole_number("horizon", horizon, at_least=1)
        require_probability("probability", probability)
        table = check_spells(spells, policy.requires)
        return cls(table, policy, price.resolve(table), horizon, probability)


def _one_or_each(argument: str, value: Any, count: int) -> dict[str, Any]:
    """What is given for all series, or for each, by what to call it in an error."""
    if isinstance(value, Mapping) or (isinstance(value, pd.Series | xr.DataArray) and value.ndim):
        raise TypeError(
            f"{argument} must be one for all series, or a list or array of one of each, in the table's order, not "
            f"{describe(value)}; pd.Series({argument}).reindex(spells['series'].values).tolist() puts those that have "
            "names in order"
        )
    if not isinstance(value, list | tuple | range | pd.Index | np.ndarray) or np.ndim(value) == 0:
        return {argument: value}
    if len(value) != count:
        raise ValueError(f"{argument} must be one for all series, or one of each of {count}; there are {len(value)}")
    return {f"{argument}[{place}]": each for place, each in enumerate(value)}


def _require_one_way(deployed_at: Any, deployed_label: Any) -> None:
    if deployed_at is not None:
        raise ValueError(f"give deployed_at={deployed_at!r} or deployed_label={deployed_label!r}, not both")


def _decisions(asked: _Asked, deployed_at: NDArray[np.int64]) -> list[Decision]:
    """One of each series."""
    table, policy, cost, horizon, probability, past, past_row = asked
    if policy.refits:
        policy = policy.refit(what_refits_read(policy, table if past is None else past, cost), cost)
    state, signals = state_and_signals(table, policy, cost, deployed_at)
    z = NormalDist().inv_cdf((1 + probability) / 2)
    middle, *sides = (np.asarray(policy.step(state, signals.shifted(k))[1], dtype=bool) for k in (0.0, -z, z))
    straddles, diverged = (sides[0] != middle) | (sides[1] != middle), ~signals.converged
    today = cells_in_service(table, deployed_at)
    own_rows = deployed_at if past_row is None else np.array([past_row])
    regret = AvoidedRegret.of(table, today, own_rows, horizon, signals.cost, signals.exposure, past)
    realised, drawn, counted = realised_regret(table, cost, deployed_at)
    flips = break_even_costs(policy, state, signals)
    shares = policy.share_in_favour(state, signals)
    label, trained, ahead = plain_labels(table["label"])[-1], trained_after(table), TableFacts.from_table(table).horizon
    of_signals = [doubts_each(today, seen_as(table, name)) for name in policy.requires]
    found = []
    for i, at in enumerate(deployed_at.tolist()):
        against, why = against_posteriors(today.isel({SERIES: i})) if diverged[i] else ((), "")
        if straddles[i]:
            against, why = (*against, Doubt.STRADDLES), why or Doubt.STRADDLES.text(detail=str(policy))
        value, error, reliable = float(regret.value[i]), float(regret.error[i]), bool(regret.reliable[i])
        decision = Decision(
            verdict="cannot tell" if straddles[i] or diverged[i] else "retrain" if middle[i] else "wait",
            reason="",
            policy=asked.policy,
            label=label,
            deployed_label=trained[at - first_of(table, "deployed_at")],
            spell_age=last_period(table) - at,
            horizon=horizon,
            expected_regret=Estimate(value, error, reliable, doubts=regret.doubts[i]),
            probability=float(regret.chance[i]),
            break_even_cost=float(flips[i]),
            cost=float(signals.cost[i]),
            unit=cost.unit,
            doubts=tuple(dict.fromkeys([*against, *(doubt for each in of_signals for doubt in each[i])])),
            believed_regret=float(regret.belief[i]),
            support=float(shares[i] if middle[i] else 1 - shares[i]),
            realised_regret=Estimate(float(realised[i]), float(drawn[i]), bool(counted[i] > 0)),
        )
        decision = replace(decision, conflict=conflict_of(decision))
        found.append(replace(decision, reason=reason_of(decision, why, ahead)))
    return found
