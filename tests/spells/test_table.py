"""Layout, labels and refusals of the spell table, and the user's own."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.spells.placeholder_table import rehearsed_table

from ..sampled_regression import SampledRegression

FORECASTER = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 1.0))
CELLS = ("debt", "predictive_debt", "score_gap", "regret", "gap_sd")


def table_of(history, **options):
    return ld.spell_table(FORECASTER, history, **{"initial": 5, "progressbar": False} | options)


def flat(history):
    """x as a vector, which one coefficient allows."""
    return history | {"x": history["x"][:, 0]}


def stacked(histories):
    """Several series in long form, sorted by period so that their rows interleave."""
    names = np.repeat(list(histories), [len(one["y"]) for one in histories.values()])
    joined = {name: np.concatenate([one[name] for one in histories.values()]) for name in ("x", "y", "period")}
    order = np.argsort(joined["period"], kind="stable")
    return {name: values[order] for name, values in (joined | {"series": names}).items()}


def test_dimensions_labels_and_attributes(make_history):
    history = flat(make_history(12, 2, 1))
    history["period"] = np.array([f"2024-{month + 1:02d}" for month in range(12)])[history["period"]]
    table = table_of(history)
    assert dict(table.sizes) == {"series": 1, "deployed_at": 7, "period": 7, "earlier": 5}
    assert table["deployed_at"].values.tolist() == list(range(7))
    assert table["period"].values.tolist() == list(range(1, 8))
    assert table["label"].values.tolist() == [f"2024-{month:02d}" for month in range(6, 13)]
    assert table["deployed_label"].values.tolist() == [f"2024-{month:02d}" for month in range(5, 12)]
    assert table.attrs["timing"] == "prequential"
    assert table["rows"].values.tolist() == [[2] * 7]
    assert table["converged"].values.all()
    for name in CELLS:
        assert table[name].dims == ("series", "deployed_at", "period")


def test_data_frame_mapping_and_dataset_give_the_same_table(make_history):
    history = flat(make_history(12, 2, 1))
    dataset = xr.Dataset({name: ("obs", values) for name, values in history.items()})
    with_coordinate = dataset.set_coords("period")
    for data in (pd.DataFrame(history), dataset, with_coordinate, history | {"x": history["x"][:, None]}):
        xr.testing.assert_identical(table_of(data), table_of(history))


def test_the_observation_dimension_may_be_the_period_itself(make_history):
    history = flat(make_history(12, 1, 1))
    by_period = ld.ConjugateRegression(FORECASTER.prior, observation_dim="period")
    dataset = xr.Dataset({"x": ("period", history["x"]), "y": ("period", history["y"])}, {"period": history["period"]})
    table = ld.spell_table(by_period, dataset, initial=5, progressbar=False)
    xr.testing.assert_identical(table, table_of(history))


def test_each_of_several_series_is_as_if_alone(make_history):
    histories = {name: flat(make_history(12, 2, 1, seed=seed)) for seed, name in enumerate(["Wien", "Graz", "Linz"])}
    table = table_of(stacked(histories))
    assert table["series"].values.tolist() == ["Wien", "Graz", "Linz"]
    for name, history in histories.items():
        alone = table_of(history).isel(series=0, drop=True)
        xr.testing.assert_identical(table.sel(series=name).drop_vars("series"), alone)


def test_an_executor_changes_nothing(make_history):
    history = stacked({name: flat(make_history(10, 2, 1, seed=seed)) for seed, name in enumerate("ab")})
    with ThreadPoolExecutor(2) as executor:
        xr.testing.assert_identical(table_of(history, executor=executor), table_of(history))


def test_series_that_cover_other_periods_are_refused(make_history):
    one, other = flat(make_history(12, 2, 1)), flat(make_history(12, 2, 1, seed=1))
    for unequal in (flat(make_history(11, 2, 1)), other | {"period": other["period"] + 1}):
        with pytest.raises(ValueError, match="all series of a history must cover the same periods"):
            table_of(stacked({"a": one, "b": unequal}))


def test_regret_is_exposure_times_the_gap(make_history):
    history = flat(make_history(12, 2, 1))
    plain, dear = table_of(history), table_of(history, exposure=250.0)
    xr.testing.assert_allclose(dear["regret"], 250.0 * plain["regret"])
    np.testing.assert_array_equal(plain["regret"], plain["score_gap"])
    assert (dear["exposure"] == 250.0).all()
    assert dear["score_gap"].identical(plain["score_gap"])


@pytest.mark.parametrize("first", [1, 4, 8])
def test_starting_afresh_later_is_a_longer_initial_part(make_history, first):
    """What serves at the start of the later part is the shadow of all periods before it."""
    history = flat(make_history(15, 2, 1, shift_at=9))
    part, later = ld.select_periods(table_of(history), first), table_of(history, initial=5 + first)
    assert part["deployed_label"].identical(later["deployed_label"])
    xr.testing.assert_allclose(part, later, rtol=1e-9, atol=1e-12)


def test_the_table_of_the_later_history_alone_with_the_earlier_posterior_as_prior(make_history):
    history = flat(make_history(15, 2, 1))
    late = history["period"] >= 8
    early = FORECASTER.fit({"x": history["x"][~late], "y": history["y"][~late]})
    later = ld.spell_table(
        ld.ConjugateRegression(early), {k: v[late] for k, v in history.items()}, initial=1, progressbar=False
    )
    part = ld.select_periods(table_of(history), 4)
    assert part["earlier"].values.tolist() == list(range(9))
    xr.testing.assert_allclose(part.drop_vars("earlier"), later.drop_vars("earlier"), rtol=1e-9, atol=1e-12)


def test_parts_of_parts_are_parts(random_spells):
    table = random_spells(20, series=2)
    twice = ld.select_periods(ld.select_periods(table, 5, 18), 3, 10)
    xr.testing.assert_identical(twice, ld.select_periods(table, 8, 15))
    xr.testing.assert_identical(ld.select_periods(table, 0), table)


@pytest.mark.parametrize("initial", [0, -1, 2.5, True, 12, 13, "5"])
def test_an_initial_part_that_leaves_nothing_or_is_nothing_is_refused(make_history, initial):
    with pytest.raises((ValueError, TypeError), match="initial"):
        table_of(flat(make_history(12, 1, 1)), initial=initial)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda history: history | {"period": history["period"][::-1]}, ValueError, "out of order"),
        (lambda history: history | {"period": np.arange(12) % 6}, ValueError, "out of order"),
        (lambda history: history | {"period": np.array([0, *range(11)])}, ValueError, "more than one row"),
        (lambda history: {k: v for k, v in history.items() if k != "period"}, KeyError, "lacks the variable 'period'"),
        (lambda history: {k: v for k, v in history.items() if k != "x"}, KeyError, "lacks the variable 'x'"),
        (lambda history: {k: v[:0] for k, v in history.items()}, ValueError, "no rows"),
        (lambda history: history | {"y": np.where(np.arange(12) == 7, np.nan, 1.0)}, ValueError, "'y' is not finite"),
        (lambda history: history | {"series": np.ones((12, 2))}, ValueError, "'series' must run along 'obs' only"),
        (lambda _history: [1, 2, 3], TypeError, "must be an xarray.Dataset"),
    ],
)
def test_histories_that_cannot_be_replayed_are_refused_by_name(make_history, change, error, message):
    with pytest.raises(error, match=message):
        table_of(change(flat(make_history(12, 1, 1))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variables": ("debt", "regrets")}, "variables .'regrets'. are unknown"),
        ({"exposure": 0.0}, "exposure must be a number that is above 0, not 0$"),
        ({"exposure": -1.0}, "exposure must be a number that is above 0, not -1$"),
        ({"exposure": np.nan}, "exposure must be a number that is above 0, not nan$"),
    ],
)
def test_bad_options_are_refused_by_name(make_history, options, message):
    with pytest.raises(ValueError, match=message):
        table_of(flat(make_history(12, 1, 1)), **options)


def own_table(name="score_gap", periods=6, seed=0):
    """The least a user may bring: one variable, two dimensions."""
    gap = np.random.default_rng(seed).normal(size=(periods, periods))
    return xr.Dataset({name: (("deployed_at", "period"), np.where(np.tri(periods, k=-1), np.nan, gap))})


def test_a_table_of_ones_own_is_completed():
    checked = ld.check_spells(own_table())
    assert dict(checked.sizes) == {"series": 1, "deployed_at": 6, "period": 6}
    assert checked["label"].values.tolist() == [1, 2, 3, 4, 5, 6]
    assert (checked["rows"] == 1).all()
    assert (checked["exposure"] == 1).all()
    np.testing.assert_array_equal(checked["regret"], checked["score_gap"])
    xr.testing.assert_identical(ld.check_spells(checked), checked)


def test_regret_alone_is_enough_for_policies_that_read_no_signal():
    table = own_table("regret")
    always = ld.replay(table, ld.policies.Always(), 0.5)
    assert float(always.objective.item()) == pytest.approx(np.diagonal(table["regret"]).sum() + 5 * 0.5)
    with pytest.raises(KeyError, match="lack the signal 'score_gap'"):
        ld.replay(table, ld.policies.CUSUM(1.0), 0.5)


def test_the_order_of_dimensions_does_not_matter(random_spells):
    table = random_spells(12, series=3)
    turned = table.transpose("period", "series", "deployed_at")
    policy = ld.policies.PredictiveDebtThreshold(4.0)
    assert ld.replay(turned, policy, 0.3).bill.identical(ld.replay(table, policy, 0.3).bill)


@pytest.mark.parametrize("name", ["rows", "exposure"])
def test_rows_and_exposure_may_be_the_same_for_all_series(random_spells, name):
    table = random_spells(12, series=3).drop_vars("regret")
    shared = table.assign({name: ("period", table[name].values[0])})
    cost = ld.RetrainingCost(2.0, money_per_nat=4.0)
    replayed = (ld.replay(one, ld.policies.PredictiveDebtThreshold(4.0), cost).objective for one in (shared, table))
    xr.testing.assert_allclose(*replayed)


def test_convergence_may_be_the_same_for_all_series(random_spells):
    table = random_spells(12, series=3).assign(converged=("period", np.ones(12, dtype=bool)))
    assert ld.replay(table, ld.policies.CUSUM(0.5), 0.3).retrains.sum() > 0


def test_one_series_selected_from_several_is_a_table(random_spells):
    table = random_spells(12, series=3)
    policy = ld.policies.CUSUM(0.4)
    for chosen in (table.isel(series=1), table.isel(series=[1])):
        one = ld.replay(chosen, policy, 0.3).bill.values[0]
        np.testing.assert_array_equal(one, ld.replay(table, policy, 0.3).bill.values[1])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda table: table.to_dataframe(), TypeError, "spells must be a spell table, the xarray.Dataset"),
        (lambda table: table.rename(period="week"), ValueError, "lack the dimension 'period'"),
        (lambda table: table.rename(deployed_at="s"), ValueError, "lack the dimension 'deployed_at'"),
        (lambda table: table.isel(period=slice(3)), ValueError, "6 values of deployed_at and 3 periods"),
        (lambda table: table.rename(score_gap="gap"), KeyError, "'regret' or 'score_gap'"),
    ],
)
def test_tables_that_are_none_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        ld.check_spells(change(own_table()))


def test_a_hole_among_the_cells_that_are_needed_is_named():
    table = own_table()
    table["score_gap"][2, 4] = np.nan
    with pytest.raises(ValueError, match="'regret' is not finite for series 0, deployed_at 2, period 5"):
        ld.check_spells(table)
    sound = own_table().assign(debt=own_table()["score_gap"] ** 2)
    sound["debt"][0, 5] = np.inf
    ld.check_spells(sound)
    with pytest.raises(ValueError, match="'debt' is not finite for series 0, deployed_at 0, period 6"):
        ld.check_spells(sound, ["debt"])


@pytest.mark.parametrize(
    "rows_and_columns",
    [
        {"deployed_at": slice(0, -1), "period": slice(1, None)},
        {"deployed_at": slice(None, None, -1), "period": slice(None, None, -1)},
    ],
    ids=["shifted", "reversed"],
)
def test_a_table_whose_coordinates_say_that_its_cells_are_elsewhere_is_refused(random_spells, rows_and_columns):
    """Period i + 1 must be the first that what was deployed at i serves."""
    cut = random_spells(12)[["score_gap"]].fillna(0.0).isel(rows_and_columns)
    with pytest.raises(ValueError, match="deployed_at"):
        ld.check_spells(cut)


@pytest.mark.parametrize("name", ["rows", "exposure"])
@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_rows_and_exposure_that_make_no_sense_are_refused_by_name(random_spells, name, value):
    table = random_spells(12)
    table[name][0, 5] = value
    with pytest.raises(ValueError, match=name):
        ld.check_spells(table)


def test_what_a_user_put_into_cells_before_the_deployment_counts_for_nothing(random_spells):
    """A backtest that scored every posterior on every period fills them; no spell ever meets them."""
    table = random_spells(30)
    filled = table.assign(
        {name: table[name].fillna(9.0) for name in ("debt", "predictive_debt", "score_gap", "regret")}
    )
    for cost in (0.2, ld.RetrainingCost(cost_ratio=1.0)):
        audits = [ld.audit(one, cost) for one in (filled, table)]
        xr.testing.assert_identical(audits[0].table, audits[1].table)


@pytest.mark.parametrize("exposure", ["rows", [2.0, 1.0, 4.0, 1.0, 1.0, 1.0, 3.0]])
def test_exposure_counts_by_the_period_in_which_forecasts_are_issued(make_history, exposure):
    history = flat(make_history(13, [1, 3, 2, 1, 4, 2, 2, 1, 3, 2, 5, 1, 2], 1))
    table = table_of(history, exposure=exposure, horizon=2, varying_rows=True)
    issued = np.array([2, 1, 3, 2, 5, 1, 2]) if exposure == "rows" else np.array(exposure)
    np.testing.assert_array_equal(table["exposure"][0], issued)
    np.testing.assert_array_equal(table["rows"][0], [2, 1, 3, 2, 5, 1, 2])
    xr.testing.assert_allclose(table["regret"][0], table["score_gap"][0] * table["exposure"][0])
    with pytest.raises(ValueError, match=r"'regret' is .* where exposure x score_gap is"):
        ld.check_spells(table.assign(exposure=2 * table["exposure"]))
    assert table["label"].values.tolist() == list(range(5, 12))
    assert table.attrs["horizon"] == 2


def test_exposure_of_several_series_goes_by_name(make_history):
    history = stacked({name: flat(make_history(10, 2, 1, seed=seed)) for seed, name in enumerate("ab")})
    given = xr.DataArray([[3.0] * 5, [7.0] * 5], dims=("series", "period"), coords={"series": ["b", "a"]})
    assert table_of(history, exposure=given)["exposure"].values[:, 0].tolist() == [7.0, 3.0]
    assert table_of(history, exposure=given.isel(period=0))["exposure"].values[:, 4].tolist() == [7.0, 3.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exposure": "row"}, "exposure must be a number, an array or 'rows', not 'row'; did you mean 'rows'"),
        ({"exposure": np.ones(6)}, r"exposure has shape \(6,\)"),
        (
            {"exposure": np.array([1.0, 1, 1, 0, 1, 1, 1])},
            "exposure must be numbers that are above 0, not 0 at position 3",
        ),
        ({"exposure": xr.DataArray(np.ones(7), dims="week")}, "exposure must run along 'series' and 'period' only"),
        ({"horizon": 0}, "horizon must be a whole number that is at least 1, not 0"),
        ({"horizon": 8}, "horizon=8 leaves no forecast with an outcome"),
        ({"horizon": 2, "variables": ["residual_exceedance"]}, "residual_exceedance looks at the outcomes"),
        ({"score": "brier"}, "no score is called 'brier'"),
        ({"shadow": ld.ShadowLadder()}, "exact posteriors are updated exactly, not by a ShadowLadder"),
    ],
)
def test_options_that_do_not_fit_the_history_are_refused_by_name(make_history, options, message):
    with pytest.raises(ValueError, match=message):
        table_of(flat(make_history(12, 1, 1)), **options)


class Unwilling(SampledRegression):
    """A forecaster that is never to be asked for anything."""

    def as_batch(self, data):
        raise AssertionError

    fit = as_batch


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"horizon": 3, "score": "crps"},
        {"variables": ("predictive_debt", "deployed_score")},
        {"score": ld.scores.NewsvendorLoss(under=4, over=1, currency="EUR")},
    ],
)
def test_a_rehearsal_has_the_shape_of_the_table_and_fits_nothing(make_history, options):
    histories = {name: flat(make_history(30, 2, 1, seed)) for seed, name in enumerate("ab")}
    table = table_of(stacked(histories), **options)
    rehearsed = rehearsed_table(Unwilling(), stacked(histories), initial=5, **options)
    assert rehearsed.attrs == table.attrs
    assert {name: one.dims for name, one in rehearsed.variables.items()} == {
        name: one.dims for name, one in table.variables.items()
    }
    for name in (*table.coords, "rows", "exposure"):
        xr.testing.assert_identical(rehearsed[name], table[name])
    present = np.triu(np.ones((table.sizes["period"],) * 2, dtype=bool))
    for name in ("score_gap", "regret"):
        assert (np.isfinite(rehearsed[name].values) == present).all()
    cost = ld.RetrainingCost(1.0, currency=table.attrs.get("currency"))
    rows = [ld.audit(one, cost, calendar=3, resamples=20).table["policy"].values.tolist() for one in (rehearsed, table)]
    assert rows[0] == rows[1]


def test_a_rehearsal_refuses_what_the_table_would(make_history):
    history = flat(make_history(12, 1, 1))
    for options, message in (({"initial": 12}, "initial=12 leaves no period"), ({"exposure": -1}, "exposure")):
        with pytest.raises(ValueError, match=message):
            rehearsed_table(Unwilling(), history, **({"initial": 5} | options))


def test_names_are_read_once(make_history):
    """An iterator can be: what was checked is what is used."""
    history = flat(make_history(12, 1, 1))
    names = ("debt", "predictive_debt")
    table = table_of(history, variables=names)
    xr.testing.assert_identical(table_of(history, variables=iter(names)), table)
    with pytest.raises(KeyError, match="spells lack the signal 'parameter_gap'"):
        ld.check_spells(table, iter(["parameter_gap"]))


@pytest.mark.parametrize("horizon", [1, 3])
def test_a_history_that_is_too_short_is_told_how_long_it_must_be(make_history, horizon):
    """What the messages say is enough, and one period fewer is not."""
    history = flat(make_history(30, 1, 1))
    with pytest.raises(
        ValueError, match=r"an audit needs .* after the first fit: take initial of at most \d+,"
    ) as refused:
        table_of(history, initial=30, horizon=horizon)
    most = int(re.search(r"at most (\d+)", str(refused.value))[1])
    assert 30 - most == {1: 18, 3: 20}[horizon]
    ld.audit(table_of(history, initial=most, horizon=horizon), 0.1, calendar=3, resamples=5)
    with pytest.raises(ValueError, match=r"(take split=0.5|make .* .initial. 1 period shorter), or add 1 period of"):
        ld.audit(table_of(history, initial=most + 1, horizon=horizon), 0.1, calendar=3)
    with pytest.raises(ValueError, match=r"the history has 12; .* first fit: take more history"):
        table_of(flat(make_history(12, 1, 1)), initial=12)
