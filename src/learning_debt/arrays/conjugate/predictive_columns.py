"""Divergence of the predictives of one row: those of many deployed posteriors from that of one shadow.

Both Student-t's are written in w = (y - location) / width of the shadow, width^2 = 2 rate (1 + h) = df scale^2. With
A = 1 + w^2 and B = 1 + ((y - location) / width)^2 of the deployed one, and d = (B - A) / A,

    KL = C + (e - log(1 + e)) / 2 + (n_q - n_p) / (n_p + 1) e / 2
         + (n_q + 1) / 2 (v n_p / (n_p + 1) + E[log(1 + d) - d]),

n for degrees of freedom, 1 + e for the ratio of the squared widths, v for the squared distance of the locations over the
deployed squared width, and C, the divergence of the degrees of freedom alone, for

    log Gamma((n_p + 1) / 2) - log Gamma(n_p / 2) - the same of n_q + (n_q - n_p) / 2 E[log A].

All first-order terms have gone, so that it stays accurate relative to itself where it is small. The expectation is under
the shadow, by the trapezoidal rule in asinh(w), in which log(1 + d) is analytic but for the branch points of log B
(`learning_debt.arrays.conjugate.student_t` has the theory): d is a function of tanh^2, and w and -w share a node.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.conjugate import student_t
from learning_debt.arrays.conjugate.vector_log import log1p
from learning_debt.typing import Array

_LOG_TOLERANCE = 30.0  # exp(-30) is 1e-13, of the largest value of log(1 + d) - d in the strip
_LOG_AT_END = 2 * _LOG_TOLERANCE  # log A times the degrees of freedom where the range ends
_FINEST = 4


class Lattice(NamedTuple):
    """Nodes of the trapezoidal rule for one shadow, each of shape (nodes,), and the strip they are made for.

    Attributes
    ----------
    square, mixed : ndarray
        w^2 / A and w^2 / A^2.
    weight : ndarray
        Of w, and of -w as well; those of all nodes add up to 1/2.
    log_excess : ndarray
        log A minus its mean.
    mean_log : float
        E[log A].
    widest, farthest : float
        The branch points lie outside the strip where 1 + e <= widest - farthest v.
    """

    square: Array
    mixed: Array
    weight: Array
    log_excess: Array
    mean_log: float
    widest: float
    farthest: float


class Pairs(NamedTuple):
    """Shadow and deployed posteriors on one row, each of shape (posteriors,); and what is summed over rows.

    Attributes
    ----------
    excess : ndarray
        Ratio of the shadow's squared width to the deployed one, minus 1.
    shift : ndarray
        Squared distance of the locations over the deployed squared width.
    cross : ndarray
        sqrt(shift x (1 + excess)).
    half, gain : ndarray
        (n_q + 1) / 2 and (n_q - n_p) / 2.
    fall : ndarray
        E[log(1 + d) - d].
    second : ndarray
        E of the squared log ratio of the densities, less its constant.
    """

    excess: Array
    shift: Array
    cross: Array
    half: Array
    gain: Array
    fall: Array
    second: Array


@njit(cache=CACHE, nogil=True, error_model="numpy")
def lattice(df: float, fineness: int) -> Lattice:
    """Nodes for a shadow of so many degrees of freedom; every step of `fineness` divides the strip by three."""
    tolerance = _LOG_TOLERANCE + 2 * math.log1p(_LOG_AT_END / df)  # squares of logarithms count in the tails
    height = min(math.pi / 6, 4.3 / math.sqrt(df)) / 3.0**fineness
    step = 2 * math.pi * height / (tolerance - df / 2 * math.log1p(-(math.sin(height) ** 2)))
    end = math.asinh(math.sqrt(math.expm1(2 * tolerance / df)))
    count = math.ceil(end / step) + 1
    square, mixed, weight, log_a = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    for k in range(count):
        w2 = math.sinh(k * step) ** 2
        square[k], mixed[k], log_a[k] = w2 / (1 + w2), w2 / (1 + w2) ** 2, math.log1p(w2)
        weight[k] = math.exp(-df / 2 * log_a[k]) * (0.5 if k == 0 else 1.0)
    weight /= 2 * weight.sum()
    mean_log = 2 * (weight * log_a).sum()
    widest, farthest = 1 / math.sin(height) ** 2, 1 / math.cos(height) ** 2
    return Lattice(square, mixed, weight, log_a - mean_log, mean_log, widest, farthest)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def add_expectations(df: float, lattices: list[Lattice], pairs: Pairs, stop: int) -> None:
    """`fall` and `second` of the first `stop` posteriors, each on the coarsest lattice whose strip is clear.

    Those deployed longest ago tend to be the narrowest, and need finer ones. Below the finest, the line of integration
    leaves the real axis for the divergence; the spread is taken on the finest.
    """
    pairs.fall[:stop] = 0.0
    pairs.second[:stop] = 0.0
    fineness = 0
    while stop > 0:
        if fineness == len(lattices):
            lattices.append(lattice(df, fineness))
        own = lattices[fineness]
        first = 0
        for s in range(stop):
            if not 1.0 + pairs.excess[s] <= own.widest - own.farthest * pairs.shift[s]:
                first = s + 1
        if fineness == _FINEST:
            _add_nodes(own, pairs, 0, stop)
            for s in range(first):
                pairs.fall[s] = _fall_below(df, own.mean_log, pairs.excess[s], pairs.shift[s])
            return
        _add_nodes(own, pairs, first, stop)
        stop, fineness = first, fineness + 1


@njit(cache=CACHE, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_nodes(own: Lattice, pairs: Pairs, first: int, stop: int) -> None:
    """With b, c = 1 + d at w and -w: log b + log c by b c, and log b - log c by b / c."""
    chosen = slice(first, stop)  # loops from 0 on: an index that might be negative would keep them scalar
    excess, shift, cross, half = pairs.excess[chosen], pairs.shift[chosen], pairs.cross[chosen], pairs.half[chosen]
    gain, fall, second = pairs.gain[chosen], pairs.fall[chosen], pairs.second[chosen]
    for k in range(own.weight.shape[0]):
        square, weight, log_excess = own.square[k], own.weight[k], 2.0 * own.log_excess[k]
        mixed = 2.0 * math.sqrt(own.mixed[k])
        for s in range(stop - first):
            even = shift[s] + (excess[s] - shift[s]) * square
            odd = cross[s] * mixed
            total = log1p(even * (2.0 + even) - odd * odd)
            difference = half[s] * log1p(2.0 * odd / (1.0 + even - odd))
            fall[s] += weight * (total - 2.0 * even)
            both = half[s] * total + gain[s] * log_excess
            second[s] += 0.5 * weight * (both * both + difference * difference)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _fall_below(df: float, mean_log: float, excess: float, shift: float) -> float:
    """E[log(1 + d) - d] for a deployed distribution too narrow for the real axis."""
    height, step, steps = student_t._strip(df, student_t._LOG_TOLERANCE + math.log(df))
    width = math.sqrt(df / (1 + excess))
    location = math.sqrt(shift) * width
    mean_d = (excess + shift * df) / (df + 1)
    return student_t._expected_log_below(df, height, step, steps, location, width) - mean_log - mean_d
