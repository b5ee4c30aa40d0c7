"""Families against scipy, and where scipy itself cancels against exact arithmetic."""

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.predictive import families
from learning_debt.arrays.predictive.families import FAMILIES, RowDistributions

POSITIVE = np.array([[1e-3, 0.4, 1.0, 7.5, 300.0], [0.2, 2.0, 3.0, 4.0, 50.0]])
LINE = np.array([[-40.0, -1.0, 0.0, 0.5, 9.0], [-2.0, -0.1, 0.0, 3.0, 1e4]])
COUNTS = np.array([[-1.0, 0.0, 1.0, 2.5, 30.0], [0.0, 1.0, 3.0, 100.0, 100_000.0]])
A = np.array([[0.3, 2.0], [1.0, 40.0], [700.0, 5.0]])
B = np.array([[0.7], [1.0], [3.0]])
P = np.array([[0.1, 0.5], [0.9, 0.3], [1e-3, 0.999]])
ONE = np.zeros((1, 1))

CASES = {
    "normal": (LINE, (A, B), lambda a, b: stats.norm(a, b)),
    "student_t": (LINE, (A, B, B), lambda nu, m, s: stats.t(nu, m, s)),
    "poisson": (COUNTS, (A,), stats.poisson),
    "negative_binomial": (COUNTS, (A, P), stats.nbinom),
    "binomial": (COUNTS, (np.array([[30.0, 100.0]]), P), stats.binom),
    "bernoulli": (COUNTS, (P,), stats.bernoulli),
    "geometric": (COUNTS, (P,), stats.geom),
    "log_normal": (POSITIVE, (A, B), lambda m, s: stats.lognorm(s, scale=np.exp(m))),
    "gamma": (POSITIVE, (A, B), lambda a, s: stats.gamma(a, scale=s)),
    "exponential": (LINE, (A,), lambda s: stats.expon(scale=s)),
    "half_normal": (LINE, (ONE, A), lambda m, s: stats.halfnorm(m, s)),
    "laplace": (np.clip(LINE, -9, 9), (A, B), lambda m, s: stats.laplace(m, s)),
}


def test_every_family_has_a_case():
    assert set(CASES) == set(FAMILIES)


@pytest.mark.parametrize("family", CASES)
def test_log_densities_are_those_of_scipy(family):
    points, parameters, law = CASES[family]
    frozen = law(*(p[..., None] for p in parameters))
    whole = (frozen.logpmf if hasattr(frozen, "logpmf") and not hasattr(frozen.dist, "pdf") else frozen.logpdf)(points)
    found = RowDistributions(family, parameters, (3, 2)).log_density(points)
    assert found.shape == (3, 2, 5)
    np.testing.assert_allclose(found, np.broadcast_to(whole, found.shape), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("family", CASES)
def test_parts_of_rows_and_draws_are_parts_of_the_whole(family):
    points, parameters, _ = CASES[family]
    whole = RowDistributions(family, parameters, (3, 2))
    part = whole.rows(slice(1, 2)).samples(slice(0, 2)).log_density(points[1:])
    np.testing.assert_allclose(part, whole.log_density(points)[:2, 1:], rtol=1e-13)


@pytest.mark.parametrize("size", [30.0, 1e4, 1e8])
def test_a_large_size_loses_no_digits(size):
    mean, y = 3.0, np.arange(6.0)
    found = RowDistributions("negative_binomial", (np.array([[size]]), np.array([[size / (size + mean)]])), (1, 1))
    # (size + k) mean / (size + mean) / (k + 1), one count after the other.
    steps = np.log((size + y[:-1]) * mean / (size + mean) / (y[:-1] + 1))
    np.testing.assert_allclose(np.diff(found.log_density(y[None])[0, 0]), steps, atol=1e-12 + size * 1e-15)


def test_a_size_that_varies_by_row_gives_the_same_as_one_that_does_not():
    by_draw, success = np.array([[0.4], [60.0]]), np.array([[0.2, 0.8], [0.5, 0.9]])
    apart = RowDistributions("negative_binomial", (np.repeat(by_draw, 2, axis=1), success), (2, 2))
    together = RowDistributions("negative_binomial", (by_draw, success), (2, 2))
    np.testing.assert_allclose(apart.log_density(COUNTS), together.log_density(COUNTS), rtol=1e-13)


def test_mass_at_the_edges_of_parameters():
    none = RowDistributions("poisson", (np.array([[0.0]]),), (1, 1))
    np.testing.assert_array_equal(none.log_density(np.array([[0.0, 1.0]]))[0, 0], [0.0, -np.inf])
    sure = RowDistributions("binomial", (np.array([[3.0]]), np.array([[1.0]])), (1, 1))
    np.testing.assert_allclose(sure.log_density(np.array([[2.0, 3.0, 4.0]]))[0, 0], [-np.inf, 0, -np.inf], atol=1e-14)


def test_points_of_another_number_of_rows_are_refused():
    with pytest.raises(ValueError, match="points must have shape"):
        RowDistributions("normal", (A, B), (3, 2)).log_density(np.zeros((3, 4)))


@pytest.mark.parametrize("kept", [10**9, 0])
@pytest.mark.parametrize("counts", [[0.0], [0, 1, 2, 3], [2, 3, 5, 40, 41, 42, 43, 44, 45, 46, 47, 60], [0, 500]])
def test_rising_factorials_of_counts_are_those_of_log_gammas_whether_kept_or_not(monkeypatch, kept, counts):
    monkeypatch.setattr(families, "KEPT_CELLS", kept)
    size, counts = np.array([[0.05, 1.0, 7.5, 3e3, 1e9]]), np.array(counts, dtype=float)
    found = families._log_rising_of_counts(size, counts)
    np.testing.assert_allclose(found, families.log_rising(size, counts[:, None]), rtol=1e-9, atol=1e-13)


def test_a_kept_table_is_that_of_its_own_draws():
    counts = np.arange(5.0)
    first, second = (np.full((1, 3), size) for size in (2.0, 3.0))
    for size in (first, second, first):
        np.testing.assert_allclose(
            families._log_rising_of_counts(size, counts), families.log_rising(size, counts[:, None]), atol=1e-13
        )
