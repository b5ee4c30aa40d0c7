# %% [markdown]
# # Live: one year of Mondays
#
# A forecaster of weekly avocado sales in six cities on the West coast of the US is retrained every quarter, because that is what was once agreed. In April 2017 a monitor is put beside it. **What does it say on each of the next 52 Mondays, and is the year cheaper for it?**
#
# The sales are real. Nobody acted on a monitor in 2017, so the year is replayed: each Monday it is handed the rows of one week, and what it says is done. It knows nothing of the weeks after. Everything is exact and takes about half a minute.
#
# To follow it on your own data, [docs/monitor.md](../docs/monitor.md) has the same steps on the command line.

# %%
# %matplotlib inline

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import learning_debt as ld
from learning_debt.bench import HISTORIES
from learning_debt.monitor import CommandHook
from learning_debt.report import write_report

SMALL = bool(os.environ.get("LEARNING_DEBT_SMALL"))  # a quick check that every cell runs: ten Mondays
MONDAYS = 10 if SMALL else 52
QUARTER = 13
pd.set_option("display.width", 160, "display.max_columns", 30, "display.precision", 2)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 9})

# %% [markdown]
# ## What is forecast
#
# Sales of each city and week, as logarithms, from last week's sales, this week's and last week's price, and the season. One regression serves all six cities. It is trained on the 52 weeks before, so that it forgets what is older than a year. Its posterior is known in closed form.

# %%
WEST = ["LosAngeles", "Portland", "Sacramento", "SanDiego", "SanFrancisco", "Seattle"]
TYPICAL = 12.0  # logarithm of a typical week's sales; what is forecast is the difference from it


def rows_of(cities):
    """Rows of some cities, week by week."""
    rows = HISTORIES["avocado"].load()
    rows = rows.isel(obs=np.isin(rows["series"].values, cities))
    last_week = rows["coefficient"] == "lagged_log_volume"
    return rows.assign(x=rows["x"] - TYPICAL * last_week, y=rows["y"] - TYPICAL)


def weeks_of(rows, weeks):
    return rows.isel(obs=np.isin(rows["period"].values, weeks)).drop_vars("series")


rows = rows_of(WEST)
weeks = np.unique(rows["period"].values)
before, year = weeks[:-52], weeks[-52:][:MONDAYS]
dates = pd.to_datetime(weeks)
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 4.6), sharex=True, layout="constrained")
for city in WEST:
    own = rows.isel(obs=rows["series"].values == city)
    above.plot(dates, np.exp(own["y"] + TYPICAL) / 1e3, lw=1, label=city)
    below.plot(dates, np.exp(own["x"].sel(coefficient="log_price")), lw=1)
for axes in (above, below):
    axes.axvline(pd.Timestamp(year[0]), color="black", lw=0.8, ls=":")
above.set(yscale="log", ylabel="thousands sold a week", yticks=[300, 1000, 3000], yticklabels=["300", "1,000", "3,000"])
above.minorticks_off()
above.legend(ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0))
below.set(ylabel="price, dollars")
below.annotate(
    "the monitor begins", (pd.Timestamp(year[0]), below.get_ylim()[1]), xytext=(4, -8), textcoords="offset points"
)
plt.show()

# %% [markdown]
# ## What is agreed before the first Monday
#
# An audit of the weeks before says what each way of deciding would have cost in the last of them, and settles how the monitor decides. A retrain is priced at what a typical bad week loses against a fresh model; an owner who knows the bill in money or hours puts that here instead.

# %%
prior = ld.NIG(mean=np.zeros(8), precision=np.eye(8), shape=2.0, rate=0.1)
forecaster = ld.ConjugateRegression(prior, coefficient_names=rows["coefficient"].values.tolist())
a_year = ld.UpdateRule(window=52)
past = weeks_of(rows, before)
spells = ld.spell_table(forecaster, past, initial=52, update_rule=a_year, progressbar=False)
audit = ld.audit(
    spells, ld.RetrainingCost(cost_ratio=1.0), calendar=QUARTER, resamples=20 if SMALL else 1000, random_seed=1
)
cost = audit.cost.per_retrain
print(f"a retrain costs {cost:.3f} nats of log score; the audit decides by: {audit.decided_by}")
audit.table[["retrains", "regret", "total"]].to_dataframe().loc[["never", "your calendar", "recommended", "oracle"]]

