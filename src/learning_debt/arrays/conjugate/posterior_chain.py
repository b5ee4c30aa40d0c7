"""Posteriors of one series after every period, laid out so that a compiled loop runs over them side by side.

The formulas are those of `learning_debt.arrays.conjugate.nig.update`, row by row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.typing import Array


class PosteriorChain(NamedTuple):
    """Posteriors 0..T of p coefficients, the first after the initial periods. The last axis runs over them.

    Attributes
    ----------
    mean : ndarray, shape (p, T + 1)
    factor : ndarray, shape (p, p, T + 1)
        Lower factor L of the precision L L'.
    inverse : ndarray, shape (p, p, T + 1)
        Its inverse, lower as well.
    shape, rate : ndarray, shape (T + 1,)
    """

    mean: Array
    factor: Array
    inverse: Array
    shape: Array
    rate: Array


def posterior_chain(
    prior: NIG, x: Array, y: Array, starts: NDArray[np.int64], initial: int, age_weight: Array
) -> PosteriorChain:
    """Posteriors after `initial` periods and after each that follows.

    Parameters
    ----------
    prior : NIG
        A single one, of arrays.
    x : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    starts : ndarray of int, shape (periods + 1,)
        Period i holds the rows ``starts[i]`` up to ``starts[i + 1]``.
    initial : int
    age_weight : ndarray, shape (periods,)
        Weight of a row whose period lies so many periods back; rows of weight 0 are not held.

    Returns
    -------
    PosteriorChain
        With NaN from the first posterior on whose precision is not positive definite in floating point.

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import as_nig
    >>> x, y, starts = np.array([[1.0], [2.0]]), np.array([1.0, 3.0]), np.array([0, 1, 2])
    >>> chain = posterior_chain(as_nig(NIG(0, 1, 2, 1)), x, y, starts, 1, np.ones(2))
    >>> chain.mean.round(4), chain.shape, chain.rate.round(4)
    (array([[0.5   , 1.1667]]), array([2.5, 3. ]), array([1.25  , 1.9167]))
    """
    p, count = x.shape[1], len(starts) - initial
    lower = (np.zeros((p, p, count)) for _ in range(2))
    chain = PosteriorChain(np.empty((p, count)), *lower, np.empty(count), np.empty(count))
    _fill_chain(
        prior.mean,
        prior.precision,
        float(prior.shape),
        float(prior.rate),
        np.ascontiguousarray(x),
        np.ascontiguousarray(y),
        np.asarray(starts, dtype=np.int64),
        initial,
        np.ascontiguousarray(age_weight),
        chain,
    )
    return chain


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _fill_chain(
    mean: Array,
    precision: Array,
    shape: float,
    rate: float,
    x: Array,
    y: Array,
    starts: NDArray[np.int64],
    initial: int,
    age_weight: Array,
    chain: PosteriorChain,
) -> None:
    """From the posterior before where all rows keep their weight of 1, else from the prior."""
    keeps_all = (age_weight == 1.0).all()
    weight = np.ones(y.shape[0])
    own_mean, own_precision, own_shape, own_rate = mean.copy(), precision.copy(), shape, rate
    for s in range(chain.mean.shape[1]):
        last = initial + s - 1
        first_row = starts[last] if keeps_all and s > 0 else 0
        rows = slice(first_row, starts[last + 1])
        if not keeps_all:
            own_mean[:], own_precision[:], own_shape, own_rate = mean, precision, shape, rate
            for period in range(last + 1):
                weight[starts[period] : starts[period + 1]] = age_weight[last - period]
        added = _learn(own_mean, own_precision, x[rows], y[rows], weight[rows], chain, s)
        own_shape += added[0]
        own_rate += added[1]
        chain.mean[:, s], chain.shape[s], chain.rate[s] = own_mean, own_shape, own_rate


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _learn(
    mean: Array, precision: Array, x: Array, y: Array, weight: Array, chain: PosteriorChain, s: int
) -> tuple[float, float]:
    """Update mean and precision in place, keep the precision's factors, return what shape and rate gain."""
    p, rows = mean.shape[0], y.shape[0]
    before = precision.copy()
    gain = 0.0
    for row in range(rows):
        if weight[row] > 0:
            gain += weight[row] / 2.0
            for i in range(p):
                for j in range(p):
                    precision[i, j] += weight[row] * x[row, i] * x[row, j]
    _factorise(precision, chain.factor[:, :, s], chain.inverse[:, :, s])
    inverse = np.ascontiguousarray(chain.inverse[:, :, s])
    step = np.zeros(p)
    for _ in range(2):  # the second time refines what collinear columns of x cost the first
        gradient = -(before @ step)
        for row in range(rows):
            if weight[row] > 0:
                residual = y[row]
                for i in range(p):
                    residual -= x[row, i] * (mean[i] + step[i])
                for i in range(p):
                    gradient[i] += weight[row] * residual * x[row, i]
        step += inverse.T @ (inverse @ gradient)
    added = (step @ (before @ step)) / 2.0
    mean += step
    for row in range(rows):
        if weight[row] > 0:
            residual = y[row]
            for i in range(p):
                residual -= x[row, i] * mean[i]
            added += weight[row] * residual * residual / 2.0
    return gain, added


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _factorise(precision: Array, factor: Array, inverse: Array) -> None:
    """Lower Cholesky factor and its inverse; NaN where there is none."""
    p = precision.shape[0]
    lower, upper_inverse = np.zeros((p, p)), np.zeros((p, p))
    rest = precision.copy()
    for j in range(p):
        root = np.sqrt(rest[j, j]) if rest[j, j] > 0 else np.nan
        for i in range(j, p):
            lower[i, j] = rest[i, j] / root
        for i in range(j + 1, p):
            for k in range(j + 1, i + 1):
                rest[i, k] -= lower[i, j] * lower[k, j]
    for i in range(p):  # row i of the inverse: (e_i - sum_k L_ik row_k) / L_ii
        upper_inverse[i, i] = 1.0
        for k in range(i):
            for j in range(k + 1):
                upper_inverse[i, j] -= lower[i, k] * upper_inverse[k, j]
        for j in range(i + 1):
            upper_inverse[i, j] /= lower[i, i]
    factor[:, :] = lower
    inverse[:, :] = upper_inverse
