"""Update rules, horizons, late and revised outcomes: every cell of the exact table worked out row by row."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.data.update_rule import UpdateRule

PRIOR = ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0)
FORECASTER = ld.ConjugateRegression(PRIOR)
PERIODS, INITIAL = 13, 4
NEVER = PERIODS + 7


def rows_of_history(late, revised, counts, seed=3):
    """Rows as plain records. `late` rows arrive up to three periods later, some never; `revised` ones come twice."""
    rng = np.random.default_rng(seed)
    rows = []
    for period in range(PERIODS):
        for number in range(counts[period % len(counts)]):
            x = rng.normal(size=2)
            y = x.sum() * (1.0 + 2.0 * (period >= 8)) + rng.normal()
            arrived = period + int(rng.integers(0, 4)) * late
            arrived = arrived if arrived < PERIODS else NEVER
            rows.append({"x": x, "y": y, "period": period, "row": f"store {number}", "arrived": arrived})
            if revised and rng.random() < 0.4:
                again = arrived + int(rng.integers(1, 4))
                again = again if again < PERIODS else max(NEVER, again)
                rows.append(rows[-1] | {"y": y + rng.normal(), "arrived": again})
    return rows


def as_history(rows, with_arrivals):
    names = ("x", "y", "period", "row", "arrived") if with_arrivals else ("x", "y", "period")
    return {name: np.array([row[name] for row in rows]) for name in names}


def held_at(rows, period):
    """Records held at the end of a period: the last vintage known by then of every row."""
    known = {}
    for row in sorted((row for row in rows if row["arrived"] <= period), key=lambda row: row["arrived"]):
        known[row["period"], row["row"]] = row
    return list(known.values())


def finals_of(rows, period):
    last = {}
    for row in rows:
        if row["period"] == period:
            last[row["row"]] = row
    return list(last.values())


def posterior_of(rows, period, window, discount):
    """Textbook weighted normal-inverse-gamma posterior, with its difference of large sums."""
    held = [row for row in held_at(rows, period) if window is None or period - row["period"] < window]
    weight = np.array([discount ** (period - row["period"]) for row in held])
    x, y = np.array([row["x"] for row in held]), np.array([row["y"] for row in held])
    precision = PRIOR.precision + x.T @ (weight[:, None] * x)
    mean = np.linalg.solve(precision, x.T @ (weight * y))
    rate = PRIOR.rate + (weight @ y**2 - mean @ precision @ mean) / 2
    return ld.NIG(mean, precision, PRIOR.shape + weight.sum() / 2, rate)


def mean_gap(shadow, deployed, rows):
    batch = {name: np.array([row[name] for row in rows]) for name in ("x", "y")}
    return float((FORECASTER.log_score(shadow, batch) - FORECASTER.log_score(deployed, batch)).mean())


def arrived_gap(rows, posteriors, s, t, horizon):
    """Mean over the rows that became known in table period t, of forecasts that s has issued."""
    terms = []
    for row in rows:
        issued = row["period"] - (horizon - 1) - (INITIAL - 1)
        if row["arrived"] != INITIAL + t - 1 or not s < issued:
            continue
        gap = mean_gap(posteriors[issued - 1], posteriors[s], [row])
        before = [
            other
            for other in rows
            if (other["period"], other["row"]) == (row["period"], row["row"]) and other["arrived"] < row["arrived"]
        ]
        if before:
            gap -= mean_gap(posteriors[issued - 1], posteriors[s], [max(before, key=lambda one: one["arrived"])])
        terms.append(gap)
    return np.mean(terms) if terms else 0.0


SETTINGS = {
    "window": ({"window": 3}, {}, (2,), 1),
    "discount": ({"discount": 0.8}, {}, (2,), 1),
    "horizon": ({}, {}, (2,), 3),
    "late": ({}, {"late": 1}, (2, 3), 1),
    "late-window": ({"window": 4, "discount": 0.9}, {"late": 1}, (1, 3), 2),
    "all-at-once": ({"window": 5, "discount": 0.7}, {"late": 1, "revised": 1}, (1, 3, 2), 3),
    "revised": ({}, {"revised": 1}, (2,), 1),
}


@pytest.fixture(params=SETTINGS)
def setting(request):
    rule, delays, counts, horizon = SETTINGS[request.param]
    rows = rows_of_history(**({"late": 0, "revised": 0} | delays), counts=counts)
    table = ld.spell_table(
        FORECASTER,
        as_history(rows, bool(delays)),
        initial=INITIAL,
        horizon=horizon,
        update_rule=UpdateRule(**rule),
        varying_rows=True,
        progressbar=False,
    )
    posteriors = [
        posterior_of(rows, INITIAL - 1 + t, rule.get("window"), rule.get("discount", 1.0))
        for t in range(PERIODS - INITIAL - horizon + 2)
    ]
    return rows, table.isel(series=0), posteriors, horizon, bool(delays)


def test_every_cell_is_what_rows_one_by_one_make_of_it(setting):
    rows, table, posteriors, horizon, delayed = setting
    periods = PERIODS - INITIAL - (horizon - 1)
    assert table.sizes["period"] == periods
    assert ("arrived_gap" in table) == (delayed or horizon > 1)
    for t in range(1, periods + 1):
        final = finals_of(rows, INITIAL + t - 1 + horizon - 1)
        assert int(table["rows"][t - 1]) == len(final)
        inputs = {name: np.array([row[name] for row in final]) for name in ("x", "y")}
        for s in range(t):
            expected = {
                "score_gap": mean_gap(posteriors[t - 1], posteriors[s], final),
                "debt": FORECASTER.posterior_debt(posteriors[t], posteriors[s]),
                "predictive_debt": FORECASTER.predictive_debt(posteriors[t], posteriors[s], inputs),
            }
            if "arrived_gap" in table:
                expected["arrived_gap"] = arrived_gap(rows, posteriors, s, t, horizon)
            for name, value in expected.items():
                found = float(table[name][s, t - 1])
                assert found == pytest.approx(value, rel=1e-7, abs=1e-9), (name, s, t)


def test_what_a_late_part_learns_is_about_its_own_forecasts_only(setting):
    """A table cut later is that of a longer initial part: forecasts issued before the cut are nobody's any more."""
    rows, table, _, horizon, delayed = setting
    rule = table.attrs["update_rule"]
    later = ld.spell_table(
        FORECASTER,
        as_history(rows, delayed),
        initial=INITIAL + 3,
        horizon=horizon,
        update_rule=next(UpdateRule(**one[0]) for one in SETTINGS.values() if str(UpdateRule(**one[0])) == rule),
        varying_rows=True,
        progressbar=False,
    )
    part = ld.select_periods(table.expand_dims("series"), 3)
    names = [name for name in ("arrived_gap", "score_gap", "debt", "predictive_debt", "rows") if name in later]
    xr.testing.assert_allclose(part[names], later[names].isel(series=[0]), rtol=1e-8, atol=1e-10)


