"""A regression with exact draws, and the same one in PyMC."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from learning_debt import NIG, ConjugateRegression

from ..sampled_regression import SampledRegression

COEFFICIENTS = ["intercept", "slope"]
PRIOR = NIG(np.array([0.5, -0.5]), np.array([[2.0, 0.3], [0.3, 1.5]]), 4.0, 3.0)


@pytest.fixture(scope="session")
def exact():
    """Closed forms."""
    return ConjugateRegression(PRIOR, coefficient_names=COEFFICIENTS)


@pytest.fixture(scope="session")
def drawn():
    """Independent draws of the same posteriors."""
    return SampledRegression(PRIOR, draws=2000, chains=2, coefficient_names=COEFFICIENTS)


@pytest.fixture(scope="session")
def pymc_regression():
    """The same model in PyMC."""
    pm = pytest.importorskip("pymc")
    from learning_debt import PyMCForecaster

    def build_model(data):
        with pm.Model(coords={"coefficient": COEFFICIENTS}) as model:
            x = pm.Data("x", data["x"].values, dims=("obs", "coefficient"))
            y = pm.Data("y", data["y"].values, dims="obs")
            variance = pm.InverseGamma("variance", PRIOR.shape, PRIOR.rate)
            beta = pm.MvNormal("beta", PRIOR.mean, cov=variance * np.linalg.inv(PRIOR.precision), dims="coefficient")
            pm.Normal("outcome", x @ beta, pm.math.sqrt(variance), observed=y, dims="obs")
        return model

    return PyMCForecaster(build_model)


@pytest.fixture(scope="session")
def regression_data():
    """Sixteen rows, the one at position 11 an outlier."""
    generator = np.random.default_rng(3)
    x = np.column_stack([np.ones(16), generator.normal(size=16)])
    y = x @ [1.0, -0.7] + 0.8 * generator.normal(size=16)
    y[11] += 3.0
    return xr.Dataset({"x": (("obs", "coefficient"), x), "y": ("obs", y)}, coords={"coefficient": COEFFICIENTS})
