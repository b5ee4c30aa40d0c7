"""What another stretch of the same history, or another set of series, might have shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bootstrap_totals(bills: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Resampled totals of paired bills: every policy sees the same resampled periods or series.

    Several series are resampled whole. One series is resampled in circular blocks of about T^(1/3) periods
    (Politis & Romano 1992), which keeps dependence between neighbouring periods.

    Parameters
    ----------
    bills : ndarray, shape (policy, series, period)
    resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (policy, resamples)
        Means over series of the totals over periods.

    Examples
    --------
    >>> bootstrap_totals(np.ones((2, 1, 12)), 3, np.random.default_rng(1)).tolist()
    [[12.0, 12.0, 12.0], [12.0, 12.0, 12.0]]
    """
    _, series, periods = bills.shape
    if series > 1:
        return bills.sum(axis=-1)[:, rng.integers(series, size=(resamples, series))].mean(axis=-1)
    length = max(1, round(periods ** (1 / 3)))
    starts = rng.integers(periods, size=(resamples, -(-periods // length)))
    where = ((starts[..., None] + np.arange(length)) % periods).reshape(resamples, -1)[:, :periods]
    return bills[:, 0, :][:, where].sum(axis=-1)
