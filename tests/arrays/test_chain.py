"""Chains of bridges between normals, whose divergences are known."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.bridging.chain import ShadowChain, chained_debt, link

Z90 = stats.norm.ppf(0.95)


class Drift:
    """Posteriors N(mean, 1) along a path of means, with log-likelihoods between any two at draws of any."""

    def __init__(self, means, rng, draws=250, repeat=1):
        self.means = means
        self.draws = cache(lambda k: np.repeat(rng.normal(means[k], 1.0, size=(4, draws)), repeat, axis=1))

    def log_ratio(self, at, earlier, later):
        a, b = self.means[earlier], self.means[later]
        return (b - a) * self.draws(at) - (b**2 - a**2) / 2

    def link(self, earlier, later):
        return link(self.log_ratio(earlier, earlier, later), self.log_ratio(later, earlier, later))

    def estimate(self):
        last = len(self.means) - 1
        return chained_debt([self.link(k, k + 1) for k in range(last)], self.log_ratio(last, 0, last))

    def add(self, ladder, newest):
        earlier = range(newest)
        at_newest = np.stack([self.log_ratio(newest, s, newest) for s in earlier], axis=-1)
        ladder.add([self.log_ratio(s, s, newest) for s in earlier], at_newest)


PATHS = {
    "one way": ([0.0, 1.5, 3.0, 4.5], 1),
    "draws in fives": ([0.0, 1.5, 3.0], 5),
    "there and back": ([0.0, 2.0, 0.0], 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_intervals_of_a_chain_cover_with_the_covariance_of_its_steps(path):
    """Coverage within 4 binomial sigma, mean within 4 sigma and errors right within 4 sigma of a standard deviation.

    There and back, the draws in between do the opposite to each step: their errors cancel.
    """
    means, repeat = PATHS[path]
    rng, repeats, truth = np.random.default_rng(51), 200, (means[-1] - means[0]) ** 2 / 2
    runs = [Drift(means, rng, 250, repeat).estimate() for _ in range(repeats)]
    values, errors = np.array([run.value for run in runs]), np.array([run.standard_error for run in runs])
    misses = np.abs(values - truth) / errors
    assert abs(np.mean(misses < Z90) - 0.9) < 4 * np.sqrt(0.09 / repeats)
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(repeats) + 0.1 * np.std(values)  # O(1/S)
    assert misses.max() < 5
    assert np.mean(errors) == pytest.approx(np.std(values), rel=4 / np.sqrt(2 * repeats))
    assert all(run.links == len(means) - 1 for run in runs)


def test_errors_of_steps_there_and_back_cancel():
    """Taken apart, the two steps of [0, 2, 0] would err by over 1.2 times what they err together."""
    drift = Drift([0.0, 2.0, 0.0], np.random.default_rng(50), 2000)
    links = [drift.link(0, 1), drift.link(1, 2)]
    influences = [one for step in links for one in (step.earlier_influence, step.later_influence)]
    apart = np.sqrt(sum(influence.var() / influence.size for influence in influences))
    assert apart > 1.2 * chained_debt(links, drift.log_ratio(2, 0, 2)).standard_error


def test_a_link_tells_how_much_its_ends_share():
    rng = np.random.default_rng(52)
    shares = [Drift([0.0, step], rng).link(0, 1).share for step in (0.01, 0.5, 1.0, 2.0, 4.0, 10.0)]
    assert shares[0] == pytest.approx(1, abs=0.01)
    assert (np.diff(shares) < 0).all()
    assert shares[-1] < 0.01
    same = link(np.full((4, 100), 3.0), np.full((4, 100), 3.0))
    assert (same.log_normaliser, same.share, same.overlap) == (3.0, 1.0, 400.0)
    assert link(np.full((4, 100), -np.inf), np.zeros((4, 100))) is None
    assert link(np.zeros((4, 100)), np.full((4, 100), np.inf)) is None
    assert link(np.full((4, 100), np.nan), np.zeros((4, 100))) is None


def test_a_ladder_steps_no_finer_than_overlap_asks_for():
    """Steps of .25: neighbours five apart still share half, so that 20 periods take about four links."""
    rng, ladder = np.random.default_rng(53), ShadowChain(0.5)
    drift = Drift(0.25 * np.arange(21), rng)
    for newest in range(1, 21):
        drift.add(ladder, newest)
    links = ladder.links(0)
    assert 3 <= len(links) <= 6
    assert all(step.share >= 0.5 for step in links)
    estimate = chained_debt(links, drift.log_ratio(20, 0, 20))
    assert abs(estimate.value - 12.5) < 4 * estimate.standard_error
    for start in (1, 5, 9):  # whatever lies between two that were kept
        estimate = chained_debt(ladder.links(start), drift.log_ratio(20, start, 20))
        assert abs(estimate.value - (0.25 * (20 - start)) ** 2 / 2) < 4 * estimate.standard_error
    assert ladder.links(ladder.kept[-1] + 1) == []


def test_a_leap_that_no_posterior_bridges_leaves_a_link_without_overlap():
    rng, ladder = np.random.default_rng(54), ShadowChain(0.5)
    drift = Drift(30.0 * np.arange(4), rng)
    for newest in range(1, 4):
        drift.add(ladder, newest)
    assert ladder.kept == [0, 1, 2]
    assert min(step.overlap for step in ladder.links(0)) < 1


def test_links_that_do_not_meet_are_refused():
    rng = np.random.default_rng(55)
    links = [Drift([0.0, 1.0], rng, draws).link(0, 1) for draws in (100, 200)]
    with pytest.raises(ValueError, match=r"link 0 ends on draws of shape \(4, 100\), .* shape \(4, 200\)"):
        chained_debt(links, np.zeros((4, 200)))
    with pytest.raises(ValueError, match="link 0 ends"):
        chained_debt(links[:1], np.zeros((4, 200)))
