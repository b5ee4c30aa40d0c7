"""Bridge sampling against Gaussians and uniforms, whose divergences and normalisers are known in closed form."""

import numpy as np
import pytest
from scipy import signal, stats

from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.conjugate import nig

Z90 = stats.norm.ppf(0.95)


def log_ratio(theta, shift):
    """log N(theta; shift, 1) - log N(theta; 0, 1)."""
    return shift * theta - shift**2 / 2


def autoregressive(rng, shape, phi):
    """Chains along the last axis with autocorrelation phi and a standard normal marginal."""
    noise = rng.normal(size=shape) * np.sqrt(1 - phi**2)
    noise[..., 0] /= np.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=-1)


def pooled_normals(rng, shift, deployed=(4, 250), shadow=(4, 250), phi=0.0):
    draws = [autoregressive(rng, shape, phi) for shape in (deployed, shadow)]
    return bridge.pooled_debt(log_ratio(draws[0], shift), log_ratio(draws[1] + shift, shift))


def binomial_error(probability, trials):
    return np.sqrt(probability * (1 - probability) / trials)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shift", "deployed", "shadow"),
    [
        (0.1, (4, 250), (4, 250)),
        (0.5, (4, 250), (4, 250)),
        (1.0, (4, 250), (4, 250)),
        (2.0, (4, 250), (4, 250)),
        (1.0, (2, 100), (4, 500)),
        (1.0, (4, 500), (1, 200)),
    ],
)
def test_intervals_of_independent_draws_cover_the_debt_and_the_normaliser_is_zero(shift, deployed, shadow):
    """KL(N(m, 1)‖N(0, 1)) = m^2 / 2 and log Z = 0. Coverage within 4 binomial sigma, means within 4 sigma.

    The lower bound falls short by no more than twice what Jensen's inequality takes, var(exp(-l)) / 2S.
    """
    rng, repeats = np.random.default_rng(11), 1000
    runs = [pooled_normals(rng, shift, deployed, shadow) for _ in range(repeats)]
    values, errors, lower_bounds, overlaps, normalisers, *_ = (np.array(column) for column in zip(*runs, strict=True))
    covered = np.mean(np.abs(values - shift**2 / 2) < Z90 * errors)
    assert abs(covered - 0.9) < 4 * binomial_error(0.9, repeats)
    assert abs(np.mean(values) - shift**2 / 2) < 4 * np.std(values) / np.sqrt(repeats) + 0.1 * np.std(values)  # O(1/S)
    assert abs(np.mean(normalisers)) < 4 * np.std(normalisers) / np.sqrt(repeats) + 0.1 * np.std(normalisers)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)  # 4 sigma of a standard deviation is .09
    assert (values >= 0).all()
    assert (overlaps <= np.prod(deployed)).all()
    slack = 4 * np.std(lower_bounds) / np.sqrt(repeats)
    assert -slack - np.expm1(shift**2) / np.prod(shadow) < np.mean(lower_bounds) - shift**2 / 2 < slack


@pytest.mark.slow
def test_intervals_of_autocorrelated_chains_cover():
    """AR(.9): 19 draws are worth one. The size of each chain set is itself estimated, so 3% are allowed on top."""
    rng, repeats = np.random.default_rng(12), 1000
    runs = [pooled_normals(rng, 1.0, (4, 1000), (4, 1000), phi=0.9) for _ in range(repeats)]
    values, errors = np.array([run.value for run in runs]), np.array([run.standard_error for run in runs])
    assert abs(np.mean(np.abs(values - 0.5) < Z90 * errors) - 0.9) < 4 * binomial_error(0.9, repeats) + 0.03
    independent = pooled_normals(np.random.default_rng(12), 1.0, (4, 1000), (4, 1000))
    assert np.mean(errors) / independent.standard_error == pytest.approx(np.sqrt(19), rel=0.3)
    assert np.mean([run.overlap for run in runs]) < independent.overlap / 5


def test_debt_of_identical_posteriors_is_never_negative_and_vanishes():
    rng = np.random.default_rng(13)
    runs = [pooled_normals(rng, shift) for shift in np.repeat([0.0, 1e-3, 0.02], 200)]
    values = np.array([run.value for run in runs])
    assert (values >= 0).all()
    assert runs[0] == bridge.PooledDebt(0.0, 0.0, 0.0, 1000.0, 0.0)
    # l has standard deviation m under both, so the value cannot stray from 0 by more than about m^2.
    assert (values[200:400] < 1e-5).all()
    assert (values[400:] < 2e-3).all()


