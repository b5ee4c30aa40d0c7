"""Shipments against every schedule of a small grid, published figures, and each other."""

from itertools import chain, combinations

import numpy as np
import pytest

from learning_debt.arrays.effort.shipping_ages import best_within, schedule_at, schedules_around, shortest_path
from learning_debt.budget import (
    ExponentialCurve,
    ExponentialDuration,
    HyperexponentialDuration,
    WeibullDuration,
    plan_effort,
    plan_shipments,
)

CURVE = ExponentialCurve(0.1, 0.9, 1.0)
TRAINING = plan_effort(ExponentialDuration(0.5), CURVE, 0.3, 1.0)


def test_published_figures():
    at_40 = plan_shipments(TRAINING, 0.4)
    assert (round(at_40.single_loss, 4), round(at_40.loss, 4)) == (0.6787, 0.6743)
    at_55 = plan_shipments(TRAINING, 0.55)
    assert (round(at_55.single_loss, 4), round(at_55.loss, 4)) == (0.6781, 0.6610)
    at_15 = plan_shipments(TRAINING, 0.15)
    intervals = [round(one.interval_loss, 3) for one in (at_15, at_40, at_55)]
    assert intervals == [0.886, 0.775, 0.741]  # as the page has them
    assert round(at_15.loss, 4) == 0.8623
    assert at_15.schedules[0] == ()
    assert at_15.schedules[1][0] == pytest.approx(TRAINING.stop_age)
    assert at_15.weights[1] == pytest.approx(0.15 / 0.35)


@pytest.mark.parametrize("rate", [0.15, 0.4, 0.55, 1.0, 3.0])
def test_the_rate_is_met_and_drawing_loses_least(rate):
    plan = plan_shipments(TRAINING, rate)
    assert plan.rate == pytest.approx(rate)
    assert sum(plan.weights) == pytest.approx(1.0)
    assert plan.single_rate <= rate + 1e-9
    assert plan.always_loss - 1e-6 <= plan.loss <= plan.single_loss + 1e-9
    assert plan.single_loss <= plan.once_loss + 1e-6
    assert plan.loss < plan.interval_loss < plan.unshipped_loss


def test_an_interval_is_the_mean_over_its_phases():
    plan = plan_shipments(TRAINING, 0.4)
    law, losses = TRAINING.duration, []
    for phase in (np.arange(200) + 0.5) / 200 * 2.5:
        ages = np.concatenate([[0.0], phase + 2.5 * np.arange(30)])
        left = np.append(law.survival_integral(ages), 0.0)
        losses.append((CURVE.loss(TRAINING.effort_at(ages)) * -np.diff(left)).sum() / law.mean)
    assert plan.interval_loss == pytest.approx(np.mean(losses), abs=1e-3)


@pytest.mark.parametrize("law", [ExponentialDuration(0.5), WeibullDuration(2.0, 2.0)], ids=str)
def test_one_shipment_by_bisection_is_that_of_a_fine_grid(law):
    for budget, largest, rate in ((0.3, 1.0, 0.5), (2.0, 1.0, 0.9), (0.6, 1.0, 0.2)):
        training = plan_effort(law, CURVE, budget, largest)
        plan = plan_shipments(training, rate)
        ages = law.age_quantile(np.linspace(0, 0.999, 20001))
        allowed = ages[law.survival(ages) / law.mean <= rate]
        served = law.survival_integral(allowed) / law.mean
        losses = 1 - served + CURVE.loss(training.effort_at(allowed)) * served
        assert plan.once_loss <= losses.min() + 1e-9
        assert plan.once_loss == pytest.approx(losses.min(), abs=1e-4)  # the grid begins up to a step late


def grid(seed):
    rng = np.random.default_rng(seed)
    law = HyperexponentialDuration((0.7, 0.3), (1.5, 0.2))
    ages = np.concatenate([[0.0], np.sort(rng.uniform(0, 8, 9))])
    return CURVE.loss(0.8 * ages), law.survival_integral(ages) / law.mean, law.survival(ages) / law.mean


@pytest.mark.parametrize("seed", range(3))
def test_shortest_paths_are_the_best_of_all_schedules(seed):
    loss, served, shipped = grid(seed)
    subsets = chain.from_iterable(combinations(range(1, 10), count) for count in range(10))
    every = [schedule_at(nodes, loss, served, shipped) for nodes in subsets]
    for price in (0.0, 0.01, 0.1, 0.5):
        best = min(every, key=lambda one: one.loss + price * one.rate)
        found = shortest_path(loss, served, shipped, price)
        assert found.loss + price * found.rate == pytest.approx(best.loss + price * best.rate)
    for rate in (0.05, 0.2, 0.5, 1.0):
        within = min(one.loss for one in every if one.rate <= rate)
        found = best_within(loss, served, shipped, rate, parts=20_000)
        assert found.rate <= rate
        assert found.loss == pytest.approx(within, abs=1e-6)
        rare, often, _ = schedules_around(loss, served, shipped, rate)
        weight = (often.rate - rate) / (often.rate - rare.rate) if often.rate > rare.rate else 1.0
        mixed = weight * rare.loss + (1 - weight) * often.loss
        pairs = [
            low.loss + (rate - low.rate) / (high.rate - low.rate) * (high.loss - low.loss)
            for low in every
            for high in every
            if low.rate <= rate < high.rate
        ]
        assert mixed == pytest.approx(min([within, *pairs]))


def test_a_shipping_plan_shows_itself():
    plan = plan_shipments(TRAINING, 0.15)
    assert "with chance 0.57 do not ship" in str(plan).replace("\n", " ")
    assert "<table>" in plan._repr_html_()
    frame = plan.to_dataframe()
    assert frame["chance"].tolist() == pytest.approx([0.15 / 0.35])
    assert plan.as_dict()["schedules"][0]["ages"] == []
    assert "For each concept ship" in plan_shipments(TRAINING, 0.35).sentence()
    assert np.isfinite(
        plan_shipments(plan_effort(HyperexponentialDuration((0.8, 0.2), (2, 0.1)), CURVE, 0.3, 5.0), 0.2).loss
    )