# %% [markdown]
# In the weeks before, nothing had to be retrained: all totals are below zero, so what served did better than the fresh model. Whoever had gone by that alone would have dropped the quarterly retrain. Keep that in mind.
#
# ## Going live
#
# One line makes the monitor's folder: a ledger, the rows, the posterior that serves and the shadow, which is the same model kept up to date without serving. All was retrained on the last Monday before.

# %%
home = TemporaryDirectory()
folder = Path(home.name, "west")
monitor = ld.Monitor.from_audit(folder, audit, forecaster, past, last_retrain=before[-1], random_seed=1)
status = monitor.status()
print(f"what was trained after {status['in_service']} serves; {status['policy']} decides")

# %% [markdown]
# ## 52 Mondays
#
# Each Monday the rows of the week come in. `observe` scores them with what serves and with the shadow, brings the shadow up to date and decides. Where it says *retrain* an alert goes out, here to a program that adds it to a file; a webhook works the same way. The owner follows the verdict, and says why.

# %%
inbox = Path(home.name, "alerts.jsonl")
alert = CommandHook(["sh", "-c", 'cat >> "$0"; echo >> "$0"', str(inbox)])
retrained = []
for week in year:
    decision = monitor.observe(weeks_of(rows, [week]))
    monitor.send_alerts([alert])
    if decision.verdict == "retrain":
        retrained.append(week)
        monitor.redeploy(reason=f"the monitor said so on {week}", force=True)

alerts = [json.loads(line) for line in inbox.read_text().splitlines()] if inbox.exists() else []
print(f"{len(year)} Mondays, {len(retrained)} retrains, {len(alerts)} alerts, one for each that did not say wait")
columns = ["label", "verdict", "spell_age", "expected_regret", "probability", "realised_regret"]
pd.DataFrame([message["data"] for message in alerts], columns=columns)

# %%
said = monitor.history().to_dataframe()
when = pd.to_datetime(said["label"])
figure, axes = plt.subplots(3, 1, figsize=(9, 6), sharex=True, layout="constrained")
axes[0].plot(when, said["predictive_debt"], ".-", lw=1)
axes[0].set(ylabel="predictive debt,\nnats a row", title="How far what serves lags behind the shadow")
axes[1].plot(when, 100 * said["probability"], ".-", lw=1)
axes[1].axhline(50, color="0.7", lw=0.8)
axes[1].set(ylabel="%", ylim=(0, 100), title="Chance that a retrain pays, as the monitor says it")
axes[2].plot(when, said["realised_regret"], ".-", lw=1)
axes[2].axhline(cost, color="0.7", lw=0.8)
axes[2].annotate("a retrain", (when.iloc[-1], cost), xytext=(8, -3), textcoords="offset points", color="0.4")
axes[2].set(ylabel="nats", title="What the present spell has cost so far")
for each in axes:
    for week in retrained:
        each.axvline(pd.Timestamp(week), color="C3", lw=0.8, ls="--")

# %% [markdown]
# Dashed lines are retrains: what serves is the shadow again, and a new spell begins. In summer the spell has cost more than a retrain for two months before the policy is convinced; after the price peak of autumn two more retrains follow. The chance lies below 60% all year and falls to a few percent after two of the retrains: retrains are cheap here, and whether one pays is never sure. The policy does not retrain at 50%. It weighs whole schedules, by debt and by what the spell has cost, so that it may retrain where this one forecast falls short of the price, and wait where it does not.
#
# ## One decision in full
#
# What the monitor said on the Monday of the first retrain stays in the ledger, word by word.

# %%
first = retrained[0] if retrained else year[-1]
print(monitor.explain(first, moved=False))

# %% [markdown]
# Which coefficients moved is told as long as both posteriors are kept. For what serves now:

# %%
print(monitor.moved())

# %% [markdown]
# ## If it was a mistake
#
# A retrain can be taken back. To see what that does without touching the record, it is tried on a copy of the folder: what served before serves again, and the next Monday is decided about that.

# %%
copy = ld.Monitor.open(monitor.export(Path(home.name, "copy")), forecaster)
status = copy.status()
if status["rollback_to"]:
    copy.rollback(reason="tried on a copy")
print(f"served: what was trained after {status['in_service']}; now: after {copy.status()['in_service']}")
print("the copy:", copy.verify())

# %% [markdown]
# ## Can the record be trusted?
#
# Each entry carries the hash of the one before. `verify` works all hashes out again and, with `replay`, all decisions; whoever keeps the head elsewhere also finds a record that was rewritten as a whole. On another copy one digit of one week's rows is changed.

