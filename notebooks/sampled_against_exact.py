# %% [markdown]
# # How far to trust a sampled estimate: sampled against exact
#
# `posterior_debt`, `predictive_debt` and `score_gap` work on posterior draws of any PyMC model. Each returns a value, a standard error and a flag, `reliable`. This notebook asks what
# these are worth, on a model where the truth is known: Bayesian linear regression with a normal-inverse-gamma prior. Its posterior is conjugate, so all three have exact values. We draw from
# the exact posteriors (or sample them with NUTS), hand the draws to the very functions you would call, and compare.
#
# The long run is stored: `benchmarks/estimator_study` makes the tables read here, on seed 2 (40 CPU minutes at most; `--quick` takes about one). Only a small slice runs live.

# %%
# %matplotlib inline

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld

benchmarks = Path(ld.__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(benchmarks))

# %%
from estimator_study.cells import SCENARIOS, SIGNALS, Cell, draw_pair, draw_world, forecaster, replicate
from estimator_study.rules import first_accepted, rule_errors
from estimator_study.summary import beyond, cell_table, long

by_cell, curves, verdicts = (
    pd.read_csv(benchmarks / "results" / f"estimators_seed2_{name}.csv") for name in ("cells", "curves", "verdicts")
)
NAMES = {"debt": "posterior debt", "predictive_debt": "predictive debt", "score_gap": "score gap"}
pd.set_option("display.width", 140, "display.max_columns", 20, "display.precision", 3)

# %% [markdown]
# ## One comparison
#
# A model with ten coefficients is deployed after 100 rows. Then its coefficients move by two residual standard deviations, and 60 more rows arrive (twelve periods of five). The shadow posterior has seen
# them, the deployed one has not. `sample` gives draws laid out as `pm.sample` lays them out. The same call takes exact posteriors or draws:

# %%
cell = Cell("coefficients 2", periods=12, coefficients=10, draws=4000, sampler="iid", replications=1)
rng = np.random.default_rng(5)
world, model = draw_world(cell, rng), forecaster(10)
deployed = model.fit(world.before)
shadow = model.update(deployed, world.since)
_, draws = draw_pair(cell, world, shadow, deployed, rng)

rows = {}
for name, estimate, data in [
    ("posterior debt", ld.posterior_debt, world.since),
    ("predictive debt", ld.predictive_debt, world.later),
    ("score gap", ld.score_gap, world.later),
]:
    exact, sampled = estimate(model, shadow, deployed, data), estimate(model, *draws, data)
    low, high = sampled.interval(0.9)
    rows[name] = {
        "exact": exact.value,
        "sampled": sampled.value,
        "standard error": sampled.standard_error,
        "90% interval": f"{low:.3f} to {high:.3f}",
        "reliable": sampled.reliable,
        "note": sampled.note,
    }
pd.DataFrame(rows).T

# %% [markdown]
# ## A small slice, live
#
# The same, over and over: fresh data, fresh draws. An interval that is labelled 90% should hold the exact value 90% of the time. With 40 replications a cell, a share of 0.9 has a binomial error of 0.05.

# %%
tables = []
for scenario in ("no shift", "coefficients .5", "coefficients 2"):
    cell = Cell(scenario, periods=5, coefficients=1, draws=1000, sampler="iid", replications=40)
    table = pd.DataFrame([replicate(cell, seed=2026, replication=number) for number in range(cell.replications)])
    tables.append(
        table.assign(sampler="iid", draws=cell.draws, coefficients=1, scenario=scenario, periods=cell.periods)
    )
live = long(pd.concat(tables, ignore_index=True))
shown = ["signal", "exact", "overlap", "share_reliable", "bias", "rmse", "coverage", "coverage_error", "largest_miss"]
cell_table(live).set_index("scenario")[shown]

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
for panel, signal in zip(panels, SIGNALS, strict=True):
    part = live[live["signal"] == signal]
    for scenario, rows in part.groupby("scenario", sort=False):
        panel.errorbar(rows["exact"], rows["value"], 1.645 * rows["se"], fmt="o", ms=3, lw=0.8, label=scenario)
    ends = [part["exact"].min(), part["exact"].max()]
    panel.plot(ends, ends, color="black", lw=0.8, zorder=0)
    panel.set(title=NAMES[signal], xlabel="exact (nats)")
    if signal != "score_gap":
        panel.set(xscale="log", yscale="log")
