"""Simulated worlds: what is said of each is so, and the same seed gives the same rows."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.worlds import kinds, mechanisms, rows
from benchmarks.worlds.kinds import KINDS, simulated
from benchmarks.worlds.mechanisms import MECHANISMS
from benchmarks.worlds.tables import spells
from benchmarks.worlds.truth import MOST_COEFFICIENTS, MOST_ROWS, Size, draw_size, still

import learning_debt as ld

SIZE = Size(120, 3, 5)
MEANS_STAY = (
    "noise_regimes",
    "noise_walk",
    "correlated_errors",
    "heavy_tails",
    "outliers",
    "missing_curvature",
    "lagged_outcome",
)


def truth_of(kind, seed=1):
    return kinds.draw_truth(kind, SIZE, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_finite_rows_of_its_sizes(kind):
    size, data = simulated(kind, 0, 2)
    assert data["x"].shape == (2 * size.periods * size.rows, size.coefficients)
    assert np.isfinite(data["x"].values).all()
    assert np.isfinite(data["y"].values).all()
    assert (np.diff(data["period"].values) >= 0).all()
    assert (data["x"].values[:, 0] == 1).all()


def test_the_seed_fixes_the_rows_and_groups_and_series_differ():
    (size, first), (_, again), (other, _) = simulated("bends", 0, 2), simulated("bends", 0, 2), simulated("bends", 1, 2)
    assert first.identical(again)
    assert size != other
    y = first["y"].values
    assert not np.isclose(y[first["series"].values == 0], y[first["series"].values == 1]).any()
    assert first.isel(obs=first["series"].values == 0).identical(simulated("bends", 0, 1)[1])


def test_sizes_stay_within_their_bounds():
    sizes = np.array([draw_size(np.random.default_rng(seed)) for seed in range(300)])
    assert sizes.min(axis=0).tolist() >= [80, 1, 2]
    assert (sizes.max(axis=0) <= [260, MOST_ROWS, MOST_COEFFICIENTS]).all()


@pytest.mark.parametrize("kind", ["still", *MEANS_STAY])
def test_coefficients_stay_where_only_errors_or_the_model_change(kind):
    assert np.ptp(truth_of(kind).coefficients, axis=0) == pytest.approx(0)


@pytest.mark.parametrize("kind", sorted(set(MECHANISMS) - set(MEANS_STAY)))
def test_coefficients_drift_in_the_other_kinds(kind):
    assert max(np.ptp(truth_of(kind, seed).coefficients) for seed in range(5)) > 0


def test_ageing_moves_every_period_alike():
    steps = np.diff(truth_of("ageing").coefficients, axis=0)
    assert steps == pytest.approx(np.tile(steps[0], (len(steps), 1)))
    assert 1 <= np.linalg.norm(steps.sum(axis=0)) <= 8


def test_bends_go_as_far_as_was_drawn():
    for seed in range(20):
        path = truth_of("bends", seed).coefficients
        assert 0.3 <= np.linalg.norm(path - path[0], axis=1).max() <= 5 + 1e-9


def test_a_walk_covers_what_it_should_on_average():
    covered = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        before = still(SIZE, rng)
        after = mechanisms.walk(before, rng, covered=(1.0, 1.0 + 1e-12))
        covered.append(np.sum((after.coefficients - before.coefficients)[-1] ** 2))
    error = np.std(covered) / np.sqrt(len(covered))
    assert np.mean(covered) == pytest.approx(1, abs=4 * error)


def test_a_direction_has_length_one():
    truth = truth_of("still")
    lengths = [np.linalg.norm(mechanisms.directed(truth, np.random.default_rng(seed))) for seed in range(50)]
    assert lengths == pytest.approx(np.ones(50))


def test_a_wandering_covariate_has_variance_one_and_the_memory_it_should():
    path = rows.wandering(40_000, 0.8, np.random.default_rng(1))
    assert path.var() == pytest.approx(1, abs=4 * np.sqrt(2 / 40_000 * (1 + 0.64) / (1 - 0.64)))
    assert np.corrcoef(path[1:], path[:-1])[0, 1] == pytest.approx(0.8, abs=4 * np.sqrt((1 - 0.64) / 40_000))


def test_errors_are_as_large_and_as_alike_as_said():
    size = Size(20_000, 2, 2)
    truth = replace(still(size, np.random.default_rng(1)), shared_error=0.5, noise=np.full(size.periods, 2.0))
    drawn = rows.errors(truth, size, np.random.default_rng(2))
    assert drawn.var() == pytest.approx(4, abs=4 * 4 * np.sqrt(2 / size.periods))
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.5, abs=4 * 0.75 / np.sqrt(size.periods))


def test_the_lag_is_the_mean_outcome_of_the_period_before():
    size, data = simulated("lagged_outcome", 0, 1)
    means = data["y"].values.reshape(size.periods, size.rows).mean(axis=1)
    lag = data["x"].values.reshape(size.periods, size.rows, -1)[:, :, -1]
    assert lag[1:] == pytest.approx(np.repeat(means[:-1, None], size.rows, axis=1))


def late_regret(kind, group):
    """Mean regret of the first posterior over the last half, series by series."""
    table = ld.check_spells(spells(simulated(kind, group, 3)[1], ld.UpdateRule(), "weak"))
    periods = table.sizes["period"]
    return table["regret"].values[:, 0, periods // 2 :].mean(axis=1)


def test_a_table_of_a_world_is_whole():
    size, data = simulated("mixture_1", 0, 2)
    table = ld.check_spells(spells(data, ld.UpdateRule(discount=0.98), "firm"))
    periods = size.periods - size.periods // 5
    assert table["regret"].shape == (2, periods, periods)
    assert np.isfinite(table["regret"].values[:, *np.triu_indices(periods)]).all()


def test_a_model_that_is_never_retrained_loses_more_in_a_world_that_ages():
    still_ones, ageing_ones = (
        np.ravel([late_regret(kind, group) for group in range(4)]) for kind in ("still", "ageing")
    )
    assert np.median(ageing_ones) > 10 * np.median(np.abs(still_ones))
