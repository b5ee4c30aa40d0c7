"""Covariates of a regression: one matrix, or a column for each coefficient, as CSV files and data frames hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from learning_debt.data import not_numbers, require_usable, require_variables

INTERCEPT = "intercept"
"""A coefficient of this name needs no column: where rows have none, it is all ones."""
LARGEST_NUMBER = 1e60
"""Beyond it fourth powers, which variances of score gaps are made of, come near the largest float."""


def has_matrix(dataset: xr.Dataset, names: Sequence[str]) -> bool:
    """Whether rows bring ``x`` itself, rather than a column for each of the names, one of which may be called x.

    Examples
    --------
    >>> has_matrix(xr.Dataset({"price": ("obs", [2.0])}), ["intercept", "price"])
    False
    """
    return "x" in dataset.variables and not ("x" in names and len(names) > 1 and dataset["x"].ndim == 1)


def side_by_side(dataset: xr.Dataset, names: Sequence[str], observation_dim: str, column_dim: str) -> xr.DataArray:
    """Columns of a dataset as a matrix, in the order of the names.

    Parameters
    ----------
    dataset : Dataset
    names : sequence of str
        Of the coefficients.
    observation_dim, column_dim : str

    Returns
    -------
    DataArray, dims (observation, column)
        Labelled by the names.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If one does not run along the rows, holds no numbers, or has a gap.

    Examples
    --------
    >>> rows = xr.Dataset({"price": ("obs", [2.0, 3.0])})
    >>> side_by_side(rows, ["intercept", "price"], "obs", "coefficient").values.tolist()
    [[1.0, 2.0], [1.0, 3.0]]
    """
    needed = [name for name in names if name != INTERCEPT or name in dataset.variables]
    require_variables(dataset, needed)
    require_usable(dataset, needed)
    for name in needed:
        if dataset[name].dims != (observation_dim,):
            raise ValueError(
                f"data variable {name!r} must run along {observation_dim!r} only, not {dataset[name].dims}"
            )
    ones = np.ones(dataset.sizes[observation_dim])
    columns = [as_numbers(dataset[name], name).values if name in needed else ones for name in names]
    return xr.DataArray(np.stack(columns, axis=1), {column_dim: list(names)}, (observation_dim, column_dim))


def as_numbers(variable: xr.DataArray, name: str) -> xr.DataArray:
    """A variable as floats whose squares and products stay finite.

    Raises
    ------
    ValueError
        If it holds no numbers, or too large ones.

    Examples
    --------
    >>> as_numbers(xr.DataArray([True, False]), "promotion").values.tolist()
    [1.0, 0.0]
    """
    if variable.dtype.kind not in "fiub":
        raise ValueError(not_numbers(name, variable.values))
    numbers = np.asarray(variable.values, dtype=float)
    largest = max(float(numbers.max(initial=0.0)), -float(numbers.min(initial=0.0)))
    if largest > LARGEST_NUMBER:
        raise ValueError(
            f"data variable {name!r} holds numbers as large as {largest:.3g}, whose squares and products overflow; "
            f"bring it to a unit in which all lie within {LARGEST_NUMBER:g}"
        )
    return variable.copy(data=numbers)
