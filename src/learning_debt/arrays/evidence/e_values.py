"""Evidence that one forecast is better than another, which may be looked at after every period: test martingales.

An e-process starts at 1 and, if its null holds, is expected to be at most 1 whenever one stops looking. So
P(it ever reaches 1 / alpha) <= alpha (Ville's inequality). All of it is in logarithms.

References
----------
Ramdas, Grünwald, Vovk & Shafer, *Game-theoretic statistics and safe anytime-valid inference*, Statistical Science 38
(2023), 576-601.
Krichevsky & Trofimov, *The performance of universal encoding*, IEEE Transactions on Information Theory 27 (1981),
199-207.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, betaln

from learning_debt.typing import Array


def log_likelihood_ratios(gaps: Array, rows: Array) -> Array:
    """Log of the likelihood ratio of two forecasts so far: the sum of rows x mean gap of their log scores.

    Its null: given all that came before, every row has the density that the second forecast gave it. Then the ratio is
    a martingale, whatever the first forecast is, as long as it is made before the row.

    Parameters
    ----------
    gaps : ndarray, shape (..., periods)
        Mean log score of the first forecast less that of the second; periods that are NaN are passed over.
    rows : ndarray, shape (..., periods)

    Returns
    -------
    ndarray, shape (..., periods)

    Examples
    --------
    >>> log_likelihood_ratios(np.array([0.1, np.nan, 0.2]), np.array([10.0, 10.0, 5.0])).tolist()
    [1.0, 1.0, 2.0]
    """
    return np.cumsum(np.nan_to_num(gaps * rows), axis=-1)


def log_sign_bets(gaps: Array) -> Array:
    """Log of the capital of a bet that the first forecast scores better in more than half of the periods.

    Its null: given all that came before, the first forecast is better with probability at most one half. The stake is
    averaged over all that could be right, probabilities from 1/2 to 1 (a uniform mixture). Ties, and periods that are
    NaN, are passed over.

    Parameters
    ----------
    gaps : ndarray, shape (..., periods)

    Returns
    -------
    ndarray, shape (..., periods)

    Examples
    --------
    >>> np.exp(log_sign_bets(np.array([0.2, 0.1]))).round(3).tolist()
    [1.5, 2.333]
    """
    won, lost = np.cumsum(gaps > 0, axis=-1), np.cumsum(gaps < 0, axis=-1)
    upper = betainc(lost + 1, won + 1, 0.5)  # of a beta distribution, what lies above one half, by its mirror image
    return np.asarray(np.log(2) + betaln(won + 1, lost + 1) + np.log(upper) + (won + lost) * np.log(2))
