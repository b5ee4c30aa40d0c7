"""What depends on a posterior's shape alone, free of the cancellation of large log-gammas.

With log Gamma(a) = (a - 1/2) log a - a + log(2 pi) / 2 + mu(a), and log Gamma(a + 1/2) - log Gamma(a) = log(a) / 2 +
g(a), differences of log-gammas are differences of logarithms and of mu and g, which are of the order of 1 / a.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, psi

from learning_debt.arrays.conjugate.student_t import log_gamma_gaps
from learning_debt.typing import Array

_SERIES_FROM = 20.0
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_GAP = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)


class ShapeTerms(NamedTuple):
    """The functions above and their derivatives, each of the shape of the argument."""

    mu: Array
    mu_slope: Array
    gap: Array
    gap_slope: Array


def shape_terms(shape: Array) -> ShapeTerms:
    """At every shape parameter, by asymptotic series from 20 on.

    Examples
    --------
    >>> [float(term.round(6)) for term in shape_terms(np.array(1.0))]  # 1 - log(2 pi) / 2, -.577216 + 1/2, ...
    [0.081061, -0.077216, -0.120782, 0.113706]
    """
    a = np.asarray(shape, dtype=float)
    small = np.minimum(a, _SERIES_FROM)  # keeps what is not chosen in range
    large = np.maximum(a, _SERIES_FROM)
    exact = (
        gammaln(small) - ((small - 0.5) * np.log(small) - small + 0.5 * math.log(2 * math.pi)),
        psi(small) - np.log(small) + 0.5 / small,
        psi(small + 0.5) - psi(small) - 0.5 / small,
    )
    mu, mu_slope = _odd_powers(_STIRLING, large)
    _, gap_slope = _odd_powers(_GAP, large)
    chosen = (np.where(a < _SERIES_FROM, *pair) for pair in zip(exact, (mu, mu_slope, gap_slope), strict=True))
    mu, mu_slope, gap_slope = chosen
    return ShapeTerms(mu, mu_slope, log_gamma_gaps(a), gap_slope)


def _odd_powers(coefficients: tuple[float, ...], a: Array) -> tuple[Array, Array]:
    """Sum of c_i a^-(2 i + 1), and its derivative."""
    value, slope = np.zeros_like(a), np.zeros_like(a)
    for i, coefficient in enumerate(coefficients):
        value = value + coefficient * a ** -(2 * i + 1)
        slope = slope - (2 * i + 1) * coefficient * a ** -(2 * i + 2)
    return value, slope
