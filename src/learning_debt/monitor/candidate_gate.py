"""Whether a retrain's new posterior may serve: its sampler, its score against the deployed one, what it forecasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.special import stdtrit

from learning_debt.arrays.draws.autocorrelated_mean import cosine_standard_error
from learning_debt.arrays.predictive.forecast_shift import squared_shift
from learning_debt.estimate import Estimate
from learning_debt.forecasters.convergence import Convergence
from learning_debt.representations import plain_number
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_number, require_numbers, require_probability

FEWEST_PERIODS = 8
"""Periods below which scores are not compared: their error would rest on a single degree of freedom."""
UNKNOWN = float("nan")


@dataclass(frozen=True)
class CandidateCheck:
    """What was found about a new posterior.

    Attributes
    ----------
    passes : bool
        Whether nothing speaks against it; what could not be checked does not.
    reasons : tuple of str
        Why it does not pass.
    notes : tuple of str
        What could not be checked, and why.
    score_difference : Estimate
        Mean over periods of the candidate's score minus the deployed posterior's, per row. The standard error allows
        for neighbouring periods that resemble each other; its degrees of freedom are among the diagnostics.
    score_bounds : tuple of float
        Between which that difference lies, by Student's t with those degrees of freedom, each side wrong with
        probability `error_rate`.
    forecast_shift : Estimate
        Root mean square over rows of how far the forecasts' means have moved, in the deployed forecasts' standard
        deviations.
    converged : bool or None
        What the sampler's diagnostics said; None of an exact posterior.
    error_rate : float
    """

    passes: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    score_difference: Estimate
    score_bounds: tuple[float, float]
    forecast_shift: Estimate
    converged: bool | None
    error_rate: float

    def __str__(self) -> str:
        verdict = "passes" if self.passes else f"does not pass: {'; '.join(self.reasons)}"
        return "; ".join([f"the candidate {verdict}", *self.notes])


@dataclass
class _Findings:
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_candidate(
    score_differences: Any,
    *,
    monte_carlo_errors: Any = 0.0,
    convergence: Convergence | None = None,
    forecast_shift: Estimate | None = None,
    largest_shift: float | None = None,
    error_rate: float = 0.05,
) -> CandidateCheck:
    """Check a new posterior before it serves.

    Parameters
    ----------
    score_differences : array, shape (periods,)
        Of each of the last periods, in order, the candidate's mean score per row minus the deployed posterior's. They
        say something about what is to come only where the candidate had not seen the rows: the score gaps of a monitor
        are such ones. On rows that it was fitted to, a candidate that is worse is surely bad, and a better one says
        nothing.
    monte_carlo_errors : array, optional
        Standard error of each difference that comes from draws. They are taken to be wrong together, as draws of the
        same deployed posterior are.
    convergence : Convergence, optional
        Diagnostics of the candidate's sampler; left out of an exact posterior.
    forecast_shift : Estimate, optional
        How far its forecasts have moved, as `shift_of_draws` or `shift_of_moments` tells.
    largest_shift : float, optional
        In standard deviations; forecasts that have surely moved further do not pass. Left out, the shift is only told.
    error_rate : float
        Probability with which a candidate is refused for its score though the two are equally good.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or `largest_shift` is given without a `forecast_shift`.

    Notes
    -----
    In 4,000 replications of a normal model with its conjugate prior, whose deployed posterior holds 20 rows and whose
    candidate is the shadow before each period, the bounds at .05 a side covered the mean expected difference in .90,
    .88, .88 and .89 of samples of 12, 26, 52 and 104 periods; of two that are equally good .037 to .044 were refused.

    Examples
    --------
    >>> better = np.random.default_rng(1).normal(0.04, 0.02, size=52)
    >>> check_candidate(better, forecast_shift=shift_of_moments([1.0], [0.9], [1.0])).passes
    True
    >>> print(check_candidate(-better, forecast_shift=shift_of_moments([1.0], [0.9], [1.0])))
    the candidate does not pass: its score is lower than the deployed posterior's by 0.039 a row, surely by 0.035
    """
    require_probability("error_rate", error_rate)
    differences = _differences(score_differences)
    errors = require_numbers("monte_carlo_errors", monte_carlo_errors, at_least=0)
    if errors.shape not in ((), differences.shape):
        raise ValueError(f"monte_carlo_errors must be one, or one of each of {len(differences)} periods")
    found = _Findings()
    converged = _sampler(convergence, found)
    difference, bounds = _score(differences, errors, error_rate, found)
    shift = _shift(forecast_shift, largest_shift, error_rate, found)
    reasons, notes = tuple(found.reasons), tuple(found.notes)
    return CandidateCheck(not reasons, reasons, notes, difference, bounds, shift, converged, error_rate)


def shift_of_draws(candidate: Any, deployed: Any) -> Estimate:
    """How far forecasts have moved, from predictive draws of the same rows.

    Parameters
    ----------
    candidate, deployed : array, shape (chain, draw, row)

    Returns
    -------
    Estimate
        Root mean square over rows of the distance of the means, in standard deviations of `deployed`. The bias that the
        noise of the draws would bring is taken out; the error is larger upwards where next to nothing has moved, and
        the larger one is told.

    Raises
    ------
    TypeError, ValueError
        If they are not draws of equally many rows, at least one, or hold too few draws for an error.
    """
    arrays = [_draws(name, draws) for name, draws in (("candidate", candidate), ("deployed", deployed))]
    if arrays[0].shape[-1] != arrays[1].shape[-1]:
        rows = " and ".join(str(array.shape[-1]) for array in arrays)
        raise ValueError(f"candidate and deployed must be forecasts of the same rows, not of {rows}")
    square, error = squared_shift(*arrays)
    value = max(square, 0.0) ** 0.5
    wider = (max(square, 0.0) + error) ** 0.5 - value if np.isfinite(square) else 0.0
    return Estimate(value, wider, diagnostics={"squared": square, "squared_se": error})


def shift_of_moments(candidate_mean: Any, deployed_mean: Any, deployed_sd: Any) -> Estimate:
    """How far forecasts have moved, from exact means and standard deviations of the same rows.

    Examples
    --------
    >>> shift_of_moments([1.0, 2.0], [1.0, 1.0], [1.0, 2.0]).value
    0.3535533905932738
    """
    means = [
        require_numbers(name, value)
        for name, value in (("candidate_mean", candidate_mean), ("deployed_mean", deployed_mean))
    ]
    spread = require_numbers("deployed_sd", deployed_sd, above=0)
    return Estimate(float(np.sqrt((((means[0] - means[1]) / spread) ** 2).mean())), 0.0)


def _differences(values: Any) -> Array:
    differences = require_numbers("score_differences", values, finite=False)
    if differences.ndim != 1:
        raise ValueError(f"score_differences must be one number a period, not of shape {differences.shape}")
    if np.isnan(differences).any():
        raise ValueError("score_differences must be numbers, not NaN: leave out periods without rows")
    return differences


def _draws(name: str, draws: Any) -> Array:
    array = require_numbers(name, draws)
    if array.ndim != 3 or array.shape[-1] == 0:
        raise ValueError(f"{name} must be draws of shape (chain, draw, row), not {array.shape}")
    if array.shape[0] * array.shape[1] < 20:
        raise ValueError(f"{name} must hold at least 20 draws for an error, not {array.shape[0] * array.shape[1]}")
    return array


def _sampler(convergence: Convergence | None, found: _Findings) -> bool | None:
    if convergence is None:
        return None
    require_instance("convergence", convergence, Convergence, "what `convergence` says of a posterior, or left out")
    if not convergence.converged:
        found.reasons.append(f"its sampler's diagnostics failed: {convergence.reason}")
    return convergence.converged


def _score(
    differences: Array, errors: Array, error_rate: float, found: _Findings
) -> tuple[Estimate, tuple[float, float]]:
    number = len(differences)
    if np.isneginf(differences).any():
        found.reasons.append("it gives a realised outcome no density, which the deployed posterior does not")
        return Estimate(float("-inf"), 0.0), (float("-inf"), float("inf"))
    told = differences[np.isfinite(differences)]  # where the deployed posterior rules an outcome out, it can only lose
    if number < FEWEST_PERIODS or len(told) < FEWEST_PERIODS:
        found.notes.append(f"scores of {len(told)} period(s) are too few to compare; it takes {FEWEST_PERIODS}")
        value = float(told.mean()) if len(told) else UNKNOWN
        return Estimate(value, UNKNOWN, reliable=False, diagnostics={"periods": float(number)}), (UNKNOWN, UNKNOWN)
    in_time, degrees = cosine_standard_error(told)
    error, mean = float(np.hypot(in_time, errors.mean())), float(told.mean())
    half = float(stdtrit(degrees, 1 - error_rate)) * error
    if mean + half < 0:
        found.reasons.append(
            f"its score is lower than the deployed posterior's by {plain_number(-mean, 2)} a row, surely by "
            f"{plain_number(-mean - half, 2)}"
        )
    facts = {"periods": float(number), "degrees_of_freedom": float(degrees)}
    return Estimate(mean, error, diagnostics=facts), (mean - half, mean + half)


def _shift(shift: Estimate | None, largest: float | None, error_rate: float, found: _Findings) -> Estimate:
    if shift is None:
        if largest is not None:
            raise ValueError("largest_shift is given without a forecast_shift to hold against it")
        found.notes.append("it is not known how far its forecasts have moved")
        return Estimate(UNKNOWN, UNKNOWN, reliable=False)
    require_instance("forecast_shift", shift, Estimate, "an Estimate, as shift_of_draws returns")
    if largest is None:
        return shift
    require_number("largest_shift", largest, above=0)
    square = shift.diagnostics.get("squared", shift.value**2)
    error = shift.diagnostics.get("squared_se", 2 * shift.value * shift.standard_error)
    if square - NormalDist().inv_cdf(1 - error_rate) * error > largest**2:
        found.reasons.append(
            f"its forecasts have moved by {plain_number(shift.value)} standard deviations, more than "
            f"largest_shift={largest:g}"
        )
    return shift
