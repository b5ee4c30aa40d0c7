"""Bandit identities: what strategies choose where it is known what is right."""

import numpy as np
import pytest
from scipy import stats

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving import (
    UCB1,
    ABTest,
    BetaThompson,
    EpsilonGreedy,
    FollowLeader,
    Naive,
    NormalThompson,
    Seen,
    Validation,
)
from learning_debt.serving.score_tables import as_score_table
from learning_debt.serving.serving_walk import walk_strategy

RUNS = 400
NORMAL = {"mean": 0.5, "sd": 0.5, "noise": 0.2}
WITH_MEMORY = {
    "epsilon-greedy": lambda memory: EpsilonGreedy(0.1, memory),
    "UCB1": lambda memory: UCB1(0.0, 1.0, memory),
    "Thompson (Beta)": lambda memory: BetaThompson(0.0, 1.0, memory),
    "Thompson (normal)": lambda memory: NormalThompson(**NORMAL, memory=memory),
    "follow the leader": FollowLeader,
}
BANDITS = {name: make(UpdateRule()) for name, make in WITH_MEMORY.items()}


def table(scores, validation=None):
    import xarray as xr

    dims = ("batch", "candidate")
    found = {"score": (dims, scores)} | ({} if validation is None else {"validation": (dims, validation)})
    return as_score_table(xr.Dataset(found))


def walked(strategy, scores, runs=RUNS, seed=1, validation=None):
    return walk_strategy(
        strategy, table(np.asarray(scores, dtype=float), validation), runs, np.random.default_rng(seed)
    )


def seen_of(scores, available=None):
    """What one run has seen, from scores (batches, candidates) with NaN where none was seen."""
    scores = np.asarray(scores, dtype=float)[:, None, :]
    can = np.ones((len(scores) + 1, scores.shape[2]), bool) if available is None else np.asarray(available)
    served = np.nanargmax(np.where(np.isnan(scores), -np.inf, scores), axis=2)
    return Seen(scores, served, can, np.full(scores.shape[2], np.nan))


def shares(served, candidates):
    return np.bincount(served.ravel(), minlength=candidates) / served.size


def test_with_epsilon_zero_it_is_greedy():
    scores = np.tile([0.3, 0.9, 0.5], (30, 1))
    served = walked(EpsilonGreedy(0.0), scores)
    assert (np.sort(served[:3], axis=0) == np.arange(3)[:, None]).all()  # every candidate once first
    assert (served[3:] == 1).all()


def test_with_epsilon_one_all_are_as_likely():
    served = walked(EpsilonGreedy(1.0), np.tile([0.3, 0.9, 0.5], (30, 1)))
    assert shares(served, 3) == pytest.approx(np.full(3, 1 / 3), abs=4 * np.sqrt(2 / 9 / served.size))


@pytest.mark.parametrize("name", BANDITS)
def test_identical_candidates_tie(name):
    served = walked(BANDITS[name], np.full((40, 4), 0.5))
    by_run = np.stack([(served == one).mean(axis=0) for one in range(4)])
    error = by_run.std(axis=1) / np.sqrt(RUNS)
    assert (np.abs(by_run.mean(axis=1) - 0.25) < 4 * error + 1e-12).all()


@pytest.mark.slow
def test_share_of_a_dominant_candidate():
    """1 - epsilon (K - 1) / K for epsilon-greedy, and 1 in the end for the others."""
    scores = np.tile([0.2, 0.8, 0.3], (600, 1))
    late = walked(BANDITS["epsilon-greedy"], scores)[100:]
    error = np.sqrt(0.0667 * 0.9333 / late.size)
    assert shares(late, 3)[1] == pytest.approx(1 - 0.1 * 2 / 3, abs=4 * error)
    assert (walked(BANDITS["follow the leader"], scores, 5)[1:] == 1).all()
    for name, fewest in (("UCB1", 0.9), ("Thompson (Beta)", 0.97), ("Thompson (normal)", 0.99)):
        served = walked(BANDITS[name], scores, 20)
        early, late = (shares(part, 3)[1] for part in (served[:100], served[-100:]))
        assert late > max(early, fewest), name


