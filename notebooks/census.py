# %% [markdown]
# # Census employment: a drift monitor rings, must I retrain?
#
# You serve a logistic regression that says whether a person is employed. A drift monitor compares each month's people with those of the first months, and it rings in 15 of 39. Should you retrain on its alarms, on a calendar, or not at all? The monitor here is NannyML 0.13.1; its alarms stand beside our verdict, in one table.
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
from learning_debt.bench import HISTORIES

sys.path.append("../models")
import census_employment as model_file

logging.getLogger("pymc").setLevel(logging.ERROR)
SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 9})

history = model_file.load_history().isel(obs=slice(None, None, 4))  # every fourth person, to take minutes
if SMALL:
    first = np.unique(history["period"].values)[: model_file.initial + 20]
    history = history.isel(obs=np.flatnonzero(np.isin(history["period"].values, first)))
raw = HISTORIES["massachusetts"].load_raw()[::4]
raw["period"] = raw["year"].astype(str) + "." + raw["part"].astype(str).str.zfill(2)
by_period = raw.groupby("period")[["employed", "age", "moved", "not_citizen"]].mean()
by_period["age"] /= 100
_, panel = plt.subplots(figsize=(9, 3), layout="constrained")
for name, colour in {"employed": "0.15", "age": "C0", "moved": "C1", "not_citizen": "C2"}.items():
    panel.plot(by_period.index, by_period[name], color=colour, lw=1.2)
    panel.annotate(
        {"age": "mean age / 100", "not_citizen": "not a citizen", "moved": "moved within a year"}.get(name, name),
        (len(by_period) - 0.5, by_period[name].iloc[-1]),
        color=colour,
        va="center",
    )
panel.axvspan(-0.5, model_file.initial - 0.5, color="0.92", lw=0)
panel.annotate("first fit", (0, 0.65), color="0.4")
panel.set_xticks(range(0, len(by_period), 6), by_period.index[::6])
panel.set(ylim=(0, 0.7), title="Shares of the persons of a period, Massachusetts, American Community Survey")
plt.show()

# %% [markdown]
# Each year's respondents were scattered over twelve parts at random, since the survey gives the year only. So within a year **nothing can have changed**; from year to year something may have. That makes this history a good test of alarms.
#
# ## The model
#
# Log odds of being employed are linear in age (up to its cube), sex, school, marriage, health, and where somebody lives: twelve coefficients. Each has a normal prior about 0 with standard deviation 1.5, wide enough for a column to turn a rare thing into a common one. The first fit has 900 persons, so the prior hardly matters; what it says before any data:

# %%
with model_file.build_model(history.isel(obs=slice(0, 100))):
    prior = pm.sample_prior_predictive(400, var_names=["is_employed"], random_seed=1)
share = prior.prior_predictive["is_employed"].mean("obs").values.ravel()
_, panel = plt.subplots(figsize=(6, 2.2), layout="constrained")
panel.hist(share, bins=np.linspace(0, 1, 21), color="0.8")
panel.axvline(float(history["employed"].mean()), color="C0")
panel.annotate(" observed", (float(history["employed"].mean()), 2), color="C0")
panel.set(xlabel="share of employed persons in a period, by the prior", yticks=[])
plt.show()

# %% [markdown]
# Any share is possible, and none is favoured much. That is weak, and fine with this many rows.
#
# ## Wrap it

# %%
forecaster = ld.PyMCForecaster(
    model_file.build_model, chains=2, draws=300 if SMALL else 700, tune=150 if SMALL else 300
)
folder = tempfile.TemporaryDirectory()
options = {"initial": model_file.initial, "random_seed": 1, "progressbar": False, "store": Path(folder.name) / "fits"}
spells = ld.spell_table(forecaster, history, **options)
posteriors = ld.replayed_posteriors(forecaster, history, **options)
cost = model_file.cost
print(f"{int(spells['refits'].sum())} fits served {spells.sizes['period'] + 1} posteriors; a retrain costs {cost}")

# %% [markdown]
# A nat of a person's forecast is taken to be worth 5 dollars and a retrain 400: replace both by yours, in `models/census_employment.py`. What waiting since the first fit has cost, period by period and added up:

# %%
plots.plot_regret(spells, cost=cost, backend="matplotlib", figure_kwargs={"figsize": (9, 4)})
plt.show()

# %% [markdown]
# ## What the monitor says
#
# NannyML was run apart, since it asks for other versions of other packages: `benchmarks/drift_monitor_alarms.py` says how, and stores its alarms. It watches a logistic regression of its own, fitted on the same nine periods, and has those as its reference; all its settings are its defaults. *One column* is the Jensen-Shannon distance of each input and of the forecast from the reference, *all columns* the error of reconstructing rows from principal components, *estimated* and *realised* the area under the ROC curve without and with outcomes.

# %%
stored = Path("../benchmarks/results/census_drift_alarms.csv")
alarms = pd.read_csv(stored, dtype={"period": str}, keep_default_na=False)
alarms = alarms[alarms["period"].isin(spells["label"].values.ravel())]
alarms["alarm"] = alarms["alarm"].astype(str) == "True"
alarms.groupby(["monitor", "column"])["alarm"].agg(["sum", "size"]).rename(columns={"sum": "alarms", "size": "periods"})

