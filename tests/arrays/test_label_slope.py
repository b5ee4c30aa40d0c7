"""The slope of labels on log ratios against a free logistic regression and against ratios that are wrong on purpose."""

import numpy as np
import pytest
from scipy import optimize, special

from learning_debt.arrays.bridging.bridge import optimal_bridge
from learning_debt.arrays.bridging.label_slope import label_slope


def slope_of(reference, target):
    return label_slope(reference, target, optimal_bridge(reference.ravel(), target.ravel())[0])


def fitted_slope(reference, target):
    """Maximum likelihood of intercept and slope."""
    at = np.concatenate([reference.ravel(), target.ravel()])
    label = np.repeat([-1.0, 1.0], [reference.size, target.size])
    loss = lambda theta: -special.log_expit(label * (theta[0] + theta[1] * at)).sum()  # noqa: E731
    return optimize.minimize(loss, [0.0, 1.0]).x[1]


@pytest.mark.parametrize("shift", [0.3, 1.0, 2.0])
def test_near_one_it_is_the_slope_that_logistic_regression_finds(shift):
    """One step from 1 misses the fit by the square of what lies between."""
    rng = np.random.default_rng(41)
    reference, target = rng.normal(size=(4, 500)), rng.normal(shift, 1, size=(4, 250))
    found = slope_of(shift * reference - shift**2 / 2, shift * target - shift**2 / 2)
    fitted = fitted_slope(shift * reference - shift**2 / 2, shift * target - shift**2 / 2)
    assert abs(found.slope - fitted) < (fitted - 1) ** 2 + 1e-3
    assert abs(found.departure) < 4
    assert found.departure == pytest.approx((found.slope - 1) / found.standard_error)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_ratios_stretched_by_a_factor_have_another_slope(factor):
    rng = np.random.default_rng(42)
    reference, target = factor * (rng.normal(size=(4, 500)) - 0.5), factor * rng.normal(0.5, 1, size=(4, 500))
    found = slope_of(reference, target)
    assert (found.slope > 1) == (factor < 1)
    assert abs(found.departure) > 10


def test_departures_of_exact_draws_are_standard_normal_or_less():
    """400 replications: mean within 4 sigma of 0, standard deviation at most 1 by 4 sigma (.14), none beyond 4."""
    rng = np.random.default_rng(43)
    departures = []
    for _ in range(400):
        reference, target = rng.normal(size=(4, 250)), rng.normal(1, 1, size=(4, 250))
        departures.append(slope_of(reference - 0.5, target - 0.5).departure)
    assert abs(np.mean(departures)) < 4 / np.sqrt(400)
    assert 0.8 < np.std(departures) < 1.14
    assert np.abs(departures).max() < 4


def test_where_the_ratio_hardly_varies_the_slope_is_uncertain_and_where_it_is_constant_there_is_none():
    rng = np.random.default_rng(44)
    found = slope_of(1e-3 * rng.normal(size=(4, 250)), 1e-3 * rng.normal(size=(4, 250)))
    assert found.standard_error > 10
    assert abs(found.departure) < 4
    constant = label_slope(np.zeros((4, 250)), np.zeros((4, 250)), 0.0)
    assert np.isnan(constant.slope)
    assert constant.departure == 0


def test_sets_that_are_separate_say_nothing():
    found = slope_of(np.full((4, 100), -800.0), np.full((4, 100), 800.0))
    assert np.isnan(found.slope)
    assert found.departure == 0
