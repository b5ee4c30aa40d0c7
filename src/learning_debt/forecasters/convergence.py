"""Whether a sampler's draws can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.stats import chi2

from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.doubt import Doubt
from learning_debt.typing import Array

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


def maximum_rhat(entries: int, chains: int, worth: ArrayLike = 0.0) -> Array:
    """Up to where R-hat of one of so many parameters is accepted: 1.01 of a single one, 1.02 at most of two hundred.

    R-hat squared less one goes as the variance of the means of the 2 x `chains` half chains, over the variance of the
    draws. Of chains that mix it is a chi-squared variate over its degrees of freedom and over the effective draws of a
    half chain, and the largest of many is larger by chance. The limit is the 95% quantile of that largest one, between
    1.01 and what 1.01 grows to if it grows as that quantile does with the number of parameters. Without it, fits of 206
    parameters that mix had an R-hat of 1.012 and were made twice.

    Parameters
    ----------
    entries, chains : int
    worth : array_like
        Effective draws of each parameter, or of their distances from the median if those are fewer: as R-hat, which is
        of both, sees them. At 0 the limit is the largest there is.

    Examples
    --------
    >>> [round(float(maximum_rhat(entries, 4)), 4) for entries in (1, 10, 200)]
    [1.01, 1.0144, 1.0197]
    >>> maximum_rhat(200, 4, [500, 1500, 4000]).round(4)
    array([1.0197, 1.0105, 1.01  ])
    """
    freedom = 2 * chains - 1
    quantile = chi2.isf(CHANCE / entries, freedom)
    most = 1 + (MAXIMUM_RHAT - 1) * quantile / chi2.isf(CHANCE, freedom)
    with np.errstate(divide="ignore"):
        by_chance = np.sqrt(1 + 2 * chains / np.asarray(worth, dtype=float) * quantile / freedom)
    return np.asarray(np.clip(by_chance, MAXIMUM_RHAT, most))


def _limits(draws: Array, rhats: Array, sizes: Array) -> Array:
    """Largest R-hat that is accepted of each parameter, for draws of shape (chains, draws, parameters)."""
    limits, above = np.full(rhats.shape, MAXIMUM_RHAT), rhats > MAXIMUM_RHAT
    if above.any():
        few = draws[..., above]
        folded = np.abs(few - np.median(few, axis=(0, 1)))
        worth = np.minimum(sizes[above], array_stats().ess(folded, chain_axis=0, draw_axis=1))
        limits[above] = maximum_rhat(rhats.size, draws.shape[0], worth)
    return limits


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
    size, limits = float(np.min(sizes)), _limits(stacked[..., moving], rhats, sizes)
    diverging = 0
    if "sample_stats" in posterior.children and "diverging" in posterior["sample_stats"]:
        diverging = int(posterior["sample_stats"]["diverging"].sum())
    fewest = MINIMUM_SIZE_PER_CHAIN * chains
    worst = {Doubt.RHAT: np.argmax(rhats / limits), Doubt.FEW_IN_CHAINS: np.argmin(sizes)}
    failed = {
        Doubt.RHAT: bool((rhats > limits).any()),
        Doubt.FEW_IN_CHAINS: not size >= fewest,
        Doubt.DIVERGENCES: diverging > MAXIMUM_DIVERGENT_SHARE * chains * draws,
    }
    rhat, limit = (float(of[worst[Doubt.RHAT]]) for of in (rhats, limits))
    numbers = {"rhat": rhat, "maximum_rhat": round(limit, 4), "effective_draws": size, "fewest_draws": float(fewest)}
    numbers |= {"divergences": float(diverging), "transitions": float(chains * draws)}
    where = {doubt: entry_name(group, int(moving[column])) for doubt, column in worst.items() if failed[doubt]}
    found = {doubt: doubt.said(numbers, where.get(doubt, "")) for doubt, holds in failed.items() if holds}
    return Convergence(float(np.max(rhats)), size, diverging, not found, "; ".join(found.values()), tuple(found))


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
