"""How much stocks move, a trading day ahead."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.bench.histories.regression_rows import regression_rows
from learning_debt.typing import Array

__all__ = ["volatility_rows"]

DAYS_A_WEEK, DAYS_A_MONTH, DAYS_A_PERIOD = 5, 22, 10


def volatility_rows(log_move: Array, day: Array, stock: Array | None = None) -> xr.Dataset:
    """Log absolute return of each day on yesterday's and on its means over the last week and month.

    Parameters
    ----------
    log_move : ndarray, shape (days, stocks)
    day : ndarray of str, shape (days,)
    stock : ndarray of str, shape (stocks,), optional
        Names of the series; a single one needs none.
    """
    now = np.arange(DAYS_A_MONTH, len(log_move))
    summed = np.concatenate([np.zeros((1, log_move.shape[1])), np.cumsum(log_move, axis=0)])
    columns = {
        "yesterday": log_move[now - 1],
        "mean_of_week": (summed[now] - summed[now - DAYS_A_WEEK]) / DAYS_A_WEEK,
        "mean_of_month": (summed[now] - summed[now - DAYS_A_MONTH]) / DAYS_A_MONTH,
    }
    first = day[(now - DAYS_A_MONTH) // DAYS_A_PERIOD * DAYS_A_PERIOD + DAYS_A_MONTH]
    count = log_move.shape[1]
    return regression_rows(
        {name: column.ravel() for name, column in columns.items()},
        log_move[now].ravel(),
        np.repeat(first, count),
        None if stock is None else np.tile(stock, len(now)),
    )