# %%
print("the record:", monitor.verify(replay=True))
spoilt = ld.Monitor.open(monitor.export(Path(home.name, "spoilt")), forecaster)
file = sorted((spoilt.path / "data").iterdir())[-1]
content = bytearray(file.read_bytes())
content[-9] ^= 1
file.write_bytes(content)
(finding,) = spoilt.verify().findings
print("the spoilt copy:", finding.replace(str(spoilt.path), "spoilt"))

# %% [markdown]
# ## The report
#
# The page that the owner's manager reads: the year's audit with its decision log, as `learning-debt monitor report` writes it.

# %%
if not SMALL:  # an audit needs some twenty weeks
    found = monitor.audit(calendar=QUARTER, resamples=200)
    page = write_report(
        found, Path(home.name, "report"), title="Avocado sales, West", ledger=monitor.history(), what_if=False
    )
    print(page.name, f"and {len(list(page.parent.iterdir())) - 1} files beside it;", "today:", found.decision.verdict)

# %% [markdown]
# ## What the year cost
#
# Regret is the log score of a model that is retrained every week less that of what served, over the year; a bill adds the retrains. The same weeks are billed for the quarterly calendar, for never retraining, and for the cheapest schedule that hindsight finds. That the monitor's own sum and the bill of a schedule with its dates agree is checked first.

# %%
live = ld.spell_table(
    forecaster, weeks_of(rows, [*before, *year]), initial=len(before), update_rule=a_year, progressbar=False
)
policies = {
    "never": ld.policies.Never(),
    "every quarter": ld.policies.Calendar(QUARTER),
    "the monitor": ld.policies.Schedule(retrained),
}
replays = {name: ld.replay(live, policy, cost) for name, policy in policies.items()}
replays["hindsight"] = ld.oracle(live, cost)
bills = pd.DataFrame(
    {
        name: {
            "retrains": int(one.retrains.sum()),
            "regret": float(one.regret.sum()),
            "bill": float(one.objective.sum()),
        }
        for name, one in replays.items()
    }
).T
assert np.isclose(bills.loc["the monitor", "regret"], said["regret_so_far"].iloc[-1])
bills["bill, in retrains"] = bills["bill"] / cost
bills

# %%
figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
for name, one in replays.items():
    axes.plot(
        when,
        one.bill.values[0].cumsum() / cost,
        drawstyle="steps-post",
        lw=1.6 if name == "the monitor" else 1,
        label=name,
    )
axes.set(ylabel="bill so far, in costs of a retrain")
axes.legend(loc="upper left")
plt.show()
# %% [markdown]
# The same year in three other parts of the country, to see whether the West was lucky. These are replays without a folder, in which the recommended policy begins the year with nothing learned; costs of a retrain are set in the same way, on all weeks before. Numbers are bills in retrains.

# %%
ELSEWHERE = {
    "West": WEST,
    "Northeast": ["Albany", "Boston", "HartfordSpringfield", "NewYork", "Philadelphia", "Pittsburgh"],
    "South": ["Atlanta", "Charlotte", "DallasFtWorth", "Houston", "Orlando", "Tampa"],
    "Midwest": ["Chicago", "Columbus", "Detroit", "GrandRapids", "Indianapolis", "StLouis"],
}
policies["the monitor"] = ld.policies.Recommended()
found = {}
for part, cities in [*ELSEWHERE.items()][: 1 if SMALL else None]:
    own, options = rows_of(cities), {"update_rule": a_year, "progressbar": False}
    earlier = ld.spell_table(forecaster, weeks_of(own, before), initial=52, **options)
    price = ld.RetrainingCost(cost_ratio=1.0).resolve(earlier).per_retrain
    table = ld.spell_table(forecaster, weeks_of(own, [*before, *year]), initial=len(before), **options)
    billed = {name: ld.replay(table, policy, price) for name, policy in policies.items()}
    billed["hindsight"] = ld.oracle(table, price)
    found[part] = {name: float(one.objective.sum()) / price for name, one in billed.items()}
pd.DataFrame(found).T.round(1)

# %% [markdown]
# ## The decision
#
# Follow the monitor, and drop the calendar. In the West the year cost 9.2 retrains where every quarter cost 11.4 and never retraining 47, although the weeks before had spoken for *never*. In each of the four parts of the country the recommended policy was cheaper than the quarter, by 2 to 8 retrains. The last verdict is to wait.
#
# What it does not show. Hindsight had 5 more to save in the West. In the South never retraining would have been cheaper than either. One year is little, and four parts that buy from the same growers are not four independent years. [How far to trust it](../docs/trust.md) and [real histories](../docs/real-histories.md) have more of them.
