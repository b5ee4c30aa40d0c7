"""Standard errors of means of values in time: an identity, an exact distribution, and what autocorrelation does."""

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.draws.autocorrelated_mean import cosine_standard_error


def autoregressive(rng, coefficient, samples, number, before=200):
    """Stationary AR(1) values with mean zero, shape (samples, number)."""
    noise = rng.normal(size=(before + number, samples))
    values = np.zeros_like(noise)
    for t in range(1, len(noise)):
        values[t] = coefficient * values[t - 1] + noise[t]
    return values[before:].T


def rejections(values, rate=0.05):
    """Share of samples whose mean a one-sided test finds below zero."""
    found = [(sample.mean(), *cosine_standard_error(sample)) for sample in values]
    return np.mean([mean + stats.t.ppf(1 - rate, degrees) * error < 0 for mean, error, degrees in found])


def test_it_is_the_mean_square_of_projections_on_cosines():
    values = np.random.default_rng(1).gamma(2.0, size=26)
    error, degrees = cosine_standard_error(values)
    assert degrees == int(0.4 * 26 ** (2 / 3)) == 3
    times = (np.arange(26) + 0.5) / 26
    projections = [np.sqrt(2 / 26) * (values * np.cos(np.pi * j * times)).sum() for j in range(1, 4)]
    assert error == pytest.approx(np.sqrt(np.mean(np.square(projections)) / 26), rel=1e-12)


def test_it_does_not_feel_the_mean_and_scales_with_the_values():
    values = np.random.default_rng(2).normal(size=40)
    error, _ = cosine_standard_error(values)
    assert cosine_standard_error(values + 1000.0)[0] == pytest.approx(error, rel=1e-9)
    assert cosine_standard_error(-3 * values)[0] == pytest.approx(3 * error, rel=1e-12)
    assert cosine_standard_error(np.full(12, 2.5))[0] == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("number", [8, 12, 52])
def test_of_independent_values_the_size_is_exact(number):
    samples = 2000
    rate = rejections(np.random.default_rng(3).normal(size=(samples, number)))
    assert abs(rate - 0.05) < 4 * np.sqrt(0.05 * 0.95 / samples)  # 4 sigma


@pytest.mark.parametrize(("coefficient", "number", "least", "most"), [(0.5, 26, 0.05, 0.06), (0.7, 52, 0.05, 0.075)])
def test_of_autocorrelated_values_the_size_is_nearly_right(coefficient, number, least, most):
    samples = 2000
    rate = rejections(autoregressive(np.random.default_rng(4), coefficient, samples, number))
    assert least - 4 * np.sqrt(0.05 * 0.95 / samples) < rate < most + 4 * np.sqrt(0.05 * 0.95 / samples)
    naive = autoregressive(np.random.default_rng(4), coefficient, samples, number)
    ignoring = naive.mean(axis=1) / (naive.std(axis=1, ddof=1) / np.sqrt(number)) < stats.t.ppf(0.05, number - 1)
    assert ignoring.mean() > 0.15  # what an error that takes periods as independent would do


def test_too_few_values_have_no_error():
    assert np.isnan(cosine_standard_error(np.arange(3.0))[0])
