"""Returns, volatility and volume of traded things, and the approval of a president, by the day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from benchmarks.worlds.development.packages import packaged_file, r_frame
from benchmarks.worlds.development.regression_columns import columns_of, equal_periods, moves_of, volatility_columns

INDUSTRIES = ("NoDur", "Durbl", "Enrgy", "BusEq", "Telcm", "Utils", "Hlth", "Money")
FINE = 0.0005
"""What is added to the size of a move of a currency, so that the log of none is finite."""


def industries() -> xr.Dataset:
    """Monthly returns of eight industries by those of the market's factors in the same month; five months a period."""
    data = 100 * pd.read_csv(packaged_file("linearmodels", "datasets/french/french.csv.bz2")).drop(columns="dates")
    factors = {name: data[name] for name in ("MktRF", "SMB", "HML", "Mom")}
    return equal_periods({name: columns_of(data[name] - data["RF"], lags=(), others=factors) for name in INDUSTRIES}, 5)


def consumer_stocks() -> xr.Dataset:
    """Monthly returns of three industries by the market's of the same month and the last; a quarter a period."""
    data = r_frame("Ecdat", "Capm")
    market = {"market": data["rmrf"], "market_before": data["rmrf"].shift(1)}
    return equal_periods(
        {name: columns_of(data[name], lags=(), others=market) for name in ("rfood", "rdur", "rcon")}, 3
    )


def new_york_volume() -> xr.Dataset:
    """Log of the daily volume by the last days' and by weekday; 28 days a period."""
    data = _new_york()
    others = {f"{name}_{lag}": data[name].shift(lag) for name in ("DJ_return", "log_volatility") for lag in (1, 2)}
    others |= {day: data["day_of_week"] == day for day in ("mon", "fri")}
    return equal_periods(columns_of(data["log_volume"], lags=(1, 2, 3), others=others), 28)


def new_york_volatility() -> xr.Dataset:
    """Log of the daily volatility by yesterday's volume and move; 28 days a period."""
    data = _new_york()
    others = {"volume": data["log_volume"].shift(1), "move": np.log(data["DJ_return"].abs() + 0.001).shift(1)}
    return equal_periods(columns_of(data["log_volatility"], means=(5,), others=others), 28)


def _new_york() -> pd.DataFrame:
    return pd.read_csv(packaged_file("ISLP", "data/NYSE.csv"))


def european_stocks() -> xr.Dataset:
    """Daily volatility of four indices; ten days a period."""
    data = r_frame("datasets", "EuStockMarkets")
    return equal_periods({name: volatility_columns(moves_of(data[name])) for name in data.columns}, 10)


def old_dow_jones() -> xr.Dataset:
    """Daily volatility from 1900 to 1944; 60 days a period."""
    data = r_frame("stevedata", "DJIA")
    date = data["date"].astype(str)
    return equal_periods(volatility_columns(moves_of(data.loc[date.between("1900", "1945"), "value"])), 60)


def gold_and_silver() -> xr.Dataset:
    """Daily volatility of the prices; 40 days a period."""
    data = r_frame("AER", "GoldSilver")
    return equal_periods({name: volatility_columns(moves_of(data[name])) for name in ("gold", "silver")}, 40)


def sterling() -> xr.Dataset:
    """Daily volatility of the exchange rate; 40 days a period."""
    return equal_periods(volatility_columns(moves_of(r_frame("stevedata", "ukg_eeri")["value"]), FINE), 40)


def currencies() -> xr.Dataset:
    """Daily volatility of five currencies in dollars; ten days a period."""
    data = r_frame("Ecdat", "Garch")
    names = ("dm", "bp", "cd", "dy", "sf")
    return equal_periods({name: volatility_columns(moves_of(data[name]), FINE) for name in names}, 10)


def general_electric_and_mobil() -> xr.Dataset:
    """Daily volatility of two stocks; twelve days a period."""
    data = r_frame("Ecdat", "CRSPday")
    return equal_periods({name: volatility_columns(data[name]) for name in ("ge", "mobil")}, 12)


def bmw_and_siemens() -> xr.Dataset:
    """Daily volatility of two stocks; 35 days a period."""
    return equal_periods({name: volatility_columns(r_frame("evir", name)["dat"]) for name in ("bmw", "siemens")}, 35)


def bitcoin() -> xr.Dataset:
    """Daily volatility of the price; five days a period."""
    price = pd.read_csv(packaged_file("river", "drift/datasets/bitcoin.csv"))["price"]
    return equal_periods(volatility_columns(moves_of(price)), 5)


def approval() -> xr.Dataset:
    """Daily approval by a week before and by yesterday's polls; five days a period."""
    data = pd.read_csv(packaged_file("river", "datasets/trump_approval.csv.gz"))
    polls = data.drop(columns=["ordinal_date", "five_thirty_eight"]).shift(1)
    return equal_periods(columns_of(data["five_thirty_eight"], lags=(7,), others=dict(polls.items())), 5)


HISTORIES = (
    industries,
    consumer_stocks,
    new_york_volume,
    new_york_volatility,
    european_stocks,
    old_dow_jones,
    gold_and_silver,
    sterling,
    currencies,
    general_electric_and_mobil,
    bmw_and_siemens,
    bitcoin,
    approval,
)
