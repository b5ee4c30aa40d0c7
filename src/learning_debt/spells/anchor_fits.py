"""One fit of a pool: what is kept of it, what it is worth when it is thinned, and how it is made."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.errors import noted
from learning_debt.forecasters.base import SampledForecaster
from learning_debt.shadows.base import Upkeep
from learning_debt.shadows.refit import refit
from learning_debt.spells.forecast_schedule import Plan
from learning_debt.spells.step import Positions
from learning_debt.typing import Array


class Anchor(NamedTuple):
    """One fit.

    Attributes
    ----------
    posterior : DataTree
    upkeep : Upkeep
    by_group : ndarray, shape (draws, groups)
        Log-likelihood of every group of rows.
    points : ndarray, shape (parameters, draws), or None
        Draws on the whole real line, where they are to be had.
    """

    posterior: xr.DataTree
    upkeep: Upkeep
    by_group: Array
    points: Array | None

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        sizes = self.posterior["posterior"].sizes
        return sizes["chain"], sizes["draw"]


class Groups(NamedTuple):
    """Rows whose weights change in the replay, those that always weigh alike together.

    Attributes
    ----------
    rows : ndarray of int
    members : ndarray, shape (rows, groups)
        1 where the row is of the group.
    weight : ndarray, shape (states, groups)
        What a group weighs in every state.
    """

    rows: Positions
    members: Array
    weight: Array


def groups_of(plan: Plan) -> Groups:
    """Rows that not all posteriors of a replay hold alike."""
    weight = np.stack([plan.row_weight(t) for t in range(plan.periods + 1)])
    rows = np.flatnonzero(np.ptp(weight, axis=0) > 0).astype(np.int64)
    distinct, group = np.unique(weight[:, rows], axis=1, return_inverse=True)
    return Groups(rows, np.eye(distinct.shape[1])[group.ravel()], distinct)


class Search(NamedTuple):
    """Which fits a pool was found by, so that it need not be sought again.

    Attributes
    ----------
    fitted : list of [int, int, str]
        Period, salt of its seed, and hash of what its draws say of the rows, in the order in which they were made.
    left_out : list of int
        Periods whose fits do not serve.
    notes : list of [int, str]
        What speaks against the fit of a period.
    """

    fitted: list[list[Any]]
    left_out: list[int]
    notes: list[list[Any]]


def kept_draws(draws: int, every: float) -> NDArray[np.intp]:
    """Places of one in so many draws, evenly spaced."""
    return np.unique((np.arange(max(round(draws / every), 1)) * every).astype(np.intp))


def thinned_size(anchor: Anchor, every: float) -> float:
    """Effective draws of what is kept of a fit, whose chains are taken to forget at the rate of an AR(1) process."""
    size, number = anchor.upkeep.effective_size, len(anchor.by_group)
    if every == 1 or not size < number:
        return size / every
    memory = ((number - size) / (number + size)) ** every
    return number / every * (1 - memory) / (1 + memory)


def added(upkeep: Upkeep, before: Anchor | None) -> Upkeep:
    """What a fit took, with what an earlier one to the same period took."""
    if before is None:
        return upkeep
    refits, evaluations, seconds = (
        getattr(upkeep, name) + getattr(before.upkeep, name) for name in ("refits", "evaluations", "seconds")
    )
    return upkeep._replace(refits=refits, evaluations=evaluations, seconds=seconds)


def layout_of(posterior: xr.DataTree) -> dict[str, tuple[object, ...]]:
    """Labels of a posterior, and dimensions and shapes of its variables."""
    group = posterior.children["posterior"].to_dataset(inherit=False)
    labels = {
        str(name): tuple(coord.values.tolist()) for name, coord in group.coords.items() if name not in ("chain", "draw")
    }
    return labels | {str(name): (variable.dims, variable.shape) for name, variable in group.data_vars.items()}


class Job(NamedTuple):
    """What one fit is made to, and where it stands in the replay."""

    data: xr.Dataset
    row_weight: Array
    seed: int
    where: str


def fitted_to(forecaster: SampledForecaster, job: Job) -> tuple[xr.DataTree, Upkeep]:
    """One fit, and what it took."""
    with noted(job.where):
        shadow, upkeep = refit(forecaster, job.data, job.row_weight, job.seed)
    return shadow.posterior, upkeep
