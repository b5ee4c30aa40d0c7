"""Columns and outcome of a history as rows of a regression."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.typing import Array

__all__ = ["harmonics", "regression_rows"]


def harmonics(position: ArrayLike, cycle: float, count: int, name: str = "season") -> dict[str, Array]:
    """Sines and cosines of the first `count` frequencies of a cycle, as columns.

    Parameters
    ----------
    position : array_like, shape (rows,)
        Where in time a row is, in the unit of `cycle`.
    cycle : float
    count : int
    name : str
        What the columns' names begin with.

    Examples
    --------
    >>> list(harmonics([0, 3], 12, 1)), harmonics([0, 3], 12, 1)["season_sine_1"].tolist()
    (['season_sine_1', 'season_cosine_1'], [0.0, 1.0])
    """
    angle = 2 * np.pi * np.asarray(position, dtype=float) / cycle
    columns = {}
    for k in range(1, count + 1):
        columns[f"{name}_sine_{k}"], columns[f"{name}_cosine_{k}"] = np.sin(k * angle), np.cos(k * angle)
    return columns


def regression_rows(
    columns: Mapping[str, ArrayLike], outcome: ArrayLike, period: ArrayLike, series: ArrayLike | None = None
) -> xr.Dataset:
    """An intercept and the columns as ``x``, the outcome as ``y``, with the period (and series) of each row.

    Examples
    --------
    >>> regression_rows({"lag": [1.0, 2.0]}, [2.0, 3.0], ["a", "b"])["x"].values.tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    y = np.asarray(outcome, dtype=float)
    x = np.column_stack([np.ones(len(y)), *(np.asarray(column, dtype=float) for column in columns.values())])
    coords: dict[str, object] = {"coefficient": ["intercept", *columns], "period": ("obs", np.asarray(period))}
    if series is not None:
        coords["series"] = ("obs", np.asarray(series))
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)}, coords=coords)
