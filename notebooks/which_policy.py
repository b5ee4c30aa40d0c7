# %% [markdown]
# # Which policy should I use?
#
# A policy reads a period's signals and says *retrain* or *wait*. The bill is regret plus the cost of the retrains. This notebook first shows what policies paid on real histories, then the recommended policy at work on one history, then the simulated
# study, in which the truth is known. Stored results come from `learning-debt bench run`, `learning-debt study policies`, `learning-debt study severity --ours` and benchmarks; the commands are given beside them. What is computed live is small.
#
# Short answer: use the recommended policy, with which `ld.audit` decides. Its lead is real and modest, and the last section says where something else is better.

# %%
# %matplotlib inline

import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld
from learning_debt.policies.models.continuation import features
from learning_debt.policies.recommended import candidates
from learning_debt_study.candidate_policies import OURS, PUBLISHED
from learning_debt_study.experiment import run_pass
from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import study_table

RESULTS = Path(ld.__file__).parents[2] / "benchmarks" / "results"
UNITS = ["median", "q75", "mean"]
ACCOUNTINGS = ["positive", "signed"]
pd.set_option("display.width", 160, "display.max_columns", 30, "display.max_rows", 100, "display.precision", 3)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})

# %% [markdown]
# ## On real histories
#
# Nine public histories in which nobody designed the drift, in 324 cases: two update rules, two priors, three splits, three costs of a retrain. Policies are tuned on the first part of a history and billed on the rest. The *excess* is what a policy pays above the cheapest schedule
# that hindsight could find, in costs of a retrain. It is set against that of tuned CUSUM, as a geometric mean over cases; the 90% intervals resample histories.
#
# `learning-debt bench run --out bench`

# %%
bench = pd.read_csv(RESULTS / "bench_summary.csv").query("cost_ratio == 'all'").set_index("policy")
rows = [
    "blended threshold",
    "continuation value of the study, unit tuned",
    "recommended",
    "predictive-debt threshold",
    "Page's CUSUM",
    "Page-Hinkley",
    "continuation value",
    "CUSUM",
    "changepoint",
    "debt threshold",
    "never",
    "continuation value of the study",
    "calendar",
    "best calendar in hindsight",
]
part = bench.loc[rows]
figure, axes = plt.subplots(figsize=(9, 4.6), layout="constrained")
error = np.abs(part[["relative_low", "relative_high"]].to_numpy().T - part["relative"].to_numpy())
axes.errorbar(part["relative"], range(len(part)), xerr=error, fmt="o", ms=4, lw=1)
axes.axvline(1, color="black", lw=0.8)
axes.set_yticks(range(len(part)), rows)
axes.invert_yaxis()
axes.set(xscale="log", xlabel="excess over the oracle, relative to tuned CUSUM (90% interval over histories)")
axes.set_xticks([0.6, 0.8, 1, 1.5, 2, 3], ["0.6", "0.8", "1", "1.5", "2", "3"])
axes.minorticks_off();

# %%
columns = ["relative", "relative_low", "relative_high", "won", "lost", "dearer_than_calendar", "mean_excess"]
part[columns].round(2)

# %% [markdown]
# **Read it like this.** Three rows lead: the blended threshold, the recommended policy, and the study's continuation value with its unit tuned on each history. Nine histories do not tell the three apart. The first is tuned on a history's first part and then stays; the third was thought of when the other
# rows had been seen. The recommended policy needs no first part. On 71 other public histories, on which its settings were chosen, its excess is .79 of CUSUM's (.71 to .87), and that of the blended threshold .92.
#
# What is not good: the recommended policy loses to CUSUM on one of the nine histories (Apple's volatility). Where *never* is best it still retrains a few times while it learns that, at worst at the price of 22 costs. The learned continuation value of the study, carried over as it is,
# loses to CUSUM in most cases, and a tuned calendar loses nearly always. [docs/policies.md](../docs/policies.md) has all rows that matter and the misses in numbers.

