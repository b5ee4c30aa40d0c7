"""What holds of every table and history: bills against loops, the oracle against brute force, order, units, cuts."""

import itertools

import numpy as np
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import learning_debt as ld
from learning_debt.data import split_periods
from learning_debt.policies import CUSUM, Always, Calendar, Never, PredictiveDebtThreshold, Schedule
from learning_debt.pricing.tuning import complexity
from learning_debt.spells import select_periods

FORECASTER = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 3.0, 2.0))
accountings = st.sampled_from(["signed", "positive"])
# Quarters and their like: their sums and doubles are exact, so that ties and scales are, too.
quarters = st.integers(-16, 16).map(lambda number: number / 4)
costs = st.integers(0, 20).map(lambda number: number / 4)


@st.composite
def tables(draw, most=7, series=2):
    """Spell tables of quarters, with an exposure by period."""
    periods, lanes = draw(st.integers(1, most)), draw(st.integers(1, series))
    cells = draw(st.lists(quarters, min_size=lanes * periods**2, max_size=lanes * periods**2))
    gap = np.array(cells).reshape(lanes, periods, periods)
    present = np.triu(np.ones((periods, periods), dtype=bool))
    exposure = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=periods, max_size=periods))
    dims = ("series", "deployed_at", "period")
    return xr.Dataset(
        {
            "score_gap": (dims, np.where(present, gap, np.nan)),
            "predictive_debt": (dims, np.where(present, np.abs(gap), np.nan)),
            "exposure": ("period", exposure),
        },
        {"series": np.arange(lanes), "deployed_at": np.arange(periods), "period": np.arange(1, periods + 1)},
    )


def bill(spells, lane, schedule, cost, accounting):
    """Regret of one series along a schedule, and its retrains' cost, period by period."""
    gap, exposure = spells["score_gap"].values[lane], spells["exposure"].values
    deployed_at, total = 0, 0.0
    for t, retrained in enumerate(schedule, start=1):
        regret = exposure[t - 1] * gap[deployed_at, t - 1]
        total += max(regret, 0.0) if accounting == "positive" else regret
        if retrained:
            total += cost
            deployed_at = t
    return total


def all_schedules(periods):
    for choice in itertools.product([False, True], repeat=periods - 1):
        yield (*choice, False)


def policies_of(periods):
    return [Never(), Always(), Calendar(2), CUSUM(0.5), PredictiveDebtThreshold(1.0), Schedule(range(1, periods, 3))]


@settings(max_examples=60)
@given(tables(), costs, accountings)
def test_the_oracle_is_the_least_of_all_schedules(spells, cost, accounting):
    found = ld.oracle(spells, cost, accounting)
    for lane in range(spells.sizes["series"]):
        least = min(bill(spells, lane, each, cost, accounting) for each in all_schedules(spells.sizes["period"]))
        assert float(found.objective[lane]) == least


@settings(max_examples=60)
@given(tables(most=12), costs, accountings, st.integers(0, 5))
def test_a_replay_is_cost_times_retrains_and_regret_along_its_schedule(spells, cost, accounting, which):
    policy = policies_of(spells.sizes["period"])[which]
    one, least = ld.replay(spells, policy, cost, accounting), ld.oracle(spells, cost, accounting)
    for lane in range(spells.sizes["series"]):
        schedule = one.schedule.values[lane]
        assert float(one.objective[lane]) == bill(spells, lane, schedule, cost, accounting)
        assert float(one.retrains[lane]) == schedule.sum()
        alone = ld.replay(spells.isel(series=[lane]), policy, cost, accounting)
        assert alone.schedule.values[0].tolist() == schedule.tolist()
    assert (least.objective <= one.objective).all()


@settings(max_examples=60)
@given(tables(most=9), costs, accountings, st.sampled_from([0.25, 2.0, 1024.0]), st.integers(0, 3))
def test_bills_scale_with_the_unit(spells, cost, accounting, factor, which):
    policy = policies_of(spells.sizes["period"])[:4][which]
    scaled = spells.assign(score_gap=factor * spells["score_gap"])
    for ask in (ld.oracle, lambda table, price, how: ld.replay(table, policy, price, how)):
        if which == 3 and ask is not ld.oracle:
            continue  # a CUSUM's threshold is in nats, not in units of the cost
        ours, theirs = ask(spells, cost, accounting), ask(scaled, factor * cost, accounting)
        assert (theirs.objective == factor * ours.objective).all()
        assert theirs.schedule.values.tolist() == ours.schedule.values.tolist()


@settings(max_examples=60)
@given(tables(most=9), costs, quarters)
def test_regret_that_nothing_avoids_changes_no_schedule(spells, cost, extra):
    moved = spells.assign(score_gap=spells["score_gap"] + extra)
    ours, theirs = ld.oracle(spells, cost), ld.oracle(moved, cost)
    assert (theirs.objective == ours.objective + extra * spells["exposure"].sum()).all()
    assert theirs.schedule.values.tolist() == ours.schedule.values.tolist()


