"""The audit: honest split, the table's rows, intervals, notes and refusals."""

import warnings

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.draws.resampling import choose_again, resample_counts, resampled_totals
from learning_debt.policies import CUSUM, Calendar, Never, PredictiveDebtThreshold, Schedule, grids
from learning_debt.pricing import bills_from_starts

ROWS = ["never", "always", "your calendar", "best calendar", "CUSUM", "recommended", "debt threshold"]
ROWS += ["predictive-debt threshold", "blended threshold"]
FAST = {"resamples": 200}


@pytest.fixture(scope="module")
def spells():
    """A history of a regression whose coefficient has jumped twice, one row a period, 60 periods after the first 10."""
    rng = np.random.default_rng(4)
    x, period = rng.normal(size=70), np.arange(70)
    slope = np.where(period < 30, 0.0, np.where(period < 55, 2.0, -1.0))
    history = {"x": x, "y": slope * x + rng.normal(size=70), "period": period + 1000}
    return ld.spell_table(ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0)), history, initial=10, progressbar=False)


@pytest.fixture(scope="module")
def audited(spells):
    return ld.audit(spells, 0.1, calendar=12, **FAST)


@pytest.fixture(scope="module")
def tuned_only(spells):
    """Without the recommended policy, the row that did best in tuning decides."""
    return ld.audit(spells, 0.1, calendar=12, policies={"recommended": None}, **FAST)


def evaluation_part(spells, first=36):
    return ld.select_periods(spells, first)


def test_every_comparison_shows_the_same_rows_in_order(spells, audited):
    assert audited.table["policy"].values.tolist() == [*ROWS, "oracle"]
    without = ld.audit(spells, 0.1, **FAST)
    assert without.table["policy"].values.tolist() == [name for name in [*ROWS, "oracle"] if name != "your calendar"]
    assert list(audited.replays) == [*ROWS, "oracle"]
    assert list(audited.tuned) == ROWS


def test_the_benchmark_is_your_calendar_or_the_best_one(spells, audited):
    for one, name in ((audited, "your calendar"), (ld.audit(spells, 0.1, **FAST), "best calendar")):
        row = one.table.sel(policy=name)
        assert one.benchmark == name
        assert float(row["ratio"]) == 1.0
        assert [float(row[column]) for column in ("difference", "difference_low", "difference_high")] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("accounting", ["signed", "positive"])
@pytest.mark.parametrize("cost", [0.0, 0.1, 1.0])
def test_the_oracle_has_the_least_total(spells, accounting, cost):
    total = ld.audit(spells, cost, calendar=12, accounting=accounting, **FAST).table["total"]
    assert (total.sel(policy="oracle") <= total + 1e-12).all()


def mean_bills(table, policies, cost):
    """Mean over all starts that have begun of what one series pays in a period, shape (policies, periods)."""
    names = sorted({name for policy in policies for name in policy.requires})
    starts = range(table.sizes["period"])
    bills = bills_from_starts(ld.check_spells(table, names), policies, ld.RetrainingCost(cost), starts)
    return np.nanmean(bills[:, :, 0], axis=1)


def test_reported_numbers_are_replays_of_the_tuned_policies_on_the_part_that_follows(spells, audited):
    part, tuning = evaluation_part(spells), ld.select_periods(spells, 0, 36)
    xr.testing.assert_identical(audited.spells, ld.check_spells(part))
    for name in ROWS:
        row, tuned = audited.table.sel(policy=name), audited.tuned[name]
        one = ld.replay(part, tuned.policy, 0.1)
        assert float(row["total"]) == pytest.approx(float(one.objective.item()), rel=1e-12)
        assert float(row["regret"]) == pytest.approx(float(one.regret.item()), rel=1e-12)
        assert float(row["retrains"]) == int(one.retrains.item())
        assert str(row["parameter"].item()) == str(tuned.policy)
        positive = ld.replay(part, Schedule(one.dates[0]), 0.1, "positive")
        assert float(row["total_positive"]) == pytest.approx(float(positive.objective.item()), rel=1e-12)
        in_tuning = float(mean_bills(tuning, [tuned.policy], 0.1).sum())
        assert in_tuning == pytest.approx(float(tuned.table["objective"].min()), rel=1e-12)
    best = ld.oracle(part, 0.1)
    assert float(audited.table["total"].sel(policy="oracle")) == pytest.approx(float(best.objective.item()), rel=1e-12)


