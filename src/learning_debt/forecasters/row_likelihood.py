"""Log-likelihoods of rows at posterior draws, and their sums by weight: the one engine of shadows, tables and debt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.data import append_rows, take_rows
from learning_debt.forecasters.base import Predictor
from learning_debt.typing import Array

CELLS = 2_000_000
"""Log densities (draws times rows) asked for at once."""


def row_chunks(
    forecaster: Predictor, rows: xr.Dataset, past: xr.Dataset | None, together: int
) -> Iterator[tuple[xr.Dataset, xr.Dataset | None]]:
    """At most `together` rows at a time, and what each chunk follows: `past` and, where it matters, the rows before."""
    dim = forecaster.observation_dim
    for first in range(0, rows.sizes[dim], together):
        then = past
        if forecaster.needs_past and past is not None and first > 0:
            then = append_rows(past, take_rows(rows, slice(first), dim), dim)
        yield take_rows(rows, slice(first, first + together), dim), then


def row_log_density(
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> Array:
    """Log density of every row, after `past`, at every draw, shape (chain, draw, rows), summed over outcomes."""
    densities = forecaster.log_density(posterior, batch, past, random_seed=random_seed)
    total = sum(variable.values for variable in densities.data_vars.values())
    return np.asarray(total).reshape(posterior["posterior"].sizes["chain"], -1, np.shape(total)[-1])


def weighted_likelihood(
    forecaster: Predictor,
    posterior: xr.DataTree,
    rows: xr.Dataset,
    weight: ArrayLike | None = None,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> Array:
    """Sum over rows of weight times log-likelihood at every draw, nats.

    Between posteriors of one prior that hold rows by different weights, log p/q is such a sum, of the difference of
    their weights, less log Z.

    Parameters
    ----------
    forecaster : Predictor
    posterior : DataTree
    rows : Dataset
        Rows of weight zero need not be possible, and are not asked for where they stand alone.
    weight : array_like, shape (rows,) or (rows, k), optional
        Positive for what has come, negative for what has gone; one each if left out.
    past : Dataset, optional
        What `rows` follow, where the model needs it: then they are scored together, those of weight zero too.
    random_seed : int, optional
        For states and groups that the posterior has not seen.

    Returns
    -------
    ndarray, shape (chain, draw) or (chain, draw, k)
        ``-inf`` at draws that rule out a row that has come, ``+inf`` where only one that has gone, NaN where both.

    Examples
    --------
    >>> from learning_debt import NIG, ConjugateRegression
    >>> forecaster = ConjugateRegression(NIG(0, 1, 2, 1))
    >>> draws = forecaster.sample(forecaster.prior, draws=3, chains=2, random_seed=1)
    >>> rows = forecaster.as_batch({"x": [1.0, 2.0], "y": [0.9, 2.1]})
    >>> weighted_likelihood(forecaster, draws, rows, [1.0, -1.0]).shape
    (2, 3)
    """
    dim, sizes = forecaster.observation_dim, posterior["posterior"].sizes
    given = np.ones(rows.sizes[dim]) if weight is None else np.asarray(weight, dtype=float)
    by_row = given.reshape(len(given), -1)
    total = np.zeros((sizes["chain"], sizes["draw"], by_row.shape[1]))
    if past is None and (idle := ~by_row.any(axis=1)).any():
        rows, by_row = take_rows(rows, np.flatnonzero(~idle), dim), by_row[~idle]
    together = max(CELLS // (sizes["chain"] * sizes["draw"]), 1)
    first = 0
    chunks = [(rows, past)] if 0 < len(by_row) <= together else row_chunks(forecaster, rows, past, together)
    for chunk, before in chunks:  # rows that fit are handed on as they are: a predictor may remember them
        density = row_log_density(forecaster, posterior, chunk, before, random_seed)
        total += weighted_sum(density, by_row[first : first + together])
        first += together
    return total.reshape(*total.shape[:2], *given.shape[1:])


def possible(log_ratio: Array) -> Array:
    """A sum of `weighted_likelihood`, where draws that rule out both what has come and what has gone are ruled out."""
    return np.where(np.isnan(log_ratio), -np.inf, log_ratio)


def weighted_sum(density: Array, weight: Array) -> Array:
    """density @ weight, for (chain, draw, rows); a weight of zero makes nothing of a density of zero."""
    finite = np.isfinite(density).all(axis=(0, 1))
    total = density[..., finite] @ weight[finite]
    for row in np.flatnonzero(~finite):
        held = weight[row] != 0
        with np.errstate(invalid="ignore"):  # ruled out by what has come and by what has gone: NaN
            total[..., held] += density[..., row, None] * weight[row, held]
    return np.asarray(total)
