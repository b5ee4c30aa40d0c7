"""Most likely laws of durations, some of which are only known to be longer than what was seen of them.

Throughout, `durations` has shape (n,) and is above 0, and `observed` is False where a duration had not ended.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array

LARGEST_SHAPE = 100.0
"""Of a Weibull law; durations that are all equal have no largest one."""
STEPS = 60
"""Halvings of an interval: below the precision of a number that is not tiny."""
EM_STEPS, EM_TOLERANCE = 500, 1e-7


def exponential_mean(durations: Array, observed: NDArray[np.bool_]) -> float:
    """Time seen per end seen, the most likely mean of an exponential law.

    Examples
    --------
    >>> exponential_mean(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]))
    3.0
    """
    return float(durations.sum() / observed.sum())


def weibull_parameters(durations: Array, observed: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Most likely shape and scale of a Weibull law, S(t) = exp(-(t / scale)^shape).

    The shape k solves sum(t^k log t) / sum(t^k) - 1 / k = mean of log t over what has ended, which increases in k.

    Parameters
    ----------
    durations : ndarray, shape (..., n)
        Several samples at once, if wanted; all with the same `observed`.
    observed : ndarray of bool, shape (n,)

    Returns
    -------
    shape, scale : ndarray, shape (...)

    Examples
    --------
    >>> t = 2.0 * (-np.log(1 - (np.arange(500) + 0.5) / 500)) ** 0.5
    >>> [float(value.round(2)) for value in weibull_parameters(t, np.ones(500, dtype=bool))]
    [2.0, 2.0]
    """
    logs = np.log(durations / durations.max(axis=-1, keepdims=True))
    ended = logs[..., observed].mean(axis=-1)
    low, high = (np.full(logs.shape[:-1], edge) for edge in (1 / LARGEST_SHAPE, LARGEST_SHAPE))
    for _ in range(STEPS):
        shape = np.sqrt(low * high)
        power = np.exp(shape[..., None] * logs)
        too_large = (power * logs).sum(axis=-1) / power.sum(axis=-1) - 1 / shape > ended
        low, high = np.where(too_large, low, shape), np.where(too_large, shape, high)
    shape = np.sqrt(low * high)
    mean_power = np.exp(shape[..., None] * logs).sum(axis=-1) / observed.sum()
    return shape, durations.max(axis=-1) * mean_power ** (1 / shape)


def hyperexponential_parameters(durations: Array, observed: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Most likely weights and rates of a mixture of two exponential laws, the faster one first.

    By expectation and maximisation: each duration belongs to either law with the chance its likelihood gives, and a
    rate is the ends that belong to it over their time. Started where the shorter durations are of the one and the
    longer ones of the other.

    Returns
    -------
    weights, rates : ndarray, shape (2,)

    Examples
    --------
    >>> t = np.concatenate([np.full(80, 0.5), np.full(20, 10.0)])
    >>> weights, rates = hyperexponential_parameters(t, np.ones(100, dtype=bool))
    >>> bool(rates[0] > 1 > rates[1]), float(weights.sum())
    (True, 1.0)
    """
    middle = exponential_mean(durations, observed)
    slowest, fastest = 1 / (durations.sum() * 10), 10 / durations.min()
    weights, rates = np.array([0.5, 0.5]), np.clip(np.array([4.0, 0.25]) / middle, slowest, fastest)
    before = -np.inf
    for _ in range(EM_STEPS):
        ends = np.where(observed[:, None], np.log(rates), 0.0)
        part = np.log(weights) + ends - durations[:, None] * rates
        whole = np.logaddexp(part[:, 0], part[:, 1])
        belongs = np.exp(part - whole[:, None])
        weights = np.clip(belongs.mean(axis=0), 1e-9, None)
        weights = weights / weights.sum()
        rates = (belongs * observed[:, None]).sum(axis=0) / (belongs * durations[:, None]).sum(axis=0).clip(1e-300)
        rates = np.clip(rates, slowest, fastest)
        if whole.sum() - before < EM_TOLERANCE:
            break
        before = whole.sum()
    order = np.argsort(-rates)
    return weights[order], rates[order]
