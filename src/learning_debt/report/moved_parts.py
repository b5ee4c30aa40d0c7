"""What a report can say of parameters and rows where the forecaster is at hand."""

from __future__ import annotations

from typing import Any, NamedTuple

import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG
from learning_debt.debt.by_block import debt_by_block
from learning_debt.debt.by_group import debt_by_group
from learning_debt.plots.intervals import BOUND, LOWER, UPPER
from learning_debt.plots.parameter_summary import Chosen, parameter_summary
from learning_debt.spells.period_posteriors import ReplayedPosteriors
from learning_debt.spells.schema import POOLED

MOST_ENTRIES = 60
"""Entries of a variable above which it is left out, as a vector of states is."""
FEWEST_ROWS, MOST_GROUPS = 2, 40
PROBABILITY = 0.9


class Staleness(NamedTuple):
    """As `write_report` takes them; None where there is nothing to show."""

    blocks: xr.Dataset | None
    groups: xr.Dataset | None
    parameters: xr.Dataset | None


def posteriors_are_cheap(table: xr.Dataset) -> bool:
    """Whether the posteriors behind a table of one series are exact, or drawn from its pool."""
    if table.sizes.get("series", 1) != 1 or "rung" not in table:
        return False
    return bool((table["rung"] == "exact").all()) or bool((table["rung"] == POOLED).any())


def staleness(replayed: ReplayedPosteriors, deployed_at: int) -> Staleness:
    """Debt of today's shadow by parameter and by rows against what serves, and all parameters over the periods.

    Parameters
    ----------
    replayed : ReplayedPosteriors
    deployed_at : int
        Period after which what serves was trained, below the last one.

    Raises
    ------
    ValueError, IncomparablePosteriorsError
        As `debt_by_block` and `debt_by_group`.
    """
    last, forecaster = replayed.periods, replayed.forecaster
    pair = replayed.posterior(last), replayed.posterior(deployed_at)
    rows: dict[str, Any] = replayed.rows_between(deployed_at, last)
    by = _groups_of(rows, replayed, deployed_at)
    small = [name for name, entries in _entries(replayed, pair[0]).items() if entries <= MOST_ENTRIES]
    return Staleness(
        debt_by_block(forecaster, *pair, blocks=small, random_seed=0, **rows) if small else None,
        None if by is None else debt_by_group(forecaster, *pair, by=by, **rows),
        parameter_history(replayed, small) if small else None,
    )


def parameter_history(replayed: ReplayedPosteriors, names: list[str]) -> xr.Dataset:
    """Means and 90% intervals of parameters after each period, dims (parameter, period)."""
    chosen = Chosen(names, None, {}, "posterior", ("chain", "draw"), "mean", "eti", PROBABILITY)
    found, labels = parameter_summary(replayed, chosen)
    ends = {name: found["interval"].sel({BOUND: bound}, drop=True) for name, bound in (("low", LOWER), ("high", UPPER))}
    return xr.Dataset({"mean": found["point"], **ends}).assign_coords(label=("period", list(labels.texts)))


def _draws(replayed: ReplayedPosteriors, posterior: Any) -> xr.DataTree:
    if isinstance(posterior, NIG):
        forecaster: Any = replayed.forecaster
        return forecaster.sample(posterior, draws=1, chains=1, random_seed=0)
    return posterior


def _entries(replayed: ReplayedPosteriors, posterior: Any) -> dict[str, int]:
    draws = _draws(replayed, posterior)["posterior"].to_dataset()
    sizes = draws.sizes["chain"] * draws.sizes["draw"]
    return {str(name): values.size // sizes for name, values in draws.data_vars.items()}


def _groups_of(rows: dict[str, Any], replayed: ReplayedPosteriors, deployed_at: int) -> Any:
    """A column of names, such as stores, by which the rows since the last retrain are told apart; None without one."""
    new, dim = rows["new_data"], replayed.forecaster.observation_dim
    if new is None or new.sizes.get(dim, 0) < FEWEST_ROWS:
        return None
    for name in (*new.data_vars, *new.coords):
        column = new[name]
        if column.dims == (dim,) and column.dtype.kind in "OUT":
            count = len(set(map(str, column.values.tolist())))
            if 1 < count <= MOST_GROUPS:
                return str(name)
    return None