# %% [markdown]
# ## The recommended policy at work
#
# One history with two shifts, 150 periods. The policy bills its 72 candidates in every period for what each would have done so far, and retrains when candidates with more than half of the weight would. The first picture shows the weight of each kind of candidate as periods come;
# the second shows how much of the weight wants a retrain, with its own retrains as lines and the shifts dotted.

# %%
rng = np.random.default_rng(11)
shorter = 3 if os.environ.get("LEARNING_DEBT_SMALL") else 1  # a quick check that every cell runs: a third of the periods
period = np.repeat(np.arange(150 // shorter), 4)
slope = np.select([shorter * period < 60, shorter * period < 115], [0.0, 0.8], -0.4)
x = rng.normal(size=period.size)
history = {"x": x, "y": slope * x + rng.normal(size=period.size), "period": period}
spells = ld.spell_table(
    ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)),
    history,
    initial=20,
    update_rule=ld.UpdateRule(window=40),
    variables=("debt", "predictive_debt", "deployed_score"),
    progressbar=False,
)
cost, last = ld.RetrainingCost(0.4), spells.sizes["period"]
bill = ld.replay(spells, ld.policies.Recommended(), cost)
retrained = np.flatnonzero(bill.schedule.values.ravel()) + 1
policy, shares, support = ld.policies.Recommended(), [], []
for t in range(1, last + 1):
    known = spells.isel(period=slice(0, t), deployed_at=slice(0, t))
    policy = policy.refit(known, cost)
    kinds = np.split(policy.weights, np.cumsum([len(kind) for kind in candidates()])[:-1])
    shares.append([kind.sum() for kind in kinds])
    serving = int(max([s for s in retrained if s < t], default=0))
    today = ld.decide(known, ld.policies.Recommended(), cost, horizon=12, deployed_at=serving)
    support.append(today.support if today.verdict == "retrain" else 1 - today.support)
figure, panels = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
names = ["blended thresholds", "continuation values", "Page's sums", "never", "after so many periods"]
panels[0].stackplot(range(1, last + 1), np.transpose(shares), labels=names, alpha=0.8)
panels[0].set(ylabel="share of the weight", ylim=(0, 1))
panels[0].legend(loc="lower left", fontsize=8)
panels[1].plot(range(1, last + 1), support)
panels[1].axhline(0.5, color="black", lw=0.8)
for t in retrained:
    panels[1].axvline(t, color="C3", lw=1)
for t in (60, 115):
    panels[1].axvline(t - 19, color="black", ls=":", lw=1)
best = float(ld.oracle(spells, cost).objective.item())
panels[1].set(
    xlabel="period",
    ylabel="wants a retrain",
    title=f"{len(retrained)} retrains, bill {bill.objective.item():.1f} nats; oracle {best:.1f}",
);

# %% [markdown]
# The first shift comes in period 41 and moves the slope by .8. It takes 15 periods until enough evidence has come; a retrain there learns from a window that is still half old data, so another follows. The weights move slowly: at a rate of .2 a cost of a retrain, one history seldom speaks loudly for one candidate,
# and a majority of many is what protects it. In the first third nothing has moved and it does not retrain. Its bill is far above the oracle's, as that of every policy that has to wait for evidence: the table at the end has the others on the later part of the same history.

# %% [markdown]
# ## The study
#
# From here on worlds are simulated, and the model is right up to the shift. The reference study at its published size, five repetitions (901 to 905), each calibrated, learned, tuned and evaluated on its own seeds: 72 cells with a shift (three kinds of shift, four shift probabilities, six cost ratios), 500 paths each. The policies had been
# developed on repetitions below 10, and these were run once. A ratio below 1 is cheaper than CUSUM; wins count cells; `no shift` is the ratio of mean bills where nothing ever moves.
#
# `learning-debt study policies --accounting positive --rep 901 --reps 5 --out policies`

# %%
confirmed = pd.read_csv(RESULTS / "policies_confirmed.csv")
pooled = confirmed[confirmed["rep"] == "all"]


