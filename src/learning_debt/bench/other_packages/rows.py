"""The rows that other packages add to the bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.bench.other_packages import driftfdr_fleet, lfmm_alarms, retrainopt_policies
from learning_debt.bench.other_packages.loss_tables import one_price, require_package, watched
from learning_debt.policies.cost import RetrainingCost, as_cost
from learning_debt.pricing.replays import ACCOUNTINGS
from learning_debt.spells import check_spells
from learning_debt.validation import require_choice

Scheduler = Callable[[xr.Dataset, xr.Dataset, RetrainingCost, str], NDArray[np.bool_]]
"""(tuning part, evaluation part, resolved cost, accounting) -> retrains of the evaluation part, (series, period)."""


class PackageRow(NamedTuple):
    """Modules that must import, what to install for them, the signal without which it cannot decide, and how it does.

    Examples
    --------
    >>> PACKAGE_ROWS["driftfdr"].modules
    ('driftfdr',)
    """

    modules: tuple[str, ...]
    package: str
    needs: str
    schedule: Scheduler


def _learned(stream: str) -> PackageRow:
    modules = ("retrainopt", "sklearn.ensemble")
    schedule = partial(retrainopt_policies.learned_schedule, stream=stream)
    return PackageRow(modules, retrainopt_policies.PACKAGE, stream, schedule)


PACKAGE_ROWS: Mapping[str, PackageRow] = MappingProxyType(
    {
        "retrainopt Base": PackageRow(
            ("retrainopt",), retrainopt_policies.PACKAGE, "regret", retrainopt_policies.base_schedule
        ),
        "retrainopt Learned": _learned("deployed_score"),
        "retrainopt Learned, on regret": _learned("regret"),
        "lfmm alarm": PackageRow(("lfmm.retrain", "river"), lfmm_alarms.PACKAGE, "regret", lfmm_alarms.alarm_schedule),
        "driftfdr": PackageRow(("driftfdr",), driftfdr_fleet.PACKAGE, "regret", driftfdr_fleet.fleet_schedule),
    }
)
"""By the name of the row."""


def package_obstacle(name: str, spells: xr.Dataset, cost: RetrainingCost | float) -> str:
    """Why a row cannot be had on a table; empty where it can. Nothing is computed.

    Examples
    --------
    >>> gap = [[0.0, 0.3], [np.nan, 0.0]]
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> "deployed_score" in package_obstacle("retrainopt Learned", spells, 0.1)
    True
    """
    require_choice("name", name, sorted(PACKAGE_ROWS))
    row = PACKAGE_ROWS[name]
    try:
        known = watched([check_spells(spells)])
        if row.needs not in known:
            return f"spells must hold {row.needs} in every cell for the row {name!r}"
        one_price(as_cost(cost))
        for module in row.modules:
            require_package(module, row.package)
    except (ImportError, ValueError) as error:
        return str(error)
    return ""


def package_schedule(
    name: str, tuning: xr.Dataset, evaluation: xr.Dataset, cost: RetrainingCost | float, accounting: str = "signed"
) -> NDArray[np.bool_]:
    """Retrains that a row makes in the evaluation part of a history, shape (series, period).

    Whatever is chosen is chosen on the tuning part; in the evaluation a decision rests on periods that are over.

    Parameters
    ----------
    name : str
        One of `PACKAGE_ROWS`.
    tuning, evaluation : Dataset
        Parts of a spell table, the one where the other ends (`select_periods`).
    cost : RetrainingCost or float
        A cost ratio is measured on the tuning part.
    accounting : {"signed", "positive"}
        How tuning adds up bills.

    Raises
    ------
    ImportError
        If the package is not there, with what to install.
    ValueError
        For an unknown row or accounting, a table that lacks what the row reads or whose outcomes arrive late, or a cost
        with parts in proportion.
    """
    require_choice("name", name, sorted(PACKAGE_ROWS))
    require_choice("accounting", accounting, ACCOUNTINGS)
    row, price = PACKAGE_ROWS[name], as_cost(cost)
    for module in row.modules:
        require_package(module, row.package)
    parts = [check_spells(tuning), check_spells(evaluation)]
    if row.needs not in watched(parts):
        raise ValueError(f"spells must hold {row.needs} in every cell for the row {name!r}")
    resolved = price.resolve(parts[0])
    one_price(resolved)
    return row.schedule(parts[0], parts[1], resolved, accounting)
