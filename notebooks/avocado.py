# %% [markdown]
# # Avocado demand: which city went stale, in dollars
#
# You order avocados for four US cities, every week, from a forecast of demand. Too few cost margin, too many are thrown away. How often should the forecaster be retrained, what does a habit cost, and in which city is it out of date?
#
# Run it: clone the project, `make environment`, open this file from `notebooks/`; about 2 minutes.

# %%
# %matplotlib inline

import os
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm

import learning_debt as ld
from learning_debt import plots
from learning_debt.bench.histories import HISTORIES

sys.path.append("../models")
import avocado_orders

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
DRAWS, TUNE, RESAMPLES = (150, 200, 50) if SMALL else (avocado_orders.draws, avocado_orders.tune, 2000)
pd.set_option("display.width", 160, "display.max_columns", 30, "display.float_format", "{:,.2f}".format)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## What happened
#
# Avocados sold a week, and their price, January 2015 to March 2018 (Hass Avocado Board). Prices peaked in autumn 2016 and again, higher, in autumn 2017, at half as much again to twice those of 2015, and fell back.

# %%
history = avocado_orders.load_history()
raw = HISTORIES["avocado"].load_raw()
figure, panels = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
for city in avocado_orders.CITIES:
    own = raw[raw["region"] == city]
    panels[0].plot(pd.to_datetime(own["week"]), own["volume"] / 1000, lw=0.9, label=city)
    panels[1].plot(pd.to_datetime(own["week"]), own["price"], lw=0.9)
panels[0].set(ylabel="thousands a week", ylim=(0, 2600))
panels[0].legend(ncols=2, loc="upper left")
panels[1].set(ylabel="price (USD)", ylim=(0, None))
for panel in panels:
    panel.set_xticks(pd.to_datetime(["2015", "2016", "2017", "2018"]), ["2015", "2016", "2017", "2018"])
plt.show()

# %% [markdown]
# ## The model
#
# The logarithm of a week's demand from last week's, the price and its change, and the season. Each city has its own level, memory and reaction to price, about common means (a hierarchy: cities differ by some .15). A price that is 10% higher is expected to cost 3% of demand, give or take 5%. Forecasts from the prior alone, for 2015, as multiples of what was sold:

# %%
first = history.isel(obs=history["period"].values < "2016")
drawn = pm.draw(avocado_orders.build_model(first)["avocados"], draws=400, random_seed=1) / first["sold"].values
figure, panel = plt.subplots(figsize=(10, 2.6), layout="constrained")
for number, city in enumerate(avocado_orders.CITIES):
    ratio = drawn[:, first["city"].values == city]
    low, middle, high = np.quantile(ratio, [0.05, 0.5, 0.95])
    panel.plot([low, high], [number, number], color="C0", lw=2)
    panel.plot(middle, number, "o", color="C0")
panel.axvline(1, color="black", lw=0.8, ls=":")
panel.set_yticks(range(4), avocado_orders.CITIES)
panel.set(xscale="log", xlabel="forecast from the prior, as a multiple of what was sold (90%)")
panel.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
panel.minorticks_off()
plt.show()

# %% [markdown]
# ## Wrap it, in dollars
#
# The stock that is ordered follows from the forecast: a missing avocado costs 40 cents of margin, one that is left over 25 cents. That newsvendor loss is the score, so regret is money: what the frozen forecaster's orders cost more than an up-to-date one's. A retrain costs 20,000 USD, and there are two a year.

# %%
if SMALL:
    history = history.isel(obs=history["period"].values < np.unique(history["period"].values)[34])
forecaster = ld.PyMCForecaster(avocado_orders.build_model, draws=DRAWS, tune=TUNE, chains=2)
spells = ld.spell_table(
    forecaster,
    history,
    initial=avocado_orders.initial,
    score=avocado_orders.score,
    shadow=avocado_orders.shadow,
    random_seed=1,
    progressbar=False,
)
audit = ld.audit(spells, avocado_orders.cost, calendar=avocado_orders.calendar, resamples=RESAMPLES)
reliable = float(spells["score_gap_reliable"].where(spells["score_gap"].notnull()).mean())
print(f"{int(spells['refits'].sum())} fits, of which {int(spells['converged'].sum())} passed; ", end="")
print(f"{reliable:.0%} of the score gaps are to be relied on")

# %% [markdown]
# ## The bill
#
# Tuned on the periods of four weeks to spring 2017, billed on those after it. `difference_low` and `difference_high` bound, at 90%, how much more than your calendar a policy costs; below zero it costs less.

# %%
rows = ["never", "your calendar", "best calendar", "CUSUM", "predictive-debt threshold", "recommended", "oracle"]
audit.table.sel(policy=rows)[["retrains", "regret", "total", "difference_low", "difference_high"]].to_dataframe()

# %%
plots.plot_bill(
    audit, policies=["never", "your calendar", "CUSUM", "recommended", "oracle"], figure_kwargs={"figsize": (10, 4)}
)
plt.show()
plots.plot_decisions(audit, policies=rows, figure_kwargs={"figsize": (10, 2.8)})
plt.show()

