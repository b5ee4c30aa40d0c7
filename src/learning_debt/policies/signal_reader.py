"""What policies see of a spell table: the cells of one period, a lane at a time."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES, plain_labels
from learning_debt.policies.cost import RetrainingCost, exposures
from learning_debt.policies.signals import Signals, seen_as
from learning_debt.spells.schema import ESTIMATED, FLAGS, OPTIONAL, reliable_of, se_of
from learning_debt.typing import Array

UNKNOWN = (*ESTIMATED, *OPTIONAL)
"""Signals that are NaN where a policy does not read them, or a table does not tell."""
EXACT = tuple(map(se_of, ESTIMATED))
"""Errors that are 0 there."""

KEPT = 20
"""Numbers of lanes for which the lanes are kept."""


class SignalReader:
    """Reads from a checked table, or from a part of one by its coordinates, what the lanes see in a period."""

    def __init__(
        self, table: xr.Dataset, requires: Sequence[str], cost: RetrainingCost | Array, series: NDArray[np.int64]
    ) -> None:
        self.requires = tuple(requires)
        self.labels = plain_labels(table["label"] if "label" in table.coords else table["period"])
        self.first_period, self.first_posterior = first_of(table, "period"), first_of(table, "deployed_at")
        self._cells: dict[str, Array] = {}
        self._reliable: list[NDArray[np.bool_]] = []
        for name in self.requires:
            known = seen_as(table, name)
            for told in (str, se_of):
                if told(known) in table and told(name) in {*UNKNOWN, *EXACT}:
                    self._cells[told(name)] = table[told(known)].values
            if reliable_of(known) in table:
                self._reliable.append(table[reliable_of(known)].values)
        self._converged = {name: table[name].transpose(SERIES, ...).values for name in FLAGS if name in table}
        if isinstance(cost, RetrainingCost):
            self._costs = cost.retraining_costs(table) if cost.proportional else np.asarray(cost.per_retrain)
            self._exposure = exposures(table, cost)
        else:
            self._costs = np.asarray(cost)
            self._exposure = table["exposure"].transpose(SERIES, "period").values
        self._see_for(series)

    def repeated(self, times: int) -> Self:
        """The same cells for so many times the lanes, all of them once before any comes again."""
        if times not in self._copies:
            if len(self._copies) > KEPT:
                self._copies.clear()  # of a walk with more and more lanes
            self._copies[times] = copy(self)
            self._copies[times]._see_for(np.tile(self.series, times))
        return self._copies[times]

    def _see_for(self, series: NDArray[np.int64]) -> None:
        self.series = series
        self._copies: dict[int, Self] = {}
        unknown, exact, self._all_true = (_shared(len(series), value) for value in (np.nan, 0.0, True))
        self._untold = dict.fromkeys(UNKNOWN, unknown) | dict.fromkeys(EXACT, exact)

    def __call__(self, t: int, deployed_at: NDArray[np.int64]) -> Signals:
        """Signals of period t = 1..T for lanes deployed at `deployed_at`."""
        period, posterior = t - self.first_period, deployed_at - self.first_posterior
        at = self.series, posterior, period
        reliable = converged = self._all_true
        for known in self._reliable:
            reliable = reliable & known[at]
        if "converged" in self._converged:
            converged = converged & self._converged["converged"][self.series, period]
        if "deployed_converged" in self._converged:
            converged = converged & self._converged["deployed_converged"][self.series, posterior]
        told = self._untold | {name: values[at] for name, values in self._cells.items()}
        return Signals(
            period=t,
            label=self.labels[period],
            spell_age=t - deployed_at,
            cost=self._cost(posterior, period),
            exposure=self._exposure[self.series, period],
            reliable=reliable,
            converged=converged,
            **told,
        )

    def _cost(self, posterior: NDArray[np.int64], period: int) -> Array:
        if self._costs.ndim == 3:
            return np.asarray(self._costs[self.series, posterior, period])
        return np.broadcast_to(self._costs, self.series.shape)


def last_period(table: xr.Dataset) -> int:
    """Number of the last period of a table, or of a part of one."""
    return int(table["period"].values[-1])


def first_of(table: xr.Dataset, dim: str) -> int:
    """The first period or posterior of a table, or of a part of one, by its number."""
    return int(table[dim].values[0])


def known_after(table: xr.Dataset, period: int) -> xr.Dataset:
    """Cells of a checked table, or of a part of one, up to and including a period."""
    return table.isel(
        deployed_at=slice(0, max(period - first_of(table, "deployed_at"), 0)),
        period=slice(0, period - first_of(table, "period") + 1),
    )


def _shared(lanes: int, value: float | bool) -> Any:
    """The same value in every lane; read-only, since every period's signals share it."""
    return np.broadcast_to(np.asarray(value), (lanes,))
