"""Observations with names: what a user hands over, checked and turned into one `xarray.Dataset`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr


def as_dataset(data: Any, observation_dim: str = "obs") -> xr.Dataset:
    """Turn a Dataset, a mapping of arrays or a data frame into a checked Dataset.

    Parameters
    ----------
    data : xarray.Dataset, mapping or pandas.DataFrame
        A mapping holds arrays, ``(dims, values)`` pairs or DataArrays. The first axis of a plain array is the
        observation dimension; scalars and ``(dims, values)`` pairs without it pass through as static data.
        The columns of a data frame all run along the observation dimension.
    observation_dim : str
        Name of the observation dimension.

    Returns
    -------
    xarray.Dataset
        With at least one variable along `observation_dim`, at least one row, and finite numbers only.

    Raises
    ------
    TypeError
        If `data` is none of the accepted containers.
    ValueError
        If there are no rows, if lengths disagree, or if a numeric variable is not finite.

    Examples
    --------
    >>> as_dataset({"x": [[1.0], [2.0]], "y": [0.5, 1.5]}).sizes["obs"]
    2
    """
    dataset = _convert(data, observation_dim)
    if observation_dim not in dataset.dims:
        raise ValueError(
            f"data has no dimension {observation_dim!r}; its dimensions are {sorted(map(str, dataset.dims))}. "
            "Name the observation dimension with observation_dim=..."
        )
    if dataset.sizes[observation_dim] == 0:
        raise ValueError(f"data has no rows along {observation_dim!r}; at least one observation is needed")
    require_finite(dataset, observation_dim)
    return dataset


def _convert(data: Any, observation_dim: str) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        return data
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        names = [str(name) for name in data.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"data has repeated column names: {sorted({n for n in names if names.count(n) > 1})}")
        return xr.Dataset({str(name): (observation_dim, data[name].to_numpy()) for name in data.columns})
    if isinstance(data, Mapping):
        variables = {str(name): _with_dims(str(name), value, observation_dim) for name, value in data.items()}
        try:
            return xr.Dataset(variables)
        except ValueError as error:
            raise ValueError(f"the arrays of data do not fit together: {error}") from error
    raise TypeError(f"data must be an xarray.Dataset, a mapping of arrays or a data frame, not {type(data).__name__}")


def _with_dims(name: str, value: Any, observation_dim: str) -> Any:
    if isinstance(value, xr.DataArray):
        return value
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | tuple | list):
        return value
    values = np.asarray(value)
    return ((observation_dim, *(f"{name}_dim_{axis}" for axis in range(1, values.ndim)))[: values.ndim], values)


def require_finite(dataset: xr.Dataset, observation_dim: str) -> None:
    """Raise a ``ValueError`` naming the first numeric variable and row that is not finite."""
    for name, variable in dataset.variables.items():
        if variable.dtype.kind == "f" and not np.isfinite(variable.values).all():
            where = np.argwhere(~np.isfinite(variable.values))[0]
            place = ", ".join(f"{dim}={position}" for dim, position in zip(variable.dims, where, strict=True))
            raise ValueError(
                f"data variable {name!r} is not finite at {place or 'its only value'}; "
                "drop or impute the row before handing it over"
            )
        if variable.dtype.kind in "mM" and np.isnat(variable.values).any():
            raise ValueError(
                f"data variable {name!r} has a missing date (NaT) at {np.argwhere(np.isnat(variable.values))[0]}"
            )
        if variable.dtype.kind == "O" and observation_dim in variable.dims:
            missing = [value is None or value != value for value in variable.values.ravel()]
            if any(missing):
                raise ValueError(f"data variable {name!r} has a missing label at position {missing.index(True)}")


def plain_labels(labels: Any) -> list[Any]:
    """Period labels as plain Python values that compare by what they mean; dates as ``datetime``.

    Examples
    --------
    >>> plain_labels(np.array(["2024-01-05"], dtype="datetime64[ns]"))
    [datetime.datetime(2024, 1, 5, 0, 0)]
    """
    values = np.asarray(labels)
    if values.dtype.kind == "M":  # nanoseconds would come out as integers
        values = values.astype("datetime64[us]")
    return values.tolist()


def require_variables(dataset: xr.Dataset, names: Sequence[str], what: str = "data") -> None:
    """Raise a ``KeyError`` naming what is missing and the nearest spelling that is present."""
    for name in names:
        if name not in dataset.variables:
            present = sorted(str(key) for key in dataset.variables)
            near = difflib.get_close_matches(name, present, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"{what} lacks the variable {name!r}{hint} (it has {present})")


def take_rows(dataset: xr.Dataset, rows: slice | np.ndarray, observation_dim: str) -> xr.Dataset:
    """Select rows by position along the observation dimension; static variables pass through."""
    return dataset.isel({observation_dim: rows})


def as_past(past: Any, observation_dim: str) -> xr.Dataset:
    """Rows before a batch as a checked Dataset; no rows at all say that nothing was before."""
    rows = _convert(past, observation_dim)
    return rows if rows.sizes.get(observation_dim) == 0 else as_dataset(rows, observation_dim)


def follow(past: xr.Dataset, batch: xr.Dataset, observation_dim: str) -> xr.Dataset:
    """Rows of `past`, then those of `batch`; what does not run along the rows comes from `batch`.

    A column that only `past` has, such as the outcome of rows yet to be forecast, goes on with zeros.

    Raises
    ------
    KeyError, ValueError
        If `past` lacks a column of the batch, or its columns have other dimensions.

    Examples
    --------
    >>> past, batch = as_dataset({"y": [1.0, 2.0]}), as_dataset({"y": [3.0]})
    >>> follow(past, batch, "obs")["y"].values.tolist()
    [1.0, 2.0, 3.0]
    """
    count, joined = batch.sizes[observation_dim], {}
    for name, variable in batch.variables.items():
        if observation_dim not in variable.dims:
            joined[name] = variable
            continue
        if name not in past.variables:
            if name == observation_dim:
                continue
            raise KeyError(f"past lacks the variable {name!r}, which the batch has; past needs the same columns")
        before = past.variables[name]
        if set(before.dims) != set(variable.dims):
            raise ValueError(f"past has {name!r} along {before.dims}, the batch along {variable.dims}")
        joined[name] = xr.Variable.concat([before.transpose(*variable.dims), variable], observation_dim)
    for name, variable in past.variables.items():
        if observation_dim in variable.dims and name not in batch.variables and variable.dtype.kind in "iufb":
            shape = tuple(count if dim == observation_dim else size for dim, size in variable.sizes.items())
            zeros = xr.Variable(variable.dims, np.zeros(shape, dtype=variable.dtype))
            joined[name] = xr.Variable.concat([variable, zeros], observation_dim)
    coords = {name: joined.pop(name) for name in list(joined) if name in batch.coords}
    return xr.Dataset(joined, coords=coords)
