"""How rows of a model may be scored: alone, after the rows before them, or not at all."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from pytensor.graph.basic import Variable

from learning_debt.errors import UnsupportedModelError
from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.compiled.density import Scoring
from learning_debt.forecasters.pymc.compiled.new_entries import axis_of
from learning_debt.forecasters.pymc.model.graph import Arguments, ModelGraph
from learning_debt.forecasters.pymc.model_checks.supported import hint_for_processes, reference_pointwise

FROM_DATA = "build it from pm.Data: x = pm.Data('x', data['x'], dims='obs')"
SHIFT = 1e-3
"""How far an entry is moved to see which rows feel it: of a datum, as a share of the least distance in its column."""
ROWS_ALONE = 6
"""Rows tried one by one."""

FORGETFUL = (
    "the outcome is one series of a custom distribution, and its draws would forget the past; pm.AR, "
    "pm.GaussianRandomWalk, pm.MvNormal, or lags as covariates can be drawn"
)
CROSSED = (
    "an outcome is an input of another outcome, so they cannot be drawn side by side; write the inner one into the "
    "model as a random variable that the other is a function of, or forecast the two with a model each"
)


def uneven_part(rows: int) -> int:
    """How many rows to try alone. Not half of them: a mean over symmetric rows is that of either half."""
    return max(1, (2 * rows) // 5)


Moves = Literal["all", "outcomes", "labels"]
"""What of a row is moved: all that keeps its order, outcomes only, or labels, positions and whole numbers."""


class Trial(Protocol):
    """The rows at hand in other arrangements, as arguments with reference draws."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def alone(self, part: np.ndarray) -> Arguments:
        """The rows at these positions as if they were all there is."""
        ...

    def moved(self, row: int, what: Moves) -> Arguments | None:
        """All rows, one of them with other values; None where it cannot be prepared."""
        ...


def find_scoring(build: Build, trial: Trial, lagged: bool, context_rows: int | None = None) -> Scoring:
    """How rows score, found at a few draws.

    Rows are scored together, in parts and one by one; and since data may happen not to show what a model does with them
    (a campaign that ran once), also with the values of one row changed.

    Parameters
    ----------
    build : Build
    trial : Trial
        At least two rows.
    lagged : bool
        Whether outcomes are covariates of rows after them.
    context_rows : int, optional
        Rows before a row that, its owner says, are all it depends on.

    Raises
    ------
    UnsupportedModelError
        If the first rows score differently once later rows follow, or do not score at all without them.
    ValueError
        If rows depend on more than `context_rows` before them.
    """
    everything = trial.alone(np.arange(trial.rows))
    _require_free_paths(build)
    score = _Score(build)
    whole = score(everything, trial.rows)
    _require_causal(score, whole, trial)
    felt = _felt_later(score, whole, trial, "all") or _felt_later(score, whole, trial, "labels")
    series = any(outcome.spans_rows for outcome in build.graph.outcomes)
    hidden = not (series or lagged) and _felt_later(score, whole, trial, "outcomes")
    undrawable = FORGETFUL if hidden else CROSSED if build.graph.crossed else ""
    series = series or hidden
    alone = not (lagged or series or felt or _continues(build))
    alone = alone and all(score.agrees(whole, trial, part) for part in _parts(trial.rows))
    if not alone and context_rows is not None:
        _require_context(score, whole, trial, context_rows)
        if any(outcome.is_path for outcome in build.graph.outcomes):
            _require_context_of_path(build, trial, context_rows)
    return Scoring(alone, ordered_dims(build, everything), lagged, series, undrawable)


def _require_free_paths(build: Build) -> None:
    """Raise if the parameters of a time series are computed from the rows: a prefix would have others."""
    graph = build.graph
    paths = [rv for outcome, rv in zip(graph.outcomes, graph.predictive, strict=True) if outcome.is_path]
    used = [name for name, data in graph.data.items() if paths and data in graph.inputs_of(paths)]
    along = [name for name in used if build.row_axis(name) is not None]
    if along:
        raise UnsupportedModelError(
            f"the parameters of a time series depend on the rows of {along}, so its first rows alone have another "
            "density; give pm.AR and random walks parameters of their own, or write the series with lags as covariates"
        )


