"""ArviZ's cross-validation of our forecasters against closed forms and against refits by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from arviz_stats import lfo_cv, loo, loo_kfold, reloo
from arviz_stats.base import array_stats
from scipy.stats import norm

import learning_debt as ld
from learning_debt import UnsupportedModelError
from learning_debt.integrations.sampling_wrapper import ForecasterSamplingWrapper

pm = pytest.importorskip("pymc")
pt = pytest.importorskip("pytensor.tensor")

OUTLIER = 11


def rows(data, positions):
    return data.isel(obs=positions)


def joint_score(exact, posterior, block):
    """Closed form of log p(block | posterior): each row given the ones before."""
    total = 0.0
    for position in range(block.sizes["obs"]):
        row = rows(block, [position])
        total += float(exact.log_score(posterior, row)[0])
        posterior = exact.update(posterior, row)
    return total


def standard_error(forecaster, posterior, block, log_weights=0.0, past=None):
    """Monte-Carlo error of the log mean density of a block at (weighted) draws, by the delta method."""
    chains = posterior["posterior"].sizes["chain"]
    log_density = forecaster.log_density(posterior, block, past).to_dataarray().isel(variable=0).sum("obs").values
    density = np.exp(log_density - log_density.max())
    weights = np.exp(log_weights - np.max(log_weights)) * np.ones_like(density)
    weights /= weights.sum()
    influence = (density / (weights @ density) - 1.0) * weights * len(density)
    size = array_stats.ess((influence + weights).reshape(chains, -1), method="mean")
    error = float(influence.std() / np.sqrt(min(size, len(density))))
    assert error < 0.1, "the delta method holds for small relative errors only"
    return error


def threshold_for_one_refit(result):
    """A k-hat threshold that only the worst row exceeds."""
    return float(np.sort(result.pareto_k)[-2:].mean())


@pytest.fixture(scope="module")
def wrapper(drawn, regression_data):
    return ForecasterSamplingWrapper(drawn, regression_data, drawn.fit(regression_data, random_seed=1), random_seed=2)


def test_reloo_of_every_row_is_exact_leave_one_out(wrapper, drawn, exact, regression_data):
    result = reloo(wrapper, pointwise=True, k_threshold=-np.inf)
    for left_out in range(16):
        kept = rows(regression_data, np.delete(np.arange(16), left_out))
        row = rows(regression_data, [left_out])
        error = standard_error(drawn, drawn.fit(kept, random_seed=9), row)
        expected = float(exact.log_score(exact.fit(kept), row)[0])
        assert float(result.elpd_i[left_out]) == pytest.approx(expected, abs=4 * error)


def test_reloo_is_refitting_by_hand(drawn, regression_data):
    posterior = drawn.fit(regression_data, random_seed=1)
    wrapper = ForecasterSamplingWrapper(drawn, regression_data, posterior, random_seed=5)
    before = loo(wrapper.idata_orig, pointwise=True)
    assert int(before.pareto_k.values.argmax()) == OUTLIER
    result = reloo(wrapper, loo_orig=before, pointwise=True, k_threshold=threshold_for_one_refit(before))
    seed = int(np.random.default_rng(5).integers(2**31))
    refit = drawn.fit(rows(regression_data, np.delete(np.arange(16), OUTLIER)), random_seed=seed)
    density = drawn.log_density(refit, rows(regression_data, [OUTLIER]))["y"].values
    assert float(result.elpd_i[OUTLIER]) == pytest.approx(np.log(np.exp(density).mean()), rel=1e-12)
    others = np.delete(np.arange(16), OUTLIER)
    np.testing.assert_array_equal(result.elpd_i[others], before.elpd_i[others])


@pytest.mark.parametrize("horizon", [1, 3])
def test_exact_lfo_cv_is_exact_leave_future_out(wrapper, drawn, exact, regression_data, horizon):
    result = lfo_cv(
        wrapper.idata_orig,
        wrapper,
        min_observations=8,
        forecast_horizon=horizon,
        time_dim="obs",
        pointwise=True,
        method="exact",
    )
    assert result.n_data_points == 16 - 8 - horizon + 1
    for position, cutoff in enumerate(range(8, 16 - horizon + 1)):
        kept, block = rows(regression_data, slice(cutoff)), rows(regression_data, slice(cutoff, cutoff + horizon))
        error = standard_error(drawn, drawn.fit(kept, random_seed=9), block)
        expected = joint_score(exact, exact.fit(kept), block)
        assert float(result.elpd_i[position]) == pytest.approx(expected, abs=4 * error)


def test_approximate_lfo_cv_agrees_between_refits(wrapper, drawn, exact, regression_data):
    carried_on = lfo_cv(wrapper.idata_orig, wrapper, 8, 1, time_dim="obs", pointwise=True)
    threshold = float(np.nanmedian(carried_on.pareto_k))
    result = lfo_cv(wrapper.idata_orig, wrapper, 8, 1, time_dim="obs", pointwise=True, k_threshold=threshold)
    assert 0 < result.n_refits < 8
    last = 8
    for position, cutoff in enumerate(range(8, 16)):
        last = cutoff if cutoff in result.refits else last
        draws = drawn.fit(rows(regression_data, slice(last)), random_seed=9)
        seen, row = rows(regression_data, slice(last, cutoff)), rows(regression_data, [cutoff])
        carried = drawn.log_density(draws, seen)["y"].sum("obs").values if last < cutoff else 0.0
        error = standard_error(drawn, draws, row, carried)
        expected = float(exact.log_score(exact.fit(rows(regression_data, slice(cutoff))), row)[0])
        assert float(result.elpd_i[position]) == pytest.approx(expected, abs=4 * error)


def test_kfold_of_a_pymc_model_is_exact(pymc_regression, exact, regression_data):
    posterior = pymc_regression.fit(regression_data, random_seed=1)
    wrapper = ForecasterSamplingWrapper(pymc_regression, regression_data, posterior, random_seed=3)
    folds = np.arange(16) % 3
    result = loo_kfold(wrapper.idata_orig, wrapper, folds=folds, pointwise=True, save_fits=True)
    for fold in range(3):
        kept, held = rows(regression_data, folds != fold), rows(regression_data, folds == fold)
        fit = result.fold_fits[fold + 1]["fit"]
        expected = exact.log_score(exact.fit(kept), held).values
        for position, row in enumerate(np.flatnonzero(folds == fold)):
            error = standard_error(pymc_regression, fit, rows(regression_data, [row]))
            assert float(result.elpd_i[row]) == pytest.approx(expected[position], abs=4 * error)


def test_reloo_of_a_pymc_model_is_exact_at_the_outlier(pymc_regression, exact, regression_data):
    posterior = pymc_regression.fit(regression_data, random_seed=1)
    wrapper = ForecasterSamplingWrapper(pymc_regression, regression_data, posterior, random_seed=3)
    before = loo(wrapper.idata_orig, pointwise=True)
    result = reloo(wrapper, loo_orig=before, pointwise=True, k_threshold=threshold_for_one_refit(before))
    kept, row = rows(regression_data, np.delete(np.arange(16), OUTLIER)), rows(regression_data, [OUTLIER])
    error = standard_error(pymc_regression, pymc_regression.fit(kept, random_seed=9), row)
    assert float(result.elpd_i[OUTLIER]) == pytest.approx(
        float(exact.log_score(exact.fit(kept), row)[0]), abs=4 * error
    )


def test_log_likelihood_has_the_layout_arviz_asks_for(wrapper):
    log_likelihood = wrapper.idata_orig["log_likelihood"]["y"]
    assert log_likelihood.dims == ("chain", "draw", "obs")
    assert log_likelihood["obs"].values.tolist() == list(range(16))
    kept, excluded = wrapper.sel_observations(np.array([5, 2]))
    assert excluded["obs"].values.tolist() == [5, 2]
    scored = wrapper.log_likelihood__i(excluded, wrapper.sample(kept))
    assert scored.dims == ("chain", "draw", "obs")
    assert scored["obs"].values.tolist() == [5, 2]


def test_repeated_row_labels_do_not_overwrite_each_other(drawn, regression_data):
    repeated = regression_data.assign_coords(obs=np.arange(16) // 4)
    wrapper = ForecasterSamplingWrapper(drawn, repeated, drawn.fit(repeated, random_seed=1), random_seed=2)
    assert wrapper.idata_orig["log_likelihood"]["obs"].values.tolist() == list(range(16))
    labelled = regression_data.assign_coords(obs=np.arange(100, 116))
    wrapper = ForecasterSamplingWrapper(drawn, labelled, drawn.fit(labelled, random_seed=1))
    assert int(wrapper.idata_orig["log_likelihood"]["obs"][0]) == 100


class Lagged:
    """A forecaster whose rows need their past: y given the y before it."""

    observation_dim, observed, needs_past = "obs", ("y",), True

    def as_batch(self, data):
        return data

    def fit(self, data, *, random_seed=None):
        draws = xr.Dataset({"slope": (("chain", "draw"), np.linspace(0.2, 0.8, 40).reshape(2, 20))})
        draws = draws.assign_coords(chain=[0, 1], draw=np.arange(20))
        return xr.DataTree.from_dict({"posterior": draws, "training_data": data})

    def log_density(self, posterior, batch, past=None):
        before = past["y"].values[-1] if past.sizes["obs"] else 0.0
        lagged = np.concatenate([[before], batch["y"].values[:-1]])
        slope = posterior["posterior"]["slope"].values.reshape(-1, 1)
        values = -0.5 * (batch["y"].values - slope * lagged) ** 2
        return xr.Dataset({"y": (("sample", "obs"), values)})


def test_rows_that_need_their_past_are_scored_given_the_rows_kept():
    data = xr.Dataset({"y": ("obs", np.array([1.0, 0.5, 0.9, 0.1, 0.4, 0.8]))})
    wrapper = ForecasterSamplingWrapper(Lagged(), data, Lagged().fit(data))
    kept, excluded = wrapper.sel_observations(np.array([4, 5]))
    scored = wrapper.log_likelihood__i(excluded, wrapper.sample(kept))
    slope = np.linspace(0.2, 0.8, 40).reshape(2, 20)
    np.testing.assert_allclose(scored[..., 0], -0.5 * (0.4 - slope * 0.1) ** 2)
    np.testing.assert_allclose(scored[..., 1], -0.5 * (0.8 - slope * 0.4) ** 2)
    with pytest.raises(UnsupportedModelError, match="lfo_cv"):
        wrapper.sel_observations(2)


def test_lfo_cv_of_an_autoregression_in_pymc_is_exact():
    """y_t is N(slope y_(t-1), 1) with slope N(0, 1): every one-step predictive is a normal in closed form."""
    generator = np.random.default_rng(7)
    values = np.zeros(13)
    for t in range(1, 13):
        values[t] = 0.6 * values[t - 1] + generator.normal()

    def build_model(data):
        with pm.Model() as model:
            y = pm.Data("y", data["y"].values, dims="obs")
            slope = pm.Normal("slope")
            pm.Normal("outcome", slope * pt.concatenate([[0.0], y[:-1]]), 1, observed=y, dims="obs")
        return model

    data = xr.Dataset({"y": ("obs", values[1:])})
    forecaster = ld.PyMCForecaster(build_model)
    wrapper = ForecasterSamplingWrapper(forecaster, data, forecaster.fit(data, random_seed=1), random_seed=2)
    result = lfo_cv(wrapper.idata_orig, wrapper, 9, 1, time_dim="obs", pointwise=True, method="exact")
    for position, cutoff in enumerate(range(9, 12)):
        before, after = values[:cutoff], values[1 : cutoff + 1]
        variance = 1 / (1 + before @ before)
        last, new = values[cutoff], values[cutoff + 1]
        expected = norm(variance * before @ after * last, np.sqrt(1 + variance * last**2)).logpdf(new)
        fit = forecaster.fit(rows(data, slice(cutoff)), random_seed=9)
        error = standard_error(forecaster, fit, rows(data, [cutoff]), past=rows(data, slice(cutoff)))
        assert float(result.elpd_i[position]) == pytest.approx(float(expected), abs=4 * error)


def test_what_is_wrong_is_named(drawn, regression_data):
    with pytest.raises(TypeError, match="posterior must be a DataTree"):
        ForecasterSamplingWrapper(drawn, regression_data, None)
    wrapper = ForecasterSamplingWrapper(drawn, regression_data, drawn.fit(regression_data, random_seed=1))
    with pytest.raises(ValueError, match="leaves no rows"):
        wrapper.sel_observations(np.arange(16))
