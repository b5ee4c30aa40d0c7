"""Multistate reweighting against a slow reference written from the equations alone, and against pymbar."""

from dataclasses import replace

import numpy as np
import pytest

from learning_debt.arrays.bridging.multistate import Blocks, Pool, pooled

from .. import multistate_reference as reference

COUNTS = np.array([20, 32, 24])
ANCHORS = (0, 2, 5)


@pytest.fixture(scope="module")
def log_densities() -> np.ndarray:
    """Of six normal and gamma-like states, up to a constant each, at 76 draws of three of them, shape (6, 76)."""
    rng = np.random.default_rng(3)
    centres, scales = np.linspace(0, 2.5, 6), np.linspace(1.0, 0.6, 6)
    theta = np.concatenate([rng.normal(centres[a], scales[a], n) for a, n in zip(ANCHORS, COUNTS, strict=True)])
    shapes = -0.5 * ((theta - centres[:, None]) / scales[:, None]) ** 2
    skewed = 0.1 * np.arange(6)[:, None] * np.arctan(theta)  # not normal, and not what the draws come from: any will do
    return shapes + skewed + np.array([3.0, -2.0, 0.5, 40.0, -7.0, 1.0])[:, None]


@pytest.fixture(scope="module")
def found(log_densities: np.ndarray) -> Pool:
    return pooled(log_densities, ANCHORS, [(4, n // 4) for n in COUNTS.tolist()], COUNTS.tolist())


@pytest.fixture(scope="module")
def every_draw() -> Blocks:
    """Each draw a block of its own, so that block sums are the influences of draws."""
    return Blocks(np.arange(COUNTS.sum()), np.repeat(np.arange(len(COUNTS)), COUNTS))


def per_draw(found: Pool, every_draw: Blocks) -> Pool:
    return replace(found, blocks=every_draw)


def test_normalisers_and_weights_of_every_state(found, log_densities):
    slow = reference.Pool(log_densities[list(ANCHORS)], COUNTS)
    expected = np.array([slow.log_normaliser(state) for state in log_densities])
    np.testing.assert_allclose(found.log_normaliser, expected, atol=1e-7)
    np.testing.assert_allclose(found.log_normaliser[list(ANCHORS)], slow.log_z, atol=1e-7)
    np.testing.assert_allclose(found.weight, [slow.weights(state) for state in log_densities], atol=1e-9)


@pytest.mark.parametrize(("kind", "close"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_influences_of_many_functions_under_one_state_are_those_of_their_products(found, kind, close):
    functions = np.random.default_rng(4).normal(size=(COUNTS.sum(), 5)).astype(kind)
    expected = found.influence_sums(found.weight[3].astype(kind) * functions.T)
    np.testing.assert_allclose(found.influence_sums_of(3, functions), expected, atol=close)


def test_a_state_that_rules_out_every_draw_has_no_weights(log_densities):
    ruled_out = np.vstack([log_densities, np.full(COUNTS.sum(), -np.inf)])
    pool = pooled(ruled_out, ANCHORS, [(4, n // 4) for n in COUNTS.tolist()], COUNTS.tolist())
    assert pool.rules_out
    assert np.isneginf(pool.log_normaliser[-1])
    assert np.isnan(pool.weight[-1]).all()
    np.testing.assert_allclose(pool.weight[:-1].sum(axis=1), 1.0)


@pytest.mark.parametrize(("shadow", "deployed"), [(3, 0), (5, 1), (4, 2), (1, 4)])
def test_influences_are_slopes_of_the_whole_estimate(found, every_draw, log_densities, shadow, deployed):
    """Of log Z, of a mean and of debt: what an estimate moves by when a draw counts a little more."""
    pool = per_draw(found, every_draw)
    at_anchors, p, q = log_densities[list(ANCHORS)], log_densities[shadow], log_densities[deployed]
    values = np.exp(-0.5 * (p - p.max()))
    gap = p - q

    def centred(of: np.ndarray) -> np.ndarray:
        return pool.weight[shadow] * (of - pool.weight[shadow] @ of)

    direct = {
        "log Z": (pool.weight[shadow], lambda slow: slow.log_normaliser(p)),
        "mean": (centred(values), lambda slow: slow.mean(p, values)),
        "debt": (centred(gap) - pool.weight[shadow] + pool.weight[deployed], lambda slow: slow.debt(p, q)),
    }
    for name, (ours, estimate) in direct.items():
        slopes = reference.influence(at_anchors, COUNTS, estimate)
        np.testing.assert_allclose(
            pool.influence_sums(ours), slopes, atol=1e-5 * np.abs(slopes).max(), err_msg=name, rtol=1e-4
        )
        error = np.sqrt(pool.blocks.variance(pool.influence_sums(ours)))
        slow_error = reference.standard_error(slopes, COUNTS)
        assert slow_error <= error <= 1.1 * slow_error, name  # grown for the degrees of freedom of 20 draws


def test_errors_are_what_repetitions_scatter_by():
    """Debt of a state that was not drawn, 600 pools of three normals: the mean square error over the error's square."""
    rng, counts, centres = np.random.default_rng(8), [200, 300, 250], np.array([0.0, 0.6, 1.4, 2.0])
    anchors, truth, miss, error = (0, 1, 3), 0.5 * 1.4**2, [], []
    for _ in range(600):
        theta = np.concatenate([rng.normal(centres[a], 1, n) for a, n in zip(anchors, counts, strict=True)])
        pool = pooled(centres[:, None] * theta - centres[:, None] ** 2 / 2, anchors, [(1, n) for n in counts], counts)
        gap = pool.log_likelihood[2] - pool.log_likelihood[0]
        debt = pool.weight[2] @ gap - pool.log_normaliser[2] + pool.log_normaliser[0]
        direct = pool.weight[2] * (gap - pool.weight[2] @ gap) - pool.weight[2] + pool.weight[0]
        miss.append(debt - truth)
        error.append(np.sqrt(pool.blocks.variance(pool.influence_sums(direct))))
    z = np.array(miss) / np.array(error)
    assert abs(np.mean(np.abs(z) < 1.645) - 0.9) < 4 * np.sqrt(0.09 / 600)
    assert abs(np.mean(miss)) < 4 * np.std(miss) / np.sqrt(600) + 0.2 * np.std(miss)


def test_pymbar_says_the_same(found, log_densities):
    """Independent software; its errors take the pool for draws of the mixture, which for log Z comes to the same."""
    pymbar = pytest.importorskip("pymbar")
    order = [*ANCHORS, 1, 3, 4]
    drawn = np.concatenate([COUNTS, np.zeros(3, dtype=int)])
    one = pymbar.MBAR(-log_densities[order], drawn, relative_tolerance=1e-12)
    np.testing.assert_allclose(-one.f_k + one.f_k[0], found.log_normaliser[order], atol=1e-6)
    np.testing.assert_allclose(one.W_nk.T, found.weight[order], atol=1e-7)
    errors = one.compute_free_energy_differences()["dDelta_f"][0, 1:]
    ours = [
        np.sqrt(found.blocks.variance(found.influence_sums(found.weight[s] - found.weight[ANCHORS[0]])))
        for s in order[1:]
    ]
    assert len(ours) == len(errors)
    assert np.all(np.abs(np.log(ours / errors)) < 0.5)  # 20 blocks of three or four draws know an error to a fifth
