"""Avocados that four US cities will buy in each of the next four weeks, ordered so that mistakes cost the least.

The history is one of the bench's (learning_debt.bench.histories; Hass Avocado Board, Open Database License 1.0): 168
weeks from 2015 to March 2018, in which prices nearly doubled and fell back, and in some cities demand came to react
less to them. The price of the day is known when the order is placed. An avocado that is missing costs 40 cents of
margin, one that is left over 25 cents, so that what a frozen forecaster costs is money, and so is a retrain.
"""

import numpy as np
import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES

CITIES = ["Boston", "Chicago", "Denver", "Houston"]
KNOWN = ["intercept", "lagged_log_volume", "log_price", "price_change"]
WEEKS_A_PERIOD, FIRST_YEAR = 4, "2016"


def load_history() -> xr.Dataset:
    """Thousands of avocados sold in each city and week, beside what is known of it: volumes and prices in logarithms.

    All are about the city's mean of 2015; `usual` is that of its volume. Four weeks are a period.
    """
    data = HISTORIES["avocado"].load()
    data = data.isel(obs=np.flatnonzero(np.isin(data["series"].values, CITIES)))
    week = data["period"].values
    weeks, number = np.unique(week, return_inverse=True)
    known, sold = data["x"].values[:, : len(KNOWN)].copy(), data["y"].values - np.log(1000.0)
    known[:, 3] = known[:, 2] - known[:, 3]  # from last week's price
    usual = np.empty(len(sold))
    for city in CITIES:
        rows = data["series"].values == city
        first = rows & (week < FIRST_YEAR)
        usual[rows] = sold[first].mean()
        price = known[first, KNOWN.index("log_price")].mean()
        known[np.ix_(rows, [1, 2])] -= [sold[first].mean() + np.log(1000.0), price]
    history = xr.Dataset(
        {
            "known": (("obs", "coefficient"), known),
            "seasons": (("obs", "season"), data["x"].values[:, len(KNOWN) :]),
            "usual": ("obs", usual),
            "sold": ("obs", np.exp(sold)),
        },
        coords={
            "coefficient": KNOWN,
            "season": data["coefficient"].values[len(KNOWN) :],
            "city": ("obs", data["series"].values),
            "period": ("obs", weeks[number // WEEKS_A_PERIOD * WEEKS_A_PERIOD]),
        },
    )
    return history.isel(obs=np.flatnonzero(number < len(weeks) // WEEKS_A_PERIOD * WEEKS_A_PERIOD))


def build_model(data: xr.Dataset) -> pm.Model:
    """Cities differ by some .15 in level, memory and reaction to prices about common means; they share the season."""
    coords = {"city": CITIES, "coefficient": KNOWN, "season": data["season"].values.tolist()}
    with pm.Model(coords=coords) as model:
        known = pm.Data("known", data["known"].values, dims=("obs", "coefficient"))
        seasons = pm.Data("seasons", data["seasons"].values, dims=("obs", "season"))
        usual = pm.Data("usual", data["usual"].values, dims="obs")
        city = pm.Data("city_index", np.searchsorted(CITIES, data["city"].values), dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        common = pm.Normal("common", [0.0, 0.5, -0.3, -0.2], 0.5, dims="coefficient")
        effect = pm.Normal("effect", common, 0.15, dims=("city", "coefficient"))
        of_season = pm.Normal("of_season", 0.0, 0.1, dims="season")
        scale = pm.LogNormal("scale", np.log(0.1), 0.5, dims="city")
        forecast = usual + (known * effect[city]).sum(axis=1) + seasons @ of_season
        pm.LogNormal("avocados", forecast, scale[city], observed=sold, dims="obs")
    return model


score = ld.scores.NewsvendorLoss(under=400.0, over=250.0, currency="USD")  # for every thousand
shadow = ld.Refit()  # a fit takes less than a second
draws, tune, chains = 1000, 400, 2

# Refit, back-test, sign-off and the hand-over to four buyers. Replace it by what yours costs.
cost = ld.RetrainingCost(20_000.0, currency="USD")

initial = 13
calendar = 6
