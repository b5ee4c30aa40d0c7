"""Posterior debt between parts of a pool whose draws hardly say how their normalising constants compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from learning_debt.arrays.bridging.bridge import LogMarginal
from learning_debt.arrays.bridging.islands import THIN_OVERLAP, islands_of
from learning_debt.arrays.bridging.multistate import Pool
from learning_debt.arrays.bridging.pooled_debts import PartConstants, part_constants
from learning_debt.debt.from_draws import NoLogMarginal, bridge_doubt, log_marginal
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.spells.pooled_anchors import Anchors

MOST_BRIDGES = 3
"""Anchors of an island whose log marginal likelihood is tried, those of most effective draws first."""


class Ties(NamedTuple):
    """What ties the parts of a pool together beside their overlap: log marginal likelihoods of one anchor of each.

    Attributes
    ----------
    marginals : tuple of LogMarginal or NoLogMarginal
        Of every island, for the verdict on debts between them.
    constants : PartConstants, optional
    """

    marginals: tuple[LogMarginal | NoLogMarginal, ...] = ()
    constants: PartConstants | None = None

    def estimate(self, pool: Pool, target: int, state: int, value: float, error: float) -> Estimate:
        """Debt of `state` to `target` on another island; at least what the target's draws say where no bridge will do.

        `value` and `error` are those of `debts` with these constants.
        """
        shadow, deployed = (self.marginals[island] for island in pool.island[[target, state]])
        if isinstance(shadow, NoLogMarginal) or isinstance(deployed, NoLogMarginal):
            missing = next(found for found in (shadow, deployed) if isinstance(found, NoLogMarginal))
            least, doubts = lower_bound(pool, target, state), (Doubt.NO_OVERLAP, missing.doubt)
            return Estimate(least, float("nan"), lower_bound=True, doubts=doubts, detail=missing.detail)
        if not np.isfinite(value):  # the state rules out draws of the target
            return Estimate(value, float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
        doubt = bridge_doubt(value, error, shadow, deployed)
        if doubt is None:
            return Estimate(max(value, 0.0), error, note="by the Gaussian bridge")
        return Estimate(max(value, lower_bound(pool, target, state)), error, doubts=(doubt,))


def lower_bound(pool: Pool, target: int, state: int) -> float:
    """What the target's draws alone say: E_t[l] + log E_t[exp(-l)] with l = L_t - L_s, nats; too small on average."""
    own = pool.weight[target]
    held = own > 0
    ratio = pool.log_likelihood[target, held] - pool.log_likelihood[state, held]
    return max(float(own[held] @ ratio + logsumexp(-ratio, b=own[held])), 0.0)


class _Bridge(NamedTuple):
    """Log marginal likelihood of the anchor at `position` in the pool."""

    position: int
    marginal: LogMarginal | NoLogMarginal

    @property
    def rank(self) -> int:
        """0 where nothing speaks against it, 1 where something does, 2 where there is none."""
        if isinstance(self.marginal, NoLogMarginal):
            return 2
        return int(bridge_doubt(0.0, 0.0, self.marginal, self.marginal) is not None)

    @property
    def told(self) -> tuple[float, float]:
        """Value and standard error; 0 where there is none, of which no debt is made."""
        known = None if isinstance(self.marginal, NoLogMarginal) else self.marginal
        return (known.value, known.standard_error) if known else (0.0, 0.0)


def ties_of(anchors: Anchors, pool: Pool, seeds: Sequence[int]) -> Ties:
    """What ties the parts of a pool together that overlap in few draws; nothing where there is one only."""
    part = islands_of(pool.shares, pool.slowness, THIN_OVERLAP)
    if not part.any():
        return Ties()
    bridges, marginals = [], []
    for island in range(len(pool.firsts)):
        found = _bridges(anchors, pool, island, part, seeds)
        bridges += found
        marginals.append(found[0].marginal)
    if len(bridges) == 1:
        return Ties()
    positions = [bridge.position for bridge in bridges]
    distance = np.abs(np.arange(len(part))[:, None] - positions).astype(float)
    distance[pool.islands[:, None] != pool.islands[positions]] = np.inf
    distance[part[:, None] == part[positions]] = -1.0
    value, error = np.array([bridge.told for bridge in bridges]).T
    return Ties(tuple(marginals), part_constants(pool, distance.argmin(axis=1), positions, value, error**2))


def _bridges(anchors: Anchors, pool: Pool, island: int, part: NDArray[np.intp], seeds: Sequence[int]) -> list[_Bridge]:
    """Of an anchor of every part of an island, those that nothing speaks against; else the best of a few anchors.

    Parts without one are tied to the others by the pool alone.
    """
    own = np.flatnonzero(pool.islands == island)
    own = own[np.argsort(-(pool.worth * pool.counts)[own], kind="stable")]
    firsts = own[np.sort(np.unique(part[own], return_index=True)[1])].tolist()
    found = [_bridge(anchors, pool, position, seeds) for position in firsts]
    if good := [bridge for bridge in found if bridge.rank == 0]:
        return good
    for position in np.setdiff1d(own, firsts, assume_unique=True)[: max(MOST_BRIDGES - len(found), 0)].tolist():
        found.append(_bridge(anchors, pool, position, seeds))
        if found[-1].rank == 0:
            break
    return [min(found, key=lambda bridge: bridge.rank)]


def _bridge(anchors: Anchors, pool: Pool, position: int, seeds: Sequence[int]) -> _Bridge:
    state = pool.anchors[position]
    rng = np.random.default_rng(seeds[state])
    return _Bridge(position, log_marginal(anchors.forecaster, anchors.fits[state].posterior, rng))
