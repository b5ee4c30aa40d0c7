"""Test martingales: exact values, and that their nulls are rejected no more often than said, whenever one looks."""

import numpy as np
import pytest
from scipy.integrate import quad

from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.evidence.e_values import log_likelihood_ratios, log_sign_bets

REPLICATIONS, ALPHA = 4000, 0.05
BOUND = ALPHA + 4 * np.sqrt(ALPHA * (1 - ALPHA) / REPLICATIONS)  # 4 sigma of the binomial


def ever_rejected(log_e):
    """Share of the processes, shape (replications, periods), that ever reach 1 / alpha."""
    return float((log_e.max(axis=1) >= -np.log(ALPHA)).mean())


def prior(replications):
    mean = np.zeros((replications, 2))
    return nig.NIG(mean, np.broadcast_to(np.eye(2), (replications, 2, 2)), np.full(replications, 3.0), mean[:, 0] + 3.0)


def foretold(posterior, x, rng):
    """Outcomes that follow a posterior's predictive densities, row by row."""
    freedom, location, scale = nig.predictive(posterior, x)
    return location + scale * rng.standard_t(np.broadcast_to(freedom, location.shape))


def test_the_sign_bet_is_an_integral_over_what_could_be_right():
    gaps = np.array([0.3, -0.1, 0.0, np.nan, 0.2, 0.4, -0.5])
    won, lost = [1, 1, 1, 1, 2, 3, 3], [0, 1, 1, 1, 1, 1, 2]
    for place, log_e in enumerate(log_sign_bets(gaps)):
        k, m = won[place], lost[place]
        capital = quad(lambda theta, k=k, m=m: 2 * (2 * theta) ** k * (2 * (1 - theta)) ** m, 0.5, 1)[0]
        assert np.exp(log_e) == pytest.approx(capital, rel=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_sign_bets_are_no_more_often_won_than_said_if_the_shadow_is_not_better(share):
    rng = np.random.default_rng(1)
    gaps = np.where(rng.random((REPLICATIONS, 200)) < share, 1.0, -1.0)
    assert ever_rejected(log_sign_bets(gaps)) <= BOUND


def test_sign_bets_are_won_if_the_shadow_is_better():
    rng = np.random.default_rng(2)
    assert ever_rejected(log_sign_bets(np.where(rng.random((500, 200)) < 0.7, 1.0, -1.0))) > 0.95


@pytest.mark.parametrize("rows", [1, 4])
def test_the_likelihood_ratio_is_a_martingale_where_the_deployed_forecast_is_right(rows):
    """Rows follow the frozen predictive densities; the shadow learns from them, and expects to be better."""
    rng = np.random.default_rng(3)
    deployed = nig.update(prior(REPLICATIONS), *drawn(rng, 12))
    shadow, gaps = deployed, np.empty((REPLICATIONS, 40))
    for t in range(40):
        x = rng.normal(size=(REPLICATIONS, rows, 2))
        y = foretold(deployed, x, rng)
        gaps[:, t] = (nig.log_score(shadow, x, y) - nig.log_score(deployed, x, y)).mean(axis=-1)
        shadow = nig.update(shadow, x, y)
    log_e = log_likelihood_ratios(gaps, np.full(40, rows))
    assert ever_rejected(log_e) <= BOUND
    early = np.exp(log_e[:, 1])  # later ones have too heavy a tail for a mean to be looked at
    assert abs(early.mean() - 1) < 4 * early.std() / np.sqrt(REPLICATIONS)


def test_a_window_is_not_preferred_where_the_shadow_of_all_data_is_right():
    """Rows follow the predictive densities of the shadow that holds everything; the other one holds 8 periods."""
    rng = np.random.default_rng(4)
    x, y = drawn(rng, 8)
    everything, held = nig.update(prior(REPLICATIONS), x, y), [(x[:, [k]], y[:, [k]]) for k in range(8)]
    better = np.empty((REPLICATIONS, 30))
    for t in range(30):
        x = rng.normal(size=(REPLICATIONS, 1, 2))
        y = foretold(everything, x, rng)
        window = nig.update(
            prior(REPLICATIONS), *(np.concatenate(part, axis=1) for part in zip(*held[-8:], strict=True))
        )
        better[:, t] = (nig.log_score(window, x, y) - nig.log_score(everything, x, y)).mean(axis=-1)
        everything, held = nig.update(everything, x, y), [*held, (x, y)]
    assert ever_rejected(log_likelihood_ratios(better, np.ones(30))) <= BOUND


def drawn(rng, periods):
    """First rows of every replication, from a truth of its own."""
    x = rng.normal(size=(REPLICATIONS, periods, 2))
    truth = rng.normal(size=(REPLICATIONS, 1, 2))
    return x, (x * truth).sum(axis=-1) + rng.normal(size=(REPLICATIONS, periods))


def test_periods_that_are_not_known_are_passed_over():
    gaps = np.array([0.1, np.nan, -0.2, 0.3])
    known = gaps[np.isfinite(gaps)]
    assert log_sign_bets(gaps)[-1] == pytest.approx(log_sign_bets(known)[-1])
    assert log_likelihood_ratios(gaps, np.full(4, 2.0))[-1] == pytest.approx(2 * known.sum())
