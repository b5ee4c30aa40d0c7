"""Student-t divergence against 30-digit references, quadrature, identities and limits."""

import numpy as np
import pytest
from scipy import integrate, stats

from learning_debt.arrays.conjugate import student_t

# (df_p, loc_p, scale_p, df_q, loc_q, scale_q), KL: mpmath 1.4 at 30 digits, `quad` of p (log p - log q) over the real
# line cut at both centres plus and minus powers of 2 of both scales, and every unit of p's scale out to 39.
REFERENCES = [
    ((1, 0.5, 1.7, 1, 0.5, 0.51), 0.34240697214102744),
    ((1, 0.5, 1.7, 300, 1.01, 1.53), 17.047694280371246),
    ((1, 0.5, 1.7, 100000.0, 5.6, 0.17), 3530.4849160374333),
    ((3.5, 0.5, 1.7, 1, 1.01, 1.53), 0.14219452212876907),
    ((3.5, 0.5, 1.7, 1, 3.9, 170.0), 4.029641591563904),
    ((3.5, 0.5, 1.7, 100000.0, 85.5, 1.7), 1234.922671919203),
    ((5, 0, 1, 5, 1, 1), 0.3583886330978652),
    ((50, 0.5, 1.7, 1, 0.5, 0.017), 3.0854750522708136),
    ((50, 0.5, 1.7, 7, 1.01, 1.53), 0.05155691312038587),
    ((50, 0.5, 1.7, 300, 0.5, 0.51), 3.772954850309412),
    ((1000, 0.5, 1.7, 1, 85.5, 0.017), 12.15360629632958),
    ((1000, 0.5, 1.7, 7, 0.5, 0.017), 19.17213696367708),
    ((1000, 0.5, 1.7, 7, 0.5, 0.51), 1.1703988636672977),
    ((1000, 0.5, 1.7, 7, 3.9, 170.0), 4.140051364745958),
    ((1000, 0.5, 1.7, 300, 0.5, 0.017), 392.7081490427552),
    ((1000, 0.5, 1.7, 100000.0, 85.5, 0.017), 276250.4905124869),
    ((100000.0, 0.5, 1.7, 1, 5.6, 0.17), 4.087737988158555),
    ((100000.0, 0.5, 1.7, 7, 0.5, 0.017), 19.16923150560742),
    ((100000.0, 0.5, 1.7, 7, 0.5, 0.51), 1.169101818452937),
    ((100000.0, 0.5, 1.7, 7, 85.5, 0.017), 55.28272049446773),
    ((100000.0, 0.5, 1.7, 300, 0.5, 0.51), 3.5936465025797473),
    ((100000.0, 0.5, 1.7, 100000.0, 0.5, 0.51), 3.8508162732409827),
]


@pytest.mark.parametrize(("parameters", "expected"), REFERENCES)
def test_divergence_meets_references_computed_with_thirty_digits(parameters, expected):
    np.testing.assert_allclose(student_t.kl(*parameters), expected, rtol=5e-14, atol=5e-14)


@pytest.mark.slow
def test_divergence_meets_adaptive_quadrature_on_random_parameters():
    rng = np.random.default_rng(1)
    for _ in range(60):
        df_p, df_q = 10 ** rng.uniform(0.3, 4, size=2)
        location, scale = rng.normal(scale=3), 10 ** rng.uniform(-1, 1)
        p, q = stats.t(df_p), stats.t(df_q, location, scale)
        value, error = integrate.quad(
            lambda z, p=p, q=q: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), -np.inf, np.inf, epsabs=1e-11, limit=2000
        )
        assert abs(student_t.kl(df_p, 0.0, 1.0, df_q, location, scale) - value) < 1e-8 * max(1, value) + 10 * error


def test_divergence_is_exactly_zero_at_equality_and_positive_elsewhere():
    rng = np.random.default_rng(2)
    df, location, scale = rng.uniform(1, 1e4, 200), rng.normal(size=200), rng.uniform(0.1, 10, 200)
    assert (student_t.kl(df, location, scale, df, location, scale) == 0).all()
    assert (student_t.kl(df, location, scale, df, location, scale * 1.001) > 0).all()
    assert (student_t.kl(df, location, scale, df * 1.01, location, scale) >= 0).all()


