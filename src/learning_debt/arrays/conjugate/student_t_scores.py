"""Scores of Student-t forecasts other than the log score, their divergences and the spread of their gaps.

All forecasts have a mean: degrees of freedom above 1. Below, expected distances and stock losses are infinite.
Every function broadcasts its arguments; divergences and spreads of predictives of rows have the rows last.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from learning_debt.arrays.conjugate import student_t
from learning_debt.arrays.conjugate.log_ratio_variance import variances_of_log_ratio
from learning_debt.typing import Array


def crps(y: ArrayLike, degrees_of_freedom: ArrayLike, location: ArrayLike, scale: ArrayLike) -> Array:
    """Continuous ranked probability score of a Student-t, as a loss in the unit of `y`.

    E|X - y| - E|X - X'| / 2 (Jordan, Krueger & Lerch, Journal of Statistical Software 90, 2019, appendix A).

    Raises
    ------
    ValueError
        If degrees of freedom are not above 1.

    Examples
    --------
    >>> round(float(crps(0.0, 5.0, 0.0, 1.0)), 6)
    0.257025
    """
    df, scale = _with_mean(degrees_of_freedom), np.asarray(scale, dtype=float)
    z = (np.asarray(y, dtype=float) - location) / scale
    return np.asarray(scale * (_mean_distance(z, df) - _half_mean_difference(df)))


def _with_mean(degrees_of_freedom: ArrayLike) -> Array:
    df = np.asarray(degrees_of_freedom, dtype=float)
    if (df <= 1).any():
        raise ValueError(
            f"a Student-t forecast with {df.min():g} degrees of freedom has no mean, so its expected loss is infinite: "
            "they must be above 1 (a NIG of shape above 0.5)"
        )
    return df


def _density(z: Array, df: Array) -> Array:
    return np.exp(student_t.log_density(z, df, 0.0, 1.0))


def _mean_distance(z: Array, df: Array) -> Array:
    """E|T - z| of a standard Student-t."""
    return np.asarray(z * (2 * stdtr(df, z) - 1) + 2 * _density(z, df) * (df + z**2) / (df - 1))


def _half_mean_difference(df: Array) -> Array:
    """E|T - T'| / 2 of a standard Student-t: 2 sqrt(df) / (df - 1) B(1/2, df - 1/2) / B(1/2, df/2)^2."""
    gaps = 2 * student_t.log_gamma_gaps(df / 2) - student_t.log_gamma_gaps(df - 0.5)
    return np.asarray(df**1.5 / ((df - 1) * np.sqrt(math.pi * (df - 0.5))) * np.exp(gaps))


def quantile(level: ArrayLike, degrees_of_freedom: ArrayLike, location: ArrayLike, scale: ArrayLike) -> Array:
    """Quantile of a Student-t.

    Examples
    --------
    >>> round(float(quantile(0.95, 4.0, 1.0, 2.0)), 4)
    5.2637
    """
    return np.asarray(location + np.asarray(scale) * stdtrit(degrees_of_freedom, level))


def expected_stock_loss(
    stock: ArrayLike,
    degrees_of_freedom: ArrayLike,
    location: ArrayLike,
    scale: ArrayLike,
    under: float,
    over: float,
) -> Array:
    """Expected loss of a stock under a Student-t: under E(Y - a)+ + over E(a - Y)+.

    Examples
    --------
    >>> round(float(expected_stock_loss(0.0, 4.0, 0.0, 1.0, 1.0, 1.0)), 6)  # E|Y| = 1
    1.0
    """
    df, scale = _with_mean(degrees_of_freedom), np.asarray(scale, dtype=float)
    z = (np.asarray(stock, dtype=float) - location) / scale
    tail = _density(z, df) * (df + z**2) / (df - 1)
    return np.asarray(scale * ((under + over) * tail + z * ((under + over) * stdtr(df, z) - under)))


