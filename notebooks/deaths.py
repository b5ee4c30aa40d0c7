# %% [markdown]
# # Deaths in England and Wales: a shock, and what a retrain can do about it
#
# You forecast next month's deaths, for the staffing of hospitals and registrars. Then COVID comes. Your model is suddenly far off: do you retrain it in the wave, after it, or not at all? And once it is retrained, is the matter settled?
#
# Run it: clone the project, `make environment`, open this file from `notebooks/`; about 2 minutes.

# %%
# %matplotlib inline

import os
import sys
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm

import learning_debt as ld
from learning_debt import plots

sys.path.append("../models")
import monthly_deaths

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
DRAWS, TUNE = (300, 300) if SMALL else (1000, 500)
INITIAL = 165 if SMALL else monthly_deaths.initial
pd.set_option("display.width", 160, "display.max_columns", 30, "display.precision", 2)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## What happened
#
# Deaths of each month from 2006 to May 2022 (Office for National Statistics), with the mean temperature of the month. Shaded are the two waves: March to May 2020, and October 2020 to February 2021. In April 2020, 88,000 people died, twice as many as usual.

# %%
history = monthly_deaths.load_history()
WAVES = {"first wave": ("2020-03", "2020-05"), "second wave": ("2020-10", "2021-02")}


def months(labels):
    return pd.to_datetime(np.asarray(labels))


def shade(panel):
    for first, last in WAVES.values():
        panel.axvspan(pd.Timestamp(first), pd.Timestamp(last) + pd.offsets.MonthEnd(), color="C3", alpha=0.12, lw=0)


figure, panel = plt.subplots(figsize=(10, 3), layout="constrained")
panel.plot(months(history["period"]), history["deaths"] / 1000, lw=1)
shade(panel)
panel.set(ylabel="deaths a month (thousands)")
plt.show()

# %% [markdown]
# ## The model
#
# A negative binomial count whose logarithm of the rate is linear in temperature, a trend and three waves of the year. A month has 45,000 deaths before any data are seen; each effect is a few tenths on the log scale at most (normal, standard deviation .2), and the rate scatters about the regression by up to some 30% (`spread`).
# Does this allow for what deaths look like, without fearing absurdities? Forecasts from the prior alone, beside the first three years:

# %%
first = history.isel(obs=slice(0, 36))
drawn = pm.draw(monthly_deaths.build_model(first)["count"], draws=400, random_seed=1) / 1000
figure, panel = plt.subplots(figsize=(10, 3), layout="constrained")
for share, alpha in ((0.9, 0.2), (0.5, 0.3)):
    low, high = np.quantile(drawn, [0.5 - share / 2, 0.5 + share / 2], axis=0)
    panel.fill_between(months(first["period"]), low, high, color="C0", alpha=alpha, lw=0, label=f"prior, {share:.0%}")
panel.plot(months(first["period"]), first["deaths"] / 1000, color="black", label="deaths")
panel.set(ylabel="deaths a month (thousands)", ylim=(0, None))
panel.legend(ncols=3, loc="upper left")
plt.show()

# %% [markdown]
# The prior is wide, and April 2020 is within it. What the data said until 2019 is not.
#
# ## Wrap it
#
# The model is trained on 39 months and then replayed month by month. In every month the table compares what a model deployed in any earlier month said with what the *shadow*, the same model with all data so far, said. A retrain costs half a nat; today's habit is one a year.

# %%
forecaster = ld.PyMCForecaster(monthly_deaths.build_model, draws=DRAWS, tune=TUNE, chains=2)
folder = tempfile.TemporaryDirectory()  # keeps the fits, which are looked at again below
options = {"initial": INITIAL, "random_seed": 1, "progressbar": False, "store": f"{folder.name}/fits"}
spells = ld.spell_table(forecaster, history, **options)
audit = ld.audit(spells, monthly_deaths.cost, calendar=monthly_deaths.calendar)
print(f"{int(spells['refits'].sum())} fits for {spells.sizes['period']} months")

# %% [markdown]
# ## What the signals said
#
# The model in service is that of the recommended policy (broken lines: its retrains), over the months that the audit reports on. *Debt* is how far belief has moved since the last retrain; *predictive debt* is what the shadow expects the old model to lose in the month; the *score gap* is what it lost.

