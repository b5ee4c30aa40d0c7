"""Tuning: what every candidate would have paid, and the one that would have paid least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.arrays.draws.resampling import ROUNDING, block_standard_error
from learning_debt.arrays.schedules import walk
from learning_debt.data import as_frame
from learning_debt.policies import Never
from learning_debt.policies.base import Policy, require_policies
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.pricing.replays import ACCOUNTINGS, charged_regret, check_dates
from learning_debt.pricing.starts import spread_starts
from learning_debt.pricing.walks import walk_from_starts
from learning_debt.representations import Column, Part, Sentence, Table, aligned, as_html, as_text, plain_number
from learning_debt.spells import check_spells
from learning_debt.typing import Array
from learning_debt.validation import require_choice, require_number, require_whole_number

MOST_CANDIDATES = 10
"""Candidates that a text shows."""


@dataclass(frozen=True)
class Tuned:
    """The candidate with the least mean objective, and how all of them did.

    Attributes
    ----------
    policy : Policy
    index : int
        Its place among the candidates.
    table : Dataset (candidate)
        ``objective``, ``regret`` and ``retrains``, means over series and starts; ``difference`` of the objective to
        that of the chosen candidate, and ``difference_se``, its standard error from one period to the next (from one
        series to the next, if there are several); NaN where there is too little to say. ``complexity`` as in `tune`.
    """

    policy: Policy
    index: int
    table: xr.Dataset

    def to_dataframe(self) -> pd.DataFrame:
        """`table` as a data frame: a row a candidate, in the order in which they were given."""
        return as_frame(self.table)

    def parts(self) -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from."""
        cheapest = self.table.isel(
            candidate=np.argsort(self.table["objective"].values, kind="stable")[:MOST_CANDIDATES]
        )
        values = {name: cheapest[name].values for name in ("objective", "regret", "difference", "difference_se")}
        columns = [
            Column("retrains", [plain_number(value) for value in cheapest["retrains"].values], 1),
            Column("regret", aligned(values["regret"]), 3),
            Column("total", aligned(values["objective"])),
            Column("more than chosen", aligned(values["difference"], sign=True), 2),
            Column("its error", aligned(values["difference_se"]), 4),
        ]
        count = self.table.sizes["candidate"]
        more = f"And {count - MOST_CANDIDATES} dearer ones." if count > MOST_CANDIDATES else ""
        names = Column("candidate", [str(name) for name in cheapest["candidate"].values])
        chosen = Sentence(f"is chosen of {count} candidates.", lead=str(self.policy))
        return [chosen, Table("", names, columns, "to_dataframe() has them", more)]

    def __str__(self) -> str:
        return as_text(self.parts())

    def _repr_html_(self) -> str:
        return as_html(self.parts())


@dataclass(frozen=True)
class Bills:
    """What each candidate would have paid in each period of a checked table, the mean over its starts.

    Attributes
    ----------
    candidates : sequence of Policy
    regret, paid : ndarray, shape (candidate, series, period)
        Regret as it is charged, and what retrains cost.
    retrains : ndarray, shape (candidate, series, period)
        Share of the walks that retrain.
    """

    candidates: Sequence[Policy]
    regret: Array
    paid: Array
    retrains: Array

    @classmethod
    def of(
        cls,
        table: xr.Dataset,
        candidates: Sequence[Policy],
        cost: RetrainingCost,
        accounting: str,
        starts: Sequence[int] = (0,),
        history: xr.Dataset | None = None,
    ) -> Bills:
        """Walk all candidates, side by side where they differ in numbers only; `cost` is resolved.

        `history` is a checked table whose last periods are this one's, for candidates that refit.
        """
        for candidate in candidates:
            check_dates(table, candidate)
        begin = np.asarray(starts, dtype=np.int64)
        schedules = walk_from_starts(table, candidates, cost, starts, history)
        regret = walk.mean_over_starts(charged_regret(table, cost, accounting), schedules, begin)
        costs = np.array(cost.retraining_costs(table))
        paid = walk.mean_over_starts(costs, schedules, begin, at_retrains=True)
        retrains = walk.mean_over_starts(np.ones_like(costs), schedules, begin, at_retrains=True)
        return cls(candidates, regret, paid, retrains)

    @property
    def total(self) -> Array:
        """Regret and cost of retrains together, shape (candidate, series, period)."""
        return self.regret + self.paid


