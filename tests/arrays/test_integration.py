"""Divergences on points and on random points, against closed forms and scipy's integration of single densities."""

import numpy as np
import pytest
from scipy import integrate, stats

from learning_debt.arrays.predictive import mixture, quadrature
from learning_debt.arrays.predictive.integration import Points, average, by_rule, integral


def single(law, y):
    """A posterior of two equal draws: no error but that of the points."""
    return mixture.mixture(np.tile(law.logpdf(y), (1, 2, 1)))


def held(shadow, deployed, y, weights, coarse):
    density = shadow.pdf(y)
    points = Points(single(shadow, y), (density * weights)[None], (density * coarse)[None], len(y))
    return integral(points, single(deployed, y))


def exact(shadow, deployed, low=-np.inf, high=np.inf):
    def integrand(y):
        return shadow.pdf(y) * (shadow.logpdf(y) - deployed.logpdf(y))

    middle = float(shadow.median())
    return sum(integrate.quad(integrand, *ends, limit=500, epsabs=1e-11)[0] for ends in ((low, middle), (middle, high)))


PAIRS = {
    "exponential": (stats.expon(), stats.expon(scale=1.5), 0.0, np.inf),
    "gamma of shape .6": (stats.gamma(0.6), stats.gamma(0.7, scale=1.2), 0.0, np.inf),
    "half-normal": (stats.halfnorm(), stats.halfnorm(scale=1.3), 0.0, np.inf),
    "Pareto": (stats.pareto(1.1), stats.pareto(1.4), 1.0, np.inf),
    "beta": (stats.beta(0.8, 3), stats.beta(1.2, 2.8), 0.0, 1.0),
    "uniform": (stats.uniform(), stats.beta(1, 1.2), 0.0, 1.0),
    "below an edge": (stats.weibull_max(1.4, 2.0), stats.weibull_max(1.2, 2.0, 1.1), -np.inf, 2.0),
    "no edge": (stats.norm(0.3, 1.2), stats.norm(), -np.inf, np.inf),
}


@pytest.mark.parametrize("points", [33, 129])
@pytest.mark.parametrize("name", PAIRS)
def test_integrals_up_to_an_edge_and_what_is_said_of_their_error(name, points):
    """The error said is no less than half the true one, and under a quarter of the value at 33 points."""
    shadow, deployed, low, high = PAIRS[name]
    truth = exact(shadow, deployed, low, high)
    for seed in range(5):
        draws = shadow.rvs(1000, random_state=np.random.default_rng(seed))
        found = held(shadow, deployed, *quadrature.between(draws, points, low, high))
        said = np.hypot(found.unresolved, found.left_out)
        assert abs(found.found.value - truth) < 2 * said + 1e-7
        assert said < (0.25 if points == 33 else 1e-3) * truth


@pytest.mark.parametrize("low", [-1.0, 0.0, 12.5])
def test_points_between_edges_lie_between_them(low):
    rng = np.random.default_rng(3)
    draws = low + rng.uniform(size=500) ** 8
    for edges in ((low, low + 1), (low, np.inf), (-np.inf, low + 1)):
        y, weights, coarse = quadrature.between(draws, 33, *edges)
        assert ((y >= edges[0]) & (y <= edges[1])).all()
        assert (weights >= 0).all()
        np.testing.assert_allclose(coarse[::2], 2 * weights[::2])


def test_many_densities_are_judged_as_each_alone():
    """One that is the shadow's own, a near and a far one, one mostly beyond the points, one that ends."""
    y = np.linspace(-8, 8, 65)
    mass = stats.norm.pdf(y)[None] * (y[1] - y[0])
    coarse = np.zeros_like(mass)
    coarse[:, ::2] = 2 * mass[:, ::2]
    points = Points(single(stats.norm(), y), mass, coarse, len(y))
    deployed = np.stack([stats.norm.logpdf(y, mean) for mean in (0.0, 0.1, 3.0, 12.0)])
    deployed = np.vstack([deployed, np.where(y > 2, -np.inf, deployed[0])])
    together = by_rule(points, deployed)
    for rule, density in zip(together, deployed, strict=True):
        (alone,) = by_rule(points, density[None])
        assert (rule.others is None) == (alone.others is None)
        for one, other in zip(rule, alone, strict=True):
            if one is not None:
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)
    assert together[0].unresolved < 1e-12
    assert [rule.others is None for rule in together] == [False, False, False, True, True]
    assert [np.isinf(rule.unresolved) for rule in together] == [False] * 4 + [True]


def test_draws_all_on_the_edges_still_give_points():
    for edges in ((0.0, np.inf), (0.0, 1.0)):
        y, weights, _ = quadrature.between(np.zeros(10), 33, *edges)
        assert np.isfinite(y).all()
        assert np.isfinite(weights).all()


def test_deployed_tails_beyond_the_points_do_not_change_the_value():
    """t(1.2) holds 3% of its mass beyond 11 standard deviations of the normal: the mean of h is right without it."""
    shadow, deployed = stats.norm(), stats.t(1.2)
    draws = shadow.rvs(1000, random_state=np.random.default_rng(1))
    found = held(shadow, deployed, *quadrature.real_line(draws, 129))
    assert found.found.value == pytest.approx(exact(shadow, deployed, -30, 30), abs=1e-6)
    assert found.left_out < 1e-6


