"""What a change of row weights does to the log density of a shadow, at the draws at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import stored_dataset, take_rows
from learning_debt.errors import NoJointDensityError, UnsupportedModelError
from learning_debt.forecasters.base import ROW_WEIGHT, TRAINING, TRAINING_WEIGHT, SampledForecaster
from learning_debt.forecasters.row_likelihood import weighted_likelihood
from learning_debt.forecasters.weights import WEIGHTS
from learning_debt.typing import Array

PROBES = 4
"""Draws at which a log ratio is held against the joint density."""


class NotReweightableError(ValueError):
    """Draws at hand cannot be weighted for the new rows; the message says why."""


class Change(NamedTuple):
    """Log-likelihood that a step adds, at the draws at hand.

    Attributes
    ----------
    log_likelihood : ndarray, shape (chain, draw)
        Sum over rows of (new weight - old weight) log p(row), nats.
    total : ndarray, shape (chain, draw), or None
        Sum over rows of new weight times log p(row), where it is known.
    evaluations : float
        Log densities of one row at one draw that it took.
    """

    log_likelihood: Array
    total: Array | None
    evaluations: float


def change_of(
    forecaster: SampledForecaster,
    posterior: xr.DataTree,
    data: xr.Dataset,
    before: Array,
    after: Array,
    total: Array | None,
) -> Change:
    """Log-likelihood added by going from the row weights `before` to `after`, each of shape (rows,).

    A discount multiplies every old weight by the same factor, which the total log-likelihood at the draws takes in one
    multiplication; only rows that depart from the common factor are evaluated.

    Raises
    ------
    NotReweightableError
        If the model's rows cannot be scored on their own or as an addition at the end.
    """
    if forecaster.growing_dims:
        raise NotReweightableError("the model grows with its data, and entries it has drawn cannot be weighted")
    factor = _common_factor(before, after, total is not None)
    departs = np.abs(after - factor * before) > 1e-12
    if forecaster.needs_past and not _appended(before, after):
        raise NotReweightableError("rows that need their past are weighted only when they join at the end")
    evaluations = 0.0
    if factor != 1 and total is None:
        total = _at_draws(forecaster, posterior, data, before)
        evaluations += float((before > 0).sum()) * total.size
    past = np.flatnonzero(before > 0) if forecaster.needs_past else None
    added = _at_draws(forecaster, posterior, data, np.where(departs, after - factor * before, 0.0), past)
    evaluations += float(departs.sum()) * added.size
    if total is None:
        return Change(added, None, evaluations)
    new_total = factor * total + added
    return Change(new_total - total, new_total, evaluations)


def _common_factor(before: Array, after: Array, total_known: bool) -> float:
    """Factor of most weights: 1, or their median where that leaves fewer rows to evaluate."""
    both = (before > 0) & (after > 0)
    if not both.any():
        return 1.0
    median = float(np.median(after[both] / before[both]))
    plain = np.count_nonzero(np.abs(after - before) > 1e-12)
    decayed = np.count_nonzero(np.abs(after - median * before) > 1e-12)
    first_pass = 0 if total_known else np.count_nonzero(before)
    return median if decayed + first_pass < plain + (0 if total_known else 1) else 1.0


def _appended(before: Array, after: Array) -> bool:
    """Whether all that changed is rows of weight one behind the last row held."""
    changed = np.flatnonzero(after != before)
    last = int(np.flatnonzero(before)[-1])
    return bool((changed > last).all() and (after[changed] == 1).all() and (before[before > 0] == 1).all())


def _at_draws(
    forecaster: SampledForecaster,
    posterior: xr.DataTree,
    data: xr.Dataset,
    weight: Array,
    past: NDArray[np.intp] | None = None,
) -> Array:
    """Sum over the rows of `data` of weight times log-likelihood, after its rows `past`, shape (chain, draw)."""
    rows, dim = np.flatnonzero(weight), forecaster.observation_dim
    sizes = posterior["posterior"].sizes
    if rows.size == 0:
        return np.zeros((sizes["chain"], sizes["draw"]))
    before = None if past is None else take_rows(data, past, dim)
    try:
        return weighted_likelihood(forecaster, posterior, take_rows(data, rows, dim), weight[rows], before)
    except (ValueError, KeyError, NotImplementedError) as error:  # what is wrong with the rows, a fit will say
        raise NotReweightableError(f"the rows have no density at the draws at hand: {error}") from error


def holding(posterior: xr.DataTree, data: xr.Dataset, row_weight: Array, observation_dim: str) -> xr.DataTree:
    """A copy of `posterior` that carries other rows, as a fit to the rows of positive weight would."""
    held = np.flatnonzero(row_weight > 0)
    groups = {TRAINING: stored_dataset(take_rows(data, held, observation_dim))}
    if (row_weight[held] != 1).any():
        groups[TRAINING_WEIGHT] = xr.Dataset({ROW_WEIGHT: (observation_dim, row_weight[held])})
    return _with_groups(posterior, groups, without={TRAINING_WEIGHT})


def _with_groups(posterior: xr.DataTree, groups: dict[str, xr.Dataset], without: set[str]) -> xr.DataTree:
    """A posterior with some of its groups replaced and some left out; copying a tree would cost more than the rest."""
    kept = {
        name: child.to_dataset(inherit=False)
        for name, child in posterior.children.items()
        if name not in without and name not in groups
    }
    changed = xr.DataTree.from_dict({**kept, **groups})
    changed.attrs = dict(posterior.attrs)
    return changed


def ratio_agrees(
    forecaster: SampledForecaster, before: xr.DataTree, after: xr.DataTree, log_likelihood: Array
) -> tuple[bool, float]:
    """Whether the joint density changes by the log-likelihood alone, at a few draws; and evaluations spent.

    It does not where the prior, or what is not observed, depends on the data. Where no joint density is to be had,
    nothing is claimed.
    """
    finite = np.argwhere(np.isfinite(log_likelihood))
    if len(finite) == 0:
        return True, 0.0
    probes = finite[np.linspace(0, len(finite) - 1, PROBES).astype(int)]
    added = log_likelihood[tuple(probes.T)]
    try:
        points = forecaster.unconstrained_draws(at_draws(before, probes, {TRAINING, TRAINING_WEIGHT})).reshape(
            PROBES, -1
        )
        change = forecaster.log_joint(after, points) - forecaster.log_joint(before, points)
    except (NoJointDensityError, UnsupportedModelError, KeyError):
        return True, 0.0
    apart = change - added
    scale = 1.0 + np.abs(change).max() + np.abs(added).max()
    rows = sum(tree[TRAINING].to_dataset().sizes[forecaster.observation_dim] for tree in (before, after))
    return bool(np.ptp(apart) <= 1e-6 * scale), float(PROBES * rows)


def at_draws(posterior: xr.DataTree, draws: NDArray[np.intp], without: Iterable[str] = ()) -> xr.DataTree:
    """A posterior of the few draws at `draws`, rows of (chain, draw), as one chain; `without` some of its groups."""
    where = {"chain": xr.DataArray(draws[:, 0], dims="draw"), "draw": xr.DataArray(draws[:, 1], dims="draw")}
    drawn = posterior.children["posterior"].to_dataset(inherit=False).drop_vars(["chain", "draw"], errors="ignore")
    few = drawn.isel(where).expand_dims("chain")
    return _with_groups(posterior, {"posterior": few}, {WEIGHTS, "sample_stats", *without})
