"""What people ask for by the hour and by the day: electricity, calls, rides, pizzas, rooms, flights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from benchmarks.worlds.development.packages import r_frame
from benchmarks.worlds.development.regression_columns import columns_of, equal_periods, harmonics, named_periods

HALF_HOURS, WEEK_OF_HALF_HOURS = 48, 336
CALLS_A_DAY, CALLS_DAYS = 169, 27716 // 169
FLIGHT_HOURS = range(6, 22)


def victoria_electricity() -> xr.Dataset:
    """Half-hourly demand by time of day, work days and temperature; four days a period, every other half-hour."""
    data = r_frame("fpp2", "elecdemand")
    hour = np.arange(len(data)) % HALF_HOURS
    at_work = {f"work_{name}": wave * data["WorkDay"] for name, wave in harmonics(hour, HALF_HOURS, 2, "hour").items()}
    others = harmonics(hour, HALF_HOURS, 4, "hour") | at_work | _weather(data)
    return equal_periods(columns_of(np.log(data["Demand"]), lags=(), others=others)[::2], 48)


def victoria_electricity_lagged() -> xr.Dataset:
    """The same demand by that of a day and a week before; every fourth half-hour."""
    data = r_frame("fpp2", "elecdemand")
    hour = np.arange(len(data)) % HALF_HOURS
    others = harmonics(hour, HALF_HOURS, 2, "hour") | _weather(data)
    columns = columns_of(np.log(data["Demand"]), lags=(HALF_HOURS, WEEK_OF_HALF_HOURS), others=others)
    return equal_periods(columns[::4], 24)


def _weather(data: pd.DataFrame) -> dict[str, pd.Series]:
    warm = data["Temperature"]
    return {"work": data["WorkDay"], "temperature": warm, "temperature_squared": (warm - 18) ** 2 / 100}


def england_electricity() -> xr.Dataset:
    """Half-hourly demand of England and Wales by that of a day before; a day a period, every other half-hour."""
    demand = r_frame("forecast", "taylor")["x"]
    hour, day = np.arange(len(demand)) % HALF_HOURS, np.arange(len(demand)) // HALF_HOURS
    weekend = (day % 7 >= 5) * 1.0
    others = harmonics(hour, HALF_HOURS, 3, "hour") | {"weekend": weekend, "after": np.roll(weekend, HALF_HOURS)}
    return equal_periods(columns_of(np.log(demand), lags=(HALF_HOURS,), others=others)[::2], 24)


def bank_calls() -> xr.Dataset:
    """Calls of a bank in 25 minutes, by those of a day and a week before; a day a period, Mondays to Fridays."""
    calls = r_frame("fpp2", "calls")["x"].to_numpy()[: CALLS_DAYS * CALLS_A_DAY].reshape(CALLS_DAYS, CALLS_A_DAY)
    y = np.log(1 + calls[:, :165].reshape(CALLS_DAYS, 33, 5).sum(axis=2))
    day, part = np.repeat(np.arange(len(y)), 33), np.tile(np.arange(33), len(y))
    others = {"day_before": _earlier(y, 1), "week_before": _earlier(y, 5), **harmonics(part, 66, 3, "hour")}
    others |= {"monday": day % 5 == 0, "friday": day % 5 == 4}
    return equal_periods(columns_of(y.ravel(), lags=(), others=others), 33)


def chicago_rides() -> xr.Dataset:
    """Daily rides at a station of Chicago by weekday, weather and season; four weeks a period."""
    data = r_frame("modeldata", "Chicago")
    date = pd.to_datetime(data["date"]).dt
    others = {name: date.day_of_week == day for name, day in (("saturday", 5), ("sunday", 6), ("monday", 0))}
    others |= {name: data[name] for name in ("temp", "weather_rain", "weather_snow")}
    others |= harmonics(date.day_of_year, 365.25, 1, "year")
    return equal_periods(columns_of(np.log(data["ridership"]), lags=(7,), others=others), 28)


def pizzas() -> xr.Dataset:
    """Pizzas sold in an hour, from 11 to 21 h, by hour and weekday; two days a period."""
    data = r_frame("gt", "pizzaplace")
    data = data.assign(hour=data["time"].str[:2].astype(int)).query("11 <= hour <= 21")
    sold = data.groupby(["date", "hour"]).size().unstack(fill_value=0)
    y, hours = np.log(1 + sold.to_numpy()), sold.shape[1]
    weekday, hour = np.repeat(pd.to_datetime(sold.index).day_of_week, hours), np.tile(np.arange(hours), len(y))
    weekend = (weekday >= 4) * 1.0
    others = harmonics(hour, 11, 3, "hour") | {"weekend": weekend, "sunday": weekday == 6}
    others |= {"weekend_evening": weekend * (hour > 5), "week_before": _earlier(y, 7)}
    return equal_periods(columns_of(y.ravel(), lags=(), others=others), 2 * hours)


def _earlier(y: np.ndarray, days: int) -> np.ndarray:
    """The same part of a day so many days before, flat; `y` has shape (days, parts)."""
    return np.concatenate([np.full((days, y.shape[1]), np.nan), y[:-days]]).ravel()


def hotel_rates() -> xr.Dataset:
    """Price of a night by booking and season; arrivals of three days a period."""
    data = r_frame("modeldata", "hotel_rates")
    data = data.assign(date=pd.to_datetime(data["arrival_date"])).sort_values("date")
    data = data[data["avg_price_per_room"] > 10]
    others = {"lead": np.log1p(data["lead_time"]), "adults": data["adults"], "children": data["children"]}
    others["weekend"] = data["stays_in_weekend_nights"] > 0
    others["agent"] = data["market_segment"].astype(str).eq("online_travel_agent")
    others["plain_room"] = data["reserved_room_type"].astype(str).str.lower().eq("a")
    others |= harmonics(data["date"].dt.day_of_year, 365.25, 2, "year")
    columns = columns_of(np.log(data["avg_price_per_room"]), lags=(), others=others)
    day = (data["date"] - data["date"].min()).dt.days
    return named_periods(columns.loc[:, columns.nunique() > 1], day // 3)


def flight_delays() -> xr.Dataset:
    """Mean delay of an hour's departures at three airports, by hour and weather; two days of 6 to 21 h a period."""
    dates = pd.date_range("2013-01-01", "2013-12-31")
    hours = pd.MultiIndex.from_product([dates, FLIGHT_HOURS])
    flights, weather = (_with_date(r_frame("nycflights13", name)) for name in ("flights", "weather"))
    flights = flights.dropna(subset=["dep_delay"])
    flights = flights[flights["hour"].isin(FLIGHT_HOURS)].assign(
        y=lambda data: np.log(data["dep_delay"].clip(-20) + 30)
    )
    delay = flights.groupby(["origin", "date", "hour"])["y"].mean().unstack("origin")
    delay = _interpolated(_interpolated(delay).reindex(hours))
    hour = np.tile(np.arange(16), 365) / 16
    saturday = np.repeat(dates.day_of_week, 16) == 5
    parts = {}
    for airport in delay.columns:
        here = weather[weather["origin"] == airport].drop_duplicates(["date", "hour"]).set_index(["date", "hour"])
        here = _interpolated(here[["wind_speed", "precip", "visib"]].reindex(hours))
        others = {"hour": hour, "hour_squared": hour**2, "wind": here["wind_speed"].clip(upper=60)}
        others |= {"rain": np.log1p(100 * here["precip"]), "sight": here["visib"], "saturday": saturday}
        parts[airport] = columns_of(delay[airport], lags=(16,), others=others)
    return equal_periods(parts, 32)


def _with_date(data: pd.DataFrame) -> pd.DataFrame:
    return data.assign(date=pd.to_datetime(data[["year", "month", "day"]]))


def _interpolated(data: pd.DataFrame) -> pd.DataFrame:
    return data.interpolate(limit_direction="both")


HISTORIES = (
    victoria_electricity,
    victoria_electricity_lagged,
    england_electricity,
    bank_calls,
    chicago_rides,
    pizzas,
    hotel_rates,
    flight_delays,
)
