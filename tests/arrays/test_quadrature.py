"""Quadrature rules set by draws, against scipy's own integration of known densities."""

import numpy as np
import pytest
from scipy import integrate, stats

from learning_debt.arrays import quadrature


class TwoNormals:
    """.3 N(-4, .5^2) + .7 N(2, 1)."""

    parts = ((0.3, stats.norm(-4, 0.5)), (0.7, stats.norm(2, 1)))

    def __init__(self, shift=0.0):
        self.shift = shift

    def pdf(self, y):
        return sum(weight * part.pdf(y - self.shift) for weight, part in self.parts)

    def logpdf(self, y):
        return np.log(self.pdf(y))

    def rvs(self, size, random_state):
        first = random_state.uniform(size=size) < self.parts[0][0]
        return self.shift + np.where(first, *(part.rvs(size, random_state=random_state) for _, part in self.parts))


# shadow, deployed, where the mass lies
PAIRS = {
    "normal": (stats.norm(0.3, 1.2), stats.norm(0, 1), (-20, 20)),
    "normal far from zero": (stats.norm(1e6, 3), stats.norm(1e6 + 2, 4), (1e6 - 60, 1e6 + 60)),
    "student": (stats.t(3, 0.5, 1), stats.t(3, 0, 1.5), (-np.inf, np.inf)),
    "lognormal": (stats.lognorm(0.8, scale=1.2), stats.lognorm(1.0), (0, np.inf)),
    "two normals": (TwoNormals(0.2), TwoNormals(), (-30, 30)),
}
CASES = pytest.mark.parametrize("name", PAIRS)


def reference(shadow, deployed, limits):
    def integrand(y):
        return shadow.pdf(y) * (shadow.logpdf(y) - deployed.logpdf(y))

    points = {} if np.isinf(limits).any() else {"points": (np.mean(limits),)}
    value, error = integrate.quad(integrand, *limits, limit=500, epsabs=1e-11, **points)
    assert error < 1e-7
    return value


def rule(shadow, points, seed=1, draws=2000):
    return quadrature.real_line(shadow.rvs(draws, random_state=np.random.default_rng(seed)), points)


def terms(shadow, deployed, y, weights):
    """Mass and divergence integrands times their weights; zero where the shadow has no density."""
    density = shadow.pdf(y)
    inside = density > 0
    log_ratio = np.zeros_like(y)
    log_ratio[inside] = shadow.logpdf(y[inside]) - deployed.logpdf(y[inside])
    return weights * density, weights * density * log_ratio


@CASES
def test_mass_and_divergence_of_the_fine_rule(name):
    shadow, deployed, limits = PAIRS[name]
    y, weights = rule(shadow, 257)
    mass, divergence = terms(shadow, deployed, y, weights)
    # The lognormal ends abruptly on this scale and Student-t(3) loses 1e-5 beyond the range; the rest is exact.
    tolerance = {"lognormal": 1e-4, "student": 1e-4}.get(name, 1e-7)
    assert mass.sum() == pytest.approx(1, abs=tolerance)
    assert divergence.sum() == pytest.approx(reference(shadow, deployed, limits), abs=tolerance)


@pytest.mark.parametrize("name", ["normal", "normal far from zero", "student"])
def test_the_coarse_rule_is_enough_for_one_hump(name):
    shadow, deployed, limits = PAIRS[name]
    mass, divergence = terms(shadow, deployed, *rule(shadow, 65))
    assert mass.sum() == pytest.approx(1, abs=1e-4)
    assert divergence.sum() == pytest.approx(reference(shadow, deployed, limits), abs=1e-4)


@CASES
def test_every_second_point_is_the_rule_of_half_the_resolution(name):
    shadow, _, _ = PAIRS[name]
    y, weights = rule(shadow, 129)
    half_y, half_weights = rule(shadow, 65)
    coarse = quadrature.every_second(weights)
    np.testing.assert_allclose(y[::2], half_y, rtol=1e-12)
    np.testing.assert_allclose(coarse[::2], half_weights, rtol=1e-12)
    np.testing.assert_array_equal(coarse[1::2], 0.0)


def test_every_second_goes_along_the_last_axis():
    coarse = quadrature.every_second(np.arange(10.0).reshape(2, 5))
    np.testing.assert_array_equal(coarse, [[0, 0, 4, 0, 8], [10, 0, 14, 0, 18]])


def test_the_range_is_three_times_that_of_the_draws():
    draws = np.random.default_rng(2).standard_t(3, size=500) + 7
    y, weights = quadrature.real_line(draws, 65)
    centre = np.median(draws)
    assert y[32] == pytest.approx(centre)
    assert y[-1] - centre == pytest.approx(3 * np.abs(draws - centre).max())
    assert centre - y[0] == pytest.approx(y[-1] - centre)
    assert (np.diff(y) > 0).all()
    assert (weights > 0).all()


@pytest.mark.parametrize(
    "draws", [np.full(50, 3.0), np.zeros(50), np.append(np.full(50, 3.0), 4.0), np.array([2.5])], ids=str
)
def test_draws_that_are_all_or_nearly_equal_still_give_a_rule(draws):
    y, weights = quadrature.real_line(draws, 65)
    assert np.isfinite(y).all()
    assert (np.diff(y) > 0).all()
    assert (weights > 0).all()
    assert y[0] < draws.min() < y[-1]


@pytest.mark.parametrize("law", [stats.poisson(0.2), stats.poisson(40), stats.nbinom(1.5, 0.1)], ids=str)
def test_counts_reach_far_enough_for_their_mass_and_mean(law):
    support, weights = quadrature.counts(law.rvs(1000, random_state=np.random.default_rng(3)), 10_000)
    np.testing.assert_array_equal(support, np.arange(len(support)))
    np.testing.assert_array_equal(weights, 1.0)
    assert weights @ law.pmf(support) == pytest.approx(1, abs=1e-5)
    assert (weights * support) @ law.pmf(support) == pytest.approx(law.mean(), rel=1e-3)


def test_counts_too_many_to_list_are_declined():
    assert quadrature.counts(np.array([3.0, 1995.0]), 4000) is not None
    assert quadrature.counts(np.array([3.0, 1996.0]), 4000) is None
    assert quadrature.counts(np.array([0.0]), 4000)[0][-1] == 10
