"""Log-likelihood of what one shadow holds beyond another, at the draws of either."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from learning_debt.scores.row_mixtures import row_log_density
from learning_debt.spells.density_cache import Asking
from learning_debt.spells.plan import Plan, Positions
from learning_debt.typing import Array

CELLS = 2_000_000
"""Draws times rows that are scored at once."""


class HeldLikelihoods:
    """Log density ratios between shadows, log p_t/p_s = sum_i (w_t,i - w_s,i) log p(row_i) - log Z, kept up to date.

    For every stored posterior s one number per draw: the sum at its own draws, with t the newest period; memory
    O(posteriors x draws). With a discount d all weights decay, so that the sum of everything s holds is kept too:
    sum_i w_t,i l_i = d sum_i w_t-1,i l_i + sum_i (w_t,i - d w_t-1,i) l_i, where only rows whose weight departs from
    pure decay are scored anew.
    """

    def __init__(self, forecaster: Asking, plan: Plan, posterior: xr.DataTree) -> None:
        self.forecaster, self.plan, self.decay = forecaster, plan, plan.update_rule.discount
        self.weights = [plan.row_weight(0)]
        self.beyond: list[Any] = [0.0]  # at the draws of s: what the newest shadow holds beyond s
        self.own: list[Any] = [self._whole(posterior, self.weights[0])]  # and what s itself holds

    def changing(self, weight: Array) -> Positions | None:
        """Rows that the stored posteriors will be asked for if the newest shadow holds rows by `weight`, if any."""
        rows = np.flatnonzero(self._change(weight))
        return rows if len(rows) else None

    def advance(self, posteriors: list[xr.DataTree], weight: Array, random_seed: int | None) -> None:
        """Let the newest shadow hold rows by `weight`, at the draws of the stored posteriors."""
        changed = self._change(weight)
        for s, posterior in enumerate(posteriors):
            new = self._total(posterior, changed[:, None], random_seed)[..., 0]
            with np.errstate(invalid="ignore"):
                beyond = self.decay * self.beyond[s] + new - (1 - self.decay) * self.own[s]
            if np.isnan(beyond).any():  # a row that a draw rules out has been dropped again
                beyond = self._total(posterior, (weight - self.weights[s])[:, None], random_seed)[..., 0]
            self.beyond[s] = beyond

    def _change(self, weight: Array) -> Array:
        return weight - self.decay * self.weights[-1]

    def add(self, posterior: xr.DataTree, weight: Array) -> Array:
        """Store the newest shadow; for each one before it, what it holds beyond that one at its own draws.

        Shape (chain, draw, stored). A draw that the newest shadow allows and an older one rules out gives ``inf``.
        """
        beyond = self._total(posterior, weight[:, None] - np.stack(self.weights, axis=1))
        self.weights.append(weight)
        self.beyond.append(0.0)
        self.own.append(self._whole(posterior, weight))
        return beyond

    def _whole(self, posterior: xr.DataTree, weight: Array) -> Any:
        return 0.0 if self.decay == 1 else self._total(posterior, weight[:, None])[..., 0]

    def _total(self, posterior: xr.DataTree, weight: Array, random_seed: int | None = None) -> Array:
        """Weighted log-likelihoods at every draw: weights of shape (rows, k) give (chain, draw, k)."""
        sizes = posterior["posterior"].sizes
        total = np.zeros((sizes["chain"], sizes["draw"], weight.shape[1]))
        rows = np.flatnonzero(weight.any(axis=1))
        together = max(CELLS // (sizes["chain"] * sizes["draw"]), 1)
        for first in range(0, len(rows), together):
            chunk = rows[first : first + together]
            total += _weighted(self._densities(posterior, chunk, random_seed), weight[chunk])
        return total

    def _densities(self, posterior: xr.DataTree, rows: Positions, random_seed: int | None) -> Array:
        history = self.plan.history
        past = history.take(np.arange(rows[0])) if self.forecaster.needs_past else None
        return row_log_density(self.forecaster, posterior, self.forecaster.batch(rows), past, random_seed)


def _weighted(density: Array, weight: Array) -> Array:
    """density @ weight, where a weight of zero makes nothing of a density of zero."""
    possible = np.isfinite(density).all(axis=(0, 1))
    total = density[..., possible] @ weight[possible]
    for row in np.flatnonzero(~possible):
        held = weight[row] != 0
        total[..., held] += density[..., row, None] * weight[row, held]
    return np.asarray(total)
