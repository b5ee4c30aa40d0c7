# %% [markdown]
# # The reference study: when does posterior debt say "retrain" at the right time?
#
# You deployed a Bayesian forecaster. Data keep coming, so you could refit it, validate it and ship it again; that costs something. Or you could
# leave it alone; if the world moved, that costs something too. Katz (arXiv 2604.06438) proposes to watch **posterior learning debt**, the
# Kullback-Leibler divergence from the *deployed* posterior to the *shadow* posterior that has seen all data so far, and tests the idea in a
# simulation. This notebook runs that simulation with the policies of this library, holds the results against the published ones, and then asks where
# its conclusions hold and where they do not. It takes well under a minute.

# %%
# %matplotlib inline

import os
from dataclasses import replace

import numpy as np
import pandas as pd

from learning_debt.policies import CUSUM, DebtThreshold, ExpectedRegret
from learning_debt.policies.grids import CUSUM_THRESHOLDS
from learning_debt_study.candidate_policies import PUBLISHED, UTILITY_SCALES, Candidates
from learning_debt_study.experiment import run_pass
from learning_debt_study.figures import decision_path_figure, relative_objective_figure, retrains_figure
from learning_debt_study.published_tables import no_shift, relative_objectives, sensitivity, table1
from learning_debt_study.scenarios import PAPER, SHIFTS, cell_seeds, draw_paths
from learning_debt_study.verify import published

DESIGN = PAPER
if os.environ.get("LEARNING_DEBT_SMALL"):  # a quick check that every cell runs; figures are then not the published ones
    DESIGN = replace(PAPER, calibration_paths=3, tuning_paths=2, test_paths=2)
UNITS = ["median", "q75", "mean"]
pd.set_option("display.width", 120, "display.precision", 3, "display.max_columns", 20)

# %% [markdown]
# ## The model and the yardstick
#
# The forecaster is a regression through the origin, `y ~ Normal(x * beta, sigma)`, with a normal-inverse-gamma prior. In PyMC you would write two
# priors and a likelihood and sample. Here the posterior is conjugate, so posterior, debt and log scores are exact: nothing below is disturbed by
# Monte-Carlo error, and every published digit can be checked.
#
# A path has 200 periods. In each, five new rows update the shadow, five others are monitored, and 40 more tell what keeping the old posterior cost: **regret** is
# the mean log score of the shadow minus that of the deployed posterior, in nats per observation. After a burn-in of 20 periods the coefficient may jump,
# the noise variance may jump, or the coefficient may start to drift; on some paths nothing happens. A policy sees the signals of a period and decides
# whether to retrain, which costs lambda. Its **objective** is the sum of regret plus lambda times retrains. Regret is counted in one of two ways:
#
# * *positive*: `max(gap, 0)`, as in the paper's main table;
# * *signed*: the gap itself, so that luck in one period cancels bad luck in another.
#
# lambda is a cost ratio kappa (0.1 to 4) times a **score unit**, a summary of the positive regrets on calibration paths: their 0.75 quantile (primary), median or
# mean. One pass calibrates, tunes and tests on separate lists of paths.

# %%
passes = {accounting: run_pass(DESIGN, accounting=accounting) for accounting in ("positive", "signed")}
positive = passes["positive"]
dict(positive.evaluation.sizes)

# %% [markdown]
# ## One path
#
# Debt grows with the age of a spell even when nothing shifts, because the shadow goes on learning. The debt threshold therefore watches the root of debt *adjusted
# for spell age*: how many standard deviations above what is usual on stable paths of this age. Below, the coefficient jumps once in period 50. The shadow,
# which never forgets, needs many periods to follow, so that several retrains pay, ever fewer as it settles; the oracle, which knows the whole path, spaces its retrains in the same way.
# The calendar pays for retrains before anything has happened.

# %%
decision_path_figure(DESIGN, positive.calibration, positive.tuned, shift="abrupt_coef", probability=0.05, path=1)

# %% [markdown]
# ## Calibration and tuning
#
# Calibration paths retrain at random, so that spells of all ages are seen. They give the age adjustment (from paths without shifts), the score units and the grid of debt
# thresholds (quantiles of adjusted debt). The deployed posterior scored *better* than the shadow in about a quarter of calibration periods: with 40 evaluation rows, noise is large.

# %%
found, reference = positive.calibration.score_units, published()["score_units"]
units = pd.DataFrame({"score unit": found, "published": reference})
units["difference"] = units["score unit"] - units["published"]
print(units.to_string(float_format="{:.3g}".format))
print(f"deployed posterior scored better: {positive.calibration.frac_deployed_better:.1%} of calibration periods")

# %% [markdown]
# Each policy has one parameter, chosen for each cost by mean objective over the pooled tuning paths.

# %%
primary = positive.tuned.query("score_unit_mode == 'q75'")
primary.pivot(index="policy", columns="kappa", values="value").loc[list(PUBLISHED)]

