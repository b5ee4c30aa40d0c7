# %% [markdown]
# # CO2 at Mauna Loa: a trend that bends
#
# You forecast the concentration of CO2 from a smooth trend in time, fitted by a Gaussian process. It fits beautifully. How long may you leave it as it is, and does it know when it is stale? There is no shock here, only a trend that bends a little all the time.
#
# Run it: clone the project, `make environment`, open this file from `notebooks/`; about 1 minute.

# %%
# %matplotlib inline

import os
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
from scipy import stats

import learning_debt as ld
from learning_debt import plots

sys.path.append("../models")
import co2_trend

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
RESAMPLES = 50 if SMALL else 2000
pd.set_option("display.width", 160, "display.max_columns", 30, "display.precision", 1)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## What happened
#
# Means of four weeks, 1958 to 2001 (Keeling and Whorf, Scripps Institution of Oceanography). Growth rose from less than 1 ppm a year in the sixties to 1.5 in the eighties, fell back in the early nineties, and rose again. Some months of 1964 are missing: the fall of growth below zero comes from that.

# %%
history = co2_trend.load_history()
year, level = history["year"].values, history["y"].values
yearly = pd.Series(level).groupby(year.astype(int)).mean().loc[1959:2001]
figure, panels = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
panels[0].plot(year, level, lw=0.8)
panels[0].set(ylabel="CO2 (ppm)")
panels[1].plot(yearly.index, yearly.diff(), ".-", lw=0.6, color="0.7", label="from year to year")
panels[1].plot(yearly.index, yearly.diff().rolling(5).mean(), label="mean of five years")
panels[1].set(ylabel="growth (ppm a year)", ylim=(0, None))
panels[1].legend(loc="lower right")
plt.show()

# %% [markdown]
# ## The model
#
# A line, smooth deviations from it, a season of three waves, and noise. The deviations are a Gaussian process (squared exponential: standard deviation 5 ppm, length scale 10 years) in its Hilbert-space form, HSGP: ten fixed functions of time with normal weights. The line grows by 1 ppm a year, give or take .5. With the scales held the whole is a regression on fixed columns, so `models/co2_trend.py`
# audits it **exactly**, without a sampler; its `build_model` is the same model in PyMC, to be changed as you like. Ten trajectories from the prior of that one, their value at each August:

# %%
summers = [int(np.abs(year - (whole + 0.6)).argmin()) for whole in range(1959, 2002)]  # so that only the trend is seen
every_year = history.isel(obs=summers)
drawn = pm.draw(co2_trend.build_model(every_year)["concentration"], draws=10, random_seed=3)
figure, panel = plt.subplots(figsize=(10, 3), layout="constrained")
panel.plot(every_year["year"], drawn.T, color="C0", lw=0.8, alpha=0.6)
panel.plot(every_year["year"], every_year["y"], color="black", label="measured")
panel.set(ylabel="CO2 (ppm)")
panel.legend(loc="upper left")
plt.show()

# %% [markdown]
# The prior allows for any smooth bend of some ppm within a decade, and the measured trend is one among its draws.
#
# ## Wrap it, beside a plain rival
#
# The rival is what a cautious colleague would do: a **straight line** and the same season on the last six years. A period is eight weeks; the first ten years are the first fit; a retrain costs half a nat. Both score the same measurements, so scores compare.

# %%
if SMALL:
    history = history.isel(obs=slice(-2 * 130, None))
straight = ["level", "growth", *co2_trend.SEASON]
chosen = [name in straight for name in history["coefficient"].values]
rival_prior = ld.NIG(
    co2_trend.PRIOR_MEAN[chosen],
    np.diag(co2_trend.NOISE**2 / co2_trend.PRIOR_SD[chosen] ** 2),
    co2_trend.prior.shape,
    co2_trend.prior.rate,
)
models = {
    "HSGP": (co2_trend.forecaster, history, ld.UpdateRule()),
    "line on six years": (
        ld.ConjugateRegression(rival_prior, coefficient_names=straight),
        history.sel(coefficient=straight),
        ld.UpdateRule(window=39),
    ),
}
tables, audits = {}, {}
for name, (forecaster, rows, rule) in models.items():
    tables[name] = ld.spell_table(forecaster, rows, initial=co2_trend.initial, update_rule=rule, progressbar=False)
    audits[name] = ld.audit(tables[name], co2_trend.cost, calendar=co2_trend.calendar, resamples=RESAMPLES)
audit = audits["HSGP"]