def stock_divergence(
    df_p: ArrayLike,
    loc_p: ArrayLike,
    scale_p: ArrayLike,
    df_q: ArrayLike,
    loc_q: ArrayLike,
    scale_q: ArrayLike,
    under: float,
    over: float,
) -> Array:
    """Extra cost, expected under p, of the best stock by q; in the unit of the costs, never negative."""
    level = under / (under + over)
    own, other = quantile(level, df_p, loc_p, scale_p), quantile(level, df_q, loc_q, scale_q)
    costs = [expected_stock_loss(stock, df_p, loc_p, scale_p, under, over) for stock in (own, other)]
    return np.maximum(costs[1] - costs[0], 0.0)


def crps_divergence(
    df_p: ArrayLike, loc_p: ArrayLike, scale_p: ArrayLike, df_q: ArrayLike, loc_q: ArrayLike, scale_q: ArrayLike
) -> Array:
    """Integral of (F - G)^2 for two Student-t's, in the unit of their locations; to about 1e-10 of their scales.

    Examples
    --------
    >>> round(float(crps_divergence(1e7, 0.0, 1.0, 1e7, 1.0, 1.0)), 6)  # two normals: E|Z + 1| - E|Z|, Z of variance 2
    0.270903
    """
    return _integrated(_squared_difference, 1e-14, 1e-11, df_p, loc_p, scale_p, df_q, loc_q, scale_q)


def log_gap_spread(
    df_p: ArrayLike, loc_p: ArrayLike, scale_p: ArrayLike, df_q: ArrayLike, loc_q: ArrayLike, scale_q: ArrayLike
) -> Array:
    """Standard deviation under p of the mean over the rows (last axis) of log p(y) - log q(y).

    Examples
    --------
    >>> float(log_gap_spread(1e7, [0.0], 1.0, 1e7, [1.0], 1.0).round(4))  # normals: the gap is 1/2 - y, y of spread 1
    1.0
    """
    df_p, loc_p, scale_p, df_q, loc_q, scale_q = (
        np.asarray(part, dtype=float) for part in (df_p, loc_p, scale_p, df_q, loc_q, scale_q)
    )
    variance = variances_of_log_ratio(df_p, df_q, (loc_q - loc_p) / scale_p, scale_q / scale_p)
    return np.asarray(np.sqrt(variance.sum(axis=-1)) / variance.shape[-1])


def crps_gap_spread(
    df_p: ArrayLike, loc_p: ArrayLike, scale_p: ArrayLike, df_q: ArrayLike, loc_q: ArrayLike, scale_q: ArrayLike
) -> Array:
    """Standard deviation under p of the mean over the rows (last axis) of CRPS(q, y) - CRPS(p, y)."""
    variance = _integrated(_gap_variance, 1e-22, 1e-8, df_p, loc_p, scale_p, df_q, loc_q, scale_q)
    return np.asarray(np.sqrt(variance.sum(axis=-1)) / variance.shape[-1])


def _squared_difference(y: Array, weight: Array, p: list[Array], q: list[Array]) -> Array:
    difference = stdtr(p[0], (y - p[1]) / p[2]) - stdtr(q[0], (y - q[1]) / q[2])
    return np.asarray((difference**2 * weight).sum(axis=0))


def _gap_variance(y: Array, weight: Array, p: list[Array], q: list[Array]) -> Array:
    """Variance of E|Y_q - y| - E|Y_p - y|, the part of the gap that changes with y."""
    gap = q[2] * _mean_distance((y - q[1]) / q[2], q[0]) - p[2] * _mean_distance((y - p[1]) / p[2], p[0])
    mass = np.exp(student_t.log_density(y, *p)) * weight
    mean = (gap * mass).sum(axis=0)
    return np.asarray(((gap - mean) ** 2 * mass).sum(axis=0))


_MAXIMUM_NODES = 6145


