"""Draws of a few posteriors, the anchors, pooled and weighted for any posterior between them: multistate reweighting.

All posteriors are a common prior times exp(L_s(θ)). With N_a draws of each anchor a and log normalising constants f_a,
the pool is as if drawn from the mixture of the anchors, and a posterior s weighs draw n by

    W_s(n) ∝ exp(L_s(θ_n)) / sum_a N_a exp(L_a(θ_n) - f_a),   log Z_s = log sum_n exp(L_s(θ_n)) / (the same).

Every estimate is a smooth function of sums over the pool. What draw n adds to its error is its influence, which counts
that the f_a are estimates too; variances of its sum are taken within anchors, over blocks of neighbouring draws.

References
----------
Kong, McCullagh, Meng, Nicolae & Tan, *A theory of statistical models for Monte Carlo integration*, Journal of the Royal
Statistical Society B 65 (2003), 585-618.

Shirts & Chodera, *Statistically optimal analysis of samples from multiple equilibrium states*, Journal of Chemical
Physics 129 (2008), 124105.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import logsumexp
from scipy.stats import norm, t

from learning_debt.arrays.bridging.islands import islands_of
from learning_debt.arrays.bridging.log_normalisers import curvature, log_normalisers
from learning_debt.typing import Array

BLOCK_SIZE = 30.0
"""Effective draws that a block should hold, so that blocks are nearly independent."""
BLOCKS = (20, 100)
"""Fewest and most blocks of one anchor."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Draws of the pool cut into blocks of neighbouring draws of one chain, for variances of sums over the pool.

    Attributes
    ----------
    starts : ndarray, shape (blocks,)
        First draw of every block.
    anchor : ndarray, shape (blocks,)
        The anchor that it belongs to.
    """

    starts: NDArray[np.intp]
    anchor: NDArray[np.intp]

    def sums(self, values: NDArray[np.floating]) -> Array:
        """Sums over the draws of each block along the last axis, shape (..., blocks)."""
        return np.add.reduceat(values, self.starts, axis=-1).astype(np.float64, copy=False)

    def variance(self, sums: Array) -> Array:
        """Variance of the sum over the whole pool from what each block sums to, shape (..., blocks) to (...).

        Grown so that an interval of 1.645 standard errors is the 90% interval of Student's t, with the degrees of
        freedom of Satterthwaite: few blocks know their own spread badly.
        """
        total, spread = np.zeros(sums.shape[:-1]), np.zeros(sums.shape[:-1])
        for a in range(int(self.anchor.max()) + 1):
            own = sums[..., self.anchor == a]
            number = own.shape[-1]
            part = number * own.var(axis=-1, ddof=1)
            total += part
            spread += part**2 / (number - 1)
        freedom = np.where(spread > 0, total**2 / np.where(spread > 0, spread, 1.0), np.inf)
        return np.asarray(total * (t.ppf(0.95, np.maximum(freedom, 1.0)) / norm.ppf(0.95)) ** 2)


def blocks_of(shapes: Sequence[tuple[int, int]], sizes: Sequence[float]) -> Blocks:
    """Blocks of anchors of (chains, draws) that are worth `sizes` effective draws each.

    Examples
    --------
    >>> blocks_of([(2, 100), (2, 100)], [200.0, 200.0]).starts[:4]
    array([ 0, 10, 20, 30])
    """
    starts, anchor, first = [], [], 0
    for a, ((chains, draws), size) in enumerate(zip(shapes, sizes, strict=True)):
        number = np.clip(size / BLOCK_SIZE, *BLOCKS)
        each = int(np.clip(round(float(number) / chains), 2, draws))
        within = np.unique(np.arange(each) * draws // each)
        for chain in range(chains):
            starts.append(first + chain * draws + within)
            anchor.append(np.full(len(within), a))
        first += chains * draws
    return Blocks(np.concatenate(starts), np.concatenate(anchor))


@dataclass(frozen=True, eq=False)
class Pool:
    """Draws of all anchors, weighted for every state.

    Attributes
    ----------
    log_likelihood : ndarray, shape (states, draws)
        L_s at every draw, up to a term that all states share; nats.
    anchors : tuple of int
        States that the draws come from, in their order in the pool.
    blocks : Blocks
    worth : ndarray, shape (anchors,)
        Effective draws of each anchor over its draws.
    shares : ndarray, shape (anchors, draws)
        Probability that a draw came from each anchor.
    islands : ndarray of int, shape (anchors,)
        The island that each anchor lies on; no draw ties normalising constants of different ones.
    island : ndarray of int, shape (states,)
        The one that each state is weighted on.
    log_normaliser : ndarray, shape (states,)
        log Z_s, up to a term that all states of one island share.
    weight : ndarray, shape (states, draws)
        W_s, summing to one; 0 on other islands.
    """

    log_likelihood: Array
    anchors: tuple[int, ...]
    blocks: Blocks
    counts: Array
    worth: Array
    shares: Array
    islands: NDArray[np.intp]
    island: NDArray[np.intp]
    log_normaliser: Array
    weight: Array

    @cached_property
    def rules_out(self) -> bool:
        """Whether a state rules out any draw of the pool."""
        return not np.isfinite(self.log_likelihood).all()

    @cached_property
    def anchor_of(self) -> NDArray[np.intp]:
        """The anchor that each draw came from, shape (draws,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts.astype(int))

    @cached_property
    def firsts(self) -> NDArray[np.intp]:
        """Position of the first anchor of every island, shape (islands,)."""
        return np.unique(self.islands, return_index=True)[1]

    @cached_property
    def _tied(self) -> NDArray[np.intp]:
        """All anchors but the first of each island."""
        return np.delete(np.arange(len(self.counts)), self.firsts)

    @cached_property
    def normaliser_sums(self) -> Array:
        """Influences on the f_a but the first of each island, block by block, shape (anchors - islands, blocks)."""
        tied, shares = self._tied, self.shares
        if not len(tied):
            return np.zeros((0, len(self.blocks.starts)))
        return np.asarray(np.linalg.pinv(curvature(shares)[np.ix_(tied, tied)]) @ self.blocks.sums(shares[tied]))

    @cached_property
    def _tied_shares(self) -> dict[str, NDArray[np.floating]]:
        return {kind: self.shares[self._tied].T.astype(kind) for kind in ("float32", "float64")}

    def influence_sums(self, direct: NDArray[np.floating]) -> Array:
        """Block sums of whole influences, for the direct ones of shape (..., draws): W_s (h - E_s h) of a mean.

        What comes of the f_a being estimates is added to the direct ones; those of the first of an island are taken
        as known.
        """
        through = (direct @ self._tied_shares[direct.dtype.name]) @ self.normaliser_sums
        return np.asarray(self.blocks.sums(direct) + through, dtype=np.float64)

    def influence_sums_of(self, state: int, functions: NDArray[np.floating]) -> Array:
        """`influence_sums` of W_s h for one state and many h, shape (draws, k): shape (k, blocks).

        Their products with the weights, a copy as large as `functions`, are never made.
        """
        weight = self.weight_as(functions.dtype)[state]
        starts, draws = self.blocks.starts, len(weight)
        cut = csr_array((weight, np.arange(draws), np.append(starts, draws)), shape=(len(starts), draws))
        through = (self._tied_shares[functions.dtype.name].T * weight) @ functions
        return np.asarray((cut @ functions).T + through.T @ self.normaliser_sums, dtype=np.float64)

    @cached_property
    def weight_sums(self) -> Array:
        """Block sums of the influence of W_s on log Z_s, shape (states, blocks)."""
        return self.influence_sums(self.weight)

    @cached_property
    def single_weight(self) -> NDArray[np.float32]:
        """W_s in single precision, for errors."""
        return self.weight.astype(np.float32)

    def weight_as(self, kind: np.dtype[Any]) -> NDArray[np.floating]:
        """W_s in single precision for densities that are, else in double."""
        return self.single_weight if kind == np.float32 else self.weight

    @cached_property
    def slowness(self) -> Array:
        """Draws that an independent one of the same anchor is worth, shape (draws,)."""
        return np.asarray((1 / self.worth)[self.anchor_of])

    @cached_property
    def squared_weight(self) -> NDArray[np.float32]:
        """W_s^2 times the slowness of the draws, in single precision."""
        return np.asarray(self.weight**2 * self.slowness, dtype=np.float32)

    @cached_property
    def effective_draws(self) -> Array:
        """Independent draws that each state is worth, shape (states,): Kish's size, each anchor's own worth counted."""
        return np.asarray(1 / (self.weight**2 @ self.slowness))

    def share_of(self, anchor: int) -> Array:
        """How much of each state's weight lies on the draws of the anchor at position `anchor`, shape (states,)."""
        return np.asarray(self.weight[:, self.anchor_of == anchor].sum(axis=1))


