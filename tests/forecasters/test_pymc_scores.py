"""Log densities, predictive draws, joint density and transforms against PyMC itself and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

pm = pytest.importorskip("pymc")
supported = pytest.importorskip("learning_debt.forecasters.pymc.model_checks.supported")

CASES = ["conjugate", "student", "stores"]


def thinned(posterior, step=50):
    return posterior["posterior"].to_dataset().isel(draw=slice(None, None, step))


@pytest.mark.parametrize("case", CASES)
def test_log_density_is_that_of_pymc(case, models, request):
    forecaster, posterior = request.getfixturevalue(case)
    model = getattr(models, case)
    name, batch, few = model.observed, model.data(7, seed=9), thinned(posterior)
    with model.build(batch):
        expected = pm.compute_log_likelihood(xr.DataTree.from_dict({"posterior": few}), progressbar=False)
    expected = expected["log_likelihood"][name].stack(sample=("chain", "draw")).transpose("sample", ...).values
    tree = xr.DataTree.from_dict({"posterior": few})
    got = forecaster.log_density(tree, batch)
    assert got[name].dims == ("sample", "obs")
    np.testing.assert_allclose(got[name].values, expected, rtol=0, atol=1e-10)
    whole = forecaster.log_density(posterior, batch)[name].values.reshape(4, -1, 7)[:, ::50]
    np.testing.assert_allclose(whole.reshape(-1, 7), expected, rtol=0, atol=1e-10)


def test_log_density_in_chunks_is_that_of_one_piece(conjugate, models, monkeypatch):
    forecaster, posterior = conjugate
    batch = models.conjugate.data(6, seed=3)
    whole = forecaster.log_density(posterior, batch)
    monkeypatch.setattr("learning_debt.forecasters.pymc.compiled.density.CELLS", 6 * 17)
    xr.testing.assert_allclose(forecaster.log_density(posterior, batch), whole, rtol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_joint_density_is_that_of_pymc_on_another_number_of_rows(case, models, request):
    forecaster, _ = request.getfixturevalue(case)
    data = getattr(models, case).data(23, seed=4)
    posterior = forecaster.attach(request.getfixturevalue(case)[1], data)
    model = getattr(models, case).build(data)
    reference = model.compile_logp()
    draws = forecaster.unconstrained_draws(posterior)
    points = draws.reshape(-1, draws.shape[-1])[::97] + np.random.default_rng(1).normal(size=draws.shape[-1])
    got = forecaster.log_joint(posterior, points)
    expected = []
    for point in points:
        start, values = 0, {}
        for variable in model.value_vars:
            shape = model.initial_point()[variable.name].shape
            size = int(np.prod(shape))
            values[variable.name] = point[start : start + size].reshape(shape)
            start += size
        expected.append(reference(values))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-9)


def test_unconstrained_draws_are_logs_of_positive_variables(stores):
    forecaster, posterior = stores
    draws = forecaster.unconstrained_draws(posterior)
    group = posterior["posterior"]
    assert draws.shape == (4, 500, 7)
    np.testing.assert_allclose(draws[..., 0], group["level"].values)
    np.testing.assert_allclose(draws[..., 1], np.log(group["spread"].values))
    np.testing.assert_allclose(draws[..., 2:5], group["store_level"].values)
    np.testing.assert_allclose(draws[..., 6], np.log(group["dispersion"].values))


def conjugate_posterior(models, data):
    prior = models.conjugate.prior
    x, y = data["x"].values, data["y"].values
    precision = prior["precision"] + x.T @ x
    mean = np.linalg.solve(precision, prior["precision"] @ prior["mean"] + x.T @ y)
    shape = prior["shape"] + len(y) / 2
    quadratic = prior["mean"] @ prior["precision"] @ prior["mean"] - mean @ precision @ mean
    rate = prior["rate"] + (y @ y + quadratic) / 2
    return mean, precision, shape, rate


@pytest.mark.parametrize("rows", [40, 120])
def test_conjugate_posterior_mean_is_the_closed_form(conjugate, models, rows):
    forecaster, posterior = conjugate
    data = models.conjugate.data(rows)
    if rows != 40:
        posterior = forecaster.fit(data, random_seed=2)
    mean, precision, shape, rate = conjugate_posterior(models, data)
    covariance = rate / (shape - 1) * np.linalg.inv(precision)
    group = posterior["posterior"]
    beta = group["beta"].values.reshape(-1, 2)
    error = np.sqrt(np.diag(covariance) / 1000)  # an effective sample of at least 1000 of 4000 draws
    assert (np.abs(beta.mean(0) - mean) < 4 * error).all()
    variance = group["variance"].values.ravel()
    spread = rate / (shape - 1) / np.sqrt(shape - 2)
    assert abs(variance.mean() - rate / (shape - 1)) < 4 * spread / np.sqrt(1000)


def test_predictive_density_of_draws_is_students_t(conjugate, models):
    forecaster, posterior = conjugate
    mean, precision, shape, rate = conjugate_posterior(models, models.conjugate.data(40))
    batch = models.conjugate.data(5, seed=8)
    x, y = batch["x"].values, batch["y"].values
    scale = np.sqrt(rate / shape * (1 + np.einsum("ij,jk,ik->i", x, np.linalg.inv(precision), x)))
    exact = stats.t.logpdf(y, 2 * shape, x @ mean, scale)
    density = np.exp(forecaster.log_density(posterior, batch)["outcome"].values)
    error = density.std(0) / density.mean(0) / np.sqrt(1000)
    assert (np.abs(np.log(density.mean(0)) - exact) < 4 * error).all()


def test_predictive_draws_have_the_moments_of_students_t(conjugate, models):
    forecaster, posterior = conjugate
    mean, precision, shape, rate = conjugate_posterior(models, models.conjugate.data(40))
    batch = models.conjugate.data(5, seed=8).drop_vars("y")
    x = batch["x"].values
    variance = rate / (shape - 1) * (1 + np.einsum("ij,jk,ik->i", x, np.linalg.inv(precision), x))
    drawn = forecaster.predict(posterior, batch, random_seed=5)["outcome"]
    assert drawn.dims == ("sample", "obs")
    assert drawn.shape == (4000, 5)
    assert (np.abs(drawn.values.mean(0) - x @ mean) < 4.5 * np.sqrt(variance / 4000)).all()
    assert (np.abs(drawn.values.var(0) / variance - 1) < 4.5 * np.sqrt(2.5 / 4000)).all()
    assert np.abs(np.corrcoef(drawn.values, rowvar=False)[0, 1]) < 0.5  # rows are drawn separately


def test_predictive_draws_have_the_moments_of_pymc(stores, models):
    forecaster, posterior = stores
    batch = models.stores.data(6, seed=5)
    with models.stores.build(batch):
        reference = pm.sample_posterior_predictive(
            xr.DataTree.from_dict({"posterior": posterior["posterior"].to_dataset()}), random_seed=3, progressbar=False
        )
    expected = reference["posterior_predictive"]["sales"].values.reshape(-1, 6)
    got = forecaster.predict(posterior, batch.drop_vars("sold"), random_seed=4)["sales"].values
    assert got.dtype.kind == "i"
    error = np.sqrt((got.var(0) + expected.var(0)) / 2000)
    assert (np.abs(got.mean(0) - expected.mean(0)) < 4.5 * error).all()


@pytest.mark.parametrize("case", CASES)
def test_one_seed_gives_one_set_of_predictive_draws(case, models, request):
    forecaster, posterior = request.getfixturevalue(case)
    batch = getattr(models, case).data(4, seed=2)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = forecaster.predict(posterior, batch, random_seed=1)
    other = forecaster.predict(posterior, batch, random_seed=2)
    assert first.equals(forecaster.predict(posterior, batch, random_seed=1))
    assert not first.equals(other)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_mixture_components_are_drawn_anew_for_every_draw():
    """Components without parameters: drawn once and shared, every row would have one value per component."""
    with pm.Model() as model:
        y = pm.Data("y", np.zeros(3))
        weight = pm.Beta("weight", 2, 2)
        parts = [pm.Normal.dist(-5, 1), pm.Normal.dist(5, 1)]
        pm.Mixture("outcome", w=pm.math.stack([weight, 1 - weight]), comp_dists=parts, observed=y, shape=y.shape)
    from learning_debt.forecasters.pymc.forecaster import PyMCForecaster

    forecaster = PyMCForecaster(model=model)
    posterior = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"weight": (("chain", "draw"), np.full((1, 400), 0.5))})}
    )
    drawn = forecaster.predict(posterior, {"y": np.zeros(2)}, random_seed=1)["outcome"].values
    low = drawn[drawn < 0]
    assert len(np.unique(low)) == len(low)
    assert abs(low.mean() + 5) < 4 / np.sqrt(len(low))
    assert abs((drawn < 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(800)


def test_outcome_kinds(conjugate, student, stores):
    assert conjugate[0].outcome_kind() == "continuous"
    assert student[0].outcome_kind() == "continuous"
    assert stores[0].outcome_kind() == "count"
    assert [pair[0].observed for pair in (conjugate, student, stores)] == [("y",), ("y",), ("sold",)]


def test_the_outcome_kind_is_found_once_a_model(stores, monkeypatch):
    def refused(*_):
        raise AssertionError("compiled again")

    kind = stores[0].outcome_kind()
    monkeypatch.setattr(supported, "compile_python", refused)
    assert stores[0].outcome_kind() == kind


def test_an_outcome_may_be_called_like_the_observation_dimension():
    from learning_debt import PyMCForecaster, score_gap

    def build_model(data):
        with pm.Model() as model:
            x, y = pm.Data("x", data["x"]), pm.Data("y", data["y"])
            pm.Normal("obs", pm.Normal("slope") * x, 1, observed=y)
        return model

    data = {"x": np.array([1.0, -1.0, 0.5]), "y": np.array([1.2, -0.7, 0.1])}
    forecaster = PyMCForecaster(build_model, draws=50, tune=100, chains=2)
    posterior = forecaster.fit(data, random_seed=1)
    slope = posterior["posterior"]["slope"].values.reshape(-1, 1)
    found = forecaster.log_density(posterior, data)
    np.testing.assert_allclose(found["y"].values, -0.5 * np.log(2 * np.pi) - (data["y"] - slope * data["x"]) ** 2 / 2)
    assert forecaster.predict(posterior, data, random_seed=1)["y"].shape == (100, 3)
    assert np.isfinite(score_gap(forecaster, posterior, posterior, data).value)
