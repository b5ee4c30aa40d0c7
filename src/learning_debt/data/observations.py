"""Observations with names: what a user hands over, checked and turned into one `xarray.Dataset`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data.columns import plain_values, why_unusable
from learning_debt.data.label_storage import restored_labels
from learning_debt.data.labels import as_labels, label_text
from learning_debt.validation import suggestion


def as_dataset(data: Any, observation_dim: str = "obs", used: Iterable[str] | None = None) -> xr.Dataset:
    """Turn a Dataset, a mapping of arrays or a data frame into a checked Dataset.

    Parameters
    ----------
    data : xarray.Dataset, mapping or pandas.DataFrame
        A mapping holds arrays, ``(dims, values)`` pairs or DataArrays. The first axis of a plain array is the
        observation dimension; scalars and ``(dims, values)`` pairs without it pass through as static data.
        The columns of a data frame all run along the observation dimension.
    observation_dim : str
        Name of the observation dimension.
    used : iterable of str, optional
        Columns that will be used, and so must hold finite numbers or labels; all of them if left out. The others ride
        along, whatever they hold.

    Returns
    -------
    xarray.Dataset
        With at least one variable along `observation_dim` and at least one row, in the types of `plain_values`.

    Raises
    ------
    TypeError
        If `data` is none of the accepted containers.
    ValueError
        If there are no rows, if lengths disagree, if a name comes twice, or if a used column has a gap, is not finite,
        complex or a mixture.

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
    require_usable(dataset, dataset.variables if used is None else used)
    return dataset


def _convert(data: Any, observation_dim: str) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        changed = {
            name: _plain_variable(variable) for name, variable in data.variables.items() if name not in data.xindexes
        }
        return data.assign(
            {name: variable for name, variable in changed.items() if variable is not data.variables[name]}
        )
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):  # pandas, polars and their kin
        _require_different([str(name) for name in data.columns])
        columns = {str(name): data[name] for name in data.columns}
        plain = (
            (name, column if isinstance(column, pd.Series) else column.to_numpy()) for name, column in columns.items()
        )
        return xr.Dataset({name: (observation_dim, plain_values(values)) for name, values in plain})
    if isinstance(data, Mapping):
        _require_different([str(name) for name in data])
        _require_aligned(data, observation_dim)
        variables = {str(name): _with_dims(str(name), value, observation_dim) for name, value in data.items()}
        try:
            return xr.Dataset(variables)
        except ValueError as error:
            raise ValueError(f"the arrays of data do not fit together: {error}") from error
    raise TypeError(f"data must be an xarray.Dataset, a mapping of arrays or a data frame, not {type(data).__name__}")


def _plain_variable(variable: xr.Variable) -> xr.Variable:
    """A variable in the types of `plain_values`; the same object where it is so already."""
    own = isinstance(variable.dtype, np.dtype)
    if own and (variable.dtype in (np.float64, np.int64, np.bool_) or variable.dtype.kind in "mMU"):
        return variable
    values = variable.data if isinstance(variable.data, pd.api.extensions.ExtensionArray) else variable.values
    plain = plain_values(values)
    return variable if plain is values else xr.Variable(variable.dims, plain, variable.attrs)


def _with_dims(name: str, value: Any, observation_dim: str) -> Any:
    if isinstance(value, xr.DataArray):
        plain = _plain_variable(value.variable)
        return value if plain is value.variable else value.copy(data=plain.values)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | tuple | list):
        return value[0], plain_values(value[1])
    if isinstance(value, xr.Variable):
        return _plain_variable(value)
    try:
        values = plain_values(value)
    except ValueError as error:
        raise ValueError(f"data variable {name!r} is no array: {error}") from error
    return ((observation_dim, *(f"{name}_dim_{axis}" for axis in range(1, values.ndim)))[: values.ndim], values)


def _require_different(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"data has repeated column names: {sorted({name for name in names if names.count(name) > 1})}")


def _require_aligned(data: Mapping[Any, Any], observation_dim: str) -> None:
    """Columns of one mapping are rows side by side, so the same rows must stand in the same places."""
    indexes = [
        (name, index) for name, value in data.items() if (index := _row_index(value, observation_dim)) is not None
    ]
    for name, index in indexes[1:]:
        first, expected = indexes[0]
        if len(index) == len(expected) and not index.equals(expected) and len(index.intersection(expected)):
            raise ValueError(
                f"data variables {first!r} and {name!r} carry row labels (a pandas index, a coordinate along "
                f"{observation_dim!r}) that differ, so their rows do not belong together as they stand; put both into "
                "one DataFrame or Dataset, or hand over .to_numpy()"
            )


def require_same_rows(name: str, values: Any, data: Any, observation_dim: str) -> None:
    """Raise a ``ValueError`` if `values`, one for each row of `data`, carry the labels of its rows in another order.

    Examples
    --------
    >>> rows = pd.DataFrame({"y": [1.0, 2.0]})
    >>> require_same_rows("row_weight", pd.Series([0.5, 1.0], index=[1, 0]), rows, "obs")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: row_weight carries the labels of the rows in another order than the data, first 1 where the data ...
    """
    given, expected = _row_index(values, observation_dim), _rows_of(data, observation_dim)
    if given is None or expected is None or len(given) != len(expected) or given.equals(expected):
        return
    if len(given.intersection(expected)):
        place = next(k for k, (first, second) in enumerate(zip(given, expected, strict=True)) if first != second)
        raise ValueError(
            f"{name} carries the labels of the rows in another order than the data, first {label_text(given[place])} "
            f"where the data have {label_text(expected[place])}: put both in one order, or hand over .to_numpy()"
        )


