"""What a retrain would have avoided, and forecasts of it, against plain loops; nothing later than a period in them."""

import numpy as np
import pytest

from learning_debt.arrays.evidence import avoided_gaps
from learning_debt.arrays.evidence.avoided_forecast import COEFFICIENTS, Cells, chance_above, forecast
from learning_debt.arrays.evidence.walk_forward import FEWEST_PERIODS, Prior, ladder, learn


def random_gaps(periods=30, series=2, seed=1, drift=0.02):
    """Gaps of shape (series, T, T), worse with age; those of age 1 are 0, as the newest shadow's own."""
    rng = np.random.default_rng(seed)
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    noise = rng.normal(size=(series, periods, periods)) * 0.1
    return np.where(age > 0, np.where(age == 1, 0.0, drift * age + noise), np.nan)


def cells(gaps, belief=None, spread=0.3, lag=0):
    shape, periods = gaps.shape, gaps.shape[-1]
    present = np.isfinite(gaps)
    belief = 0.01 * np.broadcast_to(np.arange(1, periods + 1) - np.arange(periods)[:, None], shape)
    return Cells(gaps, np.where(present, belief, np.nan), np.full(shape, spread), np.arange(10.0, 10 + periods), lag)


@pytest.mark.parametrize("horizon", [1, 3, 7])
def test_what_a_retrain_avoids_is_the_sum_of_differences_to_what_it_deploys(horizon):
    gaps = random_gaps()
    found, periods = avoided_gaps.mean_avoided(gaps, horizon), gaps.shape[-1]
    for s in range(periods):
        for t in range(1, periods + 1):  # the retrain is made at the end of period t, and is row t
            by_hand = np.nan
            if s < t <= periods - horizon:
                after = slice(t, t + horizon)
                by_hand = (gaps[:, s, after] - gaps[:, t, after]).mean(axis=1)
            np.testing.assert_allclose(found[:, s, t - 1], by_hand, atol=1e-12)


def test_the_shadow_drops_out_of_what_a_retrain_avoids():
    """Another shadow scores more by the same in every row of a period."""
    gaps = random_gaps()
    other = gaps + np.random.default_rng(2).normal(size=(2, 1, 30))
    np.testing.assert_allclose(avoided_gaps.mean_avoided(gaps, 4), avoided_gaps.mean_avoided(other, 4), atol=1e-12)


def test_mean_gaps_by_age_hold_what_is_known_by_a_period_and_are_drawn_to_zero():
    gaps = random_gaps(12)
    by_age, own = avoided_gaps.mean_gap_by_age(gaps, lag=1)
    for t in range(1, 13):
        for age in range(1, t):
            known = [gaps[0, s, s + age - 1] for s in range(t - 1 - age + 1)]
            expected = sum(known) / (len(known) + avoided_gaps.FEW_SPELLS)
            assert by_age[0, t - 1, age - 1] == pytest.approx(expected, abs=1e-12)
    assert own[0, 2, 6] == by_age[0, 6, 4]


def test_a_row_that_nobody_kept_is_stood_for_by_its_age():
    gaps = random_gaps(40)
    some = gaps.copy()
    some[:, 1::2] = np.nan
    found = avoided_gaps.mean_avoided(some, 5)
    assert np.isfinite(found[:, 0, 1:35]).all()  # row 0 is kept, and those of half of the retrains are not
    assert np.isnan(found[:, 1]).all()
    every = avoided_gaps.mean_avoided(gaps, 5)
    np.testing.assert_array_equal(found[:, 0, 1], every[:, 0, 1])  # a retrain that was kept
    assert np.nanstd(found - every) < 0.1  # means of five gaps with a standard deviation of .1


def test_nothing_later_than_a_period_is_in_its_forecasts():
    gaps = random_gaps(40)
    found = forecast(cells(gaps), 6)
    for t in (12, 20, 33):
        other = gaps.copy()
        other[:, :, t:] += np.random.default_rng(3).normal(size=(2, 40, 40 - t))
        again = forecast(cells(other), 6)
        for one, two in ((found.mean, again.mean), (found.spread, again.spread), (found.error, again.error)):
            np.testing.assert_array_equal(one[..., :t], two[..., :t])
        np.testing.assert_array_equal(found.stretches[:, :t], again.stretches[:, :t])
        assert not np.array_equal(found.mean[..., t + 6], again.mean[..., t + 6], equal_nan=True)