panels[0].set_ylabel("sampled, 90% interval")
panels[0].legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## The study
#
# Rows carry residual variance 1. The deployed posterior has seen 100 of them (or four per coefficient, if that is more). Then one of six things happens:

# %%
what = {
    "no shift": "the same rows go on",
    "coefficients .5": "the coefficients jump, by .5 residual standard deviations (covariates are standard normal)",
    "coefficients 2": "by 2",
    "coefficients 8": "by 8: nothing the deployed model has seen looks like it",
    "variance x4": "the residual variance becomes 4",
    "random walk": "the coefficients walk, with steps of .1 residual standard deviations a period",
}
assert list(what) == list(SCENARIOS)
pd.set_option("display.max_colwidth", 120)
print(pd.Series(what).to_string())
plan = by_cell[by_cell["signal"] == "debt"].groupby(["sampler", "draws", "coefficients"], sort=False)
plan.agg(
    cells=("exact", "size"),
    periods=("periods", lambda k: ", ".join(map(str, sorted(k.unique())))),
    replications_a_cell=("replications", lambda n: f"{n.min()} to {n.max()}"),
    replications=("replications", "sum"),
)

# %% [markdown]
# A period brings five rows, and five later rows are forecast. *iid* draws are independent draws of the exact posterior. *Correlated* ones have an autocorrelation of .7, about 18 effective draws per 100. *NUTS* draws come from a PyMC twin
# of the model through `PyMCForecaster` and nutpie. Draws are the total over four chains.
#
# Coverage, bias and misses below are those of estimates called reliable; a *miss* is the distance to the exact value in standard errors.
#
# ## The bars

# %%
verdicts.assign(signal=verdicts["signal"].map(NAMES)).set_index("signal")

# %%
settings = ["sampler", "draws", "coefficients"]


def pooled(rows):
    used = rows["reliable"]
    covered = (rows["coverage"] * used).sum() / used.sum()
    return pd.Series(
        {
            "reliable": used.sum(),
            "share_reliable": used.sum() / rows["replications"].sum(),
            "coverage": covered,
            "coverage_error": np.sqrt(covered * (1 - covered) / used.sum()),
            "largest_miss": rows["largest_miss"].max(),
        }
    )


for signal in SIGNALS:
    print(f"{NAMES[signal]}, by sampler, draws and coefficients, then by what happened")
    rows = by_cell[by_cell["signal"] == signal]
    for keys in (settings, ["scenario"]):
        print(rows.groupby(keys, sort=False).apply(pooled, include_groups=False).round(3).to_string(), end="\n\n")

# %% [markdown]
# All cells at once, each with its 95% binomial interval, ordered by coverage. Calibrated intervals would scatter around .9 by chance alone; the band is what was asked for. Cells with fewer than 50 reliable estimates are left out
# and counted: their sum shows in the tables above.

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
colours = {"iid": "C0", "correlated": "C1", "NUTS": "C2"}
for panel, signal in zip(panels, SIGNALS, strict=True):
    rows = by_cell[(by_cell["signal"] == signal) & (by_cell["reliable"] >= 50)].sort_values("coverage")
    place = np.arange(len(rows))
    panel.axhspan(0.85, 0.95, color="0.9")
    panel.axhline(0.9, color="0.5", lw=0.8)
    for sampler, colour in colours.items():
        here = (rows["sampler"] == sampler).to_numpy()
        look = {"fmt": "o", "ms": 2.5, "lw": 0.6, "color": colour, "label": sampler}
        panel.errorbar(place[here], rows["coverage"][here], 1.96 * rows["coverage_error"][here], **look)
    few = ((by_cell["signal"] == signal) & (by_cell["reliable"] < 50)).sum()
    panel.set(title=NAMES[signal], xlabel=f"cell ({few} more have too few)", ylim=(0.7, 1.01))
