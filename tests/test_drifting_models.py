"""The benchmark of models without a conjugate prior: what is simulated is what is said, and its bills are bills."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from drifting_models import models, tables, worlds
from drifting_models.comparison import bills, summary, walk_grid
from drifting_models.policies import calibrate, costs_of, grids

import learning_debt as ld
from learning_debt.policies import PredictiveDebtThreshold
from learning_debt.policies.rivals import RIVER_SETTINGS

pytestmark = pytest.mark.slow

every_world = pytest.mark.parametrize("world", worlds.WORLDS, ids=lambda world: world.name)
PATHS = 400


def truths(world, shift):
    rng = np.random.default_rng(5)
    return [worlds.draw_truth(world, shift, rng) for _ in range(PATHS)]


def moves(world, shift):
    """Changes of coefficients from period to period, shape (paths, T, coefficients)."""
    return np.diff([truth.coefficients for truth in truths(world, shift)], axis=1)


@every_world
def test_nothing_moves_before_the_burn_in_ends_nor_where_nothing_shifts(world):
    assert all(np.ptp(truth.coefficients, axis=0).max() == 0 == np.ptp(truth.spread) for truth in truths(world, "none"))
    for shift in world.shifts[1:]:
        first = [worlds.Truth(*(part[: world.burn_in + 1] for part in truth)) for truth in truths(world, shift)]
        assert all((one.coefficients == world.coefficients).all() for one in first)
        assert all((one.spread == world.spread).all() for one in first)


@every_world
def test_shifts_come_as_often_and_are_as_large_as_stated(world):
    once = moves(world, "abrupt")
    moved = (once != 0).any(axis=2)
    assert moved.sum(axis=1).max() == 1
    share, probability = moved[:, world.burn_in].mean(), world.probability
    assert abs(share - probability) < 4 * np.sqrt(probability * (1 - probability) / PATHS)
    for found, size in ((once[moved], world.jump), (moves(world, "gradual"), world.step)):
        steps = found[found != 0] / size
        assert abs((steps**2).mean() - 1) < 4 * np.sqrt(2 / steps.size)  # variance of a squared normal is 2
        assert abs(steps.mean()) < 4 / np.sqrt(steps.size)


@pytest.mark.parametrize("world", [worlds.COUNTS, worlds.TAILS], ids=lambda world: world.name)
def test_noise_grows_by_three_to_six_in_variance_and_nothing_else_moves(world):
    assert not moves(world, "noise").any()
    last = np.array([truth.spread[-1] for truth in truths(world, "noise")]) / world.spread
    times = 1 / last if world.name == "counts" else last**2
    shifted = times[times != 1]
    assert shifted.min() > 3
    assert shifted.max() < 6
    assert abs(shifted.mean() - 4.5) < 4 * np.sqrt(9 / 12 / shifted.size)


def test_outcomes_have_the_stated_distributions():
    rng, rows = np.random.default_rng(6), 40_000
    x, beta = np.tile([1.0, 0.5, -1.0], (rows, 1)), np.array([0.3, 0.4, 0.2])
    predictor, uniform = 0.3, rng.random(rows)
    counts = worlds.outcome(worlds.COUNTS, x, beta, 2.0, uniform)
    mean = np.exp(predictor)
    variance = mean + mean**2 / 2.0
    assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / rows)
    tails = worlds.outcome(worlds.TAILS, x, beta, 1.5, uniform)
    assert stats.kstest((tails - predictor) / 1.5, "t", (worlds.DEGREES,)).pvalue > 1e-4
    choices = worlds.outcome(worlds.CHOICES, x, beta, 1.0, uniform)
    share = special.expit(predictor)
    assert abs(choices.mean() - share) < 4 * np.sqrt(share * (1 - share) / rows)


@every_world
def test_the_density_written_out_is_the_models_own(world):
    small = replace(world, periods=1, warm_rows=7)
    rows = worlds.simulate(small, "none", np.random.default_rng(7)).history
    model = models.MODELS[world.name](rows)
    draw = {"beta": [0.3, -0.2, 0.7], "dispersion": 1.7, "scale": 0.8, "degrees": 3.3}
    names = [variable.name for variable in model.free_RVs]
    written = models.LOG_DENSITY[world.name](
        {name: np.array([draw[name]]) for name in names}, rows["x"].values, rows["y"].values
    )
    point = {
        model.rvs_to_values[variable].name: np.asarray(draw[variable.name])
        if variable.name == "beta"
        else np.log(draw[variable.name])
        for variable in model.free_RVs
    }
    own = model.compile_logp(vars=model.observed_RVs, mode="FAST_COMPILE")(point)
    assert written.sum() == pytest.approx(float(own), rel=1e-10)


def test_a_choice_is_yes_or_no():
    draws = {"beta": np.zeros((1, 3))}
    assert models.choices_density(draws, np.ones((3, 3)), np.array([0, 1, 2]))[0].tolist() == pytest.approx(
        [np.log(0.5), np.log(0.5), -np.inf]
    )


@pytest.fixture(scope="module")
def tiny():
    world = replace(worlds.TAILS, periods=8, burn_in=1, probability=0.5)
    forecaster = models.forecaster("tails", draws=100, tune=150)
    cases = [tables.Case(world, shift, number) for number in range(2) for shift in ("none", "abrupt")]
    found = [
        tables.series_table(forecaster, world, case.shift, np.random.default_rng([8, *case[2:]])) for case in cases
    ]
    return tables.together(found, cases)


@pytest.mark.parametrize("accounting", ["signed", "positive"])
def test_the_oracle_is_a_lower_bound_for_every_policy(tiny, accounting):
    held_out, costs = tiny["number"].values == 1, costs_of(tiny)
    tuning = tiny.isel(series=~held_out)
    slow = {*RIVER_SETTINGS, "changepoint"} - {"DDM"}
    rows = {name: grid for name, grid in grids(tuning, calibrate(tuning)).items() if name.split(",")[0] not in slow}
    walked = {name: walk_grid(tiny, grid, costs.ravel()) for name, grid in rows.items()}
    found = bills(tiny, walked, costs, held_out, accounting)
    objective = found["objective"]
    assert (objective >= objective.sel(policy="oracle") - 1e-12).all()
    assert (found["retrains"].sel(policy="always") == tiny.sizes["period"] - 1).all()
    assert summary([found], "tails").set_index("policy").loc["tuned CUSUM", "ratio"] == pytest.approx(1.0)


def test_a_bill_is_that_of_the_library(tiny):
    held_out, costs = tiny["number"].values == 1, costs_of(tiny)
    grid = [PredictiveDebtThreshold(multiplier) for multiplier in (1.0, 8.0, 64.0)]
    found = bills(tiny, {"tuned CUSUM": walk_grid(tiny, grid, costs.ravel())}, costs, held_out, "signed")
    tuning, test = (tiny.isel(series=np.flatnonzero(which)) for which in (~held_out, held_out))
    for place, cost in np.ndenumerate(costs):
        replayed = ld.replay(test, ld.tune(tuning, grid, float(cost), starts=1).policy, float(cost))
        own = found.isel(policy=0, unit=place[0], ratio=place[1])
        np.testing.assert_allclose(own["objective"].values, replayed.objective.values, rtol=1e-12)
        assert (own["retrains"].values == replayed.retrains.values).all()


def test_regret_is_that_of_rows_drawn_from_the_truth(tiny):
    table = tiny
    upper = np.triu(np.ones((table.sizes["period"],) * 2, dtype=bool))
    assert (np.isfinite(table["regret"].values) == upper).all()
    assert table["regret_se"].values[:, upper].max() < 0.2
    assert not np.allclose(table["regret"].values[:, upper], table["score_gap"].values[:, upper])
    # Right after the deployment the gap on the period's own rows is 0 by definition; regret knows what they taught.
    assert (np.diagonal(table["score_gap"].values, axis1=1, axis2=2) == 0).all()
    assert (np.diagonal(table["regret"].values, axis1=1, axis2=2) != 0).all()
