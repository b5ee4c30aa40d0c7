"""Debt from normalised log densities, against normals and mean-field regressions whose divergence is known."""

import numpy as np
import pytest
from scipy import stats

from learning_debt.debt.from_densities import debt_from_densities

Z90 = stats.norm.ppf(0.95)


def normals(rng, shift, spread, shape=(4, 250)):
    """Log densities of N(shift, 1) and N(0, spread^2) at draws of the first, and their divergence."""
    draws = rng.normal(shift, 1.0, size=shape)
    exact = np.log(spread) + (1 + shift**2) / (2 * spread**2) - 0.5
    return stats.norm.logpdf(draws, shift, 1.0), stats.norm.logpdf(draws, 0.0, spread), exact


@pytest.mark.parametrize(("shift", "spread"), [(0.3, 1.0), (1.0, 1.5), (8.0, 1.0)])
def test_intervals_cover(shift, spread):
    """Debts of .045, .35 and 32 nats; 1000 replications, 4 binomial sigma, all reliable."""
    rng, misses = np.random.default_rng(1), []
    for _ in range(1000):
        shadow, deployed, exact = normals(rng, shift, spread)
        found = debt_from_densities(shadow, deployed)
        assert found.reliable
        misses.append((found.value - exact) / found.standard_error)
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * np.sqrt(0.09 / 1000)
    assert np.abs(misses).max() < 5


def both_sides(rng, shift, spread, shape=(4, 250)):
    """The same with log densities at draws of N(0, spread^2), too."""
    other = rng.normal(0.0, spread, size=shape)
    return *normals(rng, shift, spread, shape)[:2], stats.norm.logpdf(other, shift), stats.norm.logpdf(other, 0, spread)


def test_where_posteriors_lie_far_apart_normalisation_is_not_checked_and_that_is_said():
    found = debt_from_densities(*both_sides(np.random.default_rng(2), 8.0, 1.0))
    assert found.reliable
    assert "too far apart to check" in found.note
    assert found.diagnostics["overlap"] < 1


@pytest.mark.parametrize(("shift", "spread"), [(0.3, 1.0), (1.0, 1.5), (0.0, 2.0), (1.5, 1.0), (0.5, 0.5)])
def test_normalised_densities_raise_no_alarm(shift, spread):
    """Light tails and heavy ones of q/p, 200 pairs each with draws of both and of the shadow alone."""
    rng = np.random.default_rng(11)
    for _ in range(200):
        densities = both_sides(rng, shift, spread)
        assert debt_from_densities(*densities).reliable
        assert debt_from_densities(*densities[:2]).reliable


@pytest.mark.parametrize("constant", [-0.5, -0.1, 0.1, 0.5])
def test_a_density_that_is_not_normalised_contradicts_the_draws(constant):
    """With draws of both, whatever the constant; from the shadow's alone, one that makes the total exceed 1."""
    shadow, deployed, *other = both_sides(np.random.default_rng(3), 0.3, 1.0)
    found = debt_from_densities(shadow, deployed + constant, other[0], other[1] + constant)
    assert not found.reliable
    assert "normalised" in found.note
    assert found.value >= 0
    assert found.diagnostics["log_normaliser"] == pytest.approx(-constant, abs=0.05)
    assert debt_from_densities(shadow, deployed + constant).reliable == (constant < 0)
    assert debt_from_densities(shadow, shadow + constant).reliable == (constant < 0)


def test_draws_that_are_not_the_shadows_contradict_its_density():
    rng = np.random.default_rng(4)
    draws, other = rng.normal(0.5, 1.0, size=(4, 500)), rng.normal(size=(4, 500))
    densities = [density for at in (draws, other) for density in (stats.norm.logpdf(at, 0.3), stats.norm.logpdf(at))]
    assert not debt_from_densities(*densities).reliable


def test_approximations_have_a_debt_of_their_own_which_log_likelihoods_miss():
    """Two mean-field normals: the densities give KL between the approximations."""
    rng, spreads, shift = np.random.default_rng(5), np.array([[0.5, 0.8], [0.7, 1.0]]), np.array([0.4, -0.2])
    draws = shift + spreads[0] * rng.normal(size=(4, 1000, 2))
    shadow = stats.norm.logpdf(draws, shift, spreads[0]).sum(-1)
    deployed = stats.norm.logpdf(draws, 0.0, spreads[1]).sum(-1)
    ratio = spreads[0] ** 2 / spreads[1] ** 2
    exact = 0.5 * (ratio - 1 - np.log(ratio) + shift**2 / spreads[1] ** 2).sum()
    found = debt_from_densities(shadow, deployed)
    assert found.reliable
    assert abs(found.value - exact) < 4 * found.standard_error


def test_weighted_draws_of_the_shadow():
    """Draws of N(0, 1.3^2) that weigh as N(.5, 1); one without weight may have no density at all. 200 replications."""
    rng, misses = np.random.default_rng(6), []
    for _ in range(200):
        draws = rng.normal(0.0, 1.3, size=(4, 250))
        shadow, deployed = stats.norm.logpdf(draws, 0.5), stats.norm.logpdf(draws, 0.0, 1.2)
        weight = np.exp(shadow - stats.norm.logpdf(draws, 0.0, 1.3))
        shadow[0, 0], deployed[0, 0], weight[0, 0] = -np.inf, -np.inf, 0.0
        found = debt_from_densities(shadow, deployed, weight_shadow=weight)
        assert found.reliable
        misses.append((found.value - np.log(1.2) - 1.25 / 2.88 + 0.5) / found.standard_error)
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * np.sqrt(0.09 / 200)
    one = np.zeros((4, 250))
    one[0, 1] = 1.0
    assert not debt_from_densities(shadow, deployed, weight_shadow=one).reliable


def test_a_posterior_against_itself_and_few_draws():
    shadow, deployed, _ = normals(np.random.default_rng(7), 0.3, 1.0)
    same = debt_from_densities(shadow, shadow)
    assert (same.value, same.standard_error, same.reliable) == (0.0, 0.0, True)
    few = debt_from_densities(shadow[:, :10], deployed[:, :10])
    assert not few.reliable
    assert "draw more" in few.note


def test_a_deployed_posterior_without_density_is_infinitely_far():
    shadow, deployed, _ = normals(np.random.default_rng(8), 0.3, 1.0)
    deployed[1, 4] = -np.inf
    found = debt_from_densities(shadow, deployed)
    assert found.value == np.inf
    assert not found.reliable
    assert found.lower_bound


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"deployed_at_shadow": np.zeros((2, 9))}, "deployed_at_shadow must have shape"),
        ({"shadow_at_shadow": np.zeros(10)}, "shadow_at_shadow must have shape"),
        ({"shadow_at_shadow": np.full((2, 10), np.nan)}, "shadow_at_shadow holds NaN"),
        ({"shadow_at_shadow": np.full((2, 10), -np.inf)}, "no density at a draw of its own"),
        ({"weight_shadow": np.ones((2, 9))}, "weight_shadow must have shape"),
        ({"weight_shadow": -np.ones((2, 10))}, "at least 0"),
        ({"shadow_at_deployed": np.zeros((2, 10))}, "give both or neither"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, message):
    arguments = {"shadow_at_shadow": np.zeros((2, 10)), "deployed_at_shadow": np.zeros((2, 10))} | change
    with pytest.raises(ValueError, match=message):
        debt_from_densities(**arguments)
