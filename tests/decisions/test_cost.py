"""Costs: what is refused, what a cost ratio resolves to, and bills in money."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.decisions.cost import HOW_TO_THINK_ABOUT_COST, as_cost


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either an amount or a cost_ratio"),
        ({"amount": 1.0, "cost_ratio": 1.0}, "either an amount or a cost_ratio"),
        ({"amount": -0.1}, "amount must be zero or positive"),
        ({"amount": np.nan}, "amount must be zero or positive"),
        ({"amount": np.inf}, "amount must be zero or positive"),
        ({"cost_ratio": -1.0}, "cost_ratio must be zero or positive"),
        ({"cost_ratio": np.nan}, "cost_ratio must be zero or positive"),
        ({"cost_ratio": 1.0, "score_unit": "q90"}, "score_unit must be one of"),
        ({"amount": 5.0, "money_per_nat": -2.0}, "money_per_nat"),
        ({"amount": 5.0, "money_per_nat": np.nan}, "money_per_nat"),
        ({"amount": 5.0, "money_per_nat": 0.0}, "money_per_nat must be positive"),
        ({"cost_ratio": 1.0, "money_per_nat": 2.0}, "money_per_nat goes with an amount"),
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
        with pytest.raises(ValueError, match="amount must be zero or positive"):
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
    for ask in (
        lambda: ld.replay(table, ld.policies.Never(), cost),
        lambda: ld.oracle(table, cost),
        lambda: ld.tune(table, [ld.policies.Never()], cost),
        lambda: ld.audit(table, cost),
        lambda: ld.decide(table, ld.policies.Never(), cost, horizon=1),
    ):
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
