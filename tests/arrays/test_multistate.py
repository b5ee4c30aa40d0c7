"""Multistate reweighting against closed forms of normals, and the coverage of its errors."""

import numpy as np
import pytest

from learning_debt.arrays.bridging import multistate
from learning_debt.arrays.bridging.log_normalisers import (
    NotConnectedError,
    _nearest,
    _two_state_ratios,
    log_normalisers,
    responsibilities,
)
from learning_debt.arrays.bridging.pooled_debts import debts, part_constants

MEANS = np.linspace(0.0, 3.0, 7)
ANCHORS = (0, 3, 6)


def normal_pool(seed, draws=500, chains=4, autoregression=0.0):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(len(ANCHORS), chains, draws))
    if autoregression:
        for t in range(1, draws):
            noise[..., t] = autoregression * noise[..., t - 1] + np.sqrt(1 - autoregression**2) * noise[..., t]
    theta = (noise + MEANS[list(ANCHORS)][:, None, None]).ravel()
    at_states = MEANS[:, None] * theta - MEANS[:, None] ** 2 / 2
    worth = draws * chains * (1 - autoregression) / (1 + autoregression)
    shapes = [(chains, draws)] * len(ANCHORS)
    return multistate.pooled(at_states, ANCHORS, shapes, [worth] * len(ANCHORS)), theta


def test_normalisers_are_found_whatever_the_densities_are_scaled_by():
    theta = np.random.default_rng(1).normal(size=(3, 400)) + np.array([0.0, 2.5, 5.0])[:, None]
    at = np.array([0.0, 2.5, 5.0])[:, None] * theta.ravel() + np.array([[300.0], [0.0], [-900.0]])
    counts = np.full(3, 400)
    f = log_normalisers(at, counts)
    np.testing.assert_allclose(responsibilities(at, counts, f).sum(axis=1), counts, rtol=1e-8)


@pytest.mark.parametrize("depth", [1e37, 1e300])
def test_a_draw_of_hardly_any_density_elsewhere_changes_nothing(depth):
    theta = np.random.default_rng(1).normal(size=(2, 400)) + np.array([0.0, 2.0])[:, None]
    at = np.array([0.0, 2.0])[:, None] * theta.ravel()
    counts = np.full(2, 400)
    found = []
    for lowest in (-depth, -1e4):
        at[1, 0] = lowest
        found.append(log_normalisers(at, counts)[1])
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_anchors_that_rule_out_each_other_are_refused():
    at = np.array([[0.0, 0.0, -np.inf, -np.inf], [-np.inf, -np.inf, 0.0, 0.0]])
    with pytest.raises(NotConnectedError, match="rule out all draws of each other"):
        log_normalisers(at, np.array([2, 2]))


def test_draws_that_a_state_rules_out_weigh_nothing_there_and_make_its_debt_infinite():
    theta = np.random.default_rng(2).exponential(size=4000)
    at_states = np.stack([np.zeros(4000), np.where(theta < 1, 0.0, -np.inf)])
    pool = multistate.pooled(at_states, (0,), [(4, 1000)], [4000.0])
    assert pool.weight[1][theta >= 1].sum() == 0
    value, error = debts(pool, 1, [0])
    assert abs(value[0] + np.log(1 - np.exp(-1))) < 4 * error[0]
    assert np.isposinf(debts(pool, 0, [1])[0][0])


