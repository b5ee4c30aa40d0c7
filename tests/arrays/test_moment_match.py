"""Importance weights and affine moves against closed forms."""

import numpy as np
import pytest

from learning_debt.arrays.draws.moment_match import (
    Match,
    importance,
    moment_match,
    shift,
    shift_and_covariance,
    shift_and_scale,
)

SHAPE = (4, 500, 3)


@pytest.fixture
def points():
    generator = np.random.default_rng(1)
    return generator.normal(size=SHAPE) @ generator.normal(size=(3, 3)) + [1.0, -2.0, 0.5]


@pytest.fixture
def weight(points):
    return np.exp(0.3 * points[..., 0] - 0.1 * points[..., 1] ** 2)


def moments(points, weight):
    flat, share = points.reshape(-1, points.shape[-1]), weight.ravel() / weight.sum()
    mean = share @ flat
    return mean, (flat - mean).T @ ((flat - mean) * share[:, None])


def log_normal_density(points, mean, covariance):
    away = points - mean
    return -0.5 * (np.einsum("...i,ij,...j->...", away, np.linalg.inv(covariance), away))


@pytest.mark.parametrize("move", [shift, shift_and_scale, shift_and_covariance])
def test_moves_take_the_weighted_moments_and_know_their_determinant(move, points, weight):
    moved = move(points, weight)
    mean, covariance = moments(points, weight)
    new_mean, new_covariance = moments(moved.points, np.ones(SHAPE[:2]))
    np.testing.assert_allclose(new_mean, mean, atol=1e-12)
    if move is shift_and_scale:
        np.testing.assert_allclose(np.diag(new_covariance), np.diag(covariance))
    if move is shift_and_covariance:
        np.testing.assert_allclose(new_covariance, covariance, atol=1e-12)
    before, after = points.reshape(-1, 3), moved.points.reshape(-1, 3)
    linear = np.linalg.lstsq(before - before.mean(axis=0), after - after.mean(axis=0), rcond=None)[0]
    np.testing.assert_allclose(moved.log_determinant, np.linalg.slogdet(linear)[1], atol=1e-10)


def test_a_parameter_that_does_not_move_is_left_alone(points, weight):
    still = np.concatenate([points, np.full((*SHAPE[:2], 1), 3.0)], axis=-1)
    moved = shift_and_scale(still, weight)
    assert (moved.points[..., -1] == 3.0).all()
    assert np.isfinite(moved.log_determinant)
    with pytest.raises(np.linalg.LinAlgError):
        shift_and_covariance(still, weight)


def test_moved_from_one_normal_to_another_all_draws_weigh_the_same():
    generator = np.random.default_rng(2)
    flat = generator.normal(size=(2000, 3))
    flat = (flat - flat.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(flat.T, bias=True))).T
    points = flat.reshape(SHAPE)  # sample moments are those of the standard normal they count as draws of
    log_proposal = log_normal_density(points, np.zeros(3), np.eye(3))
    log_ratio = 0.6 * points[..., 0] - 0.2 * points[..., 1] * points[..., 2]
    weights = importance(log_ratio)
    target = moments(points, np.exp(weights.log_weight))
    match = moment_match(
        Match(points, log_proposal, log_ratio, weights, 0),
        lambda at: log_normal_density(at, *target),
        lambda tried: tried.effective_size > 0.99 * tried.log_weight.size,
    )
    assert match.passes == 1
    assert np.ptp(match.log_ratio) < 1e-9
    assert match.importance.pareto_k == 0


def test_draws_far_from_their_target_come_near_it_step_by_step():
    points = np.random.default_rng(3).normal(size=SHAPE)
    target = np.full(3, 4.0), np.diag([0.5, 1.0, 2.0])  # 7 standard deviations away: no weight would do
    log_proposal = log_normal_density(points, np.zeros(3), np.eye(3))
    log_ratio = log_normal_density(points, *target) - log_proposal
    start = Match(points, log_proposal, log_ratio, importance(log_ratio), 0)
    match = moment_match(
        start, lambda at: log_normal_density(at, *target), lambda w: w.pareto_k < 0.5 and w.effective_size > 1000
    )
    assert start.importance.effective_size < 10
    assert match.importance.effective_size > 1000
    mean, covariance = moments(match.points, np.exp(match.importance.log_weight))
    error = np.sqrt(np.diag(target[1]) / match.importance.effective_size)
    assert (np.abs(mean - 4.0) < 4 * error).all()
    relative = np.abs(np.diag(covariance) / np.diag(target[1]) - 1)
    assert (relative < 4 * np.sqrt(2 / match.importance.effective_size)).all()


def test_no_more_passes_are_spent_than_allowed_and_what_helps_is_kept(points):
    log_ratio = 3 * points[..., 0]
    start = Match(points, np.zeros(SHAPE[:2]), log_ratio, importance(log_ratio), 0)
    calls = []

    def density(at):
        calls.append(at)
        return 3 * at[..., 0]

    match = moment_match(start, density, lambda _: False, maximum_passes=4)
    assert match.passes == len(calls) <= 4
    assert match.importance.pareto_k <= start.importance.pareto_k


def test_a_move_to_where_nothing_is_possible_is_refused(points):
    log_ratio = points[..., 0] * 2
    start = Match(points, np.zeros(SHAPE[:2]), log_ratio, importance(log_ratio), 0)
    match = moment_match(start, lambda at: np.full(at.shape[:2], np.nan), lambda _: False)
    assert match.points is points
    assert match.importance is start.importance


def test_effective_size_of_lognormal_weights():
    draws = np.random.default_rng(4).normal(size=(60, 4, 1000))
    for scale in (0.3, 0.6):
        shares = np.array([importance(scale * one).effective_size / 4000 for one in draws])
        own = np.array([importance(scale * one, efficiency=0.25).effective_size / 4000 for one in draws])
        error = shares.std(ddof=1) / np.sqrt(60)
        # The chains' own efficiency is estimated at .99 or so for independent draws, never above 1.
        assert abs(shares.mean() - np.exp(-(scale**2))) < 4 * error + 0.03
        np.testing.assert_allclose(own.mean(), np.exp(-(scale**2)) / 4, rtol=0.03)


def test_a_draw_without_density_weighs_nothing():
    log_ratio = np.random.default_rng(5).normal(size=(4, 500)) / 2
    log_ratio[0, :50] = -np.inf
    weights = importance(log_ratio)
    assert np.isneginf(weights.log_weight[0, :50]).all()
    assert np.isfinite(weights.log_weight[0, 50:]).all()
    assert weights.pareto_k < 0.7


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_undefined_ratios_are_never_fit_to_be_served(value):
    log_ratio = np.zeros((4, 500))
    log_ratio[1, 2] = value
    assert importance(log_ratio).pareto_k == np.inf
    assert importance(np.full((4, 500), -np.inf)).effective_size == 0


def test_equal_weights_and_few_draws():
    assert importance(np.full((4, 500), 7.0))[1:] == (0.0, 2000.0)
    assert importance(np.random.default_rng(6).normal(size=(2, 10))).pareto_k == np.inf
