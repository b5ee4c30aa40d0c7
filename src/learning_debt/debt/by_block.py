"""Which parameters belief has moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from learning_debt.arrays.bridging import bridge, marginal_debt
from learning_debt.arrays.bridging.pooled_marginal_debt import pooled_lower_bound, pooled_marginal_debt
from learning_debt.arrays.bridging.reweighted import weights_mismatch
from learning_debt.arrays.conjugate import nig_parts
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.arrays.draws.effective_size import ENOUGH, chosen_inflation, variance_of_mean, weighted_size
from learning_debt.arrays.draws.fit_shares import FitShares
from learning_debt.debt.estimates import as_rows, log_ratio
from learning_debt.debt.from_draws import MAXIMUM_MISMATCH, MINIMUM_OVERLAP, debt_from_draws, log_marginal
from learning_debt.debt.selection import (
    Block,
    chosen_blocks,
    exact_pair,
    require_same_labels,
    rows_before,
)
from learning_debt.debt.unconstrained_scale import model_bounds, on_real_line
from learning_debt.estimate import Estimate
from learning_debt.forecasters.weights import (
    doubts_of_weights,
    drawn_together,
    fit_shares,
    relative_weights,
)
from learning_debt.typing import Array
from learning_debt.validation import require_flag, require_seed

BLOCK = "block"
FEWEST_DRAWS = 100
"""Draws below which not even a bound is worked out."""
HEAVIEST_TAIL = 0.5
"""Tail index above which the terms of a sum over a pool have no variance."""


def debt_by_block(
    forecaster: Any,
    shadow: Any,
    deployed: Any,
    new_data: Any,
    blocks: str | Iterable[str] | Mapping[str, Mapping[str, Any] | None] | None = None,
    *,
    joint: bool = False,
    removed_data: Any = None,
    past: Any = None,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Which parameters belief has moved: KL between marginal distributions under shadow p and deployed posterior q.

    For a block b of parameters, KL(p(b)‖q(b)) <= KL(p‖q), the posterior debt. Blocks share what they learnt together,
    so that their debts do not add up to the whole.

    Parameters
    ----------
    forecaster : Forecaster
    shadow, deployed : posterior
        Both exact (``NIG``) or both draws (``DataTree``). Between approximate posteriors estimates are less sharp.
    new_data : Dataset, mapping or data frame
        What the shadow has seen and the deployed posterior has not.
    blocks : str, iterable of str or mapping, optional
        Names of variables of the posterior; all by default. A mapping also selects entries by label:
        ``{"level": {"store": ["Graz", "Linz"]}, "slope": None}``.
    joint : bool
        False looks at every entry on its own, True at all (chosen) entries of a variable together, at most 10.
    removed_data : Dataset, mapping or data frame, optional
        What the deployed posterior had seen and the shadow no longer holds.
    past : Dataset, mapping or data frame, optional
        All rows that `new_data` follows, where the model needs them; the data of the deployed posterior if left out.
    random_seed : int, optional
        For the Gaussian bridge, which is needed when the two sets of draws do not overlap.

    Returns
    -------
    Dataset
        Along ``block``, labelled as in "level[Graz]": ``value`` (nats, >= 0), ``standard_error``, ``reliable``,
        ``lower_bound`` (whether the draws only tell that the truth is at least the value; 95% confidence),
        ``support`` (effective draws behind the estimate and its error, at most those of the block's own entries;
        reliable from 100 on, of two posteriors of one pool also only where the density ratio's tail index is at most
        .5; NaN where exact), ``if_gaussian`` (the divergence of Gaussians with the draws' moments,
        for orientation where only a bound is known: nothing checks it, and it can err by half of the debt on skewed
        marginals; NaN where exact) and ``entries``;
        ``variable`` is a coordinate.

    Raises
    ------
    IncomparablePosteriorsError
        If the two posteriors do not share parameters, labels, prior and preparation.
    KeyError
        For an unknown variable, dimension or label, with the nearest spelling.
    ValueError
        If a joint block has more than 10 entries, nothing is chosen, or a posterior has fewer than 100 draws or draws
        with weights: those of a reweighted shadow say little about the marginals of few parameters. Refit it first.
        Weights of one pool of several fits, as `replayed_posteriors` hands them out, are welcome; the rows must then be
        what the two posteriors differ by.

    See Also
    --------
    posterior_debt : The debt as a whole.
    debt_by_group : Debt by group of rows instead of by parameter.
    replayed_posteriors : Posteriors of any two periods of a history.

    Notes
    -----
    Draws: the log density ratio of the marginals is regressed, on quadratic and spline features of the block, from the
    probability that a draw came from the shadow, which l gives up to its normaliser; that comes from the draws where
    they overlap, else from the Gaussian bridge of `posterior_debt`: see `learning_debt.arrays.bridging.marginal_debt`.
    An entry is looked at on the whole real line (the log of its distance from its bound, the logit between two), which
    changes no divergence; derived quantities between 0 and 1 or of one sign, too. Exact posteriors: Student-t and
    inverse gamma marginals.

    Examples
    --------
    >>> import learning_debt as ld
    >>> forecaster = ld.ConjugateRegression(ld.NIG([0.0, 0.0], np.eye(2), 2.0, 1.0), coefficient_names=["a", "b"])
    >>> deployed = forecaster.fit({"x": [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], "y": [0.9, 2.2, 3.1]})
    >>> new = {"x": [[1.0, 0.5], [1.0, 0.2]], "y": [3.0, 2.5]}
    >>> debt = debt_by_block(forecaster, forecaster.update(deployed, new), deployed, new)
    >>> dict(zip(debt["block"].values.tolist(), debt["value"].values.round(2).tolist()))
    {'coefficients[a]': 0.75, 'coefficients[b]': 0.12, 'variance': 0.21}
    """
    exact = exact_pair(forecaster, shadow, deployed)
    require_flag("joint", joint)
    require_seed("random_seed", random_seed)
    batch = as_rows(forecaster, "new_data", new_data)
    removed = None if removed_data is None else as_rows(forecaster, "removed_data", removed_data)
    before = rows_before(forecaster, deployed, past)
    # One draw of an exact posterior carries the names and labels of its parameters.
    trees = [
        forecaster.sample(posterior, draws=1, chains=1) if exact else posterior for posterior in (shadow, deployed)
    ]
    forecaster.require_comparable(*trees, batch)
    groups = [tree["posterior"].to_dataset() for tree in trees]
    chosen = list(chosen_blocks(groups[0], blocks, joint))
    if not chosen:
        raise ValueError("blocks chooses nothing; name a variable of the posterior, or leave it out for all")
    pool = _pool_of(*trees)
    for block in chosen:
        require_same_labels(block, *groups)
    if exact is not None:
        results = [_exact_debt(*exact, block) for block in chosen]
    else:
        fewest = min(group.sizes["chain"] * group.sizes["draw"] for group in groups)
        if fewest < FEWEST_DRAWS:
            raise ValueError(f"a posterior of {fewest} draws is too small; draw at least {FEWEST_DRAWS}, better 4000")
        at_shadow = log_ratio(forecaster, shadow, batch, removed, past=before)
        bounds = model_bounds(forecaster, shadow)
        on_line = [on_real_line(block, groups[0], groups[1], bounds) for block in chosen]
        if pool is not None:
            _require_its_rows(at_shadow, pool)
            return _blocks_dataset(chosen, [_pooled_debt(draws, pool) for draws, _ in on_line])
        at_deployed = log_ratio(forecaster, deployed, batch, removed, past=before)
        rng = np.random.default_rng(random_seed)
        labels = _labels(forecaster, (shadow, deployed), at_shadow, at_deployed, rng)
        results = [sampled_debt(*draws, labels) for draws in on_line]
    return _blocks_dataset(chosen, results)


