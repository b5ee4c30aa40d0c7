"""Debt between two posteriors that are one set of draws under two weightings, as a reweighted shadow and its anchor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from learning_debt.arrays.draws.arviz_statistics import array_stats
from learning_debt.arrays.draws.effective_size import (
    effective_share,
    influence_on_mean,
    variance_of_mean,
    weighted_mean,
    weighted_size,
)
from learning_debt.arrays.draws.fit_shares import FitShares, whole_influence
from learning_debt.typing import Array


class ReweightedDebt(NamedTuple):
    """Debt from one set of draws.

    Attributes
    ----------
    value, standard_error : float
        Nats.
    effective_draws : float
        What the draws are worth under the weights that are worth less.
    pareto_k : float
        Shape of the tail of shadow over deployed weight; NaN if there are too few draws to tell.
    mismatch : float
        How far the log ratio of the weights strays from the log-likelihood where it should follow it: interquartile
        range of their difference over that of the log-likelihood. Zero, up to rounding, unless the weights belong to
        other data.
    """

    value: float
    standard_error: float
    effective_draws: float
    pareto_k: float
    mismatch: float


def reweighted_debt(
    log_ratio: Array,
    weight_shadow: Array | None = None,
    weight_deployed: Array | None = None,
    shares: FitShares | None = None,
) -> ReweightedDebt:
    """Debt KL(shadow‖deployed) = E_p[l] - log E_q[exp l] where both are the same draws, weighted.

    Parameters
    ----------
    log_ratio : ndarray, shape (chain, draw)
        Log-likelihood l of the new data at the draws, nats; ``-inf`` is legal where the shadow's weight is zero.
    weight_shadow, weight_deployed : ndarray, shape (chain, draw), optional
        Relative weights; all the same if left out.
    shares : FitShares, optional
        Where the draws came from, if they are pooled from several fits.

    Notes
    -----
    A draw adds w (l - E_p l) - v + u to the error, with u and w the relative weights of deployed posterior and shadow
    and v = u exp(l), all of mean one: influence functions of both self-normalised means, added up because the draws are
    the same ones. They cancel where debt is small, so that its error is of second order.

    Examples
    --------
    >>> theta = np.random.default_rng(1).normal(size=(4, 1000))
    >>> l = theta - 0.5   # N(1, 1) against N(0, 1): debt 1/2
    >>> estimate = reweighted_debt(l, np.exp(l))
    >>> abs(estimate.value - 0.5) < 4 * estimate.standard_error
    True
    """
    ones = np.ones_like(log_ratio)
    w, u = (ones if weight is None else weight / weight.mean() for weight in (weight_shadow, weight_deployed))
    size = min(weighted_size(w), weighted_size(u))
    if np.ptp(log_ratio) == 0:
        return ReweightedDebt(0.0, 0.0, size, 0.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        v = np.where(u > 0, np.exp(log_ratio - logsumexp(log_ratio, b=u / u.size)), 0.0) * u
        log_weight_ratio = _log_weight_ratio(w, u)
    mean = weighted_mean(log_ratio, w)
    value = mean - float(logsumexp(log_ratio, b=u / u.size))
    influence = whole_influence(influence_on_mean(log_ratio, w) - v + u, shares)
    error = float(np.sqrt(variance_of_mean(influence)))
    size *= effective_share(influence, whole_influence(v - u, shares))
    return ReweightedDebt(
        max(value, 0.0), error, size, tail_shape(log_weight_ratio), _mismatch(log_weight_ratio, log_ratio)
    )


def weights_mismatch(log_ratio: Array, weight_shadow: Array, weight_deployed: Array) -> float:
    """How far the weights stray from the log-likelihood that they should differ by, as in `ReweightedDebt`.

    NaN where no draw carries both weights.
    """
    return _mismatch(_log_weight_ratio(weight_shadow, weight_deployed), log_ratio)


def _log_weight_ratio(w: Array, u: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(u > 0, np.log(w) - np.log(u), -np.inf)


def tail_shape(log_ratio: Array) -> float:
    """Pareto k of the right tail of exp(log ratio)."""
    finite = log_ratio[np.isfinite(log_ratio)]
    if finite.size < 25:  # the tail is a fifth of them, and five are needed
        return float("nan")
    if np.ptp(finite) == 0:
        return 0.0
    return float(array_stats().psislw(-log_ratio.ravel())[1])


def _mismatch(log_weight_ratio: Array, log_ratio: Array) -> float:
    both = np.isfinite(log_weight_ratio) & np.isfinite(log_ratio)
    if not both.any():
        return float("nan")
    own, followed = log_weight_ratio[both], log_ratio[both]
    strays, spread = (float(np.subtract(*np.quantile(values, [0.75, 0.25]))) for values in (own - followed, followed))
    return strays / spread if spread > 0 else 0.0
