"""Mixtures of weighted draws, and of draws made together.

theta ~ N(0, t^2) is weighted to N(a, t^2), and y | theta ~ N(theta, 1).
"""

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.predictive import mixture

Z90 = stats.norm.ppf(0.95)
SPREAD = 0.3


def divergence_of_normals(shift):
    return shift**2 / 2 / (1 + SPREAD**2)


def weighted_pair(rng, y, shift, shape, together):
    """Mixture of N(0, t^2) draws weighted to N(shift, t^2), and one of plain draws: the same ones or others."""
    theta = rng.normal(0.0, SPREAD, size=shape)
    other = theta if together else rng.normal(0.0, SPREAD, size=shape)
    weight = np.exp(shift * theta / SPREAD**2)
    return (
        mixture.mixture(stats.norm.logpdf(y, theta[..., None]), weight, "anchor"),
        mixture.mixture(stats.norm.logpdf(y, other[..., None]), None, "anchor" if together else "other"),
    )


def four_sigma(trials):
    return 4 * np.sqrt(0.09 / trials)


def test_a_weight_of_three_is_three_draws():
    log_density = np.random.default_rng(71).normal(size=(2, 20, 4))
    weight = np.array([1.0, 3.0])[:, None] * np.ones((2, 20))
    weighted = mixture.mixture(log_density, weight)
    repeated = mixture.mixture(np.concatenate([log_density[:1], *[log_density[1:]] * 3]))
    np.testing.assert_allclose(weighted.log_density, repeated.log_density)
    np.testing.assert_allclose(weighted.ratio.mean(axis=(0, 1)), 1.0)
    np.testing.assert_allclose(weighted.ratio[0], repeated.ratio[0] * 0.5)  # weights .5 and 1.5
    assert weighted.weight.mean() == pytest.approx(1.0)


def test_a_draw_that_weighs_nothing_may_have_any_density():
    log_density = np.zeros((1, 3, 1))
    log_density[0, 1] = 900.0
    result = mixture.mixture(log_density, [[1.0, 0.0, 1.0]])
    assert result.log_density == pytest.approx(0.0)
    assert result.ratio[0, 1] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("together", [True, False])
def test_intervals_of_the_score_gap_of_weighted_draws_cover(together):
    """400 draws, 5 outcomes, 1000 replications, 4 binomial sigma and .01 for the delta method."""
    rng, repeats, shift = np.random.default_rng(72), 1000, 0.2
    y = rng.normal(0.5, 1.1, size=5)
    scale = np.sqrt(1 + SPREAD**2)
    exact = float(np.mean(stats.norm.logpdf(y, shift, scale) - stats.norm.logpdf(y, 0.0, scale)))
    misses = []
    for _ in range(repeats):
        gap = mixture.score_gap(*weighted_pair(rng, y, shift, (4, 100), together))
        misses.append((gap.value - exact) / gap.standard_error)
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < four_sigma(repeats) + 0.01
    assert abs(np.mean(misses)) < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("together", [True, False])
def test_intervals_of_the_divergence_of_weighted_draws_cover(together):
    """1000 draws, 1000 replications, divergence .018 nats; bias after the correction a fifth of the error at most."""
    rng, repeats, shift = np.random.default_rng(73), 1000, 0.2
    y = np.linspace(-8, 8, 31)
    values, errors = [], []
    for _ in range(repeats):
        pair = weighted_pair(rng, y, shift, (4, 250), together)
        mass = np.exp(pair[0].log_density)
        found = mixture.divergence(*pair, mass / mass.sum())
        values.append(found.value)
        errors.append(found.standard_error)
    misses = (np.array(values) - divergence_of_normals(shift)) / errors
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < four_sigma(repeats)
    assert abs(np.mean(values) - divergence_of_normals(shift)) < 0.2 * np.std(values)


@pytest.mark.slow
def test_the_bias_of_a_divergence_is_that_of_the_difference_of_what_was_drawn_together():
    """Weights of a tiny shift: a correction by the sum of both variances would be far too large."""
    rng, y, shift = np.random.default_rng(74), np.linspace(-8, 8, 41), 0.03
    for together in (True, False):
        pairs = [weighted_pair(rng, y, shift, (4, 100), together) for _ in range(400)]
        probabilities = [np.exp(one.log_density) / np.exp(one.log_density).sum() for one, _ in pairs]
        plug_in = [mixture.plug_in_divergence(*pair, p) for pair, p in zip(pairs, probabilities, strict=True)]
        corrected = [mixture.divergence(*pair, p).value for pair, p in zip(pairs, probabilities, strict=True)]
        bias = np.mean(plug_in) - divergence_of_normals(shift)
        assert np.mean(plug_in) - np.mean(corrected) == pytest.approx(
            bias, abs=4 * np.std(plug_in) / 20 + 0.2 * abs(bias)
        )
        assert (bias < 1e-5) == together


@pytest.mark.parametrize("weighted", [True, False])
def test_the_same_draws_with_the_same_weights_differ_by_nothing_and_that_is_certain(weighted):
    rng = np.random.default_rng(75)
    log_density, y = rng.normal(size=(4, 100, 5)), np.full(5, 0.2)
    weight = rng.exponential(size=(4, 100)) if weighted else None
    first, second = (mixture.mixture(log_density.copy(), weight, "anchor") for _ in range(2))
    certain = mixture.MonteCarlo(0.0, 0.0, 0.0, np.inf)  # any number of draws would say the same
    assert mixture.score_gap(first, second) == certain
    assert mixture.divergence(first, second, y) == certain


def test_what_few_draws_carry_is_not_trusted_although_errors_cancel():
    """One draw has all the weight: every outcome is carried by it alone."""
    log_density, weight = np.random.default_rng(76).normal(size=(4, 100, 5)), np.full((4, 100), 1e-9)
    weight[1, 3] = 1.0
    carried = mixture.mixture(log_density, weight, "anchor"), mixture.mixture(log_density, None, "anchor")
    assert mixture.score_gap(*carried).relative_variance > 0.5


def test_draws_made_together_must_be_as_many():
    few, many = (mixture.mixture(np.zeros((2, n, 1)), None, "anchor") for n in (10, 20))
    with pytest.raises(ValueError, match=r"\(2, 10\) and \(2, 20\) .* thin both alike"):
        mixture.score_gap(few, many)


@pytest.mark.parametrize(
    ("weight", "message"),
    [(np.ones(6), "must have shape"), (-np.ones((2, 3)), "at least 0"), (np.zeros((2, 3)), "not all 0")],
)
def test_weights_that_fit_no_draws_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        mixture.mixture(np.zeros((2, 3, 1)), weight)
