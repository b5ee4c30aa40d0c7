"""Exact tables of posteriors that are far apart, against single posteriors fitted afresh and references of many digits.

Far is what ordinary data make: coefficients learnt from many rows, columns absent at first, one very large x, noise
that falls.
"""

import numpy as np
import pytest

import learning_debt as ld
from learning_debt.arrays.conjugate import nig
from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.arrays.conjugate.posterior_chain import posterior_chain
from learning_debt.arrays.conjugate.spell_cells import spell_cells


def prior_of(coefficients, precision=1.0):
    return as_nig(NIG(np.zeros(coefficients), precision * np.eye(coefficients), 2.0, 1.0))


def series(coefficients, rows, periods, noise=1.0, large=1.0, absent_until=0, seed=0):
    """Standard normal columns; noise changes halfway, one x is `large`, all but the first column begin late."""
    rng = np.random.default_rng(seed)
    count = rows * periods
    period = np.arange(count) // rows
    x = rng.normal(size=(count, coefficients))
    x[period < absent_until, 1:] = 0.0
    y = 0.3 * x.sum(axis=1) + np.where(period < periods // 2, 1.0, noise) * rng.normal(size=count)
    x[count // 2, 0] *= large
    return x, y, rows * np.arange(periods + 1)


CASES = {
    "many rows, 16 coefficients": ({"coefficients": 16, "rows": 16, "periods": 300}, 1, 1.0),
    "many rows, 10 coefficients": ({"coefficients": 10, "rows": 10, "periods": 300}, 1, 1.0),
    "50 coefficients": ({"coefficients": 50, "rows": 20, "periods": 30}, 3, 1.0),
    "absent columns": ({"coefficients": 8, "rows": 9, "periods": 6, "absent_until": 3}, 1, 1e-4),
    "absent columns, 20": ({"coefficients": 20, "rows": 20, "periods": 8, "absent_until": 4}, 1, 1e-4),
    "absent column, vague prior": ({"coefficients": 2, "rows": 2, "periods": 12, "absent_until": 6}, 4, 1e-16),
    "absent column, vaguest prior": ({"coefficients": 2, "rows": 2, "periods": 12, "absent_until": 6}, 4, 1e-20),
    "strong prior": ({"coefficients": 5, "rows": 3, "periods": 40}, 4, 1e4),
    "x of 1e8": ({"coefficients": 1, "rows": 1, "periods": 12, "large": 1e8}, 2, 1.0),
    "x of 1e12": ({"coefficients": 1, "rows": 1, "periods": 12, "large": 1e12}, 2, 1.0),
    "x of 1e12, 3 coefficients": ({"coefficients": 3, "rows": 2, "periods": 12, "large": 1e12}, 2, 1.0),
    "x of 1e12, rows": ({"coefficients": 1, "rows": 20, "periods": 30, "large": 1e12}, 2, 1e-4),
    "noise falls 30 times": ({"coefficients": 3, "rows": 5, "periods": 40, "noise": 1 / 30}, 4, 1.0),
    "noise falls 1000 times": ({"coefficients": 1, "rows": 20, "periods": 60, "noise": 1e-3}, 4, 1.0),
    "noise grows 1000 times": ({"coefficients": 2, "rows": 1, "periods": 30, "noise": 1e3}, 4, 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_cells_are_those_of_single_posteriors_fitted_afresh(case):
    made, initial, precision = CASES[case]
    x, y, starts = series(**made)
    prior, periods, first = prior_of(made["coefficients"], precision), made["periods"] - initial, starts[initial]
    chain = posterior_chain(prior, x, y, starts, initial, np.ones(made["periods"]))
    cells = spell_cells(chain, x[first:], y[first:], starts[initial:] - first)
    for s, t in {(0, 1), (0, periods // 4), (0, periods // 2), (0, periods), (periods // 2, periods)}:
        deployed, shadow = (nig.update(prior, x[:stop], y[:stop]) for stop in starts[[initial + s, initial + t]])
        own = slice(starts[initial + t - 1], starts[initial + t])
        # Log-gammas of single posteriors cancel; 1e-13 is what a single predictive divergence is held to.
        absolute = 1e-15 * shadow.shape * np.log(shadow.shape)
        np.testing.assert_allclose(cells.debt[s, t - 1], nig.kl(shadow, deployed), rtol=1e-10, atol=absolute)
        divergence = nig.predictive_debt(shadow, deployed, x[own])
        np.testing.assert_allclose(cells.predictive_debt[s, t - 1], divergence, rtol=1e-10, atol=1e-13)


# One coefficient, prior NIG(0, 1, 2, 1), a period a row, two before the table. Deployed at, period, posterior debt,
# predictive debt, spread of the gap: mpmath 1.3 at 60 digits from the data, the trapezoidal rule in asinh of the
# distance to the narrower predictive.
LARGE_X = np.array([1.0, -0.5, 2.0, 0.25, 1e20, 0.5])[:, None]
LARGE_Y = np.array([1.5, 0.25, 1.0, -0.5, 0.75, 1.0])
LARGE_CELLS = [
    (0, 3, 45.871476341911868, 45.452824306816214, 0.82767969803987354),
    (2, 3, 46.094237386341758, 45.691311882026166, 0.82767969803987354),
    (2, 4, 46.080993491885063, 0.059866786173321462, 0.36470049414970837),
    (3, 4, 0.01079472471986083, 0.00037831963339793965, 0.027607036032873894),
]


def test_a_row_of_1e20_leaves_no_trace_of_the_mean_before():
    """The mean falls to 1e-20 of itself, and is worth nothing as a sum of what it was and a step."""
    chain = posterior_chain(prior_of(1), LARGE_X, LARGE_Y, np.arange(7), 2, np.ones(6))
    cells = spell_cells(chain, LARGE_X[2:], LARGE_Y[2:], np.arange(5))
    for s, t, *expected in LARGE_CELLS:
        found = [values[s, t - 1] for values in (cells.debt, cells.predictive_debt, cells.gap_sd)]
        np.testing.assert_allclose(found, expected, rtol=1e-10, err_msg=f"{s}, {t}")
    before = nig.update(prior_of(1), LARGE_X[:4], LARGE_Y[:4])
    last = nig.update(before, LARGE_X[4:], LARGE_Y[4:])
    np.testing.assert_allclose([last.mean[0], last.rate], [7.5e-21, 3.28125], rtol=1e-13)


def test_what_rounding_errors_swallow_is_refused_by_name():
    """Two new columns in one row: a prior precision of 1e-20 beside numbers of 1 cannot tell them apart."""
    x, y = np.ones((8, 3)), np.arange(8.0)
    x[:4, 1:] = 0.0
    x[5:] = np.random.default_rng(1).normal(size=(3, 3))
    chain = posterior_chain(prior_of(3, 1e-20), x, y, np.arange(9), 2, np.ones(8))
    assert np.isnan(chain.factor[2, 2, 3])  # after the row in which the columns are equal
    assert np.isfinite(chain.factor[:, :, [0, 1, 2]]).all()
    with pytest.raises(ValueError, match=r"not positive definite in floating point.*give the prior more precision"):
        nig.kl(*(nig.update(prior_of(3, 1e-20), x[:stop], y[:stop]) for stop in (5, 4)))
    history = {"x": x, "y": y, "period": np.arange(8)}
    with pytest.raises(ValueError, match="not positive definite in floating point"):
        ld.spell_table(ld.ConjugateRegression(prior_of(3, 1e-20)), history, initial=2, progressbar=False)
    table = ld.spell_table(ld.ConjugateRegression(prior_of(3, 1e-8)), history, initial=2, progressbar=False)
    assert np.isfinite(table["debt"].values[0, 0]).all()
