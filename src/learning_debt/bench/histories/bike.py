"""Bike rentals in Washington, hour by hour."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import harmonics, regression_rows

__all__ = ["BIKE"]

FILE = "bike_rentals.csv.gz"
HOURS_A_PERIOD = 48


def load() -> xr.Dataset:
    """Log of 1 + rentals of each hour on the hour, by kind of day, and the weather."""
    hours = read_data(FILE)
    working = hours["working_day"].to_numpy()
    by_hour = harmonics(hours["hour"], 24, 4, "hour")
    columns = {
        **by_hour,
        **{f"{name}_working": column * working for name, column in by_hour.items()},
        "working_day": working,
        "temperature": hours["temperature"],
        "temperature_squared": hours["temperature"] ** 2,
        "humidity": hours["humidity"],
        "wind": hours["wind"],
        "not_clear": hours["weather"] != "clear",
    }
    return regression_rows(columns, np.log1p(hours["rentals"]), np.arange(len(hours)) // HOURS_A_PERIOD + 1)


BIKE = RealHistory(
    name="bike",
    title="Bike rentals in Washington",
    period="2 days",
    drift=(
        "The service grew: November, as cold as March, had two fifths more rentals; demand came to react more to "
        "humidity and wind."
    ),
    source="Capital Bikeshare, compiled by Fanaee-T and Gama (UCI Machine Learning Repository), from ISLP",
    licence="CC BY 4.0",
    leakage="The hour's own weather is taken as known: the weather as it came, not a forecast of it.",
    load=load,
    load_raw=partial(read_data, FILE),
)
