"""Mixtures of draws against closed forms: theta ~ N(a, t^2) and y | theta ~ N(theta, 1) give f = N(a, 1 + t^2)."""

import numpy as np
import pytest
from scipy import signal, stats

from learning_debt.arrays.draws.effective_size import ENOUGH, chosen_inflation, effective_size
from learning_debt.arrays.predictive import mixture

Z90 = stats.norm.ppf(0.95)
CHAINS, DRAWS = 4, 50


def normal_mixture(rng, y, centre, spread, shape=(CHAINS, DRAWS)):
    theta = rng.normal(centre, spread, size=shape)
    return mixture.mixture(stats.norm.logpdf(y, theta[..., None]))


def divergence_of_normals(centre_p, variance_p, centre_q, variance_q):
    ratio = variance_p / variance_q
    return (ratio - 1 - np.log(ratio) + (centre_p - centre_q) ** 2 / variance_q) / 2


def line(points=61, reach=8.0):
    y = np.linspace(-reach, reach, points)
    return y, np.full(points, y[1] - y[0])


def probabilities(shadow, weights):
    mass = np.exp(shadow.log_density) * weights
    return mass / mass.sum()


def four_sigma(probability, trials):
    return 4 * np.sqrt(probability * (1 - probability) / trials)


def test_a_mixture_is_the_log_of_the_mean_density():
    density = np.array([[[0.2, 1.0], [0.6, 3.0]], [[0.1, 0.0], [0.3, 4.0]]])  # (chain, draw, point)
    with np.errstate(divide="ignore"):
        result = mixture.mixture(np.log(density))
    np.testing.assert_allclose(result.log_density, np.log([0.3, 2.0]))
    np.testing.assert_allclose(result.ratio, density / [0.3, 2.0])
    np.testing.assert_allclose(result.ratio.mean(axis=(0, 1)), 1.0)


@pytest.mark.parametrize("offset", [-1e5, 700.0, 1e5])
def test_densities_far_beyond_the_range_of_floats_neither_overflow_nor_vanish(offset):
    log_density = np.random.default_rng(1).normal(size=(2, 30, 4))
    plain, moved = mixture.mixture(log_density), mixture.mixture(log_density + offset)
    np.testing.assert_allclose(moved.log_density - offset, plain.log_density, atol=1e-10)
    np.testing.assert_allclose(moved.ratio, plain.ratio, rtol=1e-9)


def test_a_point_without_density_at_any_draw_is_minus_infinity_with_no_shares():
    log_density = np.zeros((2, 3, 2))
    log_density[..., 1] = -np.inf
    result = mixture.mixture(log_density)
    np.testing.assert_array_equal(result.log_density, [0.0, -np.inf])
    np.testing.assert_array_equal(result.ratio[..., 1], 0.0)


def test_the_gap_of_a_mixture_with_itself_is_zero():
    rng = np.random.default_rng(2)
    one = normal_mixture(rng, rng.normal(size=5), 0.0, 0.5)
    assert mixture.score_gap(one, one).value == 0
    y, weights = line()
    one = normal_mixture(rng, y, 0.0, 0.5)
    assert mixture.plug_in_divergence(one, one, probabilities(one, weights)) == 0
    assert mixture.divergence(one, one, probabilities(one, weights)).value == 0


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "spread_p", "spread_q"), [(0.0, 0.2, 0.2), (0.5, 0.2, 0.6), (1.5, 0.3, 0.3)])
def test_intervals_of_the_score_gap_cover(shift, spread_p, spread_q):
    """200 draws each, 5 fixed outcomes, 2000 replications; 4 binomial sigma."""
    rng, repeats = np.random.default_rng(3), 2000
    y = rng.normal(shift, 1.1, size=5)
    densities = [stats.norm.logpdf(y, a, np.sqrt(1 + t**2)) for a, t in ((shift, spread_p), (0.0, spread_q))]
    exact = float(np.mean(densities[0] - densities[1]))
    misses = []
    for _ in range(repeats):
        gap = mixture.score_gap(normal_mixture(rng, y, shift, spread_p), normal_mixture(rng, y, 0.0, spread_q))
        assert gap.relative_variance < 0.05
        misses.append((gap.value - exact) / gap.standard_error)
    assert (
        abs(np.mean(np.abs(misses) < Z90) - 0.9) < four_sigma(0.9, repeats) + 0.01
    )  # .01: the delta method at S = 200
    assert abs(np.mean(misses)) < 0.25  # bias of the logarithm is small against the error


def test_an_outcome_the_deployed_posterior_rules_out_costs_infinitely_much():
    shadow = mixture.mixture(np.zeros((2, 10, 2)))
    ruled_out = np.zeros((2, 10, 2))
    ruled_out[..., 1] = -np.inf
    assert mixture.score_gap(shadow, mixture.mixture(ruled_out)).value == np.inf
    assert mixture.divergence(shadow, mixture.mixture(ruled_out), np.array([0.5, 0.5])).value == np.inf
    at_the_other_point = mixture.divergence(shadow, mixture.mixture(ruled_out), np.array([1.0, 0.0]))
    assert at_the_other_point.value == 0
    assert at_the_other_point.standard_error == 0