# %% [markdown]
# ## What a frozen trend does outside its data
#
# Three models, trained until the vertical line. What the Gaussian process adds to the model's own straight line (band: 90%), beside what was measured above that line. The band is of the process alone: how a bend is shared between line and process cannot be told, though their sum can. Forecast intervals are far narrower, and are judged below.

# %%
REPLAYED = {
    name: ld.replayed_posteriors(forecaster, rows, initial=co2_trend.initial, update_rule=rule, progressbar=False)
    for name, (forecaster, rows, rule) in models.items()
}
starts = np.unique(history["period"].values)[co2_trend.initial :]
names = history["coefficient"].values.tolist()
smooth = [place for place, name in enumerate(names) if name.startswith("smooth")]
figure, panels = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
for panel, share in zip(panels, (0.2, 0.5, 0.8), strict=True):
    number = int(share * len(starts))
    posterior = REPLAYED["HSGP"].posterior(number)
    trained_until = history["year"].values[history["period"].values < starts[number]][-1]
    grid = np.arange(trained_until - 15, trained_until + 12, 0.25)
    added = co2_trend.columns(grid)[:, smooth]
    covariance = posterior.rate / posterior.shape * np.linalg.inv(posterior.precision)[np.ix_(smooth, smooth)]
    half = 1.645 * np.sqrt(np.einsum("ij,jk,ik->i", added, covariance, added))
    middle = added @ posterior.mean[smooth]
    others = [place for place in range(len(names)) if place not in smooth]
    measured = history["y"].values - history["x"].values[:, others] @ posterior.mean[others]
    seen = (history["year"].values > grid[0]) & (history["year"].values < grid[-1])
    panel.plot(history["year"].values[seen], measured[seen], color="black", lw=0.7, label="measured")
    panel.plot(grid, middle, label="HSGP")
    panel.fill_between(grid, middle - half, middle + half, alpha=0.2, lw=0)
    panel.axvline(trained_until, color="0.6", lw=0.8)
    panel.axhline(0, color="0.6", lw=0.8, ls=":")
    panel.set(title=f"trained until {trained_until:.0f}", ylim=(-13, 13))
panels[0].set(ylabel="above the line (ppm)")
panels[0].legend(loc="lower left")
plt.show()

# %% [markdown]
# Beyond its data the process carries the last bend on for a few years and then falls back to its prior, which is: no deviation from the line, give or take 5 ppm. What was measured goes on as it likes.
#
# Now all of them. Each line is a model that is trained once and left alone: what it forecasts, less what was measured, by its age. Colours are the years of training. Below it, how often its 90% interval held the measurement.


# %%
def aged(name):
    """Age in years, error in ppm and whether the 90% interval held, of every third model and every later row."""
    rows, found = models[name][1], []
    for number in range(0, len(starts) - 7, 3):
        later = rows.isel(obs=rows["period"].values >= starts[number])
        posterior, x = REPLAYED[name].posterior(number), later["x"].values
        spread = (x * np.linalg.solve(posterior.precision, x.T).T).sum(axis=1)
        half = stats.t(2 * posterior.shape).ppf(0.95) * np.sqrt(posterior.rate / posterior.shape * (1 + spread))
        error = x @ posterior.mean - later["y"].values
        age = later["year"].values - later["year"].values[0]
        found.append(
            pd.DataFrame({"start": later["year"].values[0], "age": age, "error": error, "held": abs(error) < half})
        )
    return pd.concat(found).query("age < 12")


figure, panels = plt.subplots(2, 2, figsize=(10, 5.5), sharex=True, sharey="row", layout="constrained")
errors = {name: aged(name) for name in models}
for column, (name, found) in zip(panels.T, errors.items(), strict=True):
    for start, one in found.groupby("start"):
        smoothed = one["error"].rolling(13, min_periods=1).mean()
        column[0].plot(one["age"], smoothed, lw=0.7, color=plt.cm.viridis((start - 1968) / 34))
    held = found.groupby((found["age"] * 2).astype(int) / 2)["held"].mean()
    column[1].plot(held.index + 0.25, held)
    column[1].axhline(0.9, color="black", lw=0.8, ls=":")
    column[0].axhline(0, color="black", lw=0.8)
    column[0].set(title=name, ylim=(-12, 12))
    column[1].set(xlabel="age (years)", ylim=(0, 1.02))