class _Score:
    """Log densities of rows at the reference draws, all outcomes but paths, shape (draws, outcomes, rows)."""

    def __init__(self, build: Build) -> None:
        self.graph = build.graph
        self.function = reference_pointwise(build.graph)

    def __call__(self, arguments: Arguments, rows: int) -> np.ndarray:
        draws = len(next(iter(arguments["draw"].values())))
        values = [self.function(arguments, draw) for draw in range(draws)]
        for outcome, term in zip(self.graph.outcomes, values[0], strict=True):
            if not outcome.is_path and term.shape != (rows,):
                raise UnsupportedModelError(
                    f"the model gives {term.size} log density term(s) of {outcome.name!r} for {rows} rows; its length "
                    f"is a constant, or its rows are not its first axis: {FROM_DATA}"
                )
        by_row = [k for k, outcome in enumerate(self.graph.outcomes) if not outcome.is_path]
        return np.array([[row[k] for k in by_row] for row in values]).reshape(draws, len(by_row), rows)

    def agrees(self, whole: np.ndarray, trial: Trial, part: np.ndarray, last: int = 0) -> bool:
        """Whether these rows score by themselves as among all; with `last`, only so many at the end are asked for."""
        try:
            values = self(trial.alone(part), len(part))
        except (ValueError, IndexError, AssertionError, KeyError):
            return False
        return _close(values[..., -last:], whole[..., part][..., -last:])


def _felt_later(score: _Score, whole: np.ndarray, trial: Trial, what: Moves) -> bool:
    """Whether rows feel other values in a row before them; raises if they feel them in a row after.

    A moved label may be a date out of its order, so that rows before it feel it is no proof of hindsight.
    """
    felt = False
    for row in np.unique(np.linspace(0, trial.rows - 1, ROWS_ALONE).astype(int)).tolist():
        arguments = trial.moved(row, what)
        if arguments is None:
            continue
        same = np.isclose(score(arguments, trial.rows), whole, rtol=1e-9, atol=1e-9, equal_nan=True).all(axis=(0, 1))
        if what != "labels" and not same[:row].all():
            raise _looks_ahead()
        felt = felt or not same[row + 1 :].all()
    return felt


def _close(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.allclose(first, second, rtol=1e-9, atol=1e-9, equal_nan=True))


def _require_causal(score: _Score, whole: np.ndarray, trial: Trial) -> None:
    """Raise unless the first rows score without the later ones as they do with them."""
    first = np.arange(uneven_part(trial.rows))
    try:
        values = score(trial.alone(first), len(first))
    except (ValueError, IndexError, AssertionError) as error:
        if isinstance(error, UnsupportedModelError):
            raise
        if score.agrees(whole, trial, np.arange(trial.rows - 1)):
            return  # it takes another number of rows, only not so few
        raise UnsupportedModelError(
            "the model does not take a new number of rows: a covariate or a length is baked in as a constant; "
            f"{FROM_DATA} ({str(error).splitlines()[0]}){hint_for_processes(score.graph)}"
        ) from error
    if not _close(values, whole[..., first]):
        raise _looks_ahead()


def _looks_ahead() -> UnsupportedModelError:
    return UnsupportedModelError(
        "the rows cannot be scored: the log density of a row changes with the rows after it (a mean over the batch, a "
        "smoother that looks ahead?). Compute what spans rows in prepare(data, fitted), from the training data"
    )


def _parts(rows: int) -> list[np.ndarray]:
    """The rest after an uneven part, and single rows: an accident of the data hides from one, not from all."""
    singles = np.unique(np.linspace(1, rows - 1, ROWS_ALONE).astype(int))
    return [np.arange(uneven_part(rows), rows), *(np.array([row]) for row in singles)]


def _require_context(score: _Score, whole: np.ndarray, trial: Trial, context_rows: int) -> None:
    for end in _rows_with_context(trial.rows, context_rows):
        part = np.arange(max(0, end - context_rows), end + 1)
        if not score.agrees(whole, trial, part, last=1):
            raise _too_few(context_rows, end)


