"""Weighted rows, whatever their outcome: whole weights are repeated rows, and the model sampled is the one scored."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy.stats import norm

from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import row_weight
from learning_debt.forecasters.pymc.compiled.density import split_points
from learning_debt.forecasters.pymc.forecaster import PyMCForecaster
from learning_debt.forecasters.pymc.model.graph import compile_python
from learning_debt.forecasters.pymc.sampling.weighted_model import weighted_model

from .case import CHEAP, FACTORS, along_rows
from .growing import CASES as GROWING
from .outcomes import CASES as OUTCOMES
from .series import CASES as SERIES
from .structures import CASES as STRUCTURES

TRIED = (
    "censored",
    "binomial",
    "several outputs",
    "two outcomes",
    "wide panel",
    "zero-sum effects",
    "lift test",
)
NAMED = {case.name: case for case in (*OUTCOMES, *STRUCTURES, *SERIES, *GROWING)}
TIMES = np.array([2, 0, 3, 1, 1])


def density_that_is_sampled(graph, weight, points):
    """Log density of the model handed to the sampler, on the data it was built with."""
    weighted = weighted_model(graph)
    weighted.weight.set_value(weight.astype(float))
    free, values = weighted.model.free_RVs, split_points(graph, points)
    function = compile_python([weighted.model.rvs_to_values[rv] for rv in free], weighted.model.logp())
    return [float(function(*(values[rv.name][k] for rv in free))) for k in range(len(points))]


@pytest.mark.parametrize("name", TRIED)
def test_whole_weights_are_repeated_rows(name):
    case = NAMED[name]
    forecaster = case.forecaster()
    kept = TIMES[TIMES > 0]
    once = forecaster.attach(case.posterior(), case.past, TIMES)
    assert once["training_data"].to_dataset().equals(case.past.isel({case.dim: TIMES > 0}))
    np.testing.assert_array_equal(row_weight(once), kept)
    points = forecaster.unconstrained_draws(once).reshape(len(FACTORS), -1)
    joint = forecaster.log_joint(once, points)
    sampled = density_that_is_sampled(forecaster._registry.of(once).graph, kept, points)
    np.testing.assert_allclose(sampled, joint, rtol=1e-9, atol=case.tolerance)
    repeated = case.past.isel({case.dim: np.repeat(np.arange(case.trained), TIMES)})
    twice = forecaster.attach(case.posterior(), repeated)
    assert row_weight(twice) is None
    np.testing.assert_allclose(joint, forecaster.log_joint(twice, points), rtol=1e-9, atol=case.tolerance)


@pytest.mark.parametrize("name", ["lagged outcome", "observed AR"])
def test_rows_with_a_past_take_windows_only(name):
    case = NAMED[name]
    forecaster = case.forecaster()
    window = np.array([0, 0, 1, 1, 1])
    held = forecaster.attach(case.posterior(), case.past, window)
    assert held["training_data"].sizes[case.dim] == 3
    assert row_weight(held) is None
    for weight in (np.full(5, 0.5), np.array([1, 0, 1, 1, 1])):
        with pytest.raises(UnsupportedModelError, match="depend on the rows before them"):
            forecaster.attach(case.posterior(), case.past, weight)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("local level", "depend on the rows before them"), ("overdispersed rows", "a latent variable of its own")],
)
def test_states_and_latents_of_rows_take_no_discount(name, reason):
    case = NAMED[name]
    forecaster = case.forecaster()
    with pytest.raises(UnsupportedModelError, match=reason):
        forecaster.attach(case.posterior(), case.past, 0.9 ** np.arange(case.trained))


def test_unseen_groups_and_discounts_go_together():
    case = NAMED["new stores"]
    forecaster = case.forecaster()
    held = forecaster.attach(case.posterior(), case.past, 0.9 ** np.arange(case.trained))
    assert forecaster.log_density(held, case.batch, random_seed=1).sizes["sample"] == len(FACTORS)


def trend(data):
    with pm.Model() as model:
        y = pm.Data("y", data["y"].values, dims="obs")
        mean = pm.Normal("level", 0, 5) + pm.Normal("slope", 0, 1) * pt.arange(y.shape[0])
        pm.Normal("outcome", mean, 1, observed=y, dims="obs")
    return model


def test_a_trend_by_position_counts_from_the_first_row_of_the_window():
    """Given all rows as past, positions would be those of another model: off by the slope times the rows left out."""
    data = along_rows(y=0.5 * np.arange(12) + np.sin(np.arange(12)))
    data["y"][0] = data["y"][3]  # one row that is alike does not make it the beginning
    draws = {name: (("chain", "draw"), [[value, 0.9 * value]]) for name, value in (("level", 1.5), ("slope", 0.5))}
    forecaster = PyMCForecaster(trend, compile_kwargs=CHEAP)
    window = (np.arange(12) >= 3) & (np.arange(12) < 9)
    held = forecaster.attach(xr.DataTree.from_dict({"posterior": xr.Dataset(draws)}), data, window)
    batch = data.isel(obs=slice(9, None))
    scored = forecaster.log_density(held, batch, data.isel(obs=slice(9)))["outcome"].values
    mean = 1.5 + 0.5 * np.arange(6, 9)
    np.testing.assert_allclose(scored[0], norm.logpdf(batch["y"].values, mean, 1), rtol=1e-9)
    np.testing.assert_array_equal(forecaster.log_density(held, batch, data.isel(obs=slice(3, 9)))["outcome"], scored)
    inside = forecaster.log_density(held, data.isel(obs=slice(7, 9)), data.isel(obs=slice(7)))["outcome"].values
    np.testing.assert_allclose(inside[0], norm.logpdf(data["y"].values[7:9], 1.5 + 0.5 * np.arange(4, 6), 1), rtol=1e-9)
