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


def not_finite(variable: xr.DataArray) -> str:
    """Where draws of a variable, dims ("chain", "draw", ...), are not finite, in words; nothing where all are.

    Examples
    --------
    >>> draws = np.ones((2, 5, 3))
    >>> draws[1, 3:] = np.nan
    >>> not_finite(xr.DataArray(draws, dims=("chain", "draw", "store"), name="level"))
    "'level' in chain 1 ends after 3 of 5 draws (was its sampler interrupted?)"
    >>> draws[1, 4] = draws[0, 2, 1] = 1.0
    >>> not_finite(xr.DataArray(draws, dims=("chain", "draw", "store"), name="level"))
    "'level' is nan in chain 1, draw 3, store 0 (1 of 10 draws)"
    """
    ordered = variable.transpose("chain", "draw", ...)
    if ordered.dtype.kind not in "fc":
        return ""
    wrong = ~np.isfinite(ordered.values)
    if not wrong.any():
        return ""
    rows = wrong.reshape(*wrong.shape[:2], -1)
    draws, any_wrong = rows.shape[1], rows.any(axis=2)
    for chain, empty in enumerate(np.isnan(ordered.values).reshape(rows.shape).all(axis=2)):
        filled = draws - int(empty[::-1].cumprod().sum())
        if filled < draws and not any_wrong[:, :filled].any():
            ending = f"ends after {filled} of {draws} draws (was its sampler interrupted?)"
            return f"{variable.name!r} in chain {chain} {ending}"
    where = tuple(np.argwhere(wrong)[0].tolist())
    places = [
        f"{dim} {ordered[dim].values[at] if dim in ordered.coords and k > 1 else at}"
        for k, (dim, at) in enumerate(zip(ordered.dims, where, strict=True))
    ]
    share = f"({any_wrong.sum()} of {any_wrong.size} draws)"
    return f"{variable.name!r} is {ordered.values[where]} in {', '.join(places)} {share}"


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