def _labels(
    forecaster: Any, posteriors: tuple[Any, Any], at_shadow: Array, at_deployed: Array, rng: np.random.Generator
) -> marginal_debt.DrawLabels:
    marginals = (partial(log_marginal, forecaster, posterior, rng) for posterior in posteriors)
    return labels_by(debt_from_draws(at_shadow, at_deployed, *marginals), at_shadow, at_deployed)


def labels_by(debt: Estimate, at_shadow: Array, at_deployed: Array) -> marginal_debt.DrawLabels:
    """What each draw's log-likelihood says about where it came from, where the debt of all parameters can be trusted.

    Elsewhere, as between approximate posteriors, only where the draws did come from.
    """
    if not debt.reliable:
        return marginal_debt.hard_labels(at_deployed, at_shadow)
    overlap = debt.diagnostics["overlap"]
    if overlap >= MINIMUM_OVERLAP:
        pooled = bridge.pooled_debt(at_deployed, at_shadow)
        labels = marginal_debt.soft_labels(at_deployed, at_shadow, pooled.log_normaliser)
        return labels._replace(nearest=MINIMUM_OVERLAP / overlap)
    of_mean = variance_of_mean(at_shadow)  # debt is E_p[l] - log Z
    error = float(np.sqrt(max(debt.standard_error**2 - of_mean, 0.0)))
    return marginal_debt.soft_labels(at_deployed, at_shadow, float(at_shadow.mean()) - debt.value, error)


