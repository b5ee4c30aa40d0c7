"""Scores and divergences of draws: identities, literals, weights, dependence, and errors that cover the truth."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from learning_debt.arrays.draws.chain_blocks import block_labels
from learning_debt.arrays.losses.distance_divergence import crps_divergence, energy_divergence
from learning_debt.arrays.losses.distance_scores import WeightedDraws, crps, energy
from learning_debt.arrays.losses.stock_loss import MINIMUM_BEYOND, best_stock, stock_divergence, stock_loss, stock_score
from learning_debt.scores.predictive_draws import MAXIMUM_JUMP, relative_jump

REPLICATIONS = 1000
FOUR_SIGMA = 4 * np.sqrt(0.9 * 0.1 / REPLICATIONS)
UNDER, OVER = 4.0, 1.0


def plain(values, weight=None):
    """Draws (chain, draw, rows...) that weigh the same, or as told."""
    values = np.asarray(values, dtype=float)
    return WeightedDraws(values, np.ones(values.shape[:2]) if weight is None else weight)


def pairs_crps(x, y):
    """E|X - y| - E|X - X'| / 2 over all pairs of different draws."""
    apart = np.abs(x[:, None] - x).sum() / (len(x) * (len(x) - 1))
    return np.abs(x - y).mean() - apart / 2


def test_crps_is_the_mean_over_pairs_of_different_draws():
    x = np.random.default_rng(1).gamma(2.0, size=(2, 20, 3))
    outcome = np.array([0.5, 2.0, 9.0])
    expected = [pairs_crps(x[..., i].ravel(), outcome[i]) for i in range(3)]
    np.testing.assert_allclose(crps(plain(x), outcome).loss, expected, rtol=1e-12)
    np.testing.assert_allclose(energy(plain(x[..., None]), outcome[:, None]).loss, expected, rtol=1e-12)


def test_crps_of_point_masses():
    here, there = plain(np.zeros((2, 50, 1))), plain(np.full((2, 50, 1), 3.0))
    assert crps(here, np.array([-2.0])).loss.tolist() == [2.0]  # the absolute error
    result = crps_divergence(here, there)
    assert result.value == pytest.approx(3.0, abs=1e-12)  # integral of (F - G)^2
    assert result.standard_error < 1e-12
    assert crps_divergence(here, here)[:3] == (0.0, 0.0, 0.0)


def test_energy_is_crps_in_one_dimension_and_adds_rows():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(4, 30, 2)), rng.normal(0.5, 1.5, size=(4, 30, 2))
    one, many = crps_divergence(plain(x), plain(y)), energy_divergence(plain(x[..., None]), plain(y[..., None]))
    np.testing.assert_allclose(one[:-1], many[:-1], rtol=1e-9)
    alone = [crps_divergence(plain(x[..., [i]]), plain(y[..., [i]])) for i in range(2)]
    biased = sum(each.value for each in alone) / 2
    assert one.value == pytest.approx(biased, rel=1e-12)


def test_energy_does_not_depend_on_the_axes():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 40, 1, 3)), rng.normal(size=(2, 40, 1, 3)) * 2
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    assert energy_divergence(plain(x @ turn), plain(y @ turn)).value == pytest.approx(
        energy_divergence(plain(x), plain(y)).value, rel=1e-9
    )


def test_weights_act_like_repeated_draws():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(1, 60, 2)), rng.normal(1.0, 2.0, size=(1, 60, 2))
    times = np.repeat([1, 3], 30)
    weight = (times / times.mean())[None]
    outcome = np.array([0.3, -1.0])
    repeated = np.repeat(x, times, axis=1)
    far = [crps(plain(x, weight), outcome).loss, crps(plain(repeated), outcome).loss]
    # Repeated draws count their zero distances as pairs: the two agree to one part in the number of draws.
    np.testing.assert_allclose(*far, rtol=2 / 60)
    ranks = [
        (np.sort(x[0], axis=0) < best_stock(one, 0.8).value).sum(axis=0) for one in (plain(x, weight), plain(repeated))
    ]
    assert np.abs(ranks[0] - ranks[1]).max() <= 1
    weighted, plainly = crps_divergence(plain(x, weight), plain(y)), crps_divergence(plain(repeated), plain(y))
    assert weighted.value + weighted.bias == pytest.approx(plainly.value + plainly.bias, rel=1e-9)


