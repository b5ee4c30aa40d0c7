"""Weather, seas, air, and what lives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from benchmarks.worlds.development.packages import packaged_file, r_frame, statsmodels_frame
from benchmarks.worlds.development.regression_columns import columns_of, equal_periods, harmonics, named_periods

YEAR = 365.25


def melbourne_heat() -> xr.Dataset:
    """Daily maximum temperature; 15 days a period."""
    return equal_periods(columns_of(r_frame("quantreg", "MelTemp")["value"], lags=(1, 2), cycles=[(365, 2)]), 15)


def clemson_heat() -> xr.Dataset:
    """Daily maximum temperature; 150 days a period."""
    warm = r_frame("stevedata", "clemson_temps")["tmax"].interpolate()
    return equal_periods(columns_of(warm, lags=(1, 2), cycles=[(YEAR, 2)]), 150)


def key_west_sea() -> xr.Dataset:
    """Hourly temperature of the water by that of a day and two before; two days a period, every third hour."""
    warm = r_frame("Stat2Data", "KeyWestWater")["WaterTemp"]
    hour = np.arange(len(warm))
    others = harmonics(hour % 24, 24, 2, "hour") | harmonics(hour, 24 * 365, 1, "year")
    return equal_periods(columns_of(warm, lags=(24, 48), others=others)[::3], 16)


def pembroke_sea() -> xr.Dataset:
    """Half-hourly temperature of the water by tide, hour and season; two days a period, every fourth half-hour."""
    data = pd.read_csv(packaged_file("bokeh_sampledata", "_data/sea_surface_temperature.csv.gz"))
    warm = data.iloc[:, 1].interpolate()
    time = np.arange(len(warm))
    others = harmonics(time, 25 * 2 * 0.9937, 2, "tide") | harmonics(time, 48, 1, "hour")
    others |= harmonics(time, 48 * 365, 1, "year")
    return equal_periods(columns_of(warm, lags=(48, 96), others=others)[::4], 24)


def glucose() -> xr.Dataset:
    """Glucose in the blood of one person by half-hours, as known an hour before; a day a period."""
    data = pd.read_csv(packaged_file("bokeh_sampledata", "_data/CGM.csv.gz"), parse_dates=["datetime"])
    level = np.log(data.set_index("datetime")["glucose"].resample("30min").mean().interpolate(limit=6))
    hour = level.index.hour * 2 + level.index.minute // 30
    columns = columns_of(level, lags=(2, 3, 48), others=harmonics(hour, 48, 2, "hour"))
    day = level.index.normalize()
    return named_periods(columns, (day - day[0]).days)


def seattle_days() -> xr.Dataset:
    """Daily maximum temperature by yesterday's weather; a week a period."""
    data = pd.read_csv(packaged_file("vega_datasets", "_data/seattle-weather.csv"))
    others = {"wind": data["wind"].shift(1), "rain": np.log1p(data["precipitation"].shift(1))}
    return equal_periods(columns_of(data["temp_max"], cycles=[(YEAR, 2)], others=others), 7)


def san_francisco_hours() -> xr.Dataset:
    """Hourly temperature; two days a period."""
    warm = pd.read_csv(packaged_file("vega_datasets", "_data/sf-temps.csv"))["temp"]
    hour = harmonics(np.arange(len(warm)) % 24, 24, 2, "hour")
    return equal_periods(columns_of(warm, lags=(1, 24), others=hour), 48)


def city_weather() -> xr.Dataset:
    """Daily temperature of several cities by yesterday's weather; five days a period."""
    parts = {}
    for city, data in r_frame("mosaicData", "Weather").groupby("city"):
        data = data.sort_values("date")
        warm, dew, pressure = (pd.to_numeric(data[f"avg_{name}"], errors="coerce") for name in ("temp", "dewpt", "hg"))
        others = {"dew": dew.shift(1), "pressure": pressure.shift(1)}
        parts[city] = columns_of(warm.interpolate(), lags=(1, 2), cycles=[(YEAR, 1)], others=others)
    return equal_periods(parts, 5)


def zurich_nitrogen_oxides() -> xr.Dataset:
    """Daily level at every station by yesterday's there and elsewhere; three days a period."""
    data = r_frame("robustbase", "ambientNOxCH")
    date = pd.to_datetime(data["date"]).dt
    level = np.log(data.drop(columns="date").clip(lower=0.3))
    season = harmonics(date.day_of_year, 366, 1, "year")
    parts = {}
    for station in level.columns:
        others = {"elsewhere": level.drop(columns=station).mean(axis=1).shift(1)}
        others |= {"saturday": date.day_of_week == 5, "sunday": date.day_of_week == 6, **season}
        parts[station] = columns_of(level[station].interpolate(limit_direction="both"), others=others)
    return equal_periods(parts, 3)


def el_nino() -> xr.Dataset:
    """Monthly temperature of the Pacific; a quarter a period."""
    warm = statsmodels_frame("elnino").iloc[:, 1:].to_numpy().ravel()
    return equal_periods(columns_of(warm, lags=(1, 2), cycles=[(12, 2)]), 3)


def world_temperature() -> xr.Dataset:
    """Monthly temperature of land and sea; seven months a period."""
    warm = r_frame("stevedata", "LOTI")["value"]
    return equal_periods(columns_of(warm, lags=(1, 12), means=(12,), cycles=[(12, 1)]), 7)


def sunspots() -> xr.Dataset:
    """Root of the monthly number of sunspots, with a cycle of eleven years; a year a period."""
    return equal_periods(columns_of(np.sqrt(_r_values("sunspots")), lags=(1, 2, 9), cycles=[(132, 1)]), 12)


def nottingham() -> xr.Dataset:
    """Monthly temperature of the air; a month a period."""
    return equal_periods(columns_of(_r_values("nottem"), cycles=[(12, 2)]), 1)


def tree_rings() -> xr.Dataset:
    """Width of yearly rings; 40 years a period."""
    return equal_periods(columns_of(_r_values("treering"), lags=(1, 2, 3)), 40)


def lake_huron() -> xr.Dataset:
    """Yearly level of the lake; a year a period."""
    return equal_periods(columns_of(_r_values("LakeHuron"), lags=(1, 2)), 1)


def nile() -> xr.Dataset:
    """Yearly flow of the river; a year a period."""
    return equal_periods(columns_of(_r_values("Nile")), 1)


def lynx() -> xr.Dataset:
    """Log of the yearly number trapped; a year a period."""
    return equal_periods(columns_of(np.log(_r_values("lynx")), lags=(1, 2)), 1)


def _r_values(name: str) -> pd.Series:
    return r_frame("datasets", name)["value"]


HISTORIES = (
    melbourne_heat,
    clemson_heat,
    key_west_sea,
    pembroke_sea,
    glucose,
    seattle_days,
    san_francisco_hours,
    city_weather,
    zurich_nitrogen_oxides,
    el_nino,
    world_temperature,
    sunspots,
    nottingham,
    tree_rings,
    lake_huron,
    nile,
    lynx,
)
