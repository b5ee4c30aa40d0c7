"""Debt within one set of draws under two weightings, against normals and uniforms whose divergences are known."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import signal, stats

from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.bridging.reweighted import reweighted_debt
from learning_debt.debt.from_draws import debt_from_draws

Z90 = stats.norm.ppf(0.95)


def log_ratio(theta, mean):
    """log N(theta; mean, 1) - log N(theta; 0, 1)."""
    return mean * theta - mean**2 / 2


def smoothed(log_weight):
    """Pareto-smoothed weights."""
    return np.exp(array_stats.psislw(-log_weight.ravel())[0]).reshape(log_weight.shape)


def autoregressive(rng, shape, phi):
    noise = rng.normal(size=(shape[0], shape[1] + 100)) * np.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=-1)[:, 100:]


def verdict(at, shadow=None, deployed=None):
    """As the public estimators judge it; no marginal is ever asked for."""
    options = {"weight_shadow": shadow, "weight_deployed": deployed, "together": True}
    return debt_from_draws(at, at, None, None, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deployed", "shadow", "phi", "draws"), [(0.0, 0.3, 0.0, 250), (0.2, 0.6, 0.0, 500), (0.0, 0.5, 0.8, 1000)]
)
def test_intervals_of_reweighted_draws_cover(deployed, shadow, phi, draws):
    """Draws of N(0, 1) weighted to N(a, 1) and N(b, 1): debt (b - a)^2 / 2. 1000 replications, 4 binomial sigma.

    Chains worth 450 draws of 4000: the size of each is itself estimated, and 3% are allowed for it, as for the pooled
    estimator.
    """
    rng, repeats, misses = np.random.default_rng(61), 1000, []
    for _ in range(repeats):
        theta = autoregressive(rng, (4, draws), phi)
        weights = [None if mean == 0 else smoothed(log_ratio(theta, mean)) for mean in (shadow, deployed)]
        estimate = reweighted_debt(log_ratio(theta, shadow) - log_ratio(theta, deployed), *weights)
        misses.append((estimate.value - (shadow - deployed) ** 2 / 2) / estimate.standard_error)
        assert estimate.mismatch < 1e-6
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * np.sqrt(0.09 / repeats) + (0.03 if phi else 0)
    assert np.abs(misses).max() < 6


def test_the_pooled_estimator_of_one_set_with_itself_is_the_same():
    """Bennett's equation over draws that are the same on both sides is solved by the log mean of exp l."""
    theta = np.random.default_rng(62).normal(size=(4, 500))
    at = log_ratio(theta, 0.7)
    one = reweighted_debt(at, np.exp(at))
    pooled = bridge.pooled_debt(at, at, weight_shadow=np.exp(at), together=True)
    assert pooled.value == pytest.approx(one.value, abs=1e-7)
    assert pooled.standard_error == pytest.approx(one.standard_error, rel=0.05)  # effective sizes of other columns
    apart = bridge.pooled_debt(at, at, weight_shadow=np.exp(at))
    assert apart.standard_error < 0.9 * one.standard_error  # taken for independent draws, they would look too certain


@pytest.mark.parametrize("weighted", [False, True])
def test_a_posterior_is_no_nats_from_itself_and_that_is_certain(weighted):
    theta = np.random.default_rng(63).normal(size=(4, 500))
    weight = smoothed(log_ratio(theta, 0.5)) if weighted else None
    estimate = verdict(np.zeros((4, 500)), weight, weight)
    assert (estimate.value, estimate.standard_error, estimate.reliable) == (0.0, 0.0, True)


def test_draws_that_the_new_data_rule_out_weigh_nothing():
    """Uniforms on [0, .4] and [0, 1]: minus the log of a share, whose error is known; 4 sigma, 20 replications.

    400 of 1,000 draws reach the weights, for which a quarter is added to the error.
    """
    rng = np.random.default_rng(64)
    for _ in range(20):
        inside = rng.uniform(size=(4, 250)) < 0.4
        estimate = verdict(np.where(inside, 0.0, -np.inf), inside.astype(float))
        assert estimate.reliable
        assert estimate.value == pytest.approx(-np.log(inside.mean()))
        assert estimate.standard_error == pytest.approx(1.25 * np.sqrt(0.6 / 0.4 / 1000), rel=0.25)
        assert abs(estimate.value + np.log(0.4)) < 4 * estimate.standard_error


def test_the_order_of_the_draws_changes_nothing_but_rounding():
    """Chains swapped and run backwards: values to rounding, errors as effective sizes go."""
    theta = np.random.default_rng(65).normal(size=(4, 500))
    at, weight = log_ratio(theta, 0.5), smoothed(log_ratio(theta, 0.5))
    turned = slice(None, None, -1)
    first, second = reweighted_debt(at, weight), reweighted_debt(at[turned, turned], weight[turned, turned])
    assert second.value == pytest.approx(first.value, rel=1e-9)
    assert second.standard_error == pytest.approx(first.standard_error, rel=0.05)


def test_one_draw_with_all_the_weight_is_not_relied_on():
    at = np.random.default_rng(66).normal(size=(4, 500))
    at[2, 17] = 60.0
    estimate = verdict(at, np.exp(at - 60))
    assert not estimate.reliable
    assert estimate.lower_bound
    assert np.isnan(estimate.standard_error)
    assert "refit the shadow" in estimate.note
    assert estimate.diagnostics["effective_draws"] < 2


def test_weights_too_uneven_are_not_relied_on_and_even_ones_are():
    """A shadow 3.5 standard deviations away against one .5 away; 20 replications each."""
    rng = np.random.default_rng(67)
    for mean, expected in ((3.5, False), (0.5, True)):
        for _ in range(20):
            at = log_ratio(rng.normal(size=(4, 1000)), mean)
            estimate = verdict(at, smoothed(at))
            assert estimate.reliable == expected
            if expected:
                assert abs(estimate.value - mean**2 / 2) < 5 * estimate.standard_error


@pytest.mark.parametrize("factor", [0.5, 0.9, 2.0])
def test_weights_of_other_data_are_found_out(factor):
    """The weights follow another log-likelihood than the one that is given."""
    theta = np.random.default_rng(68).normal(size=(4, 500))
    estimate = verdict(log_ratio(theta, 0.5), smoothed(log_ratio(theta, 0.5 * factor)))
    assert not estimate.reliable
    assert "belong to other data" in estimate.note


def test_few_draws_are_answered_without_confidence():
    at = np.random.default_rng(69).normal(size=(1, 10)) * 0.1
    assert not verdict(at, np.exp(at)).reliable