def test_a_share_of_ucb_grows_to_one():
    """The others are tried O(log t) times: their share falls as log(t) / t."""
    served = walked(BANDITS["UCB1"], np.tile([0.2, 0.8], (2000, 1)), 2)
    tried = (served == 0).cumsum(axis=0)[[499, 1999]].mean(axis=1)
    bound = 8 * np.log(2000) / 0.6**2 + 1 + np.pi**2 / 3  # Auer et al. (2002), theorem 1
    assert tried[1] < min(bound, 2 * tried[0])


def test_ucb_by_hand():
    """Means .6 (seen twice) and .9 (once), t = 3: .6 + sqrt(2 ln 3 / 2) = 1.648, .9 + sqrt(2 ln 3) = 2.382."""
    scores = [[0.4, np.nan], [np.nan, 0.9], [0.8, np.nan]]
    seen = seen_of(scores)
    assert UCB1().bounds(seen.scores)[0] == pytest.approx([0.6 + np.sqrt(np.log(3)), 0.9 + np.sqrt(2 * np.log(3))])
    assert UCB1().choose(seen, np.random.default_rng(1)).tolist() == [1]
    assert UCB1(low=0.0, high=2.0).bounds(seen.scores)[0, 0] == pytest.approx(0.3 + np.sqrt(np.log(3)))
    tried = seen_of([*scores, *[[np.nan, 0.0]] * 4])  # .6 + sqrt(ln 7) = 1.995 against .18 + sqrt(2 ln 7 / 5) = 1.06
    assert UCB1().choose(tried, np.random.default_rng(1)).tolist() == [0]


def test_windowed_and_discounted_ucb_by_hand():
    """Window 2: counts 1 and 1. Discount .5: counts 1/4 + 1 and 1/2, t = 1.75."""
    scores = seen_of([[0.4, np.nan], [np.nan, 0.9], [0.8, np.nan]]).scores
    windowed = UCB1(memory=UpdateRule(window=2)).bounds(scores)[0]
    assert windowed == pytest.approx([0.8 + np.sqrt(2 * np.log(2)), 0.9 + np.sqrt(2 * np.log(2))])
    discounted = UCB1(memory=UpdateRule(discount=0.5)).bounds(scores)[0]
    expected = [(0.25 * 0.4 + 0.8) / 1.25 + np.sqrt(2 * np.log(1.75) / 1.25), 0.9 + np.sqrt(2 * np.log(1.75) / 0.5)]
    assert discounted == pytest.approx(expected)


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_a_window_of_all_and_a_discount_of_one_are_the_plain_form(name):
    scores = np.random.default_rng(2).uniform(size=(50, 3))
    plain = walked(BANDITS[name], scores, 20)
    for memory in (UpdateRule(window=50), UpdateRule(discount=1.0)):
        assert (walked(WITH_MEMORY[name](memory), scores, 20) == plain).all()
    if name != "follow the leader":
        assert (walked(WITH_MEMORY[name](UpdateRule(window=5)), scores, 20) != plain).any()


def test_the_beta_posterior_has_its_closed_form():
    rewards = np.random.default_rng(3).uniform(size=(12, 1, 2))
    first, second = BetaThompson(low=-1.0, high=3.0).posterior(4 * rewards - 1)
    assert first[0] == pytest.approx(1 + rewards.sum(axis=0)[0])
    assert second[0] == pytest.approx(1 + (1 - rewards).sum(axis=0)[0])
    clipped = BetaThompson().posterior(np.array([[[-5.0, 7.0]]]))
    assert np.array(clipped).tolist() == [[[1.0, 2.0]], [[2.0, 1.0]]]


def test_the_normal_posterior_is_bayes_theorem():
    """Against the posterior on a grid of means."""
    scores = np.array([0.9, 0.2, 0.7])
    mean, sd = NormalThompson(mean=0.1, sd=0.4, noise=0.3).posterior(scores[:, None, None])
    grid = np.linspace(-2, 3, 20001)
    density = stats.norm.pdf(grid, 0.1, 0.4) * np.prod(stats.norm.pdf(scores[:, None], grid, 0.3), axis=0)
    density /= density.sum()
    assert mean.item() == pytest.approx(density @ grid)
    assert sd.item() == pytest.approx(np.sqrt(density @ (grid - density @ grid) ** 2))


