"""How far the forecasts of one posterior lie from those of another, without the noise of their draws."""

from __future__ import annotations

import numpy as np

from learning_debt.arrays.draws.chain_blocks import block_labels
from learning_debt.typing import Array


def squared_shift(candidate: Array, deployed: Array) -> tuple[float, float]:
    """Mean over rows of the squared distance of two forecasts' means, in variances of the second; and its error.

    A mean of squares of estimated distances would be too large by the noise in them. Here the distances come from
    blocks of draws, and only those of different blocks are multiplied, which leaves no bias; it may come out below zero
    where nothing has moved. The error is the jackknife's over blocks.

    Parameters
    ----------
    candidate, deployed : ndarray, shape (chain, draw, row)
        Predictive draws of the same rows.

    Returns
    -------
    value, standard_error : float
        The error is NaN with fewer than three blocks of either.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> moved, error = squared_shift(rng.normal(0.5, 1, size=(4, 500, 8)), rng.normal(0.0, 1, size=(4, 500, 8)))
    >>> bool(abs(moved - 0.25) < 4 * error)
    True
    """
    parts = [_block_means(draws) for draws in (candidate, deployed)]
    blocks = min(map(len, parts))
    spread = deployed.reshape(-1, deployed.shape[-1]).std(axis=0, ddof=1)
    difference = parts[0][:blocks] - parts[1][:blocks]
    if (difference[:, spread == 0] != 0).any():  # away from a forecast that was certain
        return float("inf"), 0.0
    apart = np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)
    if blocks < 3:
        return float((apart.mean(axis=0) ** 2).mean()), float("nan")
    squares, total = (apart**2).sum(axis=1), apart.sum(axis=0)
    value = _pairs(total, squares.sum(), blocks)
    left_out = zip(total - apart, squares.sum() - squares, strict=True)
    without = np.array([_pairs(rest, rest_squares, blocks - 1) for rest, rest_squares in left_out])
    return value, float(np.sqrt((blocks - 1) * np.var(without)))


def _pairs(total: Array, squares: float, blocks: int) -> float:
    """Mean over pairs of different blocks of the product of their distances, mean over rows."""
    return float((total @ total - squares) / (blocks * (blocks - 1) * len(total)))


def _block_means(draws: Array) -> Array:
    """Means of blocks of draws, shape (block, row)."""
    labels = block_labels(*draws.shape[:2]).ravel()
    flat = draws.reshape(len(labels), -1)
    sums = np.zeros((labels.max() + 1, flat.shape[1]))
    np.add.at(sums, labels, flat)
    return np.asarray(sums / np.bincount(labels)[:, None])
