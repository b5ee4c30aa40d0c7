"""Replay's book-keeping, the oracle as a lower bound, and tuning."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.policies import (
    CUSUM,
    Always,
    Calendar,
    DebtThreshold,
    Never,
    PredictiveDebtThreshold,
    Schedule,
)

CALIBRATION = ld.AgeAdjustment((0.1, 0.05, 0.02, 0.001), 0.3)
POLICIES = [
    Never(),
    Always(),
    Calendar(4),
    Schedule(["day 002", "day 011"]),
    CUSUM(0.6),
    DebtThreshold(0.5, CALIBRATION),
    PredictiveDebtThreshold(3.0),
]
every_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
every_accounting = pytest.mark.parametrize("accounting", ["signed", "positive"])


@every_policy
@every_accounting
def test_the_bill_adds_up(policy, accounting, random_spells):
    one = ld.replay(random_spells(25, series=4), policy, 0.3, accounting)
    np.testing.assert_allclose(one.bill.sum("period"), one.objective, rtol=1e-12)
    np.testing.assert_allclose(one.regret + 0.3 * one.retrains, one.objective, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(one.schedule.sum("period"), one.retrains)
    assert not one.schedule[:, -1].any()
    assert one.unit == "nats"
    for array in (one.objective, one.objective_se, one.regret, one.retrains):
        assert array.dims == ("series",)
    assert one.bill.dims == one.schedule.dims == ("series", "period")


@every_policy
@every_accounting
@pytest.mark.parametrize("cost", [0.0, 0.05, 0.5, 20.0])
def test_no_policy_costs_less_than_the_oracle_on_any_series(policy, accounting, cost, random_spells):
    table = random_spells(25, series=30, seed=2)
    best = ld.oracle(table, cost, accounting)
    assert (best.objective <= ld.replay(table, policy, cost, accounting).objective + 1e-12).all()


@every_accounting
def test_replaying_the_oracles_own_schedule_costs_what_the_oracle_says(accounting, random_spells):
    table = random_spells(25, seed=3)
    best = ld.oracle(table, 0.3, accounting)
    again = ld.replay(table, Schedule(best.dates[0]), 0.3, accounting)
    assert again.schedule.identical(best.schedule)
    assert again.bill.identical(best.bill)
    assert 0 < int(best.retrains.item()) < 24


def test_positive_accounting_charges_at_least_as_much(random_spells):
    table = random_spells(25, series=10)
    for policy in (Never(), Calendar(3)):
        signed, positive = (ld.replay(table, policy, 0.3, name) for name in ("signed", "positive"))
        np.testing.assert_array_equal(signed.schedule, positive.schedule)
        assert (positive.objective > signed.objective).all()


@every_policy
def test_each_series_is_replayed_as_if_alone(policy, random_spells):
    table = random_spells(20, series=4)
    together = ld.replay(table, policy, 0.3)
    for i in range(4):
        assert ld.replay(table.isel(series=[i]), policy, 0.3).bill.identical(together.bill.isel(series=[i]))


@pytest.mark.parametrize("rows", [1, 4])
def test_signed_totals_differ_by_the_realised_scores_of_what_served(rows, make_history):
    """Regret is the shadow's score minus the deployed one's, so two schedules differ by minus their realised scores."""
    initial, periods = 5, 30
    history = make_history(initial + periods, rows, 2, shift_at=20)
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(2), np.eye(2), 2.0, 1.0))
    table = ld.spell_table(forecaster, history, initial=initial, progressbar=False)

    def part(first, stop):
        chosen = (history["period"] >= first) & (history["period"] < stop)
        return {"x": history["x"][chosen], "y": history["y"][chosen]}

    def realised_score(schedule):
        serving, total = forecaster.fit(part(0, initial)), 0.0
        for t in range(1, periods + 1):
            total += float(forecaster.log_score(serving, part(initial + t - 1, initial + t)).mean())
            if schedule[t - 1]:
                serving = forecaster.fit(part(0, initial + t))
        return total

    replays = [ld.replay(table, policy, 0.3) for policy in (Never(), Calendar(7), CUSUM(0.5), Always())]
    totals = [float(one.regret.item()) + realised_score(one.schedule.values[0]) for one in replays]
    np.testing.assert_allclose(totals, totals[0], rtol=1e-10)
    assert np.ptp([one.regret.item() for one in replays]) > 0.1


def test_monte_carlo_errors_add_within_a_spell_and_in_quadrature_between_spells(random_spells):
    table = random_spells(6, exposure=np.array([1.0, 2.0, 1.0, 1.0, 0.5, 1.0]))
    table["score_gap_se"] = xr.full_like(table["score_gap"], 0.1).where(table["score_gap"].notnull())
    one = ld.replay(table, Schedule(["day 002", "day 003"]), 0.3)
    # spells of periods 1-2, 3 and 4-6, with exposures 1 + 2, 1 and 1 + 0.5 + 1
    assert float(one.objective_se.item()) == pytest.approx(0.1 * np.sqrt(3.0**2 + 1.0**2 + 2.5**2))
    assert float(ld.replay(random_spells(6), Never(), 0.3).objective_se.item()) == 0.0


@pytest.mark.parametrize("resolution", ["D", "s", "us", "ns"])
@pytest.mark.parametrize("ask", [list, np.asarray], ids=["list", "array"])
def test_dates_are_the_owners_labels_and_may_be_handed_back(resolution, ask, random_spells):
    days = np.datetime64("2024-01-01", resolution) + np.arange(10) * np.timedelta64(1, "D").astype(f"m8[{resolution}]")
    table = random_spells(10).assign_coords(label=("period", days))
    one = ld.replay(table, Schedule(ask(table["label"].values[[2, 6]])), 0.3)
    assert np.flatnonzero(one.schedule.values[0]).tolist() == [2, 6]
    assert [np.datetime64(date) for date in one.dates[0]] == [np.datetime64("2024-01-03"), np.datetime64("2024-01-07")]
    again = ld.replay(table, Schedule(one.dates[0]), 0.3)
    assert again.schedule.identical(one.schedule)


def test_timestamps_name_periods_of_any_resolution(random_spells):
    pandas = pytest.importorskip("pandas")
    for resolution in ("us", "ns"):
        days = pandas.date_range("2024-01-01", periods=10).as_unit(resolution)
        table = random_spells(10).assign_coords(label=("period", days.values))
        one = ld.replay(table, Schedule([days[2], days[6]]), 0.3)
        assert np.flatnonzero(one.schedule.values[0]).tolist() == [2, 6]


def test_dates_before_the_table_are_passed_over_and_unknown_ones_are_not(random_spells):
    table = random_spells(10)
    earlier = table.assign_coords(earlier=["day -01", "day 000"])
    assert ld.replay(earlier, Schedule(["day 000", "day 004"]), 0.3).dates == [["day 004"]]
    for unknown in ("day 000", "day 999"):
        with pytest.raises(ValueError, match=rf"schedule dates \['{unknown}'\]"):
            ld.replay(table, Schedule([unknown, "day 004"]), 0.3)
    with pytest.raises(ValueError, match=r"schedule dates \['day 0042'\]"):
        ld.replay(table, Schedule(["day 004", "day 0042"]), 0.3)
    with pytest.raises(ValueError, match=r"schedule dates \[3.5\]"):
        ld.replay(table.assign_coords(label=("period", np.arange(10))), Schedule([3.5]), 0.3)


def test_bad_arguments_are_refused_by_name(random_spells):
    table = random_spells(10)
    with pytest.raises(ValueError, match="accounting must be one of"):
        ld.replay(table, Never(), 0.3, "net")
    with pytest.raises(ValueError, match="accounting must be one of"):
        ld.oracle(table, 0.3, "net")
    with pytest.raises(ValueError, match="a retraining cost is missing"):
        ld.replay(table, Never(), None)
    with pytest.raises(KeyError, match="'debt'"):
        ld.replay(table.drop_vars("debt"), DebtThreshold(1.0, CALIBRATION), 0.3)


CANDIDATES = {
    "calendars": [Calendar(k) for k in (1, 2, 5, 9)],
    "cusum": [CUSUM(h) for h in (0.05, 0.5, 2.0, 9.0)],
    "debt thresholds": [DebtThreshold(z, CALIBRATION) for z in (-1.0, 0.0, 1.5)],
    "predictive-debt thresholds": [PredictiveDebtThreshold(m) for m in (0.5, 2.0, 8.0)],
    "mixed types": [Never(), CUSUM(0.5), Always(), PredictiveDebtThreshold(2.0), Calendar(5)],
    "mixed calibrations": [DebtThreshold(1.0, CALIBRATION), DebtThreshold(1.0, ld.AgeAdjustment((0, 0, 0, 0), 1.0))],
    "schedules": [Schedule(["day 003"]), Schedule(["day 005", "day 006"])],
    "one": [CUSUM(0.5)],
}


@pytest.mark.parametrize("name", CANDIDATES)
@every_accounting
def test_tuning_is_replaying_each_candidate_and_keeping_the_cheapest(name, accounting, random_spells):
    table, candidates = random_spells(20, series=5, seed=4), CANDIDATES[name]
    tuned = ld.tune(table, candidates, 0.3, accounting, starts=1)
    replays = [ld.replay(table, candidate, 0.3, accounting) for candidate in candidates]
    for column in ("objective", "regret", "retrains"):
        means = [float(getattr(one, column).mean()) for one in replays]
        np.testing.assert_allclose(tuned.table[column], means, rtol=1e-12, atol=1e-12)
    assert tuned.index == int(np.argmin(tuned.table["objective"].values))
    assert tuned.policy is candidates[tuned.index]
    assert tuned.table["candidate"].values.tolist() == [str(candidate) for candidate in candidates]


@pytest.mark.parametrize("starts", [1, None])
def test_ties_go_to_the_simplest_and_then_to_the_first(starts, random_spells):
    table = random_spells(20, series=3)
    assert ld.tune(table, [Calendar(50), Calendar(60), CUSUM(1e9)], 0.3, starts=starts).index == 0
    assert ld.tune(table, [CUSUM(1e9), Calendar(60), Calendar(50)], 0.3, starts=starts).index == 1
    assert ld.tune(table, [Calendar(50), Calendar(60), Never()], 0.3, starts=starts).index == 2
    assert ld.tune(table, [Always(), Never(), Calendar(60), Calendar(50)], 1e3, starts=starts).index == 1


def test_tuning_without_candidates_is_refused(random_spells):
    with pytest.raises(ValueError, match="candidates"):
        ld.tune(random_spells(10), [], 0.3)


def test_a_misspelt_date_is_refused_in_tuning_too(random_spells):
    with pytest.raises(ValueError, match="schedule dates"):
        ld.tune(random_spells(10), [Schedule(["day 0042"]), Never()], 0.3)
