# %% [markdown]
# # How often must the shadow be refitted?
#
# The *shadow* is what your model would believe with all data so far. It has to be current in every period, since every signal compares it with what is deployed. Fitting it anew each period is the
# honest way. Often it is not needed: a period brings a few rows, and the draws you already have can be **reweighted** by the likelihood of those rows. When weights become too uneven, the draws can be **moved**
# (shifted and stretched so that their moments are the new ones) and weighted again. Only when that fails, too, the model is sampled again. `ShadowLadder` climbs these three rungs:
#
# ```python
# spells = ld.spell_table(forecaster, history, initial=60, shadow=ld.ShadowLadder())
# ```
#
# Every rung is checked before anything is served: the weights' Pareto k must be at most .7, and the weighted draws must be worth as many as a fit of yours. A refit of the ladder takes four
# fits' draws, since it is rare and weights use draws up. This notebook asks what that saves, what it costs in accuracy, and when you should not bother.
#
# The long run is stored: `benchmarks/shadow_upkeep` makes the table read here (seed 5; defaults were chosen on other seeds). A short walk runs live.

# %%
# %matplotlib inline

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld

benchmarks = Path(ld.__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(benchmarks))

# %%
from shadow_upkeep.walk import Cell, walk
from shadow_upkeep.worlds import SCENARIOS

stored = json.loads((benchmarks / "results" / "shadow_upkeep_seed5.json").read_text())
cells = pd.DataFrame(stored["cells"])
cells["scenario"] = pd.Categorical(cells["scenario"], [*SCENARIOS, "shift 0", "shift 0.5"], ordered=True)
pd.set_option("display.width", 160, "display.max_columns", 30, "display.max_rows", 100, "display.precision", 3)

# %% [markdown]
# ## One walk, live
#
# A regression with two coefficients and unknown variance: the exact posterior is known in every period, so we can say how far a forecast from the shadow's draws is from the exact one. Sixty periods of five rows; after
# thirty, the level jumps by two residual standard deviations. Draws of a fit are independent here, so that sampling takes no time. The forecast of each period is made by the shadow of the period before.

# %%
live = {}
for name in ("refit", "ladder, 4 fits"):
    records = walk(Cell("exact draws", 2, "shift 2", name, periods=60), seed=2026, replication=0)
    live[name] = pd.DataFrame(records).query("period > 0").set_index("period")
ladder = live["ladder, 4 fits"]
print(ladder["rung"].value_counts().to_string())
errors = pd.DataFrame({name: walked["log_score_error"] for name, walked in live.items()})
print(f"\nroot mean square error of the log score, nats:\n{np.sqrt((errors**2).mean()).round(5).to_string()}")

# %%
figure, panels = plt.subplots(3, 1, figsize=(9, 6.2), sharex=True, layout="constrained")
colours = {"reweight": "C0", "moment match": "C1", "refit": "C3"}
for rung, part in ladder.groupby("rung"):
    panels[0].plot(part.index, part["pareto_k"], "o", ms=4, color=colours[rung], label=rung)
    panels[1].plot(part.index, part["effective_size"], "o", ms=4, color=colours[rung])
panels[0].axhline(0.7, color="black", ls="--", lw=0.8)
panels[0].set_ylabel("Pareto k")
panels[0].legend(frameon=False, fontsize=8, ncols=3, loc="lower right")
panels[1].axhline(4000, color="black", ls="--", lw=0.8)
panels[1].set(yscale="log", ylabel="effective draws")
panels[1].text(1, 4150, "one fit", fontsize=8)
for name, colour in (("refit", "0.6"), ("ladder, 4 fits", "C0")):
    panels[2].plot(errors.index, errors[name], ".-", lw=0.8, color=colour, label=name)
panels[2].axvline(30.5, color="0.8", zorder=0)
panels[2].legend(frameon=False, fontsize=8, ncols=2, loc="upper left")
panels[2].set(xlabel="period", ylabel="error of the log score")
plt.show()