class _Pool(NamedTuple):
    """What draws weigh that both posteriors share."""

    weight_shadow: Array
    weight_deployed: Array
    shares: FitShares
    believable: bool


def _pool_of(shadow: xr.DataTree, deployed: xr.DataTree) -> _Pool | None:
    """The pool that both posteriors are weighted from; None where all draws weigh the same.

    Raises
    ------
    ValueError
        If draws carry weights otherwise.
    """
    of_shadow, of_deployed = relative_weights(shadow), relative_weights(deployed)
    if of_shadow is None and of_deployed is None:
        return None
    shares = fit_shares(shadow)
    if of_shadow is None or of_deployed is None or shares is None or not drawn_together(shadow, deployed):
        raise ValueError(
            "debt_by_block takes draws of equal weight: refit the posterior whose draws carry weights, or take both "
            "from one replayed_posteriors"
        )
    return _Pool(of_shadow, of_deployed, shares, not doubts_of_weights(shadow, deployed))


def _require_its_rows(log_ratio: Array, pool: _Pool) -> None:
    """Raise where the rows are not what the two weightings differ by."""
    if weights_mismatch(log_ratio, pool.weight_shadow, pool.weight_deployed) > MAXIMUM_MISMATCH:
        raise ValueError(
            "new_data and removed_data are not what shadow and deployed posterior differ by; take them from "
            "rows_between of the same periods"
        )


class _Debt(NamedTuple):
    """One row of the result."""

    value: float
    standard_error: float
    reliable: bool
    support: float = float("nan")
    if_gaussian: float = float("nan")


def _exact_debt(shadow: NIG, deployed: NIG, block: Block) -> _Debt:
    if block.variable == "variance":
        return _Debt(nig_parts.variance_debt(shadow, deployed), 0.0, True)
    return _Debt(nig_parts.coefficients_debt(shadow, deployed, block.places.tolist()), 0.0, True)


def sampled_debt(deployed: Array, shadow: Array, labels: marginal_debt.DrawLabels) -> _Debt:
    """An estimate with its error, or a bound; draws of shape (chain, draw, entries)."""
    found = marginal_debt.marginal_debt(deployed, shadow, labels)
    support = min(found.support, found.effective_draws)
    if not support >= ENOUGH:
        bound = marginal_debt.lower_bound(deployed, shadow)
        return _Debt(bound, float("nan"), False, support, found.if_gaussian)
    share = found.effective_draws / min(labels.deployed.size, labels.shadow.size)
    nearest = max(ENOUGH / found.support, labels.nearest)
    error = found.standard_error * chosen_inflation(found.effective_draws, share, nearest)
    return _Debt(found.value, error, True, support, found.if_gaussian)


def _pooled_debt(draws: Array, pool: _Pool) -> _Debt:
    """The same from one pool of draws, shape (chain, draw, entries).

    Where a pool holds no draws of the deployed posterior whose entries are the shadow's and all others its own, few
    terms of E_q[exp g] stand for many, which their tail shows. Regressions with three coefficients, debts of entries
    from .03 to 17 nats: of 820 estimates worth 100 draws with lighter tails 90% intervals covered .93 and missed by up
    to 3.1 standard errors, of 48 others .52 and 6.6.
    """
    weighting = pool.weight_shadow, pool.weight_deployed, pool.shares
    found = pooled_marginal_debt(draws, *weighting)
    support = min(found.support, found.effective_draws)
    if not (support >= ENOUGH and found.tail <= HEAVIEST_TAIL and pool.believable):
        return _Debt(pooled_lower_bound(draws, *weighting), float("nan"), False, support, found.if_gaussian)
    share = found.effective_draws / min(map(weighted_size, weighting[:2]))
    error = found.standard_error * chosen_inflation(found.effective_draws, share, ENOUGH / found.support)
    return _Debt(found.value, error, True, support, found.if_gaussian)


def _blocks_dataset(blocks: Sequence[Block], results: Sequence[_Debt]) -> xr.Dataset:
    columns = {name: np.array(column) for name, column in zip(_Debt._fields, zip(*results, strict=True), strict=True)}
    columns["lower_bound"] = ~columns["reliable"]
    columns["entries"] = np.array([block.places.size for block in blocks])
    coords = {BLOCK: [block.label for block in blocks], "variable": (BLOCK, [block.variable for block in blocks])}
    attrs = {"quantity": "marginal posterior debt", "unit": "nats"}
    return xr.Dataset({name: (BLOCK, values) for name, values in columns.items()}, coords, attrs)