# %% [markdown]
# ## Both in one table
#
# For each period: which alarms rang, and what the deployed model of the first fit had come to, if it was never retrained. *Expected* is the predictive debt, what the shadow thinks that serving the old model loses in the period; *realised* is the regret, signed: negative where the old model forecast better. Both in dollars. *Verdict* is what the recommended policy would have said that day, having learned from the periods before.

# %%
audit = ld.audit(spells, cost, calendar=model_file.calendar, resamples=200)
labels = spells["label"].values.ravel()
money = cost.money_per_nat * spells["rows"].isel(series=0).values
rang = alarms[alarms["alarm"]].assign(name=lambda rows: rows["column"].where(rows["column"] != "", rows["monitor"]))
names = rang.groupby("period")["name"].agg(", ".join).reindex(labels).fillna("")
retrained = dict(
    zip(audit.spells["label"].values.ravel(), audit.replays["recommended"].schedule.values.ravel(), strict=True)
)
together = pd.DataFrame(
    {
        "alarms of the monitor": names,
        "expected loss (USD)": (spells["predictive_debt"].isel(series=0, deployed_at=0).values * money).round(),
        "realised loss (USD)": (spells["regret"].isel(series=0, deployed_at=0).values * money).round(),
        "loss so far (USD)": (spells["regret"].isel(series=0, deployed_at=0).values * money).cumsum().round(),
        "verdict": [{True: "retrain", False: "wait", None: "(tuning)"}[retrained.get(label)] for label in labels],
    }
).rename_axis("period")
with pd.option_context("display.max_rows", 50, "display.width", 160):
    display(together)

# %% [markdown]
# ## The bill
#
# All of it in dollars, over every period after the first fit. *On any alarm* retrains after each period in which any monitor rang, *on performance* only if estimated or realised performance did.

# %%
performance = rang[rang["monitor"].str.startswith("performance")]
policies = {
    "never": ld.policies.Never(),
    "your calendar": ld.policies.Calendar(model_file.calendar),
    "on any alarm": ld.policies.Schedule(sorted(rang["period"].unique())),
    "on performance": ld.policies.Schedule(sorted(performance["period"].unique()))
    if len(performance)
    else ld.policies.Never(),
    "always": ld.policies.Always(),
}
replays = {name: ld.replay(spells, policy, cost) for name, policy in policies.items()} | {
    "oracle": ld.oracle(spells, cost)
}
bills = pd.DataFrame(
    {
        "retrains": {name: int(replay.retrains.item()) for name, replay in replays.items()},
        "lost by waiting (USD)": {name: float(replay.regret.item()) for name, replay in replays.items()},
        "bill (USD)": {name: float(replay.objective.item()) for name, replay in replays.items()},
    }
)
display(bills.round())
_, panel = plt.subplots(figsize=(9, 2.4), layout="constrained")
for row, replay in enumerate(replays.values()):
    when = np.flatnonzero(replay.schedule.values.ravel())
    panel.hlines(row, 0, len(labels) - 1, color="0.9", lw=1)
    panel.plot(when, [row] * len(when), "|", ms=11, mew=2, color="C0")
panel.set_yticks(
    range(len(replays)), [f"{name}: {float(replay.objective.item()):,.0f} USD" for name, replay in replays.items()]
)
panel.set_xticks(range(0, len(labels), 6), labels[::6])
panel.invert_yaxis()
panel.set_title("When each retrains")
plt.show()
print(audit.headline)

# %% [markdown]
# The audit's line is about its last sixteen periods, which start with a freshly trained model. The recommended policy never retrained there. Its bill is a gain of a dollar: by luck of these persons the model in service forecast a little better than its shadow. Over all periods, never retraining lost 76 dollars, by the table above.
#
# ## What went stale
#
# Debt by coefficient between the first fit and the last period: how far belief about each has moved. Nearly four thousand more persons sharpen every coefficient, so that all owe something: .4 nats, which more data alone would bring, to 2. The diagnosis below says whether the world moved or the shadow merely learnt.

# %%
last = posteriors.periods
pair = posteriors.posterior(last), posteriors.posterior(0)
parts = ld.debt_by_block(forecaster, *pair, **posteriors.rows_between(0, last))
plots.plot_debt_parts(parts, backend="matplotlib", figure_kwargs={"figsize": (7, 4)})
plt.show()
diagnosis = ld.diagnose(spells)
print(diagnosis)
if not SMALL:
    assert rang["period"].nunique() == 15
    assert replays["oracle"].retrains.item() == 0
    assert bills.loc["on any alarm", "bill (USD)"] > 4 * bills.loc["your calendar", "bill (USD)"]
    assert diagnosis.cause == "learnt"

# %% [markdown]
# ## The decision

# %%
print(audit.decision)

# %% [markdown]
# Leave it in service. The shadow does forecast better than the model of the first fit, by about two dollars a period, and a retrain costs 400. Alarms said that these hundred persons were not quite those of the first months, which was true, and chance. Four alarms saw other forecasts than in the first months, as other persons bring. None saw worse ones (estimated and realised performance never rang), and worse ones are what a retrain could mend: all of them together lost less than one retrain costs. What would change the decision: a nat of a person's forecast worth ten times as much, or a loss by waiting that climbs faster than these two dollars a period.
