"""The columns of one series, collected from a step for every period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from learning_debt.errors import noted
from learning_debt.shadows.base import Upkeep
from learning_debt.spells.doubt_codes import code_of
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.progress import Stages
from learning_debt.spells.schema import UPKEEP, doubt_of
from learning_debt.spells.step import Column, Step
from learning_debt.typing import Array

STEPWISE = "stepwise"
"""Way of a table whose shadow is kept current one period after the other."""


class Columns(NamedTuple):
    """What was found for one series.

    Attributes
    ----------
    cells : dict of ndarray
        Per cell (T, T), deployed_at by period; per period (T,).
    no_debt : str
        Why the table holds no posterior debt, or nothing.
    not_pooled : str
        Why it was not made from a pool, or nothing.
    """

    cells: dict[str, Array]
    no_debt: str = ""
    not_pooled: str = ""


class ColumnStore(Protocol):
    """Keeps columns of a table that is made in one of several ways."""

    def column(self, way: str, period: int) -> Column | None:
        """A column that was kept."""
        ...

    def keep_column(self, way: str, period: int, column: Column) -> None:
        """Keep a column."""
        ...


def collected_columns[Holdings](
    step: Step[Holdings], plan: Plan, *, progressbar: bool = False, store: ColumnStore | None = None
) -> Columns:
    """All periods of `plan`, one after the other; what is held is the step's own affair."""
    columns: list[Column] = []
    with Stages(progressbar) as stages:
        with stages.stage("the first posterior", 1) as first_fit, noted(plan.where(0)):
            held, first = step.start(plan.period(0))
            first_fit.advance()
        with stages.stage("keeping the shadow current", plan.periods) as periods:
            for t in range(1, plan.periods + 1):
                with noted(plan.where(t)):
                    known = None if store is None else store.column(STEPWISE, t)
                    held, column = step.step(held, plan.period(t), known)
                    if store is not None and known is None:
                        store.keep_column(STEPWISE, t, column)
                columns.append(column)
                periods.advance()
    return columns_of(first, columns)


def columns_of(first: Upkeep, columns: Sequence[Column]) -> Columns:
    """The columns of all periods side by side; `first` is what the first fit took."""
    cells: dict[str, Array] = {}
    for t, column in enumerate(columns, 1):
        _put(cells, column, t, len(columns))
    upkeep = [first, *(column.upkeep for column in columns)]
    return Columns(cells | upkeep_by_period(upkeep), next(filter(None, (column.no_debt for column in columns)), ""))


def _put(cells: dict[str, Array], column: Column, t: int, periods: int) -> None:
    for name, values in column.signals.items():
        if name not in cells:
            absent = np.nan if values.dtype.kind == "f" else 0
            cells[name] = np.full((periods, periods), absent, dtype=values.dtype)
        cells[name][:t, t - 1] = values


def upkeep_by_period(upkeep: list[Upkeep]) -> dict[str, Array]:
    """Upkeep of the shadow of every period, and whether it and what was deployed before can be believed."""
    converged, doubts = np.array([step.converged for step in upkeep]), np.array([step.doubt for step in upkeep])
    cells = {"deployed_converged": converged[:-1], "converged": converged[1:]}
    cells |= {"deployed_doubt": doubts[:-1], "doubt": doubts[1:]}
    codes = np.array([code_of(step.doubts) for step in upkeep], dtype=np.int8)
    cells |= {doubt_of("deployed_converged"): codes[:-1], doubt_of("converged"): codes[1:]}
    return cells | {name: np.array([getattr(step, name) for step in upkeep[1:]]) for name in UPKEEP}
