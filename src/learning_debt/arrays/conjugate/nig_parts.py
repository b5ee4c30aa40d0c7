"""Debt of normal-inverse-gamma posteriors part by part: of some coefficients, of the variance, and row by row.

The marginal of coefficients is a Student-t with 2 shape degrees of freedom, location mean and scale matrix
(rate / shape) precision^-1; that of the variance is InvGamma(shape, rate). Equations: O'Hagan & Forster, *Kendall's
Advanced Theory of Statistics 2B* (2004), chapter 11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from learning_debt.arrays.conjugate import precisions, student_t
from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.typing import Array


def expected_log_likelihood(posterior: NIG, x: ArrayLike, y: ArrayLike) -> Array:
    """Log density of each row averaged over the posterior, E[log p(y | x, beta, s2)], in nats.

    -(log 2 pi + log b - psi(a) + (a / b) (y - x' m)^2 + x' P^-1 x) / 2 with a = shape, b = rate, P = precision.

    Parameters
    ----------
    posterior : NIG
        A single one.
    x : array_like, shape (n, p)
    y : array_like, shape (n,)

    Returns
    -------
    numpy.ndarray, shape (n,)

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import as_nig
    >>> expected_log_likelihood(as_nig(NIG(0, 1, 2, 1)), [[1.0]], [0.0]).round(6)  # -(log 2 pi + .577216) / 2
    array([-1.207546])
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    leverage = precisions.leverage(precisions.cholesky(posterior.precision), x)
    ratio = posterior.shape / posterior.rate
    residual = y - precisions.times(x, posterior.mean)
    log_variance = np.log(posterior.rate) - psi(posterior.shape)
    return np.asarray(-0.5 * (math.log(2 * math.pi) + log_variance + ratio * residual**2 + leverage))


def variance_debt(shadow: NIG, deployed: NIG) -> float:
    """KL(shadow || deployed) of the variance alone, between two inverse gammas, in nats.

    a_q log(b_p / b_q) + log Gamma(a_q) - log Gamma(a_p) + (a_p - a_q) psi(a_p) + a_p (b_q / b_p - 1).

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import as_nig
    >>> round(variance_debt(as_nig(NIG(0, 1, 2, 2)), as_nig(NIG(0, 1, 2, 1))), 6)  # 2 log 2 - 1
    0.386294
    """
    a_p, b_p, a_q, b_q = (float(value) for value in (shadow.shape, shadow.rate, deployed.shape, deployed.rate))
    ratio = b_q / b_p
    divergence = gammaln(a_q) - gammaln(a_p) + (a_p - a_q) * psi(a_p) - a_q * math.log(ratio) + a_p * (ratio - 1)
    return max(float(divergence), 0.0)


def coefficients_debt(shadow: NIG, deployed: NIG, chosen: Sequence[int]) -> float:
    """KL(shadow || deployed) of the marginal distribution of some coefficients, in nats.

    Between Student-t's of d dimensions, df n and scale matrix S (p = shadow, q = deployed):

        c_p - c_q - (n_p + d) / 2 E_p[log(1 + Q_p / n_p)] + (n_q + d) / 2 E_p[log(1 + Q_q / n_q)],
        c = log Gamma((n + d) / 2) - log Gamma(n / 2) - (d log(n pi) + log |S|) / 2,    Q = (z - m)' S^-1 (z - m)

    The first expectation is psi((n_p + d) / 2) - psi(n_p / 2); the second is a double integral.

    Parameters
    ----------
    shadow, deployed : NIG
        Single ones.
    chosen : sequence of int
        Positions of the coefficients.

    Examples
    --------
    >>> from learning_debt.arrays.conjugate.nig import as_nig
    >>> round(coefficients_debt(as_nig(NIG(1, 1, 500, 500)), as_nig(NIG(0, 1, 500, 500)), [0]), 3)  # normal: 1/2
    0.499
    """
    (df_p, mean_p, scale_p), (df_q, mean_q, scale_q) = (
        _marginal(posterior, chosen) for posterior in (shadow, deployed)
    )
    if len(chosen) == 1:
        scales = np.sqrt([scale_p[0, 0], scale_q[0, 0]])
        return float(student_t.kl(df_p, mean_p[0], scales[0], df_q, mean_q[0], scales[1]))
    d = len(chosen)
    constants = [
        gammaln((df + d) / 2) - gammaln(df / 2) - 0.5 * (d * math.log(df * math.pi) + np.linalg.slogdet(scale)[1])
        for df, scale in ((df_p, scale_p), (df_q, scale_q))
    ]
    root = np.linalg.cholesky(scale_p)
    stretch, axes = np.linalg.eigh(root.T @ np.linalg.solve(scale_q, root))
    shift = axes.T @ np.linalg.solve(root, mean_p - mean_q)
    own = psi((df_p + d) / 2) - psi(df_p / 2)
    other = _expected_log(df_p, stretch / df_q, shift)
    return max(float(constants[0] - constants[1] - (df_p + d) / 2 * own + (df_q + d) / 2 * other), 0.0)


def _marginal(nig: NIG, chosen: Sequence[int]) -> tuple[float, Array, Array]:
    """Degrees of freedom, location and scale matrix of some coefficients."""
    places = np.asarray(chosen, dtype=int)
    covariance = np.linalg.inv(nig.precision)[np.ix_(places, places)]
    return 2 * float(nig.shape), nig.mean[places], float(nig.rate) / float(nig.shape) * covariance


def _expected_log(df: float, stretch: Array, shift: Array) -> float:
    """E log(1 + Q) of Q = sum stretch (sqrt(w) z + shift)^2 with z standard normal and df / w chi-squared with df.

    log(1 + Q) is the integral over t > 0 of exp(-t) (1 - exp(-t Q)) / t, and given w the mean of exp(-t Q) is the
    Laplace transform of a noncentral quadratic form. Both integrals, over log t and log w, are trapezoids of smooth
    functions that vanish at both ends.
    """
    u = np.linspace(-60.0, 5.0, 1301)
    half = df / 2
    v = math.log(half) + np.linspace(-1.0, 1.0, 401) * max(14.0 / math.sqrt(half), 45.0 / half)
    density = half * v - np.exp(v)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    width = half / np.exp(v)
    laplace = np.zeros_like(u)
    for w, mass in zip(width[weight > 1e-18], weight[weight > 1e-18], strict=True):
        growth = 1 + 2 * np.exp(u)[:, None] * w * stretch
        exponent = -(np.exp(u)[:, None] * stretch * shift**2 / growth).sum(axis=1) - 0.5 * np.log(growth).sum(axis=1)
        laplace -= mass * np.expm1(exponent)
    return float((np.exp(-np.exp(u)) * laplace).sum() * (u[1] - u[0]))
