"""Volatility of the Apple stock, a trading day ahead."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.volatility import volatility_rows

__all__ = ["APPLE"]

FILE = "apple_moves.csv"
SMALLEST_MOVE = 0.001
"""Added to a return before its logarithm is taken, as returns may be 0."""


def load() -> xr.Dataset:
    """Log absolute return of each day on yesterday's and its means over a week and a month."""
    days = read_data(FILE)
    log_move = np.log(days[["absolute_log_return"]].to_numpy() + SMALLEST_MOVE)
    return volatility_rows(log_move, days["day"].to_numpy(dtype=str))


APPLE = RealHistory(
    name="apple",
    title="Apple volatility",
    period="10 trading days",
    drift=("The typical move of a day nearly doubled from 1997 to 2000 and fell to less than half of that by 2003."),
    source="Yahoo Finance, from river",
    licence="none stated for the prices; absolute returns only, see data/README.md",
    leakage=("Prices are adjusted for splits and dividends that came later, which leaves returns nearly as they were."),
    load=load,
    load_raw=partial(read_data, FILE),
)
