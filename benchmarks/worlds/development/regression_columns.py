"""Columns that an owner would forecast a series by, and rows of a regression cut into periods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.bench.histories.regression_rows import harmonics, regression_rows

LEAST_SHARE = 0.5
"""Of the usual number of rows: a period with fewer is left out."""


def columns_of(
    outcome: ArrayLike,
    lags: Iterable[int] = (1,),
    cycles: Iterable[tuple[float, int]] = (),
    means: Iterable[int] = (),
    trend: bool = False,
    others: Mapping[str, ArrayLike] | None = None,
) -> pd.DataFrame:
    """The outcome of one series as ``y``, and its columns, in time order; the first rows lack what lies before them.

    Parameters
    ----------
    outcome : array_like, shape (rows,)
    lags : of int
        Outcomes so many rows before.
    cycles : of (float, int)
        Length of a season in rows, and how many of its frequencies are columns.
    means : of int
        Means of so many last outcomes.
    trend : bool
        Time in hundreds of rows.
    others : mapping of name to array_like, shape (rows,)
    """
    y = pd.Series(np.asarray(outcome, dtype=float))
    columns = {"y": y} | {f"lag_{lag}": y.shift(lag) for lag in lags}
    columns |= {f"mean_{count}": y.shift(1).rolling(count).mean() for count in means}
    time = np.arange(len(y))
    for cycle, count in cycles:
        columns |= harmonics(time, cycle, count, f"season_{cycle}")
    if trend:
        columns["trend"] = time / 100
    columns |= {name: np.asarray(values, dtype=float) for name, values in (others or {}).items()}
    return pd.DataFrame(columns)


def volatility_columns(moves: ArrayLike, floor: float = 0.001) -> pd.DataFrame:
    """Log size of the moves of a price, by its last value and by means over a week and a month."""
    return columns_of(np.log(np.abs(np.asarray(moves, dtype=float)) + floor), means=(5, 22))


def moves_of(price: ArrayLike) -> np.ndarray:
    """Differences of the logarithm of a price."""
    return np.diff(np.log(np.asarray(price, dtype=float)))


def equal_periods(columns: pd.DataFrame | Mapping[str, pd.DataFrame], length: int) -> xr.Dataset:
    """Periods of `length` complete rows; the first rows that fill no period are left out.

    Several series, of equally many rows, are given by name; a row that is incomplete in one is left out in all.
    """
    named = columns if isinstance(columns, Mapping) else {"": columns}
    complete = ~np.any([part.isna().any(axis=1) for part in named.values()], axis=0)
    kept = complete.sum() // length * length
    parts = {name: part[complete].iloc[complete.sum() - kept :] for name, part in named.items()}
    period = np.tile(np.arange(kept) // length, len(parts))
    series = np.repeat(list(parts), kept) if isinstance(columns, Mapping) else None
    return _in_time_order(pd.concat(parts.values()), period, series)


def named_periods(columns: pd.DataFrame, period: ArrayLike) -> xr.Dataset:
    """Complete rows of one series in the periods that are given; those with few rows are left out."""
    complete = ~columns.isna().any(axis=1).to_numpy()
    of_row = pd.Series(np.asarray(period)[complete])
    count = of_row.groupby(of_row).transform("size")
    enough = (count >= max(1, LEAST_SHARE * count.median())).to_numpy()
    return _in_time_order(columns[complete][enough], of_row[enough].to_numpy(), None)


def _in_time_order(columns: pd.DataFrame, period: np.ndarray, series: np.ndarray | None) -> xr.Dataset:
    order = np.argsort(period, kind="stable")
    sorted_columns = columns.iloc[order]
    inputs = {name: sorted_columns[name].to_numpy() for name in columns.columns if name != "y"}
    outcome = sorted_columns["y"].to_numpy()
    return regression_rows(inputs, outcome, period[order], None if series is None else series[order])
