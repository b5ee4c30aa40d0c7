"""Stacking of predictive distributions: a mixture of all candidates in place of a winner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from learning_debt.data.update_rule import UpdateRule
from learning_debt.serving.remembered import MEMORY
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_numbers


def stacking_weights(log_scores: Any, row_weight: Any = None) -> Array:
    """Weights of the mixture of predictive distributions that would have scored best on held-out rows.

    They maximise the sum over rows of log(sum over k of w_k p_k(y)), a concave function, over weights that are at least
    0 and sum to 1. Without `row_weight` they are those of ``arviz_stats.compare(..., method="stacking")``, which works
    them out from leave-one-out scores.

    Parameters
    ----------
    log_scores : array, shape (rows, candidates)
        log p_k(y) of rows that the candidates had not seen, nats; minus infinity where a candidate rules a row out.
    row_weight : array, shape (rows,), optional
        At least 0; one each if left out.

    Returns
    -------
    ndarray, shape (candidates,)
        Equal weights where there are no rows, or all candidates rule every row out.

    Raises
    ------
    TypeError, ValueError

    References
    ----------
    Yao, Vehtari, Simpson & Gelman, *Using stacking to average Bayesian predictive distributions*, Bayesian Analysis 13
    (2018), 917-1007.

    Examples
    --------
    >>> stacking_weights(np.log([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8]])).round(3)  # (2/3 - .2) / .6
    array([0.778, 0.222])
    """
    scores = require_numbers("log_scores", log_scores, finite=False)
    if scores.ndim != 2 or scores.shape[1] < 1 or np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError("log_scores must be numbers or minus infinity, of shape (rows, candidates)")
    weight = np.ones(len(scores))
    if row_weight is not None:
        weight = require_numbers("row_weight", row_weight, at_least=0, shape=(len(scores),))
    return _stacked(scores, weight, np.full(scores.shape[1], 1 / scores.shape[1]))


def walk_forward_stacking(
    row_scores: Array, row_batch: NDArray[np.int64], batches: int, memory: UpdateRule | None = None
) -> tuple[Array, Array]:
    """Stacking weights of every batch from the rows of the batches before it, and how the mixture scored.

    Parameters
    ----------
    row_scores : ndarray, shape (rows, candidates)
        Log scores, nats; NaN where a candidate could not serve, which then has no weight in that batch.
    row_batch : ndarray of int, shape (rows,)
        Position of each row's batch, in order.
    batches : int
    memory : UpdateRule, optional
        Which batches count, and how much.

    Returns
    -------
    weights : ndarray, shape (batches, candidates)
    scores : ndarray, shape (batches,)
        Mean log score of the mixture on each batch's rows; NaN for one without rows.
    """
    rule = require_instance("memory", UpdateRule() if memory is None else memory, UpdateRule, MEMORY)
    candidates = row_scores.shape[1]
    weights, found = np.empty((batches, candidates)), np.full(batches, np.nan)
    start = np.full(candidates, 1 / candidates)
    for batch in range(batches):
        now, before = row_batch == batch, row_batch < batch
        can = ~np.isnan(row_scores[now]).any(axis=0)
        rows = before & ~np.isnan(row_scores[:, can]).any(axis=1)
        if not now.any() or not can.any():
            weights[batch] = start
            continue
        own = start[can] / start[can].sum() if start[can].sum() > 0 else np.full(can.sum(), 1 / can.sum())
        weights[batch] = 0.0
        weights[batch, can] = _stacked(row_scores[rows][:, can], rule.weights(batch - 1 - row_batch[rows]), own)
        found[batch] = mixture_scores(row_scores[now], weights[batch]).mean()
        start = weights[batch]
    return weights, found


def mixture_scores(log_scores: Array, weights: Array) -> Array:
    """log of the mixture's density at each row, shape (rows,), from log scores of shape (rows, candidates)."""
    held = weights > 0
    scores = log_scores[:, held]
    top = np.maximum(scores.max(axis=1), np.finfo(float).min)
    return np.asarray(top + np.log(np.exp(scores - top[:, None]) @ weights[held]))


def _stacked(scores: Array, row_weight: Array, start: Array) -> Array:
    """Weights that maximise the mean log density of the mixture; `start` where rows say nothing."""
    told = (row_weight > 0) & np.isfinite(scores).any(axis=1)
    if not told.any() or scores.shape[1] == 1:
        return start
    density = np.exp(scores[told] - scores[told].max(axis=1, keepdims=True))
    share = row_weight[told] / row_weight[told].sum()

    def loss(weights: Array) -> tuple[float, Array]:
        mixed = np.maximum(density @ weights, 1e-300)
        return -float(share @ np.log(mixed)), -(share / mixed) @ density

    found = minimize(
        loss, 0.9 * start + 0.1 / len(start), jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * len(start),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-10, "maxiter": 200},
    )  # fmt: skip
    weights = np.clip(found.x, 0.0, None)
    return np.asarray(weights / weights.sum())
