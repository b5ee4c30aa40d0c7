"""Deaths in England and Wales, month by month."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import harmonics, regression_rows

__all__ = ["DEATHS"]

FILE = "england_wales_deaths.csv"
MONTHS_A_YEAR, MONTHS_A_DECADE = 12, 120


def load() -> xr.Dataset:
    """Log deaths of each month on its temperature, a trend and the season."""
    months = read_data(FILE)
    of_year = months["month"].str[-2:].astype(int)
    trend = np.arange(len(months)) / MONTHS_A_DECADE
    columns = {"temperature": months["temperature"], "trend": trend, **harmonics(of_year, MONTHS_A_YEAR, 3)}
    return regression_rows(columns, np.log(months["deaths"]), months["month"].to_numpy(dtype=str))


DEATHS = RealHistory(
    name="deaths",
    title="Deaths in England and Wales",
    period="month",
    drift=(
        "Deaths fell until 2011, grew by a tenth until 2019, and COVID added two waves (88,000 deaths in April "
        "2020) that neither temperature nor season foretells."
    ),
    source="Office for National Statistics, from CausalPy",
    licence="Open Government Licence 3.0 (deaths); Apache 2.0 (temperatures)",
    leakage="The month's own mean temperature is taken as known: the weather as it came, not a forecast of it.",
    load=load,
    load_raw=partial(read_data, FILE),
)
