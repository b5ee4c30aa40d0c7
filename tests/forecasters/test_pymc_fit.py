"""Refits on other data, samplers, storage, preparation, and which pairs of posteriors have a debt."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from learning_debt.errors import IncomparablePosteriorsError, UnsupportedModelError
from learning_debt.forecasters.base import SampledForecaster

pm = pytest.importorskip("pymc")

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402


def agree(posterior, other, name, effective=200):
    """Two samplers' means agree within 4 standard errors of `effective` draws each."""
    one, two = (tree["posterior"][name].values.ravel() for tree in (posterior, other))
    return abs(one.mean() - two.mean()) < 4 * np.sqrt((one.var() + two.var()) / effective)


def by_hand(values, dims=("chain", "draw")):
    """A posterior someone made elsewhere."""
    return xr.DataTree.from_dict({"posterior": xr.Dataset({name: (dims, draws) for name, draws in values.items()})})


def line(data):
    with pm.Model() as model:
        x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
        pm.Normal("outcome", pm.Normal("slope", 0, 2) * x, 1, observed=y)
    return model


def draws_of_slope(seed=0, mean=1.0):
    return by_hand({"slope": np.random.default_rng(seed).normal(mean, 0.1, size=(2, 50))})


def line_data(rows, seed=0, shift=0.0):
    x = np.random.default_rng(seed).normal(size=rows) + shift
    return {"x": x, "y": x + np.random.default_rng(seed + 1).normal(size=rows)}


def test_is_a_sampled_forecaster(stores):
    assert isinstance(stores[0], SampledForecaster)


def test_a_posterior_holds_draws_training_data_and_nothing_of_the_warmup(stores, models):
    _, posterior = stores
    assert set(posterior.children) == {"posterior", "sample_stats", "training_data"}
    assert posterior["posterior"].sizes == {"chain": 4, "draw": 500, "store": 3}
    assert posterior["posterior"]["store"].values.tolist() == ["Graz", "Linz", "Wien"]
    assert set(posterior["posterior"].data_vars) == {"level", "spread", "store_level", "slope", "dispersion"}
    assert posterior["training_data"].to_dataset().equals(models.stores.data(60))


def test_a_second_fit_forgets_the_first(student, models):
    """Fitted on 200 rows of another slope, with the same seed, it is the fit of those rows alone."""
    forecaster, first = student
    other = models.student.data(200, seed=7)
    other = other.assign(y=other["y"] - 3 * other["x"])
    refit = forecaster.fit(other, random_seed=1)
    slope = refit["posterior"]["slope"].values
    assert abs(slope.mean() + 2) < 0.3
    assert refit["training_data"].sizes["obs"] == 200
    again = forecaster.fit(models.student.data(50), random_seed=1)
    np.testing.assert_array_equal(again["posterior"]["slope"].values, first["posterior"]["slope"].values)


def test_a_second_fit_compiles_nothing_and_leaves_the_users_model_alone(student, models, monkeypatch):
    import nutpie

    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda *_, **__: pytest.fail("compiled again"))
    forecaster, _ = student
    before = forecaster._registry.model["y"].get_value()
    forecaster.fit(models.student.data(31, seed=2), random_seed=1)
    np.testing.assert_array_equal(forecaster._registry.model["y"].get_value(), before)


def test_other_rows_in_the_same_stores_compile_nothing(stores, models, monkeypatch):
    import nutpie

    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda *_, **__: pytest.fail("compiled again"))
    forecaster, _ = stores
    posterior = forecaster.fit(models.stores.data(90, seed=3), random_seed=1)
    assert posterior["training_data"].sizes["obs"] == 90


