# %% [markdown]
# # Media mix: which channel went stale, and what was last quarter's story worth?
#
# Your model of sales says what a euro on each channel brings. It is refreshed every month behind the scenes, and every quarter the board gets the new figures. Between two quarters: has something changed, in which channel, and should the board hear of it now? A refreshed story that differs from the one told may be news, or noise.
#
# Run it: clone, `make environment`, open this file from `notebooks/`; about 3 minutes.

# %%
# %matplotlib inline

import logging
import os
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
from IPython.display import display

import learning_debt as ld
from learning_debt import plots

sys.path.insert(0, "../models")  # before this folder, which has a file of the same name
import media_mix as model_file

logging.getLogger("pymc").setLevel(logging.ERROR)
SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 9})
CHANNELS, USUAL, FADE = model_file.CHANNELS, model_file.USUAL, model_file.FADE
INK = dict(zip(CHANNELS, ("C0", "C1", "C2"), strict=True))

history = model_file.load_history()
week = np.arange(history.sizes["obs"])
_, (above, below) = plt.subplots(2, 1, figsize=(9, 4), sharex=True, layout="constrained")
above.plot(week, history["sales"], color="0.2", lw=1)
above.set(ylabel="sales\n(thousand EUR)")
for place, channel in enumerate(CHANNELS):
    below.plot(week, history["spend"].values[:, place] * USUAL[place], color=INK[channel], lw=1, label=channel)
below.legend(ncols=3, loc="upper left")
below.set(ylabel="spend\n(thousand EUR)", xlabel="week", ylim=(0, 110))
for panel in (above, below):
    panel.axvspan(0, 4 * model_file.initial - 0.5, color="0.94", lw=0)
    panel.axvline(FADE - 0.5, color="0.5", ls=":")
above.annotate("first fit", (2, above.get_ylim()[1]), va="top", color="0.4")
above.annotate(" television fades", (FADE, above.get_ylim()[1]), va="top", color="0.4")
plt.show()

# %% [markdown]
# The history is simulated, so that the truth is known: in week 164 television loses 70% of what it does, and nothing else changes. In the sales one sees it hardly.
#
# ## The model
#
# Sales are those of a usual week, a season, a price effect, and what three channels bring more or less than usual. Each channel lingers for up to seven more weeks (adstock) and saturates. Priors: half of a campaign is gone after one to three weeks, a channel brings from 15 to 150 thousand a week at its usual spend, and twice the spend brings about half as much again. What that says before any data, as sales and as return on advertising spend (ROAS):

# %%
first = history.isel(obs=slice(0, 4 * model_file.initial))
with model_file.build_model(first):
    prior = pm.sample_prior_predictive(200, random_seed=1)


