"""Tuning: what every candidate would have paid, and the one that would have paid least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.schedules import walk
from learning_debt.data import SERIES
from learning_debt.policies.base import Policy, require_policies
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.pricing.replays import ACCOUNTINGS, charged_regret, check_dates, paid_for_retrains, walk_candidates
from learning_debt.spells import check_spells
from learning_debt.typing import Array
from learning_debt.validation import require_choice


@dataclass(frozen=True)
class Tuned:
    """The candidate with the least mean objective, and how all of them did.

    Attributes
    ----------
    policy : Policy
    index : int
        Its place among the candidates; ties go to the first.
    table : Dataset (candidate)
        ``objective``, ``regret`` and ``retrains``, means over series.
    """

    policy: Policy
    index: int
    table: xr.Dataset


@dataclass(frozen=True)
class Bills:
    """What each candidate would have paid in each period of a checked table.

    Attributes
    ----------
    candidates : sequence of Policy
    regret, paid : ndarray, shape (candidate, series, period)
        Regret as it is charged, and what retrains cost.
    schedule : ndarray of bool, shape (candidate, series, period)
    """

    candidates: Sequence[Policy]
    regret: Array
    paid: Array
    schedule: NDArray[np.bool_]

    @classmethod
    def of(cls, table: xr.Dataset, candidates: Sequence[Policy], cost: RetrainingCost, accounting: str) -> Bills:
        """Walk all candidates, side by side where they differ in numbers only; `cost` is resolved."""
        for candidate in candidates:
            check_dates(table, candidate)
        series, count = table.sizes[SERIES], len(candidates)
        schedules = walk_candidates(table, candidates, cost).reshape(count * series, -1)
        lanes = np.tile(np.arange(series), count)
        regret = walk.along_schedule(charged_regret(table, cost, accounting), lanes, schedules)
        paid = paid_for_retrains(table, cost, lanes, schedules)
        shape = (count, series, -1)
        return cls(candidates, regret.reshape(shape), paid.reshape(shape), schedules.reshape(shape))

    @property
    def total(self) -> Array:
        """Regret and cost of retrains together, shape (candidate, series, period)."""
        return self.regret + self.paid


def tune(
    spells: xr.Dataset, candidates: Sequence[Policy], cost: RetrainingCost | float, accounting: str = "signed"
) -> Tuned:
    """Replay every candidate and keep the one with the least mean objective over series.

    See Also
    --------
    replay : The bill of one policy.
    audit : Tunes on one part of a history and reports on the rest.
    fit_continuation : Learns a policy instead of choosing one.

    Examples
    --------
    >>> import learning_debt as ld
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> str(tune(spells, [ld.policies.CUSUM(0.2), ld.policies.CUSUM(5.0)], cost=0.25).policy)
    'CUSUM(0.2)'
    """
    tried = require_policies("candidates", candidates)
    require_choice("accounting", accounting, ACCOUNTINGS)
    price = as_cost(cost)
    table = check_spells(spells, sorted({name for candidate in tried for name in candidate.requires}))
    return tune_by(Bills.of(table, tried, price.resolve(table), accounting))


def tune_by(bills: Bills) -> Tuned:
    """The candidate with the least mean bill over series."""
    regret, paid, retrains = (
        values.sum(axis=-1).mean(axis=-1) for values in (bills.regret, bills.paid, bills.schedule)
    )
    objective = regret + paid
    columns = {"objective": objective, "regret": regret, "retrains": retrains}
    summary = xr.Dataset(
        {name: ("candidate", values) for name, values in columns.items()},
        coords={"candidate": [str(candidate) for candidate in bills.candidates]},
    )
    index = int(np.argmin(objective))
    return Tuned(bills.candidates[index], index, summary)