def one_table(table):
    parts = {}
    for accounting in ACCOUNTINGS:
        for unit in UNITS:
            part = table[(table["accounting"] == accounting) & (table["score_unit_mode"] == unit)].set_index("policy")
            parts[accounting, unit] = [f"{row.mean_relative:.3f} ({row.cell_wins})" for row in part.itertuples()]
            index = part.index.str.removesuffix("_tuned").str.replace("_", " ")
    return pd.DataFrame(parts, index=index)


recommended = pd.read_csv(RESULTS / "recommended_in_study.csv").query("policy == 'recommended_tuned'")
recommended = recommended.groupby(["accounting", "score_unit_mode", "policy"], as_index=False).agg(
    mean_relative=("mean_relative", "mean"), cell_wins=("cell_wins", "min"), repetitions=("repetition", "nunique")
)
pd.concat([one_table(pooled), one_table(recommended)])

# %%
extra = pooled.set_index(["accounting", "score_unit_mode", "policy"]).loc[
    (
        slice(None),
        slice(None),
        [
            "cusum_tuned",
            "debt_threshold_tuned",
            "predictive_debt_threshold_tuned",
            "blended_threshold_tuned",
            "continuation_value_tuned",
        ],
    ),
    :,
]
extra[["mean_relative", "ci_05", "ci_95", "max_relative", "wins_debt_threshold", "mean_to_oracle", "no_shift_relative"]]

# %%
shown = [
    "calendar_tuned",
    "debt_threshold_tuned",
    "predictive_debt_threshold_tuned",
    "blended_threshold_tuned",
    "continuation_value_tuned",
    "oracle",
]
figure, panels = plt.subplots(1, 2, figsize=(11, 3.4), sharey=True, layout="constrained")
for panel, accounting in zip(panels, ACCOUNTINGS, strict=True):
    for k, unit in enumerate(UNITS):
        part = pooled[(pooled["accounting"] == accounting) & (pooled["score_unit_mode"] == unit)]
        part = part.set_index("policy").loc[shown[1:]]
        place = np.arange(len(part)) + 0.2 * (k - 1)
        error = np.abs(part[["ci_05", "ci_95"]].to_numpy().T - part["mean_relative"].to_numpy())
        panel.errorbar(part["mean_relative"], place, xerr=error, fmt="o", ms=4, lw=1, label=f"{unit} unit")
    panel.axvline(1, color="black", lw=0.8)
    panel.set(title=f"{accounting} accounting", xlabel="mean bill, relative to tuned CUSUM")
panels[0].set_yticks(range(len(shown) - 1), [name.removesuffix("_tuned").replace("_", " ") for name in shown[1:]])
panels[0].invert_yaxis()
panels[1].legend(loc="upper left", fontsize=8);

# %% [markdown]
# **Read it like this.** The learned continuation value is cheaper than tuned CUSUM in every one of the 72 cells, at every score unit and in both accountings, and cheaper than the paper's debt threshold in all or all but a few (`wins_debt_threshold`). Where nothing ever shifts it is
# cheaper too, since it retrains less. It closes about half of the distance between CUSUM and an oracle that knows the noise of evaluation rows beforehand. Among the rules with one to three numbers the blended threshold is the one that wins everywhere. The intervals resample paths and hold
# tuned numbers fixed; the five repetitions, each tuned anew, differ by less than 0.005 in the ratio (`rep` in the stored table).

# %% [markdown]
# ## Everybody else's rules
#
# One repetition (901) with the rivals in the same table: river's detectors, Bayesian online changepoint detection, Cara's three policies. Their options were set to do well on spells of some ten periods, and the one number of each was tuned for every cost on a grid
# (`learning_debt/policies/rivals.py`).
#
# `learning-debt study policies --rivals --rep 901 --test-paths 20 --accounting positive --out rivals`

