"""An autoregression as most people write it: its first value has a distribution of its own, without a shape."""

import numpy as np
import pymc as pm
from scipy import stats

import learning_debt as ld


def build_model(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"], dims="obs")
        rho, scale = pm.Normal("rho", 0, 0.5), pm.HalfNormal("scale", 1)
        pm.AR("series", rho, sigma=scale, init_dist=pm.Normal.dist(0, 5), observed=y, dims="obs")
    return model


def test_the_first_value_of_an_autoregression_may_know_no_parameter():
    rng = np.random.default_rng(1)
    y = np.zeros(40)
    for t in range(1, 40):
        y[t] = 0.6 * y[t - 1] + rng.normal()
    forecaster = ld.PyMCForecaster(build_model, draws=100, tune=200, chains=2)
    posterior = forecaster.fit({"y": y[:30]}, random_seed=1)
    found = forecaster.log_density(posterior, {"y": y[30:]}, {"y": y[:30]})["series"].values
    rho, scale = (posterior["posterior"][name].values.reshape(-1, 1) for name in ("rho", "scale"))
    np.testing.assert_allclose(found, stats.norm.logpdf(y[30:], rho * y[29:-1], scale), atol=1e-9)
    points = forecaster.unconstrained_draws(posterior).reshape(-1, 2)[:5]
    assert np.isfinite(forecaster.log_joint(posterior, points)).all()