def test_overlap_falls_as_the_posteriors_part():
    rng = np.random.default_rng(15)
    overlaps = [pooled_normals(rng, shift).overlap for shift in (0.01, 1.0, 2.0, 4.0, 8.0)]
    assert (np.diff(overlaps[1:]) < 0).all()
    # P(shadow | draw) = 1/2 at every one of 1000 draws; their effective number is estimated within about 15%.
    assert overlaps[0] == pytest.approx(500, rel=0.15)
    assert overlaps[-1] < 1


def test_a_constant_in_the_log_likelihood_moves_the_normaliser_only():
    rng = np.random.default_rng(16)
    deployed, shadow = log_ratio(rng.normal(size=(4, 250)), 1.0), log_ratio(rng.normal(1, 1, size=(4, 250)), 1.0)
    plain, moved = bridge.pooled_debt(deployed, shadow), bridge.pooled_debt(deployed - 5e4, shadow - 5e4)
    np.testing.assert_allclose(moved[:4], plain[:4], rtol=1e-6)
    assert moved.log_normaliser - plain.log_normaliser == pytest.approx(-5e4, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.8, 0.4, 0.05])
def test_draws_that_the_new_data_rule_out_weigh_nothing(width):
    """Uniforms on [0, width] and [0, 1]: KL = -log(width), log Z = log(width), l = 0 or -inf."""
    rng, repeats = np.random.default_rng(17), 1000
    misses = []
    for _ in range(repeats):
        inside = rng.uniform(size=(4, 250)) < width
        estimate = bridge.pooled_debt(np.where(inside, 0.0, -np.inf), np.zeros((4, 250)))
        assert estimate.log_normaliser == pytest.approx(np.log(inside.mean()), abs=1e-7)
        assert estimate.lower_bound == 0  # the shadow's draws alone cannot tell what the deployed posterior lost
        misses.append((estimate.value + np.log(width)) / estimate.standard_error)
    # A count of 1000 x .05 = 50 draws moves in steps of .14 standard errors, which is worth 2% of coverage.
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * binomial_error(0.9, repeats) + 0.02


def test_a_deployed_posterior_that_the_new_data_rule_out_entirely_is_infinitely_far_with_a_finite_lower_bound():
    shadow = np.random.default_rng(18).normal(size=(4, 250))
    estimate = bridge.pooled_debt(np.full((4, 250), -np.inf), shadow)
    assert estimate.value == np.inf
    assert not np.isfinite(estimate.standard_error)
    assert estimate.overlap == 0
    assert estimate.log_normaliser == -np.inf
    assert estimate.lower_bound == pytest.approx(shadow.mean() + np.log(np.exp(-shadow).mean()))


def test_without_any_overlap_the_lower_bound_holds():
    """N(20, .1^2) against N(0, 1): KL = 201.8. No draw lies near the other set, so log Z is hardly known."""
    rng, spread = np.random.default_rng(19), 0.1
    debt = (spread**2 + 20**2 - 1) / 2 - np.log(spread)
    for _ in range(100):
        at_deployed, at_shadow = (
            stats.norm.logpdf(theta, 20, spread) - stats.norm.logpdf(theta)
            for theta in (rng.normal(size=(4, 250)), rng.normal(20, spread, size=(4, 250)))
        )
        estimate = bridge.pooled_debt(at_deployed, at_shadow)
        assert estimate.overlap < 1
        assert 1 < estimate.lower_bound < debt


@pytest.mark.slow
def test_the_lower_bound_rises_with_the_debt_and_with_the_draws_but_not_above_the_debt():
    """In expectation, for shifts with and without overlap; 4 sigma over 300 replications."""
    rng, shifts, repeats = np.random.default_rng(25), np.array([0.5, 1.0, 2.0, 4.0, 8.0]), 300
    few, many = (
        np.array([[pooled_normals(rng, m, shadow=(4, draws)).lower_bound for _ in range(repeats)] for m in shifts])
        for draws in (25, 1000)
    )
    for bounds in (few, many):
        error = bounds.std(axis=1) / np.sqrt(repeats)
        assert (bounds.mean(axis=1) < shifts**2 / 2 + 4 * error).all()
        assert (np.diff(bounds.mean(axis=1)) > 4 * error[1:]).all()
    assert (few.mean(axis=1) < many.mean(axis=1))[2:].all()


