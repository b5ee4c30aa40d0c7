"""Whether a sampler's draws can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import chi2

from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.doubt import Doubt

MAXIMUM_RHAT = 1.01
"""Of a single parameter; see `maximum_rhat`."""
CHANCE = 0.05
"""Probability that fixes what counts as chance among many parameters."""
MINIMUM_SIZE_PER_CHAIN = 100
MAXIMUM_DIVERGENT_SHARE = 0.01


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
        R-hat at most 1.01 (of many parameters somewhat more, see `maximum_rhat`), at least 100 effective draws a chain,
        at most one draw in a hundred divergent.
    reason : str
        Which diagnostic failed, by how much, and at which parameter is worst; nothing where all is well.
    doubts : tuple of Doubt
        The same as data, in the same order.
    """

    rhat: float
    effective_size: float
    divergences: int
    converged: bool
    reason: str = ""
    doubts: tuple[Doubt, ...] = ()


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
    places = [f"chain {where[0]}", f"draw {where[1]}", *_places(ordered, where[2:])]
    share = f"({any_wrong.sum()} of {any_wrong.size} draws)"
    return f"{variable.name!r} is {ordered.values[where]} in {', '.join(places)} {share}"


def maximum_rhat(entries: int, chains: int) -> float:
    """Up to where the largest R-hat of so many parameters is accepted: 1.01 of one, 1.02 of two hundred.

    R-hat squared less one goes as the variance of the means of the 2 x `chains` half chains, which of chains that mix
    is a chi-squared variate over its degrees of freedom. The largest of many is larger by chance: the limit grows as
    its 95% quantile does. Without that, fits of 206 parameters with over 2,000 effective draws each had an R-hat of
    1.012 and were made twice.

    Examples
    --------
    >>> [round(maximum_rhat(entries, 4), 4) for entries in (1, 10, 200)]
    [1.01, 1.0144, 1.0197]
    """
    freedom = 2 * chains - 1
    return float(1 + (MAXIMUM_RHAT - 1) * chi2.isf(CHANCE / entries, freedom) / chi2.isf(CHANCE, freedom))


def convergence(posterior: xr.DataTree) -> Convergence:
    """Diagnose the draws of every variable in the ``posterior`` group (Vehtari et al. 2021, Bayesian Analysis 16, 667).

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 500))
    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": (("chain", "draw"), draws)})})
    >>> convergence(tree).converged
    True
    """
    group = posterior["posterior"].dataset.transpose("chain", "draw", ...)
    columns = [variable.values for variable in group.data_vars.values()]
    chains, draws = columns[0].shape[:2]
    stacked = np.concatenate([column.reshape(chains, draws, -1) for column in columns], axis=-1).astype(float)
    if not np.isfinite(stacked).all():
        wrong = next(filter(None, map(not_finite, group.data_vars.values())), "draws are not finite")
        found = {Doubt.NOT_FINITE: Doubt.NOT_FINITE.said(detail=wrong)}
        return Convergence(float("nan"), 0.0, 0, False, "; ".join(found.values()), tuple(found))
    moving = np.flatnonzero(np.ptp(stacked, axis=(0, 1)) > 0)
    if moving.size == 0:  # constants need no sampler
        return Convergence(float("nan"), float(chains * draws), 0, True)
    axes = {"chain_axis": 0, "draw_axis": 1}
    sizes = np.asarray(array_stats().ess(stacked[..., moving], **axes))
    rhats = np.asarray(array_stats().rhat(stacked[..., moving], **axes)) if chains > 1 else np.full(sizes.shape, np.nan)
    rhat, size, limit = float(np.max(rhats)), float(np.min(sizes)), maximum_rhat(moving.size, chains)
    diverging = 0
    if "sample_stats" in posterior.children and "diverging" in posterior["sample_stats"]:
        diverging = int(posterior["sample_stats"]["diverging"].sum())
    fewest = MINIMUM_SIZE_PER_CHAIN * chains
    worst = {Doubt.RHAT: np.argmax(rhats), Doubt.FEW_IN_CHAINS: np.argmin(sizes)}
    failed = {
        Doubt.RHAT: rhat > limit,
        Doubt.FEW_IN_CHAINS: not size >= fewest,
        Doubt.DIVERGENCES: diverging > MAXIMUM_DIVERGENT_SHARE * chains * draws,
    }
    numbers = {"rhat": rhat, "maximum_rhat": round(limit, 4), "effective_draws": size, "fewest_draws": float(fewest)}
    numbers |= {"divergences": float(diverging), "transitions": float(chains * draws)}
    where = {doubt: entry_name(group, int(moving[column])) for doubt, column in worst.items() if failed[doubt]}
    found = {doubt: doubt.said(numbers, where.get(doubt, "")) for doubt, holds in failed.items() if holds}
    return Convergence(rhat, size, diverging, not found, "; ".join(found.values()), tuple(found))


def _places(variable: xr.DataArray, where: Sequence[int]) -> list[str]:
    """Where an entry of a variable, dims ("chain", "draw", ...), stands: each dimension after those with its label."""
    return [
        f"{dim} {variable[dim].values[at] if dim in variable.coords else at}"
        for dim, at in zip(variable.dims[2:], where, strict=True)
    ]


def entry_name(group: xr.Dataset, column: int) -> str:
    """Name of an entry, counted over all variables of a group in turn, each without its chains and draws.

    Examples
    --------
    >>> draws = np.zeros((1, 2, 3))
    >>> group = xr.Dataset({"mu": (("chain", "draw"), draws[..., 0]), "level": (("chain", "draw", "store"), draws)})
    >>> entry_name(group.assign_coords(store=["Graz", "Linz", "Wels"]), 2)
    "'level' at store Linz"
    """
    for name, variable in group.data_vars.items():
        shape = variable.shape[2:]
        if column >= (count := int(np.prod(shape))):
            column -= count
            continue
        where = [int(at) for at in np.unravel_index(column, shape)] if shape else []
        places = _places(variable, where)
        return f"{name!r}" + (f" at {', '.join(places)}" if places else "")
    raise IndexError(f"the group has no entry {column}")
