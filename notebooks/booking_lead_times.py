# %% [markdown]
# # Booking lead times: what half a year's wait costs
#
# You forecast how far ahead guests book, as twelve shares that add up to one, and retrain twice a year. In week 56 payment moves from the day of booking to the day of arrival. How long does the calendar leave a stale model in service, how many of its retrains were needless, and would a look at each week's data have done better? This is the synthetic twin of the production illustration in Katz (arXiv 2604.06438), whose data are not public: the same number of classes and weeks, the same week of the shock, the same calendar.
#
# Run it: clone, `make environment`, open this file from `notebooks/`; about 3 minutes.

# %%
# %matplotlib inline

import logging
import os
import sys
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pymc as pm
from IPython.display import display

import learning_debt as ld
from learning_debt import plots

sys.path.insert(0, "../models")  # before this folder, which has a file of the same name
import booking_lead_times as model_file

logging.getLogger("pymc").setLevel(logging.ERROR)
SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))
WEEKS, SHOCK, CALENDAR = model_file.WEEKS, model_file.SHOCK, model_file.calendar
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 9})

history = model_file.simulate(20, weeks=24, shock=8) if SMALL else model_file.load_history()
week = np.unique(history["period"].values)
share = model_file.shares(history["log_ratio"].values.reshape(len(week), -1))
_, panel = plt.subplots(figsize=(9, 3.4), layout="constrained")
colours = plt.get_cmap("viridis")(np.linspace(0.05, 0.95, len(model_file.DAYS)))
panel.stackplot(week, share.T, colors=colours, lw=0)
for until, said, line in ((0.5, "the first fit ends", "--"), (SHOCK - 0.5, "payment moves", "-")):
    panel.axvline(until, color="white", ls=line, lw=1.5)
    panel.annotate(said, (until, 1.01), ha="center", va="bottom", fontsize=8, annotation_clip=False)
middle = np.cumsum(share[-1]) - share[-1] / 2
for days, height in zip(model_file.DAYS, middle, strict=True):
    panel.annotate(days, (week[-1] + 1, height), va="center", fontsize=7, annotation_clip=False)
panel.set(xlim=(week[0], week[-1]), ylim=(0, 1), xlabel="week")
panel.set_title("Share of a week's bookings by days of lead", pad=18)
plt.show()

# %% [markdown]
# ## The model
#
# Twelve shares that add up to one are eleven numbers: log ratios on an orthonormal basis, each normal about its mean, so that shares are logistic-normal. Every ratio has its level, and a season of four numbers tilts them all towards early or late, and towards the ends or the middle. Priors: a class may have from a seventh to seven times what shorter leads have on average, a season may halve the longest lead against the shortest, and weeks scatter by some percent to some tens of percent. What that says before any data, beside the first year:

# %%
rows = history.isel(obs=np.flatnonzero(history["period"].values <= 0))
with model_file.build_model(rows):
    prior = pm.sample_prior_predictive(200, var_names=["ratio_of_week"], random_seed=1)
ratios = prior.prior_predictive["ratio_of_week"].values
drawn = model_file.shares(ratios.reshape(-1, len(model_file.RATIOS)))
_, panel = plt.subplots(figsize=(9, 2.6), layout="constrained")
place, first_year = np.arange(len(model_file.DAYS)), share[week <= 0]
panel.vlines(place, *np.quantile(drawn, [0.05, 0.95], axis=0), color="0.85", lw=9)
panel.vlines(place, *np.quantile(drawn, [0.25, 0.75], axis=0), color="0.65", lw=9)
panel.plot(place + np.linspace(-0.2, 0.2, len(first_year))[:, None], first_year, ".", ms=2, color="C0")
panel.set_xticks(place, model_file.DAYS)
panel.set(
    xlabel="days of lead", ylabel="share", title="Prior predictive, 50% and 90% (grey), and the first year (blue)"
)
plt.show()

