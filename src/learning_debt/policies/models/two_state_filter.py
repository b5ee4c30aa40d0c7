"""Two hidden states, fresh and stale, filtered from posterior debt.

The forward recursion of a two-state hidden Markov model (Rabiner 1989; Hamilton 1989), kept as log odds so that no
probability ever rounds to 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit

from learning_debt.typing import Array
from learning_debt.validation import require_number, require_numbers

FRESH = -np.inf
"""Log odds of stale when it is certain that the model is fresh."""

LARGEST_ROOT = 1e100  # of debt; squares of it still are numbers


@dataclass(frozen=True)
class TwoStateEmissions:
    """Normal distributions of sqrt(debt), debt in nats, while the world is stable and after it has shifted.

    Where the two standard deviations differ, the log likelihood ratio is a parabola and turns round far from the means:
    with a smaller spread after shifts than before, an enormous debt counts as evidence for stable. Look at the four
    numbers before use.

    Attributes
    ----------
    stable_mean, stable_sd : float
    shifted_mean, shifted_sd : float

    Examples
    --------
    >>> emissions = TwoStateEmissions.fit(stable=[0.01, 0.04, 0.09], shifted=[0.25, 1.0, 2.25])
    >>> round(emissions.stable_mean, 6), round(emissions.shifted_sd, 6)
    (0.2, 0.5)
    >>> emissions.log_likelihood_ratio([0.04, 1.0]).round(2).tolist()
    [-2.89, 30.39]
    """

    stable_mean: float
    stable_sd: float
    shifted_mean: float
    shifted_sd: float

    def __post_init__(self) -> None:
        for name in ("stable_mean", "shifted_mean"):
            object.__setattr__(self, name, require_number(name, getattr(self, name)))
        for name in ("stable_sd", "shifted_sd"):
            object.__setattr__(self, name, require_number(name, getattr(self, name), above=0))

    @classmethod
    def fit(cls, stable: ArrayLike, shifted: ArrayLike) -> TwoStateEmissions:
        """Means and sample standard deviations of sqrt(debt) over calibration cells; NaN cells are left out.

        Parameters
        ----------
        stable, shifted : array_like
            Posterior debt, nats, in cells without and with a shift since the deployment.

        Raises
        ------
        ValueError
            With fewer than two different values of either, or if shifted cells do not owe more on average.
        """
        stable_mean, stable_sd = _moments("stable", stable)
        shifted_mean, shifted_sd = _moments("shifted", shifted)
        if shifted_mean <= stable_mean:
            raise ValueError(
                f"shifted cells must owe more than stable ones, and do not: mean sqrt(debt) {shifted_mean:.3g} against "
                f"{stable_mean:.3g}"
            )
        return cls(stable_mean, stable_sd, shifted_mean, shifted_sd)

    def log_likelihood_ratio(self, debt: ArrayLike) -> Array:
        """Log density of sqrt(debt) after a shift minus that in a stable world; 0 where debt is NaN.

        The difference of two squares is taken as a product, which keeps its digits far out in the tails.
        """
        root = np.minimum(np.sqrt(np.maximum(debt, 0.0)), LARGEST_ROOT)
        difference = root * (1 / self.stable_sd - 1 / self.shifted_sd) - (
            self.stable_mean / self.stable_sd - self.shifted_mean / self.shifted_sd
        )
        total = (root - self.stable_mean) / self.stable_sd + (root - self.shifted_mean) / self.shifted_sd
        with np.errstate(over="ignore"):
            ratio = np.log(self.stable_sd) - np.log(self.shifted_sd) + difference * total / 2
        return np.asarray(np.nan_to_num(ratio))


def filter_step(log_odds: ArrayLike, evidence: ArrayLike, hazard: ArrayLike, recovery: ArrayLike) -> Array:
    """Log odds of stale after one more period.

    With rho the probability of stale, predict rho- = h (1 - rho) + (1 - r) rho; then Bayes' theorem adds the log
    likelihood ratio to the log odds of rho-.

    Parameters
    ----------
    log_odds : array_like, shape (lanes,)
        Of the period before; `FRESH` at the start of a spell.
    evidence : array_like, shape (lanes,)
        Finite log likelihood ratio of stale to fresh.
    hazard, recovery : array_like, shape (lanes,) or ()
        Probabilities h of turning stale and r of turning fresh.

    Returns
    -------
    ndarray, shape (lanes,)
        Never NaN; ``scipy.special.expit`` makes it rho.

    Examples
    --------
    >>> from scipy.special import expit
    >>> predicted = filter_step(FRESH, 0.0, hazard=0.02, recovery=0.0)
    >>> float(expit(predicted).round(6)), float(expit(filter_step(predicted, 0.0, 0.02, 0.0)).round(6))
    (0.02, 0.0396)
    """
    log_stale, log_fresh = log_expit(log_odds), log_expit(-np.asarray(log_odds))
    stale = np.logaddexp(_log(hazard) + log_fresh, _log(1 - np.asarray(recovery)) + log_stale)
    fresh = np.logaddexp(_log(1 - np.asarray(hazard)) + log_fresh, _log(recovery) + log_stale)
    return np.asarray(stale - fresh + evidence)


def _log(probability: ArrayLike) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probability))


def _moments(name: str, debt: ArrayLike) -> tuple[float, float]:
    root = np.sqrt(np.maximum(require_numbers(name, debt, finite=False), 0.0))
    root = root[np.isfinite(root)]
    if np.unique(root).size < 2:
        raise ValueError(f"{name} needs cells with at least two different debts, not {np.unique(root).size}")
    return float(root.mean()), float(root.std(ddof=1))
