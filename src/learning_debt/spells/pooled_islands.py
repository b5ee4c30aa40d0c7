"""Posterior debt between islands of a pool, whose draws do not say how their normalising constants compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from learning_debt.arrays.bridging.bridge import LogMarginal
from learning_debt.arrays.bridging.multistate import Pool
from learning_debt.debt.from_draws import NoLogMarginal, bridge_doubt, log_marginal
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.spells.pooled_anchors import Anchors

MOST_BRIDGES = 3
"""Anchors of an island whose log marginal likelihood is tried, those of most effective draws first."""


class Ties(NamedTuple):
    """Log marginal likelihoods of one anchor of every island, each by the bridge to its own Gaussian.

    Attributes
    ----------
    marginals : tuple of LogMarginal or NoLogMarginal
    log_normaliser : ndarray, shape (islands,)
        Of the first anchor of every island; NaN where there is no bridge.
    error : ndarray, shape (islands,)
    """

    marginals: tuple[LogMarginal | NoLogMarginal, ...] = ()
    log_normaliser: np.ndarray = np.empty(0)
    error: np.ndarray = np.empty(0)

    def estimate(self, pool: Pool, target: int, state: int, value: float, error: float) -> Estimate:
        """Debt of `state` to `target` on another island; at least what the target's draws say where no bridge will do.

        `value` rests on `log_normaliser`, whose error is not yet part of `error`.
        """
        islands = pool.island[[target, state]]
        shadow, deployed = (self.marginals[island] for island in islands)
        if isinstance(shadow, NoLogMarginal) or isinstance(deployed, NoLogMarginal):
            missing = next(found for found in (shadow, deployed) if isinstance(found, NoLogMarginal))
            least, doubts = lower_bound(pool, target, state), (Doubt.NO_OVERLAP, missing.doubt)
            return Estimate(least, float("nan"), lower_bound=True, doubts=doubts, detail=missing.detail)
        if not np.isfinite(value):  # the state rules out draws of the target
            return Estimate(value, float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
        error = float(np.hypot(error, np.hypot(*self.error[islands])))
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


def ties_of(anchors: Anchors, pool: Pool, seeds: Sequence[int]) -> Ties:
    """What ties the islands of a pool together; nothing where there is one only."""
    number = len(pool.firsts)
    if number == 1:
        return Ties()
    marginals = []
    log_normaliser, error = np.full((2, number), np.nan)
    for island in range(number):
        marginal, position = _marginal(anchors, pool, island, seeds)
        marginals.append(marginal)
        if isinstance(marginal, NoLogMarginal):
            continue
        state, first = pool.anchors[position], pool.anchors[pool.firsts[island]]
        log_normaliser[island] = marginal.value - (pool.log_normaliser[state] - pool.log_normaliser[first])
        error[island] = np.hypot(marginal.standard_error, np.sqrt(pool.blocks.variance(pool.weight_sums[state])))
    return Ties(tuple(marginals), log_normaliser, error)


def _marginal(
    anchors: Anchors, pool: Pool, island: int, seeds: Sequence[int]
) -> tuple[LogMarginal | NoLogMarginal, int]:
    """The log marginal likelihood of an anchor of the island, the first that nothing speaks against; its position."""
    own = np.flatnonzero(pool.islands == island)
    order = own[np.argsort(-(pool.worth * pool.counts)[own], kind="stable")][:MOST_BRIDGES].tolist()
    found: list[tuple[LogMarginal | NoLogMarginal, int]] = []
    for position in order:
        state = pool.anchors[position]
        rng = np.random.default_rng(seeds[state])
        found.append((log_marginal(anchors.forecaster, anchors.fits[state].posterior, rng), position))
        marginal = found[-1][0]
        if not isinstance(marginal, NoLogMarginal) and bridge_doubt(0.0, 0.0, marginal, marginal) is None:
            return found[-1]
    return next((pair for pair in found if not isinstance(pair[0], NoLogMarginal)), found[0])