# %%
rivals = pd.read_csv(RESULTS / "policies_rivals.csv")
rivals = rivals[rivals["rep"] == "all"]
part = rivals[rivals["score_unit_mode"] == "q75"].pivot(index="policy", columns="accounting", values="mean_relative")
part = part.drop(index=["never_retrain", "always_retrain", "calendar10"]).sort_values("positive")
figure, axes = plt.subplots(figsize=(8, 5.6), layout="constrained")
for accounting, marker in (("positive", "o"), ("signed", "s")):
    axes.plot(part[accounting], range(len(part)), marker, ms=5, label=accounting)
axes.axvline(1, color="black", lw=0.8)
axes.set_yticks(range(len(part)), part.index.str.removesuffix("_tuned").str.replace("_", " "))
axes.invert_yaxis()
axes.set_xscale("log")
axes.set_xticks([0.8, 1, 1.5, 2, 3, 5, 10], ["0.8", "1", "1.5", "2", "3", "5", "10"])
axes.minorticks_off()
axes.set(xlabel="mean bill relative to tuned CUSUM (q75 unit, logarithmic)")
axes.legend();

# %%
one_table(rivals)

# %% [markdown]
# Page-Hinkley, ADWIN and changepoint detection come closest to CUSUM when tuned for each cost: they are cousins of it. Cara compares the deployed model's own loss with a threshold; loss also moves when the world merely gets noisier, and how much better a new model would be does not enter. The detectors made
# for streams of 0 and 1 throw away how much worse a forecast was, and they wait for a *change*: a spell that is bad from its first period, after a retrain in the middle of a shift, looks steady to them. A few such paths make up most of their bill. (Twenty test paths a cell here, and one repetition.)

# %% [markdown]
# ## What the learned policy looks at
#
# A small pass, live: the study at smoke size, where learning takes a second. The picture shows where the learned policy retrains (above and to the right of a line), by what the shadow expects to lose in a period and by what the gaps of the spell have shown, both over the cost.

# %%
small = run_pass(SMOKE, accounting="signed", repetition=7, policies=PUBLISHED | OURS)
model = small.calibration.continuation[1]
cost = float(small.evaluation["cost"].sel(score_unit_mode="q75", kappa=1.0))
expected, realised = np.meshgrid(np.geomspace(1e-3, 1, 120), np.linspace(-2, 6, 120))
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for age, colour in ((2, "C0"), (8, "C1"), (25, "C2")):
    ratio = np.exp((model.lowest[2] + model.highest[2]) / 2)  # predictive over posterior debt
    seen = features(expected * cost, expected * cost / ratio, realised * cost, age, cost)
    lines = axes.contour(expected, realised, model.excess(seen), levels=[0], colors=colour)
    axes.plot([], [], color=colour, label=f"spell age {age}")
axes.set(xscale="log", xlabel="predictive debt / cost of a retrain", ylabel="discounted score gaps of the spell / cost")
axes.legend(title="retrain above and right of");

# %% [markdown]
# One path of that pass whose coefficient jumps: what the shadow expects to lose, along each policy's own schedule, and when each retrained.

# %%
seeds = cell_seeds("test", "abrupt_coef", 0.05, SMOKE, 7)
table = study_table(draw_paths("abrupt_coef", 0.05, seeds, design=SMOKE)).isel(series=[1])
tuned = small.tuned.query("score_unit_mode == 'q75' and kappa == 1.0").set_index("policy")["value"]
policies = {
    "tuned CUSUM": ld.policies.CUSUM(tuned["cusum"]),
    "continuation value": ld.policies.ContinuationValue(model),
}
figure, panels = plt.subplots(3, 1, figsize=(9, 5), sharex=True, layout="constrained")
for panel, (name, policy) in zip(panels, policies.items(), strict=False):
    bill = ld.replay(table, policy, cost)
    retrained = np.flatnonzero(bill.schedule.values[0]) + 1
    deployed_at = np.concatenate([[0], np.maximum.accumulate(np.where(bill.schedule.values[0], np.arange(1, 51), 0))])[
        :-1
    ]
    panel.plot(np.arange(1, 51), table["predictive_debt"].values[0, deployed_at, np.arange(50)] / cost)
    for t in retrained:
        panel.axvline(t, color="C3", lw=1)
    panel.set(
        title=f"{name}: {len(retrained)} retrains, bill {float(bill.objective.item()) / cost:.1f} costs",
        ylabel="Dpred / cost",
    )
