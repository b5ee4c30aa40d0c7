"""US inflation, a quarter ahead."""

from functools import partial

import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import regression_rows

__all__ = ["INFLATION"]

FILE = "us_macro_quarterly.csv"


def load() -> xr.Dataset:
    """Inflation of each quarter (percent, annual rate) beside what was known the quarter before."""
    quarters = read_data(FILE)
    known, now = quarters.iloc[:-1], quarters.iloc[1:]
    columns = {"lagged_inflation": known["inflation"], "lagged_unemployment": known["unemployment"]}
    return regression_rows(columns, now["inflation"], now["period"].to_numpy(dtype=str))


INFLATION = RealHistory(
    name="inflation",
    title="US inflation",
    period="quarter",
    drift=(
        "Inflation rose from 2.4 percent in the 1960s to 7 in the 1970s and fell to 2.5 after 2000; the share of "
        "it that carried over to the next quarter rose to .6 and fell to .1, and surprises doubled in size twice, "
        "in the 1970s and in 2008."
    ),
    source="Federal Reserve Economic Data and the US Bureau of Labor Statistics, from statsmodels (macrodata)",
    licence="public domain",
    leakage=("Both columns are seasonally adjusted and revised: the figures of 2009 instead of those of each quarter."),
    load=load,
    load_raw=partial(read_data, FILE),
)
