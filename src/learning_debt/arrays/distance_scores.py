"""Scores made of distances between draws, and their divergences with Monte-Carlo errors: CRPS and energy score.

With d the distance of two outcomes (absolute difference, Euclidean norm),

    loss(p, y) = E d(X, y) - E d(X, X') / 2,      divergence(p, q) = E d(X, Y) - E d(X, X') / 2 - E d(Y, Y') / 2,

X, X' of p and Y, Y' of q (Gneiting & Raftery, JASA 102, 2007, sections 4.2 and 4.3). Both are squared norms: with the
embedding of an outcome x whose products are minus half the distances of signed masses of total zero, divergence is
|m|^2, m the mean of p less the mean of q. In one dimension the embedding of x is the step 1{x <= z}, and |m|^2 is the
integral of (F - G)^2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from learning_debt.arrays.blocks import block_labels
from learning_debt.arrays.effective_size import effective_size

Array = NDArray[np.float64]


class Draws(NamedTuple):
    """Predictive draws of a batch.

    Attributes
    ----------
    values : ndarray, shape (chain, draw, rows) or (chain, draw, rows, values)
    weight : ndarray, shape (chain, draw)
        Mean one.
    """

    values: Array
    weight: Array


class Scored(NamedTuple):
    """Losses of a forecast at realised outcomes.

    Attributes
    ----------
    loss : ndarray, shape (rows,)
    influence : ndarray, shape (chain, draw)
        What each draw does to the mean loss over the rows; mean zero.
    remainder : float
        Variance of the mean loss that influences do not explain: of decisions that jump.
    jump : float
        The largest step that influences do not explain: from one likely decision to the next.
    """

    loss: Array
    influence: Array
    remainder: float = 0.0
    jump: float = 0.0


class Divergence(NamedTuple):
    """A divergence, mean over the rows, with its Monte-Carlo error.

    Attributes
    ----------
    value, standard_error : float
        The bias of a plug-in divergence is taken off; never negative.
    gap_sd : float
        Standard deviation, under the shadow, of the mean gap over the rows.
    bias : float
        What was taken off.
    size : float
        Effective draws behind the standard error.
    heaviest : float
        Share of the first-order variance that a single draw carries.
    jump : float
        The largest step that influences do not explain: from one likely decision to the next.
    """

    value: float
    standard_error: float
    gap_sd: float
    bias: float
    size: float
    heaviest: float
    jump: float = 0.0


def crps(draws: Draws, outcome: Array) -> Scored:
    """Continuous ranked probability score of draws (chain, draw, rows) at outcomes (rows,), as a loss.

    Examples
    --------
    >>> draws = Draws(np.array([[[0.0], [2.0], [2.0]]]), np.ones((1, 3)))
    >>> crps(draws, np.array([1.0])).loss.round(4)  # E|X - y| = 1, E|X - X'| = 4/3 over pairs of two draws
    array([0.3333])
    """
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, -1)
    between = _mean_distance_1d(x, weight)
    return _scored(np.abs(x - outcome), between, draws.weight)


def energy(draws: Draws, outcome: Array) -> Scored:
    """Energy score of vector draws (chain, draw, rows, values) at outcomes (rows, values), as a loss."""
    weight = draws.weight.ravel()
    x = draws.values.reshape(weight.size, *draws.values.shape[2:])
    between = np.stack([cdist(row, row) @ weight / weight.size for row in np.moveaxis(x, 1, 0)], axis=1)
    return _scored(np.linalg.norm(x - outcome, axis=-1), between, draws.weight)


def _scored(to_outcome: Array, between: Array, chain_weight: Array) -> Scored:
    """Loss and influence from distances to the outcome and mean distances to the other draws, both (samples, rows)."""
    weight = chain_weight.ravel()
    share = weight / weight.size
    first, second = share @ to_outcome, share @ between
    fair = 1 / (1 - (share**2).sum())  # pairs of a draw with itself are no pairs
    influence = weight * ((to_outcome - first) - (between - second)).mean(axis=1)
    return Scored(first - second * fair / 2, influence.reshape(chain_weight.shape))


def _mean_distance_1d(x: Array, weight: Array) -> Array:
    """Weighted mean absolute difference of every draw to all draws, shape (samples, rows)."""
    order = np.argsort(x, axis=0)
    z, w = np.take_along_axis(x, order, axis=0), weight[order] / weight.size
    below, mass_below = np.cumsum(w * z, axis=0), np.cumsum(w, axis=0)
    distance = z * (2 * mass_below - 1) + below[-1] - 2 * below
    mean = np.empty_like(distance)
    np.put_along_axis(mean, order, distance, axis=0)
    return mean


def crps_divergence(shadow: Draws, deployed: Draws) -> Divergence:
    """Integral of (F - G)^2, mean over the rows, from draws (chain, draw, rows).

    Draws of the two may depend on each other in any way sample by sample, if both have the same chains and draws; else
    they must be independent.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(size=(4, 500, 1))
    >>> apart = crps_divergence(Draws(noise, np.ones((4, 500))), Draws(noise + 1, np.ones((4, 500))))
    >>> round(apart.value, 2)  # E|Z + 1| - E|Z|, Z normal with variance 2
    0.27
    """
    return _divergence(shadow, deployed, _row_1d)


def energy_divergence(shadow: Draws, deployed: Draws) -> Divergence:
    """The same of vectors, from draws (chain, draw, rows, values); time and memory grow with draws squared."""
    return _divergence(shadow, deployed, _row_nd)


Row = Callable[[Array, Array], tuple[Array, Array]]


def _divergence(shadow: Draws, deployed: Draws, row: Row) -> Divergence:
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
        one.values.reshape(w.size, *one.values.shape[2:]) for one, w in zip((shadow, deployed), weights, strict=True)
    )
    masses, rows = _signed_masses(shadow.weight, deployed.weight), x.shape[1]
    gram = np.zeros((masses.shape[1], masses.shape[1]))
    potential = np.zeros(len(masses))
    spread = 0.0
    for i in range(rows):
        products, own = row(np.concatenate([x[:, i], y[:, i]]), masses)
        own_shadow = own[: len(x)]
        centred = np.concatenate(
            [own_shadow - weights[0] @ own_shadow / len(x), own[len(x) :] - weights[1] @ own[len(x) :] / len(y)]
        )
        gram += products / rows
        potential += 2 * centred / rows
        spread += 4 * float(weights[0] @ centred[: len(x)] ** 2) / len(x)
    of_shadow = (weights[0] * potential[: len(x)]).reshape(shadow.weight.shape)
    of_deployed = -(weights[1] * potential[len(x) :]).reshape(deployed.weight.shape)
    first_order, size, heaviest = variance_of_sum(of_shadow, of_deployed)
    blocks = len(gram)
    plug_in = float(gram.mean())
    bias = plug_in - float(gram.sum() - np.trace(gram)) / (blocks * (blocks - 1))
    centring = np.eye(blocks) - 1 / blocks
    inner = centring @ gram @ centring
    squares = float((inner**2).sum() - (np.diag(inner) ** 2).sum())
    second_order = 2 * squares / (blocks * (blocks - 1)) ** 2
    value, error = near_zero(plug_in, bias, first_order, second_order)
    return Divergence(value, error, np.sqrt(spread) / rows, bias, size, heaviest)


def near_zero(plug_in: float, bias: float, first_order: float, second_order: float) -> tuple[float, float]:
    """Divergence without its bias, at least zero, and its standard error.

    Variances of first order grow with the divergence, so one that came out too small would bring too small an error: it
    is taken at a divergence one standard error larger. Nor is it taken below twice the second-order variance, which is
    the error of its own estimate.
    """
    value = max(plug_in - bias, 0.0)
    error = np.sqrt(max(first_order, 2 * second_order) + second_order)
    if plug_in > 0:
        first_order *= max((value + error) / plug_in, 1.0)
    return value, float(np.sqrt(max(first_order, 2 * second_order) + second_order))


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


def _row_1d(points: Array, masses: Array) -> tuple[Array, Array]:
    """Products of the columns of `masses` on `points`, (blocks, blocks), and the potential of their mean, (points,)."""
    order = np.argsort(points)
    gaps = np.diff(points[order])
    steps = np.cumsum(masses[order], axis=0)[:-1]
    products = steps.T @ (steps * gaps[:, None])
    potential = np.empty(len(points))
    potential[order] = np.append(np.cumsum((steps.mean(axis=1) * gaps)[::-1])[::-1], 0.0)
    return products, potential


def _row_nd(points: Array, masses: Array) -> tuple[Array, Array]:
    """The same for points of shape (points, values)."""
    fields = -cdist(points, points) @ masses / 2
    return masses.T @ fields, fields.mean(axis=1)


def variance_of_sum(first: Array, second: Array) -> tuple[float, float, float]:
    """Variance of the sum of two mean influences, effective draws behind it, and the largest share of one draw.

    Influences of one shape are added sample by sample, which is right for any dependence between the two; of different
    shapes they must be independent.
    """
    parts = [first + second] if first.shape == second.shape else [first, second]
    sizes = [effective_size(part) for part in parts]
    variances = [float(part.var(ddof=1)) / size for part, size in zip(parts, sizes, strict=True)]
    total = sum(float((part**2).sum()) / part.size**2 for part in parts)
    largest = max(float((part**2).max()) / part.size**2 for part in parts)
    return sum(variances), min(sizes), largest / total if total > 0 else 0.0
