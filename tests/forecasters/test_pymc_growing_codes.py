"""Growing dimensions without labels: positions say by themselves how many entries there are."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

pm = pytest.importorskip("pymc")

from learning_debt.forecasters.pymc.forecaster import PyMCForecaster  # noqa: E402

LEVEL = np.array([0.3, 0.1, -0.4])


def by_position(data):
    """A `pm.Data` may not share its name with a dimension, hence two names for the week."""
    with pm.Model() as model:
        model.add_coord("week", length=int(data["week_position"].max()) + 1)
        week = pm.Data("week_position", data["week_position"].values, dims="obs")
        y = pm.Data("y", data["y"].values, dims="obs")
        level = pm.GaussianRandomWalk("level", sigma=0.5, init_dist=pm.Normal.dist(), dims="week")
        pm.Normal("outcome", level[week], 1, observed=y, dims="obs")
    return model


@pytest.fixture(scope="module")
def fitted():
    forecaster = PyMCForecaster(by_position, growing_dims=("week",), compile_kwargs={"mode": "FAST_COMPILE"})
    draws = np.broadcast_to(LEVEL, (4, 2000, 3))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"level": (("chain", "draw", "week"), draws)})})
    return forecaster, forecaster.attach(tree, {"week_position": [0, 1, 2, 2], "y": np.zeros(4)})


def test_positions_count_the_steps_without_a_past(fitted):
    forecaster, posterior = fitted
    assert not forecaster.needs_past
    drawn = forecaster.predict(posterior, {"week_position": [2, 5, 5]}, random_seed=1)["outcome"].values
    variance = np.array([1, 1 + 3 * 0.25, 1 + 3 * 0.25])
    np.testing.assert_allclose(drawn.mean(axis=0), LEVEL[-1], atol=4 * np.sqrt(variance.max() / len(drawn)))
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=4 * np.sqrt(2 / len(drawn)))
    # Two rows of one week share its state: their covariance is the state's variance.
    assert np.cov(drawn[:, 1:].T)[0, 1] == pytest.approx(0.75, abs=4 * 1.75 / np.sqrt(len(drawn)))


@pytest.mark.parametrize(("position", "message"), [(10**6, "a typing error"), (-1, "gives the index -1 at row 1")])
def test_positions_out_of_reason_are_refused(fitted, position, message):
    forecaster, posterior = fitted
    with pytest.raises(ValueError, match=message):
        forecaster.log_density(posterior, {"week_position": [2, position], "y": [0.0, 0.0]})
