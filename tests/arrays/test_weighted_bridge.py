"""Pooled debt, label slopes, Gaussian bridges and chains over weighted draws, against normals."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.bridging.chain import ShadowChain, chained_debt, link
from learning_debt.arrays.bridging.label_slope import label_slope

Z90 = stats.norm.ppf(0.95)


def log_ratio(theta, later, earlier=0.0):
    """log N(theta; later, 1) - log N(theta; earlier, 1)."""
    return (later - earlier) * theta - (later**2 - earlier**2) / 2


def weighted_draws(rng, mean, shape=(4, 250), proposal=0.0):
    """Draws of N(proposal, 1) that weigh as N(mean, 1)."""
    theta = rng.normal(proposal, 1.0, size=shape)
    return theta, np.exp(log_ratio(theta, mean, proposal))


def require_coverage(misses, largest=6.0):
    """.90 within 4 binomial sigma."""
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * np.sqrt(0.09 / len(misses))
    assert np.abs(misses).max() < largest


@pytest.mark.slow
@pytest.mark.parametrize(("proposal_shadow", "proposal_deployed"), [(0.7, 0.0), (1.0, 0.4), (0.6, -0.4)])
def test_intervals_of_the_pooled_debt_of_weighted_independent_draws_cover(proposal_shadow, proposal_deployed):
    """N(1, 1) against N(0, 1), debt .5; one side or both weighted. 1000 replications."""
    rng, misses = np.random.default_rng(81), []
    for _ in range(1000):
        shadow, weight_shadow = weighted_draws(rng, 1.0, proposal=proposal_shadow)
        deployed, weight_deployed = weighted_draws(rng, 0.0, proposal=proposal_deployed)
        weights = {"weight_shadow": weight_shadow, "weight_deployed": weight_deployed}
        estimate = bridge.pooled_debt(log_ratio(deployed, 1.0), log_ratio(shadow, 1.0), **weights)
        misses.append((estimate.value - 0.5) / estimate.standard_error)
    require_coverage(misses)


@pytest.mark.slow
def test_intervals_of_draws_moved_from_the_others_cover():
    """theta + 1 is drawn from N(1, 1) where theta is from N(0, 1): not the error of independent draws."""
    rng, misses, errors = np.random.default_rng(82), [], []
    for _ in range(1000):
        theta = rng.normal(size=(4, 250))
        at = log_ratio(theta, 1.0), log_ratio(theta + 1.0, 1.0)
        together, apart = (bridge.pooled_debt(*at, together=one) for one in (True, False))
        misses.append((together.value - 0.5) / together.standard_error)
        errors.append((together.standard_error, apart.standard_error))
        assert together.value == apart.value
    require_coverage(misses)
    together, apart = np.mean(errors, axis=0)
    assert abs(np.log(together / apart)) > 0.1


def test_equal_weights_are_no_weights():
    rng = np.random.default_rng(83)
    at = log_ratio(rng.normal(size=(4, 250)), 1.0), log_ratio(rng.normal(1.0, 1.0, size=(4, 250)), 1.0)
    plain = bridge.pooled_debt(*at)
    weighted = bridge.pooled_debt(*at, weight_deployed=np.full((4, 250), 3.0), weight_shadow=np.full((4, 250), 0.2))
    np.testing.assert_allclose(weighted, plain, rtol=1e-7)
    slopes = (
        label_slope(*at, plain.log_normaliser),
        label_slope(*at, plain.log_normaliser, weight_target=np.ones((4, 250))),
    )
    np.testing.assert_allclose(*slopes, rtol=1e-7)


def test_overlap_counts_what_weights_are_worth():
    """One draw in fifty has nearly all the weight."""
    rng = np.random.default_rng(84)
    theta = rng.normal(1.0, 1.0, size=(4, 250))
    weight = np.where(np.arange(250) % 50 == 0, 1.0, 1e-6) * np.ones((4, 1))
    at_deployed = log_ratio(rng.normal(size=(4, 250)), 1.0)
    plain = bridge.pooled_debt(at_deployed, log_ratio(theta, 1.0))
    uneven = bridge.pooled_debt(at_deployed, log_ratio(theta, 1.0), weight_shadow=weight)
    assert uneven.overlap < 25 < plain.overlap
    one = np.zeros((4, 250))
    one[0, 0] = 1.0
    assert bridge.pooled_debt(at_deployed, log_ratio(theta, 1.0), weight_shadow=one).overlap <= 1


def test_a_shadow_draw_without_weight_may_be_ruled_out_and_one_with_weight_may_not():
    rng = np.random.default_rng(85)
    at_deployed, at_shadow = log_ratio(rng.normal(size=(4, 250)), 1.0), log_ratio(rng.normal(size=(4, 250)), 1.0)
    weight = np.exp(at_shadow)
    at_shadow[0, :5], weight[0, :5] = -np.inf, 0.0
    estimate = bridge.pooled_debt(at_deployed, at_shadow, weight_shadow=weight)
    assert abs(estimate.value - 0.5) < 4 * estimate.standard_error
    assert np.isfinite(estimate.lower_bound)
    weight[0, 0] = 0.1
    with pytest.raises(ValueError, match="at_shadow holds -inf"):
        bridge.pooled_debt(at_deployed, at_shadow, weight_shadow=weight)


def test_draws_made_together_must_have_one_shape():
    with pytest.raises(ValueError, match=r"must have the same shape, not \(2, 50\) and \(2, 40\)"):
        bridge.pooled_debt(np.zeros((2, 50)), np.zeros((2, 40)), together=True)


def test_slopes_of_weighted_exact_draws_raise_no_alarm_and_of_wrong_ones_do():
    """400 pairs; draws that the weights make as narrow as a posterior should not be are found out."""
    rng, departures = np.random.default_rng(86), []
    for stretched in (1.0, 2.0):
        for _ in range(400 if stretched == 1 else 20):
            shadow, weight = weighted_draws(rng, 1.0, proposal=0.5)
            at = log_ratio(rng.normal(size=(4, 250)), 1.0) * stretched, log_ratio(shadow, 1.0) * stretched
            normaliser = bridge.optimal_bridge(at[0].ravel(), at[1].ravel(), None, weight.ravel())[0]
            departures.append(label_slope(*at, normaliser, weight_target=weight).departure)
    assert np.abs(departures[:400]).max() < 4
    assert abs(np.mean(departures[:400])) < 4 / np.sqrt(400)
    assert np.min(np.abs(departures[400:])) > 4


@pytest.mark.slow
def test_the_gaussian_bridge_of_weighted_draws_finds_the_constant():
    """A skewed target in two dimensions from draws of a wider one; conservative coverage over 200 replications."""
    rng, misses = np.random.default_rng(87), []

    def log_joint(points):
        return stats.gumbel_r.logpdf(points).sum(axis=-1) + 12.5

    for _ in range(200):
        points = stats.gumbel_r.rvs(scale=1.2, size=(4, 300, 2), random_state=rng)
        weight = np.exp(log_joint(points) - stats.gumbel_r.logpdf(points, scale=1.2).sum(axis=-1))
        found = bridge.gaussian_log_marginal(points, log_joint, rng, weight)
        misses.append((found.value - 12.5) / found.standard_error)
        assert found.departure < 4
    assert np.mean(np.abs(misses) < Z90) > 0.9 - 4 * np.sqrt(0.09 / 200)
    assert np.abs(misses).max() < 5


def test_weights_worth_too_few_draws_get_no_gaussian():
    weight = np.full((4, 100), 1e-12)
    weight[:, ::25] = 1.0
    with pytest.raises(bridge.TooFewDrawsError, match="worth 16 as they are weighted: refit"):
        bridge.gaussian_log_marginal(
            np.random.default_rng(88).normal(size=(4, 100, 5)), lambda at: at.sum(-1), np.random.default_rng(1), weight
        )


def reweighted_chain(rng, means, anchors):
    """Posteriors N(mean, 1); each is weighted draws of N(anchor, 1), the same draws for the same anchor."""
    draws = {anchor: rng.normal(anchor, 1.0, size=(4, 250)) for anchor in anchors}
    stored = [(mean, anchor, draws[anchor]) for mean, anchor in zip(means, anchors, strict=True)]

    def weight(mean, anchor, theta):
        return None if mean == anchor else np.exp(log_ratio(theta, mean, anchor))

    links = []
    for earlier, later in pairwise(stored):
        at = [log_ratio(one[2], later[0], earlier[0]) for one in (earlier, later)]
        weights = {"weight_earlier": weight(*earlier), "weight_later": weight(*later)}
        links.append(link(*at, **weights, lineages=(str(earlier[1]), str(later[1]))))
    return chained_debt(links, log_ratio(stored[-1][2], means[-1], means[0]), weight(*stored[-1]))


@pytest.mark.slow
def test_intervals_of_a_chain_over_reweighted_posteriors_cover():
    """Two refits, each reweighted twice: neighbours on the same draws, but for one step. 500 replications, debt 3.1."""
    means, anchors = [0.0, 0.4, 0.8, 1.7, 2.1, 2.5], [0.0, 0.0, 0.0, 2.0, 2.0, 2.0]
    rng = np.random.default_rng(89)
    runs = [reweighted_chain(rng, means, anchors) for _ in range(500)]
    misses = np.array([(run.value - 2.5**2 / 2) / run.standard_error for run in runs])
    require_coverage(misses)
    assert min(run.overlap for run in runs) > 30


def test_a_ladder_keeps_weights_and_lineages():
    """Every posterior is a weighting of its own draws; links over them come to the debt."""
    rng, ladder, means = np.random.default_rng(90), ShadowChain(0.5), 0.5 * np.arange(7)
    stored = [weighted_draws(rng, mean, proposal=mean - 0.2) for mean in means]
    for newest in range(1, len(means)):
        at_earlier = [log_ratio(stored[s][0], means[newest], means[s]) for s in range(newest)]
        at_newest = np.stack([log_ratio(stored[newest][0], means[newest], means[s]) for s in range(newest)], axis=-1)
        weights = [weight for _, weight in stored[: newest + 1]]
        ladder.add(at_earlier, at_newest, weights, [str(s) for s in range(newest + 1)])
    links = ladder.links(0)
    assert len(links) > 1
    assert [step.lineages[0] for step in links[1:]] == [step.lineages[1] for step in links[:-1]]
    estimate = chained_debt(links, log_ratio(stored[-1][0], means[-1]), stored[-1][1])
    assert abs(estimate.value - means[-1] ** 2 / 2) < 4 * estimate.standard_error
