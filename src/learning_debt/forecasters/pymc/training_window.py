"""Where, in a past that goes further back, the rows begin that a posterior was fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data import as_labels, take_rows
from learning_debt.forecasters.base import TRAINING, training_data


def since_training(posterior: Any, past: xr.Dataset, observation_dim: str) -> xr.Dataset:
    """Rows of `past` from the first one that the posterior was fitted to; all of them where those are not found.

    To the posterior of a window its first row is the beginning: a trend by position counts from there, and states start
    there.
    """
    rows = past.sizes[observation_dim]
    if not isinstance(posterior, xr.DataTree) or TRAINING not in posterior.children or rows == 0:
        return past
    seen = training_data(posterior)
    names = [
        name
        for name, variable in seen.variables.items()
        if observation_dim in variable.dims and name in past.variables and observation_dim in past.variables[name].dims
    ]
    whole, held = ([_by_row(rows_of.variables[name], observation_dim) for name in names] for rows_of in (past, seen))
    if not names or any(column.shape[1:] != other.shape[1:] for column, other in zip(whole, held, strict=True)):
        return past
    alike = np.all(
        [_alike(column, other[:1]).reshape(rows, -1).all(axis=1) for column, other in zip(whole, held, strict=True)],
        axis=0,
    )
    for start in np.flatnonzero(alike).tolist():
        common = min(rows - start, len(held[0]))  # the last rows it was fitted to may be the batch itself
        if 2 * common >= len(held[0]) and all(
            _alike(column[start : start + common], other[:common]).all()
            for column, other in zip(whole, held, strict=True)
        ):
            return take_rows(past, slice(start, None), observation_dim)
    return past


def _alike(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Entries that are equal, gaps among them."""
    return np.asarray((first == second) | ((first != first) & (second != second)), dtype=bool)


def _by_row(variable: xr.Variable, observation_dim: str) -> np.ndarray:
    others = sorted(str(dim) for dim in variable.dims if dim != observation_dim)
    values = np.asarray(variable.transpose(observation_dim, *others).values)
    if values.dtype.kind in "biufUM":
        return values
    try:
        index = as_labels(values).index  # a date is one label in every type, an instant in every time zone
    except (TypeError, ValueError):  # no labels: a column that no model uses
        return values
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return index.to_numpy().reshape(values.shape)
