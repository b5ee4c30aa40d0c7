"""Errors of means over draws that several fits gave: every fit a sample of its own, normalising constants estimated.

Draws of several posteriors in one pool, weighted as if drawn from the mixture of all (`bridging.multistate`), are no
single sample: what one fit gives is fixed in number, and the weights rest on normalising constants that come from the
same draws. What a draw adds to an error counts both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array


@dataclass(frozen=True, eq=False)
class FitShares:
    """Where the draws of a pool came from.

    Attributes
    ----------
    share : ndarray, shape (chain, draw, fits)
        Probability that a draw came from each fit, given its parameters alone.
    fit : ndarray of int, shape (chain,)
        The fit that each chain is of.
    """

    share: Array
    fit: NDArray[np.intp]

    @cached_property
    def _flat(self) -> Array:
        """Of the fits but the first, shape (draws, fits - 1)."""
        return np.asarray(self.share.reshape(-1, self.share.shape[-1])[:, 1:])

    @cached_property
    def _of_constants(self) -> Array:
        """Inverse of sum_n diag(r) - r r' over the fits but the first."""
        flat = self._flat
        return np.asarray(np.linalg.pinv(np.diag(flat.sum(axis=0)) - flat.T @ flat))

    def whole(self, influence: Array) -> Array:
        """What each draw adds to an error, given what it adds while the normalising constants are taken as known.

        Both of shape (chain, draw); the error is the mean of either, and the variance of that mean is the one of a
        single sample of independent chains: of each fit's draws the fit's own mean is taken off.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> theta = rng.normal(size=(4, 1000)) + np.array([0, 0, 2, 2])[:, None]  # two fits, N(0, 1) and N(2, 1)
        >>> share = 1 / (1 + np.exp(2 - 2 * theta))
        >>> shares = FitShares(np.stack([1 - share, share], axis=-1), np.array([0, 0, 1, 1]))
        >>> weight = 2 * share / share.mean() / 2
        >>> whole = shares.whole(weight * (theta - 2))  # of the mean of the second
        >>> bool(abs(np.sqrt(whole.var() / whole.size) / np.sqrt(1 / 2000) - 1) < 0.1)
        True
        """
        through = self._of_constants @ (influence.ravel() @ self._flat)
        found = influence + (self._flat @ through).reshape(influence.shape)
        chains = np.bincount(self.fit)
        means = np.bincount(self.fit, weights=found.mean(axis=1)) / np.where(chains > 0, chains, 1)
        return np.asarray(found - means[self.fit][:, None])


def whole_influence(influence: Array, shares: FitShares | None) -> Array:
    """`influence` as it is where all draws are one sample."""
    return influence if shares is None else shares.whole(influence)
