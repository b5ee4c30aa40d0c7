"""The logarithm of compiled loops, against the longer floats of the processor."""

import numpy as np
from numba import njit

from learning_debt.arrays.conjugate.vector_log import log1p, log_ratio


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
    assert np.isnan(logarithms(np.array([-1.0, -2.0]))).all()


@njit(error_model="numpy", fastmath={"contract"})
def logarithms_of_ratios(ratio, excess):
    out = np.empty_like(ratio)
    for i in range(ratio.shape[0]):
        out[i] = log_ratio(ratio[i], excess[i])
    return out


def test_log_ratio_is_right_near_1_and_where_the_ratio_is_nearly_0():
    rng = np.random.default_rng(2)
    near = 10 ** rng.uniform(-300, -1, 20_000) * rng.choice([-1.0, 1.0], 20_000)
    far = 10 ** rng.uniform(-307, 307, 20_000)
    excess = np.concatenate([near, far - 1.0])
    exact = np.concatenate([np.log1p(near.astype(np.longdouble)), np.log(far.astype(np.longdouble))])
    error = np.abs((logarithms_of_ratios(np.concatenate([1.0 + near, far]), excess) - exact) / exact)
    assert float(error[np.abs(exact) > 0].max()) < 2 * np.finfo(float).eps
    unusable = np.array([0.0, 1e-310, -1.0, np.inf, np.nan])
    assert np.isnan(logarithms_of_ratios(unusable, unusable - 1.0)).all()
