"""The variables and labels of a spell table: their names, what they hold, and along which dimensions."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from learning_debt.data import SERIES, Labels, label_text, not_numbers, plain_values, restored_labels, stored_labels

SAMPLED = ("debt", "predictive_debt", "score_gap")
"""Signals that a table holds unless told otherwise."""

EXACT_ONLY = ("parameter_gap", "residual_exceedance")
"""Optional signals that the exact engine alone offers."""

DRAWS_ONLY = ("deployed_pareto_k",)
"""Optional signals that mean something for draws only."""

OPTIONAL = (*EXACT_ONLY, "deployed_score", *DRAWS_ONLY)
"""Signals that a table holds only when asked for."""

ESTIMATED = (*SAMPLED, "deployed_score")
"""Signals that carry a standard error when they come from draws."""

ARRIVED_GAP = "arrived_gap"
"""What a table that forecasts several steps ahead, or learns late, hands to policies as ``score_gap``."""

DEPLOYED_AT, PERIOD = "deployed_at", "period"
CELLS = (*SAMPLED, *OPTIONAL, ARRIVED_GAP, "gap_sd", "regret")
"""Numbers for every pair (deployed_at, period); with suffixes ``_se`` and ``_reliable`` their errors and verdicts."""
FLAGS = {"converged": PERIOD, "deployed_converged": DEPLOYED_AT}
DOUBTS = {"doubt": PERIOD, "deployed_doubt": DEPLOYED_AT}
BY_PERIOD = ("rows", "exposure", "refits", "evaluations", "seconds", "pareto_k")
DERIVED_FROM, BY_EXPOSURE = "derived_from", "exposure x score_gap"
"""Attribute, and its value, of a regret that nobody gave: it goes stale where exposure or gap change."""
LABELLED = {"label": PERIOD, "deployed_label": DEPLOYED_AT, SERIES: SERIES, "earlier": "earlier"}


def derived_regret(spells: xr.Dataset) -> xr.DataArray:
    """Exposure x score gap, dims (series, deployed_at, period), with an attribute that says so."""
    regret = (spells["exposure"] * spells["score_gap"]).transpose(SERIES, DEPLOYED_AT, PERIOD)
    regret.attrs = {DERIVED_FROM: BY_EXPOSURE}
    return regret


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
    derived, given = derived_regret(spells), spells["regret"].transpose(SERIES, DEPLOYED_AT, PERIOD)
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
    return spells.assign_coords({name: one for name, one in changed.items() if name in spells.coords}).assign(
        {name: one for name, one in changed.items() if name not in spells.coords}
    )


def _checked(name: Hashable, variable: xr.Variable) -> xr.Variable:
    base, _, suffix = str(name).rpartition("_")
    if name == SERIES and not variable.dims:  # one series of several, selected
        return variable
    if name in LABELLED:
        return _labels(name, variable, LABELLED[str(name)])
    if name in CELLS or (base in CELLS and suffix == "se"):
        _require_dims(name, variable, (DEPLOYED_AT, PERIOD))
        return _errors(name, _numbers(name, variable)) if name not in CELLS else _numbers(name, variable)
    if base in CELLS and suffix == "reliable":
        _require_dims(name, variable, (DEPLOYED_AT, PERIOD))
        return _truth(name, variable)
    if name in FLAGS:
        _require_dims(name, variable, (FLAGS[str(name)],))
        return _truth(name, variable)
    if name in DOUBTS:
        _require_dims(name, variable, (DOUBTS[str(name)],))
    if name in BY_PERIOD:
        if not set(variable.dims) <= {SERIES, PERIOD}:
            raise ValueError(_along(name, variable, "'series' and 'period' only"))
        return _numbers(name, variable)
    return variable


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
