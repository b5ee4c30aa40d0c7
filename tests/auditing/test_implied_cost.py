"""The cost at which a calendar would be right: closed forms, brute force over replays, and what is refused."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.schedules.calendar_costs import costs_where_least, regret_of_calendars
from learning_debt.policies import CUSUM, Always, Calendar, Never, Schedule, SpellLimit
from learning_debt.policies.fixed import phases

DIMS = ("series", "deployed_at", "period")


def table_of(gap, **variables):
    gap = np.asarray(gap)
    cells = np.where(np.triu(np.ones(gap.shape[-2:], dtype=bool)), gap, np.nan)
    return xr.Dataset({"score_gap": (DIMS[-gap.ndim :], cells)} | variables)


def ages(periods):
    return np.arange(1, periods + 1) - np.arange(periods)[:, None]


def noisy(periods=14, series=1, seed=3, growth=0.08):
    """Gaps that grow with age on average, and noise in which single calendars are no longer the cheapest."""
    rng = np.random.default_rng(seed)
    return table_of(growth * ages(periods) + rng.normal(0.0, 0.4, size=(series, periods, periods)))


def line(spells, policy):
    """Retrains and regret, means over phases and series, by replays."""
    replays = [ld.replay(spells, one, 0.0) for one in phases(policy)]
    return np.mean([[float(one.retrains.mean()), float(one.regret.mean())] for one in replays], axis=0)


def rivals(spells):
    return [*(Calendar(n) for n in range(1, spells.sizes["period"])), Never()]


def bill(spells, policy, cost):
    return line(spells, policy) @ [cost, 1.0]


@pytest.mark.parametrize("interval", [1, 2, 3, 5, 8])
def test_linear_ageing_has_a_closed_form(interval):
    """Regret b (a - 1) at age a: n periods are right at costs from b n (n - 1) / 2 to b n (n + 1) / 2."""
    periods, slope = 2000, 0.1
    # Regret of a calendar is the mean over its ages; the rows below are those of a history without a beginning.
    lengths = np.arange(1, 60)
    regret = slope * periods * (lengths - 1) / 2
    low, high, over = costs_where_least(periods / lengths, regret, interval - 1)
    np.testing.assert_allclose([low, high], slope * interval * (interval + np.array([-1, 1])) / 2, rtol=1e-12)
    assert over == 0
    short = ld.implied_cost(table_of(slope * (ages(400) - 1)), interval, resamples=20)
    np.testing.assert_allclose([short.low, short.high], [low, high], rtol=0.03)


def test_means_over_phases_are_those_of_replays():
    spells = noisy(11, series=2)
    regret = regret_of_calendars(ld.check_spells(spells)["regret"].values, 11)
    for n in (1, 2, 3, 7, 11):
        along = [ld.replay(spells, one, 0.0).bill.values for one in phases(Calendar(n))]
        np.testing.assert_allclose(regret[n - 1], np.mean(along, axis=0), atol=1e-12)


OWNERS = [Calendar(2), Calendar(4), Calendar(30), Schedule([4, 5, 9]), SpellLimit(5), Never()]


@pytest.mark.slow
@pytest.mark.parametrize(("series", "seed"), [(1, 0), (1, 1), (2, 2)])
def test_no_cost_brings_a_calendar_nearer_to_the_cheapest(series, seed):
    spells = noisy(9, series, seed)
    lines = np.array([line(spells, one) for one in rivals(spells)])
    costs = np.geomspace(0.01, 100, 50)
    for owners in OWNERS:
        own = line(spells, owners)

        def excess(cost, own=own):
            return own @ [cost, 1.0] - min(own @ [cost, 1.0], *(lines @ [cost, 1.0]))

        found = ld.implied_cost(spells, owners, resamples=10)
        inside = found.low if np.isinf(found.high) else (found.low + found.high) / 2
        for cost in (found.low, inside, min(found.high, 1e3)):
            assert excess(cost) == pytest.approx(found.excess, abs=1e-9)
        assert min(map(excess, costs)) >= found.excess - 1e-9
        step = 0.01 * (1 + found.low)
        if found.low > step:
            assert excess(found.low - step) > found.excess + 1e-12
        if np.isfinite(found.high):
            assert excess(found.high + step) > found.excess + 1e-12


def test_ranges_of_calendars_share_their_ends_and_cover_all_costs():
    found = ld.implied_cost(noisy(20, growth=0.03), 4, resamples=10)
    right = found.calendars.where(found.calendars["cost_high"] > found.calendars["cost_low"], drop=True)
    assert 1 < right.sizes["interval"] < 20
    np.testing.assert_allclose(right["cost_high"].values[:-1], right["cost_low"].values[1:])
    assert right["cost_low"].values[0] == 0
    assert np.isinf(right["cost_high"].values[-1])
    assert (np.diff(right["retrains"]) < 0).all()


def test_between_two_cheapest_calendars_the_nearest_cost_is_where_they_meet():
    gap = ages(12) - 1.0
    spells = table_of(gap)
    found = ld.implied_cost(spells, [1, 2, 11], resamples=10)  # a silly schedule: long spells and needless retrains
    assert not found.right
    assert found.low == found.high > 0
    first, second = found.cheapest
    one, other = (bill(spells, Calendar(int(length)), found.low) for length in (first, second))
    assert one == pytest.approx(other)
    assert f"comes nearest at {found.low:.3g} nats" in str(found)
    nearest = " or ".join(f"retraining every {length:.0f} periods" for length in found.cheapest)
    assert f"more over 12 periods than {nearest}" in str(found)


def test_where_retrains_only_harm_no_positive_cost_makes_a_calendar_right():
    found = ld.implied_cost(table_of(-0.2 * ages(12)), 3, resamples=10)
    assert (found.low, found.high, found.cheapest) == (0.0, 0.0, (np.inf,))
    assert not found.right
    assert "At no positive cost" in str(found)
    assert "than never retraining" in str(found)


def test_always_and_never_are_right_at_one_end():
    spells = table_of(0.3 * (ages(10) - 1))
    every, never = (ld.implied_cost(spells, one, resamples=10) for one in (Always(), Never()))
    assert every.low == 0
    assert every.high < never.low
    assert np.isinf(never.high)
    assert np.isinf(never.interval_high)
    assert "or more" in str(never)
    assert (every.calendar, never.calendar) == ("every period", "never")
    as_interval, by_hand = (ld.implied_cost(spells, one, resamples=10) for one in (1, list(range(1, 10))))
    assert as_interval.high == pytest.approx(every.high)
    assert by_hand.high == pytest.approx(every.high)
    assert by_hand.calendar == "after your 9 dates"


def test_several_series_have_the_bill_of_their_mean():
    spells = noisy(12, series=3)
    together = ld.implied_cost(spells, 3, resamples=10)
    mean = ld.implied_cost(table_of(spells["score_gap"].mean("series").values), 3, resamples=10)
    np.testing.assert_allclose([together.low, together.high, together.excess], [mean.low, mean.high, mean.excess])
    alone = ld.implied_cost(xr.concat([spells.isel(series=[0])] * 3, "series"), 3, resamples=10)
    assert (alone.interval_low, alone.interval_high) == pytest.approx((alone.low, alone.high))  # resampled whole


def test_a_price_of_a_nat_makes_it_money_and_an_exposure_counts():
    gap = 0.2 * (ages(16) - 1)
    plain = ld.implied_cost(table_of(gap), 3, resamples=50)
    priced = table_of(gap, rows=("period", np.full(16, 5)))
    money = ld.implied_cost(priced, 3, money_per_nat=20.0, currency="EUR", resamples=50)
    assert (plain.unit, money.unit) == ("nats", "EUR")
    for name in ("low", "high", "interval_low", "interval_high"):
        assert getattr(money, name) == pytest.approx(100 * getattr(plain, name))
    with pytest.raises(ValueError, match="EUR"):
        ld.implied_cost(table_of(gap), 3, currency="EUR")


def test_an_audit_at_the_implied_cost_finds_no_cheaper_calendar():
    spells = table_of(0.05 * (ages(60) - 1))
    cost = ld.implied_cost(spells, 6, resamples=10)
    audit = ld.audit(spells, (cost.low + cost.high) / 2, calendar=6, resamples=10)
    assert audit.tuned["best calendar"].policy.interval == 6


@pytest.mark.slow
def test_intervals_hold_the_costs_of_the_long_run():
    """Noise by period on linear ageing: 90% at least, less three binomial errors of 300 histories."""
    periods, histories, rng = 40, 300, np.random.default_rng(8)
    truth = ld.implied_cost(table_of(0.1 * (ages(periods) - 1)), 5, resamples=1)
    held = []
    for _ in range(histories):
        gap = 0.1 * (ages(periods) - 1) * (1 + rng.normal(0.0, 0.5, size=periods))
        found = ld.implied_cost(table_of(gap), 5, resamples=200)
        held.append(found.interval_low <= truth.low and truth.high <= found.interval_high)
    assert np.mean(held) >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / histories)


@pytest.mark.parametrize(
    ("calendar", "message"),
    [
        (CUSUM(1.0), "calendar must be an interval"),
        (None, "calendar must be an interval"),
        (0, "calendar"),
        ([99], "no period labels of the table"),
        (Calendar(np.array([2, 3])), "calendar must have one interval"),
    ],
)
def test_what_is_no_calendar_is_refused(calendar, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ld.implied_cost(noisy(), calendar)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
def test_the_unit_of_costs_changes_nothing_but_their_size(size):
    spells = noisy(12)
    plain, scaled = (ld.implied_cost(one, 4, resamples=5) for one in (spells, spells * size))
    assert scaled.cheapest == plain.cheapest
    for name in ("low", "high", "excess", "interval_low", "interval_high"):
        assert getattr(scaled, name) == pytest.approx(size * getattr(plain, name))


@pytest.mark.parametrize("gap", [0.0, 0.1])
def test_a_calendar_that_is_right_only_where_retrains_are_free_is_said_to_cost_as_much(gap):
    found = ld.implied_cost(table_of(np.full((9, 9), gap)), 3, resamples=5)
    assert (found.low, found.high, found.excess) == (0.0, 0.0, 0.0)
    assert not found.right
    assert found.cheapest == (np.inf,)
    assert str(found).startswith(
        "At no positive cost of a retrain is retraining every 3 periods the cheapest calendar. Were retrains free, it "
        "would cost as much as never retraining ("
    )


def test_dates_are_counted():
    named = [ld.implied_cost(noisy(), dates, resamples=2).calendar for dates in ([], [4], [4, 9])]
    assert named == ["never", "after your one date", "after your 2 dates"]
