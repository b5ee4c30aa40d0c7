# %% [markdown]
# # What real histories show
#
# Simulations obey whoever wrote them. Here are nine public histories in which nobody designed the drift: prices, deaths, CO2, sales, rentals, stocks, jobs. Each is forecast by a regression whose posterior is exact, so nothing below is sampling error. For each: what drifted, what the policies did with it,
# what it would have been worth to retrain on something else than on everything, and how forecasts age. At the end, all of them together.
#
# How it is measured. The first fifth of the periods is the first fit. Of the rest, policies and update rules are chosen on the first 60%, and billed on the last 40%. A retrain costs as much as a typical bad period of the first part (the upper quartile of its positive regrets). **Regret** is the log score of the
# retrained model less that of the one that serves, signed: it may be negative. A **bill** is regret and retrains together, in costs of a retrain; the **oracle** knows the future and has the least bill there is.

# %%
# %matplotlib inline

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display

import learning_debt as ld
from learning_debt.bench import HISTORIES, ROWS, run_bench
from learning_debt.bench.entries import parts

RESULTS = Path(ld.__file__).parents[2] / "benchmarks" / "results"
SPLIT, COST = 0.6, ld.RetrainingCost(cost_ratio=1.0)
RULES = {f"discount {share}": ld.UpdateRule(discount=share) for share in (0.98, 0.95, 0.9)}
RULES = {"all data": ld.UpdateRule()} | RULES
POLICIES = [
    *("never", "calendar", "CUSUM", "debt threshold", "predictive-debt threshold", "blended threshold"),
    "continuation value of the study",
]
pd.set_option("display.width", 160, "display.max_columns", 30, "display.max_rows", 100, "display.precision", 2)
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "font.size": 9})
plt.rcParams.update({"axes.titlesize": 9, "lines.linewidth": 1.2, "figure.dpi": 80})

tables = {name: {rule: history.spells(held) for rule, held in RULES.items()} for name, history in HISTORIES.items()}
found = run_bench(
    policies=POLICIES,
    update_rules=[RULES["all data"]],
    priors=["weak"],
    cost_ratios=[1.0],
    splits=[SPLIT],
    resamples=200,
    progressbar=False,
)
bills = found.bills.groupby(["history", "policy"])[["bill", "retrains", "oracle", "excess"]].mean()
savings = pd.read_csv(RESULTS / "rule_savings.csv").query("prior == 'weak' and cost_ratio == 1 and split == @SPLIT")
savings = savings.set_index("history")
pd.DataFrame(
    [
        {
            "history": name,
            "a period is": history.period,
            "periods": tables[name]["all data"].sizes["period"],
            "series": tables[name]["all data"].sizes["series"],
        }
        for name, history in HISTORIES.items()
    ]
).set_index("history")

# %% [markdown]
# Each of the next nine pictures has six panels. Above: the data; what moved; and what shadows that forget won over the one that keeps everything, all retrained every period (the dotted line is the split). Below: when each policy retrained in the second part, on everything (shades: shares of the series; a calendar is
# billed by the mean over its starts, and one of them is shown); how regret grows with age, with 90% intervals where enough of the history lies behind them; and what would have been saved, with 90% intervals that include the luck of choosing, by another update rule, by other timing, and by both, chosen on the first part from
# all data, windows and discounts, against everything with the calendar that was best there.
#
# These savings are stored, since they take minutes: `python benchmarks/rule_savings.py --out benchmarks/results/rule_savings.csv`. All else is computed here, by these functions:

# %%
INK = {"all data": "0.15", "discount 0.98": "C0", "discount 0.95": "C1", "discount 0.9": "C3"}
CHANGES = {"rule": "rule", "timing": "timing", "both": "both"}


def time_of(name, labels):
    """Labels of periods as numbers along a time axis: years, but for the days of bike."""
    labels = np.asarray(labels).astype(str)
    if name == "bike":
        return 2.0 * labels.astype(float)
    if name == "massachusetts":
        year, part = np.char.partition(labels, ".").T[[0, 2]].astype(float)
        return year + (part - 1) / 12
    days = pd.PeriodIndex(labels, freq="Q").to_timestamp() if name == "inflation" else pd.to_datetime(labels)
    return (days.year + (days.day_of_year - 1) / 365.25).to_numpy()


