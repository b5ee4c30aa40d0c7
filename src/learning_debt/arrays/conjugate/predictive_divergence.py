"""Predictive debt of every posterior of a series to every later shadow, mean over the rows of a period.

Both Student-t's are written in w = (y - location) / width of the shadow, width^2 = 2 rate (1 + h) = df scale^2. With
A = 1 + w^2, B = 1 + ((y - location) / width)^2 of the deployed one, and d = (B - A) / A,

    KL = C + (e - log(1 + e)) / 2 + (n_q - n_p) / (n_p + 1) e / 2
         + (n_q + 1) / 2 (v n_p / (n_p + 1) + E[log(1 + d) - d]),

n for degrees of freedom, 1 + e for the ratio of the squared widths, v for the squared distance of the locations over
the deployed squared width, and C, the divergence of the degrees of freedom alone, for

    log Gamma((n_p + 1) / 2) - log Gamma(n_p / 2) - the same of n_q + (n_q - n_p) / 2 E[log A].

All first-order terms have gone, so that it stays accurate relative to itself where it is small. The expectation is
under the shadow, by the trapezoidal rule in asinh(w), in which log(1 + d) is analytic but for the branch points of
log B (`learning_debt.arrays.conjugate.student_t` has the theory): d is a function of tanh, and w and -w share a node.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate import student_t
from learning_debt.arrays.conjugate.log_ratio_variance import variance_of_log_ratio
from learning_debt.arrays.conjugate.posterior_chain import PosteriorChain
from learning_debt.arrays.conjugate.row_scores import predict
from learning_debt.arrays.conjugate.vector_log import log1p, log_ratio, positive_part
from learning_debt.typing import Array

_LOG_TOLERANCE = 30.0  # exp(-30) is 1e-13, of the largest value of log(1 + d) - d in the strip
_LOG_AT_END = 2 * _LOG_TOLERANCE  # log A times the degrees of freedom where the range ends
_FINEST = 3


class Lattice(NamedTuple):
    """Nodes of the trapezoidal rule for one shadow, each of shape (nodes,), and the strip they are made for.

    Attributes
    ----------
    square, rest, mixed : ndarray
        w^2 / A, 1 / A and w^2 / A^2.
    weight : ndarray
        Of w, and of -w as well; those of all nodes add up to 1/2.
    log_excess : ndarray
        log A minus its mean.
    widest, farthest : float
        The branch points lie outside the strip where 1 + e <= widest - farthest v.
    """

    square: Array
    rest: Array
    mixed: Array
    weight: Array
    log_excess: Array
    widest: float
    farthest: float


class Pairs(NamedTuple):
    """The shadow and every deployed posterior on one row, each of shape (posteriors,).

    Attributes
    ----------
    ratio, excess, shift, cross : ndarray
        1 + e, e, v and sqrt(v (1 + e)).
    half, gain : ndarray
        (n_q + 1) / 2 and (n_q - n_p) / 2.
    fall : ndarray
        E[log(1 + d) - d].
    second : ndarray
        E of the squared log ratio of the densities, less its constant.
    """

    ratio: Array
    excess: Array
    shift: Array
    cross: Array
    half: Array
    gain: Array
    fall: Array
    second: Array


@njit(cache=CACHE, nogil=True, error_model="numpy")
def fill_student_t(
    chain: PosteriorChain,
    gap: Array,
    gap_slope: Array,
    x: Array,
    starts: NDArray[np.int64],
    debt: Array,
    spread: Array,
) -> None:
    """Divergence of the predictives, and the standard deviation of the mean gap under the shadow's.

    `gap` and its slope are those of `learning_debt.arrays.conjugate.shape_terms`.
    """
    count, shape = chain.shape.shape[0], chain.shape
    location, leverage, entry = np.empty(count), np.empty(count), np.empty(count)
    own, divergence, variance = np.empty(count), np.empty(count), np.empty(count)
    pairs = Pairs(
        np.empty(count), np.empty(count), np.empty(count), np.empty(count), np.empty(count), np.empty(count),
        np.empty(count), np.empty(count),
    )  # fmt: skip
    for t in range(1, starts.shape[0]):
        df = 2.0 * shape[t]
        coarsest = lattice(df, 0)
        for s in range(t):
            more = (shape[s] - shape[t]) / shape[t]
            gaps = gap[t] - gap[s] + (shape[s] - shape[t]) * gap_slope[t]
            own[s] = gaps - 0.5 * (log_ratio(shape[s] / shape[t], more) - more)
            divergence[s], variance[s] = 0.0, 0.0
            pairs.half[s], pairs.gain[s] = shape[s] + 0.5, shape[s] - shape[t]
        rows = starts[t] - starts[t - 1]
        for row in range(starts[t - 1], starts[t]):
            predict(chain, x[row], t + 1, location, leverage, entry)
            _set_pairs(chain.rate, t, location, leverage, pairs)
            narrow = _set_expectations(df, coarsest, pairs, t)
            for s in range(narrow):
                width = math.sqrt(1.0 / pairs.ratio[s])
                scale, moved = width * math.sqrt(shape[t] / shape[s]), math.sqrt(pairs.shift[s] * df) * width
                divergence[s] += student_t.kl_of_two(df, 2.0 * shape[s], moved, scale)
                variance[s] += variance_of_log_ratio(df, 2.0 * shape[s], moved, scale)
            _add_divergence(df, narrow, t, own, pairs, divergence, variance)
        for s in range(t):
            debt[s, t - 1] = positive_part(divergence[s] / rows)
            spread[s, t - 1] = math.sqrt(variance[s]) / rows


@njit(cache=CACHE, nogil=True, error_model="numpy")
def fill_normal(chain: PosteriorChain, x: Array, starts: NDArray[np.int64], rows_a_logarithm: int, debt: Array) -> None:
    """Divergence of normal distributions with the predictives' means and variances."""
    count = chain.shape.shape[0]
    location, leverage, entry = np.empty(count), np.empty(count), np.empty(count)
    divergence, product, excess = np.empty(count), np.empty(count), np.empty(count)
    noise = chain.rate / (chain.shape - 1.0)
    for t in range(1, starts.shape[0]):
        for s in range(t):
            divergence[s], product[s], excess[s] = 0.0, 1.0, 0.0
        rows = starts[t] - starts[t - 1]
        for row in range(rows):
            predict(chain, x[starts[t - 1] + row], t + 1, location, leverage, entry)
            _add_normal(noise, t, location, leverage, divergence, product, excess)
            if (row + 1) % rows_a_logarithm == 0 or row == rows - 1:
                for s in range(t):
                    divergence[s] -= log_ratio(product[s], excess[s])
                    product[s], excess[s] = 1.0, 0.0
        for s in range(t):
            debt[s, t - 1] = positive_part(0.5 * divergence[s] / rows)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_normal(
    noise: Array, t: int, location: Array, leverage: Array, divergence: Array, product: Array, excess: Array
) -> None:
    """Twice the divergence but for the logarithm of the ratio of variances, multiplied into `product`, 1 + `excess`."""
    variance, newest = noise[t] * (1.0 + leverage[t]), location[t]
    for s in range(t):
        moved = newest - location[s]
        inverse = 1.0 / (noise[s] * (1.0 + leverage[s]))
        ratio = variance * inverse
        product[s] *= ratio
        excess[s] = excess[s] * ratio + (ratio - 1.0)
        divergence[s] += ratio - 1.0 + moved * moved * inverse


