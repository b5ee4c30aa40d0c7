"""Avocados that eight US cities will buy in the next four weeks, with a hierarchy over the cities.

The history is one of the bench's (learning_debt.bench.histories), which has 54 regions: these eight are cities, hold no
other region and lie apart. Weeks come in fours, since a forecaster of demand is not retrained every week. Its exact
neighbour is a regression for every city by itself, on the same columns.
"""

import numpy as np
import pymc as pm
import xarray as xr

from learning_debt.bench.histories import HISTORIES

CITIES = ["Atlanta", "Boston", "Chicago", "Denver", "HartfordSpringfield", "Houston", "LosAngeles", "Seattle"]
OF_A_CITY = ["intercept", "lagged_log_volume", "log_price", "lagged_log_price"]
WEEKS_A_PERIOD = 4
FIRST_YEAR = "2016"


def load_history() -> xr.Dataset:
    """Log volume of each city and week, less the city's mean in 2015, beside what the regression knows.

    Prices are about their mean in 2015, too. The last period may have fewer weeks than four and is left out.
    """
    data = HISTORIES["avocado"].load()
    data = data.isel(obs=np.flatnonzero(np.isin(data["series"].values, CITIES)))
    week = data["period"].values
    number = np.unique(week, return_inverse=True)[1]
    whole = number < len(np.unique(week)) // WEEKS_A_PERIOD * WEEKS_A_PERIOD
    x, y = data["x"].values.copy(), data["y"].values.copy()
    for city in CITIES:
        rows = data["series"].values == city
        first = rows & (week < FIRST_YEAR)
        volume, price = y[first].mean(), x[first, OF_A_CITY.index("log_price")].mean()
        y[rows] -= volume
        x[np.ix_(rows, [1, 2, 3])] -= [volume, price, price]
    first_week = np.unique(week)[number // WEEKS_A_PERIOD * WEEKS_A_PERIOD]
    known = xr.Dataset(
        {
            "own": (("obs", "of_a_city"), x[:, : len(OF_A_CITY)]),
            "seasons": (("obs", "season"), x[:, len(OF_A_CITY) :]),
            "log_volume": ("obs", y),
        },
        coords={
            "of_a_city": OF_A_CITY,
            "season": data["coefficient"].values[len(OF_A_CITY) :],
            "city": ("obs", data["series"].values),
            "period": ("obs", first_week),
        },
    )
    return known.isel(obs=np.flatnonzero(whole))


def build_model(data: xr.Dataset) -> pm.Model:
    """Cities differ in level, memory and reaction to prices about common means; they share the season."""
    coords = {"city": CITIES, "of_a_city": OF_A_CITY, "season": data["season"].values.tolist()}
    with pm.Model(coords=coords) as model:
        own = pm.Data("own", data["own"].values, dims=("obs", "of_a_city"))
        seasons = pm.Data("seasons", data["seasons"].values, dims=("obs", "season"))
        city = pm.Data("city_index", np.searchsorted(CITIES, data["city"].values), dims="obs")
        log_volume = pm.Data("log_volume", data["log_volume"].values, dims="obs")
        mean = pm.Normal("mean", [0.0, 0.5, -0.5, 0.2], 0.5, dims="of_a_city")
        between = pm.LogNormal("between", np.log(0.15), 0.5, dims="of_a_city")
        coefficients = pm.Normal("coefficients", mean, between, dims=("city", "of_a_city"))
        of_season = pm.Normal("of_season", 0.0, 0.1, dims="season")
        scale = pm.LogNormal("scale", np.log(0.1), 0.5, dims="city")
        forecast = (own * coefficients[city]).sum(axis=1) + seasons @ of_season
        pm.Normal("volume", forecast, scale[city], observed=log_volume, dims="obs")
    return model


# A retrain (refit, review, hand-over to eight buyers) is worth a twentieth of a nat a row. Replace it by yours.
cost = 0.05

initial = 8
calendar = 13