def test_half_the_pinball_costs_make_half_the_absolute_error():
    x = np.random.default_rng(5).normal(size=(1, 201, 1))
    outcome = np.array([0.7])
    half, whole = (stock_score(plain(x), outcome, cost, cost) for cost in (0.5, 1.0))
    np.testing.assert_allclose(2 * half.loss, whole.loss, rtol=1e-12)
    # The mean over the likely medians, which is the median's own to a small part of its error, 1.25 / sqrt(201).
    absolute = np.abs(np.quantile(x, 0.5, method="inverted_cdf") - outcome)
    np.testing.assert_allclose(whole.loss, absolute, atol=0.2 * 1.25 / np.sqrt(201))


def test_the_best_stock_is_the_cheapest():
    x = np.random.default_rng(6).gamma(2.0, size=(4, 100, 1))
    stock = best_stock(plain(x), 0.8).value
    cost = [stock_loss(stock + step, x[..., 0], UNDER, OVER).mean() for step in (-0.05, 0.0, 0.05)]
    assert cost[1] == min(cost)


def normal_pair(rng, shift, chains=4, draws=100, parameter=0.2, rows=2):
    """Predictive draws N(0, 1) and N(shift, 1); each row shares its noise, and each draw its parameter."""
    noise = rng.normal(size=(chains, draws, rows)) * np.sqrt(1 - parameter**2)
    centres = parameter * rng.normal(size=(2, chains, draws, 1))
    return plain(centres[0] + noise), plain(centres[1] + noise + shift)


def divergence_of_normals(shift):
    """E|sqrt(2) Z + shift| - E|sqrt(2) Z|."""
    z = shift / np.sqrt(2)
    return np.sqrt(2) * (2 * stats.norm.pdf(z) + z * (2 * stats.norm.cdf(z) - 1)) - 2 / np.sqrt(np.pi)


def cost_of_normals(shift):
    """Expected extra cost of a stock that is `shift` too high."""
    a = stats.norm.ppf(UNDER / (UNDER + OVER))

    def cost(stock):
        return (UNDER + OVER) * (stats.norm.pdf(stock) + stock * stats.norm.cdf(stock)) - UNDER * stock

    return cost(a + shift) - cost(a)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 50])
def test_costs_at_counts_have_errors_that_cover_or_say_that_a_decision_wavers(rows):
    rng = np.random.default_rng(16)
    rates = 3.0 * np.exp(0.3 * (rows > 1) * rng.normal(size=(1, rows))) * np.array([[1.0], [1.1]])
    outcome = rng.poisson(rates[0]).astype(float)
    costs = [stock_loss(stats.poisson(rate).ppf(0.8), outcome, UNDER, OVER).mean() for rate in rates]
    found = []
    for _ in range(200):
        p, q = (stock_score(plain(rng.poisson(rate, size=(4, 250, rows))), outcome, UNDER, OVER) for rate in rates)
        both = (p.influence - q.influence).var(ddof=1) / p.influence.size + p.remainder + q.remainder
        gap, error = (q.loss - p.loss).mean(), np.sqrt(both) + 1e-12
        usual = np.sqrt(p.usual + q.usual) + 1e-12
        found.append(
            (abs(gap - costs[1] + costs[0]) <= 1.645 * error, max(p.jump, q.jump) <= MAXIMUM_JUMP * min(error, usual))
        )
    holds, trusted = np.array(found).T
    if rows == 1:
        assert trusted.mean() < 0.3
    else:
        assert trusted.mean() > 0.5
        assert holds[trusted].mean() >= 0.9 - 4 * np.sqrt(0.09 / 200)


@pytest.mark.parametrize("probabilities", [[0.8, 0.2], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]])
def test_no_stock_at_an_edge_is_called_certain_by_luck(probabilities):
    rng = np.random.default_rng(17)
    draws = rng.choice(len(probabilities), p=probabilities, size=(REPLICATIONS, 4, 100, 1))
    for values in draws:
        score = stock_score(plain(values), np.array([5.0]), UNDER, OVER)
        error = np.sqrt(score.influence.var() / score.influence.size + score.remainder)
        assert relative_jump(score.jump, score.usual, error) > MAXIMUM_JUMP


def test_weights_and_memory_make_fewer_draws_beyond_a_level():
    rng = np.random.default_rng(18)
    x = rng.normal(size=(4, 250, 1))
    weight = np.exp(x[..., 0])
    sticky = np.repeat(rng.normal(size=(4, 25, 1)), 10, axis=1) + 1e-3 * x
    for level in (0.95, 0.05):
        assert best_stock(plain(x), level).beyond is None
        assert best_stock(plain(sticky), level).beyond.draws < MINIMUM_BEYOND
    # Weights take N(0, 1) to N(1, 1), worth a third of the draws; above the level few draws weigh much.
    assert best_stock(plain(x, weight / weight.mean()), 0.95).beyond
    assert best_stock(plain(np.zeros((4, 250, 1))), 0.999).beyond  # one in a thousand may differ
    assert best_stock(plain(np.zeros((4, 250, 1))), 0.95).beyond is None