@pytest.mark.parametrize("other", [0.0, -3.0, -np.inf])
def test_the_lower_bound_comes_from_the_shadow_alone(other):
    rng = np.random.default_rng(26)
    at_shadow = log_ratio(rng.normal(2, 1, size=(4, 250)), 2.0)
    bound = bridge.pooled_debt(log_ratio(rng.normal(size=(4, 250)), 2.0), at_shadow).lower_bound
    assert bridge.pooled_debt(np.full((2, 50), other), at_shadow).lower_bound == bound
    assert bound == pytest.approx(at_shadow.mean() + np.log(np.exp(-at_shadow).mean()))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("at_deployed", np.nan, "at_deployed holds NaN or"),
        ("at_deployed", np.inf, r"at_deployed holds NaN or \+inf"),
        ("at_shadow", np.nan, "at_shadow holds NaN or"),
        ("at_shadow", np.inf, r"at_shadow holds NaN or \+inf"),
        ("at_shadow", -np.inf, "at_shadow holds -inf"),
    ],
)
def test_values_that_no_likelihood_takes_are_refused_by_name(place, value, message):
    draws = {"at_deployed": np.zeros((2, 50)), "at_shadow": np.zeros((2, 50))}
    draws[place][1, 7] = value
    with pytest.raises(ValueError, match=message):
        bridge.pooled_debt(**draws)


@pytest.mark.parametrize("name", ["at_deployed", "at_shadow"])
@pytest.mark.parametrize("shape", [(100,), (2, 50, 1), ()])
def test_draws_must_be_laid_out_by_chain(name, shape):
    draws = {"at_deployed": np.zeros((2, 50)), "at_shadow": np.zeros((2, 50)), name: np.zeros(shape)}
    with pytest.raises(ValueError, match=rf"{name} must have shape \(chain, draw\)"):
        bridge.pooled_debt(**draws)


@pytest.mark.parametrize("name", ["at_deployed", "at_shadow"])
def test_an_empty_set_of_draws_is_refused_by_name(name):
    draws = {"at_deployed": np.zeros((2, 50)), "at_shadow": np.zeros((2, 50)), name: np.zeros((2, 0))}
    with pytest.raises(ValueError, match=f"{name} holds no draws"):
        bridge.pooled_debt(**draws)


def test_effective_size_is_that_of_the_autoregression():
    rng = np.random.default_rng(20)
    assert bridge.effective_size(np.ones((2, 10))) == 20
    assert bridge.effective_size(rng.normal(size=(4, 1000))) == pytest.approx(4000, rel=0.15)
    chains = autoregressive(rng, (4, 20_000), 0.9)
    assert bridge.effective_size(chains) == pytest.approx(80_000 / 19, rel=0.15)
    alternating = autoregressive(rng, (4, 1000), -0.5)
    assert bridge.effective_size(alternating) == 4000  # never more than there are


def gaussian_marginals(parameters, draws, repeats, constant=-1234.5):
    """Estimates of the constant of a correlated Gaussian target, one from each set of 4 x `draws` draws."""
    rng = np.random.default_rng(21)
    mixing = rng.normal(size=(parameters, parameters)) + 2 * np.eye(parameters)
    target = stats.multivariate_normal(np.arange(parameters), mixing @ mixing.T)

    def log_joint(points):
        return np.atleast_1d(target.logpdf(points)) + constant

    runs = [
        bridge.gaussian_log_marginal(
            np.arange(parameters) + rng.normal(size=(4, draws, parameters)) @ mixing.T, log_joint, rng
        )
        for _ in range(repeats)
    ]
    values, errors, overlaps, sizes, *_ = (np.array(column) for column in zip(*runs, strict=True))
    return values - constant, errors, overlaps, sizes


@pytest.mark.parametrize("parameters", [1, 2, 7])
def test_the_marginal_of_a_gaussian_is_its_constant_within_a_tiny_error(parameters):
    """Every draw's weight is nearly 1/2, so the error is of order parameters / draws, not 1 / sqrt(draws)."""
    misses, errors, overlaps, sizes = gaussian_marginals(parameters, 250, 100)
    assert (np.abs(misses) < 4 * parameters / 1000 + 0.01).all()
    assert (errors < 4 * parameters / 1000 + 0.01).all()
    assert (overlaps > 0.8).all()
    assert (sizes <= 500 / parameters).all()
    assert (sizes > 0.4 * 500 / parameters).all()


