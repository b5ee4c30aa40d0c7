"""Entries of a posterior, each on the whole real line, so that no density of theirs ends at an edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt.debt.selection import SAMPLE_DIMS, Block
from learning_debt.typing import Array

Bounds = dict[str, tuple[Array, Array]]

FAR = 700.0
"""An unconstrained value as far out as its exponential allows."""
USUAL = ((0.0, 1.0), (-1.0, 1.0), (0.0, np.inf), (-np.inf, 0.0))
"""Ranges of probabilities, correlations and scales: what an entry is taken for, the first that holds all its draws,
where the model does not say (derived quantities, and entries that are transformed together, as on a simplex)."""


def model_bounds(forecaster: Any, posterior: xr.DataTree) -> Bounds:
    """Least and greatest value of every entry of the free variables, shapes (entries,); NaN where nobody knows.

    They are what the model makes of unconstrained points far out on either side. Where it goes on moving, there is no
    bound, which is infinite. Entries that do not go their own ways, as on a simplex, or between bounds that are
    parameters themselves, show by more than two such limits: theirs are not known.
    """
    try:
        few = posterior.isel({dim: slice(1) for dim in SAMPLE_DIMS})
        parameters = forecaster.unconstrained_draws(few).shape[-1]
        turns = (-1.0) ** np.arange(parameters)
        sides = np.stack([np.ones(parameters), turns, -turns, -np.ones(parameters)])
        with np.errstate(all="ignore"):
            group = forecaster.constrained_draws(few, np.stack([FAR * sides, FAR / 2 * sides]))
    except NotImplementedError:  # discrete parameters, for instance
        return {}
    found = {}
    for name, values in group.data_vars.items():
        at = values.transpose(*SAMPLE_DIMS, ...).values.astype(float).reshape(2, len(sides), -1)
        limits = _limits_at(*at)
        low, high = limits.min(axis=0), limits.max(axis=0)
        known = (low < high) & ((limits == low) | (limits == high)).all(axis=0)
        found[str(name)] = np.where(known, low, np.nan), np.where(known, high, np.nan)
    return found


def _limits_at(farthest: Array, far: Array) -> Array:
    """What values tend to: where they stand still, else infinite with the sign of their way; NaN if nowhere."""
    with np.errstate(invalid="ignore", over="ignore"):
        still = np.abs(farthest - far) <= 1e-9 * (1 + np.abs(far))
        ends = np.where(np.abs(farthest) < 1e-290, 0.0, farthest)  # exp(-FAR) is 0
        return np.where(still, ends, np.inf * np.sign(farthest - far))


def on_real_line(block: Block, shadow: xr.Dataset, deployed: xr.Dataset, bounds: Bounds) -> tuple[Array, Array]:
    """Deployed and shadow draws of a block, shapes (chain, draw, entries).

    A one-to-one map of an entry, the same for both, changes no divergence: the logarithm of the distance from its only
    bound, or the logit of where it lies between two.
    """
    pair = []
    for group in (deployed, shadow):
        values = group[block.variable].transpose(*SAMPLE_DIMS, ...).values
        pair.append(values.reshape(*values.shape[:2], -1)[..., block.places].astype(float))
    nobody_knows = np.full(int(block.places.max()) + 1, np.nan)
    low, high = bounds.get(block.variable, (nobody_knows, nobody_knows))
    for k, place in enumerate(block.places):
        pool = np.concatenate([draws[..., k].ravel() for draws in pair])
        limits = _limits(pool, low[place], high[place])
        for one in pair:
            one[..., k] = _unbounded(one[..., k], pool, *limits)
    return pair[0], pair[1]


def _limits(pool: Array, low: float, high: float) -> tuple[float, float]:
    """Bounds of an entry: those known, if its draws keep to them, else the usual ones that do.

    What has no bound but is positive throughout may be a scale in a model without transforms.
    """
    if low <= pool.min() and pool.max() <= high:
        return (0.0 if np.isneginf(low) and np.isposinf(high) and pool.min() > 0 else low), high
    inside = (limits for limits in USUAL if limits[0] < pool.min() and pool.max() < limits[1])
    return next(inside, (-np.inf, np.inf))


def _unbounded(values: Array, pool: Array, low: float, high: float) -> Array:
    """`values` between two bounds, either of which may be infinite, on the real line.

    A draw that was rounded to its bound is taken to be as near as the nearest that was not.
    """
    if np.ptp(pool) == 0 or not np.isfinite([low, high]).any():
        return values
    above, below = (
        np.maximum(far, of[of > 0].min()) for far, of in ((values - low, pool - low), (high - values, high - pool))
    )
    if np.isfinite(low) and np.isfinite(high):
        return np.asarray(np.log(above) - np.log(below))
    return np.asarray(np.log(above) if np.isfinite(low) else -np.log(below))
