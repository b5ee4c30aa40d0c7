"""A spell table as the other packages read it: the loss of every model in every period, and the price of a retrain."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.bench.rows import NotPossibleError
from learning_debt.data import SERIES
from learning_debt.policies.cost import RetrainingCost
from learning_debt.spells.schema import ARRIVED_GAP, TableFacts
from learning_debt.typing import Array

STREAMS = ("deployed_score", "regret")
"""What a monitor may watch: the deployed model's own loss (minus its score), as the packages expect it, or its regret,
which leaves out how hard the period was. In positive accounting, too, what is watched is signed."""

MOST_SERIES = 12


def require_package(module: str, package: str) -> Any:
    """Import a module of another package, or say how to install it.

    Raises
    ------
    ImportError

    Examples
    --------
    >>> require_package("json.decoder", "json").__name__
    'json.decoder'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this row of the bench needs {package}, which the extra 'bench' brings: "
            "pip install 'learning-debt[bench]'; or leave the row out"
        ) from error


def one_price(cost: RetrainingCost) -> float:
    """The price of a retrain; these packages know one only.

    Raises
    ------
    NotPossibleError
        If the cost has parts in proportion to computing or to change.

    Examples
    --------
    >>> one_price(RetrainingCost(0.5))
    0.5
    """
    if cost.proportional:
        raise NotPossibleError(
            "cost must be the same for every retrain in the rows of other packages: leave out per_second and "
            "per_change, or these rows"
        )
    return cost.per_retrain


def watched(tables: Iterable[xr.Dataset]) -> list[str]:
    """The `STREAMS` that are known in every cell of all tables.

    Raises
    ------
    NotPossibleError
        If what a period taught is known only later.
    """
    tables = list(tables)
    for table in tables:
        if ARRIVED_GAP in table or TableFacts.from_table(table).horizon > 1:
            raise NotPossibleError(
                "spells must hold forecasts of one period ahead whose outcomes are known at once: the rows of other "
                "packages read losses in the period they belong to, and would look ahead"
            )
    return [name for name in STREAMS if all(name in table and _complete(table[name]) for table in tables)]


def losses(table: xr.Dataset, cost: RetrainingCost, stream: str) -> Array:
    """Loss in period t of what was deployed after s, shape (series, s, t), in the unit of the bill; NaN where s >= t.

    Either minus the deployed score times the period's exposure, or the signed regret.
    """
    exposure = cost.exposure(table)
    cells = exposure * (-table["deployed_score"] * table["exposure"] if stream == "deployed_score" else table["regret"])
    return np.asarray(cells.transpose(SERIES, "deployed_at", "period").values)


def some_series(table: xr.Dataset) -> xr.Dataset:
    """Every n-th series, so that at most `MOST_SERIES` are left: enough to tune on, at a bearable time."""
    step = -(-table.sizes[SERIES] // MOST_SERIES)
    return table.isel({SERIES: slice(None, None, step)})


def fresh(loss: Array) -> Array:
    """Losses of the model that was retrained just before each period, shape (series, period)."""
    return np.diagonal(loss, axis1=1, axis2=2)


def _complete(variable: xr.DataArray) -> bool:
    values = variable.transpose(..., "deployed_at", "period").values
    return bool(np.isfinite(values[..., np.triu(np.ones(values.shape[-2:], dtype=bool))]).all())
