"""What candidates would have paid on one part of a history; a calendar is the mean over its phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.arrays.draws.resampling import first_least
from learning_debt.arrays.schedules import walk
from learning_debt.policies import Policy
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.fixed import phases
from learning_debt.pricing import walk_candidates
from learning_debt.pricing.replays import charged_regret
from learning_debt.typing import Array


@dataclass(frozen=True)
class Walked:
    """Candidates on one part of a history.

    Attributes
    ----------
    candidates : sequence of Policy or str
        A planner is its name.
    schedules : tuple of ndarray of bool, each of shape (phase, series, period)
        Of each candidate.
    regret : ndarray, shape (candidate, series, period)
        As it is charged, in the unit of the table's regret, the mean over phases.
    retrains : ndarray, shape (candidate, series, period)
        Share of a candidate's phases that retrain.
    """

    candidates: Sequence[Policy | str]
    schedules: tuple[NDArray[np.bool_], ...]
    regret: Array
    retrains: Array

    @classmethod
    def of(
        cls,
        table: xr.Dataset,
        candidates: Sequence[Policy],
        cost: RetrainingCost,
        accounting: str,
        history: xr.Dataset | None = None,
    ) -> Walked:
        """Walk all candidates over a checked table, side by side where they differ in numbers only.

        `history` is a checked table whose last periods are this one's, for candidates that refit.
        """
        expanded = [phases(candidate) for candidate in candidates]
        walked = walk_candidates(table, [one for several in expanded for one in several], cost, history)
        ends = np.cumsum([len(several) for several in expanded])[:-1]
        return cls.of_schedules(table, candidates, np.split(walked, ends), cost, accounting)

    @classmethod
    def of_schedules(
        cls,
        table: xr.Dataset,
        candidates: Sequence[Policy | str],
        schedules: Sequence[NDArray[np.bool_]],
        cost: RetrainingCost,
        accounting: str,
    ) -> Walked:
        """Of schedules that are known, one of shape (phase, series, period) for each candidate."""
        charged = charged_regret(table, cost, accounting)
        regret = [_along(charged, several).mean(axis=0) for several in schedules]
        retrains = [several.mean(axis=0) for several in schedules]
        return cls(candidates, tuple(schedules), np.stack(regret), np.stack(retrains))

    def bills(self, cost: RetrainingCost) -> Array:
        """Regret and retrains in costs of a retrain, shape (candidate, series, period)."""
        return self.regret / cost.per_retrain + self.retrains

    def cheapest(self, cost: RetrainingCost) -> int:
        """The candidate with the least mean bill over series; of equal ones the first."""
        return int(first_least(self.bills(cost).sum(axis=-1).mean(axis=-1)))

    def only(self, index: int) -> Walked:
        """One of the candidates."""
        part = slice(index, index + 1)
        return Walked(self.candidates[part], self.schedules[part], self.regret[part], self.retrains[part])


def _along(charged: Array, schedules: NDArray[np.bool_]) -> Array:
    """Entries of `charged` that schedules meet, shape (phase, series, period)."""
    count, series, periods = schedules.shape
    lanes = np.tile(np.arange(series), count)
    return walk.along_schedule(charged, lanes, schedules.reshape(-1, periods)).reshape(schedules.shape)
