"""Cells of the exact spell table as compiled loops over periods, rows and posteriors: one engine for histories and paths.

A column holds every stored posterior s against the shadow of one period. The innermost loops run over s, without a
branch, so that they become vector instructions. What tells two posteriors apart is formed before it enters a formula, so
that divergences keep their relative precision where the two are near each other. h = x' P^-1 x is a row's leverage.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate.posterior_chain import PosteriorChain
from learning_debt.arrays.conjugate.predictive_columns import Pairs, add_expectations, lattice
from learning_debt.arrays.conjugate.shape_terms import ShapeTerms, shape_terms
from learning_debt.arrays.conjugate.vector_log import log1p
from learning_debt.typing import Array

STUDENT_T, NORMAL = 0, 1
"""Kernels of divergence: of the predictives themselves, or of normal distributions of their means and variances."""

_BLOCK = 64  # posteriors whose p x p products are worked out together, so that they stay in the processor's cache
_FACTORS = 16  # ratios of two diagonals that are multiplied before a logarithm is taken


class SpellCells(NamedTuple):
    """Cells of one series, of shape (T, T) each: [s, t - 1] is period t seen from posterior s; NaN where s >= t.

    Attributes
    ----------
    debt : ndarray
        KL of the joint posterior of t from that of s, in nats.
    predictive_debt, gap_sd : ndarray
        Mean divergence of the predictives over the rows of t, and the standard deviation of the mean gap under the
        shadow's; the latter NaN for the normal kernel.
    score : ndarray
        Mean log score of s on the rows of t.
    score_gap : ndarray
        Score of the posterior that was newest when the rows were forecast, minus that of s.
    parameter_gap : ndarray
        Euclidean distance of the mean coefficients.
    residual_exceedance : ndarray
        Share of rows further than 2 sqrt(rate / shape) from the forecast of s.
    """

    debt: Array
    predictive_debt: Array
    gap_sd: Array
    score: Array
    score_gap: Array
    parameter_gap: Array
    residual_exceedance: Array


class _Work(NamedTuple):
    """Arrays that every column is worked out in, along all posteriors of the series.

    `offset` is the part of a posterior's score that no row changes, `reach` two residual standard deviations; the others
    belong to a row (`location`, `leverage`, `product`, `grown`) or are sums over the rows of a period.
    """

    offset: Array
    reach: Array
    location: Array
    leverage: Array
    product: Array
    grown: Array
    loss: Array
    missed: Array
    divergence: Array
    variance: Array
    constant: Array


def spell_cells(
    chain: PosteriorChain,
    x: Array,
    y: Array,
    starts: NDArray[np.int64],
    *,
    newest_is_shadow: bool = False,
    debt: bool = True,
    divergence: int | None = STUDENT_T,
    rows_a_logarithm: int = 1,
    terms: ShapeTerms | None = None,
) -> SpellCells:
    """All cells of one series.

    Parameters
    ----------
    chain : PosteriorChain
        Posteriors 0..T.
    x : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    starts : ndarray of int, shape (T + 1,)
        Rows ``starts[t - 1]`` up to ``starts[t]`` are those of period t.
    newest_is_shadow : bool
        Gaps are those of the shadow of t, which has not seen these rows; else of the shadow of t - 1.
    debt : bool
    divergence : {STUDENT_T, NORMAL}, optional
        None for neither predictive debt nor spread.
    rows_a_logarithm : int
        Rows whose densities are multiplied before a logarithm is taken: more is faster, and overflows where as many
        squared distances do.
    terms : ShapeTerms, optional
        Of ``chain.shape``, if they are at hand.

    Returns
    -------
    SpellCells
        Divergences are accurate to about 1e-16 over their square root, relative to themselves, and at best to 1e-13.

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import NIG, as_nig
    >>> from learning_debt.arrays.conjugate.posterior_chain import posterior_chain
    >>> x, y, starts = np.ones((4, 1)), np.array([0.0, 1.0, 0.5, 3.0]), np.array([0, 2, 3, 4])
    >>> chain = posterior_chain(as_nig(NIG(0, 1, 2, 1)), x, y, starts, 1, np.ones(3))
    >>> spell_cells(chain, x[2:], y[2:], np.array([0, 1, 2])).predictive_debt.round(4)
    array([[0.0086, 0.3012],
           [   nan, 0.2419]])
    """
    terms = shape_terms(chain.shape) if terms is None else terms
    periods = len(starts) - 1
    cells = SpellCells(*(np.full((periods, periods), np.nan) for _ in SpellCells._fields))
    kernel = -1 if divergence is None else divergence
    rows = np.ascontiguousarray(x), np.ascontiguousarray(y), np.asarray(starts, dtype=np.int64)
    _fill(chain, terms, *rows, newest_is_shadow, debt, kernel, rows_a_logarithm, cells)
    return cells


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _fill(
    chain: PosteriorChain,
    terms: ShapeTerms,
    x: Array,
    y: Array,
    starts: NDArray[np.int64],
    newest_is_shadow: bool,
    with_debt: bool,
    kernel: int,
    rows_a_logarithm: int,
    cells: SpellCells,
) -> None:
    count = chain.shape.shape[0]
    constants = terms.gap - 0.5 * np.log(2 * math.pi * chain.rate / chain.shape)
    reach = 2.0 * np.sqrt(chain.rate / chain.shape)
    own = _Work(
        constants, reach, np.empty(count), np.empty(count), np.empty(count), np.empty(count), np.empty(count),
        np.empty(count), np.empty(count), np.empty(count), np.empty(count),
    )  # fmt: skip
    pairs = Pairs(
        np.empty(count), np.empty(count), np.empty(count), np.empty(count), np.empty(count), np.empty(count),
        np.empty(count),
    )  # fmt: skip
    product = np.empty((chain.mean.shape[0], _BLOCK))
    for t in range(1, starts.shape[0]):
        _distances(chain, t, own, cells.parameter_gap)
        if with_debt:
            _debt_column(chain, terms, t, own, product, cells.debt)
        rows = slice(starts[t - 1], starts[t])
        _rows_column(chain, terms, t, x[rows], y[rows], newest_is_shadow, kernel, rows_a_logarithm, own, pairs, cells)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _distances(chain: PosteriorChain, t: int, own: _Work, gap: Array) -> None:
    """Euclidean distances of the mean coefficients."""
    own.loss[:t] = 0.0
    for i in range(chain.mean.shape[0]):
        newest = chain.mean[i, t]
        for s in range(t):
            moved = newest - chain.mean[i, s]
            own.loss[s] += moved * moved
    for s in range(t):
        gap[s, t - 1] = math.sqrt(own.loss[s])


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _debt_column(chain: PosteriorChain, terms: ShapeTerms, t: int, own: _Work, product: Array, debt: Array) -> None:
    """Posterior debt, as in `learning_debt.arrays.conjugate.nig.kl`, in differences.

    With f(u) = log(1 + u) - u, u the relative difference of the shapes and v that of the rates, the variance's part is
    a_p (f(u) - f(v) + u log((1 + u) / (1 + v))) - f(u) / 2 + the Bregman divergence of mu.
    """
    shape, rate, total = chain.shape, chain.rate, own.divergence
    for first in range(0, t, product.shape[1]):
        _coefficient_divergence(chain, t, first, product, own)
    for s in range(t):
        longer = (shape[s] - shape[t]) / shape[t]
        noisier = (rate[s] - rate[t]) / rate[t]
        log_shape, log_rate = log1p(longer), log1p(noisier)
        variance = shape[t] * ((log_shape - longer) - (log_rate - noisier) + longer * (log_shape - log_rate))
        variance -= 0.5 * (log_shape - longer)
        variance += terms.mu[s] - terms.mu[t] - (shape[s] - shape[t]) * terms.mu_slope[t]
        debt[s, t - 1] = max(variance + total[s], 0.0)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _coefficient_divergence(chain: PosteriorChain, t: int, first: int, product: Array, own: _Work) -> None:
    """(|A|^2 - p - log |A|^2 + (a_p / b_p) |L_q' (m_p - m_q)|^2) / 2 with A = L_p^-1 L_q, column by column."""
    p, count = product.shape[0], min(product.shape[1], t - first)
    chosen = slice(first, first + count)
    total, projection, diagonal = own.divergence[chosen], own.loss[chosen], own.product[chosen]
    precision = chain.shape[t] / chain.rate[t]
    total[:], diagonal[:] = 0.0, 1.0
    for j in range(p):
        product[j:, :] = 0.0
        projection[:] = 0.0
        for k in range(j, p):
            factor, mean, newest = chain.factor[k, j, chosen], chain.mean[k, chosen], chain.mean[k, t]
            for s in range(count):
                projection[s] += factor[s] * (newest - mean[s])
            for i in range(k, p):
                inverse, entry = chain.inverse[i, k, t], product[i]
                for s in range(count):
                    entry[s] += inverse * factor[s]
        for i in range(j + 1, p):
            entry = product[i]
            for s in range(count):
                total[s] += entry[s] * entry[s]
        entry = product[j]
        for s in range(count):
            total[s] += entry[s] * entry[s] - 1.0 + precision * projection[s] * projection[s]
            diagonal[s] *= entry[s]
        if j % _FACTORS == _FACTORS - 1 or j == p - 1:
            for s in range(count):
                total[s] -= 2.0 * log1p(diagonal[s] - 1.0)
                diagonal[s] = 1.0
    for s in range(count):
        total[s] *= 0.5


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _rows_column(
    chain: PosteriorChain,
    terms: ShapeTerms,
    t: int,
    x: Array,
    y: Array,
    newest_is_shadow: bool,
    kernel: int,
    rows_a_logarithm: int,
    own: _Work,
    pairs: Pairs,
    cells: SpellCells,
) -> None:
    """Scores and divergences on the rows of one period, row by row."""
    rows, scored = y.shape[0], t + 1 if newest_is_shadow else t
    for sums in (own.loss, own.missed, own.divergence, own.variance, own.grown):
        sums[: t + 1] = 0.0
    own.product[: t + 1] = 1.0
    df = 2.0 * chain.shape[t]
    if kernel == STUDENT_T:
        lattices = [lattice(df, 0)]
        _prepare_pairs(chain, terms, t, own, pairs)
    for row in range(rows):
        _predict(chain, x[row], t + 1, own)
        _add_row(chain, y[row], scored, own)
        if (row + 1) % rows_a_logarithm == 0 or row == rows - 1:
            _take_logarithms(chain, scored, own)
        if kernel == NORMAL:
            _add_normal_divergence(chain, t, own)
        elif kernel == STUDENT_T:
            _set_pairs(chain, t, own, pairs)
            add_expectations(df, lattices, pairs, t)
            _add_divergence(df, t, own, pairs)
    newest = own.offset[scored - 1] - own.loss[scored - 1] / rows
    for s in range(t):
        score = own.offset[s] - own.loss[s] / rows
        cells.score[s, t - 1] = score
        cells.score_gap[s, t - 1] = newest - score
        cells.residual_exceedance[s, t - 1] = own.missed[s] / rows
    if kernel >= 0:
        for s in range(t):
            cells.predictive_debt[s, t - 1] = max(own.divergence[s] / rows, 0.0)
    if kernel == STUDENT_T:
        for s in range(t):
            cells.gap_sd[s, t - 1] = math.sqrt(own.variance[s]) / rows


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _predict(chain: PosteriorChain, x: Array, count: int, own: _Work) -> None:
    """Location and leverage of a row under the first `count` posteriors."""
    mean, inverse, location, leverage = chain.mean, chain.inverse, own.location, own.leverage
    if x.shape[0] == 1:
        for s in range(count):
            location[s] = mean[0, s] * x[0]
            leverage[s] = (inverse[0, 0, s] * x[0]) ** 2
        return
    location[:count], leverage[:count] = 0.0, 0.0
    entry = np.empty(count)
    for i in range(x.shape[0]):
        entry[:] = 0.0
        for j in range(i + 1):
            for s in range(count):
                entry[s] += inverse[i, j, s] * x[j]
        for s in range(count):
            location[s] += mean[i, s] * x[i]
            leverage[s] += entry[s] * entry[s]


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_row(chain: PosteriorChain, y: float, count: int, own: _Work) -> None:
    """Multiply `product` by a = 1 + h, and `grown` becomes the product of a + r^2 / (2 b), less that of a."""
    for s in range(count):
        residual = y - own.location[s]
        surprise = residual * residual * 0.5 / chain.rate[s]
        inflation = 1.0 + own.leverage[s]
        own.grown[s] = own.grown[s] * (inflation + surprise) + own.product[s] * surprise
        own.product[s] *= inflation
        own.missed[s] += 1.0 if abs(residual) > own.reach[s] else 0.0


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _take_logarithms(chain: PosteriorChain, count: int, own: _Work) -> None:
    for s in range(count):
        own.loss[s] += 0.5 * log1p(own.product[s] - 1.0)
        own.loss[s] += (chain.shape[s] + 0.5) * log1p(own.grown[s] / own.product[s])
        own.product[s] = 1.0
        own.grown[s] = 0.0


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _prepare_pairs(chain: PosteriorChain, terms: ShapeTerms, t: int, own: _Work, pairs: Pairs) -> None:
    """What no row changes; `constant` becomes the divergence of the degrees of freedom alone."""
    shape = chain.shape
    for s in range(t):
        more = (shape[s] - shape[t]) / shape[t]
        pairs.half[s] = shape[s] + 0.5
        pairs.gain[s] = shape[s] - shape[t]
        gaps = terms.gap[t] - terms.gap[s] + (shape[s] - shape[t]) * terms.gap_slope[t]
        own.constant[s] = gaps - 0.5 * (log1p(more) - more)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _set_pairs(chain: PosteriorChain, t: int, own: _Work, pairs: Pairs) -> None:
    rate, location, leverage = chain.rate, own.location, own.leverage
    newest_rate, newest_location, newest_leverage = rate[t], location[t], leverage[t]
    for s in range(t):
        inverse = 1.0 / (rate[s] * (1.0 + leverage[s]))
        wider = (newest_rate - rate[s]) * (1.0 + newest_leverage) + rate[s] * (newest_leverage - leverage[s])
        moved = newest_location - location[s]
        pairs.excess[s] = wider * inverse
        pairs.shift[s] = 0.5 * moved * moved * inverse
        pairs.cross[s] = math.sqrt(pairs.shift[s] * (1.0 + pairs.excess[s]))


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_divergence(df: float, t: int, own: _Work, pairs: Pairs) -> None:
    for s in range(t):
        excess, fall = pairs.excess[s], pairs.fall[s]
        shifted = pairs.shift[s] * df / (df + 1.0)
        scale = 0.5 * (excess - log1p(excess)) + pairs.gain[s] * excess / (df + 1.0)
        own.divergence[s] += own.constant[s] + scale + pairs.half[s] * (shifted + fall)
        mean = pairs.half[s] * (excess / (df + 1.0) + shifted + fall)
        own.variance[s] += max(pairs.second[s] - mean * mean, 0.0)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_normal_divergence(chain: PosteriorChain, t: int, own: _Work) -> None:
    """Of normal distributions with the predictives' means and variances."""
    newest_noise = chain.rate[t] / (chain.shape[t] - 1.0)
    variance = newest_noise * (1.0 + own.leverage[t])
    for s in range(t):
        noise = chain.rate[s] / (chain.shape[s] - 1.0)
        moved = own.location[t] - own.location[s]
        wider = (newest_noise - noise) * (1.0 + own.leverage[t]) + noise * (own.leverage[t] - own.leverage[s])
        inverse = 1.0 / (noise * (1.0 + own.leverage[s]))
        excess = wider * inverse
        own.divergence[s] += 0.5 * (excess - log1p(excess) + moved * moved * inverse)
