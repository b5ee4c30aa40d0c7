"""Ageing curve, slope of gaps on beliefs, scores of the shadow: closed forms, errors that cover, bad input."""

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.arrays.draws.resampling import block_standard_error

from ..sampled_regression import SampledRegression

CELL = ("series", "deployed_at", "period")
INITIAL, PERIODS, SERIES = 15, 80, 200


def table_of(cells, **attrs):
    """Cells of any shape that broadcasts to (series, s, t), NaN where nothing served."""
    shape = np.broadcast_shapes(*(np.shape(values) for values in cells.values()))
    present = np.triu(np.ones(shape[-2:], dtype=bool))
    full = {name: np.where(present, np.broadcast_to(values, shape), np.nan) for name, values in cells.items()}
    return xr.Dataset({name: (CELL[-len(shape) :], values) for name, values in full.items()}, attrs=attrs)


def ages(periods):
    return np.arange(1, periods + 1) - np.arange(periods)[:, None]


@pytest.fixture(scope="module")
def still():
    """Many histories of a model that is right, in a world where nothing changes."""
    rng, rows = np.random.default_rng(5), 2
    size = SERIES * (INITIAL + PERIODS) * rows
    x = rng.normal(size=(size, 1))
    history = {"x": x, "y": x[:, 0] + rng.normal(size=size)}
    history["period"] = np.tile(np.repeat(np.arange(INITIAL + PERIODS), rows), SERIES)
    history["series"] = np.repeat(np.arange(SERIES), (INITIAL + PERIODS) * rows)
    forecaster = ld.ConjugateRegression(ld.NIG(np.zeros(1), np.eye(1), 2.0, 1.0))
    return ld.spell_table(forecaster, history, initial=INITIAL, variables=("predictive_debt",), progressbar=False)


def one_by_one(spells, function):
    return xr.concat([function(spells.isel(series=[i])) for i in range(SERIES)], "series")


def test_a_regret_that_is_a_function_of_age_is_its_own_curve():
    periods = 40
    curve = ld.ageing_curve(table_of({"score_gap": np.log1p(ages(periods).clip(1))}))
    np.testing.assert_allclose(curve["regret"], np.log1p(np.arange(1, periods + 1)), rtol=1e-12)
    assert curve["spells"].values.tolist() == list(range(periods, 0, -1))
    reliable = curve["reliable"].values
    assert reliable[0]
    assert not reliable[10:].any()
    np.testing.assert_allclose(curve["regret_se"].values[reliable], 0.0, atol=1e-14)
    assert np.isnan(curve["regret_se"].values[-1])
    assert curve.attrs["unit"] == "nats"


def test_the_curve_is_in_the_unit_of_regret_and_a_mean_over_series():
    gap = np.random.default_rng(1).normal(size=(3, 30, 30))
    spells = table_of({"score_gap": gap}, unit="EUR per observation", currency="EUR")
    spells["exposure"] = ("period", np.linspace(1, 3, 30))
    curve = ld.ageing_curve(spells)
    regret = spells["exposure"].values * gap
    for age in (1, 4, 20):
        expected = np.mean([np.diagonal(one, age - 1) for one in regret])
        assert float(curve["regret"].sel(age=age)) == pytest.approx(expected)
    assert curve.attrs["unit"] == "EUR"
    assert curve["spells"].values[0] == 30


def test_by_the_curve_a_calendar_costs_what_it_costs():
    """Regret by age alone: a calendar of n pays m(1) + ... + m(n) a spell."""
    spells = table_of({"score_gap": np.sqrt(ages(24).clip(1))})
    spell = float(ld.ageing_curve(spells)["regret"].sel(age=slice(1, 6)).sum())
    assert float(ld.replay(spells, ld.policies.Calendar(6), 0.3).regret.item()) == pytest.approx(4 * spell)


def test_errors_of_draws_are_added_in_quadrature():
    exact = table_of({"score_gap": np.random.default_rng(2).normal(size=(2, 60, 60))})
    drawn = exact.assign(score_gap_se=xr.full_like(exact["score_gap"], 0.5))
    before, after = (ld.ageing_curve(one)["regret_se"].sel(age=2) for one in (exact, drawn))
    assert float(after) == pytest.approx(np.hypot(float(before), 0.5 / np.sqrt(2 * 59)))


