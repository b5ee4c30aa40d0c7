"""One column of what a user hands over: turned into numpy's own types, and whether it can be used at all.

Conversion never refuses: a column that nobody uses may hold anything. Whoever uses one asks `why_unusable` first.
"""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.validation import describe

LARGEST = np.iinfo(np.int64)


def plain_values(values: Any) -> np.ndarray:
    """Values as an array of numpy's own types: floats and whole numbers of 64 bits, truth values, dates, text, objects.

    Masked cells and pandas' NA become NaN (numbers), NaT (dates) or None; categories become their values; Decimals and
    fractions become floats; narrow and unsigned whole numbers become wide ones, in which no difference wraps.

    Examples
    --------
    >>> plain_values(np.array([3, 250], dtype="uint8")) - 251
    array([-248,   -1])
    >>> plain_values(pd.array([1, None], dtype="Int64")).tolist()
    [1.0, nan]
    >>> plain_values(pd.Categorical(["b", "a"], categories=["a", "b", "c"])).tolist()
    ['b', 'a']
    """
    if isinstance(values, pd.Series | pd.Index):
        values = values.array
    if np.ma.isMaskedArray(values):
        array = _unmasked(values)
    elif isinstance(values, pd.api.extensions.ExtensionArray):
        array = _from_pandas(values)
    else:
        array = np.asarray(values)
    if array.dtype.kind == "O":
        return _from_objects(array)
    if array.dtype.kind == "S":
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            return array
    return _widened(array)


def why_unusable(name: Hashable, variable: xr.Variable) -> str:
    """Why a column can be neither numbers nor labels, as a sentence that names it; empty where it can.

    Examples
    --------
    >>> why_unusable("y", xr.Variable("obs", [1.0, np.nan]))
    "data variable 'y' is not finite at obs=1; drop or impute the row before handing it over"
    """
    kind, what = variable.dtype.kind, f"data variable {name!r}"
    if kind == "f" and not np.isfinite(variable.values).all():
        where = np.argwhere(~np.isfinite(variable.values))[0]
        place = ", ".join(f"{dim}={position}" for dim, position in zip(variable.dims, where, strict=True))
        return f"{what} is not finite at {place or 'its only value'}; drop or impute the row before handing it over"
    if kind in "mM" and np.isnat(variable.values).any():
        return f"{what} has a missing date (NaT) at {np.argwhere(np.isnat(variable.values))[0]}"
    if kind == "c":
        return f"{what} holds complex numbers; hand over real ones, such as the real part or the modulus"
    if kind in "SV":
        return f"{what} holds {'bytes' if kind == 'S' else 'records'} ({variable.dtype}); numbers or labels are needed"
    return _why_not_labels(what, variable.values.ravel()) if kind == "O" else ""


def not_numbers(name: Hashable, values: np.ndarray) -> str:
    """The sentence that refuses a column where numbers are needed.

    Examples
    --------
    >>> not_numbers("y", np.array(["1,234"]))[:68]
    "data variable 'y' must hold numbers, not text such as '1,234': turn "
    """
    first = values.ravel()[0] if values.size else ""
    if values.dtype.kind == "U" or isinstance(first, str):
        found, remedy = f"text such as {str(first)!r}", "turn it into numbers first, as pd.to_numeric does"
        return f"data variable {name!r} must hold numbers, not {found}: {remedy} (without thousands separators)"
    return f"data variable {name!r} must hold numbers, not {values.dtype}, such as {describe(first)}"


def _unmasked(values: Any) -> np.ndarray:
    masked = np.ma.getmaskarray(values)
    plain = np.asarray(np.ma.getdata(values))
    if not masked.any():
        return plain
    if plain.dtype.kind in "iuf":
        return np.where(masked, np.nan, plain.astype(float))
    if plain.dtype.kind in "mM":
        return np.where(masked, np.array("NaT", dtype=plain.dtype), plain)
    return np.where(masked, np.array(None, dtype=object), plain.astype(object))


def _from_pandas(values: Any) -> np.ndarray:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return plain_values(values.categories.array.take(values.codes, allow_fill=True))
    if pd.api.types.is_bool_dtype(dtype) or not pd.api.types.is_numeric_dtype(dtype):
        return np.asarray(values.to_numpy(dtype=None if not pd.api.types.is_bool_dtype(dtype) else object))
    if values.isna().any():
        return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
    return np.asarray(values.to_numpy())


def _from_objects(array: np.ndarray) -> np.ndarray:
    """Objects that are all truth values or all real numbers become an array of these; anything else stays."""
    entries = array.ravel().tolist()
    missing = [_is_missing(entry) for entry in entries]
    present = [entry for entry, gone in zip(entries, missing, strict=True) if not gone]
    if present and all(isinstance(entry, bool | np.bool_) for entry in present) and not any(missing):
        return array.astype(bool)
    if not present or not all(_is_real(entry) for entry in present):
        return array
    if not any(missing) and all(isinstance(entry, Integral) for entry in present):
        inside = all(LARGEST.min <= int(entry) <= LARGEST.max for entry in present)
        return array.astype(np.int64) if inside else array
    floats = [np.nan if gone else float(entry) for entry, gone in zip(entries, missing, strict=True)]
    return np.array(floats).reshape(array.shape)


def _widened(array: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind
    if kind == "i" or (kind == "u" and (not array.size or array.max() <= LARGEST.max)):
        return array.astype(np.int64, copy=False)
    if kind == "f":
        return array.astype(np.float64, copy=False)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _why_not_labels(what: str, entries: np.ndarray) -> str:
    for position, entry in enumerate(entries):
        if _is_missing(entry):
            return f"{what} has a missing label at position {position}"
        if isinstance(entry, Integral) and not isinstance(entry, bool | np.bool_ | np.timedelta64):
            if not LARGEST.min <= int(entry) <= LARGEST.max:
                return f"{what} holds {entry}, beyond 64 bits; make it text where it is a label, a float else"
        elif not isinstance(entry, Hashable) or isinstance(entry, complex | np.complexfloating | bytes):
            return f"{what} holds {describe(entry)} at position {position}; numbers or labels are needed"
    kinds = {_kind(entry): entry for entry in reversed(entries)}
    if len(kinds) > 1:
        found = " and ".join(f"{kind} ({describe(entry)})" for kind, entry in sorted(kinds.items()))
        return f"{what} mixes {found}; its entries must be of one kind"
    return ""


def _is_missing(entry: Any) -> bool:
    if entry is None or entry is pd.NA:
        return True
    if isinstance(entry, str):
        return False
    try:
        return bool(entry != entry)
    except (TypeError, ValueError):
        return False


def _is_real(entry: Any) -> bool:
    return isinstance(entry, Real | Decimal) and not isinstance(entry, bool | np.bool_ | np.timedelta64)


def _kind(entry: Any) -> str:
    """What an entry is, in one word."""
    if isinstance(entry, str):
        return "text"
    if isinstance(entry, bool | np.bool_):
        return "truth values"
    if isinstance(entry, Real | Decimal):
        return "numbers"
    if isinstance(entry, datetime.date | np.datetime64):
        return "dates"
    return type(entry).__name__
