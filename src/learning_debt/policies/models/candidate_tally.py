"""What candidate policies would have paid so far, from many starts of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES, plain_labels
from learning_debt.policies.base import Policy, stack
from learning_debt.policies.cost import RetrainingCost
from learning_debt.policies.signals import Signals, seen_as
from learning_debt.spells.schema import ESTIMATED, OPTIONAL, se_of
from learning_debt.typing import Array

BETWEEN_STARTS = 10
"""Periods after which candidates begin to walk once more."""
LEAST_COST = 1e-300


@dataclass(frozen=True, eq=False)
class Walk:
    """Lanes of candidates that differ in their numbers only: of each start, candidate and series in turn.

    Attributes
    ----------
    candidates : tuple of Policy
    deployed_at : ndarray of int, shape (starts x candidates x series,)
        Period after which what serves a lane was trained.
    state : ndarray, shape (starts x candidates x series,), or None
        What the policies remember of the lane's spell.
    """

    candidates: tuple[Policy, ...]
    deployed_at: NDArray[np.int64]
    state: Any = None

    def begun(self, period: int, series: int) -> Walk:
        """With lanes that begin after a period, served by what was trained then."""
        added = len(self.candidates) * series
        fresh = self.candidates[0].init(added)
        state = fresh if fresh is None or self.state is None else np.concatenate([self.state, fresh])
        return Walk(self.candidates, np.append(self.deployed_at, np.full(added, period)), state)

    def stepped(self, cells: _Cells, period: int) -> tuple[Walk, Array]:
        """After a period, and what it cost: shape (candidates, series), in costs of a retrain, the mean over starts."""
        each = len(self.candidates) * cells.series
        starts = len(self.deployed_at) // each
        lanes = np.tile(np.arange(cells.series), starts * len(self.candidates))
        signals = cells.signals(period, lanes, self.deployed_at)
        policy = as_one_policy(self.candidates, cells.series, starts)
        state, retrain = policy.step(self.state, signals)
        gap = np.maximum(signals.score_gap, 0.0) if cells.positive else signals.score_gap
        paid = signals.exposure * gap / signals.cost + retrain
        walk = Walk(self.candidates, np.where(retrain, period, self.deployed_at), state)
        return walk, paid.reshape(starts, len(self.candidates), cells.series).mean(axis=0)


@dataclass(frozen=True, eq=False)
class CandidateTally:
    """What every candidate would have paid up to a period, had it decided from the start: the mean over many starts.

    Attributes
    ----------
    walks : tuple of Walk
        Of the candidates of each kind.
    periods : int
        That are counted.
    paid : ndarray, shape (candidates,)
        In costs of a retrain, added up over periods; of several series the sum over the square root of their number,
        since series of one panel drift together and are less evidence than as many histories.
    """

    walks: tuple[Walk, ...]
    periods: int
    paid: Array

    @classmethod
    def of(cls, candidates: Sequence[Sequence[Policy]]) -> CandidateTally:
        """Before the first period; candidates by kinds."""
        nobody = np.zeros(0, dtype=np.int64)
        walks = tuple(Walk(tuple(kind), nobody) for kind in candidates)
        return cls(walks, 0, np.zeros(sum(map(len, candidates))))

    def after(self, spells: xr.Dataset, cost: RetrainingCost, accounting: str = "signed") -> CandidateTally:
        """With the periods of a checked table that are not counted yet.

        Parameters
        ----------
        spells : Dataset
            The signals that candidates read, and the exposure, of all periods up to some one. A cell of a posterior
            that was not kept counts as that of the nearest one that was.
        cost : RetrainingCost
            Resolved.
        accounting : {"signed", "positive"}
        """
        first, last = int(spells["period"].values[0]), int(spells["period"].values[-1])
        if last - first + 1 <= self.periods:
            return self
        cells = _Cells(spells, cost, self.requires, accounting)
        walks, total = list(self.walks), self.paid
        for place in range(self.periods, last - first + 1):
            if place % BETWEEN_STARTS == 0:
                walks = [walk.begun(place, cells.series) for walk in walks]
            stepped = [walk.stepped(cells, place + 1) for walk in walks]
            walks = [walk for walk, _ in stepped]
            total = total + np.concatenate([paid for _, paid in stepped]).sum(axis=1) / np.sqrt(cells.series)
        return CandidateTally(tuple(walks), last - first + 1, total)

    @property
    def requires(self) -> tuple[str, ...]:
        """Signals that the candidates read."""
        return tuple(dict.fromkeys(name for walk in self.walks for name in walk.candidates[0].requires))

    def __repr__(self) -> str:
        return f"<{len(self.paid)} candidates over {self.periods} periods>"


def as_one_policy(candidates: Sequence[Policy], lanes_each: int, times: int = 1) -> Policy:
    """Candidates of one kind as one policy, `lanes_each` lanes for each in turn, all of that so many times over."""
    policy = stack([*candidates] * times, lanes_each)
    if policy is None:
        raise ValueError("candidates of one kind must differ in their numbers only")
    return policy


class _Cells:
    """Cells of a table, read for lanes; periods and posteriors are counted from the table's first."""

    def __init__(self, spells: xr.Dataset, cost: RetrainingCost, names: Sequence[str], accounting: str) -> None:
        self.series = spells.sizes[SERIES]
        dims = (SERIES, "deployed_at", "period")
        rows = np.maximum(spells["deployed_at"].values - spells["period"].values[0] + 1, 0)
        self.values = {name: _filled(spells[seen_as(spells, name)].transpose(*dims).values, rows) for name in names}
        self.exposure = (cost.exposure(spells) * spells["exposure"]).transpose(SERIES, "period").values
        self.costs = _filled(np.asarray(cost.retraining_costs(spells)), rows) if cost.proportional else None
        self.cost, self.positive = cost, accounting == "positive"
        self.labels = plain_labels(spells["label"]) if "label" in spells.coords else list(spells["period"].values)

    def signals(self, period: int, series: NDArray[np.int64], deployed_at: NDArray[np.int64]) -> Signals:
        missing, exact = np.broadcast_to(np.nan, series.shape), np.broadcast_to(0.0, series.shape)
        true = np.broadcast_to(True, series.shape)
        at = series, deployed_at, period - 1
        read = {name: values[at] for name, values in self.values.items()}
        costs = np.full(series.shape, self.cost.per_retrain) if self.costs is None else self.costs[at]
        others = {name: missing for name in (*ESTIMATED, *OPTIONAL) if name not in read}
        return Signals(
            period=period,
            label=self.labels[period - 1],
            spell_age=period - deployed_at,
            cost=np.maximum(costs, LEAST_COST),
            exposure=self.exposure[series, period - 1],
            reliable=true,
            converged=true,
            **read,
            **others,
            **{se_of(name): exact for name in ESTIMATED},
        )


def _filled(values: Array, rows: NDArray[np.int64]) -> Array:
    """Cells of posteriors that were not kept as those of the nearest that were, the older of two; 0 where none was.

    `rows` numbers the posteriors at hand from what was trained just before the first period; an older one counts as
    that.
    """
    periods = values.shape[-1]
    if len(rows) != periods:
        kept, values = values, np.full((len(values), periods, periods), np.nan)
        values[:, rows] = kept
    if np.isfinite(values[:, np.triu(np.ones((periods, periods), dtype=bool))]).all():
        return values
    filled = np.zeros_like(values)
    for i in range(len(values)):
        for period in range(periods):
            column = values[i, : period + 1, period]
            (known,) = np.nonzero(np.isfinite(column))
            if known.size:
                nearest = known[np.abs(np.arange(period + 1)[:, None] - known).argmin(axis=1)]
                filled[i, : period + 1, period] = column[nearest]
    return filled
