"""How the policies of a bench compare over all histories."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from learning_debt.bench.cases import BEST_CALENDAR
from learning_debt.bench.library_rows import CALENDAR_ROW, CUSUM_ROW
from learning_debt.typing import Array
from learning_debt.validation import (
    require_instance,
    require_number,
    require_probability,
    require_seed,
    require_whole_number,
)

CASE = ["history", "forecaster", "prior", "update_rule", "accounting", "split", "cost_ratio"]
FLOOR, OTHER_FLOORS = 0.25, (0.05, 1.0)
FEWEST_HISTORIES = 3
"""Fewer of them say nothing of how histories differ, so there is no interval."""
SAME = 1e-9
"""Bills in costs of a retrain that differ by less are equal."""
ALL_RATIOS = "all"


def summarise(
    bills: pd.DataFrame,
    *,
    floor: float = FLOOR,
    probability: float = 0.9,
    resamples: int = 2000,
    random_seed: int | None = 0,
) -> pd.DataFrame:
    """Compare policies over the cases of a bench, at each cost ratio and at all of them together.

    A case is a history under a forecaster, prior, update rule, split and cost ratio; its bill is the mean over series.
    Excess is what a policy cost above the oracle, in costs of a retrain.

    Parameters
    ----------
    bills : DataFrame
        As in `Bench.bills`, or read from ``bench.csv``.
    floor : float
        Excesses below it count as it before their ratio is taken.
    probability : float
        Of the intervals, by a bootstrap whose units are histories: all cases of one hang together.
    resamples : int
    random_seed : int, optional

    Returns
    -------
    DataFrame
        For each cost ratio (as text, ``"all"`` last) and policy: ``cases``, ``histories``, ``mean_excess``,
        ``median_excess``, ``excess_per_period``, ``relative`` (geometric mean of the ratio of the excess to tuned
        CUSUM's), the same at other floors, ``worst_ratio``, the shares of cases ``won``, ``lost`` and ``tied``
        against CUSUM, ``dearer_than_calendar`` and ``dearer_than_best_calendar`` (never included, in hindsight).
        Columns ending in ``_low`` and ``_high`` are ends of intervals, NaN with fewer than three histories.
        Comparisons are over the cases that both have, NaN where there are none.

    Raises
    ------
    TypeError, ValueError

    See Also
    --------
    run_bench : Makes the bills.

    Examples
    --------
    >>> one = {"history": "sales", "series": "0", "forecaster": "", "prior": "", "update_rule": "all data",
    ...     "accounting": "signed", "split": 0.6, "cost_ratio": 1.0, "periods": 40}
    >>> bills = pd.DataFrame([one | {"policy": "CUSUM", "excess": 2.0}, one | {"policy": "mine", "excess": 1.0}])
    >>> summarise(bills).set_index(["cost_ratio", "policy"]).loc[("all", "mine"), ["relative", "won"]].tolist()
    [0.5, 1.0]
    """
    _require_bills(bills)
    require_number("floor", floor, above=0)
    require_probability("probability", probability)
    require_whole_number("resamples", resamples, at_least=1)
    seed = require_seed("random_seed", random_seed)
    cases = bills.groupby([*CASE, "policy"], sort=False)[["excess", "periods"]].mean().reset_index()
    tables = []
    for ratio in [*sorted(cases["cost_ratio"].unique()), None]:
        part = cases if ratio is None else cases[cases["cost_ratio"] == ratio]
        excess = part.pivot(index=CASE, columns="policy", values="excess")
        periods = part.groupby(CASE, sort=False)["periods"].first().reindex(excess.index)
        draws = _Draws.of(excess.index.get_level_values("history"), resamples, probability, seed)
        lines = [_line(excess, name, periods, floor, draws) for name in bills["policy"].unique() if name in excess]
        tables.append(pd.DataFrame(lines).assign(cost_ratio=ALL_RATIOS if ratio is None else f"{ratio:g}"))
    whole = pd.concat(tables, ignore_index=True)
    return whole[["cost_ratio", *(name for name in whole if name != "cost_ratio")]]


class _Draws:
    """Resampled histories: how often each case counts in each resample."""

    def __init__(self, counts: Array | None, probability: float) -> None:
        self.counts, self.probability = counts, probability

    @classmethod
    def of(cls, histories: pd.Index, resamples: int, probability: float, seed: int | None) -> _Draws:
        names, which = np.unique(histories, return_inverse=True)
        if len(names) < FEWEST_HISTORIES:
            return cls(None, probability)
        drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
        return cls(drawn[:, which].astype(float), probability)

    def mean(self, name: str, values: Array, back: Any = lambda value: value) -> dict[str, float]:
        """`back` of the mean over cases that are there, and of the ends of its interval."""
        there = np.isfinite(values)
        if not there.any():
            return dict.fromkeys((name, f"{name}_low", f"{name}_high"), float("nan"))
        low = high = float("nan")
        if self.counts is not None:
            known = self.counts[:, there]
            drawn = known.sum(axis=1) > 0
            means = known[drawn] @ values[there] / known[drawn].sum(axis=1)
            low, high = np.quantile(means, [(1 - self.probability) / 2, (1 + self.probability) / 2])
        found = {name: values[there].mean(), f"{name}_low": low, f"{name}_high": high}
        return {key: float(back(value)) for key, value in found.items()}


def _line(excess: pd.DataFrame, policy: Hashable, periods: pd.Series, floor: float, draws: _Draws) -> dict[str, Any]:
    mine = excess[policy].to_numpy()
    there = np.isfinite(mine)
    rival, calendar, best = (_of(excess, name) for name in (CUSUM_ROW.name, CALENDAR_ROW.name, BEST_CALENDAR))
    ratio = np.log(np.maximum(mine, floor) / np.maximum(rival, floor))
    both = np.isfinite(ratio)
    line: dict[str, Any] = {
        "policy": policy,
        "cases": int(there.sum()),
        "histories": excess.index.get_level_values("history")[there].nunique(),
        **draws.mean("mean_excess", mine),
        "median_excess": float(np.median(mine[there])),
        **draws.mean("excess_per_period", mine / periods.to_numpy()),
        **draws.mean("relative", ratio, np.exp),
    }
    for other in OTHER_FLOORS:
        logs = np.log(np.maximum(mine, other) / np.maximum(rival, other))
        line[f"relative_floor_{other:g}"] = float(np.exp(logs[both].mean())) if both.any() else float("nan")
    return line | {
        "worst_ratio": float(np.exp(ratio[both].max())) if both.any() else float("nan"),
        "won": _share(mine < rival - SAME, both),
        "lost": _share(mine > rival + SAME, both),
        "tied": _share(np.abs(mine - rival) <= SAME, both),
        "dearer_than_calendar": _share(mine > calendar + SAME, there & np.isfinite(calendar)),
        "dearer_than_best_calendar": _share(mine > best + SAME, there & np.isfinite(best)),
    }


def _of(excess: pd.DataFrame, name: str) -> Array:
    """Excesses of a policy, NaN where the bench has it not."""
    return np.asarray(excess[name].to_numpy() if name in excess else np.full(len(excess), np.nan))


def _share(cases: Any, among: Any) -> float:
    return float(cases[among].mean()) if among.any() else float("nan")


def _require_bills(bills: Any) -> None:
    require_instance("bills", bills, pd.DataFrame, "a DataFrame, as in run_bench(...).bills")
    absent = [name for name in (*CASE, "policy", "series", "excess", "periods") if name not in bills]
    if absent:
        raise ValueError(f"bills lack the columns {absent}; give run_bench(...).bills, or what is in bench.csv")
    if bills.empty:
        raise ValueError("bills hold no line")
    twice = bills.duplicated([*CASE, "series", "policy"])
    if twice.any():
        at = bills.loc[twice].iloc[0]
        raise ValueError(f"bills hold the case of {at['history']!r} and the policy {at['policy']!r} twice")
    if not np.isfinite(bills["excess"].astype(float)).all():
        raise ValueError("bills hold an excess that is not finite")
