"""The rows that a world shows."""

from __future__ import annotations

import numpy as np
import xarray as xr
from benchmarks.worlds.truth import Array, Size, Truth

CYCLES = (4, 12, 26, 52)


def columns(size: Size, rng: np.random.Generator) -> Array:
    """Covariates (periods, rows, coefficients), the intercept first, each of one of five sorts with variance near 1.

    New in every row; wandering from period to period and alike in all rows of one; half of both; a season; growing, so
    that what is learned in the first periods is used far from them.
    """
    periods, rows, coefficients = size
    x = np.ones((periods, rows, coefficients))
    for column in range(1, coefficients):
        sort = rng.choice(["rows", "wandering", "both", "season", "growing"], p=[0.3, 0.25, 0.15, 0.2, 0.1])
        of_rows = rng.normal(size=(periods, rows))
        of_periods = wandering(periods, rng.uniform(0, 0.97), rng)[:, None]
        if sort == "season":
            angle = 2 * np.pi * (np.arange(periods) / rng.choice(CYCLES) + rng.random())
            x[:, :, column] = np.sqrt(2) * np.sin(angle)[:, None]
        elif sort == "growing":
            x[:, :, column] = np.linspace(-np.sqrt(3), np.sqrt(3), periods)[:, None]
        elif sort == "both":
            x[:, :, column] = (of_rows + of_periods) / np.sqrt(2)
        else:
            x[:, :, column] = of_rows if sort == "rows" else of_periods
    return x


def wandering(periods: int, kept: float, rng: np.random.Generator) -> Array:
    """Autoregression of order 1 with variance 1, shape (periods,)."""
    path = rng.normal(size=periods)
    for t in range(1, periods):
        path[t] = kept * path[t - 1] + np.sqrt(1 - kept**2) * path[t]
    return path


def errors(truth: Truth, size: Size, rng: np.random.Generator) -> Array:
    """What means leave open, shape (periods, rows)."""
    shape = size.periods, size.rows
    alone = rng.normal(size=shape)
    if np.isfinite(truth.degrees):
        alone = rng.standard_t(truth.degrees, size=shape) / np.sqrt(truth.degrees / (truth.degrees - 2))
    alone = np.where(rng.random(shape) < truth.outlier_share, truth.outlier_size * alone, alone)
    together = wandering(size.periods, truth.carried_error, rng)[:, None]
    share = truth.shared_error
    return truth.noise[:, None] * (np.sqrt(share) * together + np.sqrt(1 - share) * alone)


def history(truth: Truth, size: Size, rng: np.random.Generator) -> xr.Dataset:
    """Rows of one series: ``x`` (obs, coefficient), ``y`` and ``period`` (obs), in time order."""
    x = columns(size, rng)
    squared = x**2 - (x**2).mean(axis=(0, 1))
    y = errors(truth, size, rng) + squared @ truth.curvature
    if truth.lag is None:
        y += np.einsum("trk,tk->tr", x, truth.coefficients)
    else:
        y = _with_lag(x, y, truth)
    period = np.repeat(np.arange(size.periods), size.rows)
    return xr.Dataset(
        {"x": (("obs", "coefficient"), x.reshape(-1, size.coefficients)), "y": ("obs", y.ravel())},
        coords={"period": ("obs", period)},
    )


def _with_lag(x: Array, rest: Array, truth: Truth) -> Array:
    """Outcomes of which each period keeps a part of the last one's mean, which becomes the last column of `x`."""
    y = np.empty_like(rest)
    last = 0.0
    for t in range(len(y)):
        x[t, :, -1] = last
        y[t] = x[t, :, :-1] @ truth.coefficients[t, :-1] + truth.lag[t] * last + rest[t]
        last = y[t].mean()
    return y
