"""What each variable of a spell table holds and along which dimensions, checked against the schema."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from learning_debt.data import SERIES, Labels, label_text, not_numbers, plain_values, restored_labels, stored_labels
from learning_debt.spells.schema import (
    BY_EXPOSURE,
    BY_PERIOD,
    CELLS,
    CODE,
    DERIVED_FROM,
    DIMS,
    LABEL,
    NUMBER,
    PERIOD,
    TEXT,
    VARIABLES,
    derived_regret,
    doubt_of,
    reliable_of,
    se_of,
)

ERRORS: dict[Hashable, str] = {se_of(name): name for name in CELLS}
VERDICTS: dict[Hashable, str] = {reliable_of(name): name for name in CELLS}
CODES: dict[Hashable, str] = {doubt_of(name): name for name in CELLS}
"""Signals by the names of their errors, of the verdicts on these, and of the codes of what is doubted."""


def require_current_regret(spells: xr.Dataset) -> None:
    """Refuse a regret that says it is exposure x score gap, and is not: one of the three was changed, the others not.

    The tolerance is that of single precision, in which a table may have been stored.

    Raises
    ------
    ValueError
        Naming a cell and both remedies.
    """
    if spells["regret"].attrs.get(DERIVED_FROM) != BY_EXPOSURE or "score_gap" not in spells:
        return
    derived, given = derived_regret(spells), spells["regret"].transpose(*DIMS)
    stale = ~np.isclose(given.values, derived.values, rtol=1e-6, atol=0.0, equal_nan=True)
    if stale.any():
        series, deployed_at, period = np.argwhere(stale)[0]
        at = series, deployed_at, period
        raise ValueError(
            f"spells variable 'regret' is {given.values[at]:g} for series {series}, deployed_at {deployed_at}, period "
            f"{period + 1}, where {BY_EXPOSURE} is {derived.values[at]:g}, from which its attribute {DERIVED_FROM!r} "
            "says it was made. If you changed exposure or score_gap, use spells.drop_vars('regret'), and it is made "
            f"anew; if this regret is your own, use del spells['regret'].attrs[{DERIVED_FROM!r}]"
        )


def checked_contents(spells: xr.Dataset) -> xr.Dataset:
    """The table with floats, truth values and labels as files hold them; variables of other names stay as they are.

    Raises
    ------
    ValueError
        Naming the variable, what it holds or runs along, and what it must: numbers, standard errors from 0 on, truth
        values, labels of one kind that differ from each other.

    Examples
    --------
    >>> gap = ("deployed_at", [0.1, 0.2])
    >>> checked_contents(xr.Dataset({"score_gap": gap}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: spells variable 'score_gap' runs along ('deployed_at',); it must run along ('deployed_at', 'period')...
    """
    changed: dict[Hashable, xr.Variable] = {}
    for name, variable in spells.variables.items():
        checked = _checked(name, variable)
        if checked is not variable:
            changed[name] = checked
    return spells.assign_coords({name: variable for name, variable in changed.items() if name in spells.coords}).assign(
        {name: variable for name, variable in changed.items() if name not in spells.coords}
    )


def _checked(name: Hashable, variable: xr.Variable) -> xr.Variable:
    signal = ERRORS.get(name) or VERDICTS.get(name) or CODES.get(name)
    known = VARIABLES.get(str(name) if signal is None else signal)
    if known is None or (name == SERIES and not variable.dims):  # one series of several, selected
        return variable
    if signal is not None:
        _require_dims(name, variable, known.dims)
        if name in CODES:
            return _codes(name, variable)
        return _errors(name, _numbers(name, variable)) if name in ERRORS else _truth(name, variable)
    if known.holds == LABEL:
        return _labels(name, variable, known.dims[0] if known.dims else SERIES)
    if name not in BY_PERIOD:
        _require_dims(name, variable, known.dims)
    elif not set(variable.dims) <= {SERIES, PERIOD}:
        raise ValueError(_along(name, variable, "'series' and 'period' only"))
    if known.holds == TEXT:
        return variable
    if known.holds == CODE:
        return _codes(name, variable)
    return _numbers(name, variable) if known.holds == NUMBER else _truth(name, variable)


def _require_dims(name: Hashable, variable: xr.Variable, dims: tuple[str, ...]) -> None:
    if set(variable.dims) - {SERIES} != set(dims):
        raise ValueError(_along(name, variable, f"{dims}, and 'series' where there are several"))


def _along(name: Hashable, variable: xr.Variable, wanted: str) -> str:
    return f"spells variable {name!r} runs along {variable.dims}; it must run along {wanted}"


def _numbers(name: Hashable, variable: xr.Variable) -> xr.Variable:
    if variable.dtype == np.float64:
        return variable
    values = plain_values(variable.values)
    if values.dtype.kind == "c":
        raise ValueError(f"spells variable {name!r} must hold real numbers, not complex ones")
    if values.dtype.kind not in "iuf":
        raise ValueError(not_numbers(name, values).replace("data", "spells", 1))
    return variable.copy(data=values.astype(float))


def _codes(name: Hashable, variable: xr.Variable) -> xr.Variable:
    """Codes of doubts; NaN, as arithmetic with labels leaves it where nothing was, is no doubt."""
    given, names = (variable.attrs.get(attribute, ()) for attribute in ("flag_values", "flag_meanings"))
    if np.size(given) != len(names.split() if isinstance(names, str) else names):
        raise ValueError(
            f"spells variable {name!r} must have attributes 'flag_values' and 'flag_meanings' of one name for each "
            "code, or neither of the two: drop both, and codes mean what they do in this release"
        )
    if variable.dtype == np.int8 and variable.values.min(initial=0) >= 0:
        return variable
    values = np.nan_to_num(_numbers(name, variable).values)
    if not np.isin(values, np.arange(128)).all():
        raise ValueError(f"spells variable {name!r} must hold codes of doubts, whole numbers from 0 to 127")
    return variable.copy(data=values.astype(np.int8))


def _errors(name: Hashable, variable: xr.Variable) -> xr.Variable:
    """Standard errors: none below 0. NaN says that there is none, as where debt is infinite."""
    negative = variable.values < 0
    if negative.any():
        where = dict(zip(variable.dims, np.argwhere(negative)[0].tolist(), strict=True))
        raise ValueError(
            f"spells variable {name!r} must hold standard errors, at least 0, not {variable.values[negative][0]:g} at "
            f"position {where}"
        )
    return variable


def _truth(name: Hashable, variable: xr.Variable) -> xr.Variable:
    if variable.dtype == np.bool_:
        return variable
    values = plain_values(variable.values)
    if values.dtype.kind not in "iufb" or not np.isin(values, (0, 1)).all():
        raise ValueError(f"spells variable {name!r} must hold True and False, not {variable.dtype}")
    return variable.copy(data=values.astype(bool))


def _labels(name: Hashable, variable: xr.Variable, dim: str) -> xr.Variable:
    if variable.dims != (dim,):
        raise ValueError(_along(name, variable, f"{dim!r} only"))
    labels = restored_labels(variable.values, variable.attrs, f"spells coordinate {name!r}")
    _require_different(labels)
    if variable.dtype.kind not in "OST":
        return variable
    values, attributes = stored_labels(labels.index, labels.what)
    return xr.Variable(variable.dims, values, variable.attrs | attributes)


def _require_different(labels: Labels) -> None:
    if not labels.index.is_unique:
        twice = labels.index[labels.index.duplicated()][0]
        raise ValueError(f"{labels.what} holds {label_text(twice)} more than once; labels must differ from each other")
