"""log(1 + x) that compiled loops over arrays take in vector instructions, which the C library's they cannot.

With 1 + x = 2^k (1 + f), 1 + f between sqrt(1/2) and sqrt(2), it is k log 2 + 2 artanh(s), s = f / (2 + f), by the series
of artanh. Where k = 0, f is x itself, so that small arguments keep their relative precision.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from learning_debt.arrays.compilation import CACHE

_LOG_2 = math.log(2)
_ROOT_HALF = struct.unpack("<q", struct.pack("<d", math.sqrt(0.5)))[0]
_MANTISSA_BITS = 52


@intrinsic
def _bits(context: Any, number: Any) -> Any:
    """The float's 64 bits as a whole number."""
    return types.int64(types.float64), lambda _, builder, __, values: builder.bitcast(values[0], ir.IntType(64))


@intrinsic
def _number(context: Any, bits: Any) -> Any:
    """The float that has these 64 bits."""
    return types.float64(types.int64), lambda _, builder, __, values: builder.bitcast(values[0], ir.DoubleType())


@njit(cache=CACHE, inline="always")
def log1p(x: float) -> float:
    """log(1 + x) for -1 < x < 1e300, to 4e-16 relative; inlined, so that a loop around it can be vectorised.

    Such a loop must be compiled with ``error_model="numpy"``: a check for division by zero would keep it scalar.
    """
    bits = _bits(1.0 + x)
    k = (bits - _ROOT_HALF) >> _MANTISSA_BITS
    f = _number(bits - (k << _MANTISSA_BITS)) - 1.0
    f = x if k == 0 else f
    s = f / (2.0 + f)
    z = s * s
    tail = 1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z / 21)))
    series = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * tail)))))
    return k * _LOG_2 + 2.0 * (s + s * series)