panels[0, 0].set(ylabel="forecast too high by (ppm)")
panels[1, 0].set(ylabel="intervals that held")
plt.colorbar(
    plt.cm.ScalarMappable(plt.Normalize(1968, 2002), "viridis"), ax=panels[0, 1], label="trained until", fraction=0.05
)
plt.show()
size = pd.DataFrame(
    {
        name: found.groupby(pd.cut(found["age"], [0, 0.5, 1, 2, 4, 8]))["error"].apply(lambda e: np.sqrt((e**2).mean()))
        for name, found in errors.items()
    }
).rename_axis("age (years)")
print(f"typical error (root mean square, ppm)\n{size.round(2).to_string()}")

# %% [markdown]
# Fresh, the two are equally good. After two years the frozen HSGP errs by half as much again as the straight line, after four by twice as much. Neither knows how far off it is: intervals that should hold nine in ten hold seven in the first months and fewer than half between two and eight years, since what is left over from month to month is not the independent noise that both models take it for.
#
# ## What that costs

# %%
figure, panel = plt.subplots(figsize=(10, 3.2), layout="constrained")
for name, table in tables.items():
    curve = ld.ageing_curve(table).isel(age=slice(0, 40))
    years = (curve["age"] * co2_trend.WEEKS_A_PERIOD / co2_trend.WEEKS_A_YEAR).values
    panel.plot(years, curve["regret"], label=name)
    panel.fill_between(years, curve["regret_low"], curve["regret_high"], alpha=0.15, lw=0)
panel.axhline(0, color="black", lw=0.8)
panel.set(xlabel="age (years)", ylabel="regret a period (nats)")
panel.legend(loc="upper left")
plt.show()

# %% [markdown]
# In nats, which also count how sure a model was, the HSGP ages faster for four years on average, though the intervals overlap; after that both are lost.
#
# ## The bill
#
# Realised log score less the cost of retrains, over the last 88 periods, so that the two models compare (higher is better; the difference to the oracle is the price of not knowing the future):

# %%
rows = ["never", "your calendar", "best calendar", "CUSUM", "recommended", "oracle"]
net = pd.DataFrame({name: one.table["net_score"].to_series() for name, one in audits.items()}).loc[rows]
retrains = pd.DataFrame({name: one.table["retrains"].to_series() for name, one in audits.items()}).loc[rows]
pd.concat({"net score (nats)": net, "retrains": retrains}, axis=1)

# %%
plots.plot_bill(
    audit, policies=["your calendar", "best calendar", "recommended", "oracle"], figure_kwargs={"figsize": (10, 4)}
)
plt.show()
plots.plot_decisions(audit, policies=rows, figure_kwargs={"figsize": (10, 2.6)})
plt.show()

# %% [markdown]
# A retrain every other year, which is today's habit, throws most of the model's worth away: its bill is several times that of the recommended policy. The best calendar retrains every other period. Policies that look save a quarter of its retrains or more, since in some years the trend goes on as it was.
#
# ## Did it know?

# %%
check = ld.belief_check(tables["HSGP"]).isel(series=0, deployed_at=0)
print(check["sentence"].item())
print()
print(audit.today)

# %% [markdown]
# In the mean it knew the direction and not the size: retrains gain less than the shadow expects, because what is left over, El Niño above all, goes on for months, and the model takes it for news about the trend. That is said of the first fit over the whole history; what `today` says is of the present spell. The audit corrects what the shadow expects by the gaps that came at such an age.

# %%
if not SMALL:
    calendar, ours = (float(audit.table["total"].sel(policy=name)) for name in ("your calendar", "recommended"))
    assert calendar > 4 * ours
    assert abs(size.iloc[0, 0] / size.iloc[0, 1] - 1) < 0.25
    assert 1.3 < size.iloc[3, 0] / size.iloc[3, 1] < 1.7
    assert size.iloc[4, 0] / size.iloc[4, 1] > 2
    for found in errors.values():
        assert 0.65 < found.query("age < 0.5")["held"].mean() < 0.75
        assert found.query("2 < age < 8")["held"].mean() < 0.5
    assert (net["HSGP"] < net["line on six years"]).all()
    assert retrains.loc["recommended", "HSGP"] < 0.8 * retrains.loc["best calendar", "HSGP"]
    assert "less than" in check["sentence"].item()
    assert audit.decision.verdict == "retrain"

# %% [markdown]
# ## The decision
#
# **Retrain now**, and from now on when the recommended policy says so, every three periods (half a year) or so, rather than every other year. And look at the rival: on these 88 periods the straight line scored better than the HSGP under every policy of the table, by a few nats under the recommended one, by some twenty in today's rhythm. If retrains must stay rare, serve the line.
#
# What would change it: a retrain that costs tens of nats, a kernel whose prior goes on growing (a trend in the growth rate) in place of one that falls back to a line, or a series whose trend has stopped bending.
