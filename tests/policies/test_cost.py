"""Costs: what is refused, what a cost ratio resolves to, and bills in money."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.policies.cost import HOW_TO_THINK_ABOUT_COST, as_cost


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either an amount or a cost_ratio"),
        ({"amount": 1.0, "cost_ratio": 1.0}, "either an amount or a cost_ratio"),
        ({"amount": -0.1}, "amount must be a number that is at least 0"),
        ({"amount": np.nan}, "amount must be a number that is at least 0"),
        ({"amount": np.inf}, "amount must be a number that is at least 0"),
        ({"cost_ratio": -1.0}, "cost_ratio must be a number that is at least 0"),
        ({"cost_ratio": np.nan}, "cost_ratio must be a number that is at least 0"),
        ({"cost_ratio": 1.0, "score_unit": "q90"}, "score_unit must be one of"),
        ({"amount": 5.0, "money_per_nat": -2.0}, "money_per_nat"),
        ({"amount": 5.0, "money_per_nat": np.nan}, "money_per_nat"),
        ({"amount": 5.0, "money_per_nat": 0.0}, "money_per_nat must be positive"),
        ({"cost_ratio": 1.0, "money_per_nat": 2.0}, "money_per_nat goes with an amount"),
        ({"per_second": 1.0}, "either an amount or a cost_ratio"),
        ({"amount": 1.0, "per_second": -1.0}, "per_second must be a number that is at least 0"),
        ({"amount": 1.0, "per_change": np.nan}, "per_change must be a number that is at least 0"),
        ({"amount": 1.0, "per_change": np.inf}, "per_change must be a number that is at least 0"),
    ],
)
def test_costs_that_make_no_sense_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        ld.RetrainingCost(**given)


def test_a_missing_cost_is_refused_with_advice():
    with pytest.raises(ValueError, match="missing") as caught:
        as_cost(None)
    assert HOW_TO_THINK_ABOUT_COST in str(caught.value)


def test_a_number_is_a_cost_in_nats():
    assert as_cost(2) == ld.RetrainingCost(2.0)
    assert as_cost(ld.RetrainingCost(2.0)) == ld.RetrainingCost(2.0)
    assert ld.RetrainingCost(0.0).unit == "nats"
    assert not ld.RetrainingCost(0.0).in_money


def test_a_negative_number_is_refused_wherever_a_cost_is_taken(random_spells):
    table = random_spells(20)
    for ask in (
        lambda: ld.replay(table, ld.policies.Never(), -1.0),
        lambda: ld.oracle(table, -1.0),
        lambda: ld.tune(table, [ld.policies.Never()], -1.0),
        lambda: ld.audit(table, -1.0),
        lambda: ld.decide(table, ld.policies.Never(), -1.0, horizon=1),
    ):
        with pytest.raises(ValueError, match="cost must be a number that is at least 0"):
            ask()


@pytest.mark.parametrize("unit", ["median", "q75", "mean"])
def test_a_cost_ratio_is_measured_on_the_positive_regret_of_the_calibration_cells(unit, random_spells):
    table = random_spells(15, series=3)
    regret = np.array([value for value in table["regret"].values.ravel() if value > 0])
    size = {"median": np.median(regret), "q75": np.percentile(regret, 75), "mean": regret.sum() / len(regret)}[unit]
    resolved = ld.RetrainingCost(cost_ratio=2.0, score_unit=unit).resolve(table)
    assert resolved.amount == pytest.approx(2.0 * size, rel=1e-12)
    assert resolved.cost_ratio is None
    assert resolved.resolve(table) is resolved


def test_a_replay_at_a_cost_ratio_is_one_at_the_amount_it_resolves_to(random_spells):
    table, ratio = random_spells(15), ld.RetrainingCost(cost_ratio=1.5)
    by_ratio = ld.replay(table, ld.policies.PredictiveDebtThreshold(4.0), ratio)
    by_amount = ld.replay(table, ld.policies.PredictiveDebtThreshold(4.0), ratio.resolve(table).amount)
    assert by_ratio.objective.identical(by_amount.objective)


def test_bills_in_money_scale_with_the_worth_of_a_nat_the_rows_and_the_exposure(random_spells):
    rows, exposure = np.array([[1.0, 3.0, 2.0, 5.0]]), np.array([[2.0, 1.0, 0.5, 1.0]])
    table = random_spells(4, exposure=exposure, rows=rows)
    never = ld.replay(table, ld.policies.Never(), ld.RetrainingCost(7.0, money_per_nat=20.0, currency="EUR"))
    gaps = table["score_gap"].values[0, 0]
    np.testing.assert_allclose(never.bill.values[0], 20.0 * rows[0] * exposure[0] * gaps, rtol=1e-12)
    assert never.unit == "EUR"
    always = ld.replay(table, ld.policies.Always(), ld.RetrainingCost(7.0, money_per_nat=20.0, currency="EUR"))
    diagonal = np.diagonal(table["score_gap"].values[0])
    np.testing.assert_allclose(
        always.bill.values[0], 20.0 * rows[0] * exposure[0] * diagonal + [7, 7, 7, 0], rtol=1e-12
    )


def test_rows_weigh_nothing_in_nats(random_spells):
    one, many = random_spells(10), random_spells(10, rows=50)
    policy = ld.policies.PredictiveDebtThreshold(4.0)
    assert ld.replay(one, policy, 0.3).bill.identical(ld.replay(many, policy, 0.3).bill)


def test_a_policy_that_prices_debt_decides_alike_in_nats_and_in_money(random_spells):
    table = random_spells(30, series=3, rows=8)
    policy = ld.policies.PredictiveDebtThreshold(2.0)
    nats, money = ld.replay(table, policy, 0.5), ld.replay(table, policy, ld.RetrainingCost(64.0, money_per_nat=16.0))
    np.testing.assert_array_equal(nats.schedule, money.schedule)  # 64 = 0.5 x 16 x 8
    np.testing.assert_allclose(money.objective, 128.0 * nats.objective, rtol=1e-12)
    assert nats.retrains.sum() > 0


def test_positive_accounting_is_never_turned_into_money(random_spells):
    table, money = random_spells(20), ld.RetrainingCost(5.0, money_per_nat=2.0)
    for ask in (
        lambda: ld.replay(table, ld.policies.Never(), money, "positive"),
        lambda: ld.oracle(table, money, "positive"),
        lambda: ld.tune(table, [ld.policies.Never()], money, "positive"),
        lambda: ld.audit(table, money, accounting="positive"),
    ):
        with pytest.raises(ValueError, match="never turned into money"):
            ask()


def in_money(table, currency="EUR"):
    return table.assign_attrs(score="newsvendor 4/1", unit=f"{currency} per observation", currency=currency)


def test_a_table_in_money_takes_its_bills_as_they_are(random_spells):
    rows, exposure = np.array([[1.0, 3.0, 2.0, 5.0]]), np.array([[2.0, 1.0, 0.5, 1.0]])
    table = in_money(random_spells(4, exposure=exposure, rows=rows))
    for cost in (7.0, ld.RetrainingCost(7.0), ld.RetrainingCost(7.0, currency="EUR")):
        always = ld.replay(table, ld.policies.Always(), cost)
        gaps = np.diagonal(table["score_gap"].values[0])
        np.testing.assert_allclose(always.bill.values[0], exposure[0] * gaps + [7, 7, 7, 0], rtol=1e-12)
        assert always.unit == "EUR"


def test_a_cost_ratio_of_a_table_in_money_resolves_to_money(random_spells):
    table, ratio = random_spells(15), ld.RetrainingCost(cost_ratio=2.0)
    in_nats, in_eur = ratio.resolve(table), ratio.resolve(in_money(table))
    assert (in_eur.amount, in_eur.unit, in_eur.in_money) == (in_nats.amount, "EUR", True)
    assert (in_nats.unit, in_nats.in_money) == ("nats", False)
    assert in_eur.resolve(in_money(table)) is in_eur


def everything_that_bills(table, cost):
    return (
        lambda: ld.replay(table, ld.policies.Never(), cost),
        lambda: ld.oracle(table, cost),
        lambda: ld.tune(table, [ld.policies.Never()], cost),
        lambda: ld.audit(table, cost),
        lambda: ld.decide(table, ld.policies.Never(), cost, horizon=1),
    )


@pytest.mark.parametrize(
    ("cost", "currency", "message"),
    [
        (ld.RetrainingCost(5.0, money_per_nat=2.0), "EUR", "money_per_nat has nothing to price"),
        (ld.RetrainingCost(5.0, money_per_nat=2.0, currency="EUR"), "EUR", "money_per_nat has nothing to price"),
        (ld.RetrainingCost(5.0, currency="USD"), "EUR", "the cost is in USD, the table's score in EUR"),
        (ld.RetrainingCost(cost_ratio=1.0, currency="USD"), "EUR", "the cost is in USD, the table's score in EUR"),
        (ld.RetrainingCost(5.0, currency="EUR"), None, "cannot be held against regret in nats: give money_per_nat"),
    ],
)
def test_prices_that_do_not_fit_the_table_are_refused_everywhere(cost, currency, message, random_spells):
    table = random_spells(20) if currency is None else in_money(random_spells(20), currency)
    for ask in everything_that_bills(table, cost):
        with pytest.raises(ValueError, match=message):
            ask()


def test_a_table_in_units_of_the_outcome_bills_in_them_and_prices_no_nats(random_spells):
    table = random_spells(10).assign_attrs(score="crps", unit="outcome per observation")
    never = ld.replay(table, ld.policies.Never(), 0.5)
    assert never.unit == "outcome units"
    np.testing.assert_array_equal(never.bill.values[0], table["regret"].values[0, 0])
    assert ld.RetrainingCost(cost_ratio=1.0).resolve(table).unit == "outcome units"
    with pytest.raises(ValueError, match="is in outcome units, not in nats"):
        ld.replay(table, ld.policies.Never(), ld.RetrainingCost(5.0, money_per_nat=2.0))


def test_money_is_never_positive_accounting_whether_priced_or_native(random_spells):
    for cost in (5.0, ld.RetrainingCost(cost_ratio=1.0), ld.RetrainingCost(5.0, currency="EUR")):
        with pytest.raises(ValueError, match="never turned into money"):
            ld.replay(in_money(random_spells(20)), ld.policies.Never(), cost, "positive")


# Proportional parts.

PARTS = ld.RetrainingCost(0.2, per_second=0.01, per_change=3.0)


def with_seconds(table, seed=1):
    seconds = np.random.default_rng(seed).gamma(2.0, size=(table.sizes["series"], table.sizes["period"]))
    return table.assign(seconds=(("series", "period"), 10 * seconds))


def test_a_cost_without_proportional_parts_is_the_same_for_all_pairs(random_spells):
    cost = ld.RetrainingCost(0.3).retraining_costs(ld.check_spells(random_spells(6, series=2)))
    assert cost.shape == (2, 6, 6)
    assert (cost == 0.3).all()


def test_the_cost_of_a_pair_is_the_sum_of_its_parts(random_spells):
    table = with_seconds(random_spells(6, series=2))
    cost = PARTS.retraining_costs(ld.check_spells(table))
    for i in range(2):
        for s in range(6):
            for t in range(s + 1, 7):
                debt, seconds = table["predictive_debt"].values[i, s, t - 1], table["seconds"].values[i, t - 1]
                assert cost[i, s, t - 1] == pytest.approx(0.2 + 0.01 * seconds + 3.0 * debt, rel=1e-12)


def test_seconds_may_be_those_of_all_series_and_change_below_zero_costs_nothing(random_spells):
    table = random_spells(6, series=2).assign(seconds=("period", np.arange(6.0)))
    table["predictive_debt"][0, 0, 2] = -0.05
    cost = PARTS.retraining_costs(ld.check_spells(table))
    assert cost[0, 0, 2] == pytest.approx(0.2 + 0.02)
    assert cost[1, 0, 5] == pytest.approx(0.2 + 0.05 + 3.0 * table["predictive_debt"].values[1, 0, 5])


def bill_by_hand(table, schedule, cost):
    """Total of the first series, pair by pair."""
    pairs, deployed_at, total = cost.retraining_costs(ld.check_spells(table)), 0, 0.0
    for t in range(1, len(schedule) + 1):
        total += table["regret"].values[0, deployed_at, t - 1]
        if schedule[t - 1]:
            total += pairs[0, deployed_at, t - 1]
            deployed_at = t
    return total


POLICIES = [ld.policies.PredictiveDebtThreshold(m) for m in (4.0, 10.0, 40.0)]
EVERY = [ld.policies.Never(), ld.policies.Always(), ld.policies.Calendar(4), ld.policies.CUSUM(0.5), *POLICIES]


@pytest.mark.parametrize("policy", EVERY, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_bills_are_made_pair_by_pair_and_the_oracle_bounds_them(policy, seed, random_spells):
    table = with_seconds(random_spells(20, seed=seed))
    one = ld.replay(table, policy, PARTS)
    assert float(one.objective.item()) == pytest.approx(bill_by_hand(table, one.schedule.values[0], PARTS), rel=1e-12)
    assert float(one.paid.sum()) == pytest.approx(float((one.objective - one.regret).item()), abs=1e-12)
    best = ld.oracle(table, PARTS)
    assert float(best.objective.item()) == pytest.approx(bill_by_hand(table, best.schedule.values[0], PARTS), rel=1e-12)
    assert float(best.objective.item()) <= float(one.objective.item()) + 1e-12


def test_tuning_side_by_side_is_replaying_one_by_one_where_pairs_differ_in_cost(random_spells):
    table = with_seconds(random_spells(30, series=3))
    tuned = ld.tune(table, POLICIES, PARTS, starts=1)
    objectives = [float(ld.replay(table, policy, PARTS).objective.mean()) for policy in POLICIES]
    np.testing.assert_allclose(tuned.table["objective"], objectives, rtol=1e-12)
    assert tuned.table["retrains"][1] > 0


def test_a_policy_sees_what_a_retrain_would_cost_it_now(random_spells):
    """m Dpred > 0.2 + 3 Dpred is (m - 3) Dpred > 0.2."""
    table = random_spells(30)
    whole = ld.replay(table, ld.policies.PredictiveDebtThreshold(8.0), ld.RetrainingCost(0.2, per_change=3.0))
    fixed = ld.replay(table, ld.policies.PredictiveDebtThreshold(5.0), 0.2)
    np.testing.assert_array_equal(whole.schedule, fixed.schedule)
    assert fixed.retrains.sum() > 0


def test_todays_cost_and_the_break_even_cost_are_of_the_whole(random_spells):
    table = with_seconds(random_spells(12))
    decision = ld.decide(table, ld.policies.PredictiveDebtThreshold(8.0), PARTS, deployed_at=3, horizon=5)
    debt, seconds = table["predictive_debt"].values[0, 3, 11], table["seconds"].values[0, 11]
    assert decision.cost == pytest.approx(0.2 + 0.01 * seconds + 3.0 * debt)
    assert decision.break_even_cost == pytest.approx(8.0 * debt, rel=1e-8)


def test_parts_are_money_where_the_amount_is(random_spells):
    """At 16 EUR a nat and one row a period, all prices times 16 make the same schedule and 16 times the bill."""
    table = with_seconds(random_spells(30))
    money = ld.RetrainingCost(3.2, money_per_nat=16.0, currency="EUR", per_second=0.16, per_change=48.0)
    for policy in POLICIES:
        nats, eur = ld.replay(table, policy, PARTS), ld.replay(table, policy, money)
        np.testing.assert_allclose(eur.objective, 16.0 * nats.objective, rtol=1e-10)
    assert eur.unit == "EUR"
    np.testing.assert_allclose(ld.oracle(table, money).objective, 16 * ld.oracle(table, PARTS).objective, rtol=1e-10)


def test_a_cost_says_what_it_is_made_of():
    assert str(ld.RetrainingCost(0.5)) == "0.5 nats"
    assert str(PARTS) == "0.2 nats + 0.01 nats per second of computing + 3 nats per unit of predictive debt"
    assert str(ld.RetrainingCost(cost_ratio=2)) == "2 x q75 regret"


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (lambda t: t.drop_vars("seconds"), KeyError, "per_second is a price of 'seconds'.*lacks"),
        (lambda t: t.drop_vars("predictive_debt"), KeyError, "per_change is a price of 'predictive_debt'.*lacks"),
        (lambda t: t.assign(seconds=0 * t["seconds"]), ValueError, "zero throughout where posteriors are exact"),
        (lambda t: t.assign(seconds=-t["seconds"]), ValueError, "must not be negative"),
        (lambda t: t.assign(seconds=t["seconds"] / 0), ValueError, "'seconds', which is not finite"),
        (
            lambda t: t.assign(predictive_debt=t["predictive_debt"].where(t["period"] != 5)),
            ValueError,
            "'predictive_debt'.* is not finite",
        ),
    ],
)
def test_parts_that_the_table_cannot_price_are_refused_everywhere(break_it, error, message, random_spells):
    table = break_it(with_seconds(random_spells(20)))
    for ask in everything_that_bills(table, PARTS):
        with pytest.raises(error, match=message):
            ask()
