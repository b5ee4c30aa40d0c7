"""Posterior debt between two stored posteriors: what their draws weigh, were made from and are worth, in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import xarray as xr

from learning_debt.arrays.bridging.chain import Link, link
from learning_debt.arrays.draws.fit_shares import FitShares
from learning_debt.debt.from_draws import Marginal, debt_from_draws
from learning_debt.debt.from_one_pool import debt_from_one_pool
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.forecasters.row_likelihood import possible
from learning_debt.forecasters.weights import (
    doubts_of_weights,
    fit_shares,
    lineage,
    relative_weights,
    was_moved,
    with_moves,
)
from learning_debt.typing import Array


class DrawsRecord(NamedTuple):
    """What debt must know of a posterior's draws beyond log-likelihoods at them.

    Attributes
    ----------
    weight : ndarray, shape (chain, draw), or None
        Relative weights; None where all draws weigh the same.
    lineage : str
        Token of the draws, the same for posteriors made from the same draws.
    moved : bool
        Whether the draws were moved from where they were drawn.
    doubts : tuple of Doubt
        What speaks against their weights.
    shares : FitShares, optional
        Where the draws came from, if they are pooled from several fits.
    """

    weight: Array | None
    lineage: str
    moved: bool
    doubts: tuple[Doubt, ...]
    shares: FitShares | None = None

    def pooled_with(self, other: DrawsRecord) -> bool:
        """Whether both are weightings of the same draws of several fits."""
        pooled = self.shares is not None and other.shares is not None
        return pooled and self.lineage == other.lineage and not self.moved and not other.moved


def draws_record(posterior: xr.DataTree) -> DrawsRecord:
    """The record of a posterior as it is stored."""
    return DrawsRecord(
        relative_weights(posterior),
        lineage(posterior),
        was_moved(posterior),
        doubts_of_weights(posterior),
        fit_shares(posterior),
    )


def debt_between(
    shadow: DrawsRecord,
    deployed: DrawsRecord,
    at_shadow: Array,
    at_deployed: Array,
    marginal_shadow: Marginal,
    marginal_deployed: Marginal,
    chain: Callable[[], Sequence[Link | None]] | None = None,
) -> Estimate:
    """Debt of a deployed posterior to a shadow, by log-likelihoods at the draws of both.

    Parameters
    ----------
    shadow, deployed : DrawsRecord
    at_shadow, at_deployed : ndarray, shape (chain, draw)
        Log-likelihood of what the shadow holds beyond the deployed posterior, as
        `learning_debt.forecasters.row_likelihood.weighted_likelihood` has it, NaN included, at the draws of each.
    marginal_shadow, marginal_deployed, chain : callable
        As in `learning_debt.debt.from_draws.debt_from_draws`.

    Returns
    -------
    Estimate
        Nats; its error allows for moved draws, and it is not reliable where the weights of either are not.
    """
    if shadow.pooled_with(deployed):
        assert shadow.weight is not None
        assert deployed.weight is not None
        assert shadow.shares is not None
        found = debt_from_one_pool(possible(at_shadow), shadow.weight, deployed.weight, shadow.shares)
        return found.with_doubts(*shadow.doubts, *deployed.doubts)
    estimate = debt_from_draws(
        possible(at_shadow),
        possible(at_deployed),
        marginal_shadow,
        marginal_deployed,
        chain=chain,
        weight_shadow=shadow.weight,
        weight_deployed=deployed.weight,
        together=shadow.lineage == deployed.lineage,
    )
    return with_moves(estimate, shadow.moved, deployed.moved).with_doubts(*shadow.doubts, *deployed.doubts)


def link_between(earlier: DrawsRecord, later: DrawsRecord, at_earlier: Array, at_later: Array) -> Link | None:
    """Link of a chain from one stored posterior to a later one, as `learning_debt.arrays.bridging.chain.link`."""
    return link(
        at_earlier,
        at_later,
        weight_earlier=earlier.weight,
        weight_later=later.weight,
        lineages=(earlier.lineage, later.lineage),
    )
