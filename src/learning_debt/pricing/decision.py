"""Today's decision: retrain, wait, or cannot tell, with what waiting is expected to cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import label_text, plain_labels
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.policies.base import Policy, require_policy
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.policies.signals import Signals
from learning_debt.pricing.replays import SignalReader, seen_as
from learning_debt.spells import check_spells, deployed_after
from learning_debt.spells.deployed_labels import trained_after
from learning_debt.spells.doubt_codes import doubts_at
from learning_debt.spells.schema import TableFacts, reliability, standard_error
from learning_debt.validation import require_probability, require_whole_number

KEPT_BY_WEIGHTS = ("reweight", "moment match", "pooled")
"""Rungs of the shadow's upkeep that rest on draws of other fits."""


@dataclass(frozen=True)
class Decision:
    """What to do now, and why.

    Attributes
    ----------
    verdict : {"retrain", "wait", "cannot tell"}
        *Cannot tell* bills as waiting; it is given only when the policy's verdict changes within the interval of
        its signals, or when the shadow or what is deployed cannot be believed: the sampler's diagnostics failed, or
        those of the weights of its draws.
    reason : str
        One sentence.
    policy : Policy
        Who decided.
    label, deployed_label : object
        Today's period, and the period after which what now serves was trained.
    spell_age : int
        Periods it has served.
    horizon : int
        Periods a retrain is expected to serve.
    expected_regret : Estimate
        Regret a retrain is expected to avoid by the forecasts issued over the horizon, in `unit`, if the shadow is
        right and nothing moves.
    probability : float
        That the regret avoided over the horizon exceeds the cost, if the shadow is right and nothing moves. A normal
        approximation with variance h v (1 + h / H), where v is the variance of a period's regret, h the horizon and H
        the periods that the shadow holds: what it does not know of its parameters stays the same over all of the
        horizon. For small changes and the log score that is so to first order; otherwise v (1 + h / H) is an upper
        bound, and the probability is drawn towards one half.
    break_even_cost : float
        Cost of a retrain today, proportional parts included, at which the policy's verdict flips; NaN if it does not
        look at the cost.
    cost : float
        Of a retrain today, proportional parts included.
    unit : str
    doubts : tuple of Doubt
        Why it cannot tell, and what the table doubts about the signals that the policy reads; empty where nothing is.
    """

    verdict: str
    reason: str
    policy: Policy
    label: Any
    deployed_label: Any
    spell_age: int
    horizon: int
    expected_regret: Estimate
    probability: float
    break_even_cost: float
    cost: float
    unit: str
    doubts: tuple[Doubt, ...] = ()


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
    require_policy("policy", policy)
    price = as_cost(cost)
    require_whole_number("horizon", horizon, at_least=1)
    require_probability("probability", probability)
    table = check_spells(spells, policy.requires)
    periods = table.sizes["period"]
    if table.sizes["series"] != 1:
        raise ValueError(f"decide looks at one series; the table has {table.sizes['series']}: select one with isel")
    if deployed_label is not None:
        if deployed_at is not None:
            raise ValueError(f"give deployed_at={deployed_at!r} or deployed_label={deployed_label!r}, not both")
        deployed_at = deployed_after(table, deployed_label)
    deployed_at = 0 if deployed_at is None else deployed_at
    require_whole_number("deployed_at", deployed_at, at_least=0, at_most=periods - 1)
    resolved = price.resolve(table)
    state, signals = _state_today(table, policy, resolved, deployed_at)
    z = NormalDist().inv_cdf((1 + probability) / 2)
    middle, *sides = (bool(policy.step(state, signals.shifted(k))[1][0]) for k in (0.0, -z, z))
    straddles, diverged = any(side != middle for side in sides), not bool(signals.converged[0])
    verdict = "cannot tell" if straddles or diverged else "retrain" if middle else "wait"
    cost_today = float(signals.cost[0])
    expected, chance = _expected_regret(table, deployed_at, horizon, cost_today, float(signals.exposure[0]))
    decision = Decision(
        verdict=verdict,
        reason="",
        policy=policy,
        label=plain_labels(table["label"])[-1],
        deployed_label=trained_after(table)[deployed_at],
        spell_age=periods - deployed_at,
        horizon=horizon,
        expected_regret=expected,
        probability=chance,
        break_even_cost=_break_even_cost(policy, state, signals),
        cost=cost_today,
        unit=resolved.unit,
    )
    against, why = _against_posteriors(table, deployed_at) if diverged else ((), "")
    if straddles:
        against, why = (*against, Doubt.STRADDLES), why or Doubt.STRADDLES.text(detail=str(policy))
    cell = {"series": 0, "deployed_at": deployed_at, "period": -1}
    of_signals = [doubt for name in policy.requires for doubt in doubts_at(table, seen_as(table, name), cell)]
    reason = _reason(decision, why, TableFacts.from_table(table).horizon)
    return replace(decision, reason=reason, doubts=tuple(dict.fromkeys((*against, *of_signals))))