best = ld.oracle(table, cost)
panels[2].vlines(np.flatnonzero(best.schedule.values[0]) + 1, 0, 1, color="C2")
panels[2].set(title=f"oracle: bill {float(best.objective.item()) / cost:.1f} costs", yticks=[], xlabel="period");

# %% [markdown]
# ## When the model is wrong
#
# Posterior debt counts every movement of belief, whether or not it changes a forecast; where the model is misspecified that misleads. The sweep of the paper, with the same policies: heavy tails, a variance that depends on the input, curvature.
#
# `learning-debt study severity --ours --reps 1 --out severity`

# %%
severity = pd.read_csv(RESULTS / "policies_severity.csv")
severity = severity[(severity["axis"] != "tail") | (severity["severity"] > 3)]
figure, panels = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="constrained")
looks = {
    "debt_threshold_tuned": ("C3", "debt threshold"),
    "predictive_debt_threshold_tuned": ("C1", "predictive-debt threshold"),
    "blended_threshold_tuned": ("C4", "blended threshold"),
    "continuation_value_tuned": ("C0", "continuation value"),
}
names = {"tail": "1 / degrees of freedom", "hetero": "heteroskedasticity θ", "nonlinear": "curvature"}
for panel, (axis, label) in zip(panels, names.items(), strict=True):
    here = severity[severity["axis"] == axis]
    for policy, (colour, name) in looks.items():
        for unit, style in (("median", ":"), ("q75", "-"), ("mean", "--")):
            part = here[(here["policy"] == policy) & (here["score_unit_mode"] == unit)]
            place = 1 / part["severity"] if axis == "tail" else part["severity"]
            panel.plot(
                place,
                part["mean_relative"],
                style,
                color=colour,
                marker="o",
                ms=3,
                lw=1,
                label=name if unit == "q75" else None,
            )
    panel.axhline(1, color="black", lw=0.8)
    panel.set(xlabel=label, yscale="log")
    panel.set_yticks([0.8, 0.9, 1, 1.25, 1.5, 2], ["0.8", "0.9", "1", "1.25", "1.5", "2"])
    panel.minorticks_off()
panels[0].set_ylabel("mean bill relative to tuned CUSUM")
panels[0].legend(fontsize=7, title="dotted: median, dashed: mean unit", title_fontsize=7);

# %% [markdown]
# The debt threshold loses its lead where the model is wrong, most of all under curvature; a threshold on *predictive* debt does not, since belief that moves without moving forecasts costs nothing there. The learned policy is below 1 at every point, curvature included. (One repetition a point, 10 test paths a cell. With three degrees of freedom
# signed bills come near zero and below; ratios of them mean nothing and are left out of the picture.)

# %% [markdown]
# ## From draws
#
# Exact signals exist for conjugate models only. Here the same policies, tuned on exact tables, walked the study's paths on signals estimated from posterior draws, with the library's own estimators. Both schedules are billed with the true regret, so the ratio says what sampling error costs.
#
# `python benchmarks/sampled_decisions.py`

# %%
records = []
for path in sorted(RESULTS.glob("sampled_decisions_*.json")):
    records += json.loads(path.read_text())["summary"]
drawn = pd.DataFrame(records).drop_duplicates(["sampler", "draws", "policy"], keep="last")
drawn["bill, sampled / exact"] = [f"{row.bill_ratio:.4f} ± {row.bill_ratio_se:.4f}" for row in drawn.itertuples()]
drawn["decided alike"] = drawn["same_decisions"].map("{:.1%}".format)
columns = ["paths", "decided alike", "bill, sampled / exact"]
drawn.set_index(["sampler", "draws", "policy"])[columns].sort_index(
    level=[0, 1], ascending=[True, False], sort_remaining=False
)