# %% [markdown]
# ## Two states: the paper's accounting
#
# The simplest bill knows two states. A week of waiting while the model is stale costs a third, a retrain while it is fresh two thirds (so a retrain is right when stale has a probability above two thirds). Half-yearly retrains after weeks 26, 52, 78 and 104 leave the model stale from week 56 until the retrain after week 78: 22 waits. The other three retrains were needless. The paper's policy waited 6 weeks and retrained needlessly twice.

# %%
WAITING, CHURN = Fraction(1, 3), Fraction(2, 3)


def two_states(retrains, shock=SHOCK, weeks=WEEKS):
    """Waits while stale, needless retrains and their bill; the first retrain from the shock on makes the model fresh."""
    late = [week for week in retrains if week >= shock]
    waits = (min(late) if late else weeks + 1) - shock
    needless = len(retrains) - bool(late)
    return waits, needless, waits * WAITING + needless * CHURN


calendar_bill = two_states(range(CALENDAR, WEEKS + 1, CALENDAR))
policy_bill = (6, 2, 6 * WAITING + 2 * CHURN)
assert calendar_bill == (22, 3, Fraction(28, 3))
assert round(float(calendar_bill[2]), 2) == 9.33
assert round(float(policy_bill[2]), 2) == 3.33
assert round(float(policy_bill[2] / calendar_bill[2]), 2) == 0.36
threshold = CHURN / (CHURN + WAITING)
assert threshold == Fraction(2, 3)
pd.DataFrame(
    {
        name: [bill[0], bill[1], float(bill[2])]
        for name, bill in {"calendar": calendar_bill, "the paper's policy": policy_bill}.items()
    },
    index=["waits while stale", "needless retrains", "bill"],
).T.assign(ratio=lambda table: table["bill"] / table["bill"].iloc[0]).round(2)

# %% [markdown]
# These are identities: they say what the accounting is. What follows is what this library does with the twin.
#
# ## Wrap it
#
# A row is a week and a ratio, and `exposure = "rows"` makes regret nats a week. The shadow forgets: a week counts .95 of the week after it, so that half of what it says is gone after 14. A retrain is worth ten nats here; replace that by yours, in `models/booking_lead_times.py`.

# %%
FROM, TO = (4, 9) if SMALL else (40, 80)
near = history.isel(obs=np.flatnonzero(history["period"].values <= TO))
rule, cost = model_file.update_rule, model_file.cost
options = {"update_rule": rule, "exposure": model_file.exposure, "progressbar": False}
forecaster = ld.PyMCForecaster(model_file.build_model, draws=200 if SMALL else 500, tune=300, chains=2)
sampled = ld.spell_table(forecaster, near, initial=model_file.initial + FROM, random_seed=1, **options)
plots.plot_debt(sampled, backend="matplotlib", figure_kwargs={"figsize": (9, 5)})
plt.show()
print(
    f"{int(sampled['refits'].sum())} fits for {sampled.sizes['period'] + 1} weeks; "
    f"{int(sampled['converged'].sum())} of {sampled.sizes['period']} shadows can be believed"
)

# %% [markdown]
# That is the PyMC model in weeks 41 to 80, as it was trained in week 40; the shock comes in week 56. From then on debt, expected and realised gaps climb. Under a rule that forgets, every week moves all sixteen parameters, so that nearly every week needs a fit of its own; all 104 weeks take minutes.
#
# The same model with a conjugate prior is a regression, whose posterior is exact and takes no sampling. Everything below rests on that twin, since it lets us look at a hundred histories. Here are the two side by side; then what the half-yearly calendar lost by waiting, in nats:

# %%
names = model_file.RATIOS


def twin_rows(data):
    """The same as a regression: a column for each ratio, and four for the season."""
    levels = (data["ratio"].values[:, None] == np.array(names)).astype(float)
    season = data["waves"].values[:, :, None] * data["tilts"].values[:, None, :]
    x = np.hstack([levels, season.reshape(len(levels), -1)])
    return {"x": x, "y": data["log_ratio"].values, "period": data["period"].values}


