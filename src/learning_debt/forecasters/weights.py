"""Posteriors whose draws carry weights, and posteriors made from the same draws."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from learning_debt.arrays.draws.effective_size import weighted_size
from learning_debt.arrays.draws.fit_shares import FitShares
from learning_debt.arrays.draws.moment_match import RELIABLE_K
from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_number, require_numbers, require_seed

WEIGHTS, LOG_WEIGHT, PARETO_K = "weights", "log_weight", "pareto_k"
FIT_SHARE, FIT_OF_CHAIN = "fit_share", "fit_of_chain"
LINEAGE, MOVED_SHARE = "learning_debt_lineage", "learning_debt_moved_share"
TOLD_APART = 50
"""Draws of a chain that its token is made of: all of them take longer than a score."""
MAXIMUM_PARETO_K = RELIABLE_K
"""Shape of the tail of weights above which means under them are not trusted."""
MINIMUM_MOVED_SHARE = 0.25
"""Share of their number that draws must be worth under their weights right after a move; below, it went amiss."""
MOVED_INFLATION = 1.3
"""Factor on the standard error of posterior and predictive debt where draws were moved: the map was learned from them.

Without it, 90% intervals of 250 posterior debts along ladders (2, 20 and 100 coefficients, 1 to 40 moves) covered .83;
of 1,400 pairs whose draws were moved once, .79 at shares of .2 to .4, .85 at .4 to .6 and .91 beyond, those of
predictive debt .70, .79 and .88. Maps learned from the other half of each chain cover without it, but cost the ladder
most of its moves.
"""


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


def require_draws(name: str, value: Any) -> xr.DataTree:
    """A posterior of draws: a tree with a group ``posterior`` along (chain, draw).

    Raises
    ------
    TypeError, ValueError
    """
    remedy = "a DataTree of draws with a group 'posterior', as forecaster.fit(data) returns it"
    tree = require_instance(name, value, xr.DataTree, remedy)
    if "posterior" not in tree.children or not {"chain", "draw"} <= set(tree["posterior"].sizes):
        raise ValueError(f"{name} must be {remedy}, along chain and draw; it has the groups {sorted(tree.children)}")
    return tree


def with_weights(posterior: xr.DataTree, log_weight: ArrayLike, *, pareto_k: float = float("nan")) -> xr.DataTree:
    """A copy of `posterior` whose draws weigh exp(`log_weight`), shape (chain, draw), up to a constant factor.

    `pareto_k` is the shape of the tail of the weights; NaN where it is not known.

    Raises
    ------
    ValueError
        If the weights do not fit the draws, are NaN or ``+inf``, or are all zero.

    See Also
    --------
    equal_weights : Plain draws for what takes no weights.

    Examples
    --------
    >>> draws = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": (("chain", "draw"), [[0.0, 1.0]])})})
    >>> relative_weights(with_weights(draws, np.log([[1.0, 3.0]]))).round(2)
    array([[0.5, 1.5]])
    """
    sizes = require_draws("posterior", posterior)["posterior"].sizes
    values = require_numbers("log_weight", log_weight, finite=False, shape=(sizes["chain"], sizes["draw"]))
    require_number("pareto_k", pareto_k, finite=False)
    group = xr.Dataset({LOG_WEIGHT: (("chain", "draw"), values), PARETO_K: pareto_k})
    copy = posterior.copy()
    copy[WEIGHTS] = xr.DataTree(group)
    copy.attrs = {**posterior.attrs, LINEAGE: lineage(posterior)}
    relative_weights(copy)
    return copy


def lineage(posterior: xr.DataTree) -> str:
    """Token of the draws that a posterior is made of, or was made from by weighting or moving them.

    Draws are told apart by their number and the values of some of them, so the token of draws survives storage.
    """
    if LINEAGE in posterior.attrs:
        return str(posterior.attrs[LINEAGE])
    return _token(posterior)


def _token(posterior: xr.DataTree) -> str:
    digest = hashlib.sha256()
    for variable in posterior["posterior"].to_dataset().data_vars.values():
        values = variable.transpose("chain", "draw", ...).values
        some = values[:, :: max(values.shape[1] // TOLD_APART, 1)]
        digest.update(str(values.shape).encode() + np.ascontiguousarray(some).tobytes())
    return digest.hexdigest()[:16]


def drawn_together(first: xr.DataTree, second: xr.DataTree) -> bool:
    """Whether the draws of both come from the same draws, sample by sample, so that their errors are dependent."""
    return lineage(first) == lineage(second)


def pareto_k(posterior: xr.DataTree) -> float:
    """Shape of the tail of the weights of `posterior` as stored; NaN for draws without weights."""
    return float(posterior[WEIGHTS][PARETO_K]) if WEIGHTS in posterior.children else float("nan")


def with_fit_shares(posterior: xr.DataTree, shares: FitShares) -> xr.DataTree:
    """A posterior of weighted draws that says which fits they were pooled from, which its errors count."""
    group = posterior.children[WEIGHTS].to_dataset(inherit=False)
    origin = {FIT_SHARE: (("chain", "draw", "fit"), shares.share), FIT_OF_CHAIN: ("chain", shares.fit)}
    copy = posterior.copy()
    copy[WEIGHTS] = xr.DataTree(group.assign(origin))
    return copy


def fit_shares(posterior: xr.DataTree) -> FitShares | None:
    """Which fits the draws were pooled from; None where they are of one."""
    if WEIGHTS not in posterior.children or FIT_SHARE not in posterior.children[WEIGHTS].data_vars:
        return None
    group = posterior.children[WEIGHTS].to_dataset(inherit=False)
    return FitShares(group[FIT_SHARE].transpose("chain", "draw", "fit").values, group[FIT_OF_CHAIN].values)


def doubts_of_weights(*posteriors: xr.DataTree) -> tuple[Doubt, ...]:
    """What speaks against the weights of the draws of any of `posteriors`."""
    return tuple(
        dict.fromkeys(doubt for posterior in posteriors if (doubt := _doubt_of_weights(posterior)) is not None)
    )


def _doubt_of_weights(posterior: xr.DataTree) -> Doubt | None:
    if pareto_k(posterior) > MAXIMUM_PARETO_K:
        return Doubt.UNEVEN_WEIGHTS
    weight = relative_weights(posterior)
    if weight is None or not was_moved(posterior):
        return None
    share = posterior.attrs.get(MOVED_SHARE, weighted_size(weight) / weight.size)
    return Doubt.MOVED_AMISS if share < MINIMUM_MOVED_SHARE else None


def was_moved(posterior: xr.DataTree) -> bool:
    """Whether the draws are not those they were made from, but moved ones."""
    return LINEAGE in posterior.attrs and posterior.attrs[LINEAGE] != _token(posterior)


def with_moves(estimate: Estimate, *moved: bool) -> Estimate:
    """A debt, posterior or predictive, whose standard error allows for moves of the draws of either posterior."""
    return replace(estimate, standard_error=MOVED_INFLATION * estimate.standard_error) if any(moved) else estimate


def equal_weights(posterior: xr.DataTree, random_seed: int | None = None) -> xr.DataTree:
    """Plain draws for whatever takes no weights (plots, ArviZ): systematic resampling by weight.

    What it loses: draws of much weight come several times over, so that effective sizes and R-hat mean nothing any
    more, and means get a further error, small against the one the weights bring. Estimates of debt should be given the
    weighted posterior. Chains lose their order; `sample_stats` and other groups by draw are left out.

    Parameters
    ----------
    posterior : DataTree
        Handed back as it is where it carries no weights.
    random_seed : int, optional

    See Also
    --------
    with_weights : The way there.

    Examples
    --------
    >>> draws = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": (("chain", "draw"), [[0.0, 1.0, 2.0, 3.0]])})})
    >>> weighted = with_weights(draws, [[-np.inf, -np.inf, 0.0, np.log(3.0)]])
    >>> equal_weights(weighted, random_seed=1)["posterior"]["beta"].values
    array([[2., 3., 3., 3.]])
    """
    require_draws("posterior", posterior)
    require_seed("random_seed", random_seed)
    weight = relative_weights(posterior)
    if weight is None:
        return posterior
    draws = posterior["posterior"].to_dataset()
    chosen = systematic_draws(weight, weight.size, np.random.default_rng(random_seed).random())
    stacked = {name: data_var.transpose("chain", "draw", ...) for name, data_var in draws.data_vars.items()}
    taken = {
        name: variable.copy(
            data=variable.values.reshape(weight.size, *variable.shape[2:])[chosen].reshape(variable.shape)
        )
        for name, variable in stacked.items()
    }
    kept = {
        name: child.to_dataset(inherit=False)
        for name, child in posterior.children.items()
        if name not in (WEIGHTS, "posterior") and not {"chain", "draw"} & set(child.sizes)
    }
    tree = xr.DataTree.from_dict({"posterior": draws.assign(taken), **kept})
    tree.attrs = {name: value for name, value in posterior.attrs.items() if name != LINEAGE}
    return tree