def covered(estimate, truth):
    """Share of 90% intervals that hold the truth, and the mean of (estimate - truth) in standard errors of it."""
    values, errors = np.array(estimate).T
    return (np.abs(values - truth) <= 1.645 * errors).mean(), (values.mean() - truth) / (
        values.std() / np.sqrt(len(values))
    )


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.2, 2.0])
def test_errors_of_divergences_cover(shift):
    rng = np.random.default_rng(7)
    found = {"crps": [], "stock": []}
    for _ in range(REPLICATIONS):
        pair = normal_pair(rng, shift)
        found["crps"].append(crps_divergence(*pair)[:2])
        found["stock"].append(stock_divergence(*pair, UNDER, OVER)[:2])
    for name, truth in (("crps", divergence_of_normals(shift)), ("stock", cost_of_normals(shift))):
        coverage, bias = covered(found[name], truth)
        assert coverage >= 0.9 - FOUR_SIGMA, (name, coverage)
        if shift >= 1:  # below, the truncation at zero and the floor of the error lift both
            assert coverage <= 0.9 + FOUR_SIGMA + 0.03, (name, coverage)
            assert abs(bias) < 4, (name, bias)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_errors_of_gaps_cover(shift):
    rng = np.random.default_rng(8)
    outcome = np.array([0.4, -0.9])
    found = {"crps": [], "stock": []}
    for _ in range(REPLICATIONS):
        pair = normal_pair(rng, shift)
        for name, score in (("crps", crps), ("stock", lambda *a: stock_score(*a, UNDER, OVER))):
            p, q = (score(one, outcome) for one in pair)
            influence = q.influence - p.influence
            found[name].append(((q.loss - p.loss).mean(), influence.std(ddof=1) / np.sqrt(influence.size)))
    z = outcome[:, None] - [0.0, shift]
    normal_crps = (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)).mean(axis=0)
    stocks = stats.norm.ppf(0.8) + np.array([0.0, shift])
    costs = stock_loss(stocks, outcome[:, None], UNDER, OVER).mean(axis=0)
    for name, truth in (("crps", normal_crps[1] - normal_crps[0]), ("stock", costs[1] - costs[0])):
        coverage, _ = covered(found[name], truth)
        assert coverage == pytest.approx(0.9, abs=FOUR_SIGMA + 0.02), (name, coverage)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_error_of_the_energy_divergence_covers(shift):
    rng = np.random.default_rng(9)
    reference = np.random.default_rng(10).normal(size=(2, 400_000, 2))
    apart = np.linalg.norm(reference[0] - reference[1] + shift * np.array([1.0, 0.0]), axis=1)
    truth = (apart - np.linalg.norm(reference[0] - reference[1], axis=1)).mean()
    found = []
    for _ in range(REPLICATIONS):
        x, y = (one.values[:, :, None, :] for one in normal_pair(rng, np.array([shift, 0.0]), draws=20))
        found.append(energy_divergence(plain(x), plain(y))[:2])
    coverage, _ = covered(found, truth)
    assert coverage >= 0.9 - FOUR_SIGMA - (0.02 if shift else 0.0), coverage  # 80 draws: standard errors err, too


@pytest.mark.slow
def test_weighted_draws_cover_what_they_are_weighted_to():
    rng = np.random.default_rng(11)
    found = {"crps": [], "stock": []}
    for _ in range(REPLICATIONS):
        deployed, _ = normal_pair(rng, 0.0, rows=1)
        x = deployed.values[..., 0]
        weight = np.exp(0.5 * x)  # takes N(0, 1) to N(0.5, 1)
        shadow = WeightedDraws(deployed.values, weight / weight.mean())  # the same draws: as dependent as can be
        found["crps"].append(crps_divergence(shadow, deployed)[:2])
        found["stock"].append(stock_divergence(shadow, deployed, UNDER, OVER)[:2])
    for name, truth in (("crps", divergence_of_normals(0.5)), ("stock", cost_of_normals(-0.5))):
        coverage, _ = covered(found[name], truth)
        assert coverage >= 0.9 - FOUR_SIGMA - 0.02, (name, coverage)