def test_small_divergence_is_half_the_fisher_information_of_the_location():
    # KL ~ shift^2 (df + 1) / (df + 3) / (2 scale^2), to the order of shift^4.
    df = np.array([1.0, 4.0, 30.0, 1000.0])
    shift = 1e-3
    expected = shift**2 * (df + 1) / (df + 3) / 2
    np.testing.assert_allclose(student_t.kl(df, 0.0, 1.0, df, shift, 1.0), expected, atol=shift**4 + 1e-15)


def test_cauchy_divergence_meets_its_closed_form():
    # Chyzak & Nielsen 2019: log(((s + t)^2 + (m - n)^2) / (4 s t)); scale ratios 1e-2..1e2, shifts 0..50.
    shift, scale = np.meshgrid([0.0, 0.1, 1.0, 7.0, 50.0], 10.0 ** np.arange(-2, 3))
    expected = np.log(((1 + scale) ** 2 + shift**2) / (4 * scale))
    np.testing.assert_allclose(student_t.kl(1, 0.0, 1.0, 1, shift, scale), expected, rtol=0, atol=5e-14)


@pytest.mark.parametrize("df", [1e7, 1e12])
def test_divergence_tends_to_that_of_two_normals(df):
    shift, scale = np.meshgrid([0.0, 1.0, 4.0], [0.3, 1.0, 3.0])
    normal = np.log(scale) + (1 + shift**2) / (2 * scale**2) - 0.5
    # The correction is of the order of z^4 / df under the larger of the two distances.
    assert np.all(np.abs(student_t.kl(df, 0.0, 1.0, df, shift, scale) - normal) <= (1 + normal) ** 2 * 40 / df + 1e-13)


def test_divergence_does_not_change_under_shift_and_rescaling_of_both():
    plain = student_t.kl(7, 0.0, 1.0, 40, 0.7, 1.4)
    np.testing.assert_allclose(student_t.kl(7, 300.0, 1e-3, 40, 300 + 0.7e-3, 1.4e-3), plain, rtol=1e-9)
    np.testing.assert_allclose(student_t.kl(7, 0.0, 1.0, 40, -0.7, 1.4), plain, rtol=1e-14)


def test_broadcasting_gives_what_a_loop_gives():
    rng = np.random.default_rng(3)
    df_p, df_q = rng.uniform(2, 200, (4, 1, 1)), rng.uniform(2, 200, (3, 1))
    location, scale = rng.normal(size=(4, 3, 5)), rng.uniform(0.01, 3, 5)
    together = student_t.kl(df_p, location, 1.0, df_q, 0.0, scale)
    alone = [
        student_t.kl(df_p[i, 0, 0], location[i, j, k], 1.0, df_q[j, 0], 0.0, scale[k])
        for i, j, k in np.ndindex(4, 3, 5)
    ]
    np.testing.assert_array_equal(together.ravel(), np.array(alone))
    assert student_t.kl(3, 0, 1, 4, 0, 1).shape == ()
    assert student_t.kl(3, np.empty((2, 0)), 1, 4, 0, 1).shape == (2, 0)


def test_missing_cells_stay_missing_and_impossible_parameters_are_named():
    values = student_t.kl(5, [0.0, np.nan, 1.0], 1.0, [5.0, 5.0, np.nan], 0.0, 1.0)
    assert values[0] == 0
    assert np.isnan(values[1:]).all()
    with pytest.raises(ValueError, match=r"df_q is 0\.1"):
        student_t.kl(5, 0, 1, 0.1, 0, 1)
    with pytest.raises(ValueError, match="scale_p is 0"):
        student_t.kl(5, 0, 0, 5, 0, 1)


def test_smallest_degrees_of_freedom_still_give_a_finite_positive_answer():
    smallest = student_t.SMALLEST_DEGREES_OF_FREEDOM
    assert 0 < student_t.kl(smallest, 0.0, 1.0, smallest, 0.0, 1e-2) < 10
    assert 0 < student_t.kl(smallest, 0.0, 1.0, smallest, 50.0, 1e2) < 10


def test_log_density_meets_scipy_and_the_normal_limit():
    rng = np.random.default_rng(4)
    y, df = rng.normal(scale=3, size=300), 10 ** rng.uniform(0, 4, 300)
    location, scale = rng.normal(size=300), rng.uniform(0.1, 5, 300)
    expected = stats.t.logpdf(y, df, location, scale)
    np.testing.assert_allclose(student_t.log_density(y, df, location, scale), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(student_t.log_density(1.3, 1e14, 0.5, 2.0), stats.norm.logpdf(1.3, 0.5, 2.0), rtol=1e-13)