def test_a_new_store_is_a_new_group_with_predictive_debt_only(stores, models):
    forecaster, deployed = stores
    data = models.stores.data(80, seed=3, stores=("Bern", "Graz", "Linz", "Wien"))
    shadow = forecaster.fit(data, random_seed=1)
    assert shadow["posterior"]["store"].values.tolist() == ["Bern", "Graz", "Linz", "Wien"]
    batch = models.stores.data(6)
    with pytest.raises(IncomparablePosteriorsError, match=r"\['Bern'\].*predictive debt only"):
        forecaster.require_comparable(shadow, deployed, batch)
    # By label: 'Graz' is now the second store. Scored by position it would take the level of Bern.
    with models.stores.build(data) as model:
        pass
    with model:
        codes = np.array([1, 2, 3, 1, 2, 3])
        pm.set_data({"store_index": codes, "x": batch["x"].values, "sold": batch["sold"].values})
        few = xr.DataTree.from_dict({"posterior": shadow["posterior"].to_dataset().isel(draw=slice(0, 5))})
        expected = pm.compute_log_likelihood(few, progressbar=False)["log_likelihood"]["sales"]
    got = forecaster.log_density(shadow, batch)["sales"].values.reshape(4, 500, 6)[:, :5]
    np.testing.assert_allclose(got, expected.values, atol=1e-10)
    assert forecaster.log_density(deployed, batch).sizes["obs"] == 6


def test_netcdf_round_trip_scores_the_same_in_a_new_forecaster(stores, models, tmp_path):
    forecaster, posterior = stores
    posterior.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    read = xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf")
    batch = models.stores.data(5, seed=6)
    expected = forecaster.log_density(posterior, batch)
    xr.testing.assert_identical(forecaster.log_density(read, batch), expected)
    new = PyMCForecaster(models.stores.build)
    xr.testing.assert_allclose(new.log_density(read, batch), expected, rtol=1e-13)
    assert new.unconstrained_draws(read).shape == (4, 500, 7)
    new.require_comparable(read, posterior, batch)


def test_pm_sample_where_asked_and_for_discrete_variables():
    data = line_data(40)
    with_pymc = PyMCForecaster(line, draws=600, tune=300, chains=1, sampler="pymc").fit(data, random_seed=1)
    x, y = data["x"], data["y"]
    precision = 0.25 + x @ x
    slope = with_pymc["posterior"]["slope"].values
    assert abs(slope.mean() - x @ y / precision) < 4 / np.sqrt(precision * 150)

    def switching(data):
        with pm.Model() as model:
            y = pm.Data("y", data["y"].values)
            pm.Normal("outcome", pm.Bernoulli("regime", 0.5) * 3.0, 1, observed=y)
        return model

    discrete = PyMCForecaster(switching, draws=100, tune=100, chains=2)
    assert discrete._sampler._choose(discrete._registry.build(xr.Dataset({"y": ("obs", np.ones(5))})).graph) == "pymc"
    with pytest.raises(UnsupportedModelError, match="discrete free variables"):
        PyMCForecaster(switching, sampler="nutpie").fit({"y": np.ones(5)})


def test_pm_sample_on_a_ready_model_gives_its_data_back():
    start = line_data(10)
    with pm.Model(coords={"obs": np.arange(10)}) as model:
        x, y = pm.Data("x", start["x"], dims="obs"), pm.Data("y", start["y"], dims="obs")
        pm.Normal("outcome", pm.Normal("slope", 0, 2) * x, 1, observed=y, dims="obs")
    forecaster = PyMCForecaster(model=model, draws=200, tune=200, chains=1, sampler="pymc")
    data = line_data(60, seed=5)
    posterior = forecaster.fit(data, random_seed=1)
    np.testing.assert_array_equal(model["x"].get_value(), start["x"])
    assert model.coords["obs"] == tuple(range(10))
    assert model.dim_lengths["obs"].eval() == 10
    precision = 0.25 + data["x"] @ data["x"]
    slope = posterior["posterior"]["slope"].values
    assert abs(slope.mean() - data["x"] @ data["y"] / precision) < 4 / np.sqrt(precision * 50)


def test_a_failing_sampler_says_so(monkeypatch):
    def panic():
        raise BaseException("panic: NaN")

    forecaster = PyMCForecaster(line)
    monkeypatch.setattr(forecaster._sampler, "_nutpie", lambda *_: panic())
    with pytest.raises(RuntimeError, match="sampling with nutpie failed: panic: NaN"):
        forecaster.fit(line_data(10))


