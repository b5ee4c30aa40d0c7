"""A batch set up at a posterior: its rows' log densities and predictive draws."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import append_rows, as_dataset, as_past, take_rows
from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.base import TRAINING, training_data
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import Scoring, cells_of
from learning_debt.forecasters.pymc.inputs.posterior_draws import PosteriorDraws
from learning_debt.forecasters.pymc.inputs.preparation import require_own_outcomes
from learning_debt.forecasters.pymc.model.graph import Arguments
from learning_debt.forecasters.pymc.model.outcomes import Outcome
from learning_debt.forecasters.pymc.model_builds import STRUCTURE, Registry
from learning_debt.forecasters.pymc.training_window import since_training


@dataclass(frozen=True)
class PreparedBatch:
    """Arguments of a build's functions for a batch and, before it, as much of its past as counts.

    Attributes
    ----------
    build : Build
    arguments : Arguments
        PosteriorDraws, data and lengths of `rows` rows.
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


class BatchPreparation:
    """Sets batches up at posteriors of one forecaster."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.preparation, self.dim = registry, registry.preparation, registry.observation_dim

    def prepare(
        self, posterior: Any, batch: Any, past: Any, random_seed: int | None, *, outcome: bool
    ) -> PreparedBatch:
        """All that a compiled function needs to score the batch or, without its outcome, to draw it."""
        dim, rows = self.dim, as_dataset(batch, self.dim, ())
        before = None if past is None else since_training(posterior, as_past(past, dim, ()), dim)
        joined = rows if before is None or before.sizes[dim] == 0 else append_rows(before, rows, dim)
        prepared = self.preparation.of_batch(posterior, joined)
        build = self.registry.of(posterior, prepared)
        present = tuple(name for name in build.graph.outcome_data if name in joined.variables)
        require_own_outcomes(present, joined, prepared)
        scoring = self.registry.scoring(build, prepared if before is None else None)
        if scoring.needs_past and before is None:
            raise ValueError(
                "rows of this model depend on the rows before them: pass past=..., all rows that the batch follows "
                "(no rows, as batch.isel(obs=slice(0)), where it is the beginning)"
            )
        kept, draws = rows.sizes[dim], build.read(posterior, own_labels=self._own_labels(posterior))
        relevant = self._relevant(prepared, kept, build, scoring)
        arguments = build.arguments(
            relevant,
            dim,
            draws=draws,
            static=self._static(posterior, build, relevant),
            outcome=outcome,
            labelled=prepared,
        )
        training = None if scoring.alone else self._training_rows(posterior, build, draws, joined, kept)
        count = relevant.sizes[dim]
        arguments["draw"] = build.grow(draws, arguments, count, training, np.random.SeedSequence(random_seed))
        return PreparedBatch(build, arguments, draws.samples, count, kept, scoring.lagged, scoring.undrawable, rows)

    def _relevant(self, prepared: xr.Dataset, kept: int, build: Build, scoring: Scoring) -> xr.Dataset:
        """The batch and as much of its past as it depends on."""
        context = self.registry.context_rows
        if scoring.alone:
            return take_rows(prepared, slice(-kept, None), self.dim)
        if context is not None and not build.graph.growing:
            return take_rows(prepared, slice(-(kept + context), None), self.dim)
        return prepared

    def _own_labels(self, posterior: xr.DataTree) -> bool:
        return STRUCTURE in posterior.attrs or self.registry.model is not None

    def _static(self, posterior: xr.DataTree, build: Build, rows: xr.Dataset) -> xr.Dataset | None:
        """Where the rows leave out data without rows: the posterior's training data."""
        wanted = TRAINING in posterior.children and build.lacks_static(rows)
        return self.preparation.of_stored(posterior) if wanted else None

    def _training_rows(
        self, posterior: xr.DataTree, build: Build, draws: PosteriorDraws, joined: xr.Dataset, kept: int
    ) -> int | None:
        """Rows whose entries the posterior holds; they must be the first of the past and the batch, its last `kept`."""
        row_dim = build.graph.row_dim
        if row_dim is None or row_dim not in build.graph.growing_dims or row_dim not in draws.lengths:
            return None
        count = draws.lengths[row_dim]
        if joined.sizes[self.dim] < count:
            raise ValueError(
                f"the posterior holds states of {count} rows, but past and batch have {joined.sizes[self.dim]} "
                "together: past must begin with the rows the posterior was fitted to"
            )
        if TRAINING in posterior.children:
            before = joined.sizes[self.dim] - kept
            first = take_rows(joined, slice(count), self.dim)
            _require_first_rows(first, training_data(posterior), before, build.graph.outcome_data, self.dim)
        return count