@njit(cache=CACHE, nogil=True, error_model="numpy")
def lattice(df: float, fineness: int) -> Lattice:
    """Nodes for a shadow of so many degrees of freedom; every step of `fineness` divides the strip by three."""
    # Squares of logarithms count in the tails; a narrow deployed distribution makes d as large as its width is small.
    tolerance = _LOG_TOLERANCE + 2 * math.log1p(_LOG_AT_END / df) + 2 * math.log(3.0) * fineness
    height = min(math.pi / 6, 5.0 / math.sqrt(df)) / 3.0**fineness
    step = 2 * math.pi * height / (tolerance - df / 2 * math.log1p(-(math.sin(height) ** 2)))
    end = math.asinh(math.sqrt(math.expm1(2 * tolerance / df)))
    count = math.ceil(end / step) + 1
    square, rest, mixed = np.empty(count), np.empty(count), np.empty(count)
    weight, log_a = np.empty(count), np.empty(count)
    mass = mean_log = 0.0
    for k in range(count):
        w2 = math.sinh(k * step) ** 2
        square[k], rest[k], mixed[k] = w2 / (1 + w2), 1 / (1 + w2), w2 / (1 + w2) / (1 + w2)
        log_a[k] = math.log1p(w2)
        weight[k] = math.exp(-df / 2 * log_a[k]) * (0.5 if k == 0 else 1.0)
        mass += 2 * weight[k]
        mean_log += 2 * weight[k] * log_a[k]
    mean_log /= mass
    for k in range(count):
        weight[k] /= mass
        log_a[k] -= mean_log
    widest, farthest = 1 / math.sin(height) ** 2, 1 / math.cos(height) ** 2
    return Lattice(square, rest, mixed, weight, log_a, widest, farthest)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _set_pairs(rate: Array, t: int, location: Array, leverage: Array, pairs: Pairs) -> None:
    ratio, excess, shift, cross = pairs.ratio, pairs.excess, pairs.shift, pairs.cross
    newest_rate, newest_location, newest_leverage = rate[t], location[t], leverage[t]
    for s in range(t):
        inverse = 1.0 / (rate[s] * (1.0 + leverage[s]))
        # Of the two ways to write the difference of the products, the one whose terms are no larger than they.
        less = newest_leverage < leverage[s]
        least, factor = (newest_leverage, rate[s]) if less else (leverage[s], newest_rate)
        wider = (newest_rate - rate[s]) * (1.0 + least) + factor * (newest_leverage - leverage[s])
        moved = newest_location - location[s]
        ratio[s] = newest_rate * (1.0 + newest_leverage) * inverse
        excess[s] = wider * inverse
        shift[s] = 0.5 * moved * moved * inverse
        cross[s] = math.sqrt(shift[s] * ratio[s])


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _set_expectations(df: float, coarsest: Lattice, pairs: Pairs, stop: int) -> int:
    """`fall` and `second` of the first `stop` posteriors, each on the coarsest lattice whose strip is clear.

    Those deployed longest ago tend to be the narrowest, and need finer ones. Returned is how many of the first may be
    too narrow for all.
    """
    for s in range(stop):
        pairs.fall[s], pairs.second[s] = 0.0, 0.0
    own = coarsest
    for fineness in range(_FINEST + 1):
        if fineness > 0:
            own = lattice(df, fineness)
        first = 0
        for s in range(stop):
            if not pairs.ratio[s] <= own.widest - own.farthest * pairs.shift[s]:
                first = s + 1
        _add_nodes(own, pairs, first, stop)
        stop = first
        if stop == 0:
            break
    return stop


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_nodes(own: Lattice, pairs: Pairs, first: int, stop: int) -> None:
    """With b, c = 1 + d at w and -w: log b + log c by b c, and log b - log c by b / c.

    (b + c) / 2 and its excess over 1, `even`, are sums of their own: in the tails of a shadow that is much narrower
    than what is deployed, `even` is -1 to the last digit.
    """
    chosen = slice(first, stop)  # loops from 0 on: an index that might be negative would keep them scalar
    ratio, excess, shift = pairs.ratio[chosen], pairs.excess[chosen], pairs.shift[chosen]
    cross, half = pairs.cross[chosen], pairs.half[chosen]
    gain, fall, second = pairs.gain[chosen], pairs.fall[chosen], pairs.second[chosen]
    for k in range(own.weight.shape[0]):
        square, rest, weight, log_excess = own.square[k], own.rest[k], own.weight[k], 2.0 * own.log_excess[k]
        mixed = 2.0 * math.sqrt(own.mixed[k])
        for s in range(stop - first):
            even = shift[s] + (excess[s] - shift[s]) * square
            middle = (1.0 + shift[s]) * rest + ratio[s] * square
            odd = cross[s] * mixed
            total = log_ratio((middle + odd) * (middle - odd), even * (2.0 + even) - odd * odd)
            difference = half[s] * log1p(2.0 * odd / (middle - odd))
            fall[s] += weight * (total - 2.0 * even)
            both = half[s] * total + gain[s] * log_excess
            second[s] += 0.5 * weight * (both * both + difference * difference)


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_divergence(
    df: float, narrow: int, t: int, own: Array, pairs: Pairs, divergence: Array, variance: Array
) -> None:
    """`own` is the divergence C of the degrees of freedom alone; those of the first `narrow` are there already."""
    excesses, shift, half, gain = pairs.excess, pairs.shift, pairs.half, pairs.gain
    fall, second = pairs.fall, pairs.second
    for s in range(t):
        excess, shifted = excesses[s], shift[s] * df / (df + 1.0)
        scale = 0.5 * (excess - log_ratio(pairs.ratio[s], excess)) + gain[s] * excess / (df + 1.0)
        divergence[s] += 0.0 if s < narrow else own[s] + scale + half[s] * (shifted + fall[s])
        mean = half[s] * (excess / (df + 1.0) + shifted + fall[s])
        variance[s] += 0.0 if s < narrow else positive_part(second[s] - mean * mean)