def test_the_error_of_blocks_is_what_resampling_them_comes_to():
    rng, length = np.random.default_rng(3), 5
    values = np.convolve(rng.normal(size=64), np.ones(5), mode="valid")
    starts = rng.integers(len(values), size=(200_000, len(values) // length))
    means = np.concatenate([values, values])[starts[..., None] + np.arange(length)].mean(axis=(1, 2))
    expected = means.std() / np.sqrt(1 - length / len(values))
    assert block_standard_error(values, length) == pytest.approx(expected, rel=4 / np.sqrt(2 * len(means)))
    assert block_standard_error(values, 1) == pytest.approx(values.std(ddof=1) / np.sqrt(len(values)))
    assert np.isnan(block_standard_error(values, 31))


def test_intervals_of_the_ageing_curve_cover_where_nothing_changes(still):
    """Of 200 histories 90% intervals of reliable ages cover: no less than four binomial errors below .83.

    That is the least of what the docstring says of such a world.
    """
    curves = one_by_one(still, ld.ageing_curve)
    tested = [age for age in (2, 3, 5, 7) if bool(curves["reliable"].sel(age=age).all())]
    assert tested == [2, 3, 5, 7]
    truth = curves["regret"].mean("series")
    covered = ((curves["regret_low"] <= truth) & (truth <= curves["regret_high"])).mean("series").sel(age=tested)
    assert (covered > 0.83 - 4 * np.sqrt(0.83 * 0.17 / SERIES)).all(), covered.values


def test_the_slope_is_one_where_gaps_are_beliefs_and_scales_with_them():
    periods = 30
    belief = np.broadcast_to(0.01 * np.arange(1, periods + 1)[:, None] + 0.02, (periods, periods))
    cells = {"predictive_debt": belief, "gap_sd": np.sqrt(2 * belief)}
    for times in (1.0, 0.0, -0.4, 2.5):
        slopes = ld.belief_slope(table_of({"score_gap": times * belief} | cells))
        np.testing.assert_allclose(slopes["slope"][1:], times, atol=1e-12)
        assert np.isnan(slopes["slope"].values[0])
        np.testing.assert_allclose(slopes["slope_se"][2:], 0.0, atol=1e-12)
        assert slopes["pairs"].values[:4].tolist() == [0, 1, 3, 6]
        assert slopes["reliable"].values[-1]


def test_the_slope_is_weighted_least_squares_on_the_beliefs_of_the_period_before():
    rng, periods = np.random.default_rng(6), 12
    gap, belief, spread = rng.normal(size=(2, periods, periods)), *rng.uniform(0.1, 1, size=(2, 2, periods, periods))
    spells = table_of({"score_gap": gap, "predictive_debt": belief, "gap_sd": spread})
    slopes = ld.belief_slope(spells)

    def fitted(left_out=None, lag=1):
        known = [(i, s, t) for i in range(2) for t in range(periods) if t != left_out for s in range(t + 1 - lag)]
        i, s, t = np.array(known).T
        v = spread[i, s, t - lag] ** 2
        return (gap[i, s, t] * belief[i, s, t - lag] / v).sum() / (belief[i, s, t - lag] ** 2 / v).sum()

    assert float(slopes["slope"][-1]) == pytest.approx(fitted())
    without = np.array([fitted(t) for t in range(1, periods)])
    jackknife = np.sqrt(10 / 11 * ((without - without.mean()) ** 2).sum())
    assert float(slopes["slope_se"][-1]) == pytest.approx(jackknife)
    separate = ld.belief_slope(spells.assign_attrs(timing="separate"))
    assert float(separate["slope"][-1]) == pytest.approx(fitted(lag=0))


def test_the_running_slope_knows_no_later_period():
    rng, periods = np.random.default_rng(7), 20
    cells = {"score_gap": rng.normal(size=(periods, periods)), "predictive_debt": rng.uniform(0.1, 1, size=(20, 20))}
    spells = table_of(cells | {"gap_sd": np.ones((periods, periods))})
    whole, part = ld.belief_slope(spells), ld.belief_slope(ld.select_periods(spells, 0, 12))
    for name in ("slope", "slope_se", "slope_low", "pairs", "reliable"):
        np.testing.assert_allclose(whole[name][:12], part[name], rtol=1e-12)
    late = spells.assign_attrs(horizon=3).assign(arrived_gap=spells["score_gap"])
    np.testing.assert_allclose(ld.belief_slope(late)["slope"][2:], whole["slope"][:-2])


def test_intervals_of_the_slope_hold_one_where_the_model_is_right(still):
    """Of 200 histories, 90% intervals: no further than four binomial errors from .9."""
    last = one_by_one(still, ld.belief_slope).isel(period=-1)
    assert last["reliable"].mean() > 0.95
    held = float(((last["slope_low"] <= 1) & (last["slope_high"] >= 1)).mean())
    assert abs(held - 0.9) < 4 * np.sqrt(0.9 * 0.1 / SERIES)


def test_wrong_tails_flatten_the_slope(still):
    """Gaps whose mean is a fifth of what is believed, with the spread that is believed."""
    rng, belief = np.random.default_rng(8), still["predictive_debt"].isel(series=slice(20)).mean("series").values
    before = np.concatenate([np.zeros_like(belief[:, :1]), belief[:, :-1]], axis=1)
    gap = 0.2 * before + 0.01 * np.sqrt(2 * before) * rng.normal(size=belief.shape)
    spells = table_of({"score_gap": np.nan_to_num(gap), "predictive_debt": belief, "gap_sd": np.sqrt(2 * belief)})
    assert float(ld.belief_slope(spells)["slope"][-1]) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("forecaster", ["exact", "drawn"])
def test_the_shadows_score_is_that_of_the_newest_posterior(forecaster, make_history):
    drawn = SampledRegression(draws=100)
    history = make_history(14, 3, 1)
    spells = ld.spell_table(
        drawn.exact if forecaster == "exact" else drawn, history, initial=6, random_seed=1, progressbar=False
    )
    found = ld.shadow_scores(spells)
    assert found["shadow_score"].dims == ("series", "period")
    for t in range(1, 9):
        seen, now = (history["period"] < 5 + t), (history["period"] == 5 + t)
        posterior = drawn.exact.fit({"x": history["x"][seen], "y": history["y"][seen]})
        truth = float(drawn.exact.log_score(posterior, {"x": history["x"][now], "y": history["y"][now]}).mean())
        error = float(found["shadow_score_se"][0, t - 1])
        assert abs(float(found["shadow_score"][0, t - 1]) - truth) <= 5 * error + 1e-12
    assert bool((found["shadow_score_se"] > 0).all()) == (forecaster == "drawn")


def test_with_separate_timing_it_is_the_shadow_of_the_period(random_spells):
    spells = random_spells(8, series=2).assign_attrs(timing="separate")
    spells["deployed_score"] = 3.0 - spells["score_gap"]
    np.testing.assert_allclose(ld.shadow_scores(spells)["shadow_score"], 3.0)


def test_what_is_missing_is_named(random_spells):
    spells = random_spells(10)
    with pytest.raises(KeyError, match="lack 'deployed_score'"):
        ld.shadow_scores(spells.drop_vars("deployed_score", errors="ignore"))
    with pytest.raises(KeyError, match="lack 'gap_sd', without which gaps cannot be held against beliefs"):
        ld.belief_slope(spells.drop_vars("gap_sd", errors="ignore"))
    with pytest.raises(KeyError, match="'regret' or 'score_gap'"):
        ld.ageing_curve(spells[["debt"]])
    for function in (ld.ageing_curve, ld.belief_slope, ld.shadow_scores):
        with pytest.raises(TypeError, match="spells must be a spell table"):
            function(3)
    for function in (ld.ageing_curve, ld.belief_slope):
        with pytest.raises(ValueError, match="probability"):
            function(spells, probability=1.5)