def test_a_ready_model_cannot_change_its_groups(models):
    data = models.conjugate.data(10)
    forecaster = PyMCForecaster(model=models.conjugate.build(data))
    with pytest.raises(UnsupportedModelError, match=r"made for \['intercept', 'slope'\].*pass build_model"):
        forecaster.fit(data.assign_coords(coefficient=["intercept", "price"]))


# Preparation ---------------------------------------------------------------------------------------------------------


def standardise(data, fitted=None):
    if fitted is None:
        fitted = {"center": data["x"].mean(), "scale": float(data["x"].std())}
    return data.assign(x=(data["x"] - fitted["center"]) / fitted["scale"]), fitted


def test_preparation_is_stored_and_handed_back():
    forecaster = PyMCForecaster(line, prepare=standardise)
    posterior = forecaster.attach(draws_of_slope(), line_data(20, shift=5))
    fitted = posterior["preparation"].to_dataset()
    assert float(fitted["center"]) == pytest.approx(line_data(20, shift=5)["x"].mean())
    batch = {"x": [4.0, 6.0], "y": [0.0, 1.0]}
    slope = posterior["posterior"]["slope"].values.reshape(-1, 1)
    x = (np.array([4.0, 6.0]) - float(fitted["center"])) / float(fitted["scale"])
    expected = -0.5 * np.log(2 * np.pi) - 0.5 * (np.array([0.0, 1.0]) - slope * x) ** 2
    np.testing.assert_allclose(forecaster.log_density(posterior, batch)["outcome"].values, expected, atol=1e-12)
    with pytest.raises(ValueError, match=r"use attach\(posterior, data\)"):
        forecaster.log_density(draws_of_slope(), batch)


def test_debt_between_two_preparations_is_refused_and_between_frozen_ones_is_not():
    forecaster = PyMCForecaster(line, prepare=standardise)
    old, new = line_data(20), line_data(40, seed=3, shift=1)
    deployed, shadow = forecaster.attach(draws_of_slope(), old), forecaster.attach(draws_of_slope(1), new)
    with pytest.raises(IncomparablePosteriorsError, match=r"log density of a row by up to .* keep `fitted`"):
        forecaster.require_comparable(shadow, deployed, new)
    frozen = shadow.copy()
    frozen["preparation"] = deployed["preparation"].copy()
    forecaster.require_comparable(frozen, deployed, new)


def test_a_preparation_that_rescales_the_outcome_is_refused():
    """Log densities of a rescaled outcome are off by the logarithm of the scale, which differs between retrains."""

    def scale_outcome(data, fitted=None):
        fitted = {"scale": float(data["y"].std())} if fitted is None else fitted
        return data.assign(y=data["y"] / fitted["scale"]), fitted

    forecaster = PyMCForecaster(line, prepare=scale_outcome)
    with pytest.raises(UnsupportedModelError, match="changes the outcome 'y'"):
        forecaster.fit(line_data(20))
    with pytest.raises(UnsupportedModelError, match="changes the outcome 'y'"):
        forecaster.attach(draws_of_slope(), line_data(20))


def test_the_trap_in_a_builder_is_caught_for_a_pair_too(monkeypatch):
    """A scaler inside build_model that slipped past the first fit: every draw means something else."""

    def trap(data):
        center = float(data["x"].mean())
        with pm.Model() as model:
            x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
            pm.Normal("outcome", pm.Normal("slope", 0, 2) * (x - center), 1, observed=y)
        return model

    monkeypatch.setattr("learning_debt.forecasters.pymc.model_builds.require_faithful_build", lambda *_: None)
    forecaster = PyMCForecaster(trap)
    deployed = forecaster.attach(draws_of_slope(), line_data(20))
    shadow = forecaster.attach(draws_of_slope(1), line_data(30, seed=3, shift=2))
    with pytest.raises(IncomparablePosteriorsError, match=r"not on one scale.*log density of a row by up to"):
        forecaster.require_comparable(shadow, deployed, line_data(5))


