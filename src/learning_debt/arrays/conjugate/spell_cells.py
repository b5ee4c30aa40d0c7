"""Cells of the exact spell table by compiled loops: one engine for histories and for simulated paths.

A column holds every stored posterior s against the shadow of one period. The innermost loops run over s, without a
branch, so that they become vector instructions. What tells two posteriors apart is formed before it enters a formula,
so that divergences keep their relative precision where the two are near each other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate.posterior_chain import PosteriorChain
from learning_debt.arrays.conjugate.predictive_divergence import fill_normal, fill_student_t
from learning_debt.arrays.conjugate.row_scores import fill_scores
from learning_debt.arrays.conjugate.shape_terms import ShapeTerms, shape_terms
from learning_debt.arrays.conjugate.vector_log import log_ratio, positive_part
from learning_debt.typing import Array

_BLOCK = 64  # posteriors whose p x p products are worked out together, so that they stay in the processor's cache
_FACTORS = 8  # ratios of two diagonals, each above 1e-38, that are multiplied before a logarithm is taken


class SpellCells(NamedTuple):
    """Cells of one series, of shape (T, T) each: [s, t - 1] is period t seen from posterior s; NaN where s >= t.

    Attributes
    ----------
    debt : ndarray
        KL of the joint posterior of t from that of s, in nats.
    predictive_debt, gap_sd : ndarray
        Mean divergence of the predictives over the rows of t, and the standard deviation of the mean gap under the
        shadow's; the latter NaN for the normal kernel.
    deployed_score : ndarray
        Mean log score of s on the rows of t.
    score_gap : ndarray
        Score of the posterior that was newest when the rows were forecast, minus that of s.
    parameter_gap : ndarray
        Euclidean distance of the mean coefficients.
    residual_exceedance : ndarray
        Share of rows further than 2 sqrt(rate / shape) from the forecast of s; an empty array asks for none.
    """

    debt: Array
    predictive_debt: Array
    gap_sd: Array
    deployed_score: Array
    score_gap: Array
    parameter_gap: Array
    residual_exceedance: Array


def spell_cells(
    chain: PosteriorChain,
    x: Array,
    y: Array,
    starts: NDArray[np.int64],
    *,
    newest_is_shadow: bool = False,
    debt: bool = True,
    divergence: str | None = "student_t",
    rows_a_logarithm: int = 1,
    terms: ShapeTerms | None = None,
    cells: SpellCells | None = None,
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
        Whether to work out posterior debt and the distance of the means.
    divergence : {"student_t", "normal"}, optional
        Kernel of predictive debt: of the predictives themselves, with the spread of the gap, or of normal distributions
        with their means and variances, without. None for neither.
    rows_a_logarithm : int
        Rows that are multiplied before a logarithm is taken: more is faster, and overflows where the product of their
        squared distances does. The Student-t kernel does not use it.
    terms : ShapeTerms, optional
        Of ``chain.shape``, if they are at hand.
    cells : SpellCells, optional
        Arrays to be filled, above their diagonal; new ones if left out.

    Returns
    -------
    SpellCells
        Divergences err by about 1e-16 times their square root, and by 1e-12 of themselves at best.

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import NIG, as_nig
    >>> from learning_debt.arrays.conjugate.posterior_chain import posterior_chain
    >>> x, y, starts = np.ones((4, 1)), np.array([0.0, 1.0, 0.5, 3.0]), np.array([0, 2, 3, 4])
    >>> chain = posterior_chain(as_nig(NIG(0, 1, 2, 1)), x, y, starts, 1, np.ones(3))
    >>> spell_cells(chain, x[2:], y[2:], np.array([0, 1, 2])).predictive_debt.round(4)
    array([[0.0117, 0.2482],
           [   nan, 0.3374]])
    """
    terms = shape_terms(chain.shape) if terms is None else terms
    periods = len(starts) - 1
    if cells is None:
        cells = SpellCells(*(np.full((periods, periods), np.nan) for _ in SpellCells._fields))
    # Copies, since numba would compile anew for arrays that are read-only or laid out otherwise.
    x, y, starts = np.array(x, dtype=float, order="C"), np.array(y, dtype=float), np.array(starts, dtype=np.int64)
    scores = cells.deployed_score, cells.score_gap, cells.residual_exceedance
    fill_scores(chain, terms.gap, x, y, starts, newest_is_shadow, rows_a_logarithm, *scores)
    if debt:
        _fill_debt(chain, terms.mu, terms.mu_slope, cells.debt, cells.parameter_gap)
    if divergence == "student_t":
        fill_student_t(chain, terms.gap, terms.gap_slope, x, starts, cells.predictive_debt, cells.gap_sd)
    elif divergence == "normal":
        fill_normal(chain, x, starts, rows_a_logarithm, cells.predictive_debt)
    return cells


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _fill_debt(chain: PosteriorChain, mu: Array, mu_slope: Array, debt: Array, parameter_gap: Array) -> None:
    """Posterior debt, as in `learning_debt.arrays.conjugate.nig.kl` but in differences, and the distance of means."""
    p, count = chain.mean.shape
    total, distance, work = np.empty(count), np.empty(count), np.empty((p + 3, _BLOCK))
    for t in range(1, debt.shape[1] + 1):
        for first in range(0, t, _BLOCK):
            _coefficient_divergence(chain, t, first, min(t, first + _BLOCK), work, total, distance)
        _add_variance_divergence(chain, mu, mu_slope, t, total)
        for s in range(t):
            debt[s, t - 1] = positive_part(total[s])
            parameter_gap[s, t - 1] = math.sqrt(distance[s])


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_variance_divergence(chain: PosteriorChain, mu: Array, mu_slope: Array, t: int, total: Array) -> None:
    """That of the inverse gammas, as follows, where u and v are relative differences of shapes and of rates.

    a_p ((1 + u) log((1 + u) / (1 + v)) + v - u) - (log(1 + u) - u) / 2 + mu(a_q) - mu(a_p) - (a_q - a_p) mu'(a_p).
    """
    shape, rate = chain.shape, chain.rate
    for s in range(t):
        longer = (shape[s] - shape[t]) / shape[t]
        noisier = (rate[s] - rate[t]) / rate[t]
        log_shape = log_ratio(shape[s] / shape[t], longer)
        log_rate = log_ratio(rate[s] / rate[t], noisier)
        apart = shape[s] * (log_shape - log_rate) + shape[t] * (noisier - longer)
        total[s] += apart - 0.5 * (log_shape - longer)
        total[s] += mu[s] - mu[t] - (shape[s] - shape[t]) * mu_slope[t]


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _coefficient_divergence(
    chain: PosteriorChain, t: int, first: int, stop: int, work: Array, total: Array, distance: Array
) -> None:
    """(|A|^2 - p - log |A|^2 + (a_p / b_p) |L_q' (m_p - m_q)|^2) / 2 with A = L_p^-1 L_q, column by column."""
    p, count, precision = chain.mean.shape[0], stop - first, chain.shape[t] / chain.rate[t]
    diagonal, excess, projection = work[p], work[p + 1], work[p + 2]  # product of the A_jj, less 1, L_q' (m_p - m_q)
    sums, apart = total[first:stop], distance[first:stop]
    for s in range(count):
        sums[s], apart[s], diagonal[s], excess[s] = 0.0, 0.0, 1.0, 0.0
    for j in range(p):
        for s in range(count):
            projection[s] = 0.0
        for i in range(j, p):
            for s in range(count):
                work[i, s] = 0.0
        for k in range(j, p):
            factor, mean, newest = chain.factor[k, j, first:stop], chain.mean[k, first:stop], chain.mean[k, t]
            for s in range(count):
                projection[s] += factor[s] * (newest - mean[s])
            for i in range(k, p):
                inverse = chain.inverse[i, k, t]
                for s in range(count):
                    work[i, s] += inverse * factor[s]
        for i in range(j + 1, p):
            for s in range(count):
                sums[s] += work[i, s] * work[i, s]
        mean, newest = chain.mean[j, first:stop], chain.mean[j, t]
        for s in range(count):
            apart[s] += (newest - mean[s]) ** 2
            beyond = work[j, s] - 1.0
            sums[s] += beyond * (2.0 + beyond) + precision * projection[s] * projection[s]
            diagonal[s] *= work[j, s]
            excess[s] = excess[s] * work[j, s] + beyond
        if j % _FACTORS == _FACTORS - 1 or j == p - 1:
            for s in range(count):
                sums[s] -= 2.0 * log_ratio(diagonal[s], excess[s])
                diagonal[s], excess[s] = 1.0, 0.0
    for s in range(count):
        sums[s] *= 0.5
