# %% [markdown]
# # A model that adapts: is retraining needed at all?
#
# You forecast next week's calls at a help desk. A colleague's model, the mean of its training data, is retrained every eight weeks because the level moves. Yours follows the level by itself: every forecast is made from the latest weeks. Can you stop retraining it? And if so, what is left to decide?
#
# Run it: clone the project, `make environment`, open this file from `notebooks/`; about 2 minutes.

# %%
# %matplotlib inline

import logging
import os
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm

import learning_debt as ld
from learning_debt import plots

sys.path.append("../models")
import local_level

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
DRAWS, RESAMPLES = (100, 50) if SMALL else (250, 1000)
logging.getLogger("pymc").setLevel("WARNING")
pd.set_option("display.width", 160, "display.max_columns", 30, "display.precision", 2)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## Two worlds
#
# Simulated, so that we know what moves. In both the level walks at random. In the first, that is all. In the second, calls are two and a half times as noisy from week 60 to week 110 (grey).

# %%
worlds = {"the level moves": local_level.simulate(1, (0, 0)), "the noise changes, too": local_level.load_history()}
figure, panels = plt.subplots(1, 2, figsize=(10, 3), sharey=True, layout="constrained")
for panel, (name, history) in zip(panels, worlds.items(), strict=True):
    panel.plot(history["period"], history["calls"], lw=1)
    panel.set(title=name, xlabel="week")
panels[0].set(ylabel="calls (hundreds)")
panels[1].axvspan(*local_level.NOISY, color="0.93")
plt.show()

# %% [markdown]
# ## The model
#
# A local level in its innovations form, better known as exponential smoothing (`models/local_level.py`): the forecast is a mean of the latest weeks, each of which counts `1 - gain` of the week after it. Two parameters are learned: the **gain** (a third or so, says the prior) and the typical **surprise** (a few hundred calls). Forecasts of the first half year from the prior alone (90%), beside what came:

# %%
first = worlds["the level moves"].isel(obs=slice(0, local_level.initial))
simulated = pm.sample_prior_predictive(500, model=local_level.build_model(first), random_seed=1)
low, high = np.quantile(simulated["prior_predictive"]["week"].values.reshape(500, -1), [0.05, 0.95], axis=0)
figure, panel = plt.subplots(figsize=(10, 2.6), layout="constrained")
panel.fill_between(first["period"], low, high, color="C0", alpha=0.2, lw=0)
panel.plot(first["period"], first["calls"], color="black", lw=1)
panel.set(xlabel="week", ylabel="calls (hundreds)", ylim=(0, None))
plt.show()

# %% [markdown]
# Even with a prior for parameters the forecast is about right, since it hangs on the latest weeks. That is what adapting means.
#
# ## Wrap both models
#
# Yours is retrained on the last year, the colleague's on the last half year, both every eight weeks. A retrain costs half a nat of log score. Both forecast the same calls, so that scores compare.

# %%
yours = ld.PyMCForecaster(local_level.build_model, draws=DRAWS)
tables = {}
for world, history in worlds.items():
    rows = history.isel(obs=slice(0, 60 if SMALL else None))
    options = {"initial": local_level.initial, "progressbar": False}
    tables[world, "adapts"] = ld.spell_table(
        yours, rows, update_rule=local_level.update_rule, random_seed=1, **options
    )
    tables[world, "mean"] = ld.spell_table(
        local_level.rival, local_level.rival_rows(rows), update_rule=ld.UpdateRule(window=26), **options
    )
audits = {
    name: ld.audit(table, local_level.cost, calendar=local_level.calendar, resamples=RESAMPLES)
    for name, table in tables.items()
}

# %% [markdown]
# ## What a frozen model loses
#
# Score that a model loses by never being retrained after week 28, added up: realised score of the same model retrained every week, less its own.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3), sharey=True, layout="constrained")
for panel, world in zip(panels, worlds, strict=True):
    for model, color in {"mean": "0.4", "adapts": "C0"}.items():
        table = tables[world, model].isel(series=0, deployed_at=0)
        panel.plot(table["label"], table["score_gap"].cumsum(), color=color, label=model)
    panel.axhline(0, color="0.6", lw=0.8)
    panel.set(title=world, xlabel="week")
