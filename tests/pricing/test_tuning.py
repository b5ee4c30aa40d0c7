"""Tuning from many starts: what it adds up, how sure a difference is, and which of two equals is kept."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.draws.resampling import resample_counts, resampled_totals
from learning_debt.policies import (
    CUSUM,
    Always,
    BlendedThreshold,
    Calendar,
    ContinuationValue,
    DebtThreshold,
    Never,
    PredictiveDebtThreshold,
    Schedule,
)
from learning_debt.pricing.starts import spread_starts
from learning_debt.pricing.tuning import Bills, complexity, tune_by

from ..policies.test_policies import CALIBRATION, CONTINUATION, POLICIES

CANDIDATES = [Never(), Calendar(3), CUSUM(0.4), CUSUM(1.5), PredictiveDebtThreshold(3.0), Always()]


def replayed(table, policy, cost, accounting, starts):
    """Regret, payments and retrains by start and period, means over series; NaN before the start."""
    found = np.full((3, len(starts), table.sizes["period"]), np.nan)
    for place, start in enumerate(starts):
        one = ld.replay(ld.select_periods(table, start), policy, cost, accounting)
        found[:, place, start:] = [
            (one.bill - one.paid).mean("series"),
            one.paid.mean("series"),
            one.schedule.mean("series"),
        ]
    return found


@pytest.mark.parametrize("accounting", ["signed", "positive"])
@pytest.mark.parametrize(("series", "given", "starts"), [(1, None, range(24)), (3, 4, [0, 6, 12, 18])])
def test_every_period_counts_once_by_the_mean_over_what_has_begun(series, given, starts, accounting, random_spells):
    table = random_spells(24, series=series, seed=3)
    tuned = ld.tune(table, CANDIDATES, 0.3, accounting, starts=given)
    for place, policy in enumerate(CANDIDATES):
        means = np.nanmean(replayed(table, policy, 0.3, accounting, starts), axis=1).sum(axis=-1)
        row = tuned.table.isel(candidate=place)
        expected = {"regret": means[0], "objective": means[0] + means[1], "retrains": means[2]}
        for name, value in expected.items():
            assert float(row[name]) == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert tuned.index == int(np.argmin(tuned.table["objective"].values))


@pytest.mark.parametrize(
    ("periods", "series", "count"), [(30, 1, 30), (100, 1, 100), (250, 1, 100), (80, 4, 25), (80, 54, 10), (6, 54, 6)]
)
def test_a_hundred_walks_of_all_series_and_at_least_ten_of_each(periods, series, count):
    starts = spread_starts(xr.Dataset(coords={"period": np.arange(1, periods + 1), "series": np.arange(series)}))
    assert (len(starts), starts[0]) == (count, 0)
    assert max(starts) < periods
    assert np.ptp(np.diff(starts)) <= 1


def test_a_calendar_pays_for_no_lucky_phase():
    """Every eighth period costs 8 with what was not deployed just before: one walk of the calendar of 8 is lucky."""
    periods = 64
    age = np.arange(1, periods + 1) - np.arange(periods)[:, None]
    dear = (np.arange(1, periods + 1) % 8 == 1) & (age > 1)
    gap = np.where(age > 0, np.where(dear, 8.0, 0.0), np.nan)
    spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    lucky, even = (
        ld.tune(spells, [Calendar(8), Never()], 1.0, starts=starts).table["objective"].values for starts in (1, None)
    )
    assert lucky.tolist() == [7.0, 56.0]
    assert even[0] > 6 * lucky[0]  # seven of eight phases pay for nearly every dear period


def bills_of(totals, candidates):
    """Bills in which retrains cost nothing; `totals` has shape (candidate, series, period)."""
    return Bills(candidates, totals, np.zeros_like(totals), np.zeros_like(totals))


@pytest.mark.parametrize("series", [1, 40])
def test_the_error_of_a_difference_is_the_spread_of_paired_resamples(series):
    rng = np.random.default_rng(2)
    totals = rng.normal(size=(3, series, 120)) + np.array([0.0, 0.9, 0.7])[:, None, None]
    table = tune_by(bills_of(totals, [CUSUM(1.0), CUSUM(2.0), CUSUM(3.0)])).table
    again = resampled_totals(totals - totals[0], resample_counts(series, 120, 8000, rng))
    assert table["difference_se"][0] == 0
    # The bootstrap of n units has (n - 1) / n of the variance; 8,000 resamples know a spread to .8%, taken four times.
    correction = np.sqrt(1 - 11 / 120) if series == 1 else np.sqrt(39 / 40)
    np.testing.assert_allclose(again[1:].std(axis=1), correction * table["difference_se"][1:], rtol=0.032)
    np.testing.assert_allclose(table["difference"], totals.sum(-1).mean(-1) - totals[0].sum(-1).mean(), rtol=1e-9)


def test_of_candidates_that_cannot_be_told_apart_the_simplest_is_kept_where_that_is_asked_for():
    noise = np.random.default_rng(3).normal(size=(4, 1, 100))
    noise -= noise.mean(axis=-1, keepdims=True)
    totals = noise + np.array([0.3, 0.1, 0.0, 5.0])[:, None, None]
    bills = bills_of(totals, [CUSUM(1.0), Calendar(4), BlendedThreshold(8.0, 0.1, 0.9), Never()])
    table = tune_by(bills).table
    np.testing.assert_allclose(table["difference"], [30.0, 10.0, 0.0, 500.0], atol=1e-9)
    sure = float(table["difference"][1] / table["difference_se"][1])
    assert 0.5 < sure < 2.0  # sums of a hundred differences of two normals
    assert tune_by(bills).index == tune_by(bills, within=0.95 * sure).index == 2
    assert tune_by(bills, within=1.05 * sure).policy == Calendar(4)
    assert tune_by(bills, within=1e3).policy == Never()


def test_of_equally_simple_ones_the_cheapest_is_kept():
    totals = np.random.default_rng(4).normal(size=(3, 1, 60))
    index = int(np.argmin(totals.sum(axis=(1, 2))))
    assert tune_by(bills_of(totals, [CUSUM(1.0), CUSUM(2.0), CUSUM(3.0)]), within=10.0).index == index


def test_one_period_says_nothing_about_errors(random_spells):
    found = ld.tune(random_spells(1), [CUSUM(1.0), Always()], 0.3)
    assert found.policy == Always()  # no retrain is made in a last period: they cost the same, and it is simpler
    assert found.table["difference"].values.tolist() == found.table["difference_se"].values.tolist() == [0.0, 0.0]


def test_the_order_of_simplicity():
    one_number = (CUSUM(1.0), PredictiveDebtThreshold(2.0))
    ordered = [
        [Never()],
        [Always(), Calendar(3), Calendar(3, 1), Schedule(["a", "b"])],
        [*one_number],
        [BlendedThreshold(1.0, 0.1, 0.9), DebtThreshold(1.0, CALIBRATION)],
        [ContinuationValue(CONTINUATION)],
    ]
    counts = [[complexity(policy) for policy in group] for group in ordered]
    assert all(max(before) < min(after) for before, after in pairwise(counts))
    assert all(complexity(policy) >= 2 for policy in POLICIES if policy.requires)