def test_a_mass_of_the_deployed_that_no_point_holds_is_an_error_of_what_the_shadow_may_have_there():
    """A tenth of the deployed mass, and 5e-4 of the shadow's, lie at an atom that is not among the points."""
    small, part = 5e-4, 0.1
    y, weights, coarse = quadrature.real_line(stats.norm.rvs(size=1000, random_state=1), 65)
    density = (1 - small) * stats.norm.pdf(y)
    shadow = mixture.mixture(np.tile(np.log(density), (1, 2, 1)))
    deployed = mixture.mixture(np.tile(np.log((1 - part) * stats.norm.pdf(y)), (1, 2, 1)))
    found = integral(Points(shadow, (density * weights)[None], (density * coarse)[None], 65), deployed)
    truth = (1 - small) * np.log((1 - small) / (1 - part)) + small * np.log(small / part)
    assert found.found.value == pytest.approx(np.log((1 - small) / (1 - part)), rel=1e-6)
    assert abs(found.found.value - truth) < found.left_out * 1.2
    assert found.left_out < 2 * abs(found.found.value - truth)


def test_a_heavy_tail_of_the_shadow_beyond_the_points_is_an_error():
    shadow, deployed = stats.t(1.2), stats.t(20)
    draws = shadow.rvs(500, random_state=np.random.default_rng(2))
    near = held(shadow, deployed, *quadrature.real_line(draws, 129))
    far = held(shadow, deployed, *quadrature.real_line(draws, 513, reach=1e6))
    assert near.left_out > 0.5 * abs(near.found.value - far.found.value) > 0.01
    assert far.left_out < 1e-4


AVERAGED = {
    "near": (stats.norm(0.2, 1), stats.norm()),
    "far": (stats.norm(2, 0.5), stats.norm()),
    "lighter": (stats.norm(), stats.t(1.5)),
    "jump": (stats.expon(scale=0.5), stats.expon()),
    "nowhere": (stats.uniform(0, 0.8), stats.uniform()),
}


@pytest.mark.parametrize("name", AVERAGED)
def test_averages_over_draws_of_both_cover(name):
    """450 and 150 draws, 1,000 replications; 90% within 4 binomial sigma and .01, for skewed terms."""
    shadow, deployed = AVERAGED[name]
    truth, rng, misses = exact(shadow, deployed, *shadow.support()), np.random.default_rng(4), []
    for _ in range(1000):
        y = np.concatenate([shadow.rvs(450, random_state=rng), deployed.rvs(150, random_state=rng)])
        shares = np.full(450, 1 / 450), np.full(150, 1 / 150)
        with np.errstate(divide="ignore"):
            found, probability = average(single(shadow, y), single(deployed, y), shares, 0.75)
        misses.append((found.found.value - truth) / found.standard_error)
        assert probability.sum() == pytest.approx(1)
    covered = np.mean(np.abs(misses) < stats.norm.ppf(0.95))
    assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / 1000) + 0.01
    assert np.abs(misses).max() < 6


def test_a_mass_that_was_not_drawn_at_all_is_an_error():
    """Deployed draws miss the fifth of their mass that lies beyond the shadow's."""
    y = np.linspace(0.001, 0.799, 400)
    shares = np.full(300, 1 / 300), np.full(100, 1 / 100)
    found, _ = average(single(stats.uniform(0, 0.8), y), single(stats.uniform(), y), shares, 0.75)
    assert abs(found.found.value - np.log(1.25)) < 2 * found.standard_error
    assert found.left_out > 0.1


def test_a_mass_that_the_shadow_never_draws_is_found_by_draws_of_the_deployed():
    """A third of the deployed mass lies at 9, where the shadow has none: its divergence is log 1.5."""
    rng = np.random.default_rng(5)
    y = np.concatenate([rng.normal(size=300), np.where(rng.random(100) < 1 / 3, 9.0, rng.normal(size=100))])
    at_atom = y == 9.0
    normal = stats.norm.logpdf(y)
    shadow = mixture.mixture(np.tile(np.where(at_atom, -np.inf, normal), (1, 2, 1)))
    deployed = mixture.mixture(np.tile(np.where(at_atom, np.log(1 / 3), np.log(2 / 3) + normal), (1, 2, 1)))
    found, _ = average(shadow, deployed, (np.full(300, 1 / 300), np.full(100, 1 / 100)), 0.75)
    assert abs(found.found.value - np.log(1.5)) < 4 * found.standard_error
    assert found.standard_error < 0.06


def test_the_points_that_carry_an_average_are_counted():
    """A hundredth of the outcomes have all of the divergence; where all have the same, all carry it."""
    y = np.r_[np.zeros(297), np.ones(3), np.zeros(99), np.ones(1)]
    shares = np.full(300, 1 / 300), np.full(100, 1 / 100)
    laws = [mixture.mixture(np.tile(np.where(y == 1, at_one, 0.0), (1, 2, 1))) for at_one in (2.0, 0.0)]
    few, _ = average(*laws, shares, 0.75)
    assert few.carried == pytest.approx(4)
    equal = [mixture.mixture(np.full((1, 2, 400), level)) for level in (0.5, 0.0)]
    all_of_them, _ = average(*equal, shares, 0.75)
    assert all_of_them.carried == pytest.approx(400)


def test_the_error_of_an_average_allows_for_its_own_error():
    """One standard error of the variance on top of it: three points carry the shadow's part, one the other."""
    y = np.r_[np.zeros(297), np.ones(3), np.zeros(99), np.ones(1)]
    shares = np.full(300, 1 / 300), np.full(100, 1 / 100)
    laws = [mixture.mixture(np.tile(np.where(y == 1, at_one, 0.0), (1, 2, 1))) for at_one in (2.0, 0.0)]
    found, _ = average(*laws, shares, 0.75)
    term = np.exp(2.0) * (2 + np.expm1(-2.0)) / (0.75 * np.exp(2.0) + 0.25)
    variances = np.array([3, 1]) * term**2 / 400**2
    assert found.unresolved == pytest.approx(np.sqrt(variances @ (1 + 1 / np.sqrt([3, 1]))), rel=0.01)
