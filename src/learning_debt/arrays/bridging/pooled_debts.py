"""Posterior debt from a pool of draws, with what is known from elsewhere of how its parts compare.

A pool says how normalising constants compare by draws that could be of either posterior. Where few could, two parts of
it are compared better by log marginal likelihoods, and where hardly any could (islands), by nothing else. Both
estimates are used, each as much as its variance allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.bridging.multistate import Pool, rows_of
from learning_debt.typing import Array

CONTRADICTION = 5.0
"""Standard errors apart, beyond which constants from elsewhere are wrong where the pool has any to compare them with: a
posterior of two modes, of which a bridge saw one."""


class PartConstants(NamedTuple):
    """Log normalising constants of parts of a pool, known from elsewhere.

    Attributes
    ----------
    share : ndarray, shape (states, parts)
        How much of each state's weight lies on draws of each part.
    excess : ndarray, shape (parts,)
        Log normalising constants less what the pool says of them, nats; up to a common term.
    variance : ndarray, shape (parts,)
        Of the constants, which are independent of each other.
    sums : ndarray, shape (parts, blocks)
        Block sums of influences on what the pool says of them.
    trust : ndarray, shape (parts, parts)
        How much of the difference of two of them replaces the pool's.
    """

    share: Array
    excess: Array
    variance: Array
    sums: Array
    trust: Array

    def pull(self, target: int, states: NDArray[np.intp]) -> Array:
        """By how much of the excess of each part the log ratio of target to state grows, shape (states, parts)."""
        own, others = self.share[target], self.share[states]
        return np.asarray(own * (others @ self.trust) - others * (self.trust @ own))


def part_constants(
    pool: Pool, part: NDArray[np.intp], references: Sequence[int], log_normaliser: Array, variance: Array
) -> PartConstants:
    """What log normalising constants of one anchor of every part say beside the pool.

    Parameters
    ----------
    pool : Pool
    part : ndarray, shape (anchors,)
        The part that each anchor belongs to; no part reaches over two islands.
    references : sequence of int
        Position of an anchor of each part.
    log_normaliser, variance : ndarray, shape (parts,)
        Of these anchors, the former up to a common term.

    Examples
    --------
    >>> from learning_debt.arrays.bridging.multistate import pooled
    >>> rng = np.random.default_rng(1)
    >>> theta = np.concatenate([rng.normal(0, 1, 4000), rng.normal(5, 1, 4000)])  # of states 0 and 1
    >>> pool = pooled(np.stack([0 * theta, 5 * theta - 12.5]), (0, 1), [(4, 1000), (4, 1000)], [4000, 4000])
    >>> both = part_constants(pool, np.array([0, 1]), [0, 1], np.zeros(2), np.full(2, 1e-4))  # all are one
    >>> (debts(pool, 1, [0])[1] > 2 * debts(pool, 1, [0], both)[1]).tolist()
    [True]
    """
    position = np.asarray(references)
    states, island = np.asarray(pool.anchors)[position], pool.islands[position]
    sums = pool.weight_sums[states]
    of_pool = pool.blocks.variance(sums[:, None] - sums)
    both = of_pool + variance[:, None] + variance
    excess = log_normaliser - pool.log_normaliser[states]
    trust = np.divide(of_pool, both, out=np.zeros_like(both), where=both > 0)
    trust[np.abs(excess[:, None] - excess) > CONTRADICTION * np.sqrt(both)] = 0.0
    trust[island[:, None] != island] = 1.0
    share = pool.weight @ (pool.shares.T @ np.eye(len(position))[part])
    return PartConstants(share, excess, variance, sums, trust)


def debts(
    pool: Pool, target: int, states: Sequence[int] | NDArray[np.intp], constants: PartConstants | None = None
) -> tuple[Array, Array]:
    """KL(p_target‖p_s) = E_target[L_target - L_s] - log Z_target + log Z_s for every s of `states`.

    Parameters
    ----------
    pool : Pool
    target : int
    states : sequence of int
    constants : PartConstants, optional

    Returns
    -------
    value : ndarray, shape (states,)
        Nats; ``inf`` where the target has draws that a state rules out, NaN where the two lie on different islands and
        `constants` are left out.
    standard_error : ndarray, shape (states,)

    Examples
    --------
    >>> from learning_debt.arrays.bridging.multistate import pooled
    >>> rng = np.random.default_rng(1)
    >>> theta = np.concatenate([rng.normal(0, 1, 4000), rng.normal(1, 1, 4000)])
    >>> log_likelihood = np.stack([mean * theta - mean**2 / 2 for mean in (0.0, 0.5, 1.0)])
    >>> pool = pooled(log_likelihood, (0, 2), [(4, 1000), (4, 1000)], [4000, 4000])
    >>> value, error = debts(pool, 2, [0, 1])
    >>> (abs(value - [0.5, 0.125]) < 4 * error).tolist()
    [True, True]
    """
    chosen = np.asarray(states, dtype=int)
    own = pool.weight[target]
    terms, at_target = rows_of(pool.log_likelihood, list(states)), pool.log_likelihood[target]
    ruled_out = np.zeros(len(chosen), dtype=bool)
    if pool.rules_out:
        ruled_out = np.isneginf(terms[:, own > 0]).any(axis=1)
        terms, at_target = (np.where(np.isneginf(at), 0.0, at) for at in (terms, at_target))
    mean = at_target @ own - terms @ own
    log_ratio = pool.log_normaliser[target] - pool.log_normaliser[chosen]
    # W_t (L_t - L_s - mean - 1) + W_s, of which the parts that hold one state alone are added up beforehand.
    sums = pool.influence_sums(at_target * own) - pool.influence_sums(terms * own)
    sums += pool.weight_sums[chosen] - (mean[:, None] + 1) * pool.weight_sums[target]
    beside = np.zeros(len(chosen))
    if constants is not None:
        pull = constants.pull(target, chosen)
        log_ratio += pull @ constants.excess
        sums += pull @ constants.sums
        beside = pull**2 @ constants.variance
    else:
        log_ratio[pool.island[chosen] != pool.island[target]] = np.nan
    value = np.where(ruled_out, np.inf, mean - log_ratio)
    error = np.sqrt(pool.blocks.variance(sums) + beside)
    return value, np.where(ruled_out, np.nan, error)
