"""Posteriors of weighted rows: windows and discounts, exact and sampled."""

import numpy as np
import pytest
from scipy.stats import norm

from learning_debt.arrays import nig
from learning_debt.arrays.nig import NIG
from learning_debt.posteriors.base import GRADIENT_EVALUATIONS, as_row_weight
from learning_debt.posteriors.conjugate import ConjugateRegression

EXACT = ConjugateRegression(NIG([0.5, -0.5], [[2.0, 0.3], [0.3, 1.5]], 4.0, 3.0))


def regression_rows(rows=12, seed=0):
    generator = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), generator.normal(size=rows)])
    return {"x": x, "y": x @ [1.0, -0.7] + 0.8 * generator.normal(size=rows)}


def largest_gap(first, second):
    return max(np.abs(one - two).max() for one, two in zip(first, second, strict=True))


def test_whole_weights_are_repeated_rows_and_zero_is_no_row():
    data, times = regression_rows(), np.arange(12) % 4
    repeated = {name: values[np.repeat(np.arange(12), times)] for name, values in data.items()}
    assert largest_gap(EXACT.fit(data, row_weight=times), EXACT.fit(repeated)) < 1e-12
    assert largest_gap(EXACT.fit(data, row_weight=np.zeros(12)), EXACT.prior) == 0


def test_weighted_updates_add_up():
    data, weight = regression_rows(), np.random.default_rng(1).uniform(0, 2, 12)
    first, rest = ({name: values[part] for name, values in data.items()} for part in (slice(5), slice(5, None)))
    stepwise = EXACT.update(EXACT.fit(first, row_weight=weight[:5]), rest, weight[5:])
    assert largest_gap(stepwise, EXACT.fit(data, row_weight=weight)) < 1e-12


def test_exact_joint_density_is_prior_plus_weighted_terms():
    data, weight = regression_rows(), np.random.default_rng(1).uniform(0, 2, 12)
    tree = EXACT.sample(EXACT.fit(data, row_weight=weight), draws=5, chains=1, random_seed=1)
    points = EXACT.unconstrained_draws(tree)[0]
    coefficients, variance = points[:, :2], np.exp(points[:, 2])
    terms = norm.logpdf(data["y"], coefficients @ data["x"].T, np.sqrt(variance)[:, None])
    expected = nig.log_density(EXACT.prior, coefficients, variance) + points[:, 2] + terms @ weight
    np.testing.assert_allclose(EXACT.log_joint(tree, points), expected, atol=1e-10)
    assert tree.attrs[GRADIENT_EVALUATIONS] == 0


@pytest.mark.parametrize(
    ("weight", "what"),
    [
        (np.full(12, -0.1), "must not be negative; row 0"),
        (np.append(np.ones(11), np.nan), "must be finite; row 11"),
        (np.append(np.ones(11), np.inf), "must be finite; row 11"),
        (np.ones(11), r"shape \(12,\)"),
        (1.0, r"shape \(12,\)"),
        (["a"] * 12, "must hold numbers"),
    ],
)
def test_wrong_weights_are_refused(weight, what):
    with pytest.raises(ValueError, match=what):
        EXACT.fit(regression_rows(), row_weight=weight)


def test_weights_that_are_all_one_are_none():
    assert as_row_weight(np.ones(3), 3) is None
    assert as_row_weight(None, 3) is None
