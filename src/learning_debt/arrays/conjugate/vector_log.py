"""Logarithms that compiled loops over arrays take in vector instructions, which the C library's they cannot.

With 1 + x = 2^k (1 + f), 1 + f between sqrt(1/2) and sqrt(2), log(1 + x) is k log 2 + 2 artanh(s), s = f / (2 + f), by
the series of artanh. Where k = 0, f is x itself, so that small arguments keep their relative precision. A ratio near 0
has lost its digits by the time 1 was taken away, so `log_ratio` is given it as well as what it exceeds 1 by.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numba import njit

from learning_debt.arrays.compilation import CACHE

_LOG_2 = math.log(2)
_ROOT_HALF = struct.unpack("<q", struct.pack("<d", math.sqrt(0.5)))[0]
_MANTISSA_BITS = 52
_SMALLEST = np.finfo(float).tiny


@njit(cache=CACHE, error_model="numpy")
def log1p(x: float) -> float:
    """log(1 + x) for x > -1, to 4e-16 relative; else NaN, as where x is NaN or infinite.

    A loop around it can be vectorised, if it is compiled with ``error_model="numpy"``: a check for division by zero
    would keep it scalar.
    """
    return log_ratio(1.0 + x, x)


@njit(cache=CACHE, error_model="numpy")
def log_ratio(ratio: float, excess: float) -> float:
    """log(ratio) to 4e-16 relative, where both the ratio and its excess over 1 are known to full precision.

    NaN where the ratio is none, infinite, or below the smallest normal number, 2e-308. Loops as for `log1p`.
    """
    bits = np.float64(ratio).view(np.int64)
    k = (bits - _ROOT_HALF) >> _MANTISSA_BITS
    reduced = np.int64(bits - (k << _MANTISSA_BITS)).view(np.float64) - 1.0
    f = excess if k == 0 else reduced
    s = f / (2.0 + f)
    z = s * s
    tail = 1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z / 21)))
    series = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * tail)))))
    unusable = ratio - ratio if ratio >= _SMALLEST else math.nan  # 0, or NaN where the bits are not those of a number
    return k * _LOG_2 + 2.0 * (s + s * series) + unusable


@njit(cache=CACHE)
def positive_part(x: float) -> float:
    """0 where rounding made a divergence negative; NaN stays."""
    return 0.0 if x < 0.0 else x
