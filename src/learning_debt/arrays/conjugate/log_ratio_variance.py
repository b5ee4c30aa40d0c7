"""Variance of the log ratio of two Student-t densities under the first: how far single gaps of log score spread."""

from __future__ import annotations

import math

from numba import njit, vectorize

from learning_debt.arrays.compilation import CACHE

_LOG_TOLERANCE = 30.0  # exp(-30) is 1e-13
_LOG_AT_END = 2 * _LOG_TOLERANCE  # log A times the degrees of freedom where the range ends
_CLOSE = 1e-11
_MOST_INTERVALS = 2**16


@njit(cache=CACHE, nogil=True, error_model="numpy")
def variance_of_log_ratio(p: float, q: float, location: float, scale: float) -> float:
    """Of log p(z) - log q(z) under p, standardised to location 0 and scale 1; p and q are degrees of freedom.

    By the trapezoidal rule in asinh of the distance to the narrower of the two, whose points are dense where its
    density bends; doubled until it changes by less than 1e-11. What is summed is the ratio less its value at 0,
    since that may be large.
    """
    if not math.isfinite(p + q + location + scale):
        return math.nan
    beyond = 2 * (_LOG_TOLERANCE + math.log(_LOG_AT_END / p + 1) + math.log(q + 1))
    reach = math.sqrt(p * math.expm1(beyond / p))
    own_width, other_width = math.sqrt(p), scale * math.sqrt(q)
    centre, width = (location, other_width) if other_width < own_width else (0.0, own_width)
    low, high = math.asinh((-reach - centre) / width), math.asinh((reach - centre) / width)
    at_centre = math.log1p((location / other_width) ** 2)
    intervals, every, mass, first, second, variance, before = 128, 1, 0.0, 0.0, 0.0, 0.0, -1.0
    while not abs(variance - before) <= _CLOSE * variance and intervals <= _MOST_INTERVALS:
        for k in range(every - 1, intervals + 1, every):  # from the second round on, the points between those before
            u = low + k * (high - low) / intervals
            z = centre + width * math.sinh(u)
            log_a, log_b = math.log1p((z / own_width) ** 2), math.log1p(((z - location) / other_width) ** 2)
            ratio = (q + 1) / 2 * (log_b - at_centre) - (p + 1) / 2 * log_a
            weight = math.exp(-(p + 1) / 2 * log_a) * math.cosh(u)
            mass, first, second = mass + weight, first + weight * ratio, second + weight * ratio * ratio
        before, variance = variance, second / mass - (first / mass) ** 2
        intervals, every = 2 * intervals, 2
    return variance


@vectorize(cache=CACHE)
def variances_of_log_ratio(p, q, location, scale):  # type: ignore[no-untyped-def]
    """`variance_of_log_ratio`, elementwise."""
    return max(variance_of_log_ratio(p, q, location, scale), 0.0)