def rows_of[Number: np.floating](values: NDArray[Number], states: list[int]) -> NDArray[Number]:
    """Rows of several states: without a copy where they follow each other.

    A pool has as many columns as draws, and a copy of its weights took as long as their product with the densities.
    """
    if not states or states != [*range(states[0], states[0] + len(states))]:
        return values[states]
    return values[states[0] : states[-1] + 1]


def pooled(
    log_likelihood: Array, anchors: Sequence[int], shapes: Sequence[tuple[int, int]], sizes: Sequence[float]
) -> Pool:
    """The draws of `anchors` pooled and weighted for all states.

    Parameters
    ----------
    log_likelihood : ndarray, shape (states, draws)
        L_s, up to a term that all states share; draws chain by chain, anchor by anchor.
    anchors : sequence of int
        States that the draws come from, in order.
    shapes : sequence of (chains, draws)
    sizes : sequence of float
        Effective draws of each anchor.

    Raises
    ------
    NotConnectedError
        If the anchors do not overlap.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> theta = np.concatenate([rng.normal(0, 1, 4000), rng.normal(1, 1, 4000)])   # of states 0 and 2
    >>> log_likelihood = np.stack([mean * theta - mean**2 / 2 for mean in (0.0, 0.5, 1.0)])
    >>> pool = pooled(log_likelihood, (0, 2), [(4, 1000), (4, 1000)], [4000, 4000])
    >>> bool(abs(pool.weight[1] @ theta - 0.5) < 0.05)
    True
    """
    counts = np.array([chains * draws for chains, draws in shapes], dtype=float)
    worth = np.clip(np.asarray(sizes, dtype=float) / counts, 1e-12, 1.0)
    at_anchors, anchor_of = log_likelihood[list(anchors)], np.repeat(np.arange(len(counts)), counts.astype(int))
    terms = at_anchors + (np.log(counts) - log_normalisers(at_anchors, counts))[:, None]
    islands = islands_of(np.exp(terms - logsumexp(terms, axis=0)), (1 / worth)[anchor_of])
    terms[islands[:, None] != islands[anchor_of]] = -np.inf
    log_mixture = logsumexp(terms, axis=0)
    log_weight = log_likelihood - log_mixture
    island = _own_island(log_weight, islands[anchor_of], (1 / worth)[anchor_of])
    island[list(anchors)] = islands
    if islands.any():
        log_weight[island[:, None] != islands[anchor_of]] = -np.inf
    peak = log_weight.max(axis=1)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    log_weight -= peak[:, None]
    weight = np.exp(log_weight, out=log_weight)  # once for both: scipy's logsumexp takes 14 times as long
    total = weight.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight /= total[:, None]
        log_normaliser = np.log(total) + peak
    shares, blocks = np.exp(terms - log_mixture), blocks_of(shapes, sizes)
    return Pool(log_likelihood, tuple(anchors), blocks, counts, worth, shares, islands, island, log_normaliser, weight)


def _own_island(log_weight: Array, island_of: NDArray[np.intp], slowness: Array) -> NDArray[np.intp]:
    """The island whose draws are worth most for each state: how weights compare across islands is not known."""
    sizes = np.zeros((int(island_of.max()) + 1, len(log_weight)))
    if len(sizes) > 1:
        for island, size in enumerate(sizes):
            own = log_weight[:, island_of == island]
            with np.errstate(invalid="ignore"):
                weight = np.exp(own - logsumexp(own, axis=1, keepdims=True))
            size[:] = np.nan_to_num(1 / (weight**2 @ slowness[island_of == island]))
    return sizes.argmax(axis=0)
