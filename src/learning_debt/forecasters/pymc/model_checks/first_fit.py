"""Checks of the first fit: whether the model holds still when its data change.

They build the model once more, on part of the rows, and compare the two builds at a few points, without a compiler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data import take_rows, why_unusable
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import Scoring
from learning_debt.forecasters.pymc.model.graph import Arguments
from learning_debt.forecasters.pymc.model_checks.row_scoring import SHIFT, Moves, find_scoring, uneven_part
from learning_debt.forecasters.pymc.model_checks.supported import (
    hint_for_processes,
    largest_difference,
    require_free_of_rows,
)

TOLERANCE = 1e-8


def require_faithful_preparation(
    prepare: Callable[[xr.Dataset, xr.Dataset | None], tuple[xr.Dataset, xr.Dataset]],
    raw: xr.Dataset,
    prepared: xr.Dataset,
    fitted: xr.Dataset,
    observation_dim: str,
) -> None:
    """Raise unless `prepare`, given what it learned, prepares part of the rows as it did among all of them."""
    rows = raw.sizes[observation_dim]
    part = np.arange(uneven_part(rows))
    alone = prepare(take_rows(raw, part, observation_dim), fitted)[0]
    for name, variable in take_rows(prepared, part, observation_dim).variables.items():
        if name not in alone.variables or not _equal(variable.values, alone.variables[name].values):
            raise UnsupportedModelError(
                f"prepare gives other values of {name!r} for the same rows when it sees fewer of them; it must use "
                "`fitted`, what it learned from the training data, wherever it is given"
            )


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    if first.shape != second.shape:
        return False
    if first.dtype.kind == "f":
        return np.allclose(first, second, rtol=1e-10, atol=1e-12, equal_nan=True)
    return bool((first == second).all())


@dataclass(frozen=True)
class Rows:
    """Training rows as given, and how they are prepared; what `scoring.Trial` asks for.

    Attributes
    ----------
    build : Build
    raw, prepared : xarray.Dataset
    prepare : callable
        Prepares rows by what was learned from the training data.
    dim : str
        The observation dimension.
    """

    build: Build
    raw: xr.Dataset
    prepared: xr.Dataset
    prepare: Callable[[xr.Dataset], xr.Dataset]
    dim: str

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.prepared.sizes[self.dim])

    def alone(self, part: np.ndarray) -> Arguments:
        """The rows at these positions as if they were all there is."""
        own = self.prepared if len(part) == self.rows else self.prepare(take_rows(self.raw, part, self.dim))
        return self._arguments(own, part)

    def moved(self, row: int, what: Moves) -> Arguments | None:
        """All rows, one of them with other values; None where it cannot be prepared."""
        outcomes = self.build.graph.outcome_data
        chosen = {
            name: variable
            for name, variable in self.raw.variables.items()
            if self.dim in variable.dims
            and not why_unusable(name, variable)  # nobody's, or prepared: it tells nothing
            and (what == "all" or (name in outcomes if what == "outcomes" else not self._is_number(str(name))))
        }
        moved = {
            name: _moved(variable, variable.dims.index(self.dim), row, name in outcomes or what == "labels")
            for name, variable in chosen.items()
        }
        try:
            prepared = self.prepare(
                self.raw.assign({name: v for name, v in moved.items() if name not in self.raw.coords})
            )
            return self._arguments(prepared, np.arange(self.rows))
        except (ValueError, KeyError, TypeError, IndexError):
            return None

    def _is_number(self, name: str) -> bool:
        return name in self.build.graph.outcome_data or self.raw.variables[name].dtype.kind == "f"

    def _arguments(self, rows: xr.Dataset, part: np.ndarray) -> Arguments:
        draws = {"draw": _at_rows(self.build, self.build.graph.reference_draws, part)}
        return {**self.build.arguments(rows, self.dim, static=self.prepared), **draws}


def _moved(variable: xr.Variable, axis: int, row: int, whole_moves: bool) -> xr.Variable:
    """One row moved, positions, labels and dates only where `whole_moves`.

    Numbers move by so little that a column of times keeps its order, flags and whole outcomes to another value that
    occurs.
    """
    values = np.moveaxis(variable.values.copy(), axis, 0)
    occurring = np.unique(values) if values.dtype.kind in "iufb" else pd.unique(values.ravel())
    if values.dtype.kind == "f":
        values[row] += SHIFT * (np.diff(occurring).min() if len(occurring) > 1 else 1.0)
    elif (len(occurring) == 2 and values.dtype.kind in "iub") or (whole_moves and len(occurring) > 1):
        different = [k for k in range(len(values)) if np.any(values[k] != values[row])]
        values[row] = values[different[0]]
    return variable.copy(data=np.moveaxis(values, 0, axis))


def require_faithful_build(
    build: Build,
    rows: Rows,
    again: Callable[[xr.Dataset], Build] | None,
    context_rows: int | None = None,
) -> Scoring:
    """How rows score; raises unless the model built on part of them is the same density."""
    build.scoring_guard.check(rows.alone(np.arange(rows.rows)))
    lagged = build.graph.lagged or _prepares_from_outcomes(rows)
    scoring = find_scoring(build, rows, lagged, context_rows)
    if again is not None and rows.rows > 3:
        for part in _parts(rows.prepared, rows.dim):
            other = _try_build(again, take_rows(rows.prepared, part, rows.dim))
            if other is not None and _fixed_groups(other) == _fixed_groups(build):
                _require_same(build, other, rows.prepared, part, rows.dim)
                break
    return scoring


def _prepares_from_outcomes(rows: Rows) -> bool:
    """Whether preparation makes covariates, such as lags, of the outcomes."""
    raw, outcomes = rows.raw, rows.build.graph.outcome_data
    if raw is rows.prepared:
        return False
    again = rows.prepare(raw.assign({name: raw[name] + 1 for name in outcomes if raw[name].dtype.kind in "iuf"}))
    others = [name for name in rows.prepared.variables if name not in outcomes]
    pairs = ((rows.prepared.variables[name], again.variables.get(name)) for name in others)
    return not all(second is not None and _equal(first.values, second.values) for first, second in pairs)


def _fixed_groups(build: Build) -> dict[str, tuple]:
    coords = build.graph.group_coords
    return {dim: labels for dim, labels in coords.items() if dim not in build.graph.growing_dims}


def _at_rows(build: Build, draws: dict[str, np.ndarray], part: np.ndarray) -> dict[str, np.ndarray]:
    """Entries of these rows, where variables have one for each."""
    return _entries(build, draws, {str(build.graph.row_dim): part})


def _entries(build: Build, draws: dict[str, np.ndarray], chosen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    cut = dict(draws)
    for name, axes in build.graph.growing.items():
        dims = build.graph.dims(name, draws[name].ndim - 1)
        for axis in axes:
            if str(dims[axis]) in chosen:
                cut[name] = np.take(cut[name], chosen[str(dims[axis])], axis=axis + 1)
    return cut


def _try_build(again: Callable[[xr.Dataset], Build], rows: xr.Dataset) -> Build | None:
    try:
        return again(rows)
    except UnsupportedModelError:
        raise
    except Exception:  # a builder that needs more rows than this is no evidence against it
        return None


def _parts(rows: xr.Dataset, observation_dim: str) -> list[np.ndarray]:
    """The first rows; failing that, fewer rows among which every label still occurs."""
    count = rows.sizes[observation_dim]
    keep = np.zeros(count, dtype=bool)
    keep[: max(2, uneven_part(count))] = True
    kept = keep.copy()
    for name, variable in rows.variables.items():
        labels = variable.dims == (observation_dim,) and variable.dtype.kind not in "f"
        if labels and not why_unusable(name, variable):
            kept[np.unique([str(value) for value in variable.values.tolist()], return_index=True)[1]] = True
    return [np.flatnonzero(choice) for choice in (keep, kept) if not choice.all()]


def _kept_entries(build: Build, other: Build, part: np.ndarray) -> dict[str, np.ndarray]:
    """Which entries along growing dimensions the build on part of the rows has."""
    kept: dict[str, np.ndarray] = {}
    for dim in build.graph.growing_dims:
        if dim == build.graph.row_dim:
            kept[str(dim)] = part
        elif dim in build.labels and dim in other.labels:
            kept[dim] = other.labels[dim].positions(build.labels[dim])
        elif dim is not None and dim in other.graph.lengths:
            kept[dim] = np.arange(int(other.own["length"][dim]))
    return kept


def _require_same(build: Build, other: Build, rows: xr.Dataset, part: np.ndarray, observation_dim: str) -> None:
    require_free_of_rows(build.graph, other.graph)
    static = [name for name in build.graph.data if name not in rows.variables]
    statics_agree = all(
        _equal(build.own["data"][name], other.own["data"][name])
        for name in static
        if build.own["data"][name].shape != (rows.sizes[observation_dim],)
    )
    if build.density is other.density and statics_agree:
        return
    batch = take_rows(rows, part, observation_dim)
    points, draws = build.graph.reference_points, build.graph.reference_draws
    own = {**build.arguments(batch, observation_dim, static=rows), "draw": _at_rows(build, draws, part)}
    shared = _entries(build, draws, _kept_entries(build, other, part))
    others = {**other.arguments(batch, observation_dim, static=rows), "draw": shared}
    same_size = {k: v for k, v in points.items() if k not in build.graph.growing}
    priors = (
        {**own, "value": points},
        {**others, "value": {**other.graph.reference_points, **same_size}},
    )
    batches = (own, others)
    in_prior, in_rows = largest_difference(build.graph, other.graph, priors, batches)
    if max(in_prior, in_rows) > TOLERANCE or not np.isfinite(in_prior + in_rows):
        where = "prior" if in_prior > TOLERANCE else "likelihood of the same rows"
        raise UnsupportedModelError(
            "build_model computes something from its data, or draws random numbers, so it changes from build to build: "
            f"on part of the rows, its log {where} differs by {max(in_prior, in_rows):.3g} nats at the same draws. "
            "Scores and debt would be wrong without a sign of it; move the computation into prepare(data, fitted)"
            f"{hint_for_processes(build.graph)}"
        )