# %% [markdown]
# ## Table 1, in both accountings
#
# A cell is a shift type, a shift probability and a cost ratio: 72 cells with a shift. In each, the relative objective is the ratio of mean objectives over 100 test paths; a ratio
# below 1 is a win. The last column is the largest absolute difference of wins, mean, median and quartiles from the published figures.

# %%
exact = ["cell_wins", "mean_relative", "median_relative", "iqr_25", "iqr_75"]
interval = ["ci_025", "ci_975"]
tables = {}
for accounting, one in passes.items():
    table = table1(one.evaluation).set_index(["policy", "benchmark"])
    paper = pd.DataFrame(published()[f"table1_q75_{accounting}"]).set_index(["policy", "benchmark"]).loc[table.index]
    shown = table[["cell_wins", "mean_relative", *interval, "median_relative"]].assign(
        published_mean=paper["mean_relative"], largest_difference=(table[exact] - paper[exact]).abs().max(axis=1)
    )
    tables[accounting] = table
    print(f"{accounting} accounting, q75; of 72 cells")
    print(shown.to_string(formatters={"largest_difference": "{:.0e}".format}))
    print(f"intervals differ by at most {(table[interval] - paper[interval]).abs().max(axis=None):.0e}\n")

# %% [markdown]
# Means, medians and wins agree to rounding error. The published intervals of the *signed* table do too; those of the *positive* table agree to about 3e-4 only: no order of resampling
# that we tried gives them. The intervals resample paths within cells. They do not
# contain the uncertainty of calibration and tuning, which `learning-debt study audit` shows by repeating the whole pass.

# %%
relative_objective_figure(positive.evaluation)

# %%
retrains_figure(positive.evaluation)

# %% [markdown]
# ## Where nothing shifts
#
# On stable paths every retrain is wasted, apart from what the shadow still learns. Figures are averages over cost ratios at q75.

# %%
calm = {accounting: no_shift(one.evaluation).set_index("policy") for accounting, one in passes.items()}
paper = pd.DataFrame(published()["no_shift_q75_positive"]).T
joined = pd.concat({**calm, "published (positive)": paper.loc[calm["positive"].index]}, axis=1)
print(joined.round(3).to_string())


# %% [markdown]
# * *Always* retraining costs 21 nats, nearly all of it the price of 199 retrains. The calendar, tuned on pooled paths of which three quarters may shift, retrains 47 times and pays 2.8.
# * *Never* costs 0.88 in positive accounting, but only 0.38 signed: more than half of its positive bill is noise. **Positive accounting charges noise**: a period in which an equally good
#   posterior happens to score worse is billed, and one in which it happens to score better is not credited.
# * That decides who is cheaper here. In positive accounting CUSUM (8 retrains) costs slightly less than the debt threshold (1.4 retrains): 0.550 against 0.565. Signed, the debt
#   threshold is clearly cheaper, 0.217 against 0.368.
#
# ## Where the conclusions hold
#
# Against the **calendar** the debt threshold wins every cell at q75, in both accountings, for every kind of shift. Against a **tuned CUSUM** on score gaps the margin is small: 2.5 % positive, 3.3 % signed.
# It depends on the score unit:


# %%
def wins_and_ratio(one):
    rows = sensitivity(one.evaluation).query("shift_type == 'all'")
    cell = rows["cell_wins"].astype(str) + " (" + rows["mean_relative"].map("{:.3f}".format) + ")"
    table = rows.assign(cell=cell).pivot(index="score_unit_mode", columns="benchmark", values="cell")
    return table.loc[UNITS]


pd.concat({accounting: wins_and_ratio(one) for accounting, one in passes.items()}, axis=1)

# %% [markdown]
# ## Where they do not
#
# **1. Cheap retrains.** With the median unit, 6.5 times smaller than q75, CUSUM wins 46 of 72 cells. Counting wins by cost shows that this is about the cost of a retrain, not the unit as such:

# %%
wins = {
    unit: relative_objectives(positive.evaluation, "debt_threshold_tuned", "cusum_tuned", unit)
    .lt(1)
    .groupby("kappa")
    .sum()
    for unit in UNITS
}
chosen = positive.tuned.query("policy == 'debt_threshold'")
chosen = chosen.pivot(index="kappa", columns="score_unit_mode", values="value")[UNITS]
lowest = chosen == positive.calibration.thresholds[0]
pd.concat({"wins of 12": pd.DataFrame(wins), "tuned to the lowest threshold": lowest}, axis=1)

# %% [markdown]
# Wherever the debt threshold loses most of the 12 cells, tuning had chosen the *lowest* threshold on the published grid, the median of adjusted debt. The grid ends too early: where retrains are cheap the policy would like to
# retrain more often and may not. Adding lower quantiles (and, to be fair, lower CUSUM thresholds and larger scales of the expected-regret policies), still tuned on tuning paths only, changes the answer. We looked at this after having seen the table
# above, so read it as an explanation of the loss, not as a new headline.

# %%
scales = (*UTILITY_SCALES, 16.0, 32.0, 64.0)