def test_thompson_chooses_as_often_as_the_posterior_says():
    scores = np.array([[[0.6, 0.4]], [[0.5, np.nan]]]).repeat(20000, axis=1)
    seen = Seen(scores, np.zeros((2, 20000), int), np.ones((3, 2), bool), np.full(2, np.nan))
    chosen = BetaThompson().choose(seen, np.random.default_rng(4)).mean()
    grid = np.linspace(0, 1, 20001)
    chance = np.mean(stats.beta.pdf(grid, 1.4, 1.6) * stats.beta.cdf(grid, 2.1, 1.9))  # of the second to be larger
    assert chosen == pytest.approx(chance, abs=4 * np.sqrt(0.25 / 20000) + 1e-4)


def test_naive_is_the_newest_and_validation_the_best_of_those_that_can_serve():
    scores = np.array([[0.5, np.nan, np.nan], [0.5, 0.4, np.nan], [0.5, 0.4, 0.3]])
    held_out = np.array([[0.1, np.nan, np.nan], [0.1, np.nan, np.nan], [0.1, 0.9, 0.9]])
    assert walked(Naive(), scores, 1)[:, 0].tolist() == [0, 1, 2]
    assert walked(Validation(), scores, 1, validation=held_out)[:, 0].tolist() == [0, 0, 2]
    assert walked(Validation(), scores, 1, validation=np.full((3, 3), np.nan))[:, 0].tolist() == [0, 1, 2]


def test_ab_tests_keep_the_better_and_go_round():
    """Candidate 1 is the best: it wins its test and stays; the others are challengers in turn."""
    scores = np.tile([0.1, 0.9, 0.5, 0.3], (60, 1))
    served = walked(ABTest(6), scores, 300)
    pairs = [set(np.unique(served[first : first + 6])) for first in range(0, 60, 6)]
    assert pairs[0] == {0, 3}  # the oldest against the newest
    assert all(served[first : first + 6].mean() >= 0 for first in range(0, 60, 6))
    late = served[-30:]
    assert (late == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert (shares(late, 4)[[0, 2, 3]] > 0.1).all()


def test_an_ab_test_without_a_score_of_both_keeps_the_incumbent():
    half = np.array([[0.1, np.nan], [0.2, np.nan]])
    both = np.array([[0.1, np.nan], [np.nan, 0.2]])
    for scores, winner in ((half, 0), (both, 1)):
        challenger, incumbent = ABTest(2)._sides(seen_of(scores))
        assert (incumbent.item(), challenger.item()) == (winner, 1 - winner)


def test_a_candidate_that_goes_leaves_its_test_to_the_other():
    scores = np.tile([0.5, 0.6], (10, 1))
    scores[3:, 0] = np.nan
    assert (walked(ABTest(5), scores, 50)[3:] == 1).all()


@pytest.mark.parametrize("name", BANDITS)
def test_only_candidates_that_can_serve_are_chosen(name):
    scores = np.random.default_rng(5).uniform(size=(40, 4))
    scores[:20, 3] = scores[30:, 0] = np.nan
    served = walked(BANDITS[name], scores, 30)
    assert not (served[:20] == 3).any()
    assert not (served[30:] == 0).any()
    assert (served[20:30] == 3).any()


@pytest.mark.parametrize("name", ["epsilon-greedy", "UCB1", "Thompson (Beta)", "Thompson (normal)"])
def test_forms_that_forget_follow_a_change_sooner(name):
    scores = np.where(np.arange(240)[:, None] < 120, [0.8, 0.4], [0.2, 0.5])
    plain, windowed = (
        (walked(WITH_MEMORY[name](memory), scores, 60)[130:180] == 1).mean()
        for memory in (UpdateRule(), UpdateRule(window=20))
    )
    assert windowed > plain + 0.1