def returns(draws, rows, spend=None):
    """ROAS of each channel over rows (weeks), for up to 200 draws: (draws, channels)."""
    group = draws.stack(sample=("chain", "draw")).transpose("sample", ...)
    thin = group.isel(sample=slice(None, None, max(1, group.sizes["sample"] // 200)))
    spend = history["spend"].values if spend is None else spend
    brought = [
        model_file.contribution(
            spend[: rows[-1] + 1], *(thin[name].values[draw] for name in ("keep", "brings", "rate"))
        )
        for draw in range(thin.sizes["sample"])
    ]
    return np.array(brought)[:, rows].sum(axis=1) / (spend[rows] * USUAL).sum(axis=0)


year = np.arange(52, 104)
_, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
drawn = prior.prior_predictive["outcome"].values[0]
left.fill_between(week[:104], *np.quantile(drawn, [0.05, 0.95], axis=0), color="0.85", lw=0)
left.plot(week[:104], first["sales"], color="C0", lw=1)
left.set(xlabel="week", title="sales: 90% of the prior (grey), the first fit's (blue)")
right.boxplot(returns(prior.prior.to_dataset(), year), whis=(5, 95), showfliers=False)
right.set_xticks([1, 2, 3], CHANNELS)
right.set(yscale="log", title="ROAS in the second year, by the prior")
plt.show()

# %% [markdown]
# ## Wrap it
#
# A week's sales depend on the spend of the weeks before, so a month cannot be scored alone. The library finds that out at the first fit and asks for a past; `context_rows = 7` says that no row looks back further, which is checked too. The monthly refresh is the shadow, trained on all weeks so far; what the board was told is the deployed model, and the quarterly calendar is a retrain every third period. A media mix model of pymc-marketing comes in by `learning_debt.integrations.model_builder` instead ([integrations](../docs/integrations.md)).

# %%
if SMALL:
    history = history.isel(obs=slice(0, 4 * 26))
forecaster = ld.PyMCForecaster(
    model_file.build_model,
    context_rows=model_file.context_rows,
    draws=300 if SMALL else 500,
    tune=200 if SMALL else 500,
    chains=2,
)
folder = tempfile.TemporaryDirectory()
options = {"initial": 6 if SMALL else model_file.initial, "random_seed": 1, "progressbar": False}
spells = ld.spell_table(forecaster, history, exposure=model_file.exposure, **options, store=Path(folder.name) / "fits")
cost = model_file.cost
quarterly = ld.replay(spells, ld.policies.Calendar(model_file.calendar), cost)
print(f"{int(spells['refits'].sum())} fits served {spells.sizes['period'] + 1} posteriors")
plots.plot_debt(spells, backend="matplotlib", figure_kwargs={"figsize": (9, 5)})
plt.show()

# %% [markdown]
# This is the model of the first fit, never retrained. Nothing happens for a year and more; period 41 is the first after the change. Gaps come where television is on: in the months without a flight a model that is wrong about television loses nothing, and learns nothing either.
#
# ## The bill
#
# Regret is in nats a month, over its four weeks (`exposure = "rows"`). A retrain is worth what its owner says, here 2 nats: days of an analyst, and a story that changes in front of the board.

# %%
audit = ld.audit(spells, cost, calendar=model_file.calendar, resamples=200)
names = ["never", "your calendar", "best calendar", "CUSUM", "recommended", "oracle"]
display(audit.table[["retrains", "regret", "total"]].to_dataframe().loc[names].round(2))
plots.plot_bill(audit, policies=names, backend="matplotlib", figure_kwargs={"figsize": (9, 3.4)})
plt.show()

# %% [markdown]
# ## Which channel went stale
#
# Debt by parameter between what the board was told last before the change and the refresh of a year later. A channel has three parameters: what it brings at its usual spend (`brings`), how fast it saturates (`rate`) and how long it lingers (`keep`). Of the channels it is television, and what it brings; the others moved far less. Noise (`scale`), season and usual sales move with it: a model that cannot follow television takes what it misses for something else.

# %%
posteriors = ld.replayed_posteriors(forecaster, history, **options, store=Path(folder.name) / "fits")
labels = list(posteriors.labels)
told_at = labels.index(FADE // 4 - 1) if FADE // 4 in labels else 2
later = min(told_at + 12, posteriors.periods)
pair = posteriors.posterior(later), posteriors.posterior(told_at)
parts = ld.debt_by_block(forecaster, *pair, **posteriors.rows_between(told_at, later))
plots.plot_debt_parts(parts, backend="matplotlib", figure_kwargs={"figsize": (7, 4)})
plt.show()
plots.plot_parameter_stability(
    posteriors, quarterly.schedule, var_names=["brings"], backend="matplotlib", figure_kwargs={"figsize": (10, 2.6)}
)
plt.show()

# %% [markdown]
# ## What a refresh does to the story told last quarter
#
# The story is the return on advertising spend of a quarter that is over: the last one before the change. Its spend is history and does not move; what moves is the model that looks at it. Below, the same quarter's ROAS by the model that was told then, and by the refreshes that followed, month by month.

# %%
quarter = np.arange(4 * (labels[told_at] + 1) - 12, 4 * (labels[told_at] + 1))
spend = history["spend"].values
truth = model_file.contribution(spend, model_file.KEEP, model_file.BRINGS, model_file.RATE)
true_returns = truth[quarter].sum(axis=0) / (spend[quarter] * USUAL).sum(axis=0)
after = list(range(told_at, posteriors.periods + 1))
stories = np.array(
    [
        np.quantile(
            returns(ld.equal_weights(posteriors.posterior(t))["posterior"].to_dataset(), quarter, spend),
            [0.05, 0.5, 0.95],
            axis=0,
        )
        for t in after
    ]
)
_, panels = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
months = np.array(after) - told_at
for place, (channel, panel) in enumerate(zip(CHANNELS, panels, strict=True)):
    panel.fill_between(months, stories[:, 0, place], stories[:, 2, place], color=INK[channel], alpha=0.2, lw=0)
    panel.plot(months, stories[:, 1, place], color=INK[channel])
    panel.axhline(true_returns[place], color="0.4", ls="--", lw=1)
    panel.axhline(true_returns[place] * model_file.LEFT[place], color="0.4", ls=":", lw=1)
    panel.set(title=channel, xlabel="months after the story", ylim=(0, None))
panels[0].set_ylabel("ROAS of the old quarter")
plt.show()

# %% [markdown]
# The quarter is over, and so is what it brought (dashed). The refresh holds all weeks and knows one effect of television for all time: it takes from the old quarter what television has lost only since, and promises too much for the present (dotted). It is wrong about both, and moves for two years. So a refreshed story about last year is news about the model, not about last year.
#
# Search and social did not change. What the refreshes say of them still moves, social's by a third and back, within intervals (shaded: 90%) that hold the truth all the time. Their spend is small or steady, so that the data say little. A figure that moves inside its own interval is noise: do not tell it as news. What a quarter of television costs, promised and brings, in thousands of EUR:

# %%
last = stories[-1, 1]
spent = (spend[quarter] * USUAL).sum(axis=0)
now = true_returns * model_file.LEFT
pd.DataFrame(
    {
        "spent in the quarter": spent,
        "ROAS as told": stories[0, 1],
        "ROAS by the last refresh": last,
        "true then": true_returns,
        "true since": now,
        "sales promised by the old story": spent * stories[0, 1],
        "sales that come": spent * now,
    },
    index=CHANNELS,
).round(2)

# %% [markdown]
# ## The decision

# %%
print(audit.headline)
print(audit.decision)
if not SMALL:
    total = audit.table["total"].to_series()
    assert total["oracle"] <= total["recommended"] < total["your calendar"] < total["never"]
    assert stories[-1, 2, 0] < true_returns[0]  # the whole interval of television is below what was
    assert (now[0] < stories[:, 0, 0]).all()  # and above what is
    assert ((stories[:, 0, 1:] < true_returns[1:]) & (true_returns[1:] < stories[:, 2, 1:])).all()

# %% [markdown]
# The quarterly calendar was better than never. Looking every month came out some five nats cheaper, with a 90% interval that holds nought: it spared the retrain before anything could be seen, and then retrained about as often as the calendar, at better moments. (The best calendar is the one that was cheapest in the months before, when nothing paid: never.) This month, wait: what serves is a month old. But tell the board about television now, and do not wait for refreshes to get there, since this model cannot: give television an effect that may change, or train on a window (`update_rule = ld.UpdateRule(window=26)`; with adstock every month is then a fit of its own). A cheaper retrain would change when, not what.
