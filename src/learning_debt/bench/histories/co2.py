"""CO2 at Mauna Loa, a week ahead."""

from functools import partial

import numpy as np
import xarray as xr

from learning_debt.bench.histories.data_files import read_data
from learning_debt.bench.histories.real_history import RealHistory
from learning_debt.bench.histories.regression_rows import harmonics, regression_rows

__all__ = ["CO2"]

FILE = "mauna_loa_co2.csv"
WEEKS_A_PERIOD, WEEKS_A_YEAR = 8, 52.18


def load() -> xr.Dataset:
    """Change of the concentration from week to week (ppm) on the last change, the level and the season."""
    weeks = read_data(FILE)
    level = weeks["co2"].interpolate().to_numpy()
    change = np.diff(level)
    now = np.arange(1, len(change))
    columns = {"lagged_change": change[now - 1], "level": level[now] / 300, **harmonics(now, WEEKS_A_YEAR, 4)}
    # Changes 0-7, 8-15, ... make a period; bills change with where these blocks begin.
    first_week = now // WEEKS_A_PERIOD * WEEKS_A_PERIOD + 1
    return regression_rows(columns, change[now], weeks["week"].to_numpy(dtype=str)[first_week])


CO2 = RealHistory(
    name="co2",
    title="CO2 at Mauna Loa",
    period="8 weeks",
    drift=(
        "The concentration grew by .9 ppm a year in the 1960s and by 1.5 in the 1990s, and its seasonal swing "
        "widened: a slow drift, nearly without breaks."
    ),
    source="Keeling and Whorf, Scripps Institution of Oceanography, from statsmodels (co2)",
    licence="public domain",
    leakage=(
        "Weeks without a measurement (59, most of them before 1965) are interpolated from both sides, so a "
        "forecast may rest on the value of a later week."
    ),
    load=load,
    load_raw=partial(read_data, FILE),
)