panels[0].set_ylabel("coverage of 90% intervals")
panels[0].legend(frameon=False, fontsize=8, loc="lower right")
plt.show()
columns = ["signal", *settings, "scenario", "periods", "reliable", "coverage", "coverage_error"]
print("outside .85 to .95 by more than two binomial errors:")
print(beyond(by_cell)[columns].to_string(index=False))

# %% [markdown]
# ## Where estimates can be had
#
# Share called reliable, independent draws. Posterior debt holds far beyond overlap, since a bridge to each posterior's own Gaussian takes over; it asks for several effective draws per parameter, so many coefficients want more draws. Predictive
# debt and score gap need deployed draws that give the outcomes a fair density. Eight standard deviations out there are none.

# %%
iid = by_cell[by_cell["sampler"] == "iid"]
groups = [(draws, p) for draws in (1000, 4000) for p in (1, 10, 50, 100)]
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
for panel, signal in zip(panels, SIGNALS, strict=True):
    rows = iid[iid["signal"] == signal]
    share = rows.pivot_table("reliable", "scenario", ["draws", "coefficients"], aggfunc="sum")
    share /= rows.pivot_table("replications", "scenario", ["draws", "coefficients"], aggfunc="sum")
    share = share.reindex(index=list(SCENARIOS), columns=groups)
    image = panel.imshow(share, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    for (i, j), value in np.ndenumerate(share.to_numpy()):
        if np.isfinite(value):
            dark = value > 0.6
            panel.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color="black" if dark else "white")
    panel.set_xticks(range(len(groups)), [f"{p}" for _, p in groups])
    panel.set_yticks(range(len(SCENARIOS)), list(SCENARIOS))
    panel.axvline(3.5, color="white", lw=2)
    panel.set(title=NAMES[signal], xlabel="coefficients; 1000 draws left, 4000 right")
plt.show()

# %% [markdown]
# These shares count everything, far-apart posteriors included. Where the overlap is 100 or more nearly every estimate is reliable, with one exception: score gaps after large shifts, above all with few draws and many coefficients, because
# single outcomes lie beyond what the deployed draws reach. Groups below 95%, of at least ten estimates:

# %%
keys = ["signal", "scenario", "sampler", "draws", "coefficients"]
near = by_cell.groupby(keys, sort=False)[["overlapping", "overlapping_reliable"]].sum().query("overlapping >= 10")
near["share"] = near["overlapping_reliable"] / near["overlapping"]
near.query("share < 0.95").round(3)

# %% [markdown]
# Accuracy where there is something to measure (exact value above .1), over all periods; medians of the cells' median relative errors among reliable estimates:

# %%
large = iid[iid["exact"].abs() > 0.1]
accuracy = large.pivot_table("relative_error", "scenario", ["signal", "draws"], aggfunc="median")
accuracy.reindex(list(SCENARIOS)).map("{:.2%}".format).replace("nan%", "")

# %% [markdown]
# ## How the thresholds follow
#
# Whether an estimate is called reliable is decided by one number each. The picture shows what would have happened had *everything* been believed: coverage of 90% intervals and the largest miss, against that number. The dashed line is the
# threshold. It was chosen in exploratory runs on other seeds. Open circles are such a run repeated with the final code (seed 1); filled ones are seed 2, which had no say in it.

# %%
chosen_on = pd.read_csv(benchmarks / "results" / "estimators_seed1_curves.csv")
limits = {"debt": 30, "predictive_debt": 0.01, "score_gap": 0.01}
judged_on = dict.fromkeys(SIGNALS, "relative variance") | {"debt": "overlap (effective draws)"}
looks = ((chosen_on, "none", "seed 1", 0.95), (curves, "C0", "seed 2, scored", 1.05))
figure, panels = plt.subplots(2, 3, figsize=(11, 5), sharex="col", layout="constrained")
for column, signal in zip(panels.T, SIGNALS, strict=True):
    for source, face, label, aside in looks:
        rows = source[(source["signal"] == signal) & (source["estimates"] >= 20)]
        rows = rows[(rows["low"] > 0) & np.isfinite(rows["high"])]
        middle = aside * np.sqrt(rows["low"] * rows["high"])
        look = {"fmt": "o", "ms": 5, "lw": 0.8, "color": "C0", "mfc": face, "label": label}
        column[0].errorbar(middle, rows["coverage"], 1.96 * rows["coverage_error"], **look)
        column[1].errorbar(middle, rows["largest_miss"], **look)
    for panel in column:
        panel.axvline(limits[signal], color="black", ls="--", lw=0.8)
        panel.set_xscale("log")
    column[0].axhspan(0.85, 0.95, color="0.9")
    column[1].axhline(5, color="0.7", lw=0.8)
    column[1].set_yscale("log")
    column[1].set_ylim(2, 150)
    column[1].set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    column[1].minorticks_off()
    column[0].set(title=NAMES[signal], ylim=(0.3, 1.0))
    column[1].set_xlabel(judged_on[signal])
