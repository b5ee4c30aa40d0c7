"""All rows of the bench by name, and which of them are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from learning_debt.bench.cases import HINDSIGHT
from learning_debt.bench.library_rows import LIBRARY_ROWS
from learning_debt.bench.package_rows import HINDSIGHT_ROWS, PACKAGE_ROWS
from learning_debt.bench.rival_rows import RIVAL_ROWS
from learning_debt.bench.rows import Row
from learning_debt.validation import describe, require_sequence, suggestion

__all__ = ["ROWS", "chosen_rows"]

ROWS: Mapping[str, Row] = MappingProxyType(
    {row.name: row for row in (*LIBRARY_ROWS, *RIVAL_ROWS, *PACKAGE_ROWS, *HINDSIGHT_ROWS)}
)
"""Every row by its name."""
ALWAYS_THERE = ("never", "always", "calendar", "CUSUM")
"""Rows that others are held against, whatever else is asked for."""


def chosen_rows(policies: Any = None) -> tuple[list[Row], list[str]]:
    """Rows that are asked for, and notes on those that cannot be made here.

    Parameters
    ----------
    policies : sequence of str or Row, optional
        Names of rows or of groups of them, or rows of your own; all rows if left out.

    Raises
    ------
    TypeError, ValueError
        For a name that there is not, or that two rows have.
    ImportError
        If a row asked for by name needs what is not installed; the message has the command that brings it.

    Examples
    --------
    >>> [row.name for row in chosen_rows(["two-state"])[0]]
    ['never', 'always', 'calendar', 'CUSUM', 'two-state']
    """
    if policies is None:
        missing = [f"{row.name}: left out, since it needs: {row.missing}" for row in ROWS.values() if row.missing]
        return [row for row in ROWS.values() if not row.missing], missing
    asked = [row for name in _listed(policies) for row in _named(name)]
    for row in asked:
        if row.missing:
            raise ImportError(f"policies: {row.name!r} needs what is not installed here: {row.missing}")
    rows = [*(ROWS[name] for name in ALWAYS_THERE), *asked]
    found = {row.name: row for row in rows}
    for row in rows:
        if found[row.name] is not row:
            raise ValueError(f"policies: two different rows are called {row.name!r}; give them different names")
        if row.name in HINDSIGHT:
            raise ValueError(
                f"policies: the name {row.name!r} is taken by a row of every bench; give yours another one"
            )
    return list(found.values()), []


def _listed(policies: Any) -> Sequence[Any]:
    if isinstance(policies, str | Row):
        raise TypeError(f"policies must be a list of names or rows, such as ['CUSUM'], not {describe(policies)}")
    return require_sequence("policies", policies, "a list of names or rows, such as ['CUSUM']")


def _named(name: Any) -> list[Row]:
    """The row of a name, or the rows of a group."""
    if isinstance(name, Row):
        return [name]
    if not isinstance(name, str):
        raise TypeError(f"policies must hold names or rows, not {describe(name)}")
    if name in ROWS:
        return [ROWS[name]]
    group = [row for row in ROWS.values() if row.group == name]
    if not group:
        groups = list(dict.fromkeys(row.group for row in ROWS.values()))
        raise ValueError(
            f"policies: there is no row or group {name!r}{suggestion(name, [*ROWS, *groups])}; rows are "
            f"{', '.join(ROWS)}; groups are {', '.join(groups)}"
        )
    return group