def lower_debt_thresholds(known):
    below = np.arange(-3.0, known.thresholds[0], 0.25)
    return [DebtThreshold(z, known.adjustment) for z in (*below, *known.thresholds)]


longer = {
    **PUBLISHED,
    "cusum": Candidates(lambda _: [CUSUM(h) for h in (0.001, 0.0025, 0.005, *CUSUM_THRESHOLDS)], "threshold"),
    "debt_threshold": Candidates(lower_debt_thresholds, "threshold"),
    "debt_utility": Candidates(lambda known: [ExpectedRegret(k, known.debt_model) for k in scales], "scale", True),
    "hybrid_utility": Candidates(lambda known: [ExpectedRegret(k, known.hybrid_model) for k in scales], "scale", True),
}
longer_grids = run_pass(DESIGN, accounting="positive", policies=longer)
pd.concat({"published grids": wins_and_ratio(positive), "longer grids": wins_and_ratio(longer_grids)}, axis=1)

# %% [markdown]
# **2. Expected-regret policies.** `debt_utility` and `hybrid_utility` retrain when calibrated expected regret exceeds lambda, the rule that theory suggests. Both lose to CUSUM almost everywhere:
# they win 6 and 2 of 72 cells and cost 15 % more on average. Comparing *one* period's expected regret with the price of a retrain ignores that a retrain pays off over many periods: the tuned scales are
# well above 1, some at the end of their grid. Longer grids change nothing at q75:

# %%
rows = {}
for grids, one in (("published grids", positive), ("longer grids", longer_grids)):
    for policy in ("debt_utility_tuned", "hybrid_utility_tuned"):
        ratio = relative_objectives(one.evaluation, policy, "cusum_tuned")
        rows[grids, policy] = {"wins of 72": int((ratio < 1).sum()), "mean ratio": f"{ratio.mean():.6f}"}
pd.DataFrame(rows).T

# %% [markdown]
# **3. There is room above all of them.** The oracle plans each path in hindsight:

# %%
pairs = [("oracle", "cusum_tuned"), ("cusum_tuned", "oracle"), ("debt_threshold_tuned", "oracle")]
rows = {}
for accounting, one in passes.items():
    for unit in UNITS:
        rows[accounting, unit] = {
            f"{above} / {below}": relative_objectives(one.evaluation, above, below, unit).mean()
            for above, below in pairs
        }
pd.DataFrame(rows).T

# %% [markdown]
# At q75 (positive) the oracle costs 0.838 of CUSUM, and the debt threshold 1.16 of the oracle. Part of that distance nobody can close: the oracle also knows the noise of the evaluation rows.
#
# **4. The three lists of paths are not independent.** Seeds are `base + 100000 * shift + 10000 * probability + path` with bases 100000 apart. So tuning paths of one shift type
# have the seeds of calibration paths of the next type, and test paths those of the type after.

# %%
seeds = {
    purpose: {int(seed) for shift in SHIFTS for p in PAPER.probabilities for seed in cell_seeds(purpose, shift, p)}
    for purpose in ("calibration", "tuning", "test")
}
for one, other in (("calibration", "tuning"), ("calibration", "test"), ("tuning", "test")):
    print(f"{one} ({len(seeds[one])}) and {other} ({len(seeds[other])}) share {len(seeds[one] & seeds[other])} seeds")


def paths(purpose, shift, probability=0.05, count=8):
    drawn = draw_paths(shift, probability, cell_seeds(purpose, shift, probability)[:count])
    truth = drawn.variance if shift == "variance" else drawn.coefficient
    return drawn, np.argmax(truth != truth[:, :1], axis=1) + 1


(test, shifted), (calibration, drifted) = paths("test", "abrupt_coef"), paths("calibration", "gradual")
print("period of the shift, abrupt_coef, test:     ", shifted)
print("period of the shift, gradual, calibration:  ", drifted)
shared = [np.intersect1d(a, b).size / a.size for a, b in zip(test.update_x, calibration.update_x, strict=True)]
print(f"update covariates that also occur in the calibration path of the same seed: {np.mean(shared):.0%}")

# %% [markdown]
# These pairs shift in the same period and share most of their covariates. The parameters tuned are few, so we expect little harm, but held-out paths are not quite held out. We keep the published seeds
# because they reproduce the published numbers; passes with `--rep 1, 2, ...` keep the same overlap.
#
# **5. One simulated world.** All this is for a well-specified regression with one coefficient. When the world departs from the model, `learning-debt study severity` shows what remains: heavier tails
# and heteroskedasticity leave the picture much as it is on average, while strong curvature turns it around (published: at curvature 0.8 the debt threshold costs 1.44 of CUSUM at q75). Debt then
# counts parameter movement that does not improve forecasts.
#
# ## In short
#
# The published figures come back from their seeds. Age-adjusted debt is a better trigger than a calendar, and a slightly better one than a tuned CUSUM where retraining is not nearly free and the model is about right. A tuned CUSUM on
# score gaps is a strong and simple benchmark: include it in any comparison of your own, report signed bills, and look at what happens when nothing shifts.
