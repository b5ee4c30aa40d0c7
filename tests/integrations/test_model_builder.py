"""ModelBuilder classes as forecasters: other rows reach the model, scales stay, and what would be wrong is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

pm = pytest.importorskip("pymc")

import learning_debt as ld  # noqa: E402
from learning_debt.integrations.model_builder import BuilderRows, from_model_builder  # noqa: E402

NOISE, PRIOR_SD = 0.5, 2.0


class ScaledBuilder:
    """A builder as people write them: X is scaled by its training maximum."""

    def __init__(self, relearn=False, outcome_scaled=False, with_setter=True):
        self.relearn, self.outcome_scaled, self.with_setter = relearn, outcome_scaled, with_setter

    def build_model(self, X, y):
        self.scale = X["x"].abs().max()
        self.outcome_scale = np.abs(y).max() if self.outcome_scaled else 1.0
        with pm.Model() as self.model:
            x = pm.Data("x_data", X["x"].to_numpy() / self.scale, dims="row")
            outcome = pm.Data("y_data", np.asarray(y) / self.outcome_scale, dims="row")
            slope = pm.Normal("slope", 0, PRIOR_SD)
            pm.Normal("y", slope * x, NOISE, observed=outcome, dims="row")

    def _data_setter(self, X, y=None):
        if not self.with_setter:
            return
        scale = X["x"].abs().max() if self.relearn else self.scale
        with self.model:
            pm.set_data({"x_data": X["x"].to_numpy() / scale, "y_data": np.asarray(y) / self.outcome_scale})


def table(rows, seed=0, reach=2.0):
    generator = np.random.default_rng(seed)
    x = reach * generator.uniform(-1, 1, rows)
    x[0] = reach
    return pd.DataFrame({"x": x, "y_data": 0.8 * x + NOISE * generator.normal(size=rows)})


def split(data):
    return data[["x"]], data["y_data"]


def slope_posterior(data, scale):
    """Closed form, mean and variance, of the slope on X / scale."""
    x = data["x"].to_numpy() / scale
    variance = 1 / (1 / PRIOR_SD**2 + x @ x / NOISE**2)
    return variance * (x @ data["y_data"].to_numpy()) / NOISE**2, variance


def normal_kl(p, q):
    return 0.5 * (p[1] / q[1] + (p[0] - q[0]) ** 2 / q[1] - 1 + np.log(q[1] / p[1]))


@pytest.fixture(scope="module")
def retrained():
    """A forecaster, its first data and posterior, and all data, with a larger maximum, and the second posterior."""
    first = table(30)
    everything = pd.concat([first, table(30, seed=1, reach=6.0)], ignore_index=True)
    forecaster = from_model_builder(ScaledBuilder(), *split(first))
    return forecaster, first, everything, *(forecaster.fit(d, random_seed=i) for i, d in enumerate((first, everything)))


def test_a_second_fit_sees_the_new_data(retrained):
    _, _, everything, _, shadow = retrained
    mean, variance = slope_posterior(everything, scale=2.0)
    draws = shadow["posterior"]["slope"].values
    assert draws.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 1000))  # at least 1000 effective of 4000
    assert abs(mean - slope_posterior(everything.iloc[:30], scale=2.0)[0]) > 4 * np.sqrt(variance / 1000)


def test_debt_across_retrains_is_exact_where_relearned_scales_would_make_it_wrong(retrained):
    forecaster, first, everything, deployed, shadow = retrained
    estimate = ld.posterior_debt(forecaster, shadow, deployed, everything.iloc[30:])
    exact = normal_kl(slope_posterior(everything, 2.0), slope_posterior(first, 2.0))
    assert estimate.value == pytest.approx(exact, abs=4 * estimate.standard_error)
    relearned = normal_kl(slope_posterior(everything, 6.0), slope_posterior(first, 2.0))
    assert relearned > 10 * exact  # the debt between coefficients in two units


def test_scores_are_of_rows_on_the_first_scale(retrained):
    forecaster, _, everything, deployed, _ = retrained
    batch = everything.iloc[30:37]
    slope = deployed["posterior"]["slope"].values.reshape(-1, 1)
    residual = (batch["y_data"].to_numpy() - slope * batch["x"].to_numpy() / 2.0) / NOISE
    expected = -0.5 * residual**2 - np.log(NOISE) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(forecaster.log_density(deployed, batch)["y"].values, expected, rtol=1e-7)
    alone = forecaster.log_density(deployed, batch.iloc[[2]])["y"].values
    np.testing.assert_allclose(alone[:, 0], expected[:, 2], rtol=1e-7)
    assert forecaster.predict(deployed, batch[["x"]], random_seed=1)["y"].shape == (4000, 7)


def test_the_owners_builder_is_left_as_it_was():
    first = table(12)
    builder = ScaledBuilder()
    builder.build_model(*split(first))
    model, scale = builder.model, builder.scale
    from_model_builder(builder, *split(table(12, reach=9.0)))
    assert builder.model is model
    assert builder.scale == scale
    np.testing.assert_array_equal(model["x_data"].get_value(), first["x"].to_numpy() / 2.0)


def test_posteriors_of_a_builder_made_from_other_rows_are_refused(retrained):
    forecaster, _, everything, _, _ = retrained
    other = from_model_builder(ScaledBuilder(), *split(everything))
    foreign = other.attach(retrained[3].copy(), everything)
    with pytest.raises(ld.IncomparablePosteriorsError, match="other rows"):
        forecaster.log_density(foreign, everything)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"with_setter": False}, "does not set the outcome"), ({"outcome_scaled": True}, "changes the outcome")],
)
def test_builders_that_cannot_be_trusted_with_new_rows_are_refused(options, reason):
    data = table(12)
    with pytest.raises(ld.UnsupportedModelError, match=reason):
        from_model_builder(ScaledBuilder(**options), *split(data)).fit(data)


def test_a_setter_that_learns_from_its_rows_is_refused():
    data = table(12)
    with pytest.raises(ld.UnsupportedModelError, match="by halves"):
        from_model_builder(ScaledBuilder(relearn=True), *split(data))
    rows = BuilderRows(ScaledBuilder(), *split(data), "obs")
    rows.builder.relearn = True  # a setter that learns only from some rows passes the check of the reference rows
    with pytest.raises(ld.UnsupportedModelError, match="differs when they come alone"):
        rows.prepare(xr.Dataset.from_dataframe(table(12, seed=3, reach=5.0)).rename(index="obs"))


class CodedBuilder(ScaledBuilder):
    """Codes stores in the order in which they come: right on all rows, and silently another store on some."""

    def build_model(self, X, y):
        with pm.Model(coords={"store": sorted(set(X["store"]))}) as self.model:
            store = pm.Data("store_code", pd.factorize(X["store"])[0], dims="row")
            outcome = pm.Data("y_data", np.asarray(y), dims="row")
            level = pm.Normal("level", 0, 1, dims="store")
            pm.Normal("y", level[store], 1, observed=outcome, dims="row")

    def _data_setter(self, X, y=None):
        with self.model:
            pm.set_data({"store_code": pd.factorize(X["store"])[0], "y_data": np.asarray(y)})


def test_a_setter_that_codes_labels_afresh_is_refused_before_it_scores_another_store():
    data = pd.DataFrame({"store": ["Graz", "Linz", "Wien"] * 4, "y_data": np.arange(12.0)})
    rows = BuilderRows(CodedBuilder(), data[["store"]], data["y_data"], "obs")
    swapped = xr.Dataset.from_dataframe(data.iloc[[2, 0]].reset_index(drop=True)).rename(index="obs")
    with pytest.raises(ld.UnsupportedModelError, match="store_code"):
        rows.prepare(swapped)


def test_arguments_are_named():
    with pytest.raises(TypeError, match="build_model"):
        from_model_builder(object(), *split(table(5)))
    with pytest.raises(TypeError, match="data frame"):
        from_model_builder(ScaledBuilder(), np.ones((5, 1)), np.ones(5))
    with pytest.raises(ValueError, match="same rows"):
        from_model_builder(ScaledBuilder(), table(5)[["x"]], np.ones(4))


def test_the_linear_model_of_pymc_extras():
    linear = pytest.importorskip("pymc_extras.linearmodel")
    data = table(30).rename(columns={"x": "input"})
    builder = linear.LinearModel(sampler_config={"draws": 50, "tune": 50, "chains": 2, "cores": 1})
    forecaster = from_model_builder(builder, data[["input"]], data["y_data"])
    options = {"compile_kwargs": {"mode": "FAST_COMPILE"}, "progressbar": False, "random_seed": 1}
    builder._generate_and_preprocess_model_data(data[["input"]], data["y_data"])
    builder.build_model(builder.X, builder.y)
    with builder.model:
        fitted = pm.sample(**builder.sampler_config, **options)
    posterior = forecaster.attach(fitted, data)
    scores = forecaster.log_density(posterior, data.iloc[20:])["y_hat"].values
    with builder.model:
        theirs = pm.compute_log_likelihood(fitted, progressbar=False)["log_likelihood"]["y_hat"].values[..., 20:]
    np.testing.assert_allclose(scores, theirs.reshape(scores.shape), rtol=1e-10)


def test_a_regression_builder_of_pymc_marketing():
    marketing = pytest.importorskip("pymc_marketing.model_builder")

    class Regression(ScaledBuilder, marketing.RegressionModelBuilder):
        output_var, _model_type, version = "y", "Regression", "1"
        default_model_config, default_sampler_config, _serializable_model_config = {}, {}, {}

        def __init__(self):
            ScaledBuilder.__init__(self)
            marketing.RegressionModelBuilder.__init__(self)

    data = table(20)
    batch = table(5, seed=2, reach=4.0)
    prepared, _ = BuilderRows(Regression(), *split(data), "obs").prepare(
        xr.Dataset({name: ("obs", batch[name].to_numpy()) for name in batch})
    )
    np.testing.assert_allclose(prepared["x_data"].values, batch["x"] / 2.0)