def _require_first_rows(first: xr.Dataset, seen: xr.Dataset, before: int, outcomes: tuple[str, ...], dim: str) -> None:
    """Raise unless `first` are the rows a posterior holds states of.

    Those after the first `before` belong to a batch, whose outcomes may be other than those that came (the points at
    which a predictive density is asked for); then its other columns must be those of the same rows.
    """
    others = [name for name, variable in seen.data_vars.items() if dim in variable.dims and name not in outcomes]

    def alike(names: Iterable[Hashable], rows: slice) -> bool:
        pairs = ((take_rows(first, rows, dim)[n], take_rows(seen, rows, dim)[n]) for n in names if n in first.variables)
        return all(np.array_equal(first.values, second.values) for first, second in pairs)

    if not alike(outcomes, slice(before)):
        raise ValueError("past must begin with the rows the posterior was fitted to; its outcomes differ")
    rest, known = slice(before, None), [name for name in outcomes if name in first.variables]
    told_by_outcomes = len(known) > 0 and alike(known, rest)
    if not told_by_outcomes and not ((before or not known) and alike(others, rest)):
        raise ValueError(
            "past must begin with the rows the posterior was fitted to, and the batch go on with the rest of "
            "them; its rows are others"
        )


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


def predictive_draws(prepared: PreparedBatch, random_seed: int | None) -> list[np.ndarray]:
    """One draw of the batch per posterior draw, shape (samples, kept, ...) for each outcome."""
    graph, arguments = prepared.build.graph, prepared.arguments
    if prepared.undrawable:
        raise UnsupportedModelError(prepared.undrawable)
    series = {outcome: _continued(prepared, outcome, random_seed) for outcome in graph.outcomes if outcome.spans_rows}
    if len(series) == len(graph.outcomes):
        return list(series.values())
    if prepared.lagged and prepared.kept > 1:
        raise UnsupportedModelError(
            "each row's distribution depends on the outcome before it, so several rows cannot be drawn at once; "
            "predict one row at a time, with the rows before it as past"
        )
    numbers = sum(int(np.prod(arguments["data"][outcome.data].shape)) for outcome in graph.outcomes)
    cells = cells_of(prepared.rows, numbers, prepared.build.density.pairs)
    drawn = prepared.build.predictive.draw(arguments, prepared.samples, cells, random_seed)
    kept = slice(prepared.rows - prepared.kept, None)
    return [
        series[outcome] if outcome in series else np.moveaxis(values, outcome.row_axis + 1, 1)[:, kept]
        for outcome, values in zip(graph.outcomes, drawn, strict=True)
    ]


def _continued(prepared: PreparedBatch, outcome: Outcome, random_seed: int | None) -> np.ndarray:
    past = prepared.arguments["data"][outcome.data][: prepared.rows - prepared.kept]
    known = np.broadcast_to(past, (prepared.samples, *past.shape)).astype(outcome.variable.dtype)
    seed = int(np.random.SeedSequence(random_seed).generate_state(1)[0])
    drawn = prepared.build.continuation(outcome).draw(prepared.arguments, known, (prepared.rows,), seed)
    return drawn[:, prepared.rows - prepared.kept :]