def _state_today(table: xr.Dataset, policy: Policy, cost: RetrainingCost, deployed_at: int) -> tuple[Any, Signals]:
    """The policy's state before today's step, after living through the current spell; and today's signals."""
    see = SignalReader(table, policy.requires, cost, np.zeros(1, dtype=np.int64))
    at, periods = np.array([deployed_at]), table.sizes["period"]
    state = policy.init(1)
    for t in range(deployed_at + 1, periods):
        state, _ = policy.step(state, see(t, at))
    return state, see(periods, at)


def _expected_regret(
    table: xr.Dataset, deployed_at: int, horizon: int, cost: float, exposure: float
) -> tuple[Estimate, float]:
    """Expected regret avoided over the horizon, and the chance that it exceeds the cost."""
    cell = {"series": 0, "deployed_at": deployed_at, "period": -1}
    if "predictive_debt" not in table:
        return Estimate(float("nan"), float("nan"), doubts=(Doubt.NO_PREDICTIVE_DEBT,)), float("nan")
    scale = horizon * exposure
    value = scale * float(table["predictive_debt"].isel(cell))
    error = scale * float(standard_error(table, "predictive_debt").isel(cell))
    reliable = bool(reliability(table, "predictive_debt").isel(cell))
    estimate = Estimate(value, error, reliable, doubts=doubts_at(table, "predictive_debt", cell))
    if "gap_sd" not in table:
        return estimate, float("nan")
    periods = horizon * (1 + horizon / _periods_held(table))
    spread = float(np.hypot(np.sqrt(periods) * exposure * float(table["gap_sd"].isel(cell)), error))
    if spread == 0:
        return estimate, float(value > cost)
    return estimate, NormalDist().cdf((value - cost) / spread)


def _periods_held(table: xr.Dataset) -> float:
    """Periods of data behind the last shadow; those before the table count as far as it names them."""
    known = table.sizes["period"] + (table["earlier"].size if "earlier" in table.coords else 0)
    return float(TableFacts.from_table(table).update_rule.weights(np.arange(known)).sum())


def _break_even_cost(policy: Policy, state: Any, signals: Signals) -> float:
    """Cost at which the policy's step flips, by bisection in the logarithm; NaN if it never does."""

    def retrains(cost: float) -> bool:
        return bool(policy.step(state, replace(signals, cost=np.array([cost])))[1][0])

    low, high = 1e-12, 1e12
    if retrains(low) == retrains(high):
        return float("nan")
    while high / low > 1 + 1e-9:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if retrains(middle) else (low, middle)
    return float(np.sqrt(low * high))


def _against_posteriors(table: xr.Dataset, deployed_at: int) -> tuple[tuple[Doubt, ...], str]:
    """Why shadow or deployed posterior cannot be believed, and the sentence that says so."""
    today, at = {"series": 0, "period": -1}, {"series": 0, "deployed_at": deployed_at}
    flags = {
        "converged": ("shadow", "doubt", today),
        "deployed_converged": ("deployed posterior", "deployed_doubt", at),
    }
    failed = {
        flag: (what, table[said].isel(where).item() if said in table else "", where)
        for flag, (what, said, where) in flags.items()
        if flag in table and not bool(table[flag].isel(where))
    }
    each = [doubt for flag, (_, _, where) in failed.items() for doubt in doubts_at(table, flag, where)]
    weighed = "rung" in table and str(table["rung"].isel(today).item()) in KEPT_BY_WEIGHTS
    if weighed and "converged" in failed:
        first, numbers = Doubt.SHADOW_WEIGHTS, {"shadow_pareto_k": float(table["pareto_k"].isel(today))}
        return (first, *each), first.text(numbers)
    detail = " and of ".join(f"the {what} ({said})" for what, said, _ in failed.values() if said)
    return (Doubt.UNCONVERGED, *each), Doubt.UNCONVERGED.text(detail=detail)


def _reason(decision: Decision, doubt: str, ahead: int) -> str:
    regret, unit = decision.expected_regret, decision.unit
    served = f"trained after {label_text(decision.deployed_label)}, in service for {decision.spell_age} period(s)"
    error = f" ± {regret.standard_error:.1g}" if regret.standard_error > 0 else ""
    over = f"the next {decision.horizon} period(s)"
    over = over if ahead == 1 else f"the forecasts of {over}, each {ahead} periods ahead,"
    worth = (
        f"a retrain is expected to avoid {regret.value:.3g}{error} {unit} of regret over {over} "
        f"and costs {decision.cost:.3g} {unit}"
    )
    chance = f"; the chance that it pays is {decision.probability:.0%}" if np.isfinite(decision.probability) else ""
    flip = (
        f"; the verdict flips at a cost of {decision.break_even_cost:.3g} {unit}"
        if np.isfinite(decision.break_even_cost)
        else ""
    )
    if doubt:
        return f"cannot tell ({served}): {doubt}"
    if not np.isfinite(regret.value):
        return f"{decision.verdict} ({served}): {decision.policy} says so{flip}"
    return f"{decision.verdict} ({served}), says {decision.policy}: {worth}{chance}{flip}"