def test_states_far_apart_lie_on_islands_of_their_own_with_errors_as_if_each_were_alone():
    rng, means = np.random.default_rng(4), np.array([0.0, 1.0, 2.0, 60.0, 61.0])
    theta = (rng.normal(size=(4, 4000)) + np.array([0.0, 2.0, 60.0, 61.0])[:, None]).ravel()
    at_states = means[:, None] * theta - means[:, None] ** 2 / 2
    pool = multistate.pooled(at_states, (0, 2, 3, 4), [(4, 1000)] * 4, [4000.0] * 4)
    assert pool.islands.tolist() == [0, 0, 1, 1]
    assert pool.island.tolist() == [0, 0, 0, 1, 1]
    value, error = debts(pool, 4, range(4))
    assert np.isnan(value[:3]).all()
    first = multistate.pooled(at_states[:3, :8000], (0, 2), [(4, 1000)] * 2, [4000.0] * 2)
    for found, alone in zip(debts(pool, 2, [0, 1]), debts(first, 2, [0, 1]), strict=True):
        np.testing.assert_allclose(found, alone, rtol=1e-6)
    constants = part_constants(pool, pool.islands, [0, 2], np.zeros(2), np.zeros(2))  # all constants of normals are one
    tied, error = debts(pool, 4, range(4), constants)
    exact = (61 - means[:4]) ** 2 / 2
    assert (np.abs(tied - exact) < 4 * error).all()
    spread = 61 - means[:4]  # of the log ratio under the target, of 4,000 draws
    assert (error[:3] < 2 * spread[:3] / np.sqrt(4000)).all()


def test_a_bad_normaliser_would_show_in_the_sum_of_weights():
    pool, _ = normal_pool(5)
    np.testing.assert_allclose(pool.weight.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(pool.shares.sum(axis=0), 1.0, rtol=1e-12)
    assert (pool.effective_draws > 1000).all()


@pytest.mark.slow
@pytest.mark.parametrize("autoregression", [0.0, 0.8])
def test_errors_of_debts_means_and_normalisers_cover(autoregression):
    replications, hits = 300, np.zeros(3)
    for seed in range(replications):
        pool, theta = normal_pool(seed, autoregression=autoregression)
        value, error = debts(pool, 5, [1])
        hits[0] += abs(value[0] - (MEANS[5] - MEANS[1]) ** 2 / 2) <= 1.645 * error[0]
        mean = pool.weight[4] @ theta
        spread = pool.blocks.variance(pool.influence_sums(pool.weight[4] * (theta - mean)))
        hits[1] += abs(mean - MEANS[4]) <= 1.645 * np.sqrt(spread)
        of_normaliser = pool.influence_sums(pool.weight[6] - pool.weight[0])
        off = pool.log_normaliser[6] - pool.log_normaliser[0]
        hits[2] += abs(off) <= 1.645 * np.sqrt(pool.blocks.variance(of_normaliser))
    # Three binomial errors of 300 replications are .052; blocks of sticky chains know a few per cent less.
    assert (hits / replications > 0.84).all(), hits / replications
    assert (hits / replications < 0.96).all(), hits / replications


def test_anchors_in_no_order_are_tied_to_the_nearest_ones():
    rng = np.random.default_rng(5)
    means = np.array([0.0, 6.0, 1.0, 5.0, 3.0, 2.0, 4.0])
    theta = np.concatenate([rng.normal(mean, 1, 1000) for mean in means])
    at_anchors = means[:, None] * theta - means[:, None] ** 2 / 2
    pairs = _nearest(at_anchors, np.full(7, 1000.0))
    assert sorted(pairs) == [(0, 2), (2, 5), (3, 1), (4, 6), (5, 4), (6, 3)]
    np.testing.assert_allclose(_two_state_ratios(at_anchors, np.full(7, 1000.0), pairs), 0.0, atol=0.25)  # 4 sigma


def test_anchors_that_a_far_neighbour_would_mislead_are_found_from_near_ones(monkeypatch):
    rng = np.random.default_rng(6)
    means = np.array([0.0, 40.0, 2.0, 38.0])
    theta = np.concatenate([rng.normal(mean, 1, 500) for mean in means])
    at_anchors = means[:, None] * theta - means[:, None] ** 2 / 2
    counts = np.full(4, 500.0)
    known = log_normalisers.__globals__["_settled"]
    calls = []

    def first_fails(*given):
        calls.append(1)
        return None if len(calls) == 1 else known(*given)

    monkeypatch.setitem(log_normalisers.__globals__, "_settled", first_fails)
    found = log_normalisers(at_anchors, counts)
    assert len(calls) == 2
    assert abs(found[2] - found[0]) < 0.5
    assert abs(found[3] - found[1]) < 0.5
