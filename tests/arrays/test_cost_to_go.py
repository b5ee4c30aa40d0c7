"""Policy evaluation by backward induction against bills added up by hand."""

import numpy as np
import pytest

from learning_debt.arrays.schedules.cost_to_go import waiting_excess

PERIODS = 7


@pytest.fixture
def world():
    rng = np.random.default_rng(3)
    below = np.tril(np.ones((PERIODS, PERIODS), dtype=bool), -1)
    regret = np.where(below, np.nan, rng.normal(0.3, 1.0, size=(2, PERIODS, PERIODS)))
    retrain = rng.random((2, PERIODS, PERIODS)) < 0.4
    return regret, retrain, rng.uniform(0.1, 1.0, size=(2, PERIODS, PERIODS))


def bill(regret, retrain, cost, deployed_at, first):
    """Of periods `first`..T, served by what was deployed after `deployed_at` until the rule retrains."""
    total, s = 0.0, deployed_at
    for t in range(first, PERIODS + 1):
        total += regret[s, t - 1]
        if t < PERIODS and retrain[s, t - 1]:
            total += cost[s, t - 1]
            s = t
    return total


def test_excess_is_the_difference_of_two_bills(world):
    regret, retrain, cost = world
    excess = waiting_excess(regret, retrain, cost)
    for i in range(2):
        for t in range(1, PERIODS):
            for s in range(t):
                one = regret[i], retrain[i], cost[i]
                waits, goes = bill(*one, s, t + 1), cost[i, s, t - 1] + bill(*one, t, t + 1)
                assert excess[i, s, t - 1] == pytest.approx(waits - goes, abs=1e-12)


def test_nothing_can_be_decided_before_the_deployment_nor_in_the_last_period(world):
    regret, retrain, cost = world
    excess = waiting_excess(regret, retrain, cost)
    undecided = np.tril(np.ones((PERIODS, PERIODS), dtype=bool), -1)
    undecided[:, -1] = True
    assert np.isnan(excess[:, undecided]).all()
    assert np.isfinite(excess[:, ~undecided]).all()


def test_one_cost_serves_all_cells(world):
    regret, retrain, _ = world
    everywhere = waiting_excess(regret, retrain, np.full(regret.shape, 0.5))
    np.testing.assert_array_equal(waiting_excess(regret, retrain, np.array(0.5)), everywhere)
