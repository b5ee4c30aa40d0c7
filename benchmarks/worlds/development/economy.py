"""Travel, consumption, prices and rates by the week, the month and the quarter; deaths by the day and the week."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from benchmarks.worlds.development.packages import packaged_file, r_frame, statsmodels_frame
from benchmarks.worlds.development.regression_columns import columns_of, equal_periods, harmonics

WEEKS = 52.18
TEXAS = (
    *("Austin", "Dallas", "Houston", "El Paso", "Abilene", "Amarillo"),
    *("Bay Area", "Collin County", "Fort Worth", "Lufkin", "Tyler", "Denton County"),
)


def melbourne_sydney_flights() -> xr.Dataset:
    """Weekly passengers in economy class; a week a period."""
    passengers = r_frame("fpp2", "melsyd")["Economy.Class"]
    return equal_periods(columns_of(np.sqrt(passengers), cycles=[(WEEKS, 2)]), 1)


def departures() -> xr.Dataset:
    """Monthly departures from Australia by kind of traveller; a quarter a period."""
    data = np.log(r_frame("fpp2", "departures").astype(float))
    return equal_periods({name: columns_of(data[name], cycles=[(12, 4)]) for name in data.columns}, 3)


def united_states_consumption() -> xr.Dataset:
    """Quarterly growth by last quarter's of income, production, savings and unemployment; a quarter a period."""
    data = r_frame("fpp2", "uschange")
    others = {name: data[name].shift(1) for name in ("Income", "Production", "Savings", "Unemployment")}
    return equal_periods(columns_of(data["Consumption"], others=others), 1)


def seatbelts() -> xr.Dataset:
    """Monthly casualties among drivers by distance and price of petrol; a month a period."""
    data = r_frame("datasets", "Seatbelts")
    others = {"distance": np.log(data["kms"]), "petrol": data["PetrolPrice"]}
    return equal_periods(columns_of(np.log(data["drivers"]), cycles=[(12, 2)], others=others), 1)


def texas_houses() -> xr.Dataset:
    """Monthly sales in twelve towns by last month's listings and price; a month a period."""
    data = r_frame("ggplot2", "txhousing")
    parts = {}
    for city in TEXAS:
        here = data[data["city"] == city].sort_values("date")
        others = {
            name: np.log(here[name].interpolate(limit_direction="both")).shift(1) for name in ("listings", "median")
        }
        parts[city] = columns_of(np.log(here["sales"]), lags=(1, 12), cycles=[(12, 2)], others=others)
    return equal_periods(parts, 1)


def treasury_rates() -> xr.Dataset:
    """Monthly rate of one month by last month's of a year and of ten; a quarter a period."""
    data = r_frame("Ecdat", "Irates")
    return equal_periods(columns_of(data["r1"], others={name: data[name].shift(1) for name in ("r12", "r120")}), 3)


def corporate_spread() -> xr.Dataset:
    """Log of the monthly spread between bonds rated BAA and AAA; half a year a period."""
    data = pd.read_csv(packaged_file("arch", "data/default/default.csv.gz"))
    spread = np.log(data["BAA"] - data["AAA"])
    return equal_periods(columns_of(spread, lags=(1, 2, 12), others={"rate": data["AAA"].shift(1)}), 6)


def petrol_price() -> xr.Dataset:
    """Weekly moves of the price; four weeks a period."""
    moves = np.log(r_frame("quantreg", "gasprice")["value"]).diff()
    return equal_periods(columns_of(moves, lags=(1, 2, 3), cycles=[(WEEKS, 1)]), 4)


def coffee_price() -> xr.Dataset:
    """Monthly moves of the prices of two sorts; a quarter a period."""
    price = np.log(r_frame("stevedata", "coffee_price")[["arabica", "robustas"]])
    parts = {
        sort: columns_of(price[sort].diff(), lags=(1, 2), others={"price": price[sort].shift(1)})
        for sort in price.columns
    }
    return equal_periods(parts, 3)


def tea_and_sugar_price() -> xr.Dataset:
    """Monthly moves of the prices of sorts of tea and sugar; four months a period."""
    data = r_frame("stevedata", "commodity_prices")
    parts = {}
    for sort in data.columns[data.columns.str.startswith(("tea", "sugar"))]:
        price = np.log(data[sort])
        others = {"price": price.shift(1)}
        parts[sort] = columns_of(price.diff(), lags=(1, 2, 12), cycles=[(12, 1)], others=others)
    return equal_periods(parts, 4)


def frozen_juice() -> xr.Dataset:
    """Monthly moves of the price of orange juice by frost in Florida; four months a period."""
    data = r_frame("AER", "FrozenJuice")
    frost = data["fdd"].astype(float)
    others = {"frost": frost, "frost_before": frost.shift(1), "frost_two_before": frost.shift(2)}
    return equal_periods(columns_of(100 * np.log(data["price"] / data["ppi"]).diff(), others=others), 4)


def german_rates() -> xr.Dataset:
    """Quarterly interest by last quarter's inflation; a quarter a period."""
    data = statsmodels_frame("interest_inflation")
    others = {"inflation": data["Dp"].shift(1), **harmonics(np.arange(len(data)), 4, 1)}
    return equal_periods(columns_of(data["R"], others=others), 1)


def puerto_rico_deaths() -> xr.Dataset:
    """Log of daily deaths by season and weekday; a week a period."""
    deaths = r_frame("dslabs", "pr_death_counts")["deaths"]
    return equal_periods(columns_of(np.log(deaths.clip(lower=20)), lags=(1, 7), cycles=[(365.25, 2), (7, 1)]), 7)


def cholera() -> xr.Dataset:
    """Log of daily deaths by cholera and by diarrhoea; two days a period."""
    data = r_frame("HistData", "CholeraDeaths1849").sort_values("date")
    causes = data["cause_of_death"].unique()
    deaths = {cause: np.log(1 + data.loc[data["cause_of_death"] == cause, "deaths"]) for cause in causes}
    return equal_periods({cause: columns_of(values, lags=(1, 2, 7)) for cause, values in deaths.items()}, 2)


def smallpox() -> xr.Dataset:
    """Log of yearly deaths by smallpox; a year a period."""
    data = r_frame("DAAG", "poxetc").interpolate(limit_direction="both")
    return equal_periods(
        columns_of(np.log(1 + data["fpox"]), lags=(1, 2), others={"all": np.log(data["all"]).shift(1)}), 1
    )


def cyclists_deaths() -> xr.Dataset:
    """Root of the number in two weeks; two weeks a period."""
    return equal_periods(columns_of(np.sqrt(r_frame("vcdExtra", "CyclingDeaths")["deaths"]), cycles=[(26, 1)]), 1)


HISTORIES = (
    melbourne_sydney_flights,
    departures,
    united_states_consumption,
    seatbelts,
    texas_houses,
    treasury_rates,
    corporate_spread,
    petrol_price,
    coffee_price,
    tea_and_sugar_price,
    frozen_juice,
    german_rates,
    puerto_rico_deaths,
    cholera,
    smallpox,
    cyclists_deaths,
)
