"""Update rules and policies in one currency: the numbers, the choice, the guard and the refusals."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.auditing import rule_comparison
from learning_debt.auditing.rule_bills import PartBills, RuleBills
from learning_debt.auditing.rule_choice import choose, least_savings, savings
from learning_debt.auditing.rule_grid import default_rules
from learning_debt.auditing.rule_rows import rows_left
from learning_debt.policies import CUSUM, Calendar, Never, Schedule

RULES = [ld.UpdateRule(), ld.UpdateRule(window=12), ld.UpdateRule(discount=0.9)]
NAMES = [str(rule) for rule in RULES]
FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
FAST = {"resamples": 200, "random_seed": 3}
COST, INITIAL, SPLIT = 0.1, 12, 0.6


def made(slope, seed=4):
    """A regression with five rows a period whose coefficient is `slope` in each period."""
    rng = np.random.default_rng(seed)
    x, period = rng.normal(size=5 * len(slope)), np.repeat(np.arange(len(slope)), 5)
    return {"x": x, "y": slope[period] * x + rng.normal(size=x.size), "period": period + 1000}


MOVING = made(np.linspace(-3.0, 3.0, 92))
STILL = made(np.ones(92))


def compare(history=MOVING, rules=RULES, cost=COST, forecaster=FORECASTER, **options):
    return ld.compare_rules(
        forecaster, history, rules, cost, initial=INITIAL, progressbar=False, **({"split": SPLIT} | FAST | options)
    )


@pytest.fixture(scope="module")
def compared():
    return compare(calendar=8)


@pytest.fixture(scope="module")
def tables():
    return {
        str(rule): ld.spell_table(
            FORECASTER,
            MOVING,
            initial=INITIAL,
            update_rule=rule,
            variables=("debt", "predictive_debt", "score_gap", "deployed_score"),
            progressbar=False,
        )
        for rule in RULES
    }


def net_score(table, policy, cost=COST, first=48):
    """Realised score of what served less the cost of retrains, a period, by hand, on the periods after the first 48."""
    part = ld.select_periods(table, first)
    retrained = ld.replay(part, policy, cost).schedule.values[0]
    served, total = 0, 0.0
    for place, retrains in enumerate(retrained):
        total += float(part["exposure"][0, place] * part["deployed_score"][0, served, place]) - cost * retrains
        served = place + 1 if retrains else served
    return total / len(retrained)


def test_scores_are_realised_scores_less_costs_averaged_over_the_phases_of_the_calendar(compared, tables):
    for name in NAMES:
        by_hand = np.mean([net_score(tables[name], Calendar(8, phase)) for phase in range(8)])
        assert float(compared.table["net_score"].sel(rule=name)) == pytest.approx(by_hand, rel=1e-12)
        assert float(compared.table["frozen_score"].sel(rule=name)) == pytest.approx(net_score(tables[name], Never()))
        own = ld.select_periods(tables[name], 48)["deployed_score"].values[0].diagonal().mean()
        assert float(compared.table["shadow_score"].sel(rule=name)) == pytest.approx(own, rel=1e-12)
    first = compared.table["net_score"].values
    np.testing.assert_allclose(compared.table["saving"], first - first[0], atol=1e-12)


def test_dates_of_the_owner_are_billed_as_they_are(tables):
    dates = [1030, 1070, 1085]
    found = compare(calendar=dates)
    for name in NAMES:
        by_hand = net_score(tables[name], Schedule([1070, 1085]))
        assert float(found.table["net_score"].sel(rule=name)) == pytest.approx(by_hand, rel=1e-12)


def test_under_todays_rule_the_timing_is_what_tuning_by_signed_bills_finds(compared, tables):
    table = tables["all data"]
    trial = ld.audit(table, COST, calendar=8, split=SPLIT, resamples=10)
    least = {name: float(tuned.table["objective"].min()) for name, tuned in trial.tuned.items()}
    readers = {name: value for name, value in least.items() if trial.tuned[name].policy.requires}
    best = min(readers, key=readers.get)
    assert readers[best] < min(value for name, value in least.items() if name not in readers)  # so it is the same row
    assert str(trial.tuned[best].policy) == str(compared.savings["policy"].sel(change="timing").item())
    saved = net_score(table, trial.tuned[best].policy) - float(compared.table["net_score"][0])
    assert float(compared.savings["saving"].sel(change="timing")) == pytest.approx(saved, rel=1e-12)


def test_changing_one_thing_leaves_the_other(compared):
    saved = compared.savings
    assert saved["change"].values.tolist() == ["rule", "rule and calendar", "timing", "both"]
    assert str(saved["policy"].sel(change="rule").item()) == "Calendar(8)" == compared.calendar
    assert str(saved["rule"].sel(change="timing").item()) == "all data" == compared.today
    kept = compared.table["saving"].sel(rule=saved["rule"].sel(change="rule"))
    assert float(saved["saving"].sel(change="rule")) == float(kept)
    both = saved.sel(change="both")
    row = compared.table.sel(rule=both["rule"])
    expected = float(row["net_score_of_policy"]) - float(compared.table["net_score"][0])
    assert float(both["saving"]) == pytest.approx(expected, rel=1e-12)
    assert str(row["policy"].item()) == str(both["policy"].item())


def test_an_audit_of_several_tables_says_the_same_and_audits_the_first(compared, tables):
    both = ld.audit(tables, COST, calendar=8, split=SPLIT, coefficient_count=1, resamples=200, random_seed=3)
    alone = ld.audit(tables["all data"], COST, calendar=8, split=SPLIT, resamples=200, random_seed=3)
    xr.testing.assert_identical(both.table, alone.table)
    assert alone.rules is None
    xr.testing.assert_allclose(both.rules.savings, compared.savings)
    xr.testing.assert_allclose(both.rules.table, compared.table)
    assert both.rules.sentence == compared.sentence
    turned = ld.audit(dict(reversed(tables.items())), COST, calendar=8, split=SPLIT, resamples=50)
    assert turned.rules.today == NAMES[-1]
    assert turned.spells.attrs["update_rule"] == NAMES[-1]


def test_a_world_that_moves_calls_for_a_rule_that_forgets(compared):
    assert compared.recommended in NAMES[1:]
    assert float(compared.savings["low"].sel(change="rule")) > 0
    assert float(compared.table["tuning_low"].sel(rule=compared.recommended)) > 0
    assert compared.recommended in compared.recommendation or "retraining on" in compared.recommendation
    assert compared.sentence.startswith("Retraining on ")
    assert "would have been worth" in compared.sentence


def test_a_world_that_stands_still_keeps_todays_rule():
    found = compare(STILL, calendar=8)
    assert found.recommended == found.today == "all data"
    assert "as today" in found.recommendation
    assert (found.table["tuning_low"].values[1:] < 0).all()


def test_of_a_rule_that_is_no_better_than_todays_nothing_is_told(tables):
    same = {"one": tables["all data"], "another": tables["all data"].copy()}
    found = ld.audit(same, COST, calendar=8, resamples=50).rules
    assert found.savings["rule"].values.tolist() == ["one"] * 4
    assert found.recommended == "one"
    assert "no other rule had done better beforehand" in found.sentence
    assert found.savings[["saving", "low", "high"]].sel(change="rule").to_array().values.tolist() == [0, 0, 0]


def test_bounds_of_several_rules_hold_together():
    rng = np.random.default_rng(1)
    totals = rng.normal(size=(9, 4001))
    totals[0] = 0.0
    saving, low = least_savings(totals, 1, 0.9)
    single = least_savings(totals[:2], 1, 0.9)[1]
    assert saving[0] == low[0] == 0.0
    assert low[1] < single[1] < saving[1]
    deviation = -totals[1:, 1:] + totals[1:, :1]  # of the savings, from those of the history itself
    reached = (deviation > (saving - low)[1:, None]).any(axis=0).mean()
    assert reached == pytest.approx(0.05, abs=0.002)  # one sided, by construction a quantile of these very resamples


def bills_of(tuning, evaluation):
    """Of a rule with one calendar and one reader of signals, each with losses (candidate, period)."""
    parts = [
        PartBills(np.array(losses, dtype=float)[:, None], np.zeros(2), 0.0, 0.0) for losses in (tuning, evaluation)
    ]
    return RuleBills(["your calendar", "CUSUM"], [Calendar(3), CUSUM(1.0)], *parts)


def test_the_choice_is_made_anew_on_every_resample():
    flat, better = np.ones(100), np.r_[np.zeros(50), 2.1 * np.ones(50)]  # worse by a little, if all periods count alike
    first = bills_of([flat, flat + 1], [flat, flat - 0.5])
    other = bills_of([better, better + 1], [flat + 1, flat + 2])
    found = choose({"a": first, "b": other}, [True, True], 2000, np.random.default_rng(1))
    change = found.changed["rule"]
    assert change.rule[0] == 0
    share = (change.rule[1:] == 1).mean()
    assert 0.3 < share < 0.5  # blocks of ten periods: the standard deviation of the total is about twice its distance
    np.testing.assert_array_equal(change.paid[1:], np.where(change.rule[1:] == 1, 200.0, 100.0))
    assert (found.changed["timing"].candidate == 0).all()
    held = choose({"a": first, "b": other}, [True, False], 50, np.random.default_rng(1))
    assert (held.changed["both"].rule == 0).all()
    value, low, high = savings(found, 100, 0.9)["rule"]
    assert (value, low, high) == (0.0, -1.0, 0.0)


def test_an_owner_without_a_calendar_keeps_the_one_that_is_best_under_todays_rule():
    flat = np.ones(40)
    first = bills_of([flat, flat - 0.5], [flat, flat])
    first.rows[:] = ["never", "best calendar"]
    other = bills_of([flat - 2, flat - 0.1], [flat - 2, flat - 3])
    other.rows[:] = ["never", "best calendar"]
    found = choose({"a": first, "b": other}, [True, True], 20, np.random.default_rng(1))
    assert found.today.candidate[0] == 1
    assert (found.changed["rule"].rule[0], found.changed["rule"].candidate[0]) == (0, 1)
    calendar = found.changed["rule and calendar"]
    assert (calendar.rule[0], calendar.candidate[0], calendar.paid[0]) == (1, 0, -40.0)


def test_a_rule_that_leaves_too_few_rows_is_shown_and_not_chosen():
    rules = [*RULES, ld.UpdateRule(discount=0.5)]
    free, held = compare(rules=rules, calendar=8), compare(rules=rules, calendar=8, coefficient_count=6)
    name = "discount 0.5 a period"
    assert str(held.table["doubt"].sel(rule=name).item()).startswith("it leaves 10 rows for 6 coefficients")
    assert str(free.table["doubt"].sel(rule=name).item()) == ""
    assert name not in held.savings["rule"].values
    assert any(note.startswith(f"{name} may not be chosen") for note in held.notes)
    xr.testing.assert_identical(free.table.drop_vars("doubt"), held.table.drop_vars("doubt"))


def test_rows_left_are_those_the_shadow_holds(tables):
    for rule in RULES:
        rows, periods = rows_left(ld.check_spells(tables[str(rule)]), rule)
        weights = rule.weights(91 - np.arange(92))
        assert rows == pytest.approx(5 * weights.sum(), rel=1e-12)
        assert periods == pytest.approx(weights.sum(), rel=1e-12)


def test_a_price_of_a_nat_scales_everything_and_decides_nothing(compared):
    money = compare(calendar=8, cost=ld.RetrainingCost(COST * 20 * 5, money_per_nat=20, currency="EUR"))
    assert money.savings.attrs["unit"] == "EUR"
    for name in ("saving", "low", "high"):
        np.testing.assert_allclose(money.savings[name], 100 * compared.savings[name], rtol=1e-9, atol=1e-9)
    assert money.savings["rule"].values.tolist() == compared.savings["rule"].values.tolist()
    assert "EUR a period" in money.sentence


def test_a_cost_ratio_is_measured_under_todays_rule(tables):
    found = compare(cost=ld.RetrainingCost(cost_ratio=1.0), today="discount 0.9 a period")
    tuning = ld.select_periods(ld.check_spells(tables["discount 0.9 a period"]), 0, 48)
    assert found.today == found.table["rule"].values[0] == "discount 0.9 a period"
    assert found.cost.amount == ld.RetrainingCost(cost_ratio=1.0).resolve(tuning).amount


def test_series_are_resampled_whole_and_averaged():
    parts = [made(np.where((np.arange(60) + 4 * k) % 20 < 10, 2.0, -1.0), seed=k) for k in range(6)]
    history = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    history["series"] = np.repeat(np.arange(6), 300)
    found = compare(history, calendar=5)
    alone = [compare(part, calendar=5, resamples=5).table["net_score"].values for part in parts]
    np.testing.assert_allclose(found.table["net_score"], np.mean(alone, axis=0), rtol=1e-12)
    assert (found.savings["low"] <= found.savings["saving"] + 1e-12).all()


def test_a_rival_forecaster_is_a_rule_of_its_own():
    firm = ld.ConjugateRegression(ld.NIG(2.0, 400.0, 2.0, 1.0))  # sure of what holds half of the time
    found = compare(forecaster={"weak": FORECASTER, "firm": firm}, rules=[ld.UpdateRule()], calendar=8)
    assert found.table["rule"].values.tolist() == ["weak", "firm"]
    alone = compare(forecaster=firm, calendar=8).table
    np.testing.assert_allclose(found.table["net_score"].sel(rule="firm"), alone["net_score"].sel(rule="all data"))
    crossed = compare(forecaster={"weak": FORECASTER, "firm": firm}, rules=RULES[:2], calendar=8)
    assert crossed.table["rule"].values.tolist() == [f"{a}, {b}" for a in ("weak", "firm") for b in NAMES[:2]]
    assert found.sentence.startswith("Using weak: no other rule")


def test_the_grid_is_in_proportion_to_the_history():
    found = compare(rules=None, calendar=8)
    assert found.table["rule"].values.tolist() == [str(rule) for rule in default_rules(92)]
    for rule in default_rules(96)[1:5]:
        held = [one.weights(np.arange(10_000)).sum() for one in default_rules(96)[5:]]
        assert min(abs(weight / rule.window - 1) for weight in held) < 0.05
    assert len({str(rule) for rule in default_rules(5)}) == len(default_rules(5))


def test_without_a_calendar_the_best_one_under_todays_rule_is_kept():
    found = compare()
    assert found.calendar in {"Never()", *(f"Calendar({k})" for k in range(1, 121))}
    assert str(found.savings["policy"].sel(change="rule").item()) == found.calendar
    assert any(found.calendar in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rules": []}, "rules must be .* not empty"),
        ({"rules": [ld.UpdateRule()]}, "nothing to compare 'all data' with"),
        ({"rules": [*RULES, ld.UpdateRule(window=12)]}, "'rolling window of 12 periods' is there twice"),
        ({"rules": [*RULES, ld.UpdateRule(window=500)]}, "hold the same of 92 periods"),
        ({"rules": {"a": RULES[0], "b": RULES[0]}}, "'b' and 'a' hold the same"),
        ({"rules": [*RULES, "all"]}, "rules: each rule must be an UpdateRule"),
        ({"rules": {"a": RULES[0], "b": 3}}, r"rules\['b'\] must be an UpdateRule"),
        ({"rules": ld.UpdateRule()}, "not a single rule"),
        ({"today": "window of 12"}, "today must be one of the rules"),
        ({"today": ld.UpdateRule(window=7)}, "today must be one of the rules"),
        ({"today": 3}, "today must be the name"),
        ({"cost": None}, "a retraining cost is missing"),
        ({"split": 0.99}, "leaves 79 to tune on and 1 to report on"),
        ({"coefficient_count": 0}, "coefficient_count"),
        ({"forecaster": {}}, "not empty"),
        ({"forecaster": {"a": 3}}, "forecaster"),
        ({"calendar": 0}, "calendar"),
        ({"resamples": 0}, "resamples"),
    ],
)
def test_wrong_questions_are_refused_before_any_table_is_made(options, message, monkeypatch):
    monkeypatch.setattr("learning_debt.auditing.rules_over_history.tables_by_rule", None)
    with pytest.raises((TypeError, ValueError), match=message):
        compare(**options)


def test_a_rule_that_leaves_no_row_is_refused_by_its_name(monkeypatch):
    late = MOVING | {"arrived": MOVING["period"] + 2}
    monkeypatch.setattr("learning_debt.auditing.rules_over_history.tables_by_rule", None)
    with pytest.raises(ValueError, match="no row is known and held") as refused:
        compare(late, rules=[ld.UpdateRule(), ld.UpdateRule(window=2)])
    assert "under 'rolling window of 2 periods'" in refused.value.__notes__


def test_forecasts_several_steps_ahead_are_compared_by_their_final_outcomes():
    found = compare(rules=RULES[:2], horizon=3, calendar=8)
    assert found.spells["all data"].attrs["horizon"] == 3
    assert np.isfinite(found.table["net_score"]).all()
    assert found.recommended == NAMES[1]


def test_tables_that_are_not_about_the_same_forecasts_are_refused(tables):
    first, other = tables["all data"], tables["discount 0.9 a period"]
    shifted = ld.spell_table(
        FORECASTER, MOVING, initial=INITIAL + 1, variables=("score_gap", "deployed_score"), progressbar=False
    )
    money = other.assign_attrs(unit="EUR per observation", currency="EUR")
    dearer = other.drop_vars("regret").assign(exposure=2 * other["exposure"])
    hole = other.copy(deep=True)
    hole["deployed_score"][0, 2, 5] = np.nan
    refused = [
        ({"a": first}, ValueError, "at least two of them"),
        ({"a": first, "b": shifted}, ValueError, r"spells\['b'\] must cover the same periods"),
        (
            {"a": first, "b": other.drop_vars("deployed_score")},
            KeyError,
            "spells\\['b'\\]: bills under different rules",
        ),
        ({"a": first, "b": money}, ValueError, r"spells\['b'\].attrs\['unit'\]"),
        ({"a": first, "b": dearer}, ValueError, "has exposure 2"),
        ({"a": first, "b": hole}, ValueError, "not finite"),
        ({"a": first, "b": 3}, TypeError, r"spells\['b'\] must be a spell table"),
        ({1: first, "b": other}, TypeError, "the name of a rule"),
    ]
    for given, error, message in refused:
        with pytest.raises(error, match=message):
            ld.audit(given, COST)
    with pytest.raises(ValueError, match="accounting must be 'signed'"):
        ld.audit(tables, COST, accounting="positive")


def test_it_prints_and_is_the_same_twice(compared):
    assert compared.sentence in " ".join(str(compared).split())
    again = compare(calendar=8)
    xr.testing.assert_identical(again.table, compared.table)
    xr.testing.assert_identical(again.savings, compared.savings)


@pytest.mark.parametrize(
    ("tuning_low", "saving", "recommended", "why"),
    [
        ([0.0, 0.2, 0.1], [0.0, 0.3, 0.2], "b", "better by at least 0.2 nats a month"),
        ([0.0, -0.1, 0.1], [0.0, 0.3, 0.2], "c", "Using b was best there, but cannot be told from today's."),
        (
            [0.0, -0.1, 0.1],
            [0.0, 0.3, -0.2],
            "a",
            "using c was better on the part it was chosen on and has not been since",
        ),
        ([0.0, -0.1, -0.2], [0.0, 0.3, 0.2], "a", "lower bound of the saving, luck of the choice included, -0.1 nats"),
    ],
)
def test_the_best_of_the_rules_that_are_told_from_todays_is_recommended(tuning_low, saving, recommended, why):
    columns = {"tuning_low": tuning_low, "tuning_saving": [0.0, 0.5, 0.4], "saving": saving, "doubt": ["", "", ""]}
    columns["effective_rows"] = [90.0, 50.0, 30.0]
    table = xr.Dataset({name: ("rule", values) for name, values in columns.items()}, {"rule": list("abc")})
    saved = xr.Dataset({"rule": ("change", ["b"])}, {"change": ["rule"]})
    words = rule_comparison._Described({name: f"using {name}" for name in "abc"})
    words.period = "month"
    found, reason = rule_comparison._recommend(saved, table, "a", words, "nats")
    assert found == recommended
    assert why in reason
