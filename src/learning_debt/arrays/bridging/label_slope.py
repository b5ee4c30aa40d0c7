"""Whether draws are from exact posteriors: the regression of a draw's label on the log-likelihood."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from learning_debt.arrays.draws.effective_size import draw_counts, effective_share, influence_on_mean, variance_of_mean
from learning_debt.typing import Array


class LabelSlope(NamedTuple):
    """Slope of the logistic regression of a draw's label (target or reference) on its log ratio.

    Attributes
    ----------
    slope : float
        1 for draws of the two distributions whose ratio it is; one Newton step from 1. NaN without any overlap.
    standard_error : float
        Of the slope, at slope 1. Large where the log ratio hardly varies: then the slope says nothing.
    departure : float
        Score statistic, (slope - 1) / standard_error; standard normal for exact draws with many effective ones.
    """

    slope: float
    standard_error: float
    departure: float


def label_slope(
    at_reference: ArrayLike,
    at_target: ArrayLike,
    log_normaliser: float,
    *,
    weight_reference: Array | None = None,
    weight_target: Array | None = None,
    together: bool = False,
) -> LabelSlope:
    """Slope of the draws' labels on the log ratio, by the score at slope 1.

    Where log p/q = l - log Z, a draw from the pool is one of p with probability expit(l - log Z + log(n_p/n_q)): a
    logistic regression with slope exactly 1. The score of the slope at 1 is free of the intercept's error once l is
    centred at its mean under the weights w (1 - w).

    Parameters
    ----------
    at_reference, at_target : array_like, shape (chain, draw)
        Log ratio of unnormalised target to reference, nats; ``-inf`` at a reference draw is weight zero.
    log_normaliser : float
        That of the optimal bridge, which is the intercept's estimate at slope 1.
    weight_reference, weight_target, together
        As in `learning_debt.arrays.bridging.bridge.pooled_debt`. Of one set of draws under two weightings the slope
        says nothing about the draws: it is 1 wherever the log ratio of the weights is the log ratio.

    Notes
    -----
    Prentice & Pyke (1979), Biometrika 66, 403: sampling by label leaves the slope and its information as they are.
    Rao's score asks for no fit, which would not exist where the sets are separate. Its variance is the larger of the
    one that slope 1 implies and the one seen (Boos 1992, The American Statistician 46, 327): where a few reference
    draws are due at large ratios, the scores look too certain when none arrived, and slope 1 when one too many did.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> deployed, shadow = rng.normal(size=(4, 500)), rng.normal(1.0, 1.0, size=(4, 500))
    >>> abs(label_slope(deployed - 0.5, shadow - 0.5, 0.0).departure) < 4
    True
    """
    reference, target = np.asarray(at_reference, dtype=float), np.asarray(at_target, dtype=float)
    n_reference, n_target = draw_counts(reference, weight_reference), draw_counts(target, weight_target)
    offset = np.log(n_target.sum() / n_reference.sum())
    w_reference = expit(reference - log_normaliser + offset)
    w_target = expit(target - log_normaliser + offset)
    ratio_reference = np.where(w_reference > 0, reference, log_normaliser) - log_normaliser
    ratio_target = np.where(w_target > 0, target, log_normaliser) - log_normaliser
    information_reference = n_reference * w_reference * (1 - w_reference)
    information_target = n_target * w_target * (1 - w_target)
    information = float(information_reference.sum() + information_target.sum())
    if not information > 1e-300:
        return LabelSlope(float("nan"), float("inf"), 0.0)
    pull = float((information_reference * ratio_reference).sum() + (information_target * ratio_target).sum())
    centred_reference, centred_target = ratio_reference - pull / information, ratio_target - pull / information
    score_reference, score_target = -centred_reference * w_reference, centred_target * (1 - w_target)
    curvature = float(
        (information_reference * centred_reference**2).sum() + (information_target * centred_target**2).sum()
    )
    if not curvature > 1e-300:
        return LabelSlope(float("nan"), float("inf"), 0.0)
    score = float((n_reference * score_reference).sum() + (n_target * score_target).sum())
    influences = [
        n_reference.sum() * influence_on_mean(score_reference, weight_reference),
        n_target.sum() * influence_on_mean(score_target, weight_target),
    ]
    if together:
        influences = [influences[0] + influences[1]]
    labels = influence_on_mean(w_reference, weight_reference), influence_on_mean(w_target, weight_target)
    implied = curvature / effective_share(*influences, *labels)
    seen = sum(variance_of_mean(influence) for influence in influences)
    error = float(np.sqrt(max(implied, seen)))
    return LabelSlope(1 + score / curvature, error / curvature, score / error)
