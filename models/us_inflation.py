"""One-quarter-ahead US inflation from last quarter's inflation and unemployment, with Student-t errors.

Data: US macroeconomic quarterly series 1959Q2-2009Q3, which come with the package (learning_debt.bench.histories). The
owner of this forecaster retrains once a year, when the fourth quarter is in. Its conjugate Gaussian twin shares the
regression and has an exact posterior, so everything that is sampled for the twin can be held against the exact value.
"""

import numpy as np
import pymc as pm
import xarray as xr

import learning_debt as ld
from learning_debt.bench.histories import HISTORIES

COEFFICIENTS = ["intercept", "lagged_inflation", "lagged_unemployment"]
PRIOR_MEAN = np.array([0.0, 0.5, 0.0])
PRIOR_SD = np.array([5.0, 1.0, 1.0])


def load_history() -> xr.Dataset:
    """Inflation of each quarter (percent, annual rate) beside what was known the quarter before."""
    return HISTORIES["inflation"].load()


def build_model(data: xr.Dataset) -> pm.Model:
    """The forecaster that is audited."""
    with pm.Model(coords={"coefficient": COEFFICIENTS}) as model:
        x = pm.Data("x", data["x"], dims=("obs", "coefficient"))
        y = pm.Data("y", data["y"], dims="obs")
        coefficients = pm.Normal("coefficients", PRIOR_MEAN, PRIOR_SD, dims="coefficient")
        scale = pm.HalfNormal("scale", 3.0)
        degrees_of_freedom = pm.Gamma("degrees_of_freedom", alpha=2.0, beta=0.1)
        pm.StudentT("inflation", nu=degrees_of_freedom, mu=x @ coefficients, sigma=scale, observed=y, dims="obs")
    return model


# A retrain (refit, review, redeploy) is worth a tenth of a nat of log score. Replace it by what yours costs.
cost = 0.1

initial = 60
calendar = [quarter for quarter in load_history()["period"].values[initial:].tolist() if quarter.endswith("Q4")]

# The conjugate twin: coefficients | variance ~ N(mean, variance * inv(precision)), variance ~ InvGamma(shape, rate).
twin_prior = ld.NIG(mean=PRIOR_MEAN, precision=np.diag(1 / PRIOR_SD**2), shape=2.0, rate=4.0)


def build_twin(data: xr.Dataset) -> pm.Model:
    """The same regression with normal errors and the conjugate prior `twin_prior`."""
    with pm.Model(coords={"coefficient": COEFFICIENTS}) as model:
        x = pm.Data("x", data["x"], dims=("obs", "coefficient"))
        y = pm.Data("y", data["y"], dims="obs")
        variance = pm.InverseGamma("variance", alpha=twin_prior.shape, beta=twin_prior.rate)
        sd = pm.math.sqrt(variance)
        coefficients = pm.Normal("coefficients", PRIOR_MEAN, PRIOR_SD * sd, dims="coefficient")
        pm.Normal("inflation", mu=x @ coefficients, sigma=sd, observed=y, dims="obs")
    return model