# %%
recommended = audit.replays["recommended"].schedule
plots.plot_debt(audit.spells, recommended, figure_kwargs={"figsize": (10, 5.5)})
plt.show()

# %% [markdown]
# Debt stands still for three years and jumps in one month. It jumps *after* the month: nothing here foretells a wave, and in April 2020 itself the shadow was as wrong as the model in service. No policy could have saved that month.
#
# ## The bill
#
# The policies were tuned on the months until January 2017 and billed on those after it. All begin freshly trained. The total is regret plus retrains; the net score is the log score that came, less the retrains (higher is better).

# %%
rows = ["never", "your calendar", "best calendar", "CUSUM", "debt threshold", "recommended", "oracle"]
bills = audit.table.sel(policy=rows)[["retrains", "regret", "total", "net_score"]].to_dataframe()
bills["retrained after"] = [", ".join(audit.replays[name].dates[0]) for name in rows]
bills

# %%
plots.plot_bill(
    audit, policies=["never", "your calendar", "CUSUM", "recommended", "oracle"], figure_kwargs={"figsize": (10, 4)}
)
plt.show()

# %% [markdown]
# The calendar paid for retrains in quiet Januaries and met the second wave with a model from before the first. Policies that look retrained after April or May 2020. The oracle did so too, and then **not again**: in hindsight the first wave was worth one retrain, and the second none. (All models lost some 50 nats in April 2020. That a few lost two or three fewer than the shadow is luck: it gives CUSUM and the oracle bills below zero.)
#
# ## What the retrain in the wave was, and what it cost
#
# Two models from May 2020 on: one trained until December 2019 and left alone, one retrained after April 2020. Bands are 90% intervals of their forecasts.

# %%
posteriors = ld.replayed_posteriors(forecaster, history, **options)
labels = spells["label"].values.tolist()
place = {
    "left alone since 2019": labels.index("2019-12") + 1,
    "retrained after April 2020": labels.index("2020-04") + 1,
}
after = history.isel(obs=history["period"].values > "2020-04")
when = months(after["period"])
colours = {"left alone since 2019": "C0", "retrained after April 2020": "C1"}
figure, panels = plt.subplots(2, 1, figsize=(10, 5.5), sharex=True, layout="constrained")
width = {}
for name, number in place.items():
    draws = ld.equal_weights(posteriors.posterior(number), random_seed=1)
    forecast = forecaster.predict(draws, after, random_seed=1)["count"]
    low, high = np.quantile(forecast.values.reshape(-1, len(when)), [0.05, 0.95], axis=0) / 1000
    width[name] = float(np.mean(high - low))
    panels[0].fill_between(when, low, high, color=colours[name], alpha=0.3, lw=0, label=name)
panels[0].plot(when, after["deaths"] / 1000, color="black", label="deaths")
panels[0].set(ylabel="deaths a month (thousands)", ylim=(30, 88))
panels[0].legend(ncols=3, loc="upper left")
scores = {name: spells["deployed_score"].values[0, number] for name, number in place.items()}
won = pd.Series(np.subtract(*list(scores.values())[::-1]), labels).loc["2020-05":]
panels[1].bar(when, won, width=20, color=np.where(won > 0, "C1", "C0"))
panels[1].axhline(0, color="black", lw=0.8)
panels[1].set(ylabel="won by the retrain (nats)")
for panel in panels:
    shade(panel)
plt.show()
summers = pd.Series(
    {
        "May 2020, end of the wave": won.loc["2020-05"],
        "June to September 2020, quiet": won.loc["2020-06":"2020-09"].sum(),
        "October 2020 to February 2021, second wave": won.loc["2020-10":"2021-02"].sum(),
        "March 2021 to May 2022": won.loc["2021-03":].sum(),
    },
    name="won by the retrain (nats)",
)
print(summers.round(2).to_string())
print(f"mean width of the 90% interval: {', '.join(f'{name} {wide:.0f} thousand' for name, wide in width.items())}")

# %% [markdown]
# The retrain did not teach the model what a wave is. It has no input that could say so. What it learned is **doubt**: intervals a quarter wider, in every month, and an April that is deadlier than it used to be. In the quiet summer that followed, the freshly retrained model was the worse one, month after month. It had paid for itself with May alone, but most of what it won came with the second wave: wide intervals are an insurance against waves.
#
# So "retrain" is not "the world is back". No policy retrained again in that summer, and rightly: nothing was left to learn, and the shadow itself was worse than the model of 2019.
#
# ## On what: forgetting is a bet
#
# Would it have been better to retrain on the last years only? The exact neighbour of the model (a normal regression of log deaths) answers in a second. What shadows under four update rules scored, beside the shadow that keeps everything:

