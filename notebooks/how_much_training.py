# %% [markdown]
# # How much training should I buy?
#
# A shop forecasts its weekly sales. Every now and then the market changes for good, and what was learned before is worth little. Learning from a week costs money: somebody has to go through its receipts. The budget pays for three weeks in ten.
#
# Which three? And if a new model may go live only a few times a year, when?
#
# Short answer for this shop: go through the receipts of the first weeks after each change, and of none after that. It depends on how long markets last, which has to be estimated, and the notebook says how far to trust that.

# %%
# %matplotlib inline

import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))  # a quick check that every cell runs
RESAMPLES = 10 if SMALL else 100
pd.set_option("display.width", 120, "display.precision", 3)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## The history
#
# 400 made-up weeks, so that the truth is known: markets last 19.5 weeks on average, by a Weibull law of shape 2. Two observations a week, three drivers of sales whose effects change with the market. The forecaster holds the last ten weeks.

# %%
rng = np.random.default_rng(4)
truth = ld.budget.WeibullDuration(shape=2.0, scale=22.0)
lasted = np.ceil(truth.draw(30, random_seed=4)).astype(int)
market = np.repeat(np.arange(30), lasted)[:400]
week = np.repeat(np.arange(400), 2)
effects = rng.normal(size=(30, 4))
drivers = np.column_stack([np.ones(800), rng.normal(size=(800, 3))])
sales = (drivers * effects[market[week]]).sum(axis=1) + 0.5 * rng.normal(size=800)

forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(4), np.eye(4), 3.0, 1.0))
history = {"x": drivers, "y": sales, "period": week}
spells = ld.spell_table(
    forecaster,
    history,
    initial=20,
    update_rule=ld.UpdateRule(window=10),
    variables=("debt", "predictive_debt", "score_gap", "deployed_score"),
    progressbar=False,
)

# %% [markdown]
# ## How long do markets last?
#
# Nobody is told when a market changes. A detector of change walks over the history: Page's CUSUM of how much better an up-to-date model forecasts than the one that served.

# %%
detector = ld.policies.PageCUSUM(3.0, allowance=0.5)
concepts = ld.budget.concept_durations(spells, detector, shortest=10)
durations = ld.budget.fit_durations(concepts["duration"], concepts["observed"])
print(durations)

# %% [markdown]
# The true changes and those that were seen, week by week:

# %%
changed = np.flatnonzero(np.diff(market)) + 1
seen = concepts["begins"].values + 20
figure, axes = plt.subplots(figsize=(8, 1.6), layout="constrained")
axes.vlines(changed, 0.55, 1, color="C0", lw=2)
axes.vlines(seen, 0, 0.45, color="C1", lw=2)
axes.set(yticks=[0.22, 0.78], yticklabels=["seen", "true"], xlabel="week", xlim=(0, 400))
axes.tick_params(axis="y", length=0)
plt.show()

# %% [markdown]
# Most changes are seen a few weeks late, some are missed, some are seen twice. The mean comes out right, and so does that old markets end sooner than young ones.
#
# ## What does learning gain?
#
# The same table says what forecasts lost by how many weeks of the market they had learned from. A week's loss is minus its log score.

# %%
points = ld.budget.concept_losses(spells, concepts, longest=10, delay=3)
curve = ld.budget.fit_learning_curve(points["effort"], points["loss"], points["error"])
print(curve)

# %% [markdown]
# ## The plan
#
# Three weeks in ten, at most one week of receipts a week.

# %%
BUDGET, FULL = 0.3, 1.0
plan = ld.budget.plan_effort(durations, curve, BUDGET, FULL)
plan

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
effort = np.linspace(0, 10, 200)
left.axvspan(0, plan.stop_age, color="C0", alpha=0.12, lw=0)
left.errorbar(points["effort"], points["loss"], points["error"], fmt="o", color="C0", ms=4, lw=1)
left.plot(effort, curve.curve.loss(effort), color="C0")
left.set(xlabel="weeks learned from since the market changed", ylabel="loss a week", title="bought: the shaded weeks")

budgets = np.linspace(0.05, 0.5, 16)  # beyond that the curve would be asked for more weeks than were seen
plans = [ld.budget.plan_effort(durations, curve, budget, FULL) for budget in budgets]
right.plot(budgets, [one.loss for one in plans], color="C0", label="first weeks of each market")
right.plot(budgets, [one.constant_loss for one in plans], color="C1", label="the same share of every week")
right.axvline(BUDGET, color="0.6", lw=1)
right.set(xlabel="share of weeks that is paid for", ylabel="loss a week", title="what a budget buys")
right.legend()
plt.show()

# %% [markdown]
# The points are uncertain: they rest on 18 markets. Where the plan stops is not moved by how high the curve lies, only the gain is. `plan.price` says what a little more budget would be worth.

# %%
print(f"At this budget a further week of receipts would take {plan.price:.2f} nats off the bill.")

# %% [markdown]
# ## How sure is that?
#
# The law of durations comes from 18 markets. New ones are drawn from it, a law is fitted to each set, a plan made from it, and judged by the law they came from. Here the truth is known, so that plans can be judged by it, too.

# %%
cost = ld.budget.estimation_cost(durations, curve, BUDGET, FULL, resamples=RESAMPLES)
print(cost)
print(f"\nJudged by the truth the plan loses {plan.loss_under(truth):.3f} and spends {plan.spent_under(truth):.3f} a week; ", end="")
best = ld.budget.plan_effort(truth, curve, BUDGET, FULL)
print(f"one that knows the truth loses {best.loss:.3f} and spends {best.spent:.3f}.")

# %% [markdown]
# Little is lost. What estimation does is to miss the budget: whoever may not overspend watches what is spent.
#
# ## When should it go live?
#
# Going live needs a release. With one every 25 weeks, fewer than there are markets:

# %%
shipping = ld.budget.plan_shipments(plan, rate=1 / 25)
shipping

# %% [markdown]
# A market is given a release or not by drawing, and if so, once most has been learned. Releases by the calendar come at any age of a market, often too early or too late.
#
# ## When training first is wrong
#
# Suppose that four of five markets are fads that last half a week, and one of five stays for ten. Whoever spends everything at the beginning spends it on fads.

# %%
fads = ld.budget.HyperexponentialDuration(weights=(0.8, 0.2), rates=(1 / 0.5, 1 / 10))
gains = ld.budget.ExponentialCurve(floor=0.1, gain=0.9, rate=1.0)
waiting = ld.budget.plan_effort(fads, gains, BUDGET, max_rate=5.0)
print(waiting)

# %% [markdown]
# Here the best plan begins slowly, and trains most once a market has shown that it stays. Training first would be the worst of the three. That is why the shape of the durations is asked for before anything else, and why *cannot be told* is an answer.
#
# ## Decision
#
# Buy the receipts of the first weeks after a change is seen, as many as the plan says, and none later. Ask for more budget only if a week of receipts costs less than the price above. Release once in a market, at the age that the shipping plan says. Estimate again when a few more markets have passed.

# %%
print(plan.sentence())
print(shipping.sentence())
if not SMALL:
    assert 15 < durations.duration.mean < 25
    assert durations.residual_life_trend == "decreasing"
    assert plan.loss < plan.constant_loss
    assert waiting.loss < waiting.constant_loss < waiting.front_loaded_loss