@pytest.mark.slow
@pytest.mark.parametrize("rates", [(3.0, 3.3), (20.0, 22.0)])
def test_counts_with_their_ties_cover(rates):
    rng = np.random.default_rng(12)
    k = np.arange(60)
    first, second = (stats.poisson(rate) for rate in rates)
    stocks = [one.ppf(0.8) for one in (first, second)]
    costs = [first.pmf(k) @ stock_loss(stock, k, UNDER, OVER) for stock in stocks]
    truths = {"crps": ((first.cdf(k) - second.cdf(k)) ** 2).sum(), "stock": costs[1] - costs[0]}
    found = {"crps": [], "stock": []}
    for _ in range(REPLICATIONS):
        # Fewer do not tell stocks apart that cost nearly the same, as 4 and 5 at rate 3: .85 at 1000, .76 at 400.
        pair = [plain(rng.poisson(rate, size=(4, 400, 1))) for rate in rates]
        found["crps"].append(crps_divergence(*pair)[:2])
        found["stock"].append(stock_divergence(*pair, UNDER, OVER)[:2])
    for name, truth in truths.items():
        coverage, _ = covered([(value, error + 1e-12) for value, error in found[name]], truth)
        assert coverage >= 0.9 - FOUR_SIGMA, (name, coverage)


def test_a_stock_of_counts_that_is_certain_has_no_error_and_one_that_wavers_has():
    zeros, wavering = np.zeros((4, 100, 1)), np.zeros((4, 100, 1))
    wavering[:, :21] = 1.0  # P(0) = 0.79, just below the level
    assert not best_stock(plain(zeros), 0.8).likely.any()
    stock = best_stock(plain(wavering), 0.8)
    assert stock.value == 1
    assert set(stock.likely.ravel()) == {0.0, 1.0}
    assert stock_score(plain(zeros), np.array([5.0]), UNDER, OVER).remainder == 0
    assert stock_score(plain(wavering), np.array([5.0]), UNDER, OVER).remainder > 0


def test_chains_with_a_memory_have_larger_errors():
    rng = np.random.default_rng(13)
    found = []
    for _ in range(REPLICATIONS // 5):
        steps = rng.normal(size=(2, 4, 500))
        centres = np.zeros_like(steps)
        for s in range(1, 500):  # AR(0.9), a twentieth of the draws in worth
            centres[..., s] = 0.9 * centres[..., s - 1] + np.sqrt(1 - 0.81) * steps[..., s]
        noise = rng.normal(size=(4, 500))
        x, y = (0.6 * centres[i] + 0.8 * noise + 0.5 * i for i in range(2))
        found.append(crps_divergence(plain(x[..., None]), plain(y[..., None]))[:2])
    coverage, _ = covered(found, divergence_of_normals(0.5))
    assert coverage >= 0.9 - 4 * np.sqrt(0.09 / (REPLICATIONS // 5)), coverage


def test_forecasts_with_different_numbers_of_draws_are_held_apart():
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(4, 300, 1)), rng.normal(1.0, 1.0, size=(2, 400, 1))
    for result, truth in (
        (crps_divergence(plain(x), plain(y)), divergence_of_normals(1.0)),
        (stock_divergence(plain(x), plain(y), UNDER, OVER), cost_of_normals(1.0)),
    ):
        assert abs(result.value - truth) < 4 * result.standard_error


def test_gap_spread_is_that_of_the_gap_at_the_draws():
    rng = np.random.default_rng(15)
    x, y = rng.normal(size=(4, 500, 2)), rng.normal(0.7, 1.3, size=(4, 500, 2))
    at = x.reshape(-1, 2)[::10]
    gaps = [
        np.subtract(*(crps(plain(np.repeat(one[..., [i]], len(at), axis=2)), at[:, i]).loss for one in (y, x)))
        for i in range(2)
    ]
    expected = np.sqrt(np.var(gaps, axis=1).sum()) / 2
    assert crps_divergence(plain(x), plain(y)).gap_sd == pytest.approx(expected, rel=4 / np.sqrt(2 * 200))


@pytest.mark.parametrize(("chains", "draws"), [(1, 1), (4, 3), (3, 1000), (40, 10)])
def test_blocks_are_as_large_as_one_another_and_inside_a_chain(chains, draws):
    labels = block_labels(chains, draws)
    assert labels.shape == (chains, draws)
    sizes = np.bincount(labels.ravel())
    assert sizes.min() > 0
    assert all(np.ptp(np.bincount(row - row[0])) <= 1 for row in labels)
    assert not any(set(a) & set(b) for a, b in pairwise(labels))
