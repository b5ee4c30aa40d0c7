"""Marginal debt from draws against closed forms: Gaussians, and the marginals of an exact posterior."""

import numpy as np
import pytest
from scipy import signal, stats

from learning_debt.arrays.bridging.bridge import pooled_debt
from learning_debt.arrays.bridging.marginal_debt import hard_labels, lower_bound, marginal_debt, soft_labels
from learning_debt.arrays.conjugate import nig, nig_parts

Z90 = stats.norm.ppf(0.95)
REPEATS = 1000
BINOMIAL = np.sqrt(0.9 * 0.1 / REPEATS)


def require_coverage(found, exact):
    """.90 within 4 binomial sigma, and none beyond 5.5 standard errors."""
    misses = np.array([(one.value - exact) / one.standard_error for one in found])
    assert abs(np.mean(np.abs(misses) < Z90) - 0.9) < 4 * BINOMIAL
    assert np.abs(misses).max() < 5.5


@pytest.mark.slow
def test_coefficient_and_skewed_variance_cover_their_exact_debt():
    """Eight rows after four, 2 x 100 draws of each posterior, 1000 replications."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 1))
    y = x[:, 0] * np.where(np.arange(12) < 4, 1.0, 1.8) + rng.normal(size=12)
    deployed = nig.update(nig.as_nig(nig.NIG(0.0, 1.0, 2.0, 1.0)), x[:4], y[:4])
    shadow = nig.update(deployed, x[4:], y[4:])
    found = {"coefficient": [], "variance": []}
    for _ in range(REPEATS):
        draws = [nig.sample(one, 200, rng) for one in (deployed, shadow)]
        at = [stats.norm.logpdf(y[4:], b @ x[4:].T, np.sqrt(v)[:, None]).sum(axis=1).reshape(2, 100) for b, v in draws]
        labels = soft_labels(*at, pooled_debt(*at).log_normaliser)
        found["coefficient"].append(marginal_debt(*(b.reshape(2, 100, 1) for b, _ in draws), labels))
        found["variance"].append(marginal_debt(*(np.log(v).reshape(2, 100, 1) for _, v in draws), labels))
    require_coverage(found["coefficient"], nig_parts.coefficients_debt(shadow, deployed, [0]))
    require_coverage(found["variance"], nig_parts.variance_debt(shadow, deployed))


def normal_draws(rng, means, draws=(4, 500), scale=1.0):
    """Draws of N(0, 1) and N(means, scale^2) and the log ratio of their densities at both; shapes (chain, draw, p)."""
    means = np.asarray(means, dtype=float)
    q, p = rng.normal(size=(*draws, means.size)), means + scale * rng.normal(size=(*draws, means.size))
    at = [(stats.norm.logpdf(one, means, scale) - stats.norm.logpdf(one)).sum(axis=-1) for one in (q, p)]
    return q, p, at


def test_labels_by_the_log_likelihood_beat_labels_by_origin_where_belief_has_hardly_moved():
    rng, errors = np.random.default_rng(2), {"soft": [], "hard": []}
    for _ in range(30):
        q, p, at = normal_draws(rng, [0.1])
        for name, labels in (("soft", soft_labels(*at, 0.0)), ("hard", hard_labels(*at))):
            errors[name].append(marginal_debt(q, p, labels).value - 0.005)
    assert np.std(errors["soft"]) < np.std(errors["hard"]) / 5


def test_draws_that_do_not_overlap_are_told_apart_by_a_known_normaliser():
    q, p, at = normal_draws(np.random.default_rng(3), [6.0])
    debt = marginal_debt(q, p, soft_labels(*at, 0.0, 0.0))
    assert debt.support > 100
    assert abs(debt.value - 18.0) < 4 * debt.standard_error + 0.18  # bias below 1% beyond the deployed draws' reach


def test_without_a_normaliser_the_bound_holds_and_support_says_so():
    q, p, at = normal_draws(np.random.default_rng(4), [6.0])
    debt = marginal_debt(q, p, hard_labels(*at))
    assert debt.support < 100
    assert 5.0 < lower_bound(q, p) < 18.0
    assert debt.if_gaussian == pytest.approx(18.0, rel=0.1)


def test_the_bound_holds_as_often_as_it_says():
    """Two normals, true debt .125: over 400 data sets the bound exceeds it in at most 5%, plus 4 sigma."""
    rng = np.random.default_rng(5)
    above = [lower_bound(q, p) > 0.125 for q, p, _ in (normal_draws(rng, [0.5], (2, 60)) for _ in range(400))]
    assert np.mean(above) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


def test_several_parameters_jointly_and_what_did_not_move():
    q, p, at = normal_draws(np.random.default_rng(6), [0.8, -0.5, 0.0, 0.0])
    labels = soft_labels(*at, 0.0)
    joint = marginal_debt(q, p, labels)
    assert abs(joint.value - 0.445) < 4 * joint.standard_error
    still = marginal_debt(q[..., 2:], p[..., 2:], labels)
    assert still.value < 4 * still.standard_error + 1e-9
    assert still.value < 0.01


def test_reversed_roles_give_the_reversed_divergence():
    """KL(N(1, 1/4)‖N(0, 1)) = .82, and 2.81 the other way round."""
    q, p, at = normal_draws(np.random.default_rng(7), [1.0], scale=0.5)
    forward = marginal_debt(q, p, soft_labels(*at, 0.0))
    backward = marginal_debt(p, q, soft_labels(-at[1], -at[0], 0.0))
    assert abs(forward.value - (np.log(2) + (0.25 + 1) / 2 - 0.5)) < 4 * forward.standard_error
    assert backward.value > 2 * forward.value


def test_constants_hold_no_debt():
    ones = np.ones((2, 50, 1))
    labels = hard_labels(ones[..., 0], ones[..., 0])
    assert marginal_debt(ones, ones, labels)[:2] == (0.0, 0.0)


def test_sticky_chains_are_worth_what_their_parameter_is_worth():
    """AR(.97) chains of 4,000 draws are worth 61, however fast their squares forget; shuffled they are worth 4,000."""
    rng = np.random.default_rng(8)
    steps = np.sqrt(1 - 0.97**2) * rng.normal(size=(2, 4, 1500))
    q, p = signal.lfilter([1.0], [1.0, -0.97], steps, axis=-1)[..., 500:] * [[[1.0]], [[0.8]]]
    at = [stats.norm.logpdf(one, 0.0, 0.8) - stats.norm.logpdf(one) for one in (q, p)]
    sticky = marginal_debt(q[..., None], p[..., None], soft_labels(*at, 0.0))
    assert sticky.effective_draws < 61 * (1 + 4 * np.sqrt(10 / 61))
    order = rng.permutation(4000)
    mixed = [one.ravel()[order].reshape(4, 1000) for one in (q, p, *at)]
    shuffled = marginal_debt(mixed[0][..., None], mixed[1][..., None], soft_labels(*mixed[2:], 0.0))
    assert shuffled.effective_draws > 3000
    assert sticky.standard_error > 2 * shuffled.standard_error
