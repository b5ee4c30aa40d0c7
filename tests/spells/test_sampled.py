"""The sampled spell table held against the exact table of the same history and the same model."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr
from scipy import signal, special

import learning_debt as ld
from learning_debt.spells.doubt_codes import decoded, doubts_each

from ..sampled_regression import SampledRegression

pytestmark = pytest.mark.slow

INITIAL, PERIODS = 30, 25


class SlowlyMixingRegression(SampledRegression):
    """Draws of the coefficient that hardly move within 250 draws."""

    def fit(self, data, *, row_weight=None, random_seed=None):
        tree = super().fit(data, row_weight=row_weight, random_seed=random_seed)
        draws = tree["posterior"].to_dataset()
        noise = np.random.default_rng(random_seed).normal(size=draws["variance"].shape)
        wandering = special.ndtr(signal.lfilter([0.2], [1.0, -0.98], noise, axis=1))  # uniform on (0, 1)
        draws["coefficients"] = draws["coefficients"].mean() + draws["coefficients"].std() * (
            np.sqrt(12) * xr.DataArray(wandering - 0.5, dims=("chain", "draw")).expand_dims("coefficient", axis=-1)
        )
        tree["posterior"] = xr.DataTree(draws)
        return tree


def table_of(forecaster, history, **options):
    options = {"initial": INITIAL, "random_seed": 1, "progressbar": False} | options
    return ld.spell_table(forecaster, history, **options)


@pytest.fixture(scope="module")
def pairs(module_history):
    """Sampled and exact tables for one and three rows a period."""
    built = {}
    for rows, coefficients in ((1, 1), (3, 2)):
        history = module_history(INITIAL + PERIODS, rows, coefficients, seed=rows, shift_at=INITIAL + 12)
        forecaster = SampledRegression(ld.NIG(np.zeros(coefficients), np.eye(coefficients), 2.0, 1.0))
        sampled = table_of(forecaster, history, shadow=ld.Refit())
        assert forecaster.fits == PERIODS + 1  # once a period and once for the first posterior
        built[rows] = (sampled, table_of(forecaster.exact, history))
    return built


@pytest.fixture(scope="module")
def module_history():
    def make(periods, rows, coefficients, seed=0, shift_at=None):
        rng = np.random.default_rng(seed)
        period = np.repeat(np.arange(periods), rows)
        x = rng.normal(size=(period.size, coefficients))
        slope = 1.0 + 1.0 * (period >= (periods if shift_at is None else shift_at))
        return {"x": x, "y": slope * x.sum(axis=1) + rng.normal(size=period.size), "period": period}

    return make


ROWS = pytest.mark.parametrize("rows", [1, 3])
SIGNALS = ("debt", "predictive_debt", "score_gap", "deployed_score")


def test_the_wrapped_regression_does_not_take_the_exact_path():
    assert not isinstance(SampledRegression(), ld.ConjugateRegression)


@ROWS
@pytest.mark.parametrize("signal_name", SIGNALS)
def test_every_reliable_cell_is_within_five_standard_errors_of_the_exact_one(pairs, rows, signal_name):
    sampled, exact = pairs[rows]
    reliable = sampled[f"{signal_name}_reliable"].values & np.isfinite(exact[signal_name].values)
    miss = np.abs(sampled[signal_name] - exact[signal_name]).values[reliable]
    assert (miss <= 5 * sampled[f"{signal_name}_se"].values[reliable] + 1e-12).all()
    assert reliable.sum() > 0.8 * PERIODS * (PERIODS + 1) / 2


@ROWS
def test_the_comparison_finds_coverage_near_its_nominal_level(pairs, rows):
    """325 cells share 26 sets of draws, so they are worth far fewer: 3 x sqrt(.09 / 26) = .18 below is allowed."""
    comparison = ld.compare_tables(*pairs[rows])
    assert comparison["signal"].values.tolist() == list(SIGNALS)
    assert (comparison["coverage"] > 0.72).all()
    assert (np.abs(comparison["bias"]) < comparison["rmse"] + 1e-12).all()
    assert (comparison["median_relative_error"] < 0.2).all()
    cells = comparison["cells"].sel(signal=["debt", "predictive_debt", "deployed_score"])
    np.testing.assert_array_equal(cells, PERIODS * (PERIODS + 1) / 2)
    assert int(comparison["cells"].sel(signal="score_gap")) == PERIODS * (PERIODS - 1) / 2


@ROWS
def test_shape_labels_and_absent_cells_are_those_of_the_exact_table(pairs, rows):
    sampled, exact = pairs[rows]
    assert sampled.sizes == exact.sizes
    assert set(sampled.data_vars) == set(exact.data_vars)
    assert sampled.attrs == exact.attrs
    for name in ("label", "deployed_label", "rows", "exposure"):
        np.testing.assert_array_equal(sampled[name], exact[name])
    for name in (*SIGNALS, "gap_sd", "regret", *(f"{one}_se" for one in SIGNALS)):
        np.testing.assert_array_equal(np.isfinite(sampled[name]), np.isfinite(exact[name]))
    assert sampled["converged"].all()
    assert sampled["deployed_converged"].all()


@ROWS
def test_what_was_deployed_last_period_is_the_shadow_that_scores(pairs, rows):
    sampled, _ = pairs[rows]
    gap = sampled.isel(series=0)
    np.testing.assert_array_equal(np.diagonal(gap["score_gap"]), 0.0)
    np.testing.assert_array_equal(np.diagonal(gap["score_gap_se"]), 0.0)
    assert np.diagonal(gap["score_gap_reliable"]).all()


@ROWS
def test_the_spread_of_the_gap_is_close_to_the_exact_one(pairs, rows):
    """Its relative error is that of a posterior mean's shift from 1000 draws: a few hundredths of large spreads."""
    sampled, exact = (table["gap_sd"].values for table in pairs[rows])
    large = exact > 0.1
    assert large.sum() > 30
    np.testing.assert_allclose(sampled[large], exact[large], rtol=0.25)
    assert np.median(np.abs(sampled[large] / exact[large] - 1)) < 0.08
    assert np.abs(sampled - exact)[np.isfinite(exact)].max() < 0.1