def _rows_of(data: Any, observation_dim: str) -> pd.Index | None:
    if isinstance(data, xr.Dataset):
        return data.indexes.get(observation_dim)
    if isinstance(data, Mapping):
        return next((i for column in data.values() if (i := _row_index(column, observation_dim)) is not None), None)
    return _row_index(data, observation_dim)


def _row_index(value: Any, observation_dim: str) -> pd.Index | None:
    if isinstance(value, pd.Series | pd.DataFrame):
        return value.index
    return value.indexes.get(observation_dim) if isinstance(value, xr.DataArray) else None


def require_usable(dataset: xr.Dataset, names: Iterable[Hashable]) -> None:
    """Raise a ``ValueError`` naming the first of these columns that has a gap, is not finite, complex or a mixture."""
    for name in names:
        why = why_unusable(name, dataset.variables[name]) if name in dataset.variables else ""
        if why:
            raise ValueError(why)


def plain_labels(labels: Any) -> list[Any]:
    """Labels as plain Python values that compare by what they mean; dates of any kind as ``datetime``.

    A DataArray's labels are those that `stored_labels` stored there.

    Examples
    --------
    >>> plain_labels(np.array(["2024-01-05"], dtype="datetime64[ns]"))
    [datetime.datetime(2024, 1, 5, 0, 0)]
    >>> from learning_debt.data import stored_labels
    >>> months, attributes = stored_labels(pd.period_range("2024-01", periods=1, freq="M"))
    >>> plain_labels(xr.DataArray(months, dims="period", attrs=attributes))
    [Period('2024-01', 'M')]
    """
    stored = isinstance(labels, xr.DataArray)
    index = (restored_labels(labels.values, labels.attrs) if stored else as_labels(labels)).index
    if isinstance(index, pd.DatetimeIndex):
        return [moment.to_pydatetime(warn=False) for moment in index]
    return [duration.to_pytimedelta() for duration in index] if isinstance(index, pd.TimedeltaIndex) else index.tolist()


def require_variables(dataset: xr.Dataset, names: Sequence[str], what: str = "data") -> None:
    """Raise a ``KeyError`` naming what is missing and the nearest spelling that is present."""
    for name in names:
        if name not in dataset.variables:
            present = sorted(str(key) for key in dataset.variables)
            raise KeyError(f"{what} lacks the variable {name!r}{suggestion(name, present)} (it has {present})")


def take_rows(dataset: xr.Dataset, rows: slice | np.ndarray, observation_dim: str) -> xr.Dataset:
    """Select rows by position along the observation dimension; static variables pass through."""
    return dataset.isel({observation_dim: rows})


def as_past(past: Any, observation_dim: str, used: Iterable[str] | None = None) -> xr.Dataset:
    """Rows before a batch as a checked Dataset, as `as_dataset`; no rows at all say that nothing was before."""
    rows = _convert(past, observation_dim)
    return rows if rows.sizes.get(observation_dim) == 0 else as_dataset(rows, observation_dim, used)


def append_rows(past: xr.Dataset, batch: xr.Dataset, observation_dim: str) -> xr.Dataset:
    """Rows of `past`, then those of `batch`; what does not run along the rows comes from `batch`.

    A column that only `past` has, such as the outcome of rows yet to be forecast, goes on with zeros.

    Raises
    ------
    KeyError, ValueError
        If `past` lacks a column of the batch, or its columns have other dimensions.

    Examples
    --------
    >>> past, batch = as_dataset({"y": [1.0, 2.0]}), as_dataset({"y": [3.0]})
    >>> append_rows(past, batch, "obs")["y"].values.tolist()
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
        joined[name] = _one_after_the_other(before.transpose(*variable.dims), variable, observation_dim)
    for name, variable in past.variables.items():
        if observation_dim in variable.dims and name not in batch.variables and variable.dtype.kind in "iufb":
            shape = tuple(count if dim == observation_dim else size for dim, size in variable.sizes.items())
            zeros = xr.Variable(variable.dims, np.zeros(shape, dtype=variable.dtype))
            joined[name] = xr.Variable.concat([variable, zeros], observation_dim)
    coords = {name: joined.pop(name) for name in list(joined) if name in batch.coords}
    return xr.Dataset(joined, coords=coords)


def _one_after_the_other(before: xr.Variable, after: xr.Variable, observation_dim: str) -> xr.Variable:
    """Two pieces of a column; numpy would turn numbers after text into text, and dates after objects into numbers."""
    kinds = {before.dtype.kind, after.dtype.kind}
    if len(kinds) > 1 and not kinds <= set("biuf"):
        before, after = _as_objects(before), _as_objects(after)
    return xr.Variable.concat([before, after], observation_dim)


def _as_objects(variable: xr.Variable) -> xr.Variable:
    values = pd.Index(variable.values.ravel(), tupleize_cols=False).astype(object).to_numpy()
    return xr.Variable(variable.dims, values.reshape(variable.shape), variable.attrs)
