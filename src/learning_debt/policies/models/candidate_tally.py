"""What candidate policies would have paid so far, from many starts of a history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES
from learning_debt.policies.base import Policy, stack
from learning_debt.policies.cost import RetrainingCost, signed_regret
from learning_debt.policies.signal_reader import SignalReader
from learning_debt.spells.schema import ARRIVED_GAP, ESTIMATED, FLAGS, has_own_regret, reliable_of, se_of
from learning_debt.typing import Array

BETWEEN_STARTS = 10
"""Periods after which candidates begin to walk once more."""
LEAST_COST = 1e-100
"""What a free retrain counts as: regret over it is large and still a number."""


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
    side_by_side : Policy or None
        All lanes as one policy; None before the first start.
    """

    candidates: tuple[Policy, ...]
    deployed_at: NDArray[np.int64]
    state: Any = None
    side_by_side: Policy | None = None

    def begun(self, period: int, series: int) -> Walk:
        """With lanes that begin after a period, served by what was trained then."""
        added = len(self.candidates) * series
        fresh = self.candidates[0].init(added)
        state = fresh if fresh is None or self.state is None else np.concatenate([self.state, fresh])
        deployed_at = np.append(self.deployed_at, np.full(added, period))
        lanes = as_one_policy(self.candidates, series, len(deployed_at) // added)
        return Walk(self.candidates, deployed_at, state, lanes)

    def stepped(self, see: SignalReader, period: int, positive: bool, own: Array | None = None) -> tuple[Walk, Array]:
        """After a period, and what it cost: shape (candidates, series), in costs of a retrain, the mean over starts."""
        series = len(see.series)
        starts = len(self.deployed_at) // (len(self.candidates) * series)
        lanes = see.repeated(starts * len(self.candidates))
        signals = lanes(period, self.deployed_at)
        signals = replace(signals, cost=np.maximum(signals.cost, LEAST_COST))
        assert self.side_by_side is not None, "walks begin before they step"
        state, retrain = self.side_by_side.step(self.state, signals)
        regret = signals.exposure * signals.score_gap
        if own is not None:
            regret = own[lanes.series, self.deployed_at, period - 1]
        paid = (np.maximum(regret, 0.0) if positive else regret) / signals.cost + retrain
        walk = Walk(self.candidates, np.where(retrain, period, self.deployed_at), state, self.side_by_side)
        return walk, paid.reshape(starts, len(self.candidates), series).mean(axis=0)


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
        *_, tally = self.after_each(spells, cost, [spells.sizes["period"]], accounting)
        return tally

    def after_each(
        self, spells: xr.Dataset, cost: RetrainingCost, counts: Sequence[int], accounting: str = "signed"
    ) -> Iterator[CandidateTally]:
        """With the first so many periods of a checked table, for every one of `counts`, which rise; as `after` does."""
        if counts[-1] <= self.periods:
            yield from [self] * len(counts)
            return
        tally, table = self, without_holes(spells)
        see = SignalReader(table, self.requires, cost, np.arange(spells.sizes[SERIES]))
        own = None if ARRIVED_GAP in spells or not has_own_regret(spells) else signed_regret(table, cost)
        for count in counts:
            while tally.periods < count:
                tally = tally._with_next(see, accounting == "positive", own)
            yield tally

    def _with_next(self, see: SignalReader, positive: bool, own: Array | None) -> CandidateTally:
        """With one period more of the table that `see` reads."""
        series, walks = len(see.series), self.walks
        if self.periods % BETWEEN_STARTS == 0:
            walks = tuple(walk.begun(self.periods, series) for walk in walks)
        stepped = [walk.stepped(see, self.periods + 1, positive, own) for walk in walks]
        paid = np.concatenate([paid for _, paid in stepped]).sum(axis=1) / np.sqrt(series)
        return CandidateTally(tuple(walk for walk, _ in stepped), self.periods + 1, self.paid + paid)

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


def without_holes(spells: xr.Dataset) -> xr.Dataset:
    """A table, or the end of one, with a posterior for every period, counted from its first; its errors left out."""
    newest = np.maximum(spells["deployed_at"].values - spells["period"].values[0] + 1, 0)
    dims, periods = (SERIES, "deployed_at", "period"), spells.sizes["period"]
    errors = [told(name) for name in ESTIMATED for told in (se_of, reliable_of)]
    table = spells.drop_vars([*errors, *FLAGS], errors="ignore")
    cells = {
        name: (dims, _filled(variable.transpose(*dims).values, newest))
        for name, variable in table.data_vars.items()
        if set(variable.dims) == set(dims)
    }
    others = table.drop_dims("deployed_at")
    return others.assign(cells).assign_coords(period=np.arange(1, periods + 1), deployed_at=np.arange(periods))


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