# %% [markdown]
# Effective draws fall as the data go on past the last place where the draws were at home. When they would fall below those of one fit, the draws are moved, and most of their worth is back. After the jump the posterior travels fast
# for a while and every other period needs a move. No new fit is needed.
#
# ## What it costs
#
# Now with real sampling: the same regression as a PyMC model with 2, 20 and 100 coefficients, sampled by nutpie (4 chains of 1000 after 1000 of tuning; compiled once, which is not counted). 200 periods of five rows. *Refit* fits in
# every period; it was priced at every 20th (100 coefficients: every 40th). CPU seconds are shown, because the machine was busy with other things and wall-clock times would compare moods; they count all cores.

# %%
what = {
    "no shift": "the same world goes on",
    "shift .5": "halfway the level jumps by .5 residual standard deviations",
    "shift 2": "by 2",
    "variance x4": "halfway the residual variance becomes 4",
    "random walk": "all coefficients walk; a typical row moves by .1 residual standard deviations a period",
}
pd.set_option("display.max_colwidth", 100)
print(pd.Series({name: what[name] for name in SCENARIOS}).to_string())
nutpie = cells[cells["engine"] == "nutpie"].sort_values(["coefficients", "scenario"])
by_keeper = nutpie.set_index(["keeper", "coefficients", "scenario"])
plain, climbed = by_keeper.loc["refit"], by_keeper.loc["ladder, 4 fits"]
costs = pd.DataFrame(
    {
        "refits": climbed["refits"],
        "moves": climbed["matches"],
        "share by weights": climbed["share_by_weights"],
        "CPU s, refit": plain["cpu_seconds"],
        "CPU s, ladder": climbed["cpu_seconds"],
        "times cheaper, CPU": climbed["times_cheaper_cpu"],
        "times cheaper, evaluations": climbed["times_cheaper_evaluations"],
        "a refit in passes": plain["refit_in_passes"],
    }
)
costs.round(2)

# %% [markdown]
# *Refits* counts fits beyond the first (a ladder's refit is four of them); costs include the first. *Evaluations* are log densities of one row at one draw; a gradient counts as one, although it costs two to four, so that column flatters the refit. *A refit in passes* is its CPU time in
# units of one evaluation of all rows held at the 4000 draws of a fit.
#
# No refit here costs as many as 100 passes; the bar of five times cheaper, meant for dearer fits, is nearly met all the same: 13 of 15 cells, and 4.9 times at 100 coefficients in the other two.

# %%
figure, panel = plt.subplots(figsize=(9, 3.4), layout="constrained")
place = np.arange(len(costs))
panel.bar(place - 0.2, costs["CPU s, refit"], 0.38, color="0.7", label="refit every period")
panel.bar(place + 0.2, costs["CPU s, ladder"], 0.38, color="C0", label="ladder")
for x, (top, times) in enumerate(zip(costs["CPU s, refit"], costs["times cheaper, CPU"], strict=True)):
    panel.text(x, top * 1.1, f"{times:.1f}x", ha="center", fontsize=8)
panel.set_yscale("log")
panel.set_xticks(place, [f"{scenario}, {size}" for size, scenario in costs.index], rotation=40, ha="right", fontsize=8)
panel.set(ylabel="CPU seconds per 200 periods", xlabel="what happens, coefficients")
panel.margins(y=0.15)
panel.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## Is it as accurate?
#
# Both shadows forecast the rows of the coming period; the exact predictive says what the log score should have been. The table compares root mean square errors over 200 periods with those of a fit to every period, on the same histories (*exact draws* are independent
# draws of the exact posterior, which allow for more repetitions). Two bars: .003 nats, and no worse than refitting (a ratio above 1 by less than two standard errors is not worse).

# %%
names = ["refit", "ladder, 4 fits", "reweight, 4 fits", "ladder", "reweight"]
shown = cells[cells["keeper"].isin(names) & (cells["engine"] != "hierarchical")].copy()
shown = shown[~((shown["engine"] == "nutpie") & (shown["keeper"] == "refit"))]
shown["error (1e-3 nats)"] = [
    f"{1000 * e:.2f} ± {1000 * se:.2f}" for e, se in zip(shown["rms_error"], shown["rms_error_se"], strict=True)
]
shown["ratio to refit"] = [
    f"{ratio:.2f} ± {se:.2f}" for ratio, se in zip(shown["error_ratio"], shown["error_ratio_se"], strict=True)
]
rows = ["engine", "coefficients", "keeper"]
for column in ("error (1e-3 nats)", "ratio to refit"):
    table = shown.pivot_table(column, rows, "scenario", aggfunc="first", observed=True)
    print(f"{column}\n{table.to_string()}\n")
