"""Predictive draws, as many as asked for, evenly over the posterior draws."""

import numpy as np

from learning_debt.arrays.predictive.outcome_draws import OutcomeDraws


def draws_of(weight=None):
    """Five posterior draws, two rows; what is drawn again for a seed is told apart by the seed."""
    asked = []

    def again(seed):
        asked.append(seed)
        return {"y": np.arange(10.0).reshape(5, 2) + 100 * len(asked)}

    return OutcomeDraws({"y": np.arange(10.0).reshape(5, 2)}, weight, again, seed=3), asked


def test_few_are_spread_evenly_over_the_posterior_draws():
    draws, asked = draws_of()
    taken, shares = draws.take(3)
    np.testing.assert_array_equal(taken["y"][:, 0], [0, 4, 8])
    np.testing.assert_allclose(shares, 1 / 3)
    assert (draws.count, draws.cells, asked) == (5, 2, [])


def test_more_than_there_are_posterior_draws_are_drawn_again_once():
    draws, asked = draws_of()
    taken, shares = draws.take(15)
    np.testing.assert_array_equal(taken["y"][:, 0] // 100, np.repeat([0, 1, 2], 5))
    np.testing.assert_allclose(shares, 1 / 15)
    assert len(set(asked)) == 2
    np.testing.assert_array_equal(draws.take(15)[0]["y"], taken["y"])
    np.testing.assert_array_equal(draws.take(5)[0]["y"][:, 0], [0, 2, 4, 6, 8])
    assert len(asked) == 2


def test_weights_hold_for_draws_made_again():
    """The last of five weighs as much as the others together, in each round."""
    draws, _ = draws_of(np.array([1.0, 1.0, 1.0, 1.0, 4.0]))
    taken, shares = draws.take(16)
    assert shares[taken["y"][:, 0] % 100 == 8].sum() == 0.5