columns = [*names, "sine earlier", "sine at the ends", "cosine earlier", "cosine at the ends"]
spread = 0.1  # of the scatter, as the PyMC model's prior has it
prior = ld.NIG(np.zeros(15), np.diag([spread**2] * 11 + [(spread / 0.2) ** 2] * 4), 3.0, 2 * spread**2)
twin = ld.ConjugateRegression(prior, coefficient_names=columns)
exact = ld.spell_table(twin, twin_rows(near), initial=model_file.initial + FROM, **options)
plots.plot_sampled_against_exact(sampled, exact, backend="matplotlib", figure_kwargs={"figsize": (9, 3)})
plt.show()
options["initial"] = model_file.initial
spells = ld.spell_table(twin, twin_rows(history), **options)
half_yearly = ld.replay(spells, ld.policies.Calendar(CALENDAR), cost)
plots.plot_regret(spells, half_yearly.schedule, cost=cost, backend="matplotlib", figure_kwargs={"figsize": (9, 4)})
plt.show()

# %% [markdown]
# ## A two-state policy, calibrated where the truth is known
#
# `TwoState` keeps the probability that the model is stale, by a filter on debt, and retrains above two thirds. It must be told what debt looks like in either state. We have a simulator, so we calibrate it, and tune the others, on twenty histories that are not judged, with a shock in week 30 of 60.


# %%
def twin_table(seeds, weeks=WEEKS, shock=SHOCK):
    """One series for each seed."""
    rows = [twin_rows(model_file.simulate(seed, weeks, shock)) for seed in seeds]
    together = {name: np.concatenate([one[name] for one in rows]) for name in rows[0]}
    series = np.repeat(np.array(list(seeds)), [len(one["y"]) for one in rows])
    return ld.spell_table(twin, together | {"series": series}, **options)


calibration = twin_table(range(1000, 1003 if SMALL else 1020), weeks=60, shock=30)
debt, deployed_at, period = calibration["debt"], calibration["deployed_at"], calibration["period"]
emissions = ld.TwoStateEmissions.fit(
    stable=debt.where((deployed_at < period) & (period < 30)).values.ravel(),
    shifted=debt.where((deployed_at < 30) & (period >= 33)).values.ravel(),
)
policies = {
    "your calendar": ld.policies.Calendar(CALENDAR),
    "two states": ld.policies.TwoState(1 / 52, 0.0, float(CHURN), float(WAITING), emissions),
    "CUSUM": ld.tune(calibration, [ld.policies.CUSUM(h) for h in (1, 2, 5, 10, 20, 40)], cost).policy,
    "predictive debt": ld.tune(
        calibration, [ld.policies.PredictiveDebtThreshold(m) for m in (2, 5, 10, 20, 40)], cost
    ).policy,
    "never": ld.policies.Never(),
}
print(emissions, *[f"{name}: {policy}" for name, policy in policies.items()], sep="\n")

# %% [markdown]
# ## The bill
#
# First in two states, over a hundred histories with the shock in week 56: weeks of waiting while stale, needless retrains, and a third and two thirds for them. Then in nats, retrains included, over the same histories. The last columns are the one history from above. (In two states the calendar has its retrain after week 104; the replays make none in their last week, since it could not pay.)

# %%
judged = twin_table(range(2000, 2005 if SMALL else 2100))
two, nats, ours = {}, {}, {}
for name, policy in policies.items():
    replay = ld.replay(judged, policy, cost)
    weeks_of = [[int(week) for week in dates] for dates in replay.dates]
    if name == "your calendar":
        weeks_of = [[*dates, WEEKS] for dates in weeks_of]
    two[name] = np.mean([[float(part) for part in two_states(dates)] for dates in weeks_of], axis=0)
    nats[name] = [float(replay.retrains.mean()), float(replay.objective.mean())]
    one = ld.replay(spells, policy, cost)
    ours[name] = [", ".join(str(week) for week in one.dates[0]), float(one.objective.item())]