effective = shown.groupby(["coefficients", "keeper"])["mean_effective_size"].mean().unstack("coefficients")
print(f"effective draws, mean\n{effective.reindex(names).round(0).to_string()}")

# %%
figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.4), sharey=True, layout="constrained")
looks = {"refit": ("0.5", "s"), "ladder": ("C3", "^"), "ladder, 4 fits": ("C0", "o")}
for panel, size in zip(panels, (2, 20, 100), strict=True):
    for aside, (name, (colour, marker)) in enumerate(looks.items()):
        part = cells[(cells["keeper"] == name) & (cells["coefficients"] == size)]
        part = part[part["engine"] == ("nutpie" if size == 100 and name != "refit" else "exact draws")]
        part = part.sort_values("scenario")
        at = part["scenario"].cat.codes + 0.15 * (aside - 1)
        look = {"fmt": marker, "ms": 4, "lw": 0.8, "color": colour, "label": name}
        panel.errorbar(at, part["rms_error"], 2 * part["rms_error_se"], **look)
    panel.axhline(0.003, color="black", ls="--", lw=0.8)
    panel.set_xticks(range(len(SCENARIOS)), SCENARIOS, rotation=30, ha="right", fontsize=8)
    panel.set(title=f"{size} coefficients" + (", ladder by nutpie" if size == 100 else ""), yscale="log")
panels[0].set_ylabel("rms error of the log score (nats)")
panels[2].legend(frameon=False, fontsize=8, loc="lower right")
plt.show()
bars = pd.DataFrame(stored["bars"]).query("keeper == 'ladder, 4 fits' and engine != 'hierarchical'")
kept = {name: bars[name].dropna().astype(bool) for name in ("within", "no_worse", "cheaper")}
print({name: f"{held.sum()} of {len(held)} cells" for name, held in kept.items()})

# %% [markdown]
# With four fits side by side the ladder is no worse than refitting in any cell; mostly its error is .5 to .9 times a refit's, since its weighted draws are worth more than those of one fit (last table). It is within .003 nats in all cells but one: 100 coefficients after the large jump, with
# independent draws, .0033 ± .0006, where refitting itself is at .0030 ± .0004. With the draws of a single fit, and a tenth of them taken for enough (*ladder*, *reweight*), the work is even less, but errors are 1.4 to 2.8 times those of refitting, and at 20 coefficients mostly beyond the bar. That is
# why a refit of the ladder takes four fits.
#
# Two reservations. The errors of a ladder **hang together**: all periods between two fits share draws, so an error stays for a while, where those of fresh fits come and go (third panel of the live walk). And cells are one to three walks; where there is
# one, its standard error is taken over blocks of periods, which is a little optimistic for that very reason.

# %% [markdown]
# ## Why both guards, and why four fits?
#
# Pareto k says whether weights can be trusted at all; the effective size says what they are worth. Under one of them alone (two coefficients, one fit's draws, weights or refit):

# %%
guards = cells[(cells["engine"] == "exact draws") & (cells["coefficients"] == 2)]
names = ["refit", "k only", "size only", "reweight", "ladder", "ladder, 4 fits"]
for column, label in (("refits", "refits per 200 periods"), ("rms_error", "rms error"), ("worst_error", "worst error")):
    table = guards.pivot_table(column, "keeper", "scenario", observed=True).reindex(names)
    print(f"{label}\n{table.round(5).to_string()}\n")

# %% [markdown]
# Pareto k alone lets weights through whose tail is fine and which are worth a few dozen draws: errors about three to four times a refit's. The effective size does most of the refusing. Both are kept, since an effective size is itself computed from the
# weights and means nothing once k is high. Moving draws then replaces nearly every refit; without it (*reweight, 4 fits* in the table above) the same accuracy takes 16 to 172 fits.