panels[0, 0].set_ylabel("coverage")
panels[1, 0].set_ylabel("largest miss (standard errors)")
panels[0, 0].legend(frameon=False, fontsize=8, loc="lower right")
plt.show()
print(curves.to_string(index=False, float_format="{:.3g}".format))

# %% [markdown]
# **Posterior debt: `MINIMUM_OVERLAP`.** Overlap counts effective deployed draws that could be the shadow's. The pooled estimate keeps its coverage down to an overlap of about 10, loses it slowly below and clearly under 2. The library asks for 30, which
# leaves room for posteriors less kind than these; 20 would be supported as well. What lies below is left to the Gaussian bridge.
#
# **Predictive debt and score gap: `MAXIMUM_RELATIVE_VARIANCE`.** The density of an outcome is a mean over draws. Its relative variance is one over the effective draws that carry it; the library takes the root mean square over outcomes, of both posteriors together.
# From .01 on (100 effective draws), few draws reach the outcome, their spread says nothing about those that are missing, and the error is understated: values come out too large and intervals miss. Three things we tried do *not* help: subtracting the bias of the logarithm, a split-half jackknife, and Pareto smoothing
# (`psislw`). All leave coverage where it was, because what is missing from the draws cannot be smoothed into them. A plain mean instead of the root mean square lets far outcomes hide among near ones; the largest of many outcomes refuses long batches that are fine.
#
# **Points of the integral: `POINTS` and `MASS_TOLERANCE`.** Predictive debt is an integral over outcomes. Rules of 33, 129 and 513 points are tried until one captures the mass and agrees with its own half. On known densities, no draws involved (runs live):

# %%
errors = rule_errors(seeds=10)
found = first_accepted(errors)
found["with mass to 10%"] = first_accepted(errors, {"continuous": 0.1, "count": 0.1})["largest_error"]
found["with mass to .01%"] = first_accepted(errors, {"continuous": 1e-4, "count": 1e-4})["accepted"]
found.columns = ["accepted", "points", "largest error", "largest error, mass to 10%", "accepted, mass to .01%"]
found.round(5)

# %% [markdown]
# What passes is right to within a percent, most of it far better; what does not pass is averaged over predictive draws instead. A mass tolerance ten times tighter turns more densities away and gains no accuracy where it matters. A looser one would cost little on densities like these; it stays
# at 1e-3 because a point mass beside a density must show. All of the regression's predictive densities were integrated with 33 points.
#
# ## Limits
#
# * **One well-specified world.** Posteriors here are nearly Gaussian. Other shapes have tests of their own; the thresholds are not derived from them.
# * **Far apart is far apart.** Eight standard deviations out, predictive debt and score gap are seldom reliable. Then the deployed model gives outcomes next to no density at any draw; the estimate is too large rather than too small, and a decision does not hang on its digits. More draws
#   help slowly: the number needed grows exponentially with the spread of the log density over the deployed draws.
# * **Debts next to nothing.** Below about .001 nats predictive debt is a small square of noise: its relative error is tens of percent, and a value that happens to come out near zero has too small an error. `indistinguishable_from_zero` says so.
# * **Score gaps hang on single outcomes.** One outlier in a batch of five can make the gap unreliable although the posteriors overlap.
# * **Monte-Carlo error only.** Intervals say what more draws would change, not what other data would.
