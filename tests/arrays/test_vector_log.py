"""The logarithm of compiled loops, against the longer floats of the processor."""

import numpy as np
from numba import njit

from learning_debt.arrays.conjugate.vector_log import log1p


@njit(error_model="numpy", fastmath={"contract"})
def logarithms(x):
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        out[i] = log1p(x[i])
    return out


def test_log1p_is_right_to_two_units_in_the_last_place():
    rng = np.random.default_rng(1)
    small = 10 ** rng.uniform(-300, 0, 20_000)
    x = np.concatenate([small, -small, 10 ** rng.uniform(0, 300, 20_000), rng.uniform(-0.5, 1.0, 20_000)])
    exact = np.log1p(x.astype(np.longdouble))
    error = np.abs((logarithms(x) - exact) / exact)
    assert float(error.max()) < 2 * np.finfo(float).eps


def test_log1p_of_no_number_is_none():
    assert np.isnan(logarithms(np.array([np.nan, np.inf, -np.inf]))).all()
    assert logarithms(np.array([0.0]))[0] == 0
