"""Spell tables checked, completed and cut, whoever made them."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from itertools import count
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES
from learning_debt.spells.schema import (
    ARRIVED_GAP,
    DEPLOYED_SCORE,
    DIMS,
    DOUBTS,
    FLAGS,
    VARIABLES,
    TableFacts,
    derived_regret,
)
from learning_debt.spells.variable_checks import checked_contents, require_current_regret
from learning_debt.validation import require_instance, require_names, require_whole_number

MINIMUM_PERIODS = 8
"""Periods that an audit needs on either side of its split."""


def require_table(name: str, value: Any) -> xr.Dataset:
    """A Dataset with the dimensions of a spell table, whatever it holds, and attributes that this release reads.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> require_table("sampled", xr.Dataset())
    Traceback (most recent call last):
    ValueError: sampled lack the dimension 'deployed_at'; they have []
    """
    table = require_instance(name, value, xr.Dataset, "a spell table, the xarray.Dataset that spell_table returns")
    for dim in DIMS[1:]:
        if dim not in table.dims:
            raise ValueError(f"{name} lack the dimension {dim!r}; they have {sorted(map(str, table.dims))}")
    TableFacts.from_table(table, name)
    return table


def require_schedule(table: xr.Dataset, schedule: xr.DataArray) -> NDArray[np.bool_]:
    """Retrains of a schedule that fits a checked table, shape (series, periods).

    Raises
    ------
    ValueError
        If its dimensions or its shape are not the table's.
    """
    shape = (table.sizes[SERIES], table.sizes["period"])
    if schedule.dims != (SERIES, "period") or schedule.shape != shape:
        raise ValueError(
            f"schedule must have dims ('series', 'period') and the table's shape {shape}, "
            f"not {schedule.dims} and {schedule.shape}"
        )
    return np.asarray(schedule.values.astype(bool))


def check_spells(spells: xr.Dataset, requires: Sequence[str] = ()) -> xr.Dataset:
    """Check a table, whether made by `spell_table` or put together by its user, and complete what can be implied.

    A user's own table needs dimensions ``deployed_at`` (0..T-1) and ``period`` (1..T) and the variable ``regret`` or
    ``score_gap``; standard errors default to 0, exposure and rows to 1. Variables of the names that `spell_table` uses
    must hold what they hold there, along the same dimensions; labels of periods and series must differ. A ``regret``
    of the user's own may be anything; one with the attribute ``derived_from``, which `spell_table` and this function
    give to what they work out, must be exposure x score gap.

    Raises
    ------
    TypeError, ValueError, KeyError
        Naming the dimension or variable that is missing or does not fit, a regret that was not changed along with
        ``exposure`` or ``score_gap``, or the attribute that cannot be read: a table of a later release, for one.

    See Also
    --------
    spell_table : Makes a table from a forecaster and a history.
    select_periods : A part of a table, as a table.

    Examples
    --------
    >>> gap = [[0.0, 0.3], [np.nan, 0.0]]
    >>> table = check_spells(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}))
    >>> table.sizes["series"], float(table["regret"].isel(deployed_at=0, period=1).item())
    (1, 0.3)
    """
    require_table("spells", spells)
    requires = require_names("requires", requires)
    if spells.sizes["deployed_at"] != spells.sizes["period"]:
        raise ValueError(
            f"spells have {spells.sizes['deployed_at']} values of deployed_at and {spells.sizes['period']} periods; "
            "a table holds deployed_at 0..T-1 and period 1..T"
        )
    _check_positions(spells)
    in_memory = spells.compute()  # of a table opened lazily, every step from here on would read the file again
    complete = _completed(checked_contents(in_memory))
    require_current_regret(complete)
    for name in requires:
        if name not in complete:
            raise KeyError(
                f"spells lack the signal {name!r}, which the policy reads; they have {sorted(map(str, complete))}"
            )
    if "score_gap" in requires and ARRIVED_GAP not in complete and TableFacts.from_table(complete).horizon > 1:
        raise KeyError(
            f"spells lack {ARRIVED_GAP!r}: their forecasts are several periods ahead (attrs['horizon']), so that the "
            "gaps of a period are not known in it, and a policy that reads them would look ahead"
        )
    if DEPLOYED_SCORE in requires and learns_late(complete):
        raise ValueError(
            "the policy reads deployed_score, the score at the outcomes of the period's own forecasts, which are not "
            "known in it where the horizon is above 1 or outcomes arrive late; use a policy that reads score_gap"
        )
    upper = np.triu(np.ones((complete.sizes["period"],) * 2, dtype=bool))
    arrived = {ARRIVED_GAP} & set(complete) if "score_gap" in requires else set()
    for name in {"regret", *requires, *arrived}:
        if not np.isfinite(complete[name].values[:, upper]).all():
            hole = np.argwhere(~np.isfinite(complete[name].values) & upper)[0]
            raise ValueError(
                f"spells variable {name!r} is not finite for series {hole[0]}, deployed_at {hole[1]}, "
                f"period {hole[2] + 1}"
            )
    return complete


def learns_late(spells: xr.Dataset) -> bool:
    """Whether outcomes of a period's own forecasts may become known in later periods."""
    return ARRIVED_GAP in spells or TableFacts.from_table(spells).horizon > 1