panels[1].axvspan(*local_level.NOISY, color="0.93", zorder=0)
panels[0].set(ylabel="nats lost so far")
panels[0].legend()
plt.show()

# %% [markdown]
# ## The bill
#
# Realised score less the cost of retrains, over the last 45 weeks (higher is better):

# %%
shown = ["never", "your calendar", "best calendar", "CUSUM", "recommended", "oracle"]
net = pd.DataFrame({name: one.table["net_score"].to_series() for name, one in audits.items()}).loc[shown]
retrains = pd.DataFrame({name: one.table["retrains"].to_series() for name, one in audits.items()}).loc[shown]
pd.concat({"net score (nats)": net, "retrains": retrains}, axis=1)

# %%
noisy = "the noise changes, too"
plots.plot_bill(
    audits[noisy, "adapts"],
    policies=["never", "your calendar", "recommended", "oracle"],
    figure_kwargs={"figsize": (10, 4)},
);

# %% [markdown]
# ## What went stale
#
# The two parameters as a retrain in every week would have learned them (bands: 90%), and what the frozen model of week 28 goes on believing (dots).

# %%
figure, panels = plt.subplots(2, 2, figsize=(10, 4.6), sharex=True, sharey="row", layout="constrained")
for column, (world, history) in zip(panels.T, worlds.items(), strict=True):
    rows = history.isel(obs=slice(0, 60 if SMALL else None))
    replayed = ld.replayed_posteriors(
        yours,
        rows,
        initial=local_level.initial,
        update_rule=local_level.update_rule,
        random_seed=1,
        progressbar=False,
    )
    weeks = np.arange(local_level.initial - 1, local_level.initial + replayed.periods)
    for panel, name in zip(column, ("gain", "surprise"), strict=True):
        bounds = []
        for period in range(replayed.periods + 1):
            posterior = ld.equal_weights(replayed.posterior(period), random_seed=1)["posterior"]
            bounds.append(np.quantile(posterior[name], [0.05, 0.5, 0.95]))
        low, middle, high = np.array(bounds).T
        panel.fill_between(weeks, low, high, color="C0", alpha=0.2, lw=0)
        panel.plot(weeks, middle, color="C0")
        panel.axhline(middle[0], color="0.3", ls=":")
        panel.set(ylabel=name, ylim=(0, {"gain": 0.7, "surprise": 4.0}[name]))
    column[0].set(title=world)
    column[1].set(xlabel="week")
plt.show()

# %% [markdown]
# The level itself is no parameter, so that it cannot go stale. The gain is learned slowly and costs little where it is off. The size of surprises is what a frozen model gets wrong when the noise changes, and what no forecast from the latest weeks can mend.
#
# ## Today

# %%
for name, one in audits.items():
    print(f"{' / '.join(name)}: {one.decision.verdict}")

# %%
if not SMALL:
    calm, changed = worlds
    for world in worlds:
        lost = {model: float(tables[world, model]["score_gap"].isel(series=0, deployed_at=0).sum()) for model in ("adapts", "mean")}
        assert lost["mean"] > 200
        assert abs(lost["adapts"]) < 10
        assert net[world, "adapts"].min() > net[world, "mean"].max()
        assert net.loc["never", (world, "adapts")] > net.loc["your calendar", (world, "adapts")]
        assert net.loc["recommended", (world, "mean")] > net.loc["your calendar", (world, "mean")]
        assert retrains.loc["recommended", (world, "adapts")] <= 1
    assert [audits[world, "adapts"].decision.verdict for world in worlds] == ["wait", "retrain"]

# %% [markdown]
# **Serve the model that adapts, and stop its calendar.** Left alone, it scores better than its rival under any policy, and a retrain every eight weeks only costs. What is left to decide is rare: in each world the recommended policy retrains once in 45 weeks at most; in the second after the size of surprises had changed, in the first for half a nat, which may be chance. In the second world the next one is **today**: the wildest weeks have left its last year, and the model in service still expects surprises of their size.
#
# What would change it: noise that changes often (then model it: a variance that moves makes that retrain unnecessary, too), a structure that the model does not have, such as a season or a trend, or a forecast several weeks ahead, which cannot see the weeks in between. And with one simulated history in each world, differences of half a nat are chance.
