"""Whether a sampler's draws can be believed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

MAXIMUM_RHAT = 1.01
MINIMUM_SIZE_PER_CHAIN = 100


class Convergence(NamedTuple):
    """Sampler diagnostics, worst over parameters.

    Attributes
    ----------
    rhat : float
        Rank-normalised split R-hat; NaN with one chain.
    effective_size : float
        Bulk effective sample size.
    divergences : int
        Divergent transitions after warm-up.
    converged : bool
        R-hat at most 1.01, at least 100 effective draws a chain, at most one draw in a hundred divergent.
    """

    rhat: float
    effective_size: float
    divergences: int
    converged: bool


def convergence(posterior: xr.DataTree) -> Convergence:
    """Diagnose the draws of every variable in the ``posterior`` group (Vehtari et al. 2021, Bayesian Analysis 16, 667).

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 500))
    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": (("chain", "draw"), draws)})})
    >>> convergence(tree).converged
    True
    """
    variables = posterior["posterior"].data_vars.values()
    columns = [variable.transpose("chain", "draw", ...).values for variable in variables]
    chains, draws = columns[0].shape[:2]
    stacked = np.concatenate([column.reshape(chains, draws, -1) for column in columns], axis=-1).astype(float)
    if not np.isfinite(stacked).all():
        return Convergence(float("nan"), 0.0, 0, False)
    moving = stacked[..., np.ptp(stacked, axis=(0, 1)) > 0]
    if moving.shape[-1] == 0:  # constants need no sampler
        return Convergence(float("nan"), float(chains * draws), 0, True)
    axes = {"chain_axis": 0, "draw_axis": 1}
    rhat = float(np.max(array_stats.rhat(moving, **axes))) if chains > 1 else float("nan")
    size = float(np.min(array_stats.ess(moving, **axes)))
    diverging = 0
    if "sample_stats" in posterior.children and "diverging" in posterior["sample_stats"]:
        diverging = int(posterior["sample_stats"]["diverging"].sum())
    converged = (
        not rhat > MAXIMUM_RHAT and size >= MINIMUM_SIZE_PER_CHAIN * chains and diverging <= 0.01 * chains * draws
    )
    return Convergence(rhat, size, diverging, converged)
