"""Walks and the oracle against plain loops and brute force over all schedules."""

import itertools

import numpy as np
import pytest

from learning_debt.arrays.schedules.walk import along_schedule, deployed_during, oracle, walk


def random_regret(series, periods, seed, positive=False):
    """Regret of shape (series, T, T), worse with age; NaN where s >= t."""
    rng = np.random.default_rng(seed)
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    regret = np.where(age > 0, 0.2 * age + rng.normal(size=(series, periods, periods)), np.nan)
    return np.maximum(regret, 0.0) if positive else regret


def bill_by_hand(regret, schedule, cost):
    """Total of one series, shapes (T, T) and (T,), one period at a time."""
    deployed_at, total = 0, 0.0
    for t in range(1, len(schedule) + 1):
        total += regret[deployed_at, t - 1]
        if schedule[t - 1]:
            total += cost if np.ndim(cost) == 0 else cost[deployed_at, t - 1]
            deployed_at = t
    return total


def all_schedules(periods):
    """Every schedule without a retrain in the last period."""
    for choice in itertools.product([False, True], repeat=periods - 1):
        yield (*choice, False)


def random_schedules(lanes, periods, seed):
    schedule = np.random.default_rng(seed).random((lanes, periods)) < 0.3
    schedule[:, -1] = False
    return schedule


@pytest.mark.parametrize("periods", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("cost", [0.0, 0.01, 0.7, 100.0])
@pytest.mark.parametrize("positive", [False, True])
def test_oracle_is_the_least_bill_of_all_schedules(periods, cost, positive):
    regret = random_regret(2, periods, seed=periods, positive=positive)
    found = oracle(regret, np.full(2, cost))
    for i in range(2):
        least = min(bill_by_hand(regret[i], schedule, cost) for schedule in all_schedules(periods))
        assert bill_by_hand(regret[i], found[i], cost) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("periods", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("scale", [0.01, 0.7, 5.0])
def test_oracle_is_the_least_bill_where_each_pair_has_its_own_cost(periods, scale):
    regret = random_regret(3, periods, seed=periods)
    cost = np.where(np.isnan(regret), np.nan, scale * np.random.default_rng(1).gamma(1.0, size=regret.shape))
    found = oracle(regret, cost)
    for i in range(3):
        least = min(bill_by_hand(regret[i], schedule, cost[i]) for schedule in all_schedules(periods))
        assert bill_by_hand(regret[i], found[i], cost[i]) == pytest.approx(least, abs=1e-12)


def test_oracle_of_pairs_that_cost_the_same_is_that_of_one_cost():
    regret, cost = random_regret(5, 30, seed=13), np.array([0.1, 0.5, 1.0, 2.0, 9.0])
    pairs = np.broadcast_to(cost[:, None, None], regret.shape)
    np.testing.assert_array_equal(oracle(regret, pairs), oracle(regret, cost))


def test_oracle_of_many_series_is_that_of_each_with_its_own_cost():
    regret, cost = random_regret(5, 12, seed=3), np.array([0.0, 0.1, 0.5, 2.0, 50.0])
    together = oracle(regret, cost)
    for i in range(5):
        np.testing.assert_array_equal(together[i], oracle(regret[i : i + 1], cost[i : i + 1])[0])


def test_oracle_is_no_dearer_than_random_schedules():
    regret, schedules = random_regret(1, 40, seed=4)[0], random_schedules(500, 40, seed=5)
    best = bill_by_hand(regret, oracle(regret[None], np.array([0.4]))[0], 0.4)
    assert best < min(bill_by_hand(regret, schedule, 0.4) for schedule in schedules)


def test_free_retrains_are_never_declined_where_age_hurts():
    age = np.arange(1, 8) - np.arange(7)[:, None]
    regret = np.where(age > 0, age - 1.0, np.nan)[None]
    assert oracle(regret, np.array([0.0]))[0].tolist() == [True] * 6 + [False]


def test_a_retrain_dearer_than_all_regret_is_never_made():
    regret = random_regret(3, 15, seed=6, positive=True)
    assert not oracle(regret, np.full(3, 1.0 + np.nansum(regret))).any()


def test_of_equally_cheap_schedules_the_oracle_takes_the_one_that_waits_longest():
    assert not oracle(np.zeros((1, 5, 5)), np.array([0.0])).any()
    regret = np.zeros((1, 4, 4))
    regret[0, 0, 3] = 5.0  # any single retrain in periods 1, 2 or 3 avoids it
    assert oracle(regret, np.array([1.0]))[0].tolist() == [False, False, True, False]


def test_oracle_does_not_read_cells_before_the_deployment():
    regret = random_regret(3, 8, seed=7)
    cost = np.full(3, 0.5)
    np.testing.assert_array_equal(oracle(regret, cost), oracle(np.nan_to_num(regret, nan=-1e9), cost))


def test_walk_is_a_loop_in_which_a_retrain_serves_from_the_next_period_on():
    wanted = random_schedules(6, 20, seed=8)
    seen = []

    def decide(t, deployed_at):
        seen.append(deployed_at.copy())
        return np.ones(6, dtype=bool) if t == 20 else wanted[:, t - 1]

    schedule = walk(20, 6, decide)
    np.testing.assert_array_equal(schedule, wanted)  # asked in the last period, but not obeyed
    for lane in range(6):
        deployed_at = 0
        for t in range(1, 21):
            assert seen[t - 1][lane] == deployed_at
            deployed_at = t if wanted[lane, t - 1] else deployed_at


def test_deployed_during_and_along_schedule_are_a_plain_loop():
    regret, schedule = random_regret(4, 15, seed=9), random_schedules(7, 15, seed=10)
    series = np.array([0, 1, 2, 3, 0, 0, 2])
    deployed, met = deployed_during(schedule), along_schedule(regret, series, schedule)
    for lane in range(7):
        s = 0
        for t in range(1, 16):
            assert deployed[lane, t - 1] == s
            assert met[lane, t - 1] == regret[series[lane], s, t - 1]
            s = t if schedule[lane, t - 1] else s


def test_a_walk_of_one_period_has_no_retrain():
    assert walk(1, 3, lambda _t, _deployed_at: np.ones(3, dtype=bool)).tolist() == [[False]] * 3
    assert deployed_during(np.zeros((3, 1), dtype=bool)).tolist() == [[0]] * 3
