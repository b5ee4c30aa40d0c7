"""Parts of an exact posterior's debt against quadrature, the chain rule and draws."""

import numpy as np
import pytest
from scipy import integrate, stats

from learning_debt.arrays.conjugate import nig, nig_parts


def random_nig(p, shape, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(p, p))
    return nig.as_nig(nig.NIG(rng.normal(size=p), root @ root.T + np.eye(p), shape, rng.uniform(1, 3)))


def test_expected_log_likelihood_is_the_mean_over_draws():
    posterior, rng = random_nig(2, 4.0, 1), np.random.default_rng(2)
    x, y = rng.normal(size=(3, 2)), rng.normal(size=3)
    coefficients, variance = nig.sample(posterior, 100_000, rng)
    draws = stats.norm.logpdf(y, coefficients @ x.T, np.sqrt(variance)[:, None])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - nig_parts.expected_log_likelihood(posterior, x, y)) < 4 * error).all()


def test_jeffreys_divergence_is_the_sum_of_the_rows_gains():
    prior, rng = random_nig(3, 3.0, 3), np.random.default_rng(4)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    shadow = nig.update(prior, x, y)
    gain = nig_parts.expected_log_likelihood(shadow, x, y) - nig_parts.expected_log_likelihood(prior, x, y)
    assert gain.sum() == pytest.approx(float(nig.kl(shadow, prior) + nig.kl(prior, shadow)), rel=1e-11)


def test_debt_of_the_variance_is_that_of_two_inverse_gammas():
    shadow, deployed = random_nig(1, 3.0, 5), random_nig(1, 7.0, 6)
    p, q = (stats.invgamma(float(one.shape), scale=float(one.rate)) for one in (shadow, deployed))
    expected, _ = integrate.quad(
        lambda v: p.pdf(v) * (p.logpdf(v) - q.logpdf(v)), 1e-3, 400, limit=500, points=[0.5, 5]
    )
    assert nig_parts.variance_debt(shadow, deployed) == pytest.approx(expected, abs=1e-4)


def test_one_coefficient_by_the_general_rule_is_the_student_t_of_its_own():
    """The double integral in one dimension against the contour integral of `student_t`."""
    shadow, deployed = random_nig(3, 1.5, 7), random_nig(3, 6.0, 8)
    (df, mean, scale), (df_q, mean_q, scale_q) = (nig_parts._marginal(one, [1]) for one in (shadow, deployed))
    shift = (mean - mean_q) / np.sqrt(scale[0])
    by_rule = nig_parts._expected_log(df, scale[0] / scale_q[0] / df_q, shift)
    t = stats.t(df, mean[0], np.sqrt(scale[0, 0]))
    expected, _ = integrate.quad(
        lambda z: t.pdf(z) * np.log1p((z - mean_q[0]) ** 2 / scale_q[0, 0] / df_q), -np.inf, np.inf
    )
    assert by_rule == pytest.approx(expected, abs=1e-8)


def test_debt_of_several_coefficients_is_the_mean_log_ratio_of_student_ts():
    shadow, deployed = random_nig(4, 3.0, 9), random_nig(4, 5.0, 10)
    chosen = [0, 2]
    coefficients = nig.sample(shadow, 50_000, np.random.default_rng(11))[0][:, chosen]
    p, q = (
        stats.multivariate_t(
            one.mean[chosen], one.rate / one.shape * np.linalg.inv(one.precision)[np.ix_(chosen, chosen)], 2 * one.shape
        )
        for one in (shadow, deployed)
    )
    ratio = p.logpdf(coefficients) - q.logpdf(coefficients)
    error = ratio.std() / np.sqrt(len(ratio))
    assert abs(ratio.mean() - nig_parts.coefficients_debt(shadow, deployed, chosen)) < 4 * error


def test_a_part_moves_no_more_than_the_whole_and_nothing_without_news():
    shadow, deployed = random_nig(3, 4.0, 12), random_nig(3, 3.0, 13)
    parts = [nig_parts.coefficients_debt(shadow, deployed, chosen) for chosen in ([0], [0, 1], [0, 1, 2])]
    assert 0 < parts[0] < parts[1] < parts[2] < float(nig.kl(shadow, deployed))
    assert nig_parts.coefficients_debt(shadow, shadow, [0, 1]) == pytest.approx(0.0, abs=1e-10)
    assert nig_parts.variance_debt(shadow, shadow) == 0.0