def divergences(shift, spread_p, spread_q, repeats, shape=(CHAINS, DRAWS), seed=4):
    """Corrected estimates, their errors, plug-in values and the exact divergence."""
    rng, (y, weights) = np.random.default_rng(seed), line()
    corrected, plug_in = [], []
    for _ in range(repeats):
        shadow, deployed = (normal_mixture(rng, y, a, t, shape) for a, t in ((shift, spread_p), (0.0, spread_q)))
        probability = probabilities(shadow, weights)
        corrected.append(mixture.divergence(shadow, deployed, probability))
        plug_in.append(mixture.plug_in_divergence(shadow, deployed, probability))
    values, errors = (np.array([getattr(one, name) for one in corrected]) for name in ("value", "standard_error"))
    return values, errors, np.array(plug_in), divergence_of_normals(shift, 1 + spread_p**2, 0.0, 1 + spread_q**2)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "spread_p", "spread_q"), [(0.3, 0.2, 0.2), (0.5, 0.2, 0.6), (1.5, 0.3, 0.3)])
def test_intervals_of_the_divergence_cover(shift, spread_p, spread_q):
    """200 draws each, 1000 replications; divergences .04, .10 and 1.0 nats; 4 binomial sigma."""
    values, errors, _, exact = divergences(shift, spread_p, spread_q, 1000)
    assert abs(np.mean(np.abs(values - exact) < Z90 * errors) - 0.9) < four_sigma(0.9, 1000)
    assert np.abs((values - exact) / errors).max() < 6


@pytest.mark.slow
def test_the_correction_takes_the_bias_of_finite_draws_off():
    """Divergence .0046 nats, 40 draws: the plug-in is too large by about t^2 / S = .002, the corrected one is not."""
    values, _, plug_in, exact = divergences(0.1, 0.3, 0.3, 4000, (2, 20))
    unclipped = plug_in - exact
    assert unclipped.mean() > 4 * unclipped.std() / np.sqrt(len(plug_in))
    assert unclipped.mean() == pytest.approx(0.3**2 / 40, rel=0.25)
    misses = values - exact
    assert abs(misses.mean()) < 4 * misses.std() / np.sqrt(len(values)) + 0.1 * unclipped.mean()  # .1: clipping at 0


def test_a_divergence_is_never_negative_and_shrinks_with_the_draws():
    values, errors, plug_in, _ = divergences(0.0, 0.3, 0.3, 200)
    assert (values >= 0).all()
    assert (plug_in >= values).all()
    more, more_errors, *_ = divergences(0.0, 0.3, 0.3, 20, (4, 2000))
    assert more.mean() < values.mean() / 5
    assert more_errors.mean() < errors.mean() / 5


def chains(rng, shape, correlation):
    noise = np.sqrt(1 - correlation**2) * rng.normal(size=shape)
    noise[:, 0] /= np.sqrt(1 - correlation**2)
    return signal.lfilter([1.0], [1.0, -correlation], noise, axis=-1)


def test_behind_an_error_are_the_effective_draws_of_the_posterior_that_has_fewer():
    """AR(.6): of 4,000 draws 1,000; a mean score is known by its own. Sizes are estimated within 4 sqrt(10 / 1,000)."""
    rng, y = np.random.default_rng(7), np.array([0.7, 1.2])
    few, many = (mixture.mixture(stats.norm.logpdf(y, chains(rng, (4, 1000), one)[..., None], 5)) for one in (0.6, 0.0))
    for pair in ((few, many), (many, few)):
        assert mixture.score_gap(*pair).size == pytest.approx(1000, rel=0.4)
        assert mixture.divergence(*pair, np.array([0.5, 0.5])).size == pytest.approx(1000, rel=0.4)
    assert mixture.mean_score(few).size == pytest.approx(1000, rel=0.4)
    assert mixture.mean_score(many).size > 3000


