"""Posterior debt between two weightings of one pool of several fits' draws."""

from __future__ import annotations

import numpy as np

from learning_debt.arrays.bridging import bridge
from learning_debt.arrays.bridging.reweighted import reweighted_debt
from learning_debt.arrays.draws.effective_size import ENOUGH
from learning_debt.arrays.draws.fit_shares import FitShares
from learning_debt.debt.from_draws import MAXIMUM_MISMATCH
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.typing import Array

MAXIMUM_BEYOND = 1e-6
"""Share of the shadow's weight on draws that weigh nothing for the deployed posterior."""


def debt_from_one_pool(log_ratio: Array, weight_shadow: Array, weight_deployed: Array, shares: FitShares) -> Estimate:
    """Debt where the pool covers both posteriors, however far apart; a lower bound where no draws lie in between.

    Parameters
    ----------
    log_ratio : ndarray, shape (chain, draw)
        Log-likelihood of the new data less that of removed data at the draws, nats; ``-inf`` where they rule it out.
    weight_shadow, weight_deployed : ndarray, shape (chain, draw)
        Relative weights.
    shares : FitShares

    Returns
    -------
    Estimate
        Infinite where the shadow has draws that the deployed posterior rules out.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> theta = rng.normal(size=(4, 1000)) + np.array([0, 0, 1, 1])[:, None]  # two fits, N(0, 1) and N(1, 1)
    >>> share = 1 / (1 + np.exp(0.5 - theta))
    >>> shares = FitShares(np.stack([1 - share, share], axis=-1), np.array([0, 0, 1, 1]))
    >>> found = debt_from_one_pool(theta - 0.5, share, 1 - share, shares)
    >>> abs(found.value - 0.5) < 4 * found.standard_error, found.reliable
    (True, True)
    """
    held = weight_shadow > 0
    if np.isposinf(log_ratio[held]).any():
        return Estimate(float("inf"), float("nan"), lower_bound=True, doubts=(Doubt.RULED_OUT,))
    if weight_shadow[~(weight_deployed > 0)].sum() > MAXIMUM_BEYOND * weight_shadow.sum():
        apart = bridge.pooled_debt(
            log_ratio, log_ratio, weight_deployed=weight_deployed, weight_shadow=weight_shadow, together=True
        )
        return Estimate(apart.lower_bound, float("nan"), lower_bound=True, doubts=(Doubt.NO_OVERLAP,))
    debt = reweighted_debt(log_ratio, weight_shadow, weight_deployed, shares)
    diagnostics = {"effective_draws": debt.effective_draws, "mismatch": debt.mismatch}
    estimate = Estimate(debt.value, debt.standard_error, diagnostics=diagnostics)
    if debt.mismatch > MAXIMUM_MISMATCH:
        return estimate.with_doubts(Doubt.OTHER_WEIGHTS)
    return estimate.with_doubts(*[Doubt.FEW_DRAWS] * (not debt.effective_draws >= ENOUGH))