def test_a_prior_that_depends_on_the_data_has_no_debt():
    def scaled_prior(data):
        with pm.Model() as model:
            x, y = pm.Data("x", data["x"].values), pm.Data("y", data["y"].values)
            pm.Normal("outcome", pm.Normal("slope", 0, 1 / x.std()) * x, 1, observed=y)
        return model

    forecaster = PyMCForecaster(scaled_prior)
    deployed = forecaster.attach(draws_of_slope(), line_data(20))
    shadow = forecaster.attach(draws_of_slope(1), line_data(30, seed=3))
    with pytest.raises(IncomparablePosteriorsError, match="their log priors differ by"):
        forecaster.require_comparable(shadow, deployed, line_data(5))
    forecaster.require_comparable(deployed, deployed, line_data(5))


def test_a_potential_of_the_data_has_no_debt_but_scores():
    def penalised(data):
        model = line(data)
        with model:
            pm.Potential("penalty", -((model["slope"] * model["x"]) ** 2).sum())
        return model

    forecaster = PyMCForecaster(penalised)
    posterior = forecaster.attach(draws_of_slope(), line_data(20))
    with pytest.raises(IncomparablePosteriorsError, match=r"pm\.Potential depends on the data"):
        forecaster.require_comparable(posterior, posterior, line_data(5))


def test_comparable_posteriors_pass(stores, models):
    forecaster, deployed = stores
    shadow = forecaster.fit(models.stores.data(75, seed=11), random_seed=2)
    forecaster.require_comparable(shadow, deployed, models.stores.data(5))


def test_functions_that_edit_in_place_change_neither_the_data_nor_the_preparation():
    def in_place(data, fitted=None):
        fitted = {"center": float(data["x"].mean())} if fitted is None else fitted
        data["x"].values[:] -= float(fitted["center"])
        return data, fitted

    forecaster = PyMCForecaster(line, prepare=in_place)
    data = xr.Dataset({name: ("obs", values) for name, values in line_data(20, shift=2).items()})
    posterior = forecaster.attach(draws_of_slope(), data)
    np.testing.assert_array_equal(data["x"].values, line_data(20, shift=2)["x"])
    np.testing.assert_array_equal(posterior["training_data"]["x"].values, data["x"].values)
    first = forecaster.log_density(posterior, data)
    assert first.equals(forecaster.log_density(posterior, data))


def test_a_forecaster_travels_without_its_compiled_functions():
    cloudpickle = pytest.importorskip("cloudpickle")
    forecaster = PyMCForecaster(line)
    posterior = forecaster.attach(draws_of_slope(), line_data(20))
    expected = forecaster.log_density(posterior, line_data(3))
    sent = cloudpickle.loads(cloudpickle.dumps(forecaster))
    assert sent._registry.latest is None
    assert sent.log_density(posterior, line_data(3)).equals(expected)


def test_numbers_as_labels_are_labels():
    def shops(data):
        numbers, index = np.unique(data["shop"], return_inverse=True)
        with pm.Model(coords={"shops": numbers}) as model:
            shop, y = pm.Data("shop", index), pm.Data("y", data["y"].values)
            pm.Normal("outcome", pm.Normal("level", 0, 1, dims="shops")[shop], 1, observed=y)
        return model

    forecaster = PyMCForecaster(shops)
    draws = np.random.default_rng(0).normal(size=(2, 20, 3))
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"level": (("chain", "draw", "shops"), draws)}, coords={"shops": [101, 205, 999]})}
    )
    posterior = forecaster.attach(tree, {"shop": [101, 999, 205, 999, 101], "y": np.arange(5.0)})
    got = forecaster.log_density(posterior, {"shop": [999, 205], "y": [0.0, 0.0]})["outcome"].values
    expected = -0.5 * np.log(2 * np.pi) - 0.5 * draws.reshape(-1, 3)[:, [2, 1]] ** 2
    np.testing.assert_allclose(got, expected, atol=1e-12)
    with pytest.raises(ValueError, match="label '2' at row 0, unseen"):
        forecaster.log_density(posterior, {"shop": [2, 101], "y": [0.0, 0.0]})