def test_the_error_of_few_effective_draws_is_that_of_a_value_kept_for_their_number():
    rng, y = np.random.default_rng(8), np.array([0.7, 1.2])
    one = mixture.mixture(stats.norm.logpdf(y, chains(rng, (1, 2000), 0.9)[..., None], 5))
    found, influence = mixture.mean_score(one), one.ratio.mean(axis=-1) - 1
    plain = influence.std(ddof=1) / np.sqrt(effective_size(influence))
    assert found.size == effective_size(influence)
    assert found.standard_error == pytest.approx(plain * chosen_inflation(found.size, found.size / 2000))
    assert found.standard_error > 1.1 * plain


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "most", "least"), [(1000, 0.02, 0.0), (4000, 1.0, 0.97)])
def test_log_scores_of_chains_pass_for_what_they_are_worth_and_have_errors_to_match(draws, most, least):
    """AR(.9), one chain: 1,000 draws are worth 53 and are not relied on, 4,000 are worth 211.

    Parameters are known well against the noise: few draws carry every outcome, and by that alone nearly all would pass.
    1,000 replications; 90% intervals cover within 4 binomial sigma and .02, for errors that are widened or estimated.
    """
    rng, repeats, sd = np.random.default_rng(9), 1000, 0.2
    y, at = np.linspace(-6, 7, 15), np.array([-1.0, 0.2, 1.5])
    spread = np.hypot(1, sd)
    gap = float(np.mean(stats.norm.logpdf(at, 0.4, spread) - stats.norm.logpdf(at, 0.0, spread)))
    truths = np.array([0.4**2 / 2 / spread**2, gap])
    found = []
    for _ in range(repeats):
        thetas = [centre + sd * chains(rng, (1, draws), 0.9)[..., None] for centre in (0.4, 0.0)]
        pair, realised = ([mixture.mixture(-((x - t) ** 2) / 2) for t in thetas] for x in (y, at))
        debt = mixture.divergence(*pair, probabilities(pair[0], 1.0))
        both = debt, mixture.score_gap(*realised)
        found.append([(one.value, one.standard_error, one.size >= ENOUGH, one.relative_variance) for one in both])
    value, error, enough, relative_variance = np.moveaxis(np.array(found), -1, 0)
    assert (relative_variance < 0.01).mean() > 0.95
    share = enough.mean(axis=0)
    assert (share >= least).all()
    assert (share <= most).all()
    if least > 0:
        kept = enough == 1
        covered = np.array([np.mean((np.abs(value - truths) < Z90 * error)[kept[:, k], k]) for k in (0, 1)])
        assert np.abs(covered - 0.9).max() < four_sigma(0.9, repeats) + 0.02
        assert np.abs((value - truths) / error)[kept].max() < 5


def relative_variance_of_normal_mixture(y, centre, spread, draws):
    """E[p(y|theta)^2] / f(y)^2 - 1 over the draws, with E[p^2] = N(y; a, 1/2 + t^2) / (2 sqrt(pi))."""
    square = stats.norm.pdf(y, centre, np.sqrt(0.5 + spread**2)) / (2 * np.sqrt(np.pi))
    return (square / stats.norm.pdf(y, centre, np.sqrt(1 + spread**2)) ** 2 - 1) / draws


def test_relative_variance_is_the_root_mean_square_over_outcomes_of_that_of_the_log_ratio():
    """Of both mixtures together; 4 sigma of its own noise are 20%."""
    rng, y = np.random.default_rng(5), np.array([1.5, 0.0, -0.5])
    shadow, deployed = normal_mixture(rng, y, 0.0, 0.6, (4, 500)), normal_mixture(rng, y, 0.5, 0.3, (4, 500))
    each = relative_variance_of_normal_mixture(y, 0.0, 0.6, 2000) + relative_variance_of_normal_mixture(
        y, 0.5, 0.3, 2000
    )
    gap = mixture.score_gap(shadow, deployed)
    assert gap.relative_variance == pytest.approx(np.sqrt(np.mean(each**2)), rel=0.2)
    weight = np.array([0.2, 0.5, 0.3])
    weighted = mixture.divergence(shadow, deployed, weight)
    assert weighted.relative_variance == pytest.approx(np.sqrt(weight @ each**2), rel=0.2)


def test_one_outcome_far_in_the_tail_is_not_averaged_away():
    """20 outcomes, one of them 9 standard deviations out."""
    rng = np.random.default_rng(6)
    near = rng.normal(size=20)
    shadow = [normal_mixture(rng, y, 0.0, 0.3, (4, 250)) for y in (near, np.append(near[1:], 9.0))]
    deployed = [normal_mixture(rng, y, 0.0, 0.3, (4, 250)) for y in (near, np.append(near[1:], 9.0))]
    gaps = [mixture.score_gap(*pair) for pair in zip(shadow, deployed, strict=True)]
    assert gaps[0].relative_variance < 0.001
    assert gaps[1].relative_variance > 0.01


@pytest.mark.parametrize("rows", [1, 4])
def test_gap_spread_of_normals_of_equal_variance(rows):
    """log f_p/f_q = m y - m^2 / 2 has standard deviation |m|, and the mean of n independent rows |m| / sqrt(n)."""
    y, weights = line(201, 12.0)
    shifts = np.array([0.5, 1.0, -2.0, 0.0])[:rows]
    shadow = mixture.mixture(np.concatenate([stats.norm.logpdf(y, m) for m in shifts])[None, None])
    deployed = mixture.mixture(np.tile(stats.norm.logpdf(y), rows)[None, None])
    probability = np.exp(shadow.log_density) * np.tile(weights, rows) / rows
    exact = np.sqrt((shifts**2).sum()) / rows
    assert mixture.gap_spread(shadow, deployed, probability, rows) == pytest.approx(exact, rel=1e-9)
