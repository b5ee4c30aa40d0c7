"""Weekly sales of one product, forecast from its price: a model file to start from.

It works as it is. Put your own in its place, part by part from 1 to 5, and run `learning-debt audit model.py` after
each: most of what may be wrong is said before anything is sampled.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import learning_debt as ld

# 1. The history
#
# A row for each observation. The column `period` says when its outcome became known: a number, a date, or text such as
# 2026-W05. All rows of a period arrive together, and once a period you could retrain. The other columns are what the
# model needs, under names of your choice.


def load_history() -> pd.DataFrame:
    """Prices and units sold, three rows a week. sales.csv beside this file is made up: after week 60 buyers change."""
    sales = pd.read_csv(Path(__file__).parent / "sales.csv")
    return pd.DataFrame(
        {
            "period": sales["week"],
            "log_price": np.log(sales["price"] / 3.0),  # 3.0 is a usual price: chosen, not learned from the rows
            "log_sold": np.log(sales["sold"] + 1),
        }
    )


# 2. The model
#
# The PyMC model that you have, as a function of its data. `data` is an xarray Dataset of some rows of the history.
# Every column that the model uses goes into a `pm.Data` of the same name, and nothing else is computed from the rows in
# here: a mean or a scale would change with the rows. Where you need one, write `prepare`; the documentation's page
# "A design matrix in prepare" has it.


def build_model(data: xr.Dataset) -> pm.Model:
    """A regression of the logarithm of sales on that of the price."""
    with pm.Model() as model:
        log_price = pm.Data("log_price", data["log_price"].values, dims="obs")
        log_sold = pm.Data("log_sold", data["log_sold"].values, dims="obs")

        # 3. The priors: what you would have said before you saw any data. notebook.ipynb shows what they imply.
        # At the usual price, sales are most likely between 25 and 400: two standard deviations about 100.
        level = pm.Normal("level", np.log(100.0), 0.7)
        # If the price rises by one percent, sales fall by 0 to 3 percent.
        elasticity = pm.Normal("elasticity", -1.5, 0.75)
        # Sales are off by a tenth or two, seldom by more than a half.
        scale = pm.HalfNormal("scale", 0.25)

        pm.Normal("sales", level + elasticity * log_price, scale, observed=log_sold, dims="obs")
    return model


# 4. What you do today

initial = 52  # periods of the first fit; at least 18 must follow, better 50
calendar = 8  # you retrain every 8 periods; a list of periods says in which ones you did
update_rule = ld.UpdateRule(window=26)  # a retrain uses the last 26 periods; ld.UpdateRule() uses all

# 5. What a retrain costs
#
# There is no default, because only you can say it. In nats of log score it is what a retrain has to win before the next
# one. Bills in money: ld.RetrainingCost(500, money_per_nat=20, currency="EUR"), see "The price of a retrain".

cost = 0.5

# Every other option of ld.PyMCForecaster, ld.spell_table and ld.audit can be said here by its name.

draws = 250  # of each of four chains: enough to begin with; 1000 are more exact
random_seed = 1
