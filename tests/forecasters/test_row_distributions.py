"""Distributions of rows against the compiled log density of the same model."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.forecasters.outcome_densities import distributions_of, log_density_at, repeated_log_density

ROWS, DRAWS = 6, 40
LAWS = {
    "normal": lambda eta, s, **at: pm.Normal("out", eta, s, **at),
    "student_t": lambda eta, s, **at: pm.StudentT("out", nu=2 + s, mu=eta, sigma=s, **at),
    "log_normal": lambda eta, s, **at: pm.LogNormal("out", eta, s, **at),
    "gamma": lambda eta, s, **at: pm.Gamma("out", mu=pm.math.exp(eta), sigma=s, **at),
    "exponential": lambda eta, _s, **at: pm.Exponential("out", pm.math.exp(eta), **at),
    "half_normal": lambda eta, _s, **at: pm.HalfNormal("out", pm.math.exp(eta), **at),
    "laplace": lambda eta, s, **at: pm.Laplace("out", eta, s, **at),
    "poisson": lambda eta, _s, **at: pm.Poisson("out", pm.math.exp(eta), **at),
    "negative_binomial": lambda eta, s, **at: pm.NegativeBinomial("out", mu=pm.math.exp(eta), alpha=s, **at),
    "binomial": lambda eta, _s, **at: pm.Binomial("out", 9, pm.math.sigmoid(eta), **at),
    "bernoulli": lambda eta, _s, **at: pm.Bernoulli("out", pm.math.sigmoid(eta), **at),
    "geometric": lambda eta, _s, **at: pm.Geometric("out", pm.math.sigmoid(eta), **at),
}
COUNTS = ("poisson", "negative_binomial", "binomial", "bernoulli", "geometric")
OTHERS = {
    "truncated": lambda eta, s, **at: pm.Truncated("out", pm.Normal.dist(eta, s), lower=-9, **at),
    "mixture": lambda _eta, s, **at: pm.NormalMixture("out", [0.3, 0.7], [0.0, 1.0], s, **at),
    "custom": lambda eta, s, **at: pm.CustomDist("out", eta, s, logp=lambda y, m, t: -(((y - m) / t) ** 2), **at),
}


def setting(law, whole):
    """A forecaster, draws and rows; nothing is sampled."""

    def build_model(data):
        with pm.Model() as model:
            x = pm.Data("x", data["x"].values, dims="obs")
            y = pm.Data("y", data["y"].values, dims="obs")
            slope, spread = pm.Normal("slope"), pm.HalfNormal("spread")
            law(slope * x, spread, observed=y, dims="obs")
        return model

    generator = np.random.default_rng(3)
    y = np.ones(ROWS, dtype=int) if whole else generator.gamma(2, size=ROWS)
    rows = xr.Dataset({"x": ("obs", generator.normal(size=ROWS)), "y": ("obs", y)})
    drawn = {
        "slope": (("chain", "draw"), generator.normal(size=(2, DRAWS))),
        "spread": (("chain", "draw"), generator.gamma(3, size=(2, DRAWS))),
    }
    forecaster = ld.PyMCForecaster(build_model, compile_kwargs={"mode": "FAST_COMPILE"})
    return forecaster, forecaster.attach(xr.DataTree.from_dict({"posterior": xr.Dataset(drawn)}), rows), rows


@pytest.mark.parametrize("family", LAWS)
def test_densities_are_the_compiled_ones(family):
    forecaster, posterior, rows = setting(LAWS[family], family in COUNTS)
    at = np.array([0, 1, 2, 7, 12]) if family in COUNTS else np.array([-3.0, 0.0, 0.2, 1.0, 40.0])
    nodes = np.tile(at, (ROWS, 1))
    distributions = distributions_of(forecaster, posterior, rows.drop_vars("y"))
    assert distributions is not None
    assert distributions.family == family
    old = repeated_log_density(forecaster, posterior, rows, {"y": nodes})
    new = log_density_at(forecaster, posterior, rows, nodes)
    np.testing.assert_allclose(new, old, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_distributions_go_the_old_way(kind):
    forecaster, posterior, rows = setting(OTHERS[kind], False)
    assert forecaster.row_distributions(posterior, rows) is None
    nodes = np.tile([0.1, 0.9], (ROWS, 1))
    old = repeated_log_density(forecaster, posterior, rows, {"y": nodes})
    np.testing.assert_array_equal(log_density_at(forecaster, posterior, rows, nodes), old)


def test_parameters_in_a_wrong_order_are_found_out(monkeypatch):
    from learning_debt.forecasters.pymc.compiled import outcome_family

    monkeypatch.setitem(outcome_family.FAMILY_OF, "NormalRV", "laplace")
    forecaster, posterior, rows = setting(LAWS["normal"], False)
    assert forecaster.row_distributions(posterior, rows) is None
    assert forecaster.row_distributions(posterior, rows) is None


def test_outcomes_that_feed_back_have_none():
    def build_model(data):
        with pm.Model() as model:
            y = pm.Data("y", data["y"].values, dims="obs")
            before = pm.math.concatenate([[0.0], y[:-1]])
            pm.Normal("out", pm.Normal("slope") * before, 1.0, observed=y, dims="obs")
        return model

    generator = np.random.default_rng(4)
    rows = xr.Dataset({"y": ("obs", generator.normal(size=ROWS))})
    drawn = xr.Dataset({"slope": (("chain", "draw"), generator.normal(size=(2, DRAWS)))})
    forecaster = ld.PyMCForecaster(build_model, compile_kwargs={"mode": "FAST_COMPILE"})
    posterior = forecaster.attach(xr.DataTree.from_dict({"posterior": drawn}), rows)
    assert forecaster.row_distributions(posterior, rows, rows) is None


def test_rows_after_a_past_keep_what_it_carries_over():
    def build_model(data):
        with pm.Model() as model:
            x = pm.Data("x", data["x"].values, dims="obs")
            y = pm.Data("y", data["y"].values, dims="obs")
            carried = x + 0.5 * pm.math.concatenate([[0.0], x[:-1]])
            pm.Normal("out", pm.Normal("slope") * carried, 1.0, observed=y, dims="obs")
        return model

    generator = np.random.default_rng(5)
    rows = xr.Dataset({name: ("obs", generator.normal(size=ROWS)) for name in ("x", "y")})
    drawn = xr.Dataset({"slope": (("chain", "draw"), generator.normal(size=(2, DRAWS)))})
    forecaster = ld.PyMCForecaster(build_model, compile_kwargs={"mode": "FAST_COMPILE"})
    posterior = forecaster.attach(xr.DataTree.from_dict({"posterior": drawn}), rows)
    past, batch, nodes = rows.isel(obs=slice(4)), rows.isel(obs=slice(4, None)), np.tile([-1.0, 0.3], (2, 1))
    assert forecaster.needs_past
    assert forecaster.row_distributions(posterior, batch, past) is not None
    old = repeated_log_density(forecaster, posterior, batch, {"y": nodes}, past)
    np.testing.assert_allclose(log_density_at(forecaster, posterior, batch, nodes, past), old, rtol=1e-10)


def test_the_conjugate_twin_knows_its_own():
    forecaster = ld.ConjugateRegression(ld.NIG([0, 0], np.eye(2), 2, 1))
    draws = forecaster.sample(forecaster.prior, draws=30, chains=2, random_seed=1)
    rows = xr.Dataset({"x": (("obs", "k"), np.array([[1.0, 2.0], [0.0, -1.0]])), "y": ("obs", [0.0, 1.0])})
    nodes = np.array([[-1.0, 0.0, 5.0], [0.0, 2.0, 1e3]])
    old = repeated_log_density(forecaster, draws, rows, {"y": nodes})
    np.testing.assert_allclose(log_density_at(forecaster, draws, rows, nodes), old, rtol=1e-12)
