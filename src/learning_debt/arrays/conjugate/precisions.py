"""Precision matrices of few coefficients, batched over leading axes.

One coefficient, the case that comes in millions, skips LAPACK's cost per matrix.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.typing import Array

_NOT_DEFINITE = (
    "NIG precision is not positive definite in floating point; where data made it so, columns of x are collinear, or "
    "too unequal in size beside the prior's precision: bring x to another unit, drop a column, or give the prior more "
    "precision"
)


def times(matrix: Array, vector: Array) -> Array:
    """Matrix times vector, shapes (..., n, p) and (..., p)."""
    return (matrix @ vector[..., None])[..., 0]


def smallest_pivot(coefficients: int) -> float:
    """What must be left of a diagonal entry, relative to it, in a Cholesky factorisation; less is rounding error."""
    return 4 * coefficients * float(np.finfo(float).eps)


def cholesky(precision: Array) -> Array:
    """Lower factor L of L L' = precision; refused where a pivot is lost in rounding errors."""
    p = precision.shape[-1]
    if p == 1:
        if (precision <= 0).any():
            raise ValueError(_NOT_DEFINITE)
        return np.sqrt(precision)
    try:
        factor = np.linalg.cholesky(precision)
    except np.linalg.LinAlgError as error:
        raise ValueError(_NOT_DEFINITE) from error
    pivots = np.diagonal(factor, axis1=-2, axis2=-1) ** 2
    if (pivots <= smallest_pivot(p) * np.diagonal(precision, axis1=-2, axis2=-1)).any():
        raise ValueError(_NOT_DEFINITE)
    return factor


def log_determinant(factor: Array) -> Array:
    """Logarithm of the determinant of L L', shape (...)."""
    return 2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)


def solve(factor: Array, vector: Array) -> Array:
    """Solve L L' z = vector."""
    if factor.shape[-1] == 1:
        return vector / factor[..., 0] ** 2
    forward = np.linalg.solve(factor, vector[..., None])
    return np.linalg.solve(np.swapaxes(factor, -1, -2), forward)[..., 0]


def leverage(factor: Array, x: Array) -> Array:
    """x' precision^-1 x of every row, shape (..., n), as the squared length of L^-1 x."""
    if factor.shape[-1] == 1:
        return (x / factor)[..., 0] ** 2
    return (np.linalg.solve(factor, np.swapaxes(x, -1, -2)) ** 2).sum(-2)


def trace_and_distance(mean_p: Array, factor_p: Array, mean_q: Array, factor_q: Array) -> tuple[Array, Array]:
    """tr(P_q P_p^-1) and (m_p - m_q)' P_q (m_p - m_q), shapes (...)."""
    if factor_p.shape[-1] == 1:
        precision_q = factor_q[..., 0, 0] ** 2
        return precision_q / factor_p[..., 0, 0] ** 2, precision_q * (mean_p - mean_q)[..., 0] ** 2
    leading = np.broadcast_shapes(mean_p.shape[:-1], factor_p.shape[:-2], mean_q.shape[:-1], factor_q.shape[:-2])
    trace, distance = np.empty(math.prod(leading)), np.empty(math.prod(leading))
    arguments: Any = [
        part
        for values, core in ((mean_p, 1), (factor_p, 2), (mean_q, 1), (factor_q, 2))
        for part in _stacked(values, core, leading)
    ]
    _fill_trace_and_distance(*arguments, *[trace, distance])
    return trace.reshape(leading), distance.reshape(leading)


def _stacked(values: Array, core: int, leading: tuple[int, ...]) -> tuple[Array, NDArray[np.intp]]:
    """Its vectors or matrices along one first axis, and which of them each of the `leading` takes.

    Both may be written, since numba would compile anew for every mix of arrays that may not.
    """
    kept = values.shape[:-core]
    which = np.arange(math.prod(kept)).reshape(kept)
    stack = np.array(values, dtype=float, order="C").reshape(math.prod(kept), *values.shape[-core:])
    return stack, np.array(np.broadcast_to(which, leading)).ravel()


@njit(cache=CACHE, nogil=True)
def _fill_trace_and_distance(
    means_p: Array,
    at_mean_p: NDArray[np.intp],
    factors_p: Array,
    at_factor_p: NDArray[np.intp],
    means_q: Array,
    at_mean_q: NDArray[np.intp],
    factors_q: Array,
    at_factor_q: NDArray[np.intp],
    trace: Array,
    distance: Array,
) -> None:
    for pair in range(trace.size):
        trace[pair], distance[pair] = _trace_and_distance_of_pair(
            means_p[at_mean_p[pair]],
            factors_p[at_factor_p[pair]],
            means_q[at_mean_q[pair]],
            factors_q[at_factor_q[pair]],
        )


@njit(cache=CACHE, nogil=True)
def _trace_and_distance_of_pair(mean_p, factor_p, mean_q, factor_q):  # type: ignore[no-untyped-def]
    """Sums of squares of A = L_p^-1 L_q (forward substitution, column by column) and of L_q' (m_p - m_q)."""
    p = mean_p.shape[0]
    column = np.empty(p)
    squares = length = 0.0
    for j in range(p):
        projection = 0.0
        for i in range(j, p):
            value = factor_q[i, j]
            for k in range(j, i):
                value -= factor_p[i, k] * column[k]
            column[i] = value / factor_p[i, i]
            squares += column[i] * column[i]
            projection += factor_q[i, j] * (mean_p[i] - mean_q[i])
        length += projection * projection
    return squares, length
