"""Log densities of rows at many outcomes each, at posterior draws."""

from __future__ import annotations

import numpy as np
import xarray as xr

from learning_debt.arrays.predictive.families import RowDistributions
from learning_debt.forecasters.base import DistributionGiver, Predictor
from learning_debt.forecasters.row_likelihood import row_log_density
from learning_debt.typing import Array

Nodes = dict[str, Array]
"""Values of each outcome variable at the points of every row, shape (rows, points, ...)."""


def distributions_of(
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> RowDistributions | None:
    """Distributions of the rows of a batch, where the forecaster knows them."""
    if forecaster.feedback or not isinstance(forecaster, DistributionGiver):
        return None
    return forecaster.row_distributions(
        posterior, batch, past if forecaster.needs_past else None, random_seed=random_seed
    )


def log_density_at(
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    nodes: Array,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> Array:
    """Log density of the one outcome of every row at that row's points, at every draw.

    Parameters
    ----------
    forecaster : Predictor
        Of one outcome with one value a row.
    posterior : DataTree
    batch : Dataset
        Its outcomes are not used.
    nodes : ndarray, shape (rows, points)
    past : Dataset, optional
        What `batch` follows, where the model needs it.
    random_seed : int, optional
        For states and groups that the posterior has not seen: alike at all points.

    Returns
    -------
    ndarray, shape (chain, draw, rows, points)
        Nats.

    Examples
    --------
    >>> from learning_debt import NIG, ConjugateRegression
    >>> forecaster = ConjugateRegression(NIG(0, 1, 2, 1))
    >>> draws = forecaster.sample(forecaster.prior, draws=3, chains=2, random_seed=1)
    >>> rows = forecaster.as_batch({"x": [1.0, 2.0], "y": [0.9, 2.1]})
    >>> log_density_at(forecaster, draws, rows, np.zeros((2, 5))).shape
    (2, 3, 2, 5)
    """
    (outcome,) = forecaster.observed
    known = distributions_of(forecaster, posterior, batch, past, random_seed)
    return log_density_with(known, forecaster, posterior, batch, {outcome: nodes}, past, random_seed)


def log_density_with(
    distributions: RowDistributions | None,
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    nodes: Nodes,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> Array:
    """As `log_density_at`, where `distributions_of` these rows have been asked for already; None if there are none."""
    if distributions is not None:
        (at,) = nodes.values()
        density = distributions.log_density(at)
        if not np.isnan(density.max(initial=-np.inf)):  # else the compiled function says which row it is
            return density.reshape(posterior["posterior"].sizes["chain"], -1, *at.shape)
    return repeated_log_density(forecaster, posterior, batch, nodes, past, random_seed)


def repeated_log_density(
    forecaster: Predictor,
    posterior: xr.DataTree,
    batch: xr.Dataset,
    nodes: Nodes,
    past: xr.Dataset | None = None,
    random_seed: int | None = None,
) -> Array:
    """As `log_density_at`, for outcomes of any kind: each row scored once for each of its points."""
    dim = forecaster.observation_dim
    rows, points = next(iter(nodes.values())).shape[:2]
    if not forecaster.needs_past:
        repeated = batch.isel({dim: np.repeat(np.arange(rows), points)})
        flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in nodes.items()}
        density = row_log_density(forecaster, posterior, _with(repeated, flat, dim), None, random_seed)
        return density.reshape(*density.shape[:2], rows, points)
    at_points = [
        row_log_density(
            forecaster,
            posterior,
            _with(batch, {name: array[:, point] for name, array in nodes.items()}, dim),
            past,
            random_seed,
        )
        for point in range(points)
    ]
    return np.stack(at_points, axis=-1)


def _with(batch: xr.Dataset, outcomes: Nodes, dim: str) -> xr.Dataset:
    """The rows with these outcomes, each of shape (rows, ...)."""
    assigned = {}
    for name, values in outcomes.items():
        own = [d for d in batch[name].dims if d != dim] if name in batch.variables else []
        other = own or [f"{name}_dim_{axis}" for axis in range(1, values.ndim)]
        assigned[name] = ((dim, *other), values)
    return batch.assign(assigned)