def require_conservative_coverage(misses):
    """At least .90 less 4 binomial sigma, at most .98.

    The error counts the posterior's draws of both halves as if they were the same, since near a Gaussian posterior what
    they do to the two bridges does not average out. Where it does, the error is too large, by at most sqrt(2): .98 is
    2 Phi(1.645 sqrt(2)) - 1, and .91 (ten parameters) to .95 (one) was measured.
    """
    covered = np.mean(np.abs(misses) < Z90)
    assert 0.9 - 4 * binomial_error(0.9, len(misses)) < covered < 2 * stats.norm.cdf(Z90 * np.sqrt(2)) - 1


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [1, 2, 10])
def test_intervals_of_the_marginal_of_a_gaussian_cover(parameters):
    misses, errors, _, _ = gaussian_marginals(parameters, 100, 1000)
    require_conservative_coverage(misses / errors)


def test_the_optimal_bridge_between_equal_distributions_is_their_constant_without_error():
    normaliser, weights, others = bridge.optimal_bridge(np.full(300, 4.25), np.full(100, 4.25))
    assert normaliser == pytest.approx(4.25, abs=1e-8)
    np.testing.assert_allclose(np.concatenate([weights, others]), 1 / 4, rtol=1e-7)


def regression_draws(rng, posterior, shape):
    coefficients, variance = nig.sample(posterior, np.prod(shape), rng)
    return np.column_stack([coefficients, np.log(variance)]).reshape(*shape, -1)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1e3, 1e37, 1e300])
def test_a_proposal_of_hardly_any_density_changes_nothing(depth):
    """The log density of a scale near zero falls like its inverse square, as far as doubles go."""
    rng = np.random.default_rng(4)
    at_reference, at_target = rng.normal(size=500) - 0.5, rng.normal(size=500) + 0.5
    ruled_out, far = (
        bridge.optimal_bridge(np.append(at_reference, lowest), at_target)[0] for lowest in (-np.inf, -depth)
    )
    assert far == pytest.approx(ruled_out, abs=1e-8)


def test_the_marginal_of_a_regression_covers_its_log_evidence():
    """Skewed in the variance (shape 8), three parameters, 1000 replications."""
    rng, repeats = np.random.default_rng(22), 1000
    prior = nig.as_nig(nig.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    x = rng.normal(size=(12, 2))
    posterior = nig.update(prior, x, x @ [1.0, -1.0] + rng.normal(size=12))
    evidence = float(nig.log_evidence(prior, posterior))

    def log_joint(points):
        return nig.log_density(posterior, points[:, :2], np.exp(points[:, 2])) + points[:, 2] + evidence

    runs = [
        bridge.gaussian_log_marginal(regression_draws(rng, posterior, (4, 200)), log_joint, rng) for _ in range(repeats)
    ]
    misses = np.array([(run.value - evidence) / run.standard_error for run in runs])
    require_conservative_coverage(misses)
    assert np.abs(misses).max() < 6


def test_too_few_draws_for_a_gaussian_are_refused_with_the_number_needed():
    with pytest.raises(ValueError, match=r"2 chains of 10 draws .* 7 dimensions; at least 32 draws"):
        bridge.gaussian_log_marginal(np.zeros((2, 10, 7)), lambda at: at.sum(-1), np.random.default_rng(1))


def test_draws_that_hardly_move_are_too_few_for_a_gaussian():
    """Five distinct points in ten dimensions, fifty times over in each half."""
    draws = np.tile(np.random.default_rng(27).normal(size=(4, 5, 10)), (1, 100, 1))
    draws[:, 250:] += 1.0
    with pytest.raises(bridge.TooFewDrawsError, match=r"5 distinct draws are too few .* 10 dimensions"):
        bridge.gaussian_log_marginal(draws[:1], lambda at: stats.norm.logpdf(at).sum(-1), np.random.default_rng(1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_joint_density_that_is_not_finite_at_its_own_draws_is_refused(value):
    rng = np.random.default_rng(23)
    draws = rng.normal(size=(2, 100, 2))

    def log_joint(points):
        return np.where(points[:, 0] == draws[0, 3, 0], value, stats.norm.logpdf(points).sum(-1))

    with pytest.raises(ValueError, match="log_joint is not finite at posterior draws"):
        bridge.gaussian_log_marginal(draws, log_joint, rng)


def test_a_joint_density_may_be_zero_where_only_the_gaussian_goes():
    """A half normal on the line it is not meant for: the bridge's proposals below 0 weigh nothing."""
    rng = np.random.default_rng(24)
    draws = np.abs(rng.normal(size=(4, 1000, 1)))

    def log_joint(points):
        inside = points[:, 0] > 0
        return np.where(inside, stats.norm.logpdf(points[:, 0]), -np.inf)

    marginal = bridge.gaussian_log_marginal(draws, log_joint, rng)
    assert abs(marginal.value - np.log(0.5)) < 4 * marginal.standard_error
    assert marginal.overlap < 0.95
