"""US inflation, a quarter ahead."""

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory

__all__ = ["INFLATION"]

COEFFICIENTS = ["intercept", "lagged_inflation", "lagged_unemployment"]


def load() -> xr.Dataset:
    """Inflation of each quarter (percent, annual rate) beside what was known the quarter before."""
    quarters = read_data("us_macro_quarterly.csv")
    known = quarters.iloc[:-1]
    x = np.column_stack([np.ones(len(known)), known["inflation"], known["unemployment"]])
    return xr.Dataset(
        {"x": (("obs", "coefficient"), x), "y": ("obs", quarters["inflation"].iloc[1:].to_numpy())},
        coords={"coefficient": COEFFICIENTS, "period": ("obs", quarters["period"].iloc[1:].to_numpy(dtype=str))},
    )


INFLATION = RealHistory(
    name="inflation",
    title="US inflation",
    period="quarter",
    drift="Inflation rose through the 1970s, fell after 1980 and stayed low and steady from the 1990s until 2008, so "
    "both its persistence and the size of its surprises changed.",
    source="statsmodels macrodata: Federal Reserve Economic Data and the US Bureau of Labor Statistics",
    licence="public domain",
    leakage="",
    load=load,
)
