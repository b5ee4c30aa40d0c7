# %% [markdown]
# # Which model serves?
#
# You have one forecaster and several posteriors of it: the one that was deployed years ago, one that is retrained on all data every quarter, others that forget. Tomorrow one of them serves. **Which?**
#
# The usual answer is *the newest*. Others are to test one against the other, or to let a bandit find out while it serves. Here they are held against each other on US inflation, a quarter ahead, where the past
# stopped being like the present more than once. The forecaster is an exact regression, so that every posterior costs next to nothing.

# %%
# %matplotlib inline

import os
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld
from learning_debt.bench import HISTORIES

runs = 20 if os.environ.get("LEARNING_DEBT_SMALL") else 200  # a quick check that every cell runs
pd.set_option("display.width", 160, "display.max_columns", 30, "display.max_rows", 100, "display.precision", 2)

# %% [markdown]
# ## Five candidates
#
# All of them can be scored on every quarter, once its inflation is known, whichever served: `candidate_scores` does that, each quarter before the candidate learns from it. The last one named counts as the newest.

# %%
inflation = HISTORIES["inflation"]
data = inflation.standardised()
initial, forecaster = inflation.initial(data), inflation.forecaster(data)
candidates = {
    "as deployed in 1969": ld.serving.Candidate(forecaster, every=None),
    "last ten years": ld.serving.Candidate(forecaster, ld.UpdateRule(window=40)),
    "discount .95": ld.serving.Candidate(forecaster, ld.UpdateRule(discount=0.95)),
    "discount .98": ld.serving.Candidate(forecaster, ld.UpdateRule(discount=0.98)),
    "all data": ld.serving.Candidate(forecaster),
}
scores = ld.serving.candidate_scores(candidates, data, initial=initial, progressbar=False)
print(scores["score"].mean("batch").to_series().sort_values().round(2).to_string())

# %% [markdown]
# Mean log scores, in nats a quarter; higher is better. What was deployed in 1969 and never touched loses by three nats a quarter. Forgetting at 5% a quarter is better than keeping everything.
#
# ## What each strategy would have scored
#
# `evaluate` walks every strategy through the quarters. A fifth of them come first and set the scales; the rest counts.

# %%
found = ld.serving.evaluate(scores, repetitions=runs)
frame = found.to_dataframe().sort_values("score", ascending=False)
frame[["score", "difference", "difference_low", "difference_high", "regret_to_best_candidate", "switches"]].round(2)

# %%
shown = frame.drop(index="naive").iloc[::-1]
middle, low, high = (shown[f"difference{end}"].to_numpy() for end in ("", "_low", "_high"))
figure, axis = plt.subplots(figsize=(8, 5.5), layout="constrained")
colours = np.where(low > 0, "C2", np.where(high < 0, "C3", "C7"))
axis.hlines(shown.index, low, high, color=colours, linewidth=3, alpha=0.6)
axis.scatter(middle, shown.index, color=colours, zorder=3)
axis.axvline(0, color="black", linewidth=0.8)
axis.set_xlabel("nats a quarter more than always serving the newest (90% interval)")
axis.set_title("What serving by another rule would have been worth", loc="left")
plt.show()

# %% [markdown]
# Green is better than always serving the newest, red is worse, grey is not known. The best of twenty rows looks better than it is, but three things stand out.
#
# * **Bandits pay for looking.** Epsilon-greedy, UCB1 and Thompson sampling see only what served, so that they must let the bad ones serve now and then, and here one of them is very bad.
# * **Nobody has to look that way.** Forecasts of every candidate can be scored afterwards. *Follow the leader* does just that: the best mean score so far serves.
# * **Nobody has to win.** *Stacking* lets all of them forecast together, with weights that would have scored best so far.
#
# ## Who served

# %%
names = ["follow the leader, discount", "epsilon-greedy, discount", "A/B"]
held = list(candidates)
lanes = np.array([[held.index(one) for one in found.served.sel(strategy=name).values] for name in names])
figure, axis = plt.subplots(figsize=(9, 2.6), layout="constrained")
axis.pcolormesh(np.arange(lanes.shape[1] + 1), np.arange(len(names) + 1), lanes, cmap="viridis", vmin=0, vmax=4)
axis.set_yticks(np.arange(len(names)) + 0.5, names)
axis.invert_yaxis()
quarters = found.served["batch"].values
axis.set_xticks(np.arange(0, len(quarters), 20), quarters[::20])
for place, name in enumerate(held):
    axis.scatter([], [], color=plt.get_cmap("viridis")(place / 4), marker="s", label=name)
axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=5, frameon=False)
axis.set_title("Which candidate served each quarter", loc="left")
plt.show()

# %% [markdown]
# ## When something goes wrong
#
# A monitor keeps the posteriors that have served, and scores all of them in every period. A strategy can promote the shadow and roll back, and the ledger says why. Here a feed breaks for two weeks, the model
# learns from it, and somebody deploys that.

# %%
rng = np.random.default_rng(1)
regression = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0))


def week(number, broken=False):
    x = np.column_stack([np.ones(6), rng.normal(size=6)])
    return {"x": x, "y": 1 + 2 * x[:, 1] + rng.normal(size=6) + 8 * broken, "period": np.full(6, number)}


past = [week(number) for number in range(20)]
history = {name: np.concatenate([one[name] for one in past]) for name in past[0]}
agreed = {"cost": 0.3, "policy": ld.policies.Never(), "calendar": 12}
monitor = ld.Monitor.create(Path(mkdtemp()) / "state", regression, history, **agreed)
for number in range(20, 32):
    monitor.observe(week(number, broken=number >= 30))
monitor.redeploy(reason="the regular retrain", force=True)

leader = ld.serving.FollowLeader(ld.UpdateRule(window=3))
for number in range(32, 37):
    monitor.observe(week(number))
    choice = ld.serving.next_served(monitor, leader)
    status = ld.serving.put_into_service(monitor, choice)
    print(f"week {number}: {choice.action}; what was trained after week {status['in_service']} serves")
print("the ledger, worked out again:", "as it was written" if monitor.verify(replay=True).ok else "changed")

# %% [markdown]
# ## The decision
#
# * **Score every candidate on every batch.** Work out afterwards what the others would have said, and score it once the outcome is there.
# * **Then let the leader serve,** or stack them if your service can mix forecasts. Neither explores, and neither has to.
# * **Leave bandits for what cannot be scored otherwise:** where the outcome depends on what served, such as an offer that somebody accepts.
# * **Do not count on the newest.** On this history it is worse than what forgets, and after a bad feed it serves what was learned from that.
#
# Over all nine real histories of the bench, stacking would have been worth .072 (.033 to .114) nats a forecast more than the newest, the leader .041 (.016 to .068), and no bandit is better than the newest beyond its error:
# [which candidate serves](../docs/serving.md) has the tables, and those of simulated drift.
