"""The reference study's random numbers: R's default generators, draw for draw.

The published study was drawn in R, so its figures come back to the digit only from the same stream: the Mersenne
Twister of Matsumoto & Nishimura (1998), normals by inversion with Wichura's AS 241 (1988), gammas by the modified
rejection of Ahrens & Dieter (1982), exponentials by Ahrens & Dieter (1972), indices by rejection on bits.

All functions are compiled and may be called from other compiled functions. A stream is its state, an array of
uint32, shape (625,): the 624 words of the twister, then how many of them are used up. Every draw changes it in place,
so two threads must not share one.

Examples
--------
>>> state = new_state(120001)
>>> uniform(state), normal(state)
(0.9109347893390805, 0.20933221084401438)
"""

from __future__ import annotations

import math
import operator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learning_debt.arrays.compilation import CACHE

State = NDArray[np.uint32]

WORDS = 624
_OFFSET = 397
_STEP = 2.3283064365386963e-10
"""2^-32: what one unit of a 32-bit word is worth."""
_MARGIN = 0.5 * 2.328306437080797e-10
"""Draws stay this far from 0 and 1: half of 1 / (2^32 - 1)."""
_FINE = 134217728.0
"""2^27: a normal takes two uniforms, the first cut to 27 bits, the second filling in behind it."""


def new_state(number: int) -> State:
    """State of a fresh stream.

    Parameters
    ----------
    number : int
        The seed, 0 <= number < 2^32 (R's ``set.seed(number)``; a negative seed of R is number + 2^32).

    Returns
    -------
    ndarray of uint32, shape (625,)

    Examples
    --------
    >>> uniform(new_state(1))
    0.2655086631421
    """
    state = np.empty(WORDS + 1, dtype=np.uint32)
    seed(state, operator.index(number))
    return state


@njit(cache=CACHE, nogil=True)
def seed(state: State, number: int) -> None:
    """Start the stream anew: words of the congruential recursion 69069 s + 1 mod 2^32, the first 51 thrown away."""
    if state.shape[0] != WORDS + 1:
        raise ValueError("the state of a stream has 625 words")
    if not 0 <= number <= 0xFFFFFFFF:
        raise ValueError("a seed must be at least 0 and below 2^32")
    word = np.int64(number)
    for _ in range(51):
        word = (69069 * word + 1) & 0xFFFFFFFF
    for k in range(WORDS):
        word = (69069 * word + 1) & 0xFFFFFFFF
        state[k] = word
    state[WORDS] = WORDS


@njit(cache=CACHE, nogil=True)
def _twisted(word: np.int64, following: np.int64, distant: np.int64) -> np.int64:
    """Next generation of a word: distant ^ (upper bit of word | lower bits of following) A."""
    joined = (word & 0x80000000) | (following & 0x7FFFFFFF)
    return distant ^ (joined >> 1) ^ ((joined & 1) * 0x9908B0DF)


@njit(cache=CACHE, nogil=True)
def _twist(state: State) -> None:
    """Replace all 624 words by their next generation (Matsumoto & Nishimura 1998, section 2)."""
    for k in range(WORDS - _OFFSET):
        state[k] = _twisted(np.int64(state[k]), np.int64(state[k + 1]), np.int64(state[k + _OFFSET]))
    for k in range(WORDS - _OFFSET, WORDS - 1):
        state[k] = _twisted(np.int64(state[k]), np.int64(state[k + 1]), np.int64(state[k + _OFFSET - WORDS]))
    state[WORDS - 1] = _twisted(np.int64(state[WORDS - 1]), np.int64(state[0]), np.int64(state[_OFFSET - 1]))


@njit(cache=CACHE, nogil=True)
def uniform(state: State) -> float:
    """One draw from the open interval (0, 1).

    Examples
    --------
    >>> uniform(new_state(20260429))
    0.48370946501381695
    """
    position = np.int64(state[WORDS])
    if position >= WORDS:
        _twist(state)
        position = np.int64(0)
    state[WORDS] = position + 1
    word = np.int64(state[position])
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C5680
    word ^= (word << 15) & 0xEFC60000
    word ^= word >> 18
    return min(max(word * _STEP, _MARGIN), 1.0 - _MARGIN)


