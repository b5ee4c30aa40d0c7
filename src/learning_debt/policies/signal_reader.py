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


class SignalReader:
    """Reads from a checked table, or from a part of one by its coordinates, what the lanes see in a period."""

    def __init__(
        self, table: xr.Dataset, requires: Sequence[str], cost: RetrainingCost | Array, series: NDArray[np.int64]
    ) -> None:
        self.series, self.requires = series, tuple(requires)
        self.labels = plain_labels(table["label"] if "label" in table.coords else table["period"])
        self.first_period, self.first_posterior = first_of(table, "period"), first_of(table, "deployed_at")
        self.cells = {}
        for name in self.requires:
            known = seen_as(table, name)
            for told in (str, se_of, reliable_of):
                if told(known) in table:
                    self.cells[told(name)] = table[told(known)].values
        self.converged = {name: table[name].transpose(SERIES, ...).values for name in FLAGS if name in table}
        if isinstance(cost, RetrainingCost):
            self.costs = cost.retraining_costs(table) if cost.proportional else np.asarray(cost.per_retrain)
            self.exposure = exposures(table, cost)
        else:
            self.costs = np.asarray(cost)
            self.exposure = table["exposure"].transpose(SERIES, "period").values

    def for_lanes(self, series: NDArray[np.int64]) -> Self:
        """The same cells for other lanes, of which `series` says whose each is."""
        other = copy(self)
        other.series = series
        return other

    def __call__(self, t: int, deployed_at: NDArray[np.int64]) -> Signals:
        """Signals of period t = 1..T for lanes deployed at `deployed_at`."""
        period, posterior = t - self.first_period, deployed_at - self.first_posterior
        lanes = len(self.series)
        missing, exact, all_true = _shared(lanes, np.nan), _shared(lanes, 0.0), _shared(lanes, True)

        def cell(name: str, default: Any) -> Any:
            values = self.cells.get(name)
            return default if values is None else values[self.series, posterior, period]

        reliable = all_true
        for name in self.requires:
            reliable = reliable & cell(reliable_of(name), all_true)
        converged = all_true
        if "converged" in self.converged:
            converged = converged & self.converged["converged"][self.series, period]
        if "deployed_converged" in self.converged:
            converged = converged & self.converged["deployed_converged"][self.series, posterior]
        signals = {name: cell(name, missing) for name in (*ESTIMATED, *OPTIONAL)}
        errors = {se_of(name): cell(se_of(name), exact) for name in ESTIMATED}
        return Signals(
            period=t,
            label=self.labels[period],
            spell_age=t - deployed_at,
            cost=self._cost(posterior, period),
            exposure=self.exposure[self.series, period],
            reliable=reliable,
            converged=converged,
            **signals,
            **errors,
        )

    def _cost(self, posterior: NDArray[np.int64], period: int) -> Array:
        if self.costs.ndim == 3:
            return np.asarray(self.costs[self.series, posterior, period])
        return np.broadcast_to(self.costs, self.series.shape)


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