def rolling_slope(name, column, periods):
    """Least squares on the last so many periods, levels of series apart: time, slope and its standard error."""
    data = HISTORIES[name].load()
    labels, number = np.unique(data["period"].values, return_inverse=True)
    series = data["series"].values if "series" in data else np.zeros(len(number))
    y, x = data["y"].values, data["x"].values[:, 1:]
    place = data["coefficient"].values.tolist().index(column) - 1
    ends, found = np.arange(periods - 1, len(labels)), []
    for end in ends:
        rows = (number > end - periods) & (number <= end)
        frame = pd.DataFrame(np.column_stack([y, x])[rows]).groupby(series[rows])
        own, others = (part := frame.transform(lambda v: v - v.mean()).to_numpy())[:, 0], part[:, 1:]
        inverse = np.linalg.pinv(others.T @ others)
        beta = inverse @ others.T @ own
        noise = ((own - others @ beta) ** 2).sum() / max(rows.sum() - others.shape[1] - frame.ngroups, 1)
        found.append((beta[place], np.sqrt(noise * inverse[place, place])))
    slope, error = np.array(found).T
    return time_of(name, labels[ends]), slope, error


def draw_slope(panel, name, column, periods, title):
    when, slope, error = rolling_slope(name, column, periods)
    panel.fill_between(when, slope - 2 * error, slope + 2 * error, alpha=0.25, lw=0)
    panel.plot(when, slope)
    panel.set_title(title)


def replayed(name):
    """Share of series that each policy retrains, by period of the second part: what its row of the bench did."""
    tuning, evaluation = parts(tables[name]["all data"], SPLIT)
    cost, shares = COST.resolve(tuning), {}
    for policy in POLICIES:
        candidates = ROWS[policy].candidates(tuning, cost, 0)
        if policy == "calendar":  # the bench averages its bill over all days on which it may start; this is one of them
            setting = found.bills.query("history == @name and policy == 'calendar'")["setting"].iloc[0]
            candidates = [one for one in candidates if str(one) == setting]
        replay = ld.replay(evaluation, ld.tune(tuning, candidates, cost, starts=1).policy, cost)
        if policy != "calendar":
            ours = float(replay.objective.mean()) / cost.per_retrain
            assert np.isclose(ours, bills.loc[(name, policy), "bill"]), (name, policy)
        shares[policy] = replay.schedule.mean("series").values
    shares["oracle"] = ld.oracle(evaluation, cost).schedule.mean("series").values
    return shares, time_of(name, evaluation["label"].values)


def draw_schedules(panel, name):
    shares, when = replayed(name)
    step = np.median(np.diff(when))
    edges = [when[0] - step / 2, when[-1] + step / 2]
    panel.imshow(
        np.sqrt(list(shares.values())),  # so that a few series of many are seen
        aspect="auto",
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="none",
        extent=[*edges, len(shares) - 0.5, -0.5],
    )
    billed = bills.loc[name]
    said = [f"{policy}: {billed.loc[policy, 'bill']:.1f}  ({billed.loc[policy, 'retrains']:.2g})" for policy in shares]
    panel.set_yticks(range(len(shares)), said)
    panel.hlines(np.arange(len(shares) - 1) + 0.5, *edges, color="0.9", lw=0.6)
    panel.tick_params(axis="y", length=0)
    panel.locator_params(axis="x", nbins=5)
    panel.ticklabel_format(axis="x", useOffset=False)
    panel.set_title("when each policy retrained, and its bill (retrains)")


