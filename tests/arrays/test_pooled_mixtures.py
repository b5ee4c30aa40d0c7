"""Densities of many posteriors from one pool, and what each draw adds to their errors."""

import numpy as np
import pytest

from learning_debt.arrays.bridging.multistate import pooled
from learning_debt.arrays.predictive.pooled_mixtures import influence_sums, influence_sums_of, point_densities

MEANS = np.array([0.0, 0.5, 1.0])
POINTS = np.linspace(-3, 4, 9)


@pytest.fixture(scope="module")
def pool_and_densities():
    rng = np.random.default_rng(1)
    theta = np.concatenate([rng.normal(mean, 1, 2000) for mean in MEANS[[0, 2]]])
    log_likelihood = MEANS[:, None] * theta - MEANS[:, None] ** 2 / 2
    pool = pooled(log_likelihood, (0, 2), [(4, 500)] * 2, [2000, 2000])
    return pool, point_densities(pool, -0.5 * (POINTS - theta[:, None]) ** 2 - 0.9189385, [0, 1, 2])


def test_predictive_densities_are_the_closed_form(pool_and_densities):
    """A normal mean of spread 1 and noise of spread 1."""
    _, densities = pool_and_densities
    expected = -((POINTS - MEANS[:, None]) ** 2) / 4 - 0.5 * np.log(4 * np.pi)
    np.testing.assert_allclose(densities.log_density, expected, atol=0.2)


@pytest.mark.parametrize("state", [0, 1, 2])
def test_influences_of_one_state_are_the_same_point_by_point(pool_and_densities, state):
    pool, densities = pool_and_densities
    parts = np.random.default_rng(2).random((4, POINTS.size))
    one_by_one = [influence_sums(pool, densities, [state], part[None])[0] for part in parts]
    np.testing.assert_allclose(influence_sums_of(pool, densities, state, parts), one_by_one, atol=1e-7)