best, best_of_one = ld.oracle(judged, cost), ld.oracle(spells, cost)
two["oracle"] = [np.nan] * 3
nats["oracle"] = [float(best.retrains.mean()), float(best.objective.mean())]
ours["oracle"] = [", ".join(str(week) for week in best_of_one.dates[0]), float(best_of_one.objective.item())]
bills = pd.DataFrame(
    {name: [*two[name], *nats[name], *ours[name]] for name in two},
    index=[
        "waits",
        "needless",
        "two-state bill",
        "retrains",
        "bill in nats",
        "this history: retrained after week",
        "its bill in nats",
    ],
).T
with pd.option_context("display.max_colwidth", 80, "display.precision", 1):
    display(bills)

# %%
if not SMALL:
    assert two["your calendar"].round(2).tolist() == [22, 3, 9.33]
    ratio = two["two states"][2] / two["your calendar"][2]
    assert 0.25 < ratio < 0.45
    assert nats["predictive debt"][1] < nats["CUSUM"][1] < nats["two states"][1] < nats["your calendar"][1] / 2
    in_nats = nats["two states"][1] / nats["your calendar"][1]
    print(f"two states against the calendar: {ratio:.2f} in their own accounting, {in_nats:.2f} in nats")

# %% [markdown]
# In its own accounting the two-state policy costs a third of the calendar, as in the paper (.36). In nats it saves two thirds as well, but others save more. The reason is in the column of needless retrains: two states call the model fresh after the first retrain behind the shock. It is not. The shadow of that week has seen a handful of weeks of the new world, and keeps learning for months; the oracle, which knows everything, retrains seven or eight times. What a wait costs is not one number, and predictive debt estimates it week by week.
#
# ## What went stale

# %%
old, new = (4, 14) if SMALL else (52, 66)
posteriors = ld.replayed_posteriors(
    twin, twin_rows(history), initial=model_file.initial, update_rule=rule, progressbar=False
)
plots.plot_parameter_stability(
    posteriors,
    half_yearly.schedule,
    var_names=["coefficients"],
    max_parameters=6,
    backend="matplotlib",
    figure_kwargs={"figsize": (10, 4.5)},
)
plt.show()
pair = posteriors.posterior(new), posteriors.posterior(old)
season = np.einsum("w,tr->rwt", model_file.waves(new + 4), model_file.TILTS).reshape(11, 4)
_, panel = plt.subplots(figsize=(9, 2.8), layout="constrained")
for label, period, posterior, offset, colour in (
    ("deployed", old, pair[1], -0.2, "0.6"),
    ("shadow", new, pair[0], 0.2, "C0"),
):
    forecast = model_file.shares(np.hstack([np.eye(11), season]) @ posterior.mean)
    panel.bar(place + offset, forecast, 0.38, color=colour, label=f"{label}, trained to week {period}")
seen = share[(week > new) & (week <= new + 8)].mean(axis=0)
panel.plot(place, seen, "k_", ms=18, mew=2, label="the eight weeks after")
panel.set_xticks(place, model_file.DAYS)
panel.set(xlabel="days of lead", ylabel="share")
panel.legend()
plt.show()

# %% [markdown]
# Above, the six numbers that moved the most; the second line (orange) is what the half-yearly calendar had in service. Below, the forecast of what the calendar served in week 66, of the shadow of that week, and what came. No single class moved by more than a point or two: the whole curve tilted, from the days before arrival to a month ahead and more, and that is why one look at all twelve finds it within weeks.
#
# ## The decision
#
# An audit reports on the last 42 weeks, so that its bills are smaller than those above, which are of all 104.

# %%
half_years = CALENDAR if SMALL else list(range(CALENDAR, WEEKS, CALENDAR))
audit = ld.audit(spells, cost, calendar=half_years, resamples=200)
print(audit.headline)
print(audit.decision)

# %% [markdown]
# After two years of half-yearly retrains the model in service is stale again: it was trained in week 78, when the shadow had seen 22 weeks of the new world, and the shadow has learned much since. Retrain now. Only a retrain that costs more than some 170 nats would change that. From then on, look every week, by predictive debt or by the recommended policy, which decides here. Retrains then come closer together just after a shock and are rare in quiet times.
