"""A pool of draws with what it says of its own reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.bridging.multistate import Pool
from learning_debt.arrays.draws.effective_size import ENOUGH
from learning_debt.arrays.draws.resampling import systematic_draws
from learning_debt.doubt import Doubt
from learning_debt.estimate import Estimate
from learning_debt.shadows.reweighting import at_draws
from learning_debt.typing import Array


@dataclass(frozen=True, eq=False)
class PooledDraws:
    """A pool with the draws themselves.

    Attributes
    ----------
    pool : Pool
    posterior : DataTree
        All draws, in the order of the pool.
    believable : ndarray of bool, shape (states,)
        Whether the weights of a state can be relied on.
    """

    pool: Pool
    posterior: xr.DataTree
    believable: NDArray[np.bool_]

    def thinned(self, states: list[int], number: int) -> xr.DataTree:
        """About `number` draws of equal weight, as one chain, as many of each of these states."""
        chosen = np.sort(systematic_draws(self.pool.weight[states].mean(axis=0), number))
        return at_draws(self.posterior, np.stack(np.divmod(chosen, self.posterior["posterior"].sizes["draw"]), axis=1))

    def effective_draws(self, *states: int) -> float:
        """Independent draws that the least of these states is worth."""
        return float(min(self.pool.effective_draws[state] for state in states))

    def doubts(self, *states: int) -> tuple[Doubt, ...]:
        """What speaks against the weights of any of these states."""
        few = self.effective_draws(*states) < ENOUGH
        uneven = not all(self.believable[state] for state in states)
        return (Doubt.FEW_DRAWS,) * few + (Doubt.UNEVEN_WEIGHTS,) * uneven

    def estimates(
        self, values: Array, errors: Array, pairs: list[tuple[int, ...]], diagnostics: list[dict[str, float]]
    ) -> list[Estimate]:
        """One estimate for every pair of states, with the verdict on the weights."""
        found = []
        for value, error, pair, extra in zip(values, errors, pairs, diagnostics, strict=True):
            size = self.effective_draws(*pair)
            estimate = Estimate(float(value), float(error), diagnostics={"effective_draws": size, **extra})
            found.append(estimate.with_doubts(*self.doubts(*pair)))
        return found


def by_draw(log_density: Array) -> Array:
    """(chain, draw, ...) to (draws of the pool, points)."""
    return log_density.reshape(log_density.shape[0] * log_density.shape[1], -1)