def test_ratio_and_difference_are_those_of_totals(audited):
    total = audited.table["total"].values
    against = total[ROWS.index("your calendar")]
    np.testing.assert_allclose(audited.table["difference"], total - against, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(audited.table["ratio"], total / against, rtol=1e-12)


def test_ratios_to_a_bill_that_is_not_positive_are_not_given(random_spells):
    table = random_spells(40, drift=-0.2)
    one = ld.audit(table, 0.0, calendar=Never(), **FAST)
    assert float(one.table["total"].sel(policy="your calendar")) < 0
    assert one.table["ratio"].isnull().all()


@pytest.mark.slow
def test_tuning_sees_the_first_part_only(spells):
    other = spells.copy(deep=True)
    for name in ("debt", "predictive_debt", "score_gap", "regret"):
        other[name][..., 36:] = 7.0 * other[name][..., 36:] + 1.0
    for cost in (0.1, ld.RetrainingCost(cost_ratio=1.0)):
        before, after = (ld.audit(table, cost, calendar=12, **FAST) for table in (spells, other))
        assert [one.policy for one in before.tuned.values()] == [one.policy for one in after.tuned.values()]
        assert before.cost == after.cost
        assert not before.table["total"].equals(after.table["total"])


@pytest.mark.slow
def test_the_evaluation_sees_the_second_part_only(spells):
    """With the parameters fixed, what came before the split changes no bill: it starts afresh there."""
    other = spells.copy(deep=True)
    other["regret"][:, :36] += 5.0
    other["score_gap"][:, :36] += 5.0
    fixed = {"mine": [CUSUM(0.5)], "yours": [PredictiveDebtThreshold(4.0)]}
    totals = [
        ld.audit(table, 0.1, policies=fixed, **FAST).table["total"].sel(policy=["mine", "yours", "oracle"])
        for table in (spells, other)
    ]
    assert totals[0].identical(totals[1])


def test_calibration_is_the_age_adjustment_of_the_tuning_part(spells, audited):
    debt = ld.select_periods(spells, 0, 36)["debt"].values[0]
    age = np.arange(1, 37) - np.arange(36)[:, None]
    calibration = ld.AgeAdjustment.fit(debt[age > 0], age[age > 0])
    policy = audited.tuned["debt threshold"].policy
    np.testing.assert_allclose(policy.calibration.coefficients, calibration.coefficients, rtol=1e-8)
    normal = calibration.standardise(debt[age > 0], age[age > 0])
    grid = np.quantile(normal, [*np.linspace(0.5, 0.95, 10), 0.975, 0.99])
    assert np.abs(grid - policy.threshold).min() < 1e-8


@pytest.mark.parametrize(("split", "first"), [(0.6, 36), (0.5, 30), (0.25, 15), (0.8, 48)])
def test_split_is_the_share_of_periods_tuned_on(spells, split, first):
    one = ld.audit(spells, 0.1, split=split, **FAST)
    assert one.spells.sizes["period"] == 60 - first
    assert one.spells["label"].values[0] == spells["label"].values[first]
    assert f"Tuned on {first} periods" in one.notes[0]


@pytest.mark.slow
def test_a_calendar_is_an_interval_or_labels_or_a_policy(spells):
    interval = ld.audit(spells, 0.1, calendar=12, **FAST)
    same = ld.audit(spells, 0.1, calendar=Calendar(12), **FAST)
    xr.testing.assert_identical(interval.table, same.table)
    part = evaluation_part(spells)
    labels = [1020, 1050, 1060]
    dated = ld.audit(spells, 0.1, calendar=labels, **FAST)
    assert dated.replays["your calendar"].dates == [[1050, 1060]]
    expected = ld.replay(part, Schedule(labels), 0.1).objective
    assert dated.replays["your calendar"].objective.identical(expected)
    as_array = ld.audit(spells, 0.1, calendar=np.array(labels), **FAST)
    xr.testing.assert_identical(as_array.table, dated.table)


def test_today_is_about_what_the_owners_calendar_left_in_service(spells):
    dated = ld.audit(spells, 0.1, calendar=[1020, 1050], **FAST)
    assert dated.decision.deployed_label == 1050
    assert dated.decision.label == 1069
    assert dated.decision.spell_age == 19
    policy = dated.tuned[dated.decided_by].policy
    assert dated.decision.policy is policy
    again = ld.decide(spells, policy, 0.1, deployed_at=41, horizon=dated.decision.horizon)
    assert str(dated.decision) == str(again)  # as text, since a break-even cost of NaN equals nothing
    assert ld.audit(spells, 0.1, **FAST).decision.spell_age == 60


@pytest.mark.slow
def test_today_is_about_what_was_deployed_after_the_last_retrain(spells):
    """It may have been off the calendar, which stays what others are held against."""
    off_calendar = ld.audit(spells, 0.1, calendar=[1020, 1050], last_retrain=1055, **FAST)
    dated = ld.audit(spells, 0.1, calendar=[1020, 1050], **FAST)
    assert off_calendar.decision.deployed_label == 1055
    policy, horizon = dated.decision.policy, dated.decision.horizon
    assert str(off_calendar.decision) == str(ld.decide(spells, policy, 0.1, deployed_at=46, horizon=horizon))
    xr.testing.assert_identical(off_calendar.table, dated.table)
    assert ld.audit(spells, 0.1, last_retrain=1009, **FAST).decision.spell_age == 60


def test_a_last_retrain_that_says_nothing_about_today_is_refused(spells):
    for label, message in ((1069, "last period"), (1008, "before the table"), (2055, "no period of the table")):
        with pytest.raises(ValueError, match=f"last_retrain: .*{message}"):
            ld.audit(spells, 0.1, last_retrain=label, **FAST)
    two = xr.concat([spells.assign_coords(series=[name]) for name in "ab"], "series")
    with pytest.raises(ValueError, match=r"last_retrain: .* one series, and the table has 2"):
        ld.audit(two, 0.1, last_retrain=1055, **FAST)


def test_todays_policy_is_the_recommended_one(audited):
    assert audited.decided_by == "recommended"
    assert audited.decided_share == 1.0


def test_without_it_todays_policy_is_the_one_that_did_best_in_tuning(tuned_only):
    audited = tuned_only
    looking = ("CUSUM", "debt threshold", "predictive-debt threshold", "blended threshold")
    objectives = {name: float(audited.tuned[name].table["objective"].min()) for name in looking}
    assert audited.decided_by == min(objectives, key=objectives.get)


def test_a_money_audit_is_a_nats_audit_times_the_worth_of_a_nat(spells):
    """With one row a period; 16 is a power of two, so that no tie is broken by rounding."""
    nats = ld.audit(spells, 0.1, calendar=12, **FAST)
    money = ld.audit(spells, ld.RetrainingCost(1.6, money_per_nat=16.0, currency="EUR"), calendar=12, **FAST)
    for name in [*ROWS, "oracle"]:
        np.testing.assert_array_equal(nats.replays[name].schedule, money.replays[name].schedule)
    for column in ("total", "regret", "difference", "difference_low", "difference_high"):
        np.testing.assert_allclose(money.table[column], 16.0 * nats.table[column], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(money.table["ratio"], nats.table["ratio"], rtol=1e-10)
    np.testing.assert_array_equal(money.table["retrains"], nats.table["retrains"])
    assert money.table["total_positive"].isnull().all()
    assert money.table.attrs["unit"] == money.decision.unit == "EUR"
    assert money.decision.verdict == nats.decision.verdict
    assert money.decision.expected_regret.value == pytest.approx(16.0 * nats.decision.expected_regret.value)


def test_positive_totals_are_the_totals_of_positive_accounting(spells):
    one = ld.audit(spells, 0.1, calendar=12, accounting="positive", **FAST)
    np.testing.assert_allclose(one.table["total_positive"], one.table["total"], rtol=1e-10)
    assert one.table.attrs["accounting"] == "positive"


def test_policies_of_ones_own_are_tuned_like_the_others(spells):
    candidates = [CUSUM(0.3), CUSUM(0.6), PredictiveDebtThreshold(3.0)]
    one = ld.audit(spells, 0.1, policies={"house rule": candidates}, **FAST)
    tuned = ld.tune(ld.select_periods(spells, 0, 36), candidates, 0.1)
    assert one.tuned["house rule"].policy is tuned.policy
    assert one.table["policy"].values[-2:].tolist() == ["house rule", "oracle"]


def test_a_row_of_ones_own_may_not_take_the_oracles_name(spells):
    """It would be replaced by the oracle without a word."""
    with pytest.raises(ValueError, match="oracle"):
        ld.audit(spells, 0.1, policies={"oracle": [Never()]}, **FAST)


def test_rows_need_the_signals_they_read(spells):
    part = spells.drop_vars(["debt", "predictive_debt"])
    names = ld.audit(part, 0.1, **FAST).table["policy"].values.tolist()
    assert names == ["never", "always", "best calendar", "CUSUM", "oracle"]


def test_several_series_are_averaged_and_each_has_its_decision(random_spells):
    table = random_spells(40, series=4)
    one = ld.audit(table, 0.2, **FAST)
    with pytest.raises(ValueError, match=r"this table holds 4: audit\.decisions has one for each"):
        _ = one.decision
    frame = one.decisions_to_dataframe()
    assert frame.index.tolist() == list(one.decisions)
    assert frame["verdict"].tolist() == [decision.verdict for decision in one.decisions.values()]
    expected = [decision.expected_regret.value for decision in one.decisions.values()]
    np.testing.assert_array_equal(frame["expected_regret"], expected)
    replayed = ld.replay(ld.select_periods(table, 24), one.tuned["CUSUM"].policy, 0.2)
    assert float(one.table["total"].sel(policy="CUSUM")) == pytest.approx(float(replayed.objective.mean()), rel=1e-12)


def test_monte_carlo_errors_of_series_add_in_quadrature(random_spells):
    table = random_spells(40, series=4)
    table["score_gap_se"] = xr.full_like(table["score_gap"], 0.1).where(table["score_gap"].notnull())
    one = ld.audit(table, 0.2, **FAST)
    assert float(one.table["total_se"].sel(policy="never")) == pytest.approx(0.1 * 16 / np.sqrt(4))  # one spell of 16


def test_the_same_seed_gives_the_same_intervals(spells, audited):
    again = ld.audit(spells, 0.1, calendar=12, **FAST)
    xr.testing.assert_identical(again.table, audited.table)
    other = ld.audit(spells, 0.1, calendar=12, random_seed=1, **FAST)
    assert not other.table["difference_low"].equals(audited.table["difference_low"])
    assert other.table["total"].equals(audited.table["total"])


# The interval of the difference.


def bootstrap_totals(bills, resamples, rng):
    return resampled_totals(bills, resample_counts(*bills.shape[1:], resamples, rng))


@pytest.mark.parametrize("series", [1, 7])
def test_bills_that_differ_by_a_constant_differ_by_it_times_the_periods(series):
    resampled = bootstrap_totals(np.full((1, series, 23), 0.25), 50, np.random.default_rng(1))
    np.testing.assert_allclose(resampled, 0.25 * 23, rtol=1e-12)


@pytest.mark.parametrize("series", [1, 7])
def test_resampling_is_paired(series):
    bills = np.random.default_rng(2).normal(size=(1, series, 23))
    resampled = bootstrap_totals(np.concatenate([bills, bills + 0.5]), 50, np.random.default_rng(1))
    np.testing.assert_allclose(resampled[1] - resampled[0], 0.5 * 23, rtol=1e-10)


def test_one_series_is_resampled_in_circular_blocks():
    """64 periods make 8 blocks of 8: the variance of a resampled total is 8 times that of a block's sum."""
    bills = np.cumsum(np.random.default_rng(3).normal(size=64)) / 8
    blocks = np.array([np.take(bills, range(start, start + 8), mode="wrap").sum() for start in range(64)])
    resampled = bootstrap_totals(bills[None, None, :], 20_000, np.random.default_rng(1))[0]
    variance = 8 * blocks.var()
    assert abs(resampled.mean() - bills.sum()) < 4 * np.sqrt(variance / 20_000)
    assert abs(resampled.var() / variance - 1) < 4 * np.sqrt(2 / 20_000)  # 4 sigma, kurtosis of a sum of 8 is near 3


def test_intervals_over_series_cover_as_often_as_theory_says():
    """Percentile bootstrap of a mean of n normals covers P(|t| < z sqrt((n - 1) / n)) of the time, n - 1 degrees."""
    from scipy import stats

    series, replications = 40, 1000
    nominal = 2 * stats.t(series - 1).cdf(stats.norm.ppf(0.95) * np.sqrt((series - 1) / series)) - 1
    rng, covered = np.random.default_rng(5), 0
    for _ in range(replications):
        bills = 0.3 + rng.normal(size=(1, series, 3))
        low, high = np.quantile(bootstrap_totals(bills, 400, rng), [0.05, 0.95])
        covered += low < 0.9 < high
    error = np.sqrt(nominal * (1 - nominal) / replications)
    assert abs(covered / replications - nominal) < 4 * error  # 4 sigma of the binomial


def test_a_wider_probability_gives_a_wider_interval(spells, audited):
    wide = ld.audit(spells, 0.1, calendar=12, probability=0.99, **FAST).table
    width = audited.table["difference_high"] - audited.table["difference_low"]
    assert (wide["difference_high"] - wide["difference_low"] >= width).all()
    assert wide.attrs["probability"] == 0.99


# Tuning again on each resample.


def test_each_resample_pays_for_what_it_would_have_chosen():
    rng = np.random.default_rng(1)
    tuning, evaluation = rng.normal(size=(5, 300)), rng.normal(size=(5, 300))
    totals, chosen = choose_again(tuning, evaluation)
    for r in range(300):
        cheapest = min(range(5), key=lambda candidate: tuning[candidate, r])
        assert chosen[r] == cheapest
        assert totals[r] == evaluation[cheapest, r]


def test_of_equal_candidates_the_first_is_chosen_again_however_bills_were_added_up():
    bills = np.random.default_rng(2).normal(size=(1, 1, 31)).repeat(17, axis=0)
    totals = resampled_totals(bills, resample_counts(1, 31, 500, np.random.default_rng(3)))
    totals[1::2] *= 1 + 1e-15
    assert (choose_again(totals, totals)[1] == 0).all()


def test_resamples_hold_as_many_units_as_there_are():
    for series, units in ((1, 23), (6, 6)):
        counts = resample_counts(series, 23, 40, np.random.default_rng(4))
        assert counts.shape == (units, 40)
        assert (counts.sum(axis=0) == units).all()


def test_a_row_without_a_choice_has_the_interval_of_its_fixed_candidate(spells, audited):
    """Never and your calendar choose nothing: their interval is a bootstrap of the evaluation's bills alone."""
    rng = np.random.default_rng(0)
    resample_counts(1, 36, 200, rng)
    counts = resample_counts(1, 24, 200, rng)
    bills = np.stack([audited.replays[name].bill.values for name in ("never", "your calendar")])
    never, yours = resampled_totals(bills, counts)
    low, high = np.quantile(never - yours, [0.05, 0.95])
    row = audited.table.sel(policy="never")
    assert [float(row["difference_low"]), float(row["difference_high"])] == pytest.approx([low, high], rel=1e-10)


def test_the_share_says_how_often_the_reported_candidate_was_chosen_again(spells, audited):
    share = audited.table["selected_share"]
    assert share.sel(policy=["never", "always", "your calendar", "oracle"]).isnull().all()
    tuning, candidates = ld.select_periods(spells, 0, 36), [CUSUM(h) for h in (0.3, 0.6, 1.2)]
    one = ld.audit(spells, 0.1, policies={"mine": candidates}, **FAST)
    counts = resample_counts(1, 36, 200, np.random.default_rng(0))
    totals = mean_bills(tuning, candidates, 0.1) @ counts
    expected = (totals.argmin(axis=0) == candidates.index(one.tuned["mine"].policy)).mean()
    assert float(one.table["selected_share"].sel(policy="mine")) == pytest.approx(expected)
    twice = ld.audit(spells, 0.1, policies={"mine": [CUSUM(0.6), CUSUM(0.6)]}, **FAST)
    assert float(twice.table["selected_share"].sel(policy="mine")) == 1.0


def test_several_series_are_resampled_whole_with_both_parts(random_spells):
    """One series is dear in both parts under the first candidate: a resample tunes and pays with the same series."""
    table = random_spells(40, series=6, seed=9)
    one = ld.audit(table, 0.2, **FAST)
    counts = resample_counts(6, 24, 200, np.random.default_rng(0))
    cusum, best = (one.replays[name].bill.values.sum(axis=-1) for name in ("never", "always"))
    low, high = np.quantile((cusum - best) @ counts / 6, [0.05, 0.95])
    fixed = ld.audit(table, 0.2, calendar=ld.policies.Always(), **FAST).table.sel(policy="never")
    assert [float(fixed["difference_low"]), float(fixed["difference_high"])] == pytest.approx([low, high], rel=1e-10)


@pytest.mark.slow
def test_intervals_that_tune_again_cover_more_often_than_those_that_do_not():
    """CUSUM against the best calendar on 40 histories of 80 periods, in which a coefficient is drawn anew now and then.

    benchmarks/selection.py measures coverage; 90% intervals cover less than that, since few shifts fall into a part.
    Here it must not fall below what was measured there, .53, by more than 4 sigma of the binomial, and not below that
    of intervals with the tuned candidates held.
    """
    replications, periods, window, rows = 40, 80, 20, 5
    differences, bounds = np.empty(replications), np.empty((replications, 2, 2))
    forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
    for i, seed in enumerate(np.random.SeedSequence(11).spawn(replications)):
        rng, count = np.random.default_rng(seed), periods + window
        slope = np.repeat(0.5 * rng.normal(size=count)[np.cumsum(rng.random(count) < 0.05)], rows)
        x = rng.normal(size=slope.size)
        history = {"x": x, "y": slope * x + rng.normal(size=x.size), "period": np.repeat(np.arange(count), rows)}
        rule = ld.UpdateRule(window=window)
        table = ld.spell_table(
            forecaster, history, initial=window, update_rule=rule, variables=["score_gap"], progressbar=False
        )
        one = ld.audit(table, 0.2, split=0.5, resamples=400)
        row, calendar = one.table.sel(policy="CUSUM"), one.replays["best calendar"].bill.values
        differences[i] = float(row["difference"])
        bounds[i, 0] = float(row["difference_low"]), float(row["difference_high"])
        counts = resample_counts(1, periods // 2, 400, rng)
        held = resampled_totals((one.replays["CUSUM"].bill.values - calendar)[None], counts)[0]
        bounds[i, 1] = np.quantile(held, [0.05, 0.95])
    covers = (bounds[..., 0] <= differences.mean()) & (differences.mean() <= bounds[..., 1])
    again, held = covers.mean(axis=0)
    assert again > 0.53 - 4 * np.sqrt(0.53 * 0.47 / replications), (again, held)
    assert again > held, (again, held)


# Which rivals a history can tell from the policy that decides.


def test_the_deciding_policy_is_held_against_your_calendar_the_best_one_and_cusum(spells, audited):
    assert set(audited.distinguishable) == {"your calendar", "best calendar", "CUSUM"} - {audited.decided_by}
    assert set(ld.audit(spells, 0.1, **FAST).distinguishable) <= {"best calendar", "CUSUM"}
    assert audited.decided_by in audited.distinction
    assert "best in tuning" not in audited.distinction
    assert audited.distinction in " ".join(str(audited).split())


def test_a_policy_that_was_chosen_says_how_often_it_would_be_again(tuned_only):
    assert f"best in tuning in {tuned_only.decided_share:.0%} of resamples" in tuned_only.distinction


@pytest.mark.slow
def test_what_decides_is_chosen_anew_among_all_rows_that_look(spells, tuned_only):
    audited = tuned_only
    tuning = ld.check_spells(ld.select_periods(spells, 0, 36))
    counts, least = resample_counts(1, 36, 200, np.random.default_rng(0)), {}
    rows = grids.readers_of_signals(tuning, ld.RetrainingCost(0.1))
    for name, candidates in rows.items():
        if name == "recommended":
            continue
        least[name] = (mean_bills(tuning, candidates, 0.1) @ counts).min(axis=0)
    which = np.array(list(least))[np.argmin(list(least.values()), axis=0)]
    assert audited.decided_share == pytest.approx((which == audited.decided_by).mean())


def test_what_differs_a_lot_is_told_apart_and_noise_is_not(random_spells):
    loud = random_spells(80, drift=1.0)
    one = ld.audit(loud, 3.0, calendar=Never(), **FAST)
    assert one.distinguishable["your calendar"] == "cheaper"
    assert "cheaper than your calendar" in one.distinction
    quiet = ld.audit(random_spells(16, drift=0.0, seed=6), 0.0, split=0.5, **FAST)
    assert set(quiet.distinguishable.values()) == {"cannot tell"}
    assert "this history is too short to say" in quiet.distinction


# Rows of one's own.


def test_a_standard_row_is_replaced_or_left_out_by_its_name(spells):
    one = ld.audit(spells, 0.1, policies={"debt threshold": None, "predictive-debt threshold": [CUSUM(0.5)]}, **FAST)
    assert "debt threshold" not in one.table["policy"].values
    assert str(one.table["parameter"].sel(policy="predictive-debt threshold").item()) == "CUSUM(0.5)"
    assert {"never", "always", "best calendar", "CUSUM", "oracle"} <= set(one.table["policy"].values.tolist())


@pytest.mark.parametrize("name", ["never", "always", "best calendar", "your calendar", "CUSUM", "oracle"])
@pytest.mark.parametrize("candidates", [None, [Never()]])
def test_rows_that_every_audit_has_stay(spells, name, candidates):
    with pytest.raises(ValueError, match=f"the name '{name}' is taken"):
        ld.audit(spells, 0.1, policies={name: candidates}, **FAST)


def test_a_row_that_is_not_there_cannot_be_left_out(spells):
    with pytest.raises(ValueError, match="there is no row 'debt treshold' to leave out"):
        ld.audit(spells, 0.1, policies={"debt treshold": None}, **FAST)


def test_rows_may_be_made_from_the_tuning_part(spells):
    seen = []

    def rows(tuning):
        seen.append(tuning.sizes["period"])
        return {"mine": [CUSUM(float(tuning["score_gap"].max()))]}

    one = ld.audit(spells, 0.1, policies=rows, **FAST)
    assert seen == [36]
    assert one.tuned["mine"].policy.threshold == pytest.approx(
        float(ld.select_periods(spells, 0, 36)["score_gap"].max())
    )


def test_an_audit_at_costs_in_proportion_bills_them(spells):
    cost = ld.RetrainingCost(0.05, per_change=2.0)
    one = ld.audit(spells, cost, calendar=12, **FAST)
    part = evaluation_part(spells)
    for name in (*ROWS, "oracle"):
        row, replayed = one.table.sel(policy=name), one.replays[name]
        assert float(row["total"]) == pytest.approx(float(replayed.regret.item()) + float(replayed.paid.sum()))
    steps = np.diagonal(part["predictive_debt"].values[0])[:-1]
    always = one.table.sel(policy="always")
    assert float(always["total"]) == pytest.approx(float(always["regret"]) + (0.05 + 2 * steps).sum())
    assert (one.table["total"] >= one.table["total"].sel(policy="oracle") - 1e-12).all()


# Several splits.


@pytest.mark.slow
def test_each_split_of_a_repeated_audit_is_the_audit_at_that_split(spells):
    repeated = ld.repeat_audit(spells, 0.1, (0.4, 0.6), calendar=12)
    for split in (0.4, 0.6):
        one, row = ld.audit(spells, 0.1, split=split, calendar=12, **FAST), repeated.sel(split=split)
        assert row["policy"].values.tolist() == one.table["policy"].values.tolist()
        np.testing.assert_allclose(row["total_per_period"], one.table["total"] / one.spells.sizes["period"], rtol=1e-12)
        np.testing.assert_allclose(row["ratio"], one.table["ratio"], rtol=1e-12)
        assert row["parameter"].values.tolist() == one.table["parameter"].values.tolist()
        assert str(row["decided_by"].item()) == one.decided_by
        total = one.table["total"].sel(policy=ROWS).to_series()
        assert row["rank"].sel(policy=ROWS).values.tolist() == total.round(12).rank().tolist()
        assert row["rank"].sel(policy="oracle").isnull()
    assert repeated.attrs["summary"].startswith("Deciding: ")
    assert "times the bill of your calendar" in repeated.attrs["summary"]


@pytest.mark.parametrize("splits", [(), (0.5, 0.5), (0.5, 0.99)])
def test_splits_that_make_no_sense_are_refused(spells, splits):
    with pytest.raises(ValueError, match="split"):
        ld.repeat_audit(spells, 0.1, splits)


# Notes.


def says(one, words):
    return any(words in note for note in one.notes)


def test_a_history_too_short_to_tell_says_so(random_spells):
    """Noise without drift on sixteen periods tells nothing apart; a large drift on many periods does."""
    quiet = random_spells(16, drift=0.0, seed=6)
    assert says(ld.audit(quiet, 0.0, split=0.5, **FAST), "too short to tell")
    loud = ld.audit(random_spells(60, drift=1.0), 0.1, calendar=Never(), **FAST)
    assert not says(loud, "too short to tell")


def test_a_negative_bill_is_explained(random_spells):
    assert says(ld.audit(random_spells(40, drift=-0.2), 0.1, **FAST), "A negative bill")
    one = ld.audit(random_spells(40, drift=-0.2), 0.1, accounting="positive", **FAST)
    assert not says(one, "A negative bill")


def test_a_parameter_at_the_end_of_its_grid_is_pointed_out(random_spells):
    """Where retrains are free and age hurts, the least threshold is best."""
    one = ld.audit(random_spells(40, drift=1.0), 0.0, **FAST)
    assert says(one, "CUSUM was tuned to the end of its grid (CUSUM(")
    assert not says(one, "always was tuned")
    inside = ld.audit(random_spells(40, drift=1.0), 3.0, **FAST)
    assert not says(inside, "CUSUM was tuned to the end")


def test_unreliable_cells_and_failed_fits_are_counted(spells):
    assert not says(ld.audit(spells, 0.1, **FAST), "not reliable")
    doubtful = spells.copy(deep=True)
    doubtful["debt_reliable"][0, 0, :] = False  # 60 of 60 * 61 / 2 cells
    doubtful["converged"][0, :3] = False
    one = ld.audit(doubtful, 0.1, **FAST)
    assert says(one, f"{60 / 1830:.1%} of the cells of debt are not reliable")
    assert says(one, "3 of 60 shadow fits failed")


def test_periods_that_are_absent_between_even_labels_are_said(spells):
    labels = spells["label"].values
    late = spells.assign_coords(label=("period", np.where(np.arange(60) < 30, labels, labels + 2)))
    assert says(ld.audit(late, 0.1, **FAST), f"2 periods seem to be absent, the first after {labels[29]}")
    assert not says(ld.audit(spells, 0.1, **FAST), "absent")


def test_no_warning_is_raised_on_the_way(spells):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ld.audit(spells, 0.1, calendar=12, **FAST)


def test_it_prints_as_a_table_with_todays_decision_and_the_notes(audited):
    lines = str(audited).splitlines()
    assert all(len(line) <= 80 for line in lines)
    text = " ".join(" ".join(lines).split())
    for words in [*ROWS, "oracle", f"Today: {audited.today}", audited.headline, *audited.notes]:
        assert words.replace("- ", "-") in text.replace("- ", "-")  # of notes, too, which begin with a dash


# Refusals.


def test_a_missing_cost_is_refused_with_advice(spells):
    with pytest.raises(ValueError, match=r"a retraining cost is missing\. A retraining cost is what one retrain costs"):
        ld.audit(spells, None)
    with pytest.raises(TypeError, match="cost"):
        ld.audit(spells)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": 0.0}, "split must be a number that is above 0 and below 1"),
        ({"split": 1.0}, "split must be a number that is above 0 and below 1"),
        ({"split": 36}, "split must be a number that is above 0 and below 1"),
        (
            {"split": 0.1},
            "leaves 6 to tune on and 54 to report on; at least 8 .* which 80 periods give: take split=0.5",
        ),
        ({"split": 0.95}, "leaves 57 to tune on and 3 to report on"),
        ({"calendar": 0}, "calendar must be"),
        ({"calendar": -4}, "calendar must be"),
        ({"calendar": True}, "calendar must be"),
        ({"calendar": 2.5}, "calendar must be"),
        ({"calendar": "monthly"}, "calendar must be"),
        ({"calendar": {1020}}, "calendar must be"),
        ({"calendar": [1020, 1030.5]}, "schedule dates"),
        ({"accounting": "net"}, "accounting must be one of"),
        ({"policies": {"mine": []}}, r"policies\['mine'\] must hold at least one"),
        ({"probability": 0.0}, "probability"),
        ({"probability": 1.5}, "probability"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(spells, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ld.audit(spells, 0.1, **(FAST | options))


@pytest.mark.parametrize("cost", [-0.1, float("nan"), float("inf")])
def test_costs_that_make_no_sense_are_refused(spells, cost):
    with pytest.raises(ValueError, match="cost must be a number that is at least 0"):
        ld.audit(spells, cost)


def test_a_calendar_none_of_whose_dates_is_a_period_is_refused(random_spells):
    """'2024-3' sorts after '2024-12': taken for a date to come, it would make your calendar 'never'."""
    months = [f"{year}-{month:02d}" for year in (2023, 2024) for month in range(1, 13)]
    table = random_spells(24).assign_coords(label=("period", months))
    with pytest.raises(ValueError, match="2024-3"):
        ld.audit(table, 0.1, calendar=["2024-3", "2024-6", "2024-9"], **FAST)


def test_a_misspelt_date_is_refused_for_several_series_too(random_spells):
    with pytest.raises(ValueError, match="schedule dates"):
        ld.audit(random_spells(40, series=2), 0.1, calendar=["day 0052"], **FAST)


def test_a_history_too_short_for_both_parts_is_refused(random_spells):
    with pytest.raises(ValueError, match="at least 8 each are needed"):
        ld.audit(random_spells(15), 0.1)
    ld.audit(random_spells(16), 0.1, split=0.5, **FAST)


@pytest.mark.parametrize("unit", [1e3, 1e-6])
def test_another_unit_of_score_changes_no_schedule(spells, unit):
    scores = [name for name in spells if spells[name].attrs.get("unit") == "nats" and name != "debt"]
    scores += [name for name in ("score_gap", "predictive_debt", "regret") if name not in scores]
    other = spells.assign({name: (spells[name] * unit).assign_attrs(spells[name].attrs) for name in scores})
    cost = ld.RetrainingCost(cost_ratio=0.5)
    here, there = (ld.audit(table, cost, resamples=20) for table in (spells, other))
    for name, replay in here.replays.items():
        np.testing.assert_array_equal(replay.schedule.values, there.replays[name].schedule.values)
        np.testing.assert_allclose(there.replays[name].objective, unit * replay.objective, rtol=1e-9)
