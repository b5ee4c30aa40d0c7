"""Bayesian online changepoint detection of Adams & MacKay (arXiv 0710.3742), for many streams side by side.

A stream is cut into runs. Within one, values are normal with a mean and a variance of its own, both unknown:
normal-inverse-gamma before the run's first value. Each value starts a new run with probability `hazard`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from learning_debt.arrays.conjugate import student_t
from learning_debt.typing import Array


class RunPrior(NamedTuple):
    """Of a run: mean | variance ~ N(`mean`, variance / `precision`), variance ~ InvGamma(`shape`, `rate`)."""

    mean: float
    precision: float
    shape: float
    rate: float


class Runs(NamedTuple):
    """What is known of the current run of every lane, arrays of shape (lanes, lengths), for lengths 1, 2, ...

    Attributes
    ----------
    log_probability : ndarray
        log P(the current run has this many values, today's among them | all values).
    mean, rate : ndarray
        Of the normal-inverse-gamma given the values of a run of this length.
    """

    log_probability: Array
    mean: Array
    rate: Array


def no_runs(lanes: int) -> Runs:
    """Before the first value.

    Examples
    --------
    >>> no_runs(2).mean.shape
    (2, 0)
    """
    return Runs(*(np.empty((lanes, 0)) for _ in Runs._fields))


def observe(runs: Runs, value: Array, hazard: float | Array, prior: RunPrior) -> Runs:
    """Take in one value a lane; the result holds one more length.

    With pi_l the predictive density of the value in a run of l values so far, a Student-t,

        P(l + 1 | new) ∝ P(l) (1 - hazard) pi_l(value),    P(1 | new) ∝ hazard pi_0(value).

    (Adams & MacKay's r is 0 where the next value starts a run; then P(r = 0) = hazard whatever was seen, and
    P(r = l) = (1 - hazard) P(l).)

    Parameters
    ----------
    runs : Runs
        A lane whose lengths all have probability 0 begins with this value.
    value : ndarray, shape (lanes,)
    hazard : float or ndarray, shape (lanes,)
        Between 0 and 1.
    prior : RunPrior

    Examples
    --------
    >>> runs = no_runs(1)
    >>> for value in (0.0, 0.1, -0.1, 0.0, 5.0, 5.1):
    ...     runs = observe(runs, np.array([value]), 0.1, RunPrior(0.0, 0.1, 1.0, 1.0))
    >>> np.exp(runs.log_probability).round(2)
    array([[0.02, 0.96, 0.01, 0.  , 0.  , 0.  ]])
    """
    lanes, longest = runs.mean.shape
    before = np.arange(longest + 1.0)  # values that a run holds so far
    mean = np.column_stack([np.full(lanes, prior.mean), runs.mean])
    rate = np.column_stack([np.full(lanes, prior.rate), runs.rate])
    precision, shape = prior.precision + before, prior.shape + before / 2
    scale = np.sqrt(rate / shape * (1 + 1 / precision))
    density = student_t.log_density(value[:, None], 2 * shape, mean, scale)
    hazard = np.broadcast_to(np.asarray(hazard, dtype=float), (lanes,))[:, None]
    begun = np.isfinite(runs.log_probability).any(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        starts = np.where(begun, np.log(hazard), 0.0)
        log_joint = np.hstack([starts, runs.log_probability + np.log1p(-hazard)]) + density
    deviation = value[:, None] - mean
    return Runs(
        log_joint - logsumexp(log_joint, axis=1, keepdims=True),
        mean + deviation / (precision + 1),
        rate + precision * deviation**2 / (2 * (precision + 1)),
    )
