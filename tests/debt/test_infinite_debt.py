"""Posteriors whose support ends where data say: uniform outcomes below a Pareto bound, whose debts are known."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import learning_debt as ld

SHAPE, SCALE = 1.5, 0.5


def build(data):
    with pm.Model() as model:
        top = pm.Pareto("top", SHAPE, SCALE)
        pm.Uniform("outcome", 0, top, observed=pm.Data("y", data["y"].values, dims="obs"), dims="obs")
    return model


@pytest.fixture(scope="module")
def forecaster():
    return ld.PyMCForecaster(build)


def posterior(forecaster, outcomes, seed):
    """Pareto draws: the shape counts the rows, the scale is the largest outcome."""
    top = max(SCALE, *outcomes) * (1 + np.random.default_rng(seed).pareto(SHAPE + len(outcomes), (4, 500)))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"top": (("chain", "draw"), top)})})
    return forecaster.attach(tree, {"y": outcomes})


def divergence(shape, scale, other_shape, other_scale):
    """KL(Pareto(shape, scale)‖Pareto(other_shape, other_scale)) where scale >= other_scale."""
    constants = np.log(shape / other_shape) + shape * np.log(scale) - other_shape * np.log(other_scale)
    return constants - (shape - other_shape) * (np.log(scale) + 1 / shape)


@pytest.mark.parametrize("largest", [2.2, 5.0, 1000.0])
def test_new_data_that_rule_out_deployed_draws_make_a_finite_debt(forecaster, largest):
    """All of them at the largest, where only the bridge is left."""
    shadow, deployed = posterior(forecaster, [1.0, 2.0, largest], 1), posterior(forecaster, [1.0, 2.0], 2)
    found = ld.posterior_debt(forecaster, shadow, deployed, {"y": [largest]}, random_seed=1)
    assert found.reliable
    assert abs(found.value - divergence(SHAPE + 3, largest, SHAPE + 2, 2.0)) < 4 * found.standard_error


def test_a_window_that_drops_the_largest_outcome_makes_an_infinite_debt(forecaster):
    shadow, deployed = posterior(forecaster, [1.0, 2.0, 0.5], 3), posterior(forecaster, [1.0, 2.0, 5.0], 4)
    found = ld.posterior_debt(forecaster, shadow, deployed, {"y": [0.5]}, {"y": [5.0]})
    assert found.value == np.inf
    assert "the debt is infinite" in str(found)
    by_weight = ld.posterior_debt(forecaster, shadow, deployed, {"y": [0.5, 5.0]}, new_weight=[1.0, -1.0])
    assert by_weight.value == np.inf
    blocks = ld.debt_by_block(forecaster, shadow, deployed, {"y": [0.5]}, removed_data={"y": [5.0]})
    assert 0 < blocks["value"].item() < np.inf  # what the draws tell
    assert blocks["lower_bound"].item()


def test_data_that_the_shadow_rules_out_it_cannot_have_seen(forecaster):
    shadow, deployed = posterior(forecaster, [1.0, 2.0, 0.5], 3), posterior(forecaster, [1.0, 2.0], 4)
    for impossible in (-1.0, 1e6):
        found = ld.posterior_debt(forecaster, shadow, deployed, {"y": [impossible]})
        assert np.isnan(found.value)
        assert "the new data are impossible at 2000 draws of the shadow" in str(found)
    both = ld.posterior_debt(forecaster, shadow, deployed, {"y": [-1.0]}, {"y": [-2.0]})
    assert np.isnan(both.value)
