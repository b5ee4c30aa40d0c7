"""Exact NIG regression: closed forms, identities, invariances, hard numerics and refusals."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, gammaln

from learning_debt.arrays.conjugate import nig, student_t
from learning_debt.arrays.conjugate.nig import NIG

STUDY_PRIOR = nig.as_nig(NIG(0, 1, 2, 1))


def random_nig(rng, p, leading=()):
    root = rng.normal(size=(*leading, p, p + 2))
    return nig.as_nig(
        NIG(
            rng.normal(size=(*leading, p)),
            root @ np.swapaxes(root, -1, -2) + 0.1 * np.eye(p),
            rng.uniform(1, 30, leading),
            rng.uniform(0.5, 30, leading),
        )
    )


def take(posterior, index):
    return NIG(*(field[index] for field in posterior))


def test_one_coefficient_meets_the_study_formulas():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 300)), rng.normal(size=(50, 300))
    mu, kappa, alpha, b = np.zeros(50), np.ones(50), np.full(50, 2.0), np.ones(50)
    records = [STUDY_PRIOR]
    study = [(mu, kappa, alpha, b)]
    for rows in (slice(0, 5), slice(5, 300)):
        batch_x, batch_y = x[:, rows], y[:, rows]
        new_kappa = kappa + (batch_x**2).sum(1)
        new_mu = (kappa * mu + (batch_x * batch_y).sum(1)) / new_kappa
        b = b + ((batch_y**2).sum(1) - new_kappa * new_mu**2 + kappa * mu**2) / 2
        mu, kappa, alpha = new_mu, new_kappa, alpha + batch_x.shape[1] / 2
        study.append((mu, kappa, alpha, b))
        records.append(nig.update(records[-1], batch_x[..., None], batch_y))
    for record, (mu, kappa, alpha, b) in zip(records[1:], study[1:], strict=True):
        np.testing.assert_allclose(record.mean[:, 0], mu, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(record.precision[:, 0, 0], kappa, rtol=1e-13)
        np.testing.assert_allclose(record.shape, alpha, rtol=0)
        np.testing.assert_allclose(record.rate, b, rtol=1e-12)
    (mq, kq, aq, bq), (mp, kp, ap, bp) = study[1:]
    expected = aq * np.log(bp / bq) + gammaln(aq) - gammaln(ap) + (ap - aq) * digamma(ap) + ap * (bq / bp - 1)
    expected += (np.log(kp / kq) + kq / kp - 1 + kq * (mp - mq) ** 2 * ap / bp) / 2
    debt = nig.kl(NIG(mp[:, None], kp[:, None, None], ap, bp), NIG(mq[:, None], kq[:, None, None], aq, bq))
    np.testing.assert_allclose(debt, expected, rtol=1e-12, atol=1e-12)


def test_update_meets_the_textbook_sums_in_exact_arithmetic():
    rng = np.random.default_rng(2)
    x, y = rng.integers(-9, 10, 40), 10**6 + rng.integers(-9, 10, 40)
    kappa = 1 + sum(int(v) ** 2 for v in x)
    mu = Fraction(sum(int(a) * int(b) for a, b in zip(x, y, strict=True)), kappa)
    rate = 1 + (sum(int(v) ** 2 for v in y) - kappa * mu**2) / 2
    posterior = nig.update(STUDY_PRIOR, x[:, None], y)
    np.testing.assert_allclose([posterior.mean[0], posterior.rate], [float(mu), float(rate)], rtol=1e-13)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_divergence_is_zero_at_equality_and_positive_elsewhere(p):
    rng = np.random.default_rng(3)
    shadow, deployed = random_nig(rng, p, (500,)), random_nig(rng, p, (500,))
    assert (nig.kl(shadow, shadow) <= 1e-13).all()
    assert (nig.kl(shadow, deployed) > 0).all()
    for field in NIG._fields:
        moved = shadow._replace(**{field: getattr(shadow, field) * 1.01})
        assert (nig.kl(moved, shadow) > 0).all()


@pytest.mark.parametrize("p", [1, 3])
def test_divergence_meets_monte_carlo_of_log_density_ratios(p):
    rng = np.random.default_rng(4)
    for _ in range(5):
        deployed = random_nig(rng, p)
        shadow = nig.update(deployed, rng.normal(size=(8, p)), rng.normal(size=8))
        drawn = nig.sample(shadow, 40_000, rng)
        ratio = nig.log_density(shadow, *drawn) - nig.log_density(deployed, *drawn)
        error = ratio.std(ddof=1) / np.sqrt(ratio.size)
        assert abs(ratio.mean() - nig.kl(shadow, deployed)) < 4 * error  # 4 sigma


def test_sample_has_the_moments_of_its_distribution():
    posterior = random_nig(np.random.default_rng(5), 2)._replace(shape=np.array(8.0))
    draws = 100_000
    coefficients, variance = nig.sample(posterior, draws, np.random.default_rng(6))
    standardised = (coefficients - posterior.mean) @ np.linalg.cholesky(posterior.precision)
    standardised = standardised / np.sqrt(variance)[:, None]
    # Whitened coefficients are iid standard normal: 4 sigma for means, and for mean products (sd 1 or sqrt 2).
    assert np.abs(standardised.mean(0)).max() < 4 / np.sqrt(draws)
    assert np.abs(standardised.T @ standardised / draws - np.eye(2)).max() < 4 * np.sqrt(2 / draws)
    law = stats.invgamma(8.0, scale=posterior.rate)
    assert stats.kstest(variance, law.cdf).pvalue > 1e-4


def test_log_density_meets_scipy():
    rng = np.random.default_rng(7)
    posterior = random_nig(rng, 3)
    coefficients, variance = nig.sample(posterior, 20, rng)
    covariance = np.linalg.inv(posterior.precision)
    expected = [
        stats.multivariate_normal.logpdf(b, posterior.mean, s2 * covariance)
        + stats.invgamma.logpdf(s2, posterior.shape, scale=posterior.rate)
        for b, s2 in zip(coefficients, variance, strict=True)
    ]
    np.testing.assert_allclose(nig.log_density(posterior, coefficients, variance), expected, rtol=1e-9)


@pytest.mark.parametrize("p", [1, 4])
def test_row_by_row_updates_equal_one_batch_and_their_log_scores_add_up_to_the_evidence(p):
    rng = np.random.default_rng(8)
    prior = random_nig(rng, p)
    x, y = rng.normal(size=(60, p)), rng.normal(scale=3, size=60)
    posterior, total = prior, 0.0
    for row in range(60):
        total += nig.log_score(posterior, x[row : row + 1], y[row : row + 1])[0]
        posterior = nig.update(posterior, x[row : row + 1], y[row : row + 1])
    batch = nig.update(prior, x, y)
    for one, other in zip(posterior, batch, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(nig.log_evidence(prior, batch), total, rtol=1e-11)


def test_prior_times_likelihood_is_posterior_times_evidence():
    rng = np.random.default_rng(9)
    prior = random_nig(rng, 3)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    posterior = nig.update(prior, x, y)
    coefficients, variance = nig.sample(posterior, 30, rng)
    likelihood = stats.norm.logpdf(y, coefficients @ x.T, np.sqrt(variance)[:, None]).sum(1)
    left = nig.log_density(prior, coefficients, variance) + likelihood
    right = nig.log_density(posterior, coefficients, variance) + nig.log_evidence(prior, posterior)
    np.testing.assert_allclose(left, right, rtol=1e-11)


def test_log_score_meets_scipy_student_t():
    rng = np.random.default_rng(10)
    posterior = random_nig(rng, 3)
    x, y = rng.normal(size=(25, 3)), rng.normal(size=25)
    scale2 = posterior.rate / posterior.shape * (1 + np.sum(x @ np.linalg.inv(posterior.precision) * x, axis=1))
    expected = stats.t.logpdf(y, 2 * posterior.shape, x @ posterior.mean, np.sqrt(scale2))
    np.testing.assert_allclose(nig.log_score(posterior, x, y), expected, rtol=1e-11)


def test_nothing_changes_under_an_invertible_change_of_coefficients():
    rng = np.random.default_rng(11)
    prior, x, y = random_nig(rng, 4), rng.normal(size=(30, 4)), rng.normal(size=30)
    change = rng.normal(size=(4, 4)) + 2 * np.eye(4)  # x becomes x C, so beta becomes C^-1 beta
    other_prior = NIG(np.linalg.solve(change, prior.mean), change.T @ prior.precision @ change, *prior[2:])
    shadow, deployed = nig.update(prior, x, y), nig.update(prior, x[:10], y[:10])
    other_shadow = nig.update(other_prior, x @ change, y)
    other_deployed = nig.update(other_prior, x[:10] @ change, y[:10])
    np.testing.assert_allclose(nig.kl(other_shadow, other_deployed), nig.kl(shadow, deployed), rtol=1e-10)
    np.testing.assert_allclose(
        nig.log_score(other_shadow, x @ change, y), nig.log_score(shadow, x, y), rtol=1e-10, atol=1e-11
    )
    np.testing.assert_allclose(
        nig.predictive_debt(other_shadow, other_deployed, x @ change),
        nig.predictive_debt(shadow, deployed, x),
        rtol=1e-9,
    )


def test_predictive_debt_tends_to_the_normal_divergence_when_parameters_are_known():
    known = 1e9  # rows' worth of evidence: coefficients and variance are as good as fixed
    shadow = nig.as_nig(NIG([1.0, 2.0], known * np.eye(2), known, 4 * known))
    deployed = nig.as_nig(NIG([0.5, 2.0], known * np.eye(2), known, 9 * known))
    x = np.array([[1.0, 0.3], [2.0, -1.0]])
    expected = np.log(3 / 2) + (4 + (0.5 * x[:, 0]) ** 2) / 18 - 0.5
    np.testing.assert_allclose(nig.predictive_debt(shadow, deployed, x), expected.mean(), rtol=1e-7)


def test_predictive_debt_is_what_the_shadow_expects_of_the_score_gap():
    rng = np.random.default_rng(12)
    shadow, deployed = random_nig(rng, 2), random_nig(rng, 2)
    x = rng.normal(size=(4, 2))
    df, location, scale = nig.predictive(shadow, x)
    y = location + scale * rng.standard_t(df, size=(40_000, 4))
    gap = (nig.log_score(shadow, x, y) - nig.log_score(deployed, x, y)).mean(-1)
    error = gap.std(ddof=1) / np.sqrt(gap.size)
    assert abs(gap.mean() - nig.predictive_debt(shadow, deployed, x)) < 4 * error  # 4 sigma


@pytest.mark.parametrize("p", [1, 3])
def test_batches_give_what_a_loop_gives(p):
    rng = np.random.default_rng(13)
    prior, x, y = random_nig(rng, p, (6,)), rng.normal(size=(6, 9, p)), rng.normal(size=(6, 9))
    posterior = nig.update(prior, x, y)
    pairs = NIG(*(field[:, None] for field in posterior))
    debts = nig.kl(pairs, prior)  # every posterior against every prior
    predictive_debts = nig.predictive_debt(pairs, prior, x[0])
    assert debts.shape == predictive_debts.shape == (6, 6)
    for i in range(6):
        single = nig.update(take(prior, i), x[i], y[i])
        for one, other in zip(single, take(posterior, i), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(
            nig.log_score(posterior, x, y)[i], nig.log_score(take(posterior, i), x[i], y[i]), rtol=1e-12
        )
        np.testing.assert_allclose(
            nig.log_evidence(prior, posterior)[i], nig.log_evidence(take(prior, i), single), rtol=1e-12
        )
        for j in range(6):
            np.testing.assert_allclose(debts[i, j], nig.kl(take(posterior, i), take(prior, j)), rtol=1e-12)
            alone = nig.predictive_debt(take(posterior, i), take(prior, j), x[0])
            np.testing.assert_allclose(predictive_debts[i, j], alone, rtol=1e-12)


def test_large_offsets_in_the_outcomes_leave_the_residual_variance_right():
    rng = np.random.default_rng(14)
    offset = 1e8
    noise = rng.normal(size=200)
    x = np.column_stack([np.ones(200), rng.normal(size=200)])
    vague = nig.as_nig(NIG([offset, 0.0], 1e-6 * np.eye(2), 2, 1))
    plain = nig.as_nig(NIG([0.0, 0.0], 1e-6 * np.eye(2), 2, 1))
    shifted, expected = nig.update(vague, x, offset + noise), nig.update(plain, x, noise)
    np.testing.assert_allclose(shifted.rate, expected.rate, rtol=1e-8)  # the outcomes keep 8 digits of the noise
    np.testing.assert_allclose(shifted.mean - [offset, 0], expected.mean, atol=1e-7)


def test_nearly_collinear_columns_keep_the_rate_and_predictions_right():
    rng = np.random.default_rng(15)
    shared, difference = rng.normal(size=500), 1e-5 * rng.normal(size=500)
    x = np.column_stack([shared, shared + difference])
    y = 2 * shared + rng.normal(size=500)
    prior = nig.as_nig(NIG([0, 0], 1e-9 * np.eye(2), 2, 1))
    posterior = nig.update(prior, x, y)
    # The same model in well-conditioned coefficients: x = z C.
    change = np.array([[1.0, 1.0], [0.0, 1e-5]])
    z = np.column_stack([shared, difference / 1e-5])
    back = np.linalg.inv(change)
    other = nig.update(NIG(np.zeros(2), back.T @ prior.precision @ back, *prior[2:]), z, y)
    assert np.linalg.cond(posterior.precision) > 1e10
    np.testing.assert_allclose(posterior.rate, other.rate, rtol=1e-10)
    np.testing.assert_allclose(x @ posterior.mean, z @ other.mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(nig.log_score(posterior, x, y), nig.log_score(other, z, y), atol=1e-6)
    assert nig.kl(posterior, posterior) == 0


def test_predictive_shapes_broadcast_together():
    posterior = random_nig(np.random.default_rng(16), 2, (4, 3))
    df, location, scale = nig.predictive(posterior, np.ones((5, 2)))
    assert (df.shape, location.shape, scale.shape) == ((4, 3, 1), (4, 3, 5), (4, 3, 5))
    assert np.isfinite(student_t.log_density(0.0, df, location, scale)).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (NIG([0, 0], [1, 1], 2, 1), r"precision must have shape \(\.\.\., 2, 2\)"),
        (NIG([0, 0], 1, 2, 1), "precision must have shape"),
        (NIG([0, 0], [[1, 2], [2, 1]], 2, 1), "precision is not positive definite"),
        (NIG(0, -1, 2, 1), "precision is not positive definite"),
        (NIG([0, 0], [[1, 0.5], [0, 1]], 2, 1), "precision is not symmetric"),
        (NIG(0, 1, 0, 1), "shape must be positive"),
        (NIG(0, 1, 2, -1), "rate must be positive"),
        (NIG(np.nan, 1, 2, 1), "mean must be a finite number, not nan"),
        (NIG(0, 1, 2, np.inf), "rate must be a finite number, not inf"),
        (NIG("a", 1, 2, 1), "mean must be a finite number"),
        (NIG([], 1, 2, 1), "mean is empty"),
        (NIG([[0], [0], [0]], 1, [2, 2], 1), "leading axes that disagree"),
    ],
)
def test_impossible_parameters_are_named(bad, message):
    with pytest.raises((ValueError, TypeError), match=message):
        nig.as_nig(bad)


def test_rounding_is_not_taken_for_asymmetry():
    precision = np.array([[4.0, 1e-17], [-1e-16, 1e6]])
    accepted = nig.as_nig(NIG([0, 0], precision, 2, 1)).precision
    np.testing.assert_array_equal(accepted, accepted.T)


def test_shapes_that_do_not_fit_are_named():
    two = nig.as_nig(NIG([0, 0], np.eye(2), 2, 1))
    with pytest.raises(TypeError, match="expected a NIG"):
        nig.as_nig((0, 1, 2, 1))
    with pytest.raises(ValueError, match="NIG of 2 coefficient"):
        nig.update(two, np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="x has 3 rows and y has 2"):
        nig.update(two, np.ones((3, 2)), np.ones(2))
    with pytest.raises(ValueError, match=r"one NIG has 2 coefficient\(s\), the other 1"):
        nig.kl(two, STUDY_PRIOR)
