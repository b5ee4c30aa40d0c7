"""Divergences of the CRPS and the energy score from draws, with Monte-Carlo errors.

    divergence(p, q) = E d(X, Y) - E d(X, X') / 2 - E d(Y, Y') / 2,     X, X' of p and Y, Y' of q

(Gneiting & Raftery, JASA 102, 2007, sections 4.2 and 4.3) is a squared norm: with the embedding of an outcome x whose
products are minus half the distances of signed masses of total zero it is |m|^2, m the mean of p less the mean of q. In
one dimension the embedding of x is the step 1{x <= z}, and |m|^2 is the integral of (F - G)^2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from learning_debt.arrays.compilation import CACHE
from learning_debt.arrays.draws.chain_blocks import block_labels
from learning_debt.arrays.losses.distance_scores import WeightedDraws, distances_times
from learning_debt.arrays.losses.divergence import Divergence, near_zero, variance_of_sum
from learning_debt.typing import Array


def crps_divergence(shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence:
    """Integral of (F - G)^2, mean over the rows, from draws (chain, draw, rows).

    Draws of the two may depend on each other in any way sample by sample, if both have the same chains and draws; else
    they must be independent.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(size=(4, 500, 1))
    >>> apart = crps_divergence(WeightedDraws(noise, np.ones((4, 500))), WeightedDraws(noise + 1, np.ones((4, 500))))
    >>> round(apart.value, 2)  # E|Z + 1| - E|Z|, Z normal with variance 2
    0.27
    """
    return _divergence(shadow, deployed, _row_1d)


def energy_divergence(shadow: WeightedDraws, deployed: WeightedDraws) -> Divergence:
    """The same of vectors, from draws (chain, draw, rows, values); time and memory grow with draws squared."""
    return _divergence(shadow, deployed, _row_nd)


class Row(NamedTuple):
    """What one row adds to a divergence.

    The divergence as it is, the mean of the products of the blocks with themselves, all products, shape
    (blocks, blocks), and the potential of the difference at each point.
    """

    plug_in: float
    square: float
    products: Array
    potential: Array


def _divergence(shadow: WeightedDraws, deployed: WeightedDraws, row: Callable[[Array, Array], Row]) -> Divergence:
    """Squared norm of the difference of the means of both embeddings, from block means and from influences.

    Notes
    -----
    Products of different blocks have the divergence as their mean, whatever binds the draws inside a block, so their
    mean is unbiased (a U-statistic over blocks). Its variance has a part of first order in the error of the means, from
    the influences of the draws, and one of second order, which is what remains where the two agree: 2 tr(C^2), C the
    covariance of the difference of means, from the products of centred block means.
    """
    weights = shadow.weight.ravel(), deployed.weight.ravel()
    x, y = (
        side.values.reshape(w.size, *side.values.shape[2:]) for side, w in zip((shadow, deployed), weights, strict=True)
    )
    masses, rows = _signed_masses(shadow.weight, deployed.weight), x.shape[1]
    influence = np.zeros(len(masses))
    plug_in, square, spread = 0.0, 0.0, 0.0
    products = np.zeros((masses.shape[1], masses.shape[1]))
    for i in range(rows):
        one = row(np.concatenate([x[:, i], y[:, i]]), masses)
        plug_in, square, products = plug_in + one.plug_in, square + one.square, products + one.products
        ours, theirs = (
            w * (p - w @ p / w.size) for w, p in zip(weights, np.split(one.potential, [len(x)]), strict=True)
        )
        influence += 2 * np.concatenate([ours, -theirs])
        spread += 4 * float(ours**2 @ (1 / np.where(weights[0] > 0, weights[0], np.inf))) / len(x)
    of_shadow, of_deployed = np.split(influence / rows, [len(x)])
    errors = variance_of_sum(of_shadow.reshape(shadow.weight.shape), of_deployed.reshape(deployed.weight.shape))
    bias = (square - plug_in) / rows / max(len(products) - 1, 1)
    value, error = near_zero(plug_in / rows, bias, errors.variance, _second_order(products / rows))
    return Divergence(value, error, float(np.sqrt(spread)) / rows, bias, *errors[1:])


def _second_order(products: Array) -> float:
    """Variance of the mean product of different blocks, were their true mean zero."""
    blocks = len(products)
    centring = np.eye(blocks) - 1 / blocks
    inner = centring @ products @ centring
    squares = float((inner**2).sum() - (np.diag(inner) ** 2).sum())
    return 2 * squares / max(blocks * (blocks - 1), 1) ** 2


def _signed_masses(weight_shadow: Array, weight_deployed: Array) -> Array:
    """Masses on the pooled draws, shadow's first, that stand for the difference of means as each block sees it.

    Column b is the difference of means over all draws plus the mean influence of the draws of block b on it, each
    column of total zero and their mean the difference itself; shape (samples of both, blocks).
    """
    columns = []
    for weight in (weight_shadow, weight_deployed):
        labels = block_labels(*weight.shape).ravel()
        member = np.equal.outer(labels, np.arange(labels.max() + 1)).astype(float)
        share = weight.ravel()[:, None] / weight.size
        inside = weight.ravel()[:, None] * member / member.sum(axis=0)
        columns.append(share * (1 - inside.sum(axis=0)) + inside)
    blocks = min(column.shape[1] for column in columns)
    return np.concatenate([_merged(columns[0], blocks), -_merged(columns[1], blocks)])


def _merged(columns: Array, blocks: int) -> Array:
    """Neighbouring columns averaged until only `blocks` are left."""
    if columns.shape[1] == blocks:
        return columns
    parts = np.array_split(np.arange(columns.shape[1]), blocks)
    return np.stack([columns[:, part].mean(axis=1) for part in parts], axis=1)


def _row_1d(points: Array, masses: Array) -> Row:
    order = np.argsort(points)
    products = np.zeros((masses.shape[1], masses.shape[1]))
    potential = np.empty(len(points))
    plug_in, square = _integrate_steps(points[order], masses[order], _thinning(len(points)), products, potential)
    unordered = np.empty(len(points))
    unordered[order] = potential
    return Row(plug_in, square, products + np.tril(products, -1).T, unordered)


def _thinning(points: int) -> int:
    """Every how manieth step enters the products of different blocks, of which only the error is made."""
    return 1 + points // 1000


@njit(cache=CACHE)
def _integrate_steps(
    points: Array, masses: Array, thinning: int, products: Array, potential: Array
) -> tuple[float, float]:
    """Integrals of products of the columns' cumulative masses over ascending points.

    Those of their mean with itself and of each with itself (on average) are returned; those of all pairs, coarsely, go
    to the lower triangle of `products`, those of the mean alone, from each point on, to `potential`.
    """
    count, blocks = masses.shape
    steps = np.zeros(blocks)
    plug_in, square = 0.0, 0.0
    for k in range(count - 1):
        gap = points[k + 1] - points[k]
        total, squares = 0.0, 0.0
        for b in range(blocks):
            steps[b] += masses[k, b]
            total += steps[b]
            squares += steps[b] * steps[b]
        mean = total / blocks
        potential[k] = mean * gap
        plug_in += mean * mean * gap
        square += squares / blocks * gap
        if k % thinning == thinning // 2:
            first = k - k % thinning
            width = points[min(first + thinning, count - 1)] - points[first]
            for b in range(blocks):
                for c in range(b + 1):
                    products[b, c] += steps[b] * steps[c] * width
    potential[count - 1] = 0.0
    for k in range(count - 2, -1, -1):
        potential[k] += potential[k + 1]
    return plug_in, square


def _row_nd(points: Array, masses: Array) -> Row:
    """The same for points of shape (points, values)."""
    fields = -distances_times(points, masses) / 2
    products = masses.T @ fields
    return Row(float(products.mean()), float(np.diag(products).mean()), products, fields.mean(axis=1))