def _completed(spells: xr.Dataset) -> xr.Dataset:
    complete = spells if SERIES in spells.dims else spells.expand_dims({SERIES: [0]})
    periods = complete.sizes["period"]
    counted = {"period": np.arange(1, periods + 1), "deployed_at": np.arange(periods)}
    labels = {} if "label" in complete.coords else {"label": ("period", counted["period"])}
    complete = complete.assign_coords(counted | labels)
    ones = xr.Variable((SERIES, "period"), np.ones((complete.sizes[SERIES], periods)))
    filled: dict[Hashable, xr.Variable] = {}
    for name in ("rows", "exposure"):
        values = complete.variables[name] * ones if name in complete else ones
        if not (np.isfinite(values.values) & (values.values > 0)).all():
            raise ValueError(f"spells variable {name!r} must be positive and finite in every period")
        filled[name] = values.transpose(SERIES, "period")
    for name in (*FLAGS, *DOUBTS):
        if name in complete and SERIES not in complete[name].dims:
            sizes = {dim: complete.sizes[dim] for dim in (SERIES, *VARIABLES[name].dims)}
            filled[name] = complete.variables[name].set_dims(sizes)
    complete = complete.assign(filled)
    if "regret" not in complete and "score_gap" not in complete:
        raise KeyError("spells need 'regret' or 'score_gap'; neither is there")
    if "regret" not in complete:
        complete = complete.assign(regret=derived_regret(complete))
    variables = {name: complete.variables[name] for name in complete.data_vars}
    cells = {name: variable for name, variable in variables.items() if set(DIMS[1:]) <= set(variable.dims)}
    return complete.assign({name: _without_past(variable) for name, variable in cells.items()})


def _without_past(cells: xr.Variable) -> xr.Variable:
    """Cells in the order of `DIMS`, those with s >= t blanked: nothing was deployed there, whatever they hold."""
    ordered = cells if SERIES in cells.dims else cells.set_dims((SERIES, *cells.dims))
    ordered = ordered.transpose(*DIMS)
    present = np.triu(np.ones((ordered.sizes["period"],) * 2, dtype=bool))
    past = ordered.values[:, ~present]
    if not past.any() or (past.dtype.kind == "f" and np.isnan(past).all()):
        return ordered
    return ordered.where(xr.Variable(DIMS[1:], present), False if past.dtype.kind == "b" else np.nan)


def _check_positions(spells: xr.Dataset) -> None:
    """Coordinates, where given, must count: a shifted or reversed table would be read wrongly."""
    for dim, first in (("deployed_at", 0), ("period", 1)):
        if dim in spells.coords and not np.array_equal(spells[dim].values, first + np.arange(spells.sizes[dim])):
            raise ValueError(
                f"spells coordinate {dim!r} does not count: deployed_at must be 0..T-1 and period 1..T. "
                "Use select_periods to cut a table, and keep the owner's names of periods in the coordinate 'label'"
            )


def first_billed(periods: int, split: float) -> int:
    """Periods before the first one that is reported on: a share of all, rounded down.

    Examples
    --------
    >>> first_billed(161, 0.6), first_billed(90, 0.7)
    (96, 63)
    """
    return int(split * periods + 1e-9)


def fewest_periods(split: float = 0.6, horizon: int = 1) -> int:
    """Periods of the smallest table that leaves enough on both sides of a split: outcomes to tune on, and to report on.

    Examples
    --------
    >>> fewest_periods(), fewest_periods(0.5), fewest_periods(horizon=3)
    (18, 16, 18)
    """
    return next(
        periods
        for periods in count(2 * MINIMUM_PERIODS)
        if first_billed(periods, split) - (horizon - 1) >= MINIMUM_PERIODS
        and periods - first_billed(periods, split) >= MINIMUM_PERIODS
    )


def select_periods(spells: xr.Dataset, first: int, last: int | None = None) -> xr.Dataset:
    """The table of a history that starts afresh after period `first` and ends with `last`, numbered from 1 again.

    What is deployed at the start is the shadow of period `first`.

    Examples
    --------
    >>> gap = np.triu(np.arange(9.0).reshape(3, 3))
    >>> part = select_periods(xr.Dataset({"score_gap": (("deployed_at", "period"), gap)}), 1)
    >>> part["score_gap"].values.tolist()
    [[4.0, 5.0], [0.0, 8.0]]
    """
    require_table("spells", spells)
    require_whole_number("first", first, at_least=0)
    stop = spells.sizes["period"] if last is None else require_whole_number("last", last, at_least=1)
    if not 0 <= first < stop <= spells.sizes["period"]:
        raise ValueError(
            f"first and last must satisfy 0 <= first < last <= {spells.sizes['period']}, not {first}, {stop}"
        )
    part = spells.isel(deployed_at=slice(first, stop), period=slice(first, stop))
    if "label" in spells.coords and first > 0:
        before = spells["label"].values[:first]
        known = np.concatenate([spells["earlier"].values, before]) if "earlier" in spells.coords else before
        earlier = ("earlier", known, spells["label"].attrs)
        part = part.drop_vars("earlier", errors="ignore").assign_coords(earlier=earlier)
    return part.assign_coords(deployed_at=np.arange(stop - first), period=np.arange(1, stop - first + 1))


def from_period(spells: xr.Dataset, first: int, last: int | None = None) -> xr.Dataset:
    """The name that `select_periods` had; it goes with the next release."""
    warnings.warn("from_period is now select_periods", DeprecationWarning, stacklevel=2)
    return select_periods(spells, first, last)
