"""Volatility of ten stocks of the S&P 500, a trading day ahead."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.volatility import volatility_rows

__all__ = ["SP500"]

FILE = "stock_moves.csv.gz"
SMALLEST_MOVE = 0.1
"""Percent; added to a return before its logarithm is taken, as returns may be 0."""


def load() -> xr.Dataset:
    """Log absolute return of each stock and day on yesterday's and its means over a week and a month."""
    days = read_data(FILE).set_index("day")
    log_move = np.log(days.to_numpy() + SMALLEST_MOVE)
    return volatility_rows(log_move, days.index.to_numpy(dtype=str), days.columns.to_numpy(dtype=str))


SP500 = RealHistory(
    name="sp500",
    title="Volatility of ten S&P 500 stocks",
    period="10 trading days",
    drift=(
        "The typical move of a day grew in 2015 and fell by over a third to 2017, a calm year, in all ten stocks "
        "together; it came back in the first weeks of 2018."
    ),
    source="Cam Nugent on Kaggle, from river",
    licence="CC0 1.0, to our knowledge",
    leakage=(
        "The stocks share calendar time, so series are not independent, and they were chosen by their size at the end."
    ),
    load=load,
    load_raw=partial(read_data, FILE),
)