def _integrated(integral: Any, tail: float, tolerance: float, *parameters: ArrayLike) -> Array:
    """`integral` of two Student-t's by the trapezoid rule in u of y = centre + scale sinh(u).

    The rule converges geometrically for what is analytic there. It is doubled, where needed, until it agrees with its
    own half within the relative tolerance, or 1e-12 scales of p.
    """
    arrays = np.broadcast_arrays(*(np.asarray(parameter, dtype=float) for parameter in parameters))
    shape = arrays[0].shape
    flat = [array.reshape(-1) for array in arrays]
    for df in (flat[0], flat[3]):
        _with_mean(df)
    out = np.zeros(flat[0].size)
    left = np.flatnonzero(~((flat[0] == flat[3]) & (flat[1] == flat[4]) & (flat[2] == flat[5])))
    nodes = 49
    while left.size:
        p, q = [parameter[left] for parameter in flat[:3]], [parameter[left] for parameter in flat[3:]]
        y, weight = _lattice(p, q, nodes, tail)
        fine = integral(y, weight, p, q)
        coarse = integral(y[::2], 2 * weight[::2], p, q)
        out[left] = fine
        off = np.abs(fine - coarse) > tolerance * np.abs(fine) + 1e-12 * p[2]
        left = left[off] if nodes < _MAXIMUM_NODES else left[:0]
        nodes = 2 * nodes - 1
    return out.reshape(shape)


def _lattice(p: list[Array], q: list[Array], nodes: int, tail: float) -> tuple[Array, Array]:
    """Points and weights, shape (nodes, cells), until squared tails times their distance are `tail`."""
    df = np.minimum(p[0], q[0])
    outside = tail ** (1 / (2 - 1 / df))
    centre = (p[1] + q[1]) / 2
    scale = np.minimum(p[2], q[2]) + np.abs(p[1] - q[1]) / 2
    far = [
        np.abs(distribution[1] - centre) - distribution[2] * stdtrit(distribution[0], outside)
        for distribution in (p, q)
    ]
    end = np.arcsinh(np.maximum(*far) / scale)
    u = np.linspace(-1.0, 1.0, nodes)[:, None] * end
    return centre + scale * np.sinh(u), scale * np.cosh(u) * (2 * end / (nodes - 1))


def stock_gap_spread(
    df_p: ArrayLike,
    loc_p: ArrayLike,
    scale_p: ArrayLike,
    df_q: ArrayLike,
    loc_q: ArrayLike,
    scale_q: ArrayLike,
    under: float,
    over: float,
) -> Array:
    """Standard deviation under p of the mean over the rows (last axis) of L(b, y) - L(a, y), a and b the best stocks.

    The gap is (under + over) times a - y, held between the two stocks, up to a constant.
    """
    level = under / (under + over)
    df, scale = np.asarray(df_p, dtype=float), np.asarray(scale_p, dtype=float)
    a = stdtrit(df, level)
    b = (quantile(level, df_q, loc_q, scale_q) - np.asarray(loc_p)) / scale
    low, high = np.minimum(a, b), np.maximum(a, b)
    u, weight = np.polynomial.legendre.leggauss(48)
    reach = np.arcsinh(np.stack(np.broadcast_arrays(low, high)))
    v = (reach[0] + reach[1]) / 2 + (reach[1] - reach[0]) / 2 * u.reshape(-1, *[1] * reach[0].ndim)
    z = np.sinh(v)
    mass = _density(z, df) * np.cosh(v) * (reach[1] - reach[0]) / 2 * weight.reshape(-1, *[1] * reach[0].ndim)
    below, above = stdtr(df, low), stdtr(df, -high)
    first = below * (low - a) + above * (high - a) + ((z - a) * mass).sum(axis=0)
    second = below * (low - a) ** 2 + above * (high - a) ** 2 + ((z - a) ** 2 * mass).sum(axis=0)
    variance = np.maximum(second - first**2, 0.0) * ((under + over) * scale) ** 2
    return np.asarray(np.sqrt(variance.sum(axis=-1)) / variance.shape[-1])
