"""Weighted rows, whatever their outcome: whole weights are repeated rows, and the model sampled is the one scored."""

from __future__ import annotations

import numpy as np
import pytest

from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.base import row_weight
from learning_debt.posteriors.pymc.density import split_points
from learning_debt.posteriors.pymc.graph import compile_python
from learning_debt.posteriors.pymc.weighted import weighted_model

from .case import FACTORS
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