def _require_context_of_path(build: Build, trial: Trial, context_rows: int) -> None:
    function = reference_pointwise(build.graph)

    def total(first: int, stop: int) -> float:
        return sum(float(np.sum(term)) for term in function(trial.alone(np.arange(first, stop)), 0))

    for end in _rows_with_context(trial.rows, context_rows):
        start = max(0, end - context_rows)
        whole = total(0, end + 1) - total(0, end)
        try:
            part = total(start, end + 1) - (total(start, end) if end > start else 0.0)
        except (ValueError, IndexError, AssertionError):
            part = np.nan
        if not np.isclose(part, whole, rtol=1e-8, atol=1e-8):
            raise _too_few(context_rows, end)


def _rows_with_context(rows: int, context_rows: int) -> list[int]:
    """Some rows with more before them than `context_rows`, where there are any."""
    return np.unique(np.linspace(min(context_rows + 1, rows - 1), rows - 1, ROWS_ALONE).astype(int)).tolist()


def _too_few(context_rows: int, row: int) -> ValueError:
    return ValueError(
        f"context_rows={context_rows} is too few: row {row} scores differently after only that many rows. Give the "
        "longest memory of the model (the adstock's or the lags' length), or leave it out to use all rows"
    )


def _continues(build: Build) -> bool:
    """Whether a variable that grows with the rows goes on from one row to the next."""
    graph = build.graph
    return any(axis_of(rv, axis).in_support for rv, axis in _growing_along(graph, graph.row_dim))


def _growing_along(graph: ModelGraph, dim: str | None) -> list[tuple[Variable, int]]:
    """Free variables that grow along `dim`, and their axis."""
    return [
        (rv, axis)
        for rv in graph.free
        for axis in graph.growing.get(rv.name, ())
        if graph.dims(rv.name, rv.ndim)[axis] == dim
    ]


def ordered_dims(build: Build, arguments: Arguments) -> tuple[str, ...]:
    """Labelled growing dimensions whose entries continue each other.

    Raises if a new entry would change the effect of the known ones.
    """
    graph = build.graph
    found = []
    for dim in graph.growing_dims:
        if dim == graph.row_dim or dim is None:
            continue
        axes = _growing_along(graph, dim)
        if not axes:
            raise UnsupportedModelError(f"growing_dims names {dim!r}, but no free variable of the model runs along it")
        continues = any(axis_of(rv, axis).in_support for rv, axis in axes)
        felt = _rows_that_feel(build, arguments, dim, axes)
        if (continues or felt) and dim in build.labels:
            found.append(dim)
    return tuple(found)


def _rows_that_feel(build: Build, arguments: Arguments, dim: str, axes: list) -> bool:
    """Whether rows of later labels depend on the entries of earlier ones."""
    if any(outcome.is_path for outcome in build.graph.outcomes):
        return True
    function = reference_pointwise(build.graph)
    before = np.array(function(arguments, 0))

    def changed(entry: int) -> np.ndarray:
        draws = dict(arguments["draw"])
        for rv, axis in axes:
            moved = draws[rv.name].copy()
            where = (slice(None),) * (axis + 1) + (entry,)
            moved[where] = moved[where] + SHIFT if moved.dtype.kind == "f" else moved[where]
            draws[rv.name] = moved
        after = np.array(function({**arguments, "draw": draws}, 0))
        return ~np.isclose(after, before, rtol=1e-9, atol=1e-12, equal_nan=True).all(axis=0)

    positions = _positions(build, arguments, dim)
    if positions is None:
        return bool(changed(0).any())
    first, last = int(positions.min()), int(positions.max())

    def elsewhere(entry: int) -> bool:
        return bool((changed(entry) & ~(positions == entry).any(axis=1)).any())

    if elsewhere(last):
        raise UnsupportedModelError(
            f"new labels along {dim!r} would change the effects of the known ones (are effects centred inside the "
            "model?); parametrise them so that each stands by itself"
        )
    return elsewhere(first)


def _positions(build: Build, arguments: Arguments, dim: str) -> np.ndarray | None:
    """What each row looks up along `dim`, by any of its columns (home and away), shape (rows, any)."""
    axes = {name: build.row_axis(name) for name, index_dim in build.index_dims.items() if index_dim == dim}
    columns = [np.moveaxis(arguments["data"][name], k, 0) for name, k in axes.items() if k is not None]
    return np.column_stack([column.reshape(len(column), -1) for column in columns]) if columns else None
