"""Errors over pooled draws: the same as the pool's own, and those that repeated samples show."""

import numpy as np
import pytest

from learning_debt.arrays.bridging.multistate import pooled
from learning_debt.arrays.bridging.pooled_marginal_debt import pooled_lower_bound, pooled_marginal_debt
from learning_debt.arrays.draws.effective_size import variance_of_mean
from learning_debt.arrays.draws.fit_shares import FitShares

MEANS = np.array([0.0, 0.6, 1.5])
CHAINS, DRAWS = 4, 240


def pool_of(rng, entries=1):
    """Draws of N(0, 1), N(.6, 1) and N(1.5, 1) in the first entry, N(0, 1) in the others; a pool, and its shares."""
    draws = rng.normal(size=(len(MEANS) * CHAINS, DRAWS, entries))
    draws[..., 0] += np.repeat(MEANS, CHAINS)[:, None]
    theta = draws[..., 0].ravel()
    found = pooled(
        MEANS[:, None] * theta - MEANS[:, None] ** 2 / 2, (0, 1, 2), [(CHAINS, DRAWS)] * 3, [CHAINS * DRAWS] * 3
    )
    shares = FitShares(found.shares.T.reshape(*draws.shape[:2], -1), np.repeat(np.arange(3), CHAINS))
    return draws, found, shares


def test_influences_vary_within_fits_as_those_of_the_pool():
    draws, pool, shares = pool_of(np.random.default_rng(1))
    theta, weight = draws[..., 0], pool.weight[1].reshape(draws.shape[:2])
    direct = weight * (theta - (weight * theta).sum())
    own = pool.blocks.variance(pool.influence_sums(direct.ravel()))
    assert pool.blocks.variance(pool.blocks.sums(shares.whole(direct).ravel())) == pytest.approx(own, rel=1e-9)
    assert theta.size**2 * variance_of_mean(shares.whole(direct)) == pytest.approx(own, rel=0.25)
    assert variance_of_mean(direct) > 1.5 * variance_of_mean(shares.whole(direct))


def test_marginal_debts_of_normals():
    """200 pools: errors are those that the pools show, and no estimate is far off."""
    rng, exact = np.random.default_rng(2), 1.5**2 / 2
    values, errors = [], []
    for _ in range(200):
        draws, pool, shares = pool_of(rng, 2)
        weights = pool.weight[[2, 0]].reshape(2, *draws.shape[:2])
        found = pooled_marginal_debt(draws[..., :1], *weights, shares)
        values.append(found.value)
        errors.append(found.standard_error)
        assert found.support > 100
    z = (np.array(values) - exact) / errors
    assert abs((np.abs(z) < 1.645).mean() - 0.9) < 4 * np.sqrt(0.09 / 200)
    assert np.abs(z).max() < 4.5
    assert pooled_marginal_debt(draws[..., 1:], *weights, shares).value < 0.02
    assert abs(found.if_gaussian - exact) < 0.3


def test_a_lower_bound_is_below_the_truth_and_far_from_nothing():
    rng, exact = np.random.default_rng(3), 1.5**2 / 2
    bounds = []
    for _ in range(40):
        draws, pool, shares = pool_of(rng)
        bounds.append(pooled_lower_bound(draws, *pool.weight[[2, 0]].reshape(2, *draws.shape[:2]), shares))
    assert 0.3 * exact < np.min(bounds)
    assert np.max(bounds) < exact
