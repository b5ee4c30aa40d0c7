"""Debts across a place where a pool is thin, with log normalisers from elsewhere: closed forms of normals, coverage."""

import numpy as np
import pytest

from learning_debt.arrays.bridging.islands import THIN_OVERLAP, islands_of
from learning_debt.arrays.bridging.multistate import pooled
from learning_debt.arrays.bridging.pooled_debts import debts, part_constants

MEANS = np.array([0.0, 0.5, 1.0, 5.0, 5.5, 6.0])
ANCHORS, DRAWS = (0, 2, 3, 5), 1000


def thin_pool(rng):
    """Two groups of normals, four standard deviations apart at the nearest; all normalising constants are one."""
    theta = (rng.normal(size=(len(ANCHORS), DRAWS)) + MEANS[list(ANCHORS)][:, None]).ravel()
    at_states = MEANS[:, None] * theta - MEANS[:, None] ** 2 / 2
    return pooled(at_states, ANCHORS, [(4, DRAWS // 4)] * len(ANCHORS), [float(DRAWS)] * len(ANCHORS))


def constants_of(pool, rng, error):
    part = islands_of(pool.shares, pool.slowness, THIN_OVERLAP)
    assert part.tolist() == [0, 0, 1, 1]
    assert not pool.islands.any()
    return part_constants(pool, part, [0, 2], error * rng.normal(size=2), np.full(2, error**2))


def squared_and_covered(pairs, error):
    """Mean square errors without and with constants of such an error, and how often 90% intervals of these covered."""
    squares, hits, replications = np.zeros(2), 0, 200
    for seed in range(replications):
        rng = np.random.default_rng(seed)
        pool = thin_pool(rng)
        constants = constants_of(pool, rng, error)
        for target, state in pairs:
            exact = (MEANS[target] - MEANS[state]) ** 2 / 2
            (alone,), _ = debts(pool, target, [state])
            (tied,), standard_error = debts(pool, target, [state], constants)
            squares += (alone - exact) ** 2, (tied - exact) ** 2
            hits += abs(tied - exact) <= 1.645 * standard_error[0]
    return squares / replications / len(pairs), hits / replications / len(pairs)


@pytest.mark.parametrize(("error", "ratio"), [(0.01, 0.7), (0.2, 0.95)])
def test_debts_across_a_thin_place_are_better_by_constants_and_their_errors_cover(error, ratio):
    (alone, tied), covered = squared_and_covered([(4, 1), (1, 4)], error)
    assert tied < ratio * alone
    assert (
        0.85 < covered < 0.96
    )  # .90 less and plus 2.5 binomial errors of 200 replications, and blocks know a bit less


def test_debts_within_a_part_and_constants_that_say_little_leave_things_as_they_are():
    rng = np.random.default_rng(1)
    pool = thin_pool(rng)
    plain = debts(pool, 4, range(4))
    within = debts(pool, 2, [0, 1])
    known, vague = constants_of(pool, rng, 0.01), constants_of(pool, rng, 1e4)
    np.testing.assert_allclose(debts(pool, 2, [0, 1], known), within, atol=1e-2)
    np.testing.assert_allclose(debts(pool, 4, range(4), vague), plain, rtol=1e-3)
    assert (np.array(debts(pool, 4, range(3), known))[1] < 0.7 * plain[1][:3]).all()


def test_what_all_constants_share_says_nothing():
    pool = thin_pool(np.random.default_rng(2))
    at = [
        debts(
            pool, 4, range(4), part_constants(pool, np.array([0, 0, 1, 1]), [0, 2], np.full(2, level), np.full(2, 1e-4))
        )
        for level in (0.0, 700.0)
    ]
    np.testing.assert_allclose(*at, rtol=1e-9)


def test_constants_that_the_pool_contradicts_are_left_out():
    rng = np.random.default_rng(1)
    pool = thin_pool(rng)
    part = islands_of(pool.shares, pool.slowness, THIN_OVERLAP)
    wrong = part_constants(pool, part, [0, 2], np.array([0.0, 3.0]), np.full(2, 1e-4))  # truly alike
    plain, tied = debts(pool, 4, range(4)), debts(pool, 4, range(4), wrong)
    np.testing.assert_allclose(tied[0], plain[0])
    np.testing.assert_allclose(tied[1], plain[1])
