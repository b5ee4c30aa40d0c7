# %% [markdown]
# # Three decisions: how much to train, when to retrain, which to serve
#
# A bike-sharing service forecasts its rentals. Its owner has one history and three questions:
#
# 1. How much of what comes in is worth learning from?
# 2. Should the model that serves be retrained now?
# 3. Which of several models should serve the next two days?
#
# Each has its own room in the library, and all three look at the same forecaster. The last section has the answers in a sentence each.

# %%
# %matplotlib inline

import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld
from learning_debt import bench

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))  # a quick check that every cell runs
RESAMPLES = 20 if SMALL else 300
pd.set_option("display.width", 120, "display.precision", 3)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## The history
#
# A year of hourly rentals in Washington, in 181 periods of two days; a regression on hour, weather and season, exact. What changed is known from elsewhere, and the forecaster is not told.

# %%
bike = bench.HISTORIES["bike"]
print(bike.drift)
data, window = bike.standardised(), ld.UpdateRule(window=10)
forecaster = bike.forecaster(data, "firm")
spells = bike.spells(window, "firm")  # the model holds the last twenty days

# %% [markdown]
# ## 1. How much to train
#
# What a model learned of last month may be worth little in this one. Where do the changes lie, and what does it gain to learn from the days after one? The detector counts gaps of the log score above a period's usual one.

# %%
gaps = spells["score_gap"].values
usual = float(np.nanmedian(gaps[gaps > 0]))
detector = ld.policies.PageCUSUM(threshold=3 * usual, allowance=usual)
concepts = ld.budget.concept_durations(spells, detector, shortest=6)
durations = ld.budget.fit_durations(concepts["duration"], concepts["observed"])
points = ld.budget.concept_losses(spells, concepts, longest=8, delay=2)
curve = ld.budget.fit_learning_curve(points["effort"], points["loss"], points["error"])
plan = ld.budget.plan_effort(durations, curve, budget=0.25, max_rate=1.0)  # a quarter of all periods can be learned from
print(plan)

# %%
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
effort = np.linspace(0, 10, 200)
axes.axvspan(0, plan.stop_age, color="C0", alpha=0.12, lw=0, label="learned from, by the plan")
axes.errorbar(points["effort"], points["loss"], points["error"], fmt="o", color="C0", ms=4, lw=1)
axes.plot(effort, curve.curve.loss(effort), color="C0")
axes.set(xlabel="periods learned from since the last change", ylabel="loss, nats an hour")
axes.legend()
plt.show()

# %% [markdown]
# Most is gained in the first days. Five stretches between changes are few, though, and what that costs is known:

# %%
cost = ld.budget.estimation_cost(durations, curve, 0.25, 1.0, resamples=10 if SMALL else 100)
print(cost)

# %% [markdown]
# ## 2. When to retrain
#
# A retrain costs as much as forecasts that are a nat an hour worse for one period; it is made every month, after 15 periods. The audit bills that calendar and other policies on the same history.

# %%
audit = ld.audit(spells, 1.0, calendar=15, resamples=RESAMPLES)
bills = audit.to_dataframe()[["retrains", "regret", "total"]]
print(bills.loc[["never", "your calendar", "recommended", "oracle"]].round(2))
print()
print(audit.decision)

# %% [markdown]
# ## 3. Which to serve
#
# Retraining is not the only way out. Several models can stand ready, of which one serves each period: one that forgets fast, one that forgets slowly, one that is retrained every two weeks on all there is. Strategies choose by the scores before; stacking mixes all of them.

# %%
candidates = {
    "all days, every two weeks": ld.serving.Candidate(forecaster, every=7),
    "last 20 days": ld.serving.Candidate(forecaster, window),
    "last 60 days": ld.serving.Candidate(forecaster, ld.UpdateRule(window=30)),
}
scores = ld.serving.candidate_scores(
    candidates, data, initial=bike.initial(data), varying_rows=True, progressbar=False
)
strategies = {
    name: strategy
    for name, strategy in ld.serving.standard_strategies(scores["score"][:29]).items()  # what was seen before the first choice
    if name in ("naive", "validation", "A/B", "epsilon-greedy", "Thompson (normal)", "follow the leader")
}
served = ld.serving.evaluate(scores, strategies, repetitions=10 if SMALL else 100, resamples=RESAMPLES)
print(served)

# %% [markdown]
# ## The three decisions
#
# The first two are about one model and its upkeep, the third about which of several to believe. They do not exclude each other: whoever lets a mixture serve still pays for what its parts learn from.

# %%
decisions = {
    "how much to train": f"{plan.sentence()} {durations.sentence()}",
    "when to retrain": f"{audit.decision.verdict} now: the chance that it pays is {audit.decision.probability:.0%}.",
    "which to serve": f"{served.best_strategy}, with {served.table['score'].sel(strategy=served.best_strategy).item():.3f} nats"
    f" an hour, against {served.table['score'].sel(strategy='naive').item():.3f} of the newest model.",
}
for question, answer in decisions.items():
    print(f"{question}: {answer}\n")

# %% [markdown]
# In a sentence each: **learn from the first two and a half weeks after a change**, and from little after it, as far as five changes can tell; **retrain now**, with the doubt that the audit names; **let a mixture of the models serve**, since no single one is best for long.

# %%
if not SMALL:
    assert 6 < plan.stop_age < 12
    assert plan.loss < plan.constant_loss
    assert audit.decision.verdict == "retrain"
    assert served.best_strategy == "stacking"
