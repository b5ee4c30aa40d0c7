"""Growth of employment in fifteen sectors of the US, a month ahead."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import regression_rows

__all__ = ["US_EMPLOYMENT"]

FILE = "us_employment.csv"
LAGS = 3


def load() -> xr.Dataset:
    """Growth of each sector's employment (percent a month) on that of the three months before."""
    months = read_data(FILE).set_index("month")
    growth = 100 * np.diff(np.log(months.to_numpy(dtype=float)), axis=0)
    now = np.arange(LAGS, len(growth))
    sectors, labels = months.columns.to_numpy(dtype=str), months.index.to_numpy(dtype=str)[now + 1]
    columns = {f"growth_lag_{lag}": growth[now - lag].ravel() for lag in range(1, LAGS + 1)}
    return regression_rows(columns, growth[now].ravel(), np.repeat(labels, len(sectors)), np.tile(sectors, len(labels)))


US_EMPLOYMENT = RealHistory(
    name="us_employment",
    title="US employment by sector",
    period="month",
    drift=(
        "The recession of 2008 and 2009 cut employment in nearly all sectors and made growth carry over from "
        "month to month three times as strongly as before; mining fell again in 2015, and the census of 2010 "
        "moved government."
    ),
    source="US Bureau of Labor Statistics, Current Employment Statistics, from vega_datasets",
    licence="public domain",
    leakage=(
        "Figures are seasonally adjusted and revised: those of 2018 instead of those of each month. Sectors share "
        "calendar time, so series are not independent."
    ),
    load=load,
    load_raw=partial(read_data, FILE),
)