@njit(cache=CACHE, nogil=True)
def uniform_between(state: State, low: float, high: float) -> float:
    """One draw from the interval (low, high).

    Examples
    --------
    >>> uniform_between(new_state(1), 3.0, 6.0)
    3.7965259894263
    """
    return low + (high - low) * uniform(state)


@njit(cache=CACHE, nogil=True)
def normal(state: State) -> float:
    """One standard normal draw, by inversion of a uniform put together from two.

    Examples
    --------
    >>> normal(new_state(1))
    -0.6264538107423324
    """
    coarse = math.floor(_FINE * uniform(state))
    return normal_quantile((coarse + uniform(state)) / _FINE)


# Coefficients of PPND16, highest power first: |p - 1/2| <= .425, then the near and the far tail.
_CENTRE_TOP = (
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
    13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
)  # fmt: skip
_CENTRE_BOTTOM = (
    5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
    5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0,
)  # fmt: skip
_NEAR_TOP = (
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
)  # fmt: skip
_NEAR_BOTTOM = (
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
    0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0,
)  # fmt: skip
_FAR_TOP = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
    0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
)  # fmt: skip
_FAR_BOTTOM = (
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
    0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0,
)  # fmt: skip


@njit(cache=CACHE, nogil=True)
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    """Horner's rule, highest power first."""
    value = 0.0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value


@njit(cache=CACHE, nogil=True)
def normal_quantile(p: float) -> float:
    """Quantile of the standard normal, to about 1e-16: PPND16 of Wichura (1988), Applied Statistics 37, 477-484.

    Parameters
    ----------
    p : float
        0 < p < 1.

    Examples
    --------
    >>> normal_quantile(0.975)
    1.9599639845400536
    """
    centred = p - 0.5
    if abs(centred) <= 0.425:
        r = 0.180625 - centred * centred
        return centred * _polynomial(_CENTRE_TOP, r) / _polynomial(_CENTRE_BOTTOM, r)
    r = math.sqrt(-math.log(p if centred < 0 else 1.0 - p))
    if r <= 5.0:
        size = _polynomial(_NEAR_TOP, r - 1.6) / _polynomial(_NEAR_BOTTOM, r - 1.6)
    else:
        size = _polynomial(_FAR_TOP, r - 5.0) / _polynomial(_FAR_BOTTOM, r - 5.0)
    return -size if centred < 0 else size


def _exponential_series() -> tuple[float, ...]:
    """Partial sums of ln(2)^k / k!, k = 1, 2, ...: the probabilities of algorithm SA, up to 1 in double precision."""
    total, term, sums = 0.0, 1.0, []
    for k in range(1, 17):
        term *= math.log(2) / k
        total += term
        sums.append(total)
    return (*sums[:-1], 1.0)


_SERIES = _exponential_series()


@njit(cache=CACHE, nogil=True)
def exponential(state: State) -> float:
    """One standard exponential draw: algorithm SA of Ahrens & Dieter (1972), Communications of the ACM 15, 873-882.

    Doublings of a uniform count the whole multiples of ln 2; what is left over decides how many further uniforms
    compete for the remainder.

    Examples
    --------
    >>> exponential(new_state(1))
    0.7551818331283452
    """
    whole = 0.0
    rest = 2.0 * uniform(state)
    while rest <= 1.0:
        whole += _SERIES[0]
        rest *= 2.0
    rest -= 1.0
    if rest <= _SERIES[0]:
        return whole + rest
    least = min(uniform(state), uniform(state))
    k = 1
    while rest > _SERIES[k]:
        least = min(least, uniform(state))
        k += 1
    return whole + least * _SERIES[0]


# Algorithm GD: series of q0 in 1 / shape and of the log quotient in v (7-digit versions), highest power first.
_Q = (2.424e-4, 2.4511e-4, -7.388e-5, 0.00144121, 0.00801191, 0.02083148, 0.04166669)
_A = (0.1233795, -0.1367177, 0.1423657, -0.1662921, 0.2000062, -0.250003, 0.3333333)
_ROOT_32 = 5.656854


@njit(cache=CACHE, nogil=True)
def _log_quotient(shape: float, t: float) -> float:
    """Log ratio of the gamma density to the normal one at sqrt-scale deviate t (step 6 of GD)."""
    spread = math.sqrt(shape - 0.5)
    start = _polynomial(_Q, 1.0 / shape) / shape
    v = t / (2.0 * spread)
    if abs(v) > 0.25:
        return start - spread * t + 0.25 * t * t + 2.0 * (shape - 0.5) * math.log(1.0 + v)
    return start + 0.5 * t * t * _polynomial(_A, v) * v