def draw_rules(panel, name):
    """What each shadow's own forecasts won over those of the shadow that keeps everything, added up."""
    scores = {
        rule: np.diagonal(table["deployed_score"].values, axis1=1, axis2=2).mean(axis=0)
        for rule, table in tables[name].items()
    }
    when = time_of(name, tables[name]["all data"]["label"].values)
    for rule, score in scores.items():
        panel.plot(when, np.cumsum(score - scores["all data"]), color=INK[rule], label=rule)
    panel.axvline(when[int(SPLIT * len(when))], color="0.6", ls=":")
    panel.legend(fontsize=7)
    panel.set_title("retrained on less: score won so far (nats a row)")


def draw_ageing(panel, name):
    """Dashed where too few stretches of the history lie behind it for an interval."""
    highest = 0.0
    for rule in ("all data", "discount 0.98"):
        curve = ld.ageing_curve(tables[name][rule])
        curve = curve.isel(age=slice(curve.sizes["age"] // 2))
        told = curve.where(curve["reliable"], drop=True)
        panel.plot(curve["age"], curve["regret"], color=INK[rule], ls="--", lw=0.8)
        panel.plot(told["age"], told["regret"], color=INK[rule], label=rule)
        panel.fill_between(told["age"], told["regret_low"], told["regret_high"], color=INK[rule], alpha=0.15, lw=0)
        highest = max(highest, float(np.abs(curve["regret"]).max()))
    panel.set_ylim(-0.6 * highest, 1.6 * highest)
    panel.axhline(0, color="0.6", lw=0.8)
    panel.legend(fontsize=7, loc="upper left")
    panel.set(xlabel=f"age in periods ({HISTORIES[name].period})")
    panel.set_title("ageing: mean regret by age (nats a period, 90%)")


def draw_savings(panel, name):
    row = savings.loc[name]
    for place, change in enumerate(CHANGES):
        ends = row[[f"saving_{change}_low", f"saving_{change}_high"]].astype(float)
        panel.plot(ends, [place] * 2, color="C0", lw=2)
        panel.plot(row[f"saving_{change}"], place, "o", color="C0")
    panel.axvline(0, color="0.6", lw=0.8)
    panel.set_yticks(range(len(CHANGES)), [f"other {change}" if change != "both" else change for change in CHANGES])
    panel.set_ylim(len(CHANGES) - 0.5, -0.5)
    panel.locator_params(axis="x", nbins=5)
    panel.set(xlabel=f"{row['unit']} a period ({HISTORIES[name].period})")
    panel.set_title("what would have been saved (90%)")


def story(name, draw_data, draw_moved):
    _, panels = plt.subplots(2, 3, figsize=(13, 5.8), layout="constrained")
    draw_data(panels[0, 0])
    draw_moved(panels[0, 1])
    draw_rules(panels[0, 2], name)
    draw_schedules(panels[1, 0], name)
    draw_ageing(panels[1, 1], name)
    draw_savings(panels[1, 2], name)
    for panel in panels[0]:
        panel.locator_params(axis="x", nbins=6, integer=True)
    plt.show()
    history, row = HISTORIES[name], savings.loc[name]
    said = {
        "What drifted": history.drift,
        "What to know": history.leakage,
        "On what, before when": f"{row['sentence']} Recommended rule: {row['recommended']}.",
    }
    display(Markdown("\n".join(f"* **{title}.** {text}" for title, text in said.items())))


# %% [markdown]
# ## US inflation
#
# The regression says: next quarter's inflation from this quarter's and from unemployment. What carries over moves all the time, and so does the size of surprises. A shadow that keeps everything hardly moves any more, and retraining on it is worth next to nothing: never is the best schedule there is. What pays is to **forget**.

# %%
def inflation_level(panel):
    quarters = HISTORIES["inflation"].load_raw()
    panel.plot(time_of("inflation", quarters["period"]), quarters["inflation"], lw=0.9)
    panel.set_title("inflation (percent, annual rate)")


story(
    "inflation",
    inflation_level,
    lambda panel: draw_slope(
        panel, "inflation", "lagged_inflation", 40, "share carried over, last 40 quarters (±2 se)"
    ),
)


# %% [markdown]
# ## Deaths in England and Wales
#
# A slow trend, then COVID. The first part of the history never needed a retrain, so the tuned calendar is never, and pays for the first wave every month from then on. Policies that look retrain in the wave or after it. Whether forgetting helps hangs on one event: look at the jump in the third panel, and at how long forgetting had lost before it.

# %%
def deaths_level(panel):
    months = HISTORIES["deaths"].load_raw()
    panel.plot(time_of("deaths", months["month"]), months["deaths"] / 1000, lw=0.9)
    panel.set_title("deaths a month (thousands)")


def deaths_of_year(panel):
    months = HISTORIES["deaths"].load_raw()
    panel.plot(time_of("deaths", months["month"]), months["deaths"].rolling(12).sum() / 1000)
    panel.set_title("deaths of the last twelve months (thousands)")


story("deaths", deaths_level, deaths_of_year)


# %% [markdown]
# ## CO2 at Mauna Loa
#
# Growth has risen, so slowly that a forecaster hardly notices: for years of age there is next to no regret. Forgetting fast loses steadily.

# %%
def co2_level(panel):
    weeks = HISTORIES["co2"].load_raw()
    panel.plot(time_of("co2", weeks["week"]), weeks["co2"].interpolate(), lw=0.8)
    panel.set_title("CO2 (ppm)")


def co2_growth(panel):
    weeks = HISTORIES["co2"].load_raw()
    level = weeks["co2"].interpolate()
    yearly = level.groupby(time_of("co2", weeks["week"]).astype(int)).mean().loc[1959:2000]
    panel.plot(yearly.index, yearly.diff().rolling(5).mean())
    panel.set_title("growth a year, mean of the last five (ppm)")


story("co2", co2_level, co2_growth)


# %% [markdown]
# ## Avocado demand in 54 US regions
#
# Prices rose and fell, and demand came to react less to them, at different times in different regions. A policy that looks retrains the few regions that need it; a calendar retrains all of them. Shades of blue are shares of regions; bills are means over them.

# %%
def avocado_price(panel):
    sales = HISTORIES["avocado"].load_raw()
    for _, own in sales.groupby("region"):
        panel.plot(time_of("avocado", own["week"]), own["price"], color="0.8", lw=0.4)
    middle = sales.groupby("week")["price"].median()
    panel.plot(time_of("avocado", middle.index), middle, color="C0")
    panel.set_title("price: regions and their median (USD)")


story(
    "avocado",
    avocado_price,
    lambda panel: draw_slope(panel, "avocado", "log_price", 40, "demand's reaction to price, last 40 weeks (±2 se)"),
)


# %% [markdown]
# ## Bike rentals in Washington
#
# A young service, in its first year: everything moves, and forecasts made from everything fall behind those made from the last weeks. The continuation value learned in the reference study retrains in nearly every period, and pays for it.

# %%
def bike_rentals(panel):
    daily = HISTORIES["bike"].load_raw().groupby("day")["rentals"].sum()
    panel.plot(daily.index, daily / 1000, lw=0.9)
    panel.set_title("rentals a day (thousands), by day")


story(
    "bike",
    bike_rentals,
    lambda panel: draw_slope(panel, "bike", "humidity", 40, "reaction to humidity, last 80 days (±2 se)"),
)


# %% [markdown]
# ## Volatility of Apple
#
# How much the share moves in a day. The level wanders, and ageing costs little but all the time. Policies that read gaps or predictive debt beat the calendar; the debt threshold, tuned on the first part, never fires in the second.

# %%
def apple_moves(panel):
    days = HISTORIES["apple"].load_raw()
    moves = 100 * days["absolute_log_return"]
    year = time_of("apple", days["day"])
    panel.plot(year, moves, color="0.8", lw=0.4)
    panel.plot(year, moves.rolling(100).median(), color="C0")
    panel.set(ylim=(0, 15))
    panel.set_title("move of a day; median of 100 days (percent)")


story(
    "apple",
    apple_moves,
    lambda panel: draw_slope(panel, "apple", "mean_of_month", 50, "weight of the last month, last 500 days (±2 se)"),
)


# %% [markdown]
# ## Volatility of ten S&P 500 stocks
#
# The same of ten stocks, which share their calm and their storms: ten series, hardly ten pieces of evidence.

# %%
def stock_moves(panel):
    days = HISTORIES["sp500"].load_raw().set_index("day")
    middle = days.rolling(100).median()
    panel.plot(time_of("sp500", days.index), middle, color="0.75", lw=0.7)
    panel.plot(time_of("sp500", days.index), middle.mean(axis=1), color="C0")
    panel.set_title("typical move of a day, ten stocks (percent)")


story(
    "sp500",
    stock_moves,
    lambda panel: draw_slope(panel, "sp500", "mean_of_month", 25, "weight of the last month, last 250 days (±2 se)"),
)


# %% [markdown]
# ## US employment by sector
#
# The recession made growth carry over from month to month as never before or after. It lies in the first part: a calendar tuned there goes on retraining in years that do not need it. A shadow that forgets the recession forecasts better ever after.

# %%
def sector_employment(panel):
    months = HISTORIES["us_employment"].load_raw().set_index("month")
    panel.plot(time_of("us_employment", months.index), 100 * months / months.iloc[0], color="0.75", lw=0.7)
    panel.plot(time_of("us_employment", months.index), 100 * months.sum(axis=1) / months.iloc[0].sum(), color="C0")
    panel.set_title("employment by sector, and all (2006 = 100)")


story(
    "us_employment",
    sector_employment,
    lambda panel: draw_slope(panel, "us_employment", "growth_lag_1", 36, "growth carried over, last 36 months (±2 se)"),
)


# %% [markdown]
# ## Employment in Massachusetts: where nothing happens
#
# Here the right answer is to do nothing, on everything. A calendar pays for what is not there, and so does the continuation value of the study.

# %%
def share_employed(panel):
    people = HISTORIES["massachusetts"].load_raw()
    part = people.groupby(["year", "part"])["employed"].agg(["mean", "size"])
    when = time_of("massachusetts", [f"{year}.{number:02d}" for year, number in part.index])
    error = np.sqrt(part["mean"] * (1 - part["mean"]) / part["size"])
    panel.errorbar(when, 100 * part["mean"], 200 * error, fmt="o", ms=3, lw=0.8)
    panel.set_title("share employed (percent, ±2 se)")


story(
    "massachusetts",
    share_employed,
    lambda panel: draw_slope(panel, "massachusetts", "disability", 12, "effect of a disability, last year (±2 se)"),
)


# %% [markdown]
# What was said of single histories, held against the figures:

# %%
def bill(name, policy):
    return bills.loc[(name, policy), "bill"]


def forgetting(name, rule):
    """Score won by a shadow under another rule over the whole history, nats a row."""
    scores = (np.diagonal(tables[name][of]["deployed_score"].values, axis1=1, axis2=2) for of in (rule, "all data"))
    own, everything = (score.mean(axis=0).sum() for score in scores)
    return own - everything


SIGHTED = ["CUSUM", "predictive-debt threshold", "blended threshold"]
retrained = bills["retrains"].unstack("policy")
assert np.isclose(bill("inflation", "never"), bills.loc[("inflation", "never"), "oracle"])
assert forgetting("inflation", "discount 0.9") > 0
assert retrained.loc["deaths", "calendar"] == 0
assert all(bill("deaths", policy) < bill("deaths", "calendar") for policy in SIGHTED)
assert forgetting("co2", "discount 0.9") < 0 < forgetting("bike", "discount 0.9")
assert all(retrained.loc["avocado", policy] < retrained.loc["avocado", "calendar"] / 3 for policy in SIGHTED)
assert retrained.loc["bike", "continuation value of the study"] > 0.8 * len(replayed("bike")[1])
assert all(bill("apple", policy) < bill("apple", "calendar") for policy in SIGHTED)
assert retrained.loc["apple", "debt threshold"] == 0
assert bill("us_employment", "never") < bill("us_employment", "calendar") / 3
assert forgetting("us_employment", "discount 0.9") > 0 > forgetting("massachusetts", "discount 0.98")
assert np.isclose(bill("massachusetts", "never"), bills.loc[("massachusetts", "never"), "oracle"])
bills["bill"].unstack("policy")[[*POLICIES, "oracle"]].loc[list(HISTORIES)]

# %% [markdown]
# ## All of them: which policy
#
# The whole bench, stored: every policy of this library and of others, two priors, two update rules (all data, and discounted by .98 a period), splits of .5, .6 and .7, costs of a quarter, one and four typical bad periods. `learning-debt bench run --out bench` makes it. What a policy costs above the oracle is its **excess**, and ratios to the excess of a tuned CUSUM are averaged (geometrically; excesses below a quarter of a retrain count as that). Intervals resample histories: there are nine of them.

# %%
summary = pd.read_csv(RESULTS / "bench_summary.csv", dtype={"cost_ratio": str})
AT_THE_ENDS = ["oracle", "retrainopt plan, in hindsight", "lfmm oracle, in hindsight", "always"]  # one schedule, thrice
whole = summary[(summary["cost_ratio"] == "all") & ~summary["policy"].isin(AT_THE_ENDS)]
whole = whole.sort_values("relative").set_index("policy")
_, panel = plt.subplots(figsize=(8, 0.9 + 0.21 * len(whole)), layout="constrained")
for place, (policy, row) in enumerate(whole.iterrows()):
    group = ROWS[policy].group if policy in ROWS else "hindsight"
    colour = {"ours": "C0", "fixed": "0.3", "hindsight": "C2"}.get(group, "C1")
    colour = "C2" if "in hindsight" in policy else colour
    panel.plot([row["relative_low"], row["relative_high"]], [place] * 2, color=colour)
    panel.plot(row["relative"], place, "o", color=colour, ms=4)
panel.axvline(1, color="0.6", lw=0.8)
panel.set_xscale("log")
panel.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
panel.minorticks_off()
panel.set_yticks(range(len(whole)), whole.index)
panel.set_ylim(len(whole) - 0.5, -0.5)
panel.set(
    xlabel="excess relative to tuned CUSUM (90%); blue: this library, black: looks at nothing, green: in hindsight"
)
plt.show()

MAIN = [
    *("blended threshold", "predictive-debt threshold", "CUSUM", "continuation value", "debt threshold", "never"),
    *("continuation value of the study", "continuation value of the study, unit tuned"),
    *("calendar", "best calendar in hindsight"),
]
shown = whole.loc[MAIN]
pd.DataFrame(
    {
        "relative to CUSUM (90%)": [
            f"{row.relative:.2f} ({row.relative_low:.2f} to {row.relative_high:.2f})" for row in shown.itertuples()
        ],
        **{
            f"at cost ratio {ratio}": [
                summary[(summary["cost_ratio"] == ratio) & (summary["policy"] == policy)]["relative"].iloc[0]
                for policy in MAIN
            ]
            for ratio in ("0.25", "1", "4")
        },
        "won": shown["won"],
        "lost": shown["lost"],
        "dearer than the tuned calendar": shown["dearer_than_calendar"],
        "mean excess": shown["mean_excess"],
        "worst ratio": shown["worst_ratio"],
    },
    index=MAIN,
)

# %% [markdown]
# ## All of them: on what
#
# Savings a period, in nats, at the three costs, weak prior: what another update rule with today's calendar would have saved, another policy under today's rule, and both. Today is everything, with the calendar that was best in the first part. An asterisk: the 90% interval, luck of the choice included, does not hold zero.

# %%
stored = pd.read_csv(RESULTS / "rule_savings.csv").query("prior == 'weak'")


def told(row, change):
    low, high = row[f"saving_{change}_low"], row[f"saving_{change}_high"]
    return f"{row[f'saving_{change}']:.3g} ({low:.2g} to {high:.2g})" + "*" * bool(low > 0 or high < 0)


pd.DataFrame(
    [
        {"history": row["history"], "cost ratio": row["cost_ratio"]}
        | {change: told(row, change) for change in CHANGES}
        | {"rule chosen": row["rule"], "recommended": row["recommended"]}
        for _, row in stored.iterrows()
    ]
).set_index(["history", "cost ratio"])


# %%
def where(names):
    return " and ".join(name.replace("_", " ").replace("us ", "US ") for name in names) or "nowhere"


lines = []
for ratio, part in stored.set_index("history").groupby("cost_ratio"):
    gains = {change: part.index[part[f"saving_{change}_low"] > 0] for change in CHANGES}
    times = (part["saving_rule"] / part["saving_timing"]).loc[gains["rule"]]
    lines += [
        f"* At a cost of {ratio:g} typical bad periods another **rule** saves, beyond its interval, in: "
        f"{where(gains['rule'])} ({', '.join(f'{value:.1f}' for value in times)} times what timing saves there); "
        f"another **timing** in: {where(gains['timing'])}. Another rule loses in: "
        f"{where(part.index[part['saving_rule_high'] < 0])}."
    ]
display(Markdown("\n".join(lines)))


# %% [markdown]
# ## The plain conclusion

# %%
def ratio(policy):
    row = whole.loc[policy]
    return f"{row['relative']:.2f} ({row['relative_low']:.2f} to {row['relative_high']:.2f})"


def share(policy, what):
    return f"{100 * whole.loc[policy, what]:.0f}%"


assert whole.loc["blended threshold", "relative_high"] < 1 < whole.loc["calendar", "relative_low"]
carried, scaled = "continuation value of the study", "continuation value of the study, unit tuned"
assert whole.loc[carried, "relative_low"] > 1 > whole.loc[scaled, "relative_high"]
assert whole.loc["predictive-debt threshold", "relative"] < 1 < whole.loc["predictive-debt threshold", "relative_high"]
others = whole[[policy in ROWS and ROWS[policy].group not in ("ours", "fixed") for policy in whole.index]]
others = others[~others.index.str.contains("hindsight")]
assert whole.loc["blended threshold", "relative"] < others["relative"].min()
rule = stored.set_index(["history", "cost_ratio"])
always_better = [
    name for name in HISTORIES if all(rule.loc[(name, cost), "saving_rule_low"] > 0 for cost in (0.25, 1.0, 4.0))
]
display(
    Markdown(
        f"""
* **Watch what forecasts do, and retrain on that.** A tuned calendar costs {ratio("calendar")} times the excess of a
  tuned CUSUM, and is dearer in {share("calendar", "lost")} of cases.
* **Use the blended threshold for now.** It has {ratio("blended threshold")} of CUSUM's excess, wins
  {share("blended threshold", "won")} of cases and loses {share("blended threshold", "lost")}; it is dearer than the
  tuned calendar in {share("blended threshold", "dearer_than_calendar")}. The predictive-debt threshold, which does not
  look at realised gaps, has {ratio("predictive-debt threshold")}: not to be told from CUSUM. Of the policies of others
  {others["relative"].idxmin()} comes closest: {ratio(others["relative"].idxmin())}.
* **Do not carry a continuation value over from simulations as it is.** That of the reference study has
  {ratio(carried)} times CUSUM's excess and loses {share(carried, "lost")} of cases; one learned on the history's own
  first part {ratio("continuation value")}. With the unit of scores tuned on the history, that of the study has
  {ratio(scaled)}: what it taught is of use, its scale is not. (That row was thought of when the others had been
  seen.)
* **Hindsight shows how much is left.** The best single candidate of all grids would have
  {ratio("best candidate in hindsight")} of CUSUM's excess, the best of never and all calendars
  {ratio("best calendar in hindsight")}.
* **Ask on what before you ask when.** Retraining on less saves in {where(always_better)} at every cost, and cannot be
  told from retraining on everything in most of the others. Where retrains are cheap the rule is the larger question;
  where they are dear, the timing is.
* Nine histories are nine pieces of evidence. Audit your own: `ld.audit`, `ld.compare_rules`.
"""
    )
)
