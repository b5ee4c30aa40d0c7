"""Age adjustment and score units against their definitions."""

import warnings

import numpy as np
import pytest

from learning_debt.policies.models.calibration import AgeAdjustment, score_unit


def cells(seed=1, count=200):
    rng = np.random.default_rng(seed)
    age = rng.integers(1, 60, size=count)
    return 0.02 * age * rng.gamma(3.0, size=count), age


def test_the_fit_is_least_squares_of_root_debt_with_the_sample_deviation_of_its_residuals():
    debt, age = cells()
    basis = np.column_stack([np.ones_like(age), np.log(1 + age), np.sqrt(age), age])
    coefficients, *_ = np.linalg.lstsq(basis, np.sqrt(debt), rcond=None)
    residuals = np.sqrt(debt) - basis @ coefficients
    fitted = AgeAdjustment.fit(debt, age)
    np.testing.assert_allclose(fitted.coefficients, coefficients, rtol=1e-10)
    assert fitted.spread == pytest.approx(np.sqrt((residuals**2).sum() / (len(debt) - 1)), rel=1e-10)
    np.testing.assert_allclose(fitted.standardise(debt, age), residuals / fitted.spread, rtol=1e-8, atol=1e-10)


def test_calibration_cells_are_standardised_to_mean_zero_and_deviation_one():
    debt, age = cells(seed=2)
    normal = AgeAdjustment.fit(debt, age).standardise(debt, age)
    assert normal.mean() == pytest.approx(0.0, abs=1e-10)
    assert normal.std(ddof=1) == pytest.approx(1.0, rel=1e-10)


def test_the_spread_has_a_floor_of_a_hundredth():
    age = np.arange(1, 40)
    assert AgeAdjustment.fit(0.01 * age, age).spread == 0.01
    debt, age = cells(seed=3)
    small = AgeAdjustment.fit(debt * 1e-8, age)
    assert small.spread == 0.01


def test_tables_with_absent_cells_are_fitted_on_the_present_ones():
    debt, age = cells(count=36)
    with_holes, ages = np.full((2, 36), np.nan), np.zeros((2, 36))
    with_holes[1], ages[1] = debt, age
    whole, holed = AgeAdjustment.fit(debt, age), AgeAdjustment.fit(with_holes, ages)
    np.testing.assert_allclose(holed.coefficients, whole.coefficients, rtol=1e-9)
    assert holed.spread == pytest.approx(whole.spread, rel=1e-12)


def test_five_cells_are_too_few_and_six_are_enough():
    debt, age = cells(count=6)
    AgeAdjustment.fit(debt, age)
    with pytest.raises(ValueError, match="at least 6 cells, not 5"):
        AgeAdjustment.fit(debt[:5], age[:5])
    with pytest.raises(ValueError, match="not 5"):
        AgeAdjustment.fit(np.where(np.arange(6) == 2, np.nan, debt), age)


def test_noise_below_zero_is_a_debt_of_zero_in_the_fit_as_it_is_when_standardised():
    debt, age = cells(count=30)
    noisy, clipped = debt.copy(), debt.copy()
    noisy[:3], clipped[:3] = -0.004, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AgeAdjustment.fit(noisy, age) == AgeAdjustment.fit(clipped, age)


def test_score_units_are_quantiles_of_type_seven_and_the_mean_of_positive_regret():
    regret = np.array([[-3.0, 0.0, 1.0], [2.0, 4.0, np.nan], [10.0, -1.0, 0.0]])
    assert score_unit(regret, "median") == 3.0  # of 1, 2, 4, 10: halfway from 2 to 4
    assert score_unit(regret, "q75") == 4 + 0.25 * (10 - 4)  # position 0.75 * 3 = 2.25
    assert score_unit(regret, "mean") == 17 / 4
    assert score_unit(regret) == score_unit(regret, "q75")


def test_score_units_refuse_an_unknown_name_and_regret_that_is_never_positive():
    with pytest.raises(ValueError, match="score_unit"):
        score_unit([1.0], "q50")
    with pytest.raises(ValueError, match="give the cost as a number"):
        score_unit([-1.0, 0.0, np.nan])
