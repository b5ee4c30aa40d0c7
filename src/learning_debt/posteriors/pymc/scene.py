"""A batch set up at a posterior: its rows' log densities and predictive draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.pymc.build import Build
from learning_debt.posteriors.pymc.density import cells_of
from learning_debt.posteriors.pymc.graph import Arguments
from learning_debt.posteriors.pymc.outcomes import Outcome


@dataclass(frozen=True)
class Scene:
    """Arguments of a build's functions for a batch and, before it, as much of its past as counts.

    Attributes
    ----------
    build : Build
    arguments : Arguments
        Draws, data and lengths of `rows` rows.
    samples, rows, kept : int
        Posterior draws; all rows; rows at the end that are the batch.
    lagged : bool
        Whether outcomes are covariates of rows after them.
    undrawable : str
        Why there are no predictive draws; empty when there are.
    batch : xarray.Dataset
        The batch as it was given.
    """

    build: Build
    arguments: Arguments
    samples: int
    rows: int
    kept: int
    lagged: bool
    undrawable: str
    batch: xr.Dataset


def row_terms(build: Build, arguments: Arguments, samples: int, rows: int, kept: int) -> list[np.ndarray]:
    """log p(y_n | rows before n, theta_s) of the last `kept` rows, shape (samples, kept) for each outcome."""
    whole = build.density.log_density(arguments, samples, rows)
    if not any(outcome.is_path for outcome in build.graph.outcomes):
        return [values if kept == rows else values[:, rows - kept :] for values in whole]
    # A path's density is one number: a row's term is what the path gains by it.
    starts = [
        _path_so_far(build, arguments, samples, count) if count > 0 else [np.zeros((samples, 1)) for _ in whole]
        for count in range(rows - kept, rows)
    ]
    terms = []
    for k, outcome in enumerate(build.graph.outcomes):
        if not outcome.is_path:
            terms.append(whole[k][:, rows - kept :])
            continue
        totals = np.concatenate([*(start[k] for start in starts), whole[k]], axis=1)
        terms.append(np.diff(totals, axis=1))
    return terms


def _path_so_far(build: Build, arguments: Arguments, samples: int, count: int) -> list[np.ndarray]:
    try:
        return build.density.log_density(build.first_rows(arguments, count), samples, count)
    except (ValueError, IndexError, AssertionError) as error:
        raise ValueError(
            f"the series has no density after its first {count} row(s): past must hold at least as many rows as the "
            f"series looks back ({str(error).splitlines()[0]})"
        ) from error


def predictive_draws(scene: Scene, random_seed: int | None) -> list[np.ndarray]:
    """One draw of the batch per posterior draw, shape (samples, kept, ...) for each outcome."""
    graph, arguments = scene.build.graph, scene.arguments
    if scene.undrawable:
        raise UnsupportedModelError(scene.undrawable)
    series = {outcome: _continued(scene, outcome, random_seed) for outcome in graph.outcomes if outcome.spans_rows}
    if len(series) == len(graph.outcomes):
        return list(series.values())
    if scene.lagged and scene.kept > 1:
        raise UnsupportedModelError(
            "each row's distribution depends on the outcome before it, so several rows cannot be drawn at once; "
            "predict one row at a time, with the rows before it as past"
        )
    numbers = sum(int(np.prod(arguments["data"][outcome.data].shape)) for outcome in graph.outcomes)
    cells = cells_of(scene.rows, numbers, scene.build.density.pairs)
    drawn = scene.build.predictive.draw(arguments, scene.samples, cells, random_seed)
    kept = slice(scene.rows - scene.kept, None)
    return [
        series[outcome] if outcome in series else np.moveaxis(values, outcome.row_axis + 1, 1)[:, kept]
        for outcome, values in zip(graph.outcomes, drawn, strict=True)
    ]


def _continued(scene: Scene, outcome: Outcome, random_seed: int | None) -> np.ndarray:
    past = scene.arguments["data"][outcome.data][: scene.rows - scene.kept]
    known = np.broadcast_to(past, (scene.samples, *past.shape)).astype(outcome.variable.dtype)
    seed = int(np.random.SeedSequence(random_seed).generate_state(1)[0])
    drawn = scene.build.continuation(outcome).draw(scene.arguments, known, (scene.rows,), seed)
    return drawn[:, scene.rows - scene.kept :]