@settings(max_examples=60)
@given(tables(most=9), costs, st.data())
def test_of_candidates_the_cheapest_is_tuned(spells, cost, data):
    candidates = policies_of(spells.sizes["period"])
    chosen = data.draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=4))
    means = [float(ld.replay(spells, one, cost).objective.mean()) for one in chosen]
    tuned, cheapest = ld.tune(spells, chosen, cost, starts=1), np.flatnonzero(np.array(means) == min(means))
    simplicity = [complexity(one) for one in chosen]
    assert tuned.index == min(cheapest, key=lambda place: (simplicity[place], place))
    assert tuned.policy is chosen[tuned.index]


@settings(max_examples=40)
@given(tables(most=8), st.integers(1, 9), st.sampled_from([0.25, 2.0, 1024.0]))
def test_an_implied_cost_scales_with_the_unit_and_no_cost_brings_the_calendar_nearer(spells, interval, factor):
    def of(unit):
        return ld.implied_cost(spells.assign(score_gap=unit * spells["score_gap"]), interval, resamples=2)

    ours, theirs = of(1.0), of(factor)
    for name in ("low", "high", "excess"):
        np.testing.assert_allclose(getattr(theirs, name), factor * getattr(ours, name))
    bills = ours.calendars
    own = bills.sel(interval=float(interval) if interval < spells.sizes["period"] else np.inf)
    if interval < spells.sizes["period"]:
        for cost in (0.0, 0.3, 1.0, ours.low, 5.0):
            lines = bills["regret"] + cost * bills["retrains"]
            over = float(own["regret"] + cost * own["retrains"] - lines.min())
            assert over >= ours.excess - 1e-9
            if cost == ours.low:
                assert abs(over - ours.excess) < 1e-9


@st.composite
def histories(draw, late=False):
    """Rows of three to six periods; with `late`, some become known later and some are revised."""
    periods = draw(st.integers(3, 6))
    rows = draw(st.lists(st.integers(1, 3), min_size=periods, max_size=periods))
    period = np.repeat(np.arange(periods), rows)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    x = rng.normal(size=(len(period), 2))
    data = {"x": x, "y": x.sum(axis=1) + rng.normal(size=len(period)), "period": period}
    if late:
        names = np.concatenate([rng.integers(0, 2, size=count) for count in rows])
        arrived = period + rng.integers(0, 4, size=len(period))
        for t in range(periods):  # a revision stands below what it revises and arrives after it
            for name in (0, 1):
                same = np.flatnonzero((period == t) & (names == name))
                arrived[same] = arrived[same].min(initial=t) + np.arange(len(same))
        data |= {"row": names, "arrived": arrived}
    return data


def table_of(data, **given):
    return ld.spell_table(FORECASTER, data, initial=1, varying_rows=True, progressbar=False, **given)


def weight_by_hand(data, position, window, discount):
    """One row after the other: known, not superseded by a known one, inside the window, discounted by age."""
    weights = []
    rows = list(zip(data["period"], data["row"], data["arrived"], strict=True))
    for k, (period, name, arrived) in enumerate(rows):
        later = [when for own, other, when in rows[k + 1 :] if (own, other) == (period, name)]
        gone = arrived > position or any(when <= position for when in later)
        age = position - period
        weights.append(0.0 if gone or age >= window else discount**age)
    return weights


@settings(max_examples=100)
@given(histories(late=True), st.integers(1, 5), st.sampled_from([1.0, 0.5, 0.9]))
def test_what_a_shadow_holds_is_what_is_known_and_not_superseded(data, window, discount):
    cut, rule = split_periods(data, varying_rows=True), ld.UpdateRule(window=window, discount=discount)
    for position in range(len(cut)):
        assert cut.row_weight(position, rule).tolist() == weight_by_hand(data, position, window, discount)


@settings(max_examples=20)
@given(histories(), st.data())
def test_a_later_start_is_a_cut_of_the_table(data, draws):
    whole = table_of(data)
    first = draws.draw(st.integers(0, whole.sizes["period"] - 1))
    last = draws.draw(st.integers(first + 1, whole.sizes["period"]))
    shorter = {name: values[data["period"] <= last] for name, values in data.items()}
    part = ld.spell_table(FORECASTER, shorter, initial=1 + first, varying_rows=True, progressbar=False)
    # The same sums in another order; the sizes of quadratures, to their tolerance.
    xr.testing.assert_allclose(select_periods(whole, first, last), part, rtol=1e-8, atol=1e-12)


@settings(max_examples=20)
@given(histories(), st.integers(0, 10**6))
def test_the_order_of_rows_in_a_period_and_of_columns_changes_nothing(data, seed):
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(data["period"])), data["period"]))
    other = {name: data[name][shuffled] for name in reversed(data)}
    xr.testing.assert_allclose(table_of(data), table_of(other), rtol=1e-9, atol=1e-12)


@settings(max_examples=15)
@given(histories(), st.integers(0, 10**6), st.integers(0, 2))
def test_a_series_in_a_panel_is_the_series_alone(data, seed, place):
    names = ["a", "b", "c"]
    others = [data | {"y": np.random.default_rng([seed, k]).normal(size=len(data["y"]))} for k in range(3)]
    others[place] = data
    panel = {name: np.concatenate([one[name] for one in others]) for name in data}
    panel["series"] = np.repeat(names, len(data["y"]))
    together, alone = table_of(panel).isel(series=place), table_of(data).isel(series=0)
    assert str(together["series"].item()) == names[place]
    xr.testing.assert_equal(together.drop_vars("series"), alone.drop_vars("series"))