def tune(
    spells: xr.Dataset,
    candidates: Sequence[Policy],
    cost: RetrainingCost | float,
    accounting: str = "signed",
    *,
    starts: int | None = None,
    within: float = 0.0,
) -> Tuned:
    """Bill every candidate from many starts of a table, and keep the one that costs least.

    What one walk from the first period pays owes much to the luck of where its spells begin. A spell table holds what
    would have come after every other start, too: each candidate walks from many of them, and its bill in a period is
    the mean over the walks that have begun by then, so that every period counts once. Calendars count from the start.

    Parameters
    ----------
    spells : Dataset
    candidates : sequence of Policy
    cost : RetrainingCost or float
    accounting : {"signed", "positive"}
    starts : int, optional
        How many, spread evenly over the table. Left out: every period of a single series of up to 100 periods, 100 of
        a longer one; of several series as many as make 100 walks of all together, and at least ten. With 1 the
        objective is that of `replay`.
    within : float
        Standard errors of the paired difference to the cheapest within which a candidate counts as no dearer. Of the
        candidates that do, the simplest is kept, and of equally simple ones the cheapest.

    Raises
    ------
    TypeError, ValueError, KeyError
        As `replay`, or for `starts` below 1 or `within` below 0.

    See Also
    --------
    replay : The bill of one policy.
    audit : Tunes on one part of a history and reports on the rest.
    fit_continuation : Learns a policy instead of choosing one.

    Notes
    -----
    Complexity is 0 for never, 1 for what looks at no signal, and for others 1 plus the numbers that stand behind them,
    those that a calibration has learned included: CUSUM and the predictive-debt threshold come next, then the blended
    and the debt threshold, then learned models.

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
    if starts is not None:
        require_whole_number("starts", starts, at_least=1)
    require_number("within", within, at_least=0)
    price = as_cost(cost)
    table = check_spells(spells, sorted({name for candidate in tried for name in candidate.requires}))
    return tune_by(Bills.of(table, tried, price.resolve(table), accounting, spread_starts(table, starts)), within)


def tune_by(bills: Bills, within: float = 0.0) -> Tuned:
    """The candidate with the least mean bill over series, or the simplest that is no dearer."""
    regret, paid, retrains = (
        values.sum(axis=-1).mean(axis=-1) for values in (bills.regret, bills.paid, bills.retrains)
    )
    objective, simplicity = regret + paid, np.array([complexity(candidate) for candidate in bills.candidates])
    rounding = ROUNDING * np.abs(objective).max()
    cheapest = int(np.argmin(objective))
    allowed = within * _errors(bills, cheapest) if within > 0 else np.zeros_like(objective)
    no_dearer = np.flatnonzero(objective - objective[cheapest] <= allowed + rounding)
    simplest = no_dearer[simplicity[no_dearer] == simplicity[no_dearer].min()]
    index = int(simplest[np.argmax(objective[simplest] <= objective[simplest].min() + rounding)])
    columns = {
        "objective": objective,
        "regret": regret,
        "retrains": retrains,
        "difference": objective - objective[index],
        "difference_se": _errors(bills, index),
        "complexity": simplicity,
    }
    summary = xr.Dataset(
        {name: ("candidate", values) for name, values in columns.items()},
        coords={"candidate": [str(candidate) for candidate in bills.candidates]},
    )
    return Tuned(bills.candidates[index], index, summary)


def complexity(policy: Policy) -> int:
    """How many numbers stand behind a policy, as `tune` counts them.

    Examples
    --------
    >>> from learning_debt.policies import CUSUM, BlendedThreshold, Calendar
    >>> [complexity(policy) for policy in (Never(), Calendar(4), CUSUM(1.0), BlendedThreshold(1.0, 0.1, 0.9))]
    [0, 1, 2, 4]
    """
    if not policy.requires:
        return 0 if isinstance(policy, Never) else 1
    return 1 + max(1, _numbers(policy))


def _numbers(value: Any) -> int:
    """Numbers in a policy or model, however deep."""
    if is_dataclass(value):
        return sum(_numbers(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple | list):
        return sum(map(_numbers, value))
    return int(np.size(value)) if isinstance(value, int | float | np.ndarray) and not isinstance(value, bool) else 0


def _errors(bills: Bills, index: int) -> Array:
    """Standard errors of the paired differences to one candidate, NaN with too few periods or series, 0 for itself."""
    total = bills.total
    size = float(np.abs(total).max()) or 1.0
    paired = (total - total[index]) / size  # so that squares of any bill are numbers
    series, periods = paired.shape[1:]
    if series > 1:
        return np.asarray(size * paired.sum(axis=-1).std(axis=-1, ddof=1) / np.sqrt(series))
    length, scale = max(1, round(periods**0.5)), size * periods
    return np.array([scale * block_standard_error(one, length) if one.any() else 0.0 for one in paired[:, 0]])
