"""Log density ratio of two distributions of a few parameters, as a regression on features of weighted draws."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from learning_debt.typing import Array

KNOTS = np.linspace(0.05, 0.95, 5)
"""Quantiles of the pooled draws between which a log density ratio may bend; outside it is quadratic."""
RIDGE = 1e-2
"""Penalty on squared weights of standardised features, over the pool: it stops separated draws from driving them to
infinity."""
LARGEST_LOG_RATIO = 300.0
MOST_STEPS = 60


def ratio_features(pool: Array, weight: Array | None = None) -> Array:
    """Intercept and standardised features: exact for Gaussians by the squares and products, bent by splines.

    Parameters
    ----------
    pool : ndarray, shape (draws, parameters)
    weight : ndarray, shape (draws,), optional
        What a draw counts for in their scales and knots; all the same if left out.

    Returns
    -------
    ndarray, shape (draws, features)
    """
    z = _standardised(pool, weight)
    columns = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i + 1)]
    for coordinate in z.T:
        columns += [coordinate, *_natural_spline(coordinate, np.unique(_quantiles(coordinate, weight)))]
    return np.column_stack([np.ones(len(pool)), _standardised(np.stack(columns, axis=1), weight)])


def _standardised(values: Array, weight: Array | None) -> Array:
    centred = values - np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average(centred**2, axis=0, weights=weight))
    return np.asarray(centred / np.where((np.ptp(values, axis=0) > 0) & (spread > 0), spread, 1.0))


def _quantiles(values: Array, weight: Array | None) -> Array:
    if weight is None:
        return np.asarray(np.quantile(values, KNOTS))
    return np.asarray(np.quantile(values, KNOTS, weights=weight, method="inverted_cdf"))


def _natural_spline(z: Array, knots: Array) -> list[Array]:
    """Natural cubic spline without its linear part (Hastie, Tibshirani & Friedman 2009, equation 5.4)."""
    if len(knots) < 3:
        return []
    top = np.maximum(z - knots[-1], 0.0) ** 3
    bends = [(np.maximum(z - knot, 0.0) ** 3 - top) / (knots[-1] - knot) for knot in knots[:-1]]
    return [bend - bends[-1] for bend in bends[:-1]]


def log_ratio_weights(features: Array, of_shadow: Array, of_deployed: Array, size: float) -> Array:
    """Weights of g = features @ weights that maximise E_p[g] - E_q[exp g] less the ridge, by damped Newton steps.

    At the maximum over the intercept this is the functional E_p[g] - log E_q[exp g], up to a constant (Nguyen,
    Wainwright & Jordan 2010, IEEE Trans. Inf. Theory 56, 5847).

    Parameters
    ----------
    features : ndarray, shape (draws, features)
        The first is an intercept.
    of_shadow, of_deployed : ndarray, shape (draws,)
        What each draw counts for under p and under q, each adding up to one.
    size : float
        Draws that the pool is worth.
    """
    ridge = np.full(features.shape[1], RIDGE / size)
    ridge[0] = 1e-9

    def loss(weights: Array) -> tuple[float, Array]:
        log_ratio = np.minimum(features @ weights, LARGEST_LOG_RATIO)
        ratio = of_deployed * np.exp(log_ratio)
        return float(ratio.sum() - of_shadow @ log_ratio + 0.5 * ridge @ weights**2), ratio

    weights = np.zeros(features.shape[1])
    current, ratio = loss(weights)
    for _ in range(MOST_STEPS):
        gradient = features.T @ (of_shadow - ratio) - ridge * weights
        curvature = (features * ratio[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.lstsq(curvature, gradient, rcond=1e-12)[0]
        if gradient @ step < 1e-9:
            break
        while (proposed := loss(weights + step))[0] > current and np.abs(step).max() > 1e-10:
            step = step / 2
        weights = weights + step
        current, ratio = proposed
    return weights


def log_mean_ratio(log_ratio: Array, of_deployed: Array) -> float:
    """log E_q[exp(log ratio)], of draws that count for the deployed posterior by weights that add up to one."""
    return float(logsumexp(log_ratio, b=of_deployed))
