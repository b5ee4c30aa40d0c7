"""Checks of the first fit: does the model hold still when its data change?

They build the model once more, on part of the rows, and compare the two builds at a few points, without a compiler.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.data import take_rows
from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.pymc.build import Build
from learning_debt.posteriors.pymc.checks import largest_difference, require_free_of_rows
from learning_debt.posteriors.pymc.density import Scoring
from learning_debt.posteriors.pymc.graph import Arguments
from learning_debt.posteriors.pymc.scoring import find_scoring, uneven_part

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


def require_faithful_build(
    build: Build,
    rows: xr.Dataset,
    observation_dim: str,
    prepared_of: Callable[[np.ndarray], xr.Dataset],
    lagged: bool,
    again: Callable[[xr.Dataset], Build] | None,
    context_rows: int | None = None,
) -> Scoring:
    """How rows score; raises unless the model built on part of them is the same density.

    ``prepared_of(positions)`` gives the rows at these positions, prepared as if they were all there is; `lagged`
    says that preparation makes covariates of outcomes.
    """
    count = rows.sizes[observation_dim]

    def arguments_of(part: np.ndarray) -> Arguments:
        own = rows if len(part) == count else prepared_of(part)
        draws = {"draw": _at_rows(build, build.graph.reference_draws, part)}
        return {**build.arguments(own, observation_dim, static=rows), **draws}

    build.scoring_guard.check(arguments_of(np.arange(count)))
    scoring = find_scoring(build, count, arguments_of, lagged or build.graph.lagged, context_rows)
    if again is not None and count > 3:
        for part in _parts(rows, observation_dim):
            other = _try_build(again, take_rows(rows, part, observation_dim))
            if other is not None and _fixed_groups(other) == _fixed_groups(build):
                _require_same(build, other, rows, part, observation_dim)
                break
    return scoring


def prepares_from_outcomes(
    prepare: Callable[[xr.Dataset, xr.Dataset | None], tuple[xr.Dataset, xr.Dataset]],
    raw: xr.Dataset,
    prepared: xr.Dataset,
    fitted: xr.Dataset,
    outcomes: tuple[str, ...],
) -> bool:
    """Whether `prepare` makes covariates, such as lags, of the outcomes."""
    moved = raw.assign({name: raw[name] + 1 for name in outcomes if raw[name].dtype.kind in "iuf"})
    again = prepare(moved, fitted)[0]
    others = [name for name in prepared.variables if name not in outcomes]
    return not all(name in again.variables and _equal(prepared[name].values, again[name].values) for name in others)


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
    for variable in rows.variables.values():
        if variable.dims == (observation_dim,) and variable.dtype.kind not in "f":
            kept[np.unique(variable.values.astype(str), return_index=True)[1]] = True
    return [np.flatnonzero(choice) for choice in (keep, kept) if not choice.all()]


def _kept_entries(build: Build, other: Build, part: np.ndarray) -> dict[str, np.ndarray]:
    """Which entries along growing dimensions the build on part of the rows has."""
    kept: dict[str, np.ndarray] = {}
    for dim in build.graph.growing_dims:
        if dim == build.graph.row_dim:
            kept[str(dim)] = part
        elif dim in build.labels and dim in other.labels:
            kept[dim] = pd.Index(build.labels[dim]).get_indexer(other.labels[dim])
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
            "build_model computes something from its data, so the model changes with them: built on part of the rows, "
            f"its log {where} differs by {max(in_prior, in_rows):.3g} nats at the same draws. Scores and debt would be "
            "wrong without a sign of it; move the computation into prepare(data, fitted)"
        )