@njit(cache=CACHE, nogil=True)
def _hat(shape: float) -> tuple[float, float, float]:
    """Location, scale and height of the double exponential hat (step 4 of GD)."""
    spread_squared = shape - 0.5
    spread = math.sqrt(spread_squared)
    if shape <= 3.686:
        return 0.463 + spread + 0.178 * spread_squared, 1.235, 0.195 / spread - 0.079 + 0.16 * spread
    if shape <= 13.022:
        return 1.654 + 0.0076 * spread_squared, 1.68 / spread + 0.275, 0.062 / spread + 0.024
    return 1.77, 0.75, 0.1515 / spread


@njit(cache=CACHE, nogil=True)
def _under_hat(state: State, shape: float) -> float:
    """Deviate t drawn by rejection from the double exponential (steps 8 to 11 of GD)."""
    location, scale, height = _hat(shape)
    while True:
        wait = exponential(state)
        side = 2.0 * uniform(state) - 1.0
        t = location + math.copysign(scale * wait, side)
        if t < -0.71874483771719:
            continue
        quotient = _log_quotient(shape, t)
        if quotient > 0.0 and height * abs(side) <= math.expm1(quotient) * math.exp(wait - 0.5 * t * t):
            return t


@njit(cache=CACHE, nogil=True)
def gamma(state: State, shape: float) -> float:
    """One gamma draw of scale 1: algorithm GD of Ahrens & Dieter (1982), Communications of the ACM 25, 47-54.

    The square of a normal about sqrt(shape - 1/2): taken at once when it lies above, mostly taken when below, and
    otherwise drawn anew under a double exponential.

    Parameters
    ----------
    shape : float
        At least 1.

    Examples
    --------
    >>> gamma(new_state(1), 1.5)
    0.471657283506065
    """
    if not 1.0 <= shape < math.inf:
        raise ValueError("the shape of a gamma draw must be at least 1")
    spread = math.sqrt(shape - 0.5)
    t = normal(state)
    root = spread + 0.5 * t
    if t >= 0.0:
        return root * root
    u = uniform(state)
    if (_ROOT_32 - 12.0 * spread) * u <= t * t * t:
        return root * root
    if root > 0.0 and math.log(1.0 - u) <= _log_quotient(shape, t):
        return root * root
    root = spread + 0.5 * _under_hat(state, shape)
    return root * root


@njit(cache=CACHE, nogil=True)
def student_t(state: State, degrees_of_freedom: float) -> float:
    """One Student-t draw: a normal over the root of a chi-squared per degree of freedom, the normal drawn first.

    Parameters
    ----------
    degrees_of_freedom : float
        At least 2; infinitely many give a normal draw.

    Examples
    --------
    >>> student_t(new_state(1), 3.0)
    -0.7027210747833266
    """
    if not degrees_of_freedom >= 2.0:
        raise ValueError("Student-t draws need at least 2 degrees of freedom")
    z = normal(state)
    if math.isinf(degrees_of_freedom):
        return z
    return z / math.sqrt(2.0 * gamma(state, degrees_of_freedom / 2.0) / degrees_of_freedom)


@njit(cache=CACHE, nogil=True)
def index(state: State, n: int) -> int:
    """One of 0..n-1, all equally likely: as many random bits as n needs, drawn again while they say n or more.

    Parameters
    ----------
    n : int
        From 1 to 2^31; each try takes one uniform for every 16 bits begun (R's ``sample(n, ..., replace=TRUE) - 1``).

    Examples
    --------
    >>> state = new_state(1)
    >>> [index(state, 100) for _ in range(3)]
    [67, 38, 0]
    """
    if not 1 <= n <= 2147483648:
        raise ValueError("an index is drawn from 1 to 2^31 values")
    bits = 0
    while (1 << bits) < n:
        bits += 1
    while True:
        value = np.int64(0)
        for _ in range(bits // 16 + 1):
            value = (value << 16) | np.int64(math.floor(65536.0 * uniform(state)))
        value &= (1 << bits) - 1
        if value < n:
            return int(value)
