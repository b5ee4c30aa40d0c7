"""Draws of a pool that can be spared: no state falls below one fit, or far below what it was."""

import numpy as np
import pytest

from learning_debt.arrays.bridging.multistate import pooled
from learning_debt.arrays.bridging.thinning import GIVEN_UP, STEPS, thinnings

DRAWS, STATES = 2000, 25


def sticky_size(worth):
    """Effective draws of a chain with the memory of an AR(1) process, of which one in `every` is kept."""
    memory = (1 - worth) / (1 + worth)
    return lambda _, every: DRAWS / every * (1 - memory**every) / (1 + memory**every)


def pool_of(anchors, worth, every=None, seed=1):
    """States are N(step, 1), a quarter of a standard deviation apart; draws of an anchor are AR(1) chains."""
    rng, memory = np.random.default_rng(seed), (1 - worth) / (1 + worth)
    every = np.ones(len(anchors)) if every is None else every
    draws, shapes, sizes = [], [], []
    for place, (anchor, one_in) in enumerate(zip(anchors, every, strict=True)):
        noise = rng.normal(size=(4, DRAWS // 4)) * np.sqrt(1 - memory**2)
        chains = np.zeros_like(noise)
        for k in range(noise.shape[1]):
            chains[:, k] = (memory * chains[:, k - 1] if k else 0) + noise[:, k]
        kept = chains[:, np.unique((np.arange(round(DRAWS // 4 / one_in)) * one_in).astype(int))]
        draws.append(kept.ravel() + 0.25 * anchor)
        shapes.append(kept.shape)
        sizes.append(sticky_size(worth)(place, one_in))
    means, theta = 0.25 * np.arange(STATES)[:, None], np.concatenate(draws)
    return pooled(means * theta - means**2 / 2, anchors, shapes, sizes)


@pytest.mark.parametrize("worth", [1.0, 0.3])
@pytest.mark.parametrize("anchors", [(0, 1, 2, 3, 24), (0, 8, 16, 24), (0, 12, 13, 14, 15, 24)])
def test_every_state_keeps_the_draws_of_one_fit_or_most_of_its_own(anchors, worth):
    pool = pool_of(anchors, worth)
    every = thinnings(pool, sticky_size(worth))
    thinner = pool_of(anchors, worth, every)
    one_fit = sticky_size(worth)(0, 1.0)
    needed = np.minimum(one_fit, (1 - GIVEN_UP) * pool.effective_draws)
    assert (thinner.effective_draws >= 0.93 * needed).all()  # of other draws, whose weights differ
    raw, thinned = (1 / (of.weight**2).sum(axis=1) for of in (pool, thinner))
    assert (thinned >= 0.93 * np.minimum(DRAWS, (1 - GIVEN_UP) * raw)).all()


def test_fits_that_others_stand_by_are_thinned_and_one_that_stands_alone_is_not():
    every = thinnings(pool_of((0, 1, 2, 3, 20), 1.0), lambda _, every: DRAWS / every)
    assert every[-1] == 1
    assert every[:2].min() > 1
    assert set(every) <= set(STEPS)


def test_one_fit_is_thinned_by_what_it_may_lose_at_most():
    every = thinnings(pool_of((12,), 1.0), lambda _, every: DRAWS / every)
    assert every.tolist() == [1.0]
    every = thinnings(pool_of((12,), 0.2), sticky_size(0.2))
    assert every.tolist() == [1.0]  # independent functions of the draws would lose more than a tenth
