"""What one unit of mean score gap is worth in each period of each series: matched by label, never by position alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES, Labels, as_labels
from learning_debt.spells.schema import PERIOD
from learning_debt.validation import require_numbers, suggestion


def exposures(
    exposure: Any, rows: NDArray[Any], periods: Labels, series: Labels, *, only_table: bool = True
) -> NDArray[np.float64]:
    """Exposure of every series and period, shape (series, period), checked.

    Parameters
    ----------
    exposure : float, "rows", array, DataArray, Series or DataFrame
        A Series is indexed by period; a data frame by period, with a column for each series.
    rows : ndarray, shape (series, period)
        Rows that forecasts issued in the period are for.
    periods, series : Labels
        Of the table.
    only_table : bool
        Whether its history makes no other table. If it does, numbers 1..T and positions would be other periods in each,
        and only labels will do.

    Raises
    ------
    TypeError, ValueError
        If it is not positive, of another shape, or labelled otherwise than the table.

    Examples
    --------
    >>> periods, series = as_labels(["2024", "2025"], "periods"), as_labels(["A"], "series")
    >>> exposures(pd.Series([5.0, 3.0], index=["2025", "2024"]), np.ones((1, 2)), periods, series).tolist()
    [[3.0, 5.0]]
    """
    if isinstance(exposure, str):
        if exposure != "rows":
            near = suggestion(exposure, ["rows"])
            raise ValueError(f"exposure must be a number, an array or 'rows', not {exposure!r}{near}")
        exposure = rows
    if isinstance(exposure, pd.Series | pd.DataFrame):
        dims = (PERIOD, SERIES)[: exposure.ndim]
        coords = dict(zip(dims, (exposure.index, getattr(exposure, "columns", None)), strict=False))
        exposure = xr.DataArray(exposure.to_numpy(), dims=dims, coords=coords)
    if not only_table and exposure is not rows and _has_places(exposure):
        raise ValueError(
            "exposure has no labels, and series that cover other periods than each other are in tables of their own, "
            "in each of which a position is another period; give it as a Series or data frame indexed by period, as a "
            "DataArray with coordinates, or as 'rows'"
        )
    if isinstance(exposure, xr.DataArray):
        exposure = _by_label(exposure, periods, series, only_table)
    values = require_numbers("exposure", exposure, above=0)
    if values.shape not in {(), rows.shape[1:], rows.shape}:
        raise ValueError(
            f"exposure has shape {values.shape}; it must be one number, or one for each of the {rows.shape[1]} periods "
            f"in which forecasts are issued, or have the shape (series, period) = {rows.shape}"
        )
    return np.array(np.broadcast_to(values, rows.shape), dtype=float)


def _has_places(exposure: Any) -> bool:
    """Whether it has several entries that only their position tells apart."""
    if isinstance(exposure, xr.DataArray):
        return any(dim not in exposure.indexes for dim in exposure.dims)
    return np.ndim(exposure) > 0


def _by_label(exposure: xr.DataArray, periods: Labels, series: Labels, only_table: bool) -> NDArray[Any]:
    """Values in the order of the table, wherever they carry its labels."""
    strange = set(exposure.dims) - {SERIES, PERIOD}
    if strange:
        raise ValueError(f"exposure must run along 'series' and 'period' only, not {exposure.dims}")
    if SERIES in exposure.indexes:
        given = as_labels(exposure.indexes[SERIES], "exposure's series")
        exposure = exposure.isel({SERIES: _where(series, given)})
    if PERIOD in exposure.indexes:
        given = as_labels(exposure.indexes[PERIOD], "exposure's periods")
        counts = as_labels(np.arange(1, len(periods) + 1), "periods of the table, as numbers")
        by_number = only_table and given.kind == counts.kind and set(given.index) == set(counts.index)
        exposure = exposure.isel({PERIOD: _where(counts if by_number else periods, given)})
    if SERIES in exposure.dims and PERIOD not in exposure.dims:
        exposure = exposure.expand_dims({PERIOD: len(periods)})
    return np.asarray(exposure.transpose(SERIES, PERIOD, missing_dims="ignore").values)


def _where(wanted: Labels, given: Labels) -> NDArray[np.int64]:
    """Where each wanted label stands among the given ones."""
    if not given.index.is_unique:
        raise ValueError(f"{given.what} hold the label {given.texts[int(np.argmax(given.index.duplicated()))]} twice")
    try:
        positions = wanted.positions(given)
    except ValueError as error:
        raise ValueError(
            f"exposure lacks the {wanted.what}, which run from {wanted.texts[0]} to {wanted.texts[-1]}: "
            f"{given.what} are of another kind, such as {given.texts[0]}"
        ) from error
    if (positions < 0).any():
        missing = [text for text, position in zip(wanted.texts, positions, strict=True) if position < 0]
        raise ValueError(
            f"exposure lacks the {wanted.what} {missing[:5]}{' and more' if len(missing) > 5 else ''}; {given.what} "
            f"run from {given.texts[0]} to {given.texts[-1]}. Along 'period' it is matched by the labels of the "
            "periods in which forecasts are issued; in a history that makes one table, also by their numbers 1..T, and "
            "without a coordinate by position"
        )
    return positions
