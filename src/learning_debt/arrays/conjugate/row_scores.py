"""Log scores of the rows of every period under every posterior of a series that may have been deployed by then."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate.posterior_chain import PosteriorChain
from learning_debt.arrays.conjugate.vector_log import log1p
from learning_debt.typing import Array


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def predict(chain: PosteriorChain, x: Array, count: int, location: Array, leverage: Array, entry: Array) -> None:
    """Location x'm and leverage h = x' P^-1 x of one row, under the first `count` posteriors; `entry` is worked in."""
    mean, inverse = chain.mean, chain.inverse
    for s in range(count):
        location[s] = mean[0, s] * x[0]
        leverage[s] = (inverse[0, 0, s] * x[0]) ** 2
    for i in range(1, x.shape[0]):
        for s in range(count):
            entry[s] = inverse[i, 0, s] * x[0]
        for j in range(1, i + 1):
            for s in range(count):
                entry[s] += inverse[i, j, s] * x[j]
        for s in range(count):
            location[s] += mean[i, s] * x[i]
            leverage[s] += entry[s] * entry[s]


@njit(cache=CACHE, nogil=True, error_model="numpy")
def fill_scores(
    chain: PosteriorChain,
    gap: Array,
    x: Array,
    y: Array,
    starts: NDArray[np.int64],
    newest_is_shadow: bool,
    rows_a_logarithm: int,
    score: Array,
    score_gap: Array,
    exceedance: Array,
) -> None:
    """Mean score, gap and, unless its array is empty, the share of surprising rows.

    The score of a row is c - (log a + (2 alpha + 1) log(1 + r^2 / (2 b a))) / 2 with a = 1 + h, r the residual and
    c = gap(alpha) - log(2 pi b / alpha) / 2; `gap` is that of `learning_debt.arrays.conjugate.shape_terms`.
    """
    count = chain.shape.shape[0]
    location, leverage, entry = np.empty(count), np.empty(count), np.empty(count)
    product, grown, loss, beyond = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    shape, half_rate = chain.shape, 0.5 / chain.rate
    offset = gap - 0.5 * np.log(math.pi / (half_rate * shape))
    counted = exceedance.size > 0
    for t in range(1, starts.shape[0]):
        scored = t + 1 if newest_is_shadow else t
        for s in range(scored):
            product[s], grown[s], loss[s], beyond[s] = 1.0, 0.0, 0.0, 0.0
        rows = starts[t] - starts[t - 1]
        for row in range(rows):
            k = starts[t - 1] + row
            predict(chain, x[k], scored, location, leverage, entry)
            _add_row(y[k], scored, location, leverage, half_rate, product, grown)
            if counted:
                _count_surprise(y[k], scored, location, half_rate, shape, beyond)
            if (row + 1) % rows_a_logarithm == 0 or row == rows - 1:
                _take_logarithms(shape, scored, product, grown, loss)
        newest = offset[scored - 1] - loss[scored - 1] / rows
        for s in range(t):
            own = offset[s] - loss[s] / rows
            score[s, t - 1], score_gap[s, t - 1] = own, newest - own
        if counted:
            for s in range(t):
                exceedance[s, t - 1] = beyond[s] / rows


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_row(
    y: float,
    count: int,
    location: Array,
    leverage: Array,
    half_rate: Array,
    product: Array,
    grown: Array,
) -> None:
    """`product` is that of a = 1 + h over rows, `grown` that of a + r^2 / (2 b), less that of a."""
    for s in range(count):
        residual = y - location[s]
        surprise = residual * residual * half_rate[s]
        inflation = 1.0 + leverage[s]
        grown[s] = grown[s] * (inflation + surprise) + product[s] * surprise
        product[s] *= inflation


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _count_surprise(y: float, count: int, location: Array, half_rate: Array, shape: Array, beyond: Array) -> None:
    """Residuals beyond 2 sqrt(b / alpha)."""
    for s in range(count):
        residual = y - location[s]
        beyond[s] += 1.0 if residual * residual * half_rate[s] * shape[s] > 2.0 else 0.0


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _take_logarithms(shape: Array, count: int, product: Array, grown: Array, loss: Array) -> None:
    for s in range(count):
        loss[s] += 0.5 * log1p(product[s] - 1.0) + (shape[s] + 0.5) * log1p(grown[s] / product[s])
        product[s], grown[s] = 1.0, 0.0