# %% [markdown]
# A model of spring 2017 did not know what people buy at the prices of autumn 2017, nor how they buy once prices have fallen again: nearly half of what never retraining lost came in the first months of 2018. Two retrains a year, as is the habit, catch it late: they cost more than twice what the recommended policy would have cost, which looks every four weeks and comes near the oracle.
#
# ## Which city went stale
#
# The forecaster that was trained when the reported periods began, against one with all data. On the left which city's rows moved belief; on the right what the old orders cost more in the last twelve weeks, city by city.

# %%
labels = np.unique(history["period"].values)
split = audit.spells["label"].values[0]
periods = history["period"].values
before, since = (history.isel(obs=np.flatnonzero(part)) for part in (periods < split, periods >= split))
latest = history.isel(obs=np.flatnonzero(periods >= labels[-3]))
deployed, shadow = forecaster.fit(before, random_seed=1), forecaster.fit(history, random_seed=2)
moved = ld.debt_by_group(forecaster, shadow, deployed, since, by="city")
cost_of_age = {}
for city in avocado_orders.CITIES:
    own = latest.isel(obs=np.flatnonzero(latest["city"].values == city))
    gap = ld.score_gap(forecaster, shadow, deployed, own, avocado_orders.score, random_seed=1)
    cost_of_age[city] = gap.value * own.sizes["obs"]
stale = pd.DataFrame({"moved (nats)": moved["value"].to_series(), "cost of age (USD)": pd.Series(cost_of_age)})
figure, panels = plt.subplots(1, 2, figsize=(10, 2.6), layout="constrained")
for panel, (what, values) in zip(panels, stale.items(), strict=True):
    panel.barh(values.index, values)
    panel.set(xlabel=what)
    panel.axvline(0, color="black", lw=0.8)
plt.show()
stale

# %% [markdown]
# ## All 54 regions
#
# The same question for every region of the data, with the exact neighbour: a regression of each region by itself, in nats. 9,000 rows take seconds. Some regions hold others, so they are no independent evidence.

# %%
wide = HISTORIES["avocado"].load()
week = np.unique(wide["period"].values, return_inverse=True)[1]
chosen = week < len(np.unique(week)) // 4 * 4
if SMALL:
    chosen &= np.isin(wide["series"].values, avocado_orders.CITIES)
regions = {
    "x": wide["x"].values[chosen],
    "y": wide["y"].values[chosen],
    "series": wide["series"].values[chosen],
    "period": week[chosen] // 4,
}
usual = np.r_[0.0, 0.9, -0.3, 0.2, np.zeros(regions["x"].shape[1] - 4)]
spread = np.r_[5.0, 0.3, 0.5, 0.5, np.full(len(usual) - 4, 0.1)]
neighbour = ld.ConjugateRegression(ld.NIG(usual, np.diag(0.01 / spread**2), 3.0, 0.02))
table = ld.spell_table(neighbour, regions, initial=avocado_orders.initial, progressbar=False)
frozen = table["score_gap"].isel(deployed_at=0).sum("period").to_series().sort_values()
print(f"{len(regions['y']):,} rows, {len(frozen)} regions; in nats a row, summed over {table.sizes['period']} periods")
figure, panel = plt.subplots(figsize=(10, 3), layout="constrained")
panel.bar(range(len(frozen)), frozen, color=["C1" if name in avocado_orders.CITIES else "0.7" for name in frozen.index])
panel.set(ylabel="lost since the first year (nats)", xticks=[], xlabel="regions (orange: the four above)")
for place, name in enumerate(frozen.index):
    if name in avocado_orders.CITIES:
        panel.annotate(
            name, (place, frozen[name]), ha="center", rotation=90, fontsize=8, xytext=(0, 4), textcoords="offset points"
        )
plt.show()

# %% [markdown]
# Since the first year Boston has lost the most of the four, since spring 2017 Houston. A city is not stale as such, but beside the date at which its model was trained.
#
# ## The decision

# %%
print(audit.today)

# %%
if not SMALL:
    total = audit.table["total"].to_series()
    assert total["recommended"] < total["your calendar"] / 2
    assert total["never"] - total["recommended"] > 300_000
    assert float(audit.table["difference_high"].sel(policy="recommended")) < 0
    assert total["recommended"] < 1.25 * total["oracle"]
    assert (stale > 0).all(axis=None)
    assert set(stale.idxmax()) == {"Houston"}
    assert frozen[avocado_orders.CITIES].idxmax() == "Boston"
    assert audit.decision.verdict == "retrain"

# %% [markdown]
# **Retrain now**, all four cities (they share one model), and look every four weeks instead of twice a year. Houston's buyer should not wait for it: nearly half of the money is lost there.
#
# What would change it: a retrain that costs more than some 350,000 dollars, margins of a few cents, or prices that stay within what the model was trained on.
