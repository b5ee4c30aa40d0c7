"""Fitted PyMC forecasters, one per model for the whole session: compiling is what costs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

pm = pytest.importorskip("pymc")

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402

COEFFICIENTS = ["intercept", "slope"]
PRIOR = {"mean": np.array([0.5, -0.5]), "precision": np.array([[2.0, 0.3], [0.3, 1.5]]), "shape": 4.0, "rate": 3.0}


def build_conjugate(data):
    """Normal-inverse-gamma regression: closed forms for everything."""
    with pm.Model(coords={"coefficient": COEFFICIENTS}) as model:
        x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
        y = pm.Data("y", data["y"].values, dims="obs")
        variance = pm.InverseGamma("variance", PRIOR["shape"], PRIOR["rate"])
        covariance = np.linalg.inv(PRIOR["precision"])
        beta = pm.MvNormal("beta", PRIOR["mean"], cov=variance * covariance, dims="coefficient")
        pm.Normal("outcome", x @ beta, pm.math.sqrt(variance), observed=y, dims="obs")
    return model


def build_student(data):
    with pm.Model() as model:
        x = pm.Data("x", data["x"].values)
        y = pm.Data("y", data["y"].values)
        level, slope = pm.Normal("level", 0, 3), pm.Normal("slope", 0, 3)
        scale, freedom = pm.HalfNormal("scale", 2), pm.Gamma("freedom", 2, 0.1)
        pm.StudentT("outcome", nu=freedom, mu=level + slope * x, sigma=scale, observed=y)
    return model


def build_stores(data):
    stores, index = np.unique(data["store"], return_inverse=True)
    with pm.Model(coords={"store": stores}) as model:
        store = pm.Data("store_index", index, dims="obs")
        x = pm.Data("x", data["x"].values, dims="obs")
        sold = pm.Data("sold", data["sold"].values, dims="obs")
        level, spread = pm.Normal("level", 1, 1), pm.HalfNormal("spread", 1)
        store_level = pm.Normal("store_level", level, spread, dims="store")
        slope, dispersion = pm.Normal("slope", 0, 1), pm.Gamma("dispersion", 3, 1)
        mean = pm.math.exp(store_level[store] + slope * x)
        pm.NegativeBinomial("sales", mu=mean, alpha=dispersion, observed=sold, dims="obs")
        pm.Deterministic("mean", mean, dims="obs")
    return model


def conjugate_data(rows, seed=0):
    generator = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), generator.normal(size=rows)])
    y = x @ [1.0, -0.7] + 0.8 * generator.normal(size=rows)
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)}, coords={"coefficient": COEFFICIENTS})


def student_data(rows, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=rows)
    return xr.Dataset({"x": ("obs", x), "y": ("obs", 0.5 + x + 0.5 * generator.standard_t(5, size=rows))})


def store_data(rows, seed=0, stores=("Graz", "Linz", "Wien")):
    generator = np.random.default_rng(seed)
    store = np.array(stores)[np.arange(rows) % len(stores)]
    x = generator.normal(size=rows)
    sold = generator.poisson(np.exp(1 + 0.3 * x + 0.4 * (np.arange(rows) % len(stores))))
    return xr.Dataset({"store": ("obs", store), "x": ("obs", x), "sold": ("obs", sold)})


@pytest.fixture(scope="session")
def conjugate():
    forecaster = PyMCForecaster(build_conjugate)
    return forecaster, forecaster.fit(conjugate_data(40), random_seed=1)


@pytest.fixture(scope="session")
def student():
    forecaster = PyMCForecaster(model=build_student(student_data(30)), draws=500)
    return forecaster, forecaster.fit(student_data(50), random_seed=1)


@pytest.fixture(scope="session")
def stores():
    forecaster = PyMCForecaster(build_stores, draws=500)
    return forecaster, forecaster.fit(store_data(60), random_seed=1)


@pytest.fixture(scope="session")
def models():
    """The three models: builders, makers of data, the names of their observed variables."""
    return SimpleNamespace(
        conjugate=SimpleNamespace(build=build_conjugate, data=conjugate_data, observed="outcome", prior=PRIOR),
        student=SimpleNamespace(build=build_student, data=student_data, observed="outcome"),
        stores=SimpleNamespace(build=build_stores, data=store_data, observed="sales"),
    )
