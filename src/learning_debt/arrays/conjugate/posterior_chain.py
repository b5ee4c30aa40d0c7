"""Posteriors of one series after every period, laid out so that a compiled loop runs over them side by side.

The formulas are those of `learning_debt.arrays.conjugate.nig.update`, row by row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.conjugate.precisions import smallest_pivot
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
        With NaN wherever the precision is not positive definite in floating point, to four times its rounding errors.

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import as_nig
    >>> x, y, starts = np.array([[1.0], [2.0]]), np.array([1.0, 3.0]), np.array([0, 1, 2])
    >>> chain = posterior_chain(as_nig(NIG(0, 1, 2, 1)), x, y, starts, 1, np.ones(2))
    >>> chain.mean.round(4), chain.shape, chain.rate.round(4)
    (array([[0.5   , 1.1667]]), array([2.5, 3. ]), array([1.25  , 1.9167]))
    """
    p, count = x.shape[1], len(starts) - initial
    factor, inverse = np.zeros((p, p, count)), np.zeros((p, p, count))
    chain = PosteriorChain(np.empty((p, count)), factor, inverse, np.empty(count), np.empty(count))
    _fill_chain(
        np.array(prior.mean, dtype=float),
        np.array(prior.precision, dtype=float, order="C"),
        float(prior.shape),
        float(prior.rate),
        np.array(x, dtype=float, order="C"),
        np.array(y, dtype=float),
        np.array(starts, dtype=np.int64),
        initial,
        np.array(age_weight, dtype=float),
        chain,
        np.empty((2 * p + 3, p)),
        smallest_pivot(p),
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
    work: Array,
    smallest: float,
) -> None:
    """From the posterior before where all rows keep their weight of 1, else from the prior.

    `work` has the shape (2 p + 3, p): mean, precision, the precision before, the mean to be and a gradient.
    """
    p = mean.shape[0]
    keeps_all = True
    for age in range(age_weight.shape[0]):
        keeps_all = keeps_all and age_weight[age] == 1.0
    own_shape, own_rate = shape, rate
    for s in range(chain.mean.shape[1]):
        last = initial + s - 1
        if s == 0 or not keeps_all:
            own_shape, own_rate = shape, rate
            for i in range(p):
                work[0, i] = mean[i]
                for j in range(p):
                    work[1 + i, j] = precision[i, j]
        first = last if keeps_all and s > 0 else 0
        for i in range(p):
            for j in range(p):
                work[1 + p + i, j] = work[1 + i, j]
        for period in range(first, last + 1):
            own_shape += age_weight[last - period] * (starts[period + 1] - starts[period]) / 2.0
            _add_squares(x, starts[period], starts[period + 1], age_weight[last - period], work)
        _factorise(work, smallest, chain.factor, chain.inverse, s)
        own_rate += _learn(x, y, starts, first, last, age_weight, chain, s, work)
        for i in range(p):
            chain.mean[i, s] = work[0, i]
        chain.shape[s], chain.rate[s] = own_shape, own_rate


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _add_squares(x: Array, start: int, stop: int, weight: float, work: Array) -> None:
    """X' W X to the precision."""
    p = x.shape[1]
    for row in range(start, stop):
        for i in range(p):
            scaled = weight * x[row, i]
            for j in range(p):
                work[1 + i, j] += scaled * x[row, j]


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _factorise(work: Array, smallest: float, factor: Array, inverse: Array, s: int) -> None:
    """Lower Cholesky factor of the precision and its inverse; NaN where a pivot is lost in rounding errors."""
    p = work.shape[1]
    for j in range(p):
        for i in range(j, p):
            rest = work[1 + i, j]
            for k in range(j):
                rest -= factor[i, k, s] * factor[j, k, s]
            if i == j:
                factor[j, j, s] = math.sqrt(rest) if rest > smallest * work[1 + j, j] else math.nan
            else:
                factor[i, j, s] = rest / factor[j, j, s]
    for j in range(p):
        inverse[j, j, s] = 1.0 / factor[j, j, s]
        for i in range(j + 1, p):
            rest = 0.0
            for k in range(j, i):
                rest -= factor[i, k, s] * inverse[k, j, s]
            inverse[i, j, s] = rest / factor[i, i, s]


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _learn(
    x: Array,
    y: Array,
    starts: NDArray[np.int64],
    first: int,
    last: int,
    age_weight: Array,
    chain: PosteriorChain,
    s: int,
    work: Array,
) -> float:
    """Move the mean; what the rate gains."""
    p = x.shape[1]
    before, after, gradient = work[0], work[2 * p + 1], work[2 * p + 2]
    for i in range(p):
        after[i] = before[i]
    # The second time refines what collinear columns of x cost the first, and what a mean much smaller than that before
    # lost as a difference.
    for _ in range(2):
        for i in range(p):
            gradient[i] = 0.0
            for j in range(p):
                gradient[i] -= work[1 + p + i, j] * (after[j] - before[j])
        _squares(x, y, starts, first, last, age_weight, work)
        _add_solution(chain.inverse, s, work)
    drift = 0.0
    for i in range(p):
        for j in range(p):
            drift += (after[i] - before[i]) * work[1 + p + i, j] * (after[j] - before[j])
    squares = _squares(x, y, starts, first, last, age_weight, work)
    for i in range(p):
        before[i] = after[i]
    return (squares + drift) / 2.0


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _squares(
    x: Array, y: Array, starts: NDArray[np.int64], first: int, last: int, age_weight: Array, work: Array
) -> float:
    """Weighted squared residuals at the mean to be; X' W residual is added to the gradient."""
    p = x.shape[1]
    after, gradient = work[2 * p + 1], work[2 * p + 2]
    total = 0.0
    for period in range(first, last + 1):
        weight = age_weight[last - period]
        if weight == 0.0:
            continue
        for row in range(starts[period], starts[period + 1]):
            residual = y[row]
            for i in range(p):
                residual -= x[row, i] * after[i]
            for i in range(p):
                gradient[i] += weight * residual * x[row, i]
            total += weight * residual * residual
    return total


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _add_solution(inverse: Array, s: int, work: Array) -> None:
    """K' K gradient to the mean to be, with the inverse factor K; the gradient is used up."""
    p = work.shape[1]
    after, gradient = work[2 * p + 1], work[2 * p + 2]
    for i in range(p - 1, -1, -1):
        total = 0.0
        for j in range(i + 1):
            total += inverse[i, j, s] * gradient[j]
        gradient[i] = total
    for j in range(p):
        for i in range(j, p):
            after[j] += inverse[i, j, s] * gradient[i]
