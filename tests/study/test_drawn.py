"""Signals of the study from draws: cells against exact values, and walks against replays of the same cells."""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.arrays.conjugate import nig
from learning_debt.pricing.walks import walk_policy
from learning_debt.spells import check_spells
from learning_debt_study.drawn_signals import DrawnCells, DrawnSignals, walk_drawn
from learning_debt_study.path_posteriors import DrawnPosterior, exact_draws, exact_predictive_debt, study_posteriors
from learning_debt_study.scenarios import SMOKE, cell_seeds, draw_paths
from learning_debt_study.simulated_spells import PRIOR, study_table

NAMES = ("debt", "predictive_debt", "score_gap", "deployed_score")


@pytest.fixture(scope="module")
def paths():
    return draw_paths("abrupt_coef", 0.1, cell_seeds("tuning", "abrupt_coef", 0.1, SMOKE), design=SMOKE)


@pytest.fixture(scope="module")
def cells(paths):
    return DrawnCells(paths, exact_draws(paths, 1000, random_seed=3), random_seed=3)


@pytest.fixture(scope="module")
def exact(paths):
    """The study's table, with predictive debt of the Student-t predictives themselves."""
    table = study_table(paths)
    return table.assign(predictive_debt=(table["debt"].dims, exact_predictive_debt(paths)))


def test_posteriors_are_those_behind_the_exact_table(paths, exact):
    posteriors = study_posteriors(paths)
    for s, t in ((0, 1), (10, 50)):
        shadow, deployed = (nig.NIG(*(values[:, k] for values in posteriors)) for k in (t, s))
        np.testing.assert_allclose(nig.kl(shadow, deployed), exact["debt"].values[:, s, t - 1], rtol=1e-9)


def test_cells_lie_within_four_standard_errors_of_the_exact_values(cells, exact):
    """Spells of all ages, debts with and without overlap of the draws; the few estimates that call themselves
    unreliable, where few draws reach an outcome, are left out."""
    beyond = {name: [] for name in NAMES}
    asked = 0
    for path in range(2):
        for s in range(0, SMOKE.periods, 12):
            for t in range(s + 1, SMOKE.periods + 1, 6):
                for name in NAMES:
                    found = cells.estimate(name, path, s, t)
                    asked += 1
                    if found.reliable:
                        miss = found.value - exact[name].values[path, s, t - 1]
                        beyond[name].append(miss / found.standard_error)
    worst = {name: np.abs(z).max() for name, z in beyond.items()}
    assert max(worst.values()) < 4, worst
    assert sum(map(len, beyond.values())) > 0.9 * asked


def test_cells_are_what_users_get_from_the_same_draws(paths):
    forecaster, posteriors = ld.ConjugateRegression(ld.NIG(*PRIOR)), study_posteriors(paths)
    path, s, t = 1, 40, 45
    trees = {
        k: forecaster.sample(nig.NIG(*(values[path, k] for values in posteriors)), draws=250, random_seed=k)
        for k in (s, t)
    }

    def draws(_, period):
        drawn = trees[period]["posterior"]
        return DrawnPosterior(drawn["coefficients"].values[..., 0], drawn["variance"].values)

    cells = DrawnCells(paths, draws)
    rows = {"x": paths.monitor_x[path, t - 1], "y": paths.monitor_y[path, t - 1]}
    new = {"x": paths.update_x[path, s:t].ravel(), "y": paths.update_y[path, s:t].ravel()}
    expected = {
        "debt": ld.posterior_debt(forecaster, trees[t], trees[s], new),
        "score_gap": ld.score_gap(forecaster, trees[t], trees[s], rows),
        "predictive_debt": ld.predictive_debt(forecaster, trees[t], trees[s], rows, random_seed=5),
    }
    for name, estimate in expected.items():
        found = cells.estimate(name, path, s, t)
        # Another seed places the quadrature's points elsewhere.
        tolerance = 1e-4 if name == "predictive_debt" else 1e-9
        assert found.value == pytest.approx(estimate.value, rel=tolerance), name
        assert found.standard_error == pytest.approx(estimate.standard_error, rel=tolerance), name


def test_a_cell_is_worked_out_once_and_does_not_depend_on_the_order_asked_in(paths, cells):
    again = DrawnCells(paths, exact_draws(paths, 1000, random_seed=3), random_seed=3)
    places = [(0, 5, 30), (1, 0, 12), (0, 5, 31)]
    for name in NAMES:
        for place in reversed(places):
            again.estimate(name, *place)
        for place in places:
            assert cells.estimate(name, *place) is cells.estimate(name, *place)
            assert again.estimate(name, *place).value == cells.estimate(name, *place).value
    other = DrawnCells(paths, exact_draws(paths, 1000, random_seed=4), random_seed=4)
    assert other.estimate("debt", 0, 5, 30).value != cells.estimate("debt", 0, 5, 30).value


def test_lanes_share_cells_and_see_only_what_they_ask_for(paths):
    drawn, asked = exact_draws(paths, 100), []

    def counting(path, period):
        asked.append((path, period))
        return drawn(path, period)

    few = DrawnCells(paths, counting)
    signals = DrawnSignals(few, ("score_gap",), 0.5, [0, 1, 0, 0])(9, np.array([4, 4, 4, 2]))
    assert sorted(asked) == [(0, 2), (0, 4), (0, 9), (1, 4), (1, 9)]
    assert signals.score_gap[0] == signals.score_gap[2] != signals.score_gap[3]
    assert signals.spell_age.tolist() == [5, 5, 5, 7]
    assert np.isnan(signals.debt).all()
    assert (signals.cost == 0.5).all()


def test_a_signal_that_draws_do_not_offer_is_named(cells):
    with pytest.raises(KeyError, match="residual_exceedance"):
        cells.estimate("residual_exceedance", 0, 1, 2)


def test_tail_shape_grows_with_the_distance_of_the_posteriors(cells):
    near, far = (cells.estimate("deployed_pareto_k", 0, s, 50).value for s in (49, 0))
    assert near < 0.5 < far


def test_draws_come_in_whole_chains(paths):
    with pytest.raises(ValueError, match="draws must be a positive multiple of 4"):
        exact_draws(paths, 10)


def test_a_walk_is_the_replay_of_a_table_of_the_same_cells(paths, cells, exact):
    policies = [ld.policies.CUSUM(0.3), ld.policies.PredictiveDebtThreshold(20.0), ld.policies.Never()]
    costs = [0.1, 0.4, 0.4]
    schedules = walk_drawn(cells, policies, costs)
    assert schedules.shape == (3, 2, SMOKE.periods)
    table = exact.copy(deep=True)
    names = ("score_gap", "predictive_debt")
    for path, s, t in sorted(cells_of(schedules[:2])):
        for name in names:
            table[name].values[path, s, t - 1] = cells.estimate(name, path, s, t).value
    for policy, cost, schedule in zip(policies, costs, schedules, strict=True):
        replayed = walk_policy(check_spells(table, policy.requires), policy, np.full(2, cost))
        np.testing.assert_array_equal(schedule, replayed)
    assert schedules[0].any()
    assert schedules[1].any()


def cells_of(schedules):
    """Cells (path, s, t) that walks visit."""
    visited = set()
    for schedule in schedules:
        for path, row in enumerate(schedule):
            deployed = 0
            for t, retrained in enumerate(row, start=1):
                visited.add((path, deployed, t))
                deployed = t if retrained else deployed
    return visited