# %% [markdown]
# With 4000 draws bills are within half a percent of those of exact signals, within their errors; with 1000 within one. Nine in ten and more of the decisions are the same, and those that differ differ by a period or so. The Pareto-k rule is another matter: its signal is itself a property of a finite sample, so its bill depends on
# the number of draws (it is held against itself on 16,000 draws here).

# %% [markdown]
# ## Where nothing is exact
#
# A negative binomial, a Student-t and a logistic regression in PyMC, refitted every period; worlds whose coefficients, dispersion or scale jump or drift, or do not; regret measured on hundreds of fresh rows of the true world. Every policy was calibrated, learned and tuned on other series than
# those it was billed on. *Continuation, of the conjugate study* was learned on the paths of the reference study and carried over unchanged.
#
# `cd benchmarks && python -m drifting_models`

# %%
drifting = pd.read_csv(RESULTS / "drifting_models_seed1.csv")
signed = drifting[(drifting["accounting"] == "signed") & (drifting["model"] == "all")]
signed = signed[~signed["policy"].isin(["never", "always"])].sort_values("ratio").reset_index(drop=True)
figure, axes = plt.subplots(figsize=(9, 6.2), layout="constrained")
error = np.abs(signed[["ratio_low", "ratio_high"]].to_numpy().T - signed["ratio"].to_numpy())
axes.errorbar(signed["ratio"], signed.index, xerr=error, fmt="o", ms=4, lw=1)
axes.axvline(1, color="black", lw=0.8)
axes.set_yticks(signed.index, signed["policy"])
axes.invert_yaxis()
axes.set(xscale="log", xlabel="mean bill relative to tuned CUSUM, signed, 90% interval over series")
axes.set_xticks([0.4, 0.6, 0.8, 1, 1.5, 2, 3], ["0.4", "0.6", "0.8", "1", "1.5", "2", "3"])
axes.minorticks_off();

# %% [markdown]
# What was learned on series of the same models leads again, and what was learned on the conjugate study helps without having seen any of these models. But the picture is more modest: with 5 to 10 rows a period realised gaps are mostly noise, thresholds are level with CUSUM, and without shifts our policies retrain somewhat too
# often. The two rows *if true gaps were seen* show what limits everybody: a CUSUM that saw regret itself, instead of the gaps of a few rows, would pay a quarter less. (The interval resamples series; it leaves out what another tuning would have chosen.)

# %% [markdown]
# ## One history of your own
#
# A study can repeat the world; you cannot. Your one history has a few shifts in it, and most differences between policies are smaller than what those few happened to be. The audit says so. Here the history of above, with rivals in the table:

# %%
audit = ld.audit(spells, 0.4, calendar=12, policies=ld.rival_policies(spells, river=False))
columns = ["retrains", "total", "difference", "difference_low", "difference_high", "selected_share"]
audit.table[columns].to_dataframe().sort_values("total").round(2)

# %%
print(audit.headline)
for policy, verdict in audit.distinguishable.items():
    print(f"{audit.decided_by} against {policy}: {verdict}")

# %% [markdown]
# ## So, which?
#
# What real histories show comes first ([real_histories](real_histories.ipynb) shows them one by one):
#
# * **One history**: the recommended policy, with which `ld.audit` decides. It needs no tuning: it weighs blended thresholds, continuation values and sums of gaps by what each would have paid in your history so far. On real histories it has the best record, beside the blended threshold. Believe the audit's intervals: where it cannot tell policies apart, that is the answer.
# * **A long history, or several series**: the blended threshold. It needs three numbers, and wins everywhere by about four percent.
# * **Many series, or a simulator of the drift you fear**: `ld.fit_continuation`, learned where it will be used. It wins everywhere by six to eleven percent in the study, eight in models without a conjugate prior; carried over from there to real histories it loses.
# * **A drift detector you already run**: keep it as an alarm for people. As a retraining rule, tune it for what a retrain costs, and put it in the audit's table beside the others.
# * **Never** take a threshold from somebody else's history: the grids here are wide because the best value moves with the cost by orders of magnitude.
