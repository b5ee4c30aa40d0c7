"""What the cells of a history say about its gaps: how far they follow beliefs, how noisy they are, how fast they come."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr

from learning_debt.spells.schema import ARRIVED_GAP
from learning_debt.typing import Array
from learning_debt.validation import require_number, require_whole_number

FRESH_AGE = 10
"""Ages up to this count as those of a fresh posterior, in periods."""
PRIOR_PERIODS = 10.0
"""Periods that what is usual elsewhere counts for: gaps as large as beliefs, and .4 of all gaps below zero."""
USUAL_SHARE_BELOW = 0.4


@dataclass(frozen=True)
class HistoryFacts:
    """Sums over the periods of a history, each of which counts with the mean over its cells and series.

    All are in the unit of the table's score, its square, or numbers; a policy divides by what a retrain costs.

    Attributes
    ----------
    periods : int
        Periods that are counted; earlier ones are not read again.
    pairs : int
        Periods that have cells with a period before them in the same spell.
    belief : float
        Predictive debt of the period before, over these.
    gap, square : float
        Score gap, and its square, over these.
    level, fresh : float
        Score gap over all periods and cells, and over cells no older than ten periods.
    below : float
        Share of the cells with a gap below zero: in which the deployed posterior did better.

    Examples
    --------
    >>> gap = [[0.0, 0.3, 0.4], [np.nan, 0.0, 0.1], [np.nan, np.nan, 0.0]]
    >>> belief = [[0.1, 0.2, 0.3], [np.nan, 0.1, 0.2], [np.nan, np.nan, 0.1]]
    >>> dims = ("deployed_at", "period")
    >>> facts = HistoryFacts().after(xr.Dataset({"score_gap": (dims, gap), "predictive_debt": (dims, belief)}))
    >>> facts.periods, round(facts.slope, 2)
    (3, 1.17)
    """

    periods: int = 0
    pairs: int = 0
    belief: float = 0.0
    gap: float = 0.0
    square: float = 0.0
    level: float = 0.0
    fresh: float = 0.0
    below: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("periods", "pairs"):
                object.__setattr__(self, field.name, require_whole_number(field.name, value, at_least=0))
            else:
                object.__setattr__(self, field.name, require_number(field.name, value))

    def after(self, spells: xr.Dataset) -> HistoryFacts:
        """With the periods of a checked table that are not counted yet; cells that are missing or NaN are left out.

        Parameters
        ----------
        spells : Dataset
            With ``score_gap`` and ``predictive_debt``, over all periods of a history up to some one. A period in which
            nothing can be read counts for nothing.
        """
        gap, belief = (_cells(spells, name) for name in (_seen_gap(spells), "predictive_debt"))
        period, posterior = spells["period"].values, spells["deployed_at"].values
        facts = self
        for place in np.flatnonzero(period > self.periods):
            facts = facts._with(gap[..., place], belief[..., place - 1] if place else None, period[place] - posterior)
        return facts

    def _with(self, gap: Array, belief: Array | None, age: Array) -> HistoryFacts:
        """With one period more; cells have shape (series, posteriors)."""
        known = np.isfinite(gap) & (age > 0)
        if not known.any():
            return replace(self, periods=self.periods + 1)
        young = known & (age <= FRESH_AGE)
        level = _mean(gap, known)
        changes = {
            "periods": self.periods + 1,
            "level": self.level + level,
            "fresh": self.fresh + (_mean(gap, young) if young.any() else level),
            "below": self.below + _mean(gap < 0, known),
        }
        pairs = known & np.isfinite(belief) & (age > 1) if belief is not None else np.zeros_like(known)
        if belief is not None and pairs.any():
            changes |= {
                "pairs": self.pairs + 1,
                "belief": self.belief + _mean(np.maximum(belief, 0.0), pairs),
                "gap": self.gap + _mean(gap, pairs),
                "square": self.square + _mean(gap**2, pairs),
            }
        return replace(self, **changes)

    @property
    def slope(self) -> float:
        """Mean gap over mean belief, drawn towards 1."""
        if self.belief <= 0:
            return 1.0
        return (self.gap / self.belief * self.pairs + PRIOR_PERIODS) / (self.pairs + PRIOR_PERIODS)

    @property
    def noise(self) -> float:
        """Root mean square of a gap; NaN where there is none."""
        return float(np.sqrt(self.square / self.pairs)) if self.pairs else float("nan")

    @property
    def mean_level(self) -> float:
        """Mean gap over all ages; 0 where there is none."""
        return self.level / self.periods if self.periods else 0.0

    @property
    def mean_fresh(self) -> float:
        """Mean gap of fresh posteriors; 0 where there is none."""
        return self.fresh / self.periods if self.periods else 0.0

    @property
    def share_below(self) -> float:
        """Share of gaps below zero, drawn towards the usual one."""
        return (self.below + PRIOR_PERIODS * USUAL_SHARE_BELOW) / (self.periods + PRIOR_PERIODS)


def _seen_gap(spells: xr.Dataset) -> str:
    return ARRIVED_GAP if ARRIVED_GAP in spells else "score_gap"


def _cells(spells: xr.Dataset, name: str) -> Array:
    """Of shape (series, posteriors, periods)."""
    values = spells[name]
    if "series" not in values.dims:
        values = values.expand_dims("series")
    return np.asarray(values.transpose("series", "deployed_at", "period").values, dtype=float)


def _mean(values: Array, where: Array) -> float:
    """Mean over series of the means over a series' cells."""
    counts = where.sum(axis=-1)
    sums = np.where(where, values, 0.0).sum(axis=-1)
    return float(np.mean(sums[counts > 0] / counts[counts > 0]))
