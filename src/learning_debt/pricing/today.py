"""What is known at the end of a spell table about what its series have in service: one entry a series."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES
from learning_debt.doubt import Doubt
from learning_debt.policies.base import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.signal_reader import SignalReader, first_of, last_period
from learning_debt.policies.signals import Signals
from learning_debt.spells.doubt_codes import doubts_each
from learning_debt.typing import Array

KEPT_BY_WEIGHTS = ("reweight", "moment match", "pooled")
"""Rungs of the shadow's upkeep that rest on draws of other fits."""
FURTHEST = 1e12
"""Factor from today's cost up to which, and down to which, a break-even cost is looked for."""


def cells_in_service(table: xr.Dataset, deployed_at: NDArray[np.int64]) -> xr.Dataset:
    """The last period's cells of what is in service, dims (series), of a checked table."""
    posterior = deployed_at - first_of(table, "deployed_at")
    return table.isel(deployed_at=xr.DataArray(posterior, dims=SERIES), period=-1)


def state_and_signals(
    table: xr.Dataset, policy: Policy, cost: RetrainingCost, deployed_at: NDArray[np.int64]
) -> tuple[Any, Signals]:
    """The policy's state before today's step, after living through the current spells; and today's signals.

    Series that retrained later than others are stepped as if they had retrained in every period until then: a policy's
    memory starts afresh with each spell.
    """
    see = SignalReader(table, policy.requires, cost, np.arange(deployed_at.size))
    state, last = policy.init(deployed_at.size), last_period(table)
    for t in range(int(deployed_at.min()) + 1, last):
        state, _ = policy.step(state, see(t, np.minimum(deployed_at, t - 1)))
    return state, see(last, deployed_at)


def break_even_costs(policy: Policy, state: Any, signals: Signals) -> Array:
    """Costs at which the policy's step flips, by bisection in the logarithm; NaN where it never does.

    What the policy has learned stays as it is: a policy that refits learned it at today's cost.
    """

    def retrains(cost: Array) -> NDArray[np.bool_]:
        return np.asarray(policy.step(state, replace(signals, cost=cost))[1], dtype=bool)

    around = np.where(signals.cost > 0, signals.cost, 1.0)
    smallest, largest = 10 * np.finfo(float).tiny, np.finfo(float).max / (10 * FURTHEST)
    around = np.clip(around, smallest * FURTHEST, largest)  # bounds that overflow would be halved for ever
    low, high = around / FURTHEST, around * FURTHEST
    flips = retrains(low) != retrains(high)
    while (wide := flips & (high / low > 1 + 1e-9)).any():
        middle = np.sqrt(low) * np.sqrt(high)
        above = retrains(middle)
        low, high = np.where(wide & above, middle, low), np.where(wide & ~above, middle, high)
    return np.where(flips, np.sqrt(low) * np.sqrt(high), np.nan)


def against_posteriors(cell: xr.Dataset) -> tuple[tuple[Doubt, ...], str]:
    """Why shadow or deployed posterior cannot be believed, of one series' cell, and the sentence that says so."""
    flags = {"converged": ("shadow", "doubt"), "deployed_converged": ("deployed posterior", "deployed_doubt")}
    failed = {
        flag: (what, cell[said].item() if said in cell else "")
        for flag, (what, said) in flags.items()
        if flag in cell and not bool(cell[flag])
    }
    each = [doubt for flag in failed for doubt in doubts_each(cell, flag)[0]]
    weighed = "rung" in cell and str(cell["rung"].item()) in KEPT_BY_WEIGHTS
    if weighed and "converged" in failed:
        first, numbers = Doubt.SHADOW_WEIGHTS, {"shadow_pareto_k": float(cell["pareto_k"])}
        return (first, *each), first.text(numbers)
    detail = " and of ".join(f"the {what} ({said})" for what, said in failed.values() if said)
    return (Doubt.UNCONVERGED, *each), Doubt.UNCONVERGED.text(detail=detail)