def test_policies_see_what_arrived_and_no_more(setting):
    _, table, _, horizon, delayed = setting
    seen = {}

    class Recorder(ld.policies.Policy):
        requires = ("score_gap",)

        def init(self, lanes):
            return np.zeros(lanes)

        def step(self, state, signals):
            seen[signals.period] = (signals.spell_age[0], signals.score_gap[0])
            return state, np.array([signals.period % 3 == 0])

    table = table.expand_dims("series")
    bill = ld.replay(table, Recorder(), 0.1)
    known = "arrived_gap" if delayed or horizon > 1 else "score_gap"
    for period, (age, gap) in seen.items():
        assert gap == float(table[known][0, period - age, period - 1])
    final = [float(table["score_gap"][0, period - age, period - 1]) for period, (age, _) in sorted(seen.items())]
    last = table.sizes["period"]
    deployed = [0] + [3 * ((period - 1) // 3) for period in range(2, last + 1)]
    whole = [
        float(table["score_gap"][0, s, period - 1]) for s, period in zip(deployed, range(1, last + 1), strict=True)
    ]
    assert whole[: len(final)] == final
    assert float(bill.regret.item()) == pytest.approx(sum(whole))


def test_no_policy_costs_less_than_hindsight(setting):
    table = setting[1].expand_dims("series")
    for accounting in ("signed", "positive"):
        best = float(ld.oracle(table, 0.05, accounting).objective.item())
        for policy in (ld.policies.Never(), ld.policies.Always(), ld.policies.CUSUM(0.1), ld.policies.Calendar(3)):
            assert best <= float(ld.replay(table, policy, 0.05, accounting).objective.item()) + 1e-12


def test_debt_between_discounted_posteriors_never_ends(make_history):
    """A discount makes the prior come back: with nothing new to say, the shadow still moves from the deployed one."""
    history = make_history(12, 2, 2)
    table = ld.spell_table(
        FORECASTER, history, initial=6, update_rule=UpdateRule(discount=0.5), progressbar=False, variables=["debt"]
    )
    weight = 0.5 ** (7 - 1 - np.arange(7).repeat(2))
    first = {name: values[:14] for name, values in history.items()}
    shadow = FORECASTER.fit(first, row_weight=weight)
    deployed = FORECASTER.fit({name: values[:12] for name, values in first.items()}, row_weight=2 * weight[:12])
    assert float(table["debt"][0, 0, 0]) == pytest.approx(FORECASTER.posterior_debt(shadow, deployed))
    assert table.attrs["update_rule"] == "discount 0.5 a period"


def test_a_table_of_forecasts_far_ahead_without_what_has_arrived_would_look_ahead(random_spells):
    far = random_spells(12).assign_attrs(horizon=3)
    with pytest.raises(KeyError, match="would look ahead"):
        ld.replay(far, ld.policies.CUSUM(0.5), 0.3)
    assert ld.replay(far, ld.policies.Calendar(4), 0.3).dates == [["day 004", "day 008"]]
