"""Exact Bayesian linear regression with unknown variance: the normal-inverse-gamma (NIG) family.

beta | s2 ~ N(mean, s2 precision^-1), s2 ~ InvGamma(shape, rate), rows y = x' beta + N(0, s2). Data keep the posterior
in the family, and the predictive is a Student-t, so debt, scores and evidence are all in closed form or one integral:
the yardstick for every sampled estimate. Equations: Bishop, *Pattern Recognition and Machine Learning* (2006),
section 3.3 and exercise 3.12; O'Hagan & Forster, *Kendall's Advanced Theory of Statistics 2B* (2004), chapter 11.

Every function is batched over the leading axes of its arguments by broadcasting: p coefficients, n rows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, psi

from learning_debt.arrays.conjugate import precisions, student_t
from learning_debt.typing import Array
from learning_debt.validation import require_numbers


class NIG(NamedTuple):
    """Normal-inverse-gamma distribution of p coefficients and a variance.

    Attributes
    ----------
    mean : array, shape (..., p)
        Mean of the coefficients; a number when p = 1.
    precision : array, shape (..., p, p)
        Precision of the coefficients in units of 1 / variance, so their covariance given s2 is s2 precision^-1;
        a number when p = 1.
    shape, rate : array, shape (...)
        Of the inverse gamma; the variance has mean rate / (shape - 1).

    Examples
    --------
    >>> NIG(mean=0, precision=1, shape=2, rate=1)
    NIG(mean=0, precision=1, shape=2, rate=1)
    """

    mean: Any
    precision: Any
    shape: Any
    rate: Any


def as_nig(nig: NIG) -> NIG:
    """Check the parameters and turn numbers and lists into arrays.

    Parameters
    ----------
    nig : NIG
        With p = 1, mean and precision may be plain numbers; otherwise precision must be a (p, p) matrix (a list of p
        precisions is not taken for a diagonal: write ``numpy.diag``).

    Returns
    -------
    NIG
        Of float arrays, mean (..., p), precision (..., p, p), shape (...) and rate (...).

    Raises
    ------
    TypeError
        If `nig` is not a NIG.
    ValueError
        Naming the field that is not numeric, not finite, of the wrong shape, not positive (shape, rate), or not
        symmetric positive definite (precision).

    Examples
    --------
    >>> as_nig(NIG(0, 1, 2, 1)).precision
    array([[1.]])
    """
    if not isinstance(nig, NIG):
        raise TypeError(f"expected a NIG(mean, precision, shape, rate), not {type(nig).__name__}")
    fields = {name: _finite(name, value) for name, value in nig._asdict().items()}
    mean = np.atleast_1d(fields["mean"])
    p = mean.shape[-1]
    precision = fields["precision"]
    if precision.ndim == 0 and p == 1:
        precision = precision.reshape(1, 1)
    if precision.shape[-2:] != (p, p):
        raise ValueError(
            f"NIG precision must have shape (..., {p}, {p}) to go with a mean of {p} coefficient(s), "
            f"not {precision.shape}"
        )
    transposed = np.swapaxes(precision, -1, -2)
    diagonal = np.sqrt(np.abs(np.diagonal(precision, axis1=-2, axis2=-1)))
    if (np.abs(precision - transposed) > 1e-8 * diagonal[..., :, None] * diagonal[..., None, :]).any():
        raise ValueError("NIG precision is not symmetric")
    for name in ("shape", "rate"):
        if (fields[name] <= 0).any():
            raise ValueError(f"NIG {name} must be positive, not {fields[name].min()}")
    precision = (precision + transposed) / 2
    precisions.cholesky(precision)
    leading = (mean.shape[:-1], precision.shape[:-2], fields["shape"].shape, fields["rate"].shape)
    try:
        np.broadcast_shapes(*leading)
    except ValueError as error:
        raise ValueError(f"NIG mean, precision, shape and rate have leading axes that disagree: {leading}") from error
    return NIG(mean, precision, fields["shape"], fields["rate"])


def update(prior: NIG, x: ArrayLike, y: ArrayLike, row_weight: ArrayLike | None = None) -> NIG:
    """Posterior after n rows, each row's likelihood raised to the power of its weight.

    precision' = precision + X'X,  mean' = mean + precision'^-1 X'(y - X mean),  shape' = shape + n / 2,
    rate' = rate + (|y - X mean'|^2 + (mean' - mean)' precision (mean' - mean)) / 2.
    The rate is the textbook's, written without its difference of large sums. With weights w, x and y stand for x
    sqrt(w) and y sqrt(w), and n for sum(w): the power likelihood of Ibrahim & Chen (2000, Statistical Science 15, 46).

    Parameters
    ----------
    prior : NIG
        Of arrays, as `as_nig` returns; leading axes broadcast against those of the data.
    x : array_like, shape (..., n, p)
    y : array_like, shape (..., n)
    row_weight : array_like, shape (..., n), optional
        At least 0; one each if left out.

    Returns
    -------
    NIG

    Raises
    ------
    ValueError
        If the shapes of x, y and the prior do not fit together.

    Examples
    --------
    >>> posterior = update(as_nig(NIG(0, 1, 2, 1)), [[1.0], [2.0]], [1.0, 3.0])
    >>> posterior.mean.round(4), posterior.precision, posterior.shape, posterior.rate.round(4)
    (array([1.1667]), array([[6.]]), np.float64(3.0), np.float64(1.9167))
    """
    x = _design(prior, x)
    y = np.asarray(y, dtype=float)
    if y.shape[-1:] != x.shape[-2:-1]:
        raise ValueError(f"x has {x.shape[-2]} rows and y has {y.shape[-1] if y.ndim else 'no'} rows")
    rows: Any = y.shape[-1]
    if row_weight is not None:
        weight = np.asarray(row_weight, dtype=float)
        if weight.shape[-1:] != x.shape[-2:-1] or not (weight >= 0).all():
            raise ValueError(f"row_weight must hold {x.shape[-2]} numbers, each at least 0")
        x, y, rows = x * np.sqrt(weight)[..., None], y * np.sqrt(weight), weight.sum(-1)
    x_transposed = np.swapaxes(x, -1, -2)
    precision = prior.precision + x_transposed @ x
    factor = precisions.cholesky(precision)
    gradient = precisions.times(x_transposed, y - precisions.times(x, prior.mean))
    mean = prior.mean + precisions.solve(factor, gradient)
    # One refinement step (corrected seminormal equations, Bjorck 1987) mends what collinear columns of x cost, and what
    # a mean much smaller than the prior's lost as a difference.
    gradient = precisions.times(x_transposed, y - precisions.times(x, mean)) - precisions.times(
        prior.precision, mean - prior.mean
    )
    mean = mean + precisions.solve(factor, gradient)
    residual, step = y - precisions.times(x, mean), mean - prior.mean
    drift = (step * precisions.times(prior.precision, step)).sum(-1)
    rate = prior.rate + ((residual**2).sum(-1) + drift) / 2
    return NIG(mean, precision, prior.shape + rows / 2, rate)


def kl(shadow: NIG, deployed: NIG) -> Array:
    """Posterior debt: KL(shadow || deployed) between the joint distributions of coefficients and variance, in nats.

    The divergence of the inverse gammas, plus that of the normals given s2 averaged over the shadow's s2; with
    p = shadow, q = deployed, P = precision, a = shape, b = rate:

        a_q log(b_p / b_q) + log Gamma(a_q) - log Gamma(a_p) + (a_p - a_q) psi(a_p) + a_p (b_q / b_p - 1)
        + (tr(P_q P_p^-1) - p + log |P_p| / |P_q| + (a_p / b_p) (m_p - m_q)' P_q (m_p - m_q)) / 2

    Parameters
    ----------
    shadow, deployed : NIG
        Leading axes broadcast, so one deployed posterior may be held against many shadows.

    Returns
    -------
    numpy.ndarray, shape (...)
        >= 0; rounding below 0 is clipped. Its terms are of the order of shape log(shape) and cancel, so the absolute
        error is about 1e-16 of that: 1e-13 after a thousand rows, 1e-9 after ten million.

    Raises
    ------
    ValueError
        If the two have different numbers of coefficients, or a precision is not positive definite.

    Examples
    --------
    >>> deployed = as_nig(NIG(0, 1, 2, 1))
    >>> float(kl(deployed, deployed)), float(kl(as_nig(NIG(1, 1, 2, 1)), deployed))
    (0.0, 1.0)
    """
    p = _same_coefficients(shadow, deployed)
    factor_p, factor_q = precisions.cholesky(shadow.precision), precisions.cholesky(deployed.precision)
    a_p, b_p = np.asarray(shadow.shape, dtype=float), np.asarray(shadow.rate, dtype=float)
    a_q, b_q = np.asarray(deployed.shape, dtype=float), np.asarray(deployed.rate, dtype=float)
    rate_ratio = b_q / b_p
    variance = gammaln(a_q) - gammaln(a_p) + (a_p - a_q) * psi(a_p) - a_q * np.log(rate_ratio) + a_p * (rate_ratio - 1)
    trace, distance = precisions.trace_and_distance(shadow.mean, factor_p, deployed.mean, factor_q)
    log_ratio = precisions.log_determinant(factor_p) - precisions.log_determinant(factor_q)
    coefficients = (trace - p + log_ratio + distance * (a_p / b_p)) / 2
    return np.asarray(np.maximum(variance + coefficients, 0.0))


def predictive(posterior: NIG, x: ArrayLike) -> tuple[Array, Array, Array]:
    """Student-t predictive of the outcome at each row of x.

    df = 2 shape,  location = x' mean,  scale^2 = (rate / shape) (1 + x' precision^-1 x).

    Parameters
    ----------
    posterior : NIG
    x : array_like, shape (..., n, p)

    Returns
    -------
    degrees_of_freedom : numpy.ndarray, shape (..., 1)
        The same for all rows.
    location, scale : numpy.ndarray, shape (..., n)

    Examples
    --------
    >>> [v.tolist() for v in predictive(as_nig(NIG(2, 1, 2, 1)), [[0.0], [3.0]])]
    [[4.0], [0.0, 6.0], [0.7071067811865476, 2.23606797749979]]
    """
    x = _design(posterior, x)
    shape, rate = np.asarray(posterior.shape, dtype=float)[..., None], np.asarray(posterior.rate)[..., None]
    scale = np.sqrt(rate / shape * (1 + precisions.leverage(precisions.cholesky(posterior.precision), x)))
    return 2 * shape, precisions.times(x, posterior.mean), scale


def log_score(posterior: NIG, x: ArrayLike, y: ArrayLike) -> Array:
    """Log predictive density of every row, in nats; higher is better.

    Each row is scored on its own given the posterior (pointwise): rows of one batch do not inform each other, so the
    sum over rows is not the joint log predictive density of the batch.

    Parameters
    ----------
    posterior : NIG
    x : array_like, shape (..., n, p)
    y : array_like, shape (..., n)

    Returns
    -------
    numpy.ndarray, shape (..., n)

    Examples
    --------
    >>> log_score(as_nig(NIG(0, 1, 2, 1)), [[0.0]], [0.0]).round(6)
    array([-0.634256])
    """
    return student_t.log_density(y, *predictive(posterior, x))


def predictive_debt(shadow: NIG, deployed: NIG, x: ArrayLike) -> Array:
    """Mean over the rows of x of KL between the shadow's and the deployed predictive, in nats per observation.

    It is what the shadow expects the deployed forecaster to lose in log score on these inputs; outcomes do not enter.

    Parameters
    ----------
    shadow, deployed : NIG
    x : array_like, shape (..., n, p)
        Leading axes of all three broadcast.

    Returns
    -------
    numpy.ndarray, shape (...)
        >= 0. On the way one number per row is held, an array of shape (..., n).

    Raises
    ------
    ValueError
        If the numbers of coefficients differ, or a shape is below 0.25 (predictives without a usable tail).

    Examples
    --------
    >>> deployed = as_nig(NIG(0, 100, 500, 500))
    >>> predictive_debt(as_nig(NIG(1, 100, 500, 500)), deployed, [[1.0]]).round(3)  # about 1/2 at unit variance
    np.float64(0.494)
    """
    _same_coefficients(shadow, deployed)
    return np.asarray(student_t.kl(*predictive(shadow, x), *predictive(deployed, x)).mean(-1))


def log_evidence(prior: NIG, posterior: NIG) -> Array:
    """Log marginal likelihood of the data that took `prior` to `posterior`, in nats.

    -(n/2) log 2 pi + (log |P| - log |P'|) / 2 + a log b - a' log b' + log Gamma(a') - log Gamma(a), n = 2 (a' - a).

    Parameters
    ----------
    prior, posterior : NIG

    Returns
    -------
    numpy.ndarray, shape (...)
        Joint log predictive density of all rows: the sum of the log scores of a row-by-row update. After weighted
        rows, the log of the prior mean of the weighted likelihood.

    Examples
    --------
    >>> prior = as_nig(NIG(0, 1, 2, 1))
    >>> float(log_evidence(prior, update(prior, [[0.0]], [0.0]))).__round__(6)
    -0.634256
    """
    _same_coefficients(prior, posterior)
    rows = 2 * (np.asarray(posterior.shape, dtype=float) - prior.shape)
    return np.asarray(_log_normaliser(prior) - _log_normaliser(posterior) - rows / 2 * math.log(2 * math.pi))


def log_density(posterior: NIG, coefficients: ArrayLike, variance: ArrayLike) -> Array:
    """Joint log density of coefficients and variance, in nats.

    Parameters
    ----------
    posterior : NIG
    coefficients : array_like, shape (..., p)
    variance : array_like, shape (...)
        Positive; the density is with respect to the variance itself, not its logarithm.

    Returns
    -------
    numpy.ndarray, shape (...)

    Examples
    --------
    >>> float(log_density(as_nig(NIG(0, 1, 2, 1)), [0.0], 1.0)).__round__(6)
    -1.918939
    """
    variance = np.asarray(variance, dtype=float)
    difference = np.asarray(coefficients, dtype=float) - posterior.mean
    p = difference.shape[-1]
    distance = (difference * precisions.times(posterior.precision, difference)).sum(-1)
    constant = _log_normaliser(posterior) - p / 2 * math.log(2 * math.pi)
    return np.asarray(
        constant - (posterior.shape + 1 + p / 2) * np.log(variance) - (posterior.rate + distance / 2) / variance
    )


def sample(posterior: NIG, draws: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Independent draws of coefficients and variance.

    Parameters
    ----------
    posterior : NIG
        A single one, without leading axes.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    coefficients : numpy.ndarray, shape (draws, p)
    variance : numpy.ndarray, shape (draws,)

    Examples
    --------
    >>> coefficients, variance = sample(as_nig(NIG(0, 1, 2, 1)), 3, np.random.default_rng(1))
    >>> coefficients.shape, variance.shape
    ((3, 1), (3,))
    """
    factor = precisions.cholesky(posterior.precision)
    variance = posterior.rate / rng.gamma(posterior.shape, size=draws)
    noise = rng.normal(size=(factor.shape[-1], draws))
    coefficients = posterior.mean + np.sqrt(variance)[:, None] * np.linalg.solve(factor.T, noise).T
    return coefficients, variance


def _log_normaliser(nig: NIG) -> Array:
    """log of |P|^(1/2) b^a / Gamma(a): the NIG's constant without powers of 2 pi."""
    shape = np.asarray(nig.shape, dtype=float)
    return (
        precisions.log_determinant(precisions.cholesky(nig.precision)) / 2 + shape * np.log(nig.rate) - gammaln(shape)
    )


def _finite(name: str, value: Any) -> Array:
    array = require_numbers(f"NIG {name}", value)
    if array.size == 0:
        raise ValueError(f"NIG {name} is empty")
    return array


def _design(nig: NIG, x: ArrayLike) -> Array:
    x = np.asarray(x, dtype=float)
    p = nig.mean.shape[-1]
    if x.ndim < 2 or x.shape[-1] != p:
        raise ValueError(f"x must have shape (..., rows, {p}) for a NIG of {p} coefficient(s), not {x.shape}")
    return x


def _same_coefficients(first: NIG, second: NIG) -> int:
    p, other = first.mean.shape[-1], second.mean.shape[-1]
    if p != other:
        raise ValueError(f"one NIG has {p} coefficient(s), the other {other}")
    return p