def test_regret_is_exposure_times_gap(pairs, module_history):
    sampled, _ = pairs[1]
    np.testing.assert_array_equal(sampled["regret"], sampled["score_gap"])
    history = module_history(INITIAL + 3, 1, 1)
    priced = table_of(SampledRegression(), history, exposure=7.0)
    np.testing.assert_allclose(priced["regret"], 7 * priced["score_gap"])


def test_a_seed_fixes_the_table(module_history):
    history = module_history(INITIAL + 5, 1, 1)
    first, again, other = (table_of(SampledRegression(), history, random_seed=seed) for seed in (3, 3, 4))
    xr.testing.assert_identical(*(one.drop_vars("seconds") for one in (first, again)))
    for name in SIGNALS:
        assert (first[name] != other[name]).any()


def test_only_the_variables_asked_for_are_made(module_history):
    class WithoutDebt(SampledRegression):
        def require_comparable(self, shadow, deployed, batch):
            raise AssertionError("nobody asked for debt")

    history = module_history(INITIAL + 5, 1, 1)
    part = table_of(WithoutDebt(), history, variables=("predictive_debt",), shadow=ld.Refit())
    assert not [name for name in part.data_vars if str(name).startswith("debt")]
    whole = table_of(SampledRegression(), history, shadow=ld.Refit())
    for name in ("predictive_debt", "predictive_debt_se", "gap_sd", "score_gap", "score_gap_se", "regret"):
        np.testing.assert_array_equal(part[name], whole[name])
    gap_alone = table_of(WithoutDebt(), history, variables=("score_gap",), shadow=ld.Refit())
    assert "predictive_debt" not in gap_alone
    assert "gap_sd" not in gap_alone


def test_posteriors_that_do_not_converge_are_marked(module_history):
    history = module_history(INITIAL + 4, 1, 1)
    table = table_of(SlowlyMixingRegression(), history, variables=("score_gap",))
    assert not table["converged"].any()
    assert not table["deployed_converged"].any()


def test_the_marks_of_shadow_and_deployed_posterior_belong_to_their_own_periods(module_history):
    class StuckOnce(SampledRegression):
        def fit(self, data, *, row_weight=None, random_seed=None):
            tree = super().fit(data, row_weight=row_weight, random_seed=random_seed)
            if self.fits == 3:  # the shadow after period 2
                tree["posterior"]["variance"][1] = 9.0
            return tree

    history, options = module_history(INITIAL + 4, 1, 1), {"variables": ("score_gap",), "shadow": ld.Refit()}
    table = table_of(StuckOnce(), history, **options).isel(series=0)
    assert table["converged"].values.tolist() == [True, False, True, True]
    assert table["deployed_converged"].values.tolist() == [True, True, False, True]
    said = ["", "", *table["doubt"].values[1:2], ""]
    assert "R-hat of 'variance'" in said[2]
    assert table["deployed_doubt"].values.tolist() == said
    decision = ld.decide(table, ld.policies.CUSUM(0.1), 0.1, deployed_at=2, horizon=5)
    assert f"the sampler's diagnostics of the deployed posterior ({said[2]}) failed" in decision.reason
    (of_shadow,) = doubts_each(table.isel(period=1), "converged")
    assert [of_shadow] == doubts_each(table.isel(deployed_at=2), "deployed_converged")
    assert decision.doubts == (ld.Doubt.UNCONVERGED, *of_shadow)
    assert decision.doubts[1] == ld.Doubt.RHAT
    assert len(decoded(table["converged_doubt"])) == len(decoded(table["deployed_converged_doubt"])) == 1