def test_outcomes_that_come_late_are_not_known_before():
    gaps = random_gaps(40)
    found = forecast(cells(gaps, lag=2), 6)
    other = gaps.copy()
    other[:, :, 20:] += 1.0
    again = forecast(cells(other, lag=2), 6)
    np.testing.assert_array_equal(found.mean[..., :22], again.mean[..., :22])  # of periods 21, 22, known in 23, 24
    assert not np.array_equal(found.mean[..., 22], again.mean[..., 22], equal_nan=True)


@pytest.mark.parametrize("unit", [1e-6, 100.0, 1e6])
def test_units_change_nothing_but_units(unit):
    mine = cells(random_gaps(40))
    other = mine._replace(gaps=unit * mine.gaps, belief=unit * mine.belief, spread=unit * mine.spread)
    one, two = forecast(mine, 5), forecast(other, 5)
    np.testing.assert_allclose(two.mean, unit * one.mean, rtol=1e-9)
    np.testing.assert_allclose(two.spread, unit * one.spread, rtol=1e-9)
    np.testing.assert_allclose(two.chance_above(0.02 * unit), one.chance_above(0.02), rtol=1e-9)


def test_the_shadow_is_believed_before_anything_has_been_seen():
    mine = cells(random_gaps(FEWEST_PERIODS - 1))
    found = forecast(mine, 3)
    np.testing.assert_allclose(found.mean, COEFFICIENTS[0] * mine.belief)
    assert (found.error >= mine.belief)[np.isfinite(mine.belief)].all()  # give or take the whole of it


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_beliefs_that_are_off_by_a_factor_are_corrected(factor):
    """Gaps are the belief times a factor, and noise, which is a tenth of what is avoided or less."""
    rng, periods = np.random.default_rng(4), 120
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    belief = np.where(age > 0, 0.05 * (age - 1), np.nan)
    gaps = factor * belief + np.where(age > 1, 0.05 * rng.normal(size=(periods, periods)), 0.0)
    found = forecast(Cells(gaps[None], belief[None], np.full((1, periods, periods), 0.05), np.arange(1.0, 121.0)), 4)
    s, t = 60, 110
    came = avoided_gaps.mean_avoided(gaps[None], 4)[0, s, t]
    assert found.mean[0, s, t] == pytest.approx(came, rel=0.3)
    assert abs(found.mean[0, s, t] - came) < 4 * found.spread[0, s, t]


def test_a_spread_that_is_too_small_is_widened_by_the_errors_that_were_made():
    gaps = random_gaps(80, drift=0.0)
    right, narrow = forecast(cells(gaps, spread=0.1), 4), forecast(cells(gaps, spread=0.02), 4)
    assert narrow.learned.scale[0, -1] > 5 * right.learned.scale[0, -1]
    ratio = narrow.spread[0, 10:70, -1] / right.spread[0, 10:70, -1]
    assert (ratio > 0.6).all()  # where the given ones differ by a factor of five


def test_a_period_counts_once_however_many_spells_look_at_it():
    """Each spell is there twice; what is learned is the same."""
    gaps = random_gaps(30, series=1)
    x, target, spread = avoided_gaps.features(gaps, gaps * 0 + 0.1, 3), avoided_gaps.mean_avoided(gaps, 3), gaps * 0 + 1
    prior = Prior(COEFFICIENTS, np.ones(3), 1.0, 4.0)
    one = learn(x, target, spread, 3, 0, prior)
    two = learn(*(np.concatenate([part, part], axis=1) for part in (x, target, spread)), 3, 0, prior)
    for name in one._fields:
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9)
    assert one.stretches[0, -1] == pytest.approx(4 + 27 / 3)  # of 27 origins with an outcome, three overlap


def test_without_beliefs_regret_is_expected_to_grow_with_age_as_it_has():
    gaps = random_gaps(80, drift=0.05)
    found = forecast(Cells(gaps, None, None, np.arange(1.0, 81.0)), 4)
    s, t = 40, 75
    assert found.mean[0, s, t] == pytest.approx(0.05 * (t - s + 1), rel=0.3)


def test_the_chance_is_one_half_at_the_mean_and_certain_without_a_spread():
    mean, spread = np.array([1.0, 1.0, 1.0, 1.0]), np.array([0.5, 0.0, 0.0, 0.0])
    assert chance_above(np.array([1.0, 0.9, 1.1, 1.0]), mean, spread, np.full(4, 5.0)).tolist() == [0.5, 1.0, 0.0, 0.5]


def test_horizons_are_climbed_from_one():
    assert [ladder(one) for one in (1, 3, 4, 26)] == [[1], [1, 3], [1, 4], [1, 6, 26]]
