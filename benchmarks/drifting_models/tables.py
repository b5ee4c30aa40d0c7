"""Spell tables of simulated series: sampled signals, and regret on rows drawn from the known truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from drifting_models.models import LOG_DENSITY, Draws, flat
from drifting_models.worlds import Series, World, generator, simulate
from learning_debt import spell_table
from learning_debt.shadows.base import Shadow, Upkeep
from learning_debt.shadows.refit import Refit

Array = NDArray[np.float64]
SIGNALS = ("debt", "predictive_debt", "score_gap", "deployed_score", "deployed_pareto_k")
REGRET = "the shadow of the period against the deployed posterior, on rows of the period's truth that neither has seen"


class Recording(Refit):
    """Refits every period and keeps all posteriors, the first included."""

    def __init__(self) -> None:
        self.posteriors: list[xr.DataTree] = []

    def start(self, *arguments: Any) -> tuple[Shadow, Upkeep]:
        """As in `Refit.start`."""
        return self._kept(super().start(*arguments))

    def step(self, *arguments: Any) -> tuple[Shadow, Upkeep]:
        """As in `Refit.step`."""
        return self._kept(super().step(*arguments))

    def _kept(self, done: tuple[Shadow, Upkeep]) -> tuple[Shadow, Upkeep]:
        self.posteriors.append(done[0].posterior)
        return done


class Case(NamedTuple):
    """One series to be simulated, the `number`-th of its kind."""

    world: World
    shift: str
    number: int


def series_table(forecaster: Any, world: World, shift: str, rng: np.random.Generator) -> xr.Dataset:
    """Spell table of one simulated series, its ``regret`` and ``regret_se`` those of evaluation rows."""
    series, keeper = simulate(world, shift, rng), Recording()
    table = spell_table(
        forecaster,
        series.history,
        initial=1,
        variables=SIGNALS,
        shadow=keeper,
        random_seed=int(rng.integers(2**31)),
        progressbar=False,
    )
    return with_regret(table, world, series, keeper.posteriors)


def with_regret(table: xr.Dataset, world: World, series: Series, posteriors: list[xr.DataTree]) -> xr.Dataset:
    """The table with regret on evaluation rows in place of the gap on the period's own rows.

    The error is half the difference of what either half of the chains says: right on average over cells, not in each.
    """
    halves = np.stack(
        [scores(world, series, [flat(tree, slice(half, None, 2)) for tree in posteriors]) for half in (0, 1)]
    )
    of_shadow = np.diagonal(halves[:, 1:, :], axis1=1, axis2=2)
    served = np.where(np.isfinite(table["score_gap"].values[0]), halves[:, :-1, :], np.nan)
    regret = (of_shadow[:, None, :] - served) * table["exposure"].values
    dims = ("deployed_at", "period")
    found = {"regret": regret.mean(axis=0), "regret_se": np.abs(regret[0] - regret[1]) / 2}
    assigned = table.assign({name: (dims, values) for name, values in found.items()})
    for name in found:
        assigned[name] = assigned[name].expand_dims({"series": table["series"]})
    assigned.attrs["regret"] = REGRET
    return assigned


def scores(world: World, series: Series, posteriors: list[Draws]) -> Array:
    """Mean log score of every posterior on every period's evaluation rows, shape (T + 1, T); NaN on periods before."""
    found = np.full((len(posteriors), len(posteriors) - 1), np.nan)
    for s, draws in enumerate(posteriors):
        for t in range(max(s, 1), len(posteriors)):
            density = LOG_DENSITY[world.name](draws, series.x[t - 1], series.y[t - 1])
            peak = density.max(axis=0)
            found[s, t - 1] = (np.log(np.exp(density - peak).mean(axis=0)) + peak).mean()
    return found


def file_of(directory: Path, case: Case) -> Path:
    """Where the table of a series is kept."""
    return directory / f"{case.world.name}-{case.shift}-{case.number}.nc"


def stored_table(directory: Path, forecasters: dict[str, Any], case: Case, seed: int) -> xr.Dataset:
    """The table of a series, from its file or computed and written there."""
    path = file_of(directory, case)
    if not path.exists():
        rng = generator(case.world, case.shift, case.number, seed)
        table = series_table(forecasters[case.world.name], case.world, case.shift, rng)
        unfinished = path.with_suffix(".part")
        table.to_netcdf(unfinished, engine="h5netcdf")
        unfinished.rename(path)
    with xr.open_dataset(path, engine="h5netcdf") as table:
        return table.load()


def together(tables: Sequence[xr.Dataset], cases: Sequence[Case]) -> xr.Dataset:
    """Tables of several series as one, each series with its shift type and number."""
    joined = xr.concat(tables, "series", data_vars="all", combine_attrs="override", join="override")
    labels = {"shift": [case.shift for case in cases], "number": [case.number for case in cases]}
    return joined.assign_coords(
        series=np.arange(len(tables)), **{name: ("series", own) for name, own in labels.items()}
    )