# %%
log_deaths = np.log(history["deaths"].values)
coefficients = history.sizes["coefficient"]
usual = ld.NIG(
    np.r_[np.log(45_000.0), np.zeros(coefficients - 1)], np.eye(coefficients) * (0.05 / 0.2) ** 2, 2.0, 2 * 0.05**2
)
neighbour = ld.ConjugateRegression(usual)
columns = {"x": history["x"].values, "y": log_deaths, "period": history["period"].values}
rules = {
    "all data": ld.UpdateRule(),
    "last 5 years": ld.UpdateRule(window=60),
    "last 3 years": ld.UpdateRule(window=36),
    "discount .95 a month": ld.UpdateRule(discount=0.95),
}
own = {}
for name, rule in rules.items():
    table = ld.spell_table(neighbour, columns, initial=INITIAL, update_rule=rule, progressbar=False)
    own[name] = pd.Series(np.diagonal(table["deployed_score"].values[0]), labels)
won_by_forgetting = pd.DataFrame({name: score - own["all data"] for name, score in own.items() if name != "all data"})

figure, panel = plt.subplots(figsize=(10, 3.4), layout="constrained")
for name, score in won_by_forgetting.items():
    panel.plot(months(labels), score.cumsum(), label=name)
shade(panel)
panel.axhline(0, color="black", lw=0.8)
panel.set(ylabel="score won so far (nats)")
panel.legend(loc="upper left")
plt.show()
stretches = {
    "before the waves": (labels[0], "2020-02"),
    "first wave": WAVES["first wave"],
    "quiet summer 2020": ("2020-06", "2020-09"),
    "second wave": WAVES["second wave"],
    "after the waves": ("2021-03", labels[-1]),
}
by_stretch = pd.DataFrame({name: won_by_forgetting.loc[a:b].sum() for name, (a, b) in stretches.items()}).T
by_stretch.round(1)

# %% [markdown]
# The two rules that forget fastest were behind for eleven years, and made up for all of it in a single month, for no better reason than that few data leave wide intervals. After each wave every rule that forgets lost again. That is a bet on the next shock, not a better model. The comparison of rules with intervals says how little one event can tell:

# %%
choice = ld.compare_rules(
    neighbour,
    columns,
    rules,
    cost=monthly_deaths.cost,
    initial=INITIAL,
    calendar=monthly_deaths.calendar,
    random_seed=1,
    progressbar=False,
)
print(choice.sentence)
choice.savings[["saving", "low", "high", "rule"]].to_dataframe()

# %% [markdown]
# ## The decision
#
# Today, in May 2022:

# %%
print(audit.today)

# %%
if not SMALL:
    total = audit.table["total"].to_series()
    oracle = audit.replays["oracle"].dates[0]
    assert [date for date in oracle if date >= "2020-03"] == ["2020-04"]
    assert total["recommended"] < total["your calendar"] < total["never"]
    assert 1.15 < width["retrained after April 2020"] / width["left alone since 2019"] < 1.4
    assert (won.loc["2020-06":"2020-09"] < 0).all()
    assert won.loc["2020-10":"2021-02"].sum() > 5
    assert (by_stretch.loc["before the waves", ["last 3 years", "discount .95 a month"]] < 0).all()
    assert (by_stretch.loc[["quiet summer 2020", "after the waves"]] < 0).all(axis=None)
    for name in ("CUSUM", "debt threshold", "recommended"):
        assert any(date in ("2020-04", "2020-05") for date in audit.replays[name].dates[0])
        assert not any("2020-06" <= date <= "2020-09" for date in audit.replays[name].dates[0])
    assert audit.decision.verdict == "wait"

# %% [markdown]
# **Wait.** What an owner should have done: retrain once when the wave had been seen (after April 2020, half a nat well spent), know that this bought wider intervals and no knowledge, and not retrain again for the second wave. What would have helped more than any retrain is an input that says a wave is on: infections or admissions of the month before.
#
# What would change the decision: a retrain that costs next to nothing, a new shock, or a model that has such an input.
