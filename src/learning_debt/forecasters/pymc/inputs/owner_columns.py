"""Columns as an owner hands them over, some of which nobody uses: which a model used, and which may be stored."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import pandas as pd
import xarray as xr

from learning_debt.data import not_numbers, why_unusable


@contextmanager
def naming_columns(rows: xr.Dataset, what: str) -> Iterator[None]:
    """Whatever the owner's function raises, told together with the columns that it may have stumbled over.

    Which columns it reads is not known, and its own error may be numpy's about a text or a gap in none by name.
    """
    try:
        yield
    except Exception as error:
        variables = rows.variables.items()
        suspects = [why for name, variable in variables if (why := _suspect(name, variable, str(error)))]
        if not suspects and isinstance(error, TypeError):
            suspects = _as_labels(rows)
        if not suspects:
            raise
        reason = f"{type(error).__name__}: {error}".strip().rstrip(".")
        raise ValueError(f"{'; '.join(suspects[:3])} ({what} failed with {reason})") from error


def storable(rows: xr.Dataset, used: set[str], *, prepared: bool) -> xr.Dataset:
    """The rows without columns that nobody uses and a posterior cannot carry.

    Those are columns whose name no group of a `DataTree`, or no netCDF file, may hold, and those that are neither
    numbers nor labels. Where the owner prepares the data, any column may be used: numbers with gaps are kept then.
    """
    left_out = [
        name
        for name, variable in rows.variables.items()
        if name not in used
        and (_unnameable(name) or (why_unusable(name, variable) and not (prepared and _gaps(variable))))
    ]
    return rows.drop_vars(left_out)


def require_storable(rows: xr.Dataset, used: set[str]) -> None:
    """Raise a ``ValueError`` unless the columns that a model uses can be stored with its posterior."""
    for name in rows.variables:
        if name in used and (why := _unnameable(name)):
            raise ValueError(why)


def _unnameable(name: Hashable) -> str:
    if "/" not in str(name) and str(name) not in ("", ".", ".."):
        return ""
    return f"data variable {name!r} has a name that cannot be stored with a posterior (no slashes): rename the column"


def _gaps(variable: xr.Variable) -> bool:
    return variable.dtype.kind in "fmM"


def _as_labels(rows: xr.Dataset) -> list[str]:
    """What to do with columns of labels, if there are any: numpy's and PyTensor's own errors name none."""
    named = [repr(name) for name, variable in rows.variables.items() if variable.dtype.kind in "OUT"]
    if not named:
        return []
    return [
        f"data variable(s) {', '.join(named)} hold labels, which pm.Data does not take: give it their positions, as of "
        "np.unique(labels, return_inverse=True), and the labels as coords of the model"
    ]


def _suspect(name: Hashable, variable: xr.Variable, error: str) -> str:
    """What is odd about a column: it has gaps, its numbers are written as text, or the error names its type."""
    why = _unnameable(name) or why_unusable(name, variable)
    if not why and variable.dtype.kind in "mM" and str(variable.dtype) in error:
        return not_numbers(name, variable.values)
    if why or variable.dtype.kind not in "OU" or not variable.size:
        return why
    first = variable.values.ravel()[0]
    if not isinstance(first, str) or pd.isna(pd.to_numeric(first.replace(",", "").strip(), errors="coerce")):
        return ""
    return not_numbers(name, variable.values)
