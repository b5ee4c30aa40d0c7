"""Log-likelihood of what one shadow holds beyond another, at the draws of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from learning_debt.forecasters.base import Predictor, SampledForecaster
from learning_debt.forecasters.row_likelihood import weighted_likelihood
from learning_debt.shadows.base import padded
from learning_debt.spells.forwarding import RememberingPredictor
from learning_debt.spells.step import Period, Positions
from learning_debt.typing import Array


class HeldLikelihood(NamedTuple):
    """What is kept of a stored posterior: one number per draw, at its own draws.

    Attributes
    ----------
    row_weight : ndarray, shape (rows,)
        What it holds.
    beyond : ndarray, shape (chain, draw)
        Log-likelihood of what the newest shadow holds beyond it.
    own : ndarray, shape (chain, draw), or 0
        Log-likelihood of what it holds itself, where all weights decay.
    """

    row_weight: Array
    beyond: Array
    own: Array | float


class WeightedRows(NamedTuple):
    """Rows to be scored, by position and as data, what each counts for, and what they follow."""

    rows: Positions
    batch: xr.Dataset | None
    weight: Array
    past: xr.Dataset | None


class HeldLikelihoods:
    """Log density ratios between shadows, log p_t/p_s = sum_i (w_t,i - w_s,i) log p(row_i) - log Z, kept up to date.

    For every stored posterior s one number per draw: the sum at its own draws, with t the newest period; memory
    O(posteriors x draws). With a discount d all weights decay, so that the sum of everything s holds is kept too:
    sum_i w_t,i l_i = d sum_i w_t-1,i l_i + sum_i (w_t,i - d w_t-1,i) l_i, where only rows whose weight departs from
    pure decay are scored anew.

    Parameters
    ----------
    forecaster : SampledForecaster
    discount : float
        Factor of all weights from one period to the next.
    """

    def __init__(self, forecaster: SampledForecaster, discount: float) -> None:
        self.forecaster, self.discount = forecaster, discount

    def stored(self, period: Period, posterior: xr.DataTree) -> HeldLikelihood:
        """What is kept of the shadow of `period`, beyond which nothing is held yet."""
        sizes = posterior["posterior"].sizes
        whole: Array | float = 0.0
        if self.discount != 1:
            whole = self._total(posterior, self._rows(period, period.row_weight))
        return HeldLikelihood(period.row_weight, np.zeros((sizes["chain"], sizes["draw"])), whole)

    def anew(self, period: Period, posterior: xr.DataTree, row_weight: Array) -> HeldLikelihood:
        """What is kept of a posterior that holds `row_weight`, from all rows, the newest shadow being of `period`."""
        own = padded(row_weight, len(period.row_weight))
        beyond = self._total(posterior, self._rows(period, period.row_weight - own))
        whole: Array | float = 0.0 if self.discount == 1 else self._total(posterior, self._rows(period, own))
        return HeldLikelihood(row_weight, beyond, whole)

    def learnt(self, period: Period, before: Array) -> WeightedRows:
        """Rows whose weight departs in `period` from pure decay of `before`, what the last shadow held."""
        return self._rows(period, period.row_weight - self.discount * padded(before, len(period.row_weight)))

    def advanced(
        self,
        held: HeldLikelihood,
        period: Period,
        asked: RememberingPredictor,
        learnt: WeightedRows,
        random_seed: int | None,
    ) -> HeldLikelihood:
        """What is kept of the stored posterior that is `asked`, once the newest shadow is that of `period`."""
        new = self._total(asked.posterior, learnt, random_seed, asked)
        with np.errstate(invalid="ignore"):
            beyond = self.discount * held.beyond + new - (1 - self.discount) * held.own
        if np.isnan(beyond).any():  # a row that a draw rules out has been dropped again
            rows = self._rows(period, period.row_weight - padded(held.row_weight, len(period.row_weight)))
            beyond = self._total(asked.posterior, rows, random_seed)
        return held._replace(beyond=beyond)

    def at_newest(self, period: Period, posterior: xr.DataTree, stored: Sequence[HeldLikelihood]) -> Array:
        """What the newest shadow, that of `period`, holds beyond each stored one, at its own draws.

        Shape (chain, draw, stored). A draw that the newest shadow allows and an older one rules out gives ``inf``.
        """
        weights = np.stack([padded(shadow.row_weight, len(period.row_weight)) for shadow in stored], axis=1)
        return self._total(posterior, self._rows(period, period.row_weight[:, None] - weights))

    def _rows(self, period: Period, weight: Array) -> WeightedRows:
        """Rows that count, by weights of shape (rows,) or (rows, k)."""
        rows = np.flatnonzero(weight.reshape(len(weight), -1).any(axis=1))
        if not len(rows):
            return WeightedRows(rows, None, weight[rows], None)
        past = period.take(slice(int(rows[0]))) if self.forecaster.needs_past else None
        return WeightedRows(rows, self.forecaster.as_batch(period.take(rows)), weight[rows], past)

    def _total(
        self,
        posterior: xr.DataTree,
        rows: WeightedRows,
        random_seed: int | None = None,
        predictor: Predictor | None = None,
    ) -> Array:
        """Weighted log-likelihoods at every draw: weights of shape (rows, k) give (chain, draw, k)."""
        if rows.batch is None:
            sizes = posterior["posterior"].sizes
            return np.zeros((sizes["chain"], sizes["draw"], *rows.weight.shape[1:]))
        return weighted_likelihood(
            predictor or self.forecaster, posterior, rows.batch, rows.weight, rows.past, random_seed
        )
