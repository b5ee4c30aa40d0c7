"""Posteriors whose draws carry weights, and posteriors made from the same draws."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

WEIGHTS, LOG_WEIGHT, PARETO_K = "weights", "log_weight", "pareto_k"
LINEAGE = "learning_debt_lineage"


def relative_weights(posterior: xr.DataTree) -> Array | None:
    """Weights of the draws with mean one, shape (chain, draw); None where all draws weigh the same.

    Raises
    ------
    ValueError
        If log weights are NaN or ``+inf``, or all of them ``-inf``.
    """
    if WEIGHTS not in posterior.children:
        return None
    log_weight = posterior[WEIGHTS][LOG_WEIGHT].transpose("chain", "draw").values
    peak = log_weight.max()
    if not np.isfinite(peak) or np.isnan(log_weight).any():
        raise ValueError("the posterior's log weights must be finite or -inf, and not all -inf")
    weight = np.exp(log_weight - peak)
    return np.asarray(weight / weight.mean())


def with_weights(posterior: xr.DataTree, log_weight: ArrayLike, *, pareto_k: float = float("nan")) -> xr.DataTree:
    """A copy of `posterior` whose draws weigh exp(`log_weight`), shape (chain, draw), up to a constant factor.

    `pareto_k` is the shape of the tail of the weights; NaN when nobody looked.

    Raises
    ------
    ValueError
        If the weights do not fit the draws, are NaN or ``+inf``, or are all zero.

    Examples
    --------
    >>> draws = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": (("chain", "draw"), [[0.0, 1.0]])})})
    >>> relative_weights(with_weights(draws, np.log([[1.0, 3.0]]))).round(2)
    array([[0.5, 1.5]])
    """
    sizes = posterior["posterior"].sizes
    values = np.asarray(log_weight, dtype=float)
    if values.shape != (sizes["chain"], sizes["draw"]):
        raise ValueError(f"log_weight must have shape (chain, draw) = {(sizes['chain'], sizes['draw'])}")
    group = xr.Dataset({LOG_WEIGHT: (("chain", "draw"), values), PARETO_K: pareto_k})
    copy = posterior.copy()
    copy[WEIGHTS] = xr.DataTree(group)
    copy.attrs = {**posterior.attrs, LINEAGE: lineage(posterior)}
    relative_weights(copy)
    return copy


def lineage(posterior: xr.DataTree) -> str:
    """Token of the draws that a posterior is made of, or was made from by weighting or moving them.

    Draws are told apart by their values, so the token of draws survives storage.
    """
    if LINEAGE in posterior.attrs:
        return str(posterior.attrs[LINEAGE])
    digest = hashlib.sha256()
    for variable in posterior["posterior"].to_dataset().data_vars.values():
        digest.update(np.ascontiguousarray(variable.transpose("chain", "draw", ...).values).tobytes())
    return digest.hexdigest()[:16]


def drawn_together(first: xr.DataTree, second: xr.DataTree) -> bool:
    """Whether the draws of both come from the same draws, sample by sample, so that their errors are dependent."""
    return lineage(first) == lineage(second)