def test_cells_that_are_not_reliable_say_why_by_a_code(module_history):
    """Forty draws of each posterior: no signal can be relied on, and every cell says so."""
    table = table_of(SampledRegression(draws=10), module_history(INITIAL + 4, 1, 1), shadow=ld.Refit())
    apart = np.triu(np.ones((4, 4), dtype=bool), 1)
    for name in ("debt", "predictive_debt", "score_gap"):
        codes = table[f"{name}_doubt"]
        assert codes.dtype == np.int8
        assert (codes.values[0, apart] != 0).all()
        assert len(decoded(codes)) == (codes.values != 0).sum()
        np.testing.assert_array_equal((codes.values == 0)[0, apart], table[f"{name}_reliable"].values[0, apart])


@pytest.fixture(scope="module")
def two_series(module_history):
    histories = [module_history(INITIAL + 5, 1, 1, seed=seed) for seed in (5, 6)]
    history = {name: np.concatenate([one[name] for one in histories]) for name in histories[0]}
    return history | {"series": np.repeat(["north", "south"], INITIAL + 5)}


def test_series_side_by_side_give_the_same_numbers(two_series):
    one_by_one = table_of(SampledRegression(), two_series).drop_vars("seconds")
    with ThreadPoolExecutor(2) as executor:
        side_by_side = table_of(SampledRegression(), two_series, executor=executor).drop_vars("seconds")
    xr.testing.assert_identical(side_by_side, one_by_one)
    assert one_by_one["series"].values.tolist() == ["north", "south"]


def test_each_series_is_that_of_its_own_history(two_series):
    sampled, exact = (
        table_of(forecaster, two_series) for forecaster in (SampledRegression(), SampledRegression().exact)
    )
    for name in SIGNALS:
        used = sampled[f"{name}_reliable"].values
        miss = np.abs(sampled[name] - exact[name]).values[used]
        assert (miss <= 5 * sampled[f"{name}_se"].values[used] + 1e-12).all()
    assert float(np.abs(exact["debt"].isel(series=0) - exact["debt"].isel(series=1)).max()) > 0.1


def peak_memory(periods, history):
    forecaster = SampledRegression(draws=500)
    tracemalloc.start()
    table_of(forecaster, history(INITIAL + periods, 1, 1), variables=("debt", "score_gap"), shadow=ld.Refit())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_grows_with_periods_times_draws_not_with_the_cells_times_draws(module_history):
    """2000 draws of 8 bytes: a (T, T, draws) array of 40 periods alone would hold 25.6 MB.

    A period keeps its 2 parameters and its sum of unseen log-likelihood, 48 kB; scoring takes one density for every
    posterior and a few copies. 12 blocks of 16 kB a period are granted on top of 3 MB."""
    block = 2000 * 8
    peak = peak_memory(40, module_history)
    assert peak < 3e6 + 12 * block * (INITIAL + 40)
    assert peak < 40 * 40 * block


class BreakingRegression(SampledRegression):
    """Fits until it is handed so many rows."""

    def __init__(self, rows):
        super().__init__(draws=50)
        self.rows = rows

    def fit(self, data, *, row_weight=None, random_seed=None):
        if len(data["y"]) >= self.rows:
            raise RuntimeError("the mass matrix holds zeros")
        return super().fit(data, row_weight=row_weight, random_seed=random_seed)


@pytest.mark.parametrize(
    ("rows", "shadow", "where"),
    [
        (4, None, "in the first fit, to the 4 period(s) from 2024-01 to 2024-04"),
        (6, None, "in period 2024-08, number 4 of 4 after the first fit"),  # fitted next
        (6, ld.Refit(), "in period 2024-06, number 2 of 4 after the first fit"),
    ],
)
def test_a_failing_fit_names_its_period_and_series(module_history, rows, shadow, where):
    one = module_history(8, 1, 1, seed=1)
    months = np.array([f"2024-{month + 1:02d}" for month in range(8)])
    one = {"x": one["x"][:, 0], "y": one["y"], "period": months}
    two = {name: np.repeat(values, 2) for name, values in one.items()} | {"series": np.tile(["Graz", "Linz"], 8)}
    for history, series in ((one, []), (two, ["of series Graz"])):
        with pytest.raises(RuntimeError, match="mass matrix") as caught:
            table_of(BreakingRegression(rows), history, initial=4, shadow=shadow)
        assert caught.value.__notes__ == [where, *series]