# %% [markdown]
# ## Is the debt of a kept shadow right?
#
# At every 40th period the shadow was held against the one kept 40 periods before, by `posterior_debt`: draws with weights, often from the very same fit, so that the errors of the two hang together. The exact debt is known.

# %%
debts = cells.dropna(subset=["debts"]) if "debts" in cells else cells.iloc[:0]
debts = debts[(debts["engine"] != "hierarchical") & debts["keeper"].isin(["refit", "ladder, 4 fits"])]


def pooled(rows):
    used = rows["debts_reliable"].sum()
    covered = (rows["debt_coverage"] * rows["debts_reliable"]).sum() / used
    return pd.Series(
        {
            "debts": rows["debts"].sum(),
            "reliable": used,
            "coverage of 90% intervals": covered,
            "binomial error": np.sqrt(0.9 * 0.1 / used),
            "largest miss (standard errors)": rows["debt_largest_miss"].max(),
        }
    )


debts.groupby(["keeper", "engine", "coefficients"]).apply(pooled, include_groups=False).round(3)

# %% [markdown]
# Debts along the ladder are right to a percent, as those between refits are, and their intervals hold the exact debt about as often as they should (refits: .84 to .95). They would not by themselves: a standard error takes the map by which draws were moved as given, although it was learned from those draws, and intervals
# held .83 of these debts. Errors of debts between moved draws are therefore multiplied by 1.3. (The binomial error counts debts as if they were independent; those of one walk are not.)
#
# ## A model without a closed form
#
# Sales of sixteen stores, negative binomial, levels partially pooled: 20 parameters, sixteen rows a period, 40 periods; in the second world the log level of all stores jumps by .5 halfway. A fit with 12,000 draws stands in for the truth at
# periods 10, 20 and 30. `truth_error` is the Monte-Carlo error of the difference, so a root mean square error of that size is none that we can tell from zero.

# %%
counts = cells[cells["engine"] == "hierarchical"].set_index(["scenario", "keeper"]).sort_index()
columns = ["refits", "matches", "share_by_weights", "seconds", "times_cheaper_seconds", "times_cheaper_evaluations"]
counts[[*columns, "rms_error", "truth_error", "worst_error"]].round(5)

# %% [markdown]
# ## So, how often?
#
# * **Refit every period where a fit takes less than you would notice.** That is the default (`ld.Refit()`). The models with 2 and 20 coefficients take .12 and .34 CPU seconds a fit once compiled: an audit over 200 periods costs a minute, once. Nothing is approximated, and errors do not hang
#   together.
# * **Take the ladder where a fit takes seconds or minutes, or where there are many series or many replays.** It took 5 to 19 times less CPU time at no worse accuracy, and 6 times less time on the clock for the sales above. Small models need no fit in 200 periods, or one after a jump. Scores come at four times the draws, so memory and the time of every estimate
#   grow with them; `draws_factor` and `minimum_effective_share` trade that.
# * **With many parameters and few rows, expect refits.** At 100 coefficients and five rows a period the ladder moves its draws in every other period and refits about every thirty. A move of the full covariance needs about d² effective draws to be worth making; below, only location and scale are matched, and correlations
#   build up that only a new fit removes. The saving shrinks to 5 or 6 times in CPU time (3 or 4 times by evaluations with a gradient counted as one; 7 to 9 times on the clock of a busy machine).
#
# Where moving draws fails, and the ladder refits by itself: a jump in a single step that the draws do not reach (forty rows, all off by three standard deviations, left a Pareto k of 1.0); discrete parameters, which have no unconstrained scale; models that grow with their data; rows that need their past and do anything else than
# join at the end, so rolling windows of an autoregression are refitted every period; priors that depend on the data, which are found out at every step by the joint density at four draws. A model whose preparation is learned from the data (a scaler) keeps the one of its last fit until the next.
#
# Not examined here: posteriors that are strongly skewed or have several modes. Affine moves carry a shape along and cannot change it. If it changes, the weights have to say so by a high Pareto k, and the ladder refits.
