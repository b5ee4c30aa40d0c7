"""Loaves that four bakery shops will sell next week, ordered so that running out and leftovers cost the least.

The history is simulated, with a fixed seed: sales rise with the number of school days, in week 44 a competitor takes a
third of two shops' customers, and from week 66 on new houses bring two shops half as many again. Some shops report a
week late. A loaf that is missing costs 1.60 EUR of margin, one left over 0.90 EUR, so what a frozen forecaster costs is
money, and so is a retrain: two hours of somebody's time.
"""

import numpy as np
import pymc as pm
import xarray as xr

import learning_debt as ld

SHOPS = ["Bahnhof", "Dom", "Hafen", "Markt"]
WEEKS, COMPETITOR, HOUSES = 84, 44, 66


def load_history() -> xr.Dataset:
    """A row for every shop and week, with the week in which its sales became known."""
    rng = np.random.default_rng(20)
    week, shop = np.repeat(np.arange(WEEKS), len(SHOPS)), np.tile(np.arange(len(SHOPS)), WEEKS)
    school_days = rng.choice([0.0, 3.0, 5.0], p=[0.2, 0.1, 0.7], size=WEEKS)[week]
    level = np.log([180.0, 90.0, 60.0, 120.0])[shop] + rng.normal(0, 0.02, size=(WEEKS, 1)).cumsum(axis=0)[week, 0]
    level += np.where((week >= COMPETITOR) & (shop < 2), np.log(2 / 3), 0.0)
    level += np.where((week >= HOUSES) & (shop > 1), np.log(3 / 2), 0.0)
    sold = rng.negative_binomial(40.0, 40.0 / (40.0 + np.exp(level + 0.04 * (school_days - 4.0))))
    late = (rng.random(week.size) < 0.25).astype(int)
    return xr.Dataset(
        {name: ("obs", values) for name, values in {"school_days": school_days, "sold": sold}.items()},
        coords={
            "shop": ("obs", np.array(SHOPS)[shop]),
            "period": ("obs", week),
            "arrived": ("obs", week + late),
        },
    )


def build_model(data: xr.Dataset) -> pm.Model:
    """Every shop has its level; school days matter alike in all."""
    with pm.Model(coords={"shop": SHOPS}) as model:
        shop = pm.Data("shop_index", np.searchsorted(SHOPS, data["shop"].values), dims="obs")
        school_days = pm.Data("school_days", data["school_days"].values, dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        level = pm.Normal("level", np.log(100.0), 1.0, dims="shop")
        slope = pm.Normal("slope", 0.0, 0.1)
        size = pm.Gamma("size", 4.0, 0.1)
        rate = pm.math.exp(level[shop] + slope * (school_days - 4.0))
        pm.NegativeBinomial("loaves", mu=rate, alpha=size, observed=sold, dims="obs")
    return model


score = ld.scores.NewsvendorLoss(under=1.60, over=0.90, currency="EUR")
update_rule = ld.UpdateRule(window=26)
shadow = ld.ShadowLadder(draws_factor=1, minimum_effective_share=0.5)  # for speed: weights worth half a fit will do

# Two hours of somebody's time. Replace it by what yours costs.
cost = ld.RetrainingCost(80.0, currency="EUR")

initial = 28
calendar = 8
