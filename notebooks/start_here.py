# %% [markdown]
# # Start here: retrain now, or wait?
#
# You forecast weekly sales from the price, with a PyMC model that is retrained every eight weeks on the last half year. Is that too often, or not often enough? And should you retrain today? This page wraps the model in five lines and reads the verdict.
#
# Run it: clone the project, `make environment`, open this file from `notebooks/`; about 1 minute.

# %%
# %matplotlib inline

import logging
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt import plots

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
logging.getLogger("pymc").setLevel("WARNING")
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## The history
#
# 104 weeks of sales of one product, three rows a week, made up. After week 60 buyers become less sensitive to the price: high prices sell more than they used to.

# %%
sales = pd.read_csv("../docs/sales.csv")
before, after = sales[sales["week"] <= 60], sales[sales["week"] > 60]
figure, panels = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
panels[0].plot(sales.groupby("week")["sold"].mean(), lw=1)
panels[0].axvline(60, color="0.6", ls=":")
panels[0].set(xlabel="week", ylabel="units sold, mean of the week", ylim=(0, None))
panels[1].loglog(before["price"], before["sold"], ".", label="until week 60")
panels[1].loglog(after["price"], after["sold"], ".", label="after it")
panels[1].set(xlabel="price", ylabel="units sold", xticks=[2, 2.5, 3, 3.5, 4], xticklabels=["2", "2.5", "3", "3.5", "4"])
panels[1].set(yticks=[50, 100, 200], yticklabels=["50", "100", "200"])
panels[1].minorticks_off()
panels[1].legend()
plt.show()

# %% [markdown]
# ## The model
#
# The logarithm of sales is a straight line in that of the price. At a price of 3, sales are probably between 25 and 400; if the price rises by one percent, they fall by 0 to 3 percent; forecasts are off by a tenth or two. `build_model` is a function of the data, and all data are in `pm.Data`: nothing else is asked of a model.

# %%
history = pd.DataFrame(
    {"period": sales["week"], "log_price": np.log(sales["price"] / 3), "log_sold": np.log(sales["sold"] + 1)}
)


def build_model(data):
    with pm.Model() as model:
        log_price = pm.Data("log_price", data["log_price"].values, dims="obs")
        log_sold = pm.Data("log_sold", data["log_sold"].values, dims="obs")
        level = pm.Normal("level", np.log(100), 0.7)
        elasticity = pm.Normal("elasticity", -1.5, 0.75)
        scale = pm.HalfNormal("scale", 0.25)
        pm.Normal("sales", level + elasticity * log_price, scale, observed=log_sold, dims="obs")
    return model


# %% [markdown]
# What the priors allow before any data, at each price (shades: 50% and 90% of simulated sales), and what was sold:

# %%
grid = xr.Dataset({"log_price": ("obs", np.log(np.linspace(2, 4, 21) / 3)), "log_sold": ("obs", np.zeros(21))})
simulated = pm.sample_prior_predictive(2000, model=build_model(grid), random_seed=1)
implied = np.exp(simulated["prior_predictive"]["sales"])
figure, panel = plt.subplots(figsize=(10, 3.2), layout="constrained")
for share in (0.5, 0.9):
    low, high = implied.quantile([(1 - share) / 2, (1 + share) / 2], ("chain", "draw"))
    panel.fill_between(np.linspace(2, 4, 21), low, high, color="C0", alpha=0.2, lw=0)
panel.plot(sales["price"], sales["sold"], ".", color="black", ms=3)
panel.set(xlabel="price", ylabel="units sold", yscale="log", yticks=[10, 100, 1000], yticklabels=["10", "100", "1000"])
plt.show()

# %% [markdown]
# ## Five lines
#
# The first year is the first fit. A retrain is worth half a nat of log score: replace that by [what yours costs](../docs/price-a-retrain.md), also in money.

# %%
forecaster = ld.PyMCForecaster(build_model, draws=100 if SMALL else 500)
half_year = ld.UpdateRule(window=26)
rows = history[history["period"] <= (76 if SMALL else 104)]
spells = ld.spell_table(forecaster, rows, initial=52, update_rule=half_year, random_seed=1, progressbar=False)
audit = ld.audit(spells, cost=0.5, calendar=8, resamples=50 if SMALL else 500)

# %% [markdown]
# ## What waiting cost
#
# **Regret** is forecast score that the model in service lost, compared with the same model on the latest half year. Here it is under today's calendar, week by week, and added up since the last retrain, beside what a retrain costs (broken line).

# %%
every_eight = ld.replay(spells, ld.policies.Calendar(8), cost=0.5).schedule
plots.plot_regret(spells, every_eight, cost=0.5, figure_kwargs={"figsize": (10, 4)});

# %% [markdown]
# The calendar had retrained just before buyers changed, and the next retrain came eight weeks and 60 nats later. By week 100 it retrained where there was nothing left to win.
#
# ## The bill
#
# Policies are tuned on the first 60% of the weeks and billed on the others: regret, plus half a nat for each retrain. The others are weeks 84 to 104, and every policy begins them with a model of week 83: what the calendar lost in weeks 61 to 68 is in no bill. The oracle knows the future, and nobody can do better. (Short strokes beside the lines' ends are intervals of the totals, for the sampler's error. [Getting started](../docs/getting-started.md) has other figures of the same sales: its first fit ends half a year earlier, and it bills weeks 73 to 104.)

# %%
shown = ["never", "your calendar", "recommended", "oracle"]
plots.plot_bill(audit, policies=shown, figure_kwargs={"figsize": (10, 4)})
audit.table[["retrains", "regret", "total"]].to_dataframe().loc[shown].round(2)

# %% [markdown]
# ## The verdict

# %%
print(audit.headline)
print("today:", audit.decision.verdict)  # print(audit) has all of it, and what it rests on

# %%
if not SMALL:
    total = audit.table["total"].to_series()
    assert total["never"] > 2 * total["your calendar"] > 4 * total["recommended"]
    assert audit.decision.verdict == "wait"

# %% [markdown]
# **Wait.** The model that serves now has learned what changed; week 60 is no longer in its half year. But give up the calendar: it was late in some weeks and needless in others, and the recommended policy, which looks at every week's data, would have cost a third of it. One shift in 21 weeks does not prove that: the full audit gives the difference a 90% interval that holds nought. But the weeks after it show what a calendar risks.
#
# What would change it: a retrain that costs much less, another change of buyers, or a history with other weeks. Try `cost=0.02` above.
#
# **Your own model.** `learning-debt new my_forecast` makes a folder with this model as a commented file, its history, and a notebook like this one, to be replaced part by part. Then: [which models](../docs/models.md), [which cost](../docs/price-a-retrain.md), [every Monday](../docs/monitor.md).
