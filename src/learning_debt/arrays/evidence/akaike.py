"""Akaike's criterion for fits to few points."""

from __future__ import annotations

import math


def corrected_aic(deviance: float, parameters: int, points: int) -> float:
    """Akaike's criterion with the correction for few points; lower is better.

    Parameters
    ----------
    deviance : float
        Minus two log likelihoods, up to a constant that is the same for all that are compared.
    parameters, points : int

    Returns
    -------
    float
        Infinite where there are no more points than parameters and one.

    References
    ----------
    Hurvich & Tsai, *Regression and time series model selection in small samples*, Biometrika 76 (1989), 297-307.

    Examples
    --------
    >>> corrected_aic(10.0, 2, 13), corrected_aic(10.0, 2, 3)
    (15.2, inf)
    """
    few = points - parameters - 1
    return deviance + 2 * parameters + (2 * parameters * (parameters + 1) / few if few > 0 else math.inf)
