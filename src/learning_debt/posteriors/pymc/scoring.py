"""How rows of a model may be scored: alone, after the rows before them, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from learning_debt.errors import UnsupportedModelError
from learning_debt.posteriors.pymc.build import Build
from learning_debt.posteriors.pymc.checks import reference_pointwise
from learning_debt.posteriors.pymc.density import Scoring
from learning_debt.posteriors.pymc.graph import Arguments
from learning_debt.posteriors.pymc.growth import axis_of

FROM_DATA = "build it from pm.Data: x = pm.Data('x', data['x'], dims='obs')"
SHIFT = 0.37
"""How far an entry is moved to see which rows feel it."""
ROWS_ALONE = 6
"""Rows tried one by one."""

ArgumentsOf = Callable[[np.ndarray], Arguments]


def uneven_part(rows: int) -> int:
    """How many rows to try alone. Not half of them: a mean over symmetric rows is that of either half."""
    return max(1, (2 * rows) // 5)


def find_scoring(
    build: Build, rows: int, arguments_of: ArgumentsOf, lagged: bool, context_rows: int | None = None
) -> Scoring:
    """How rows score, found at a few draws.

    Parameters
    ----------
    build : Build
    rows : int
        Rows at hand, at least two.
    arguments_of : callable
        ``arguments_of(positions)`` gives data, lengths and reference draws for the rows at these positions alone.
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
    if any(outcome.is_path for outcome in build.graph.outcomes):
        if context_rows is not None:
            _require_context_of_path(build, arguments_of, rows, context_rows)
        return Scoring(False, _ordered(build, arguments_of(np.arange(rows))), lagged, series=True)
    score = _Score(build)
    everything = np.arange(rows)
    whole = score(arguments_of(everything), rows)
    _require_causal(score, whole, arguments_of, rows)
    series = any(outcome.spans_rows for outcome in build.graph.outcomes)
    # A custom distribution may hide a series: its density feels earlier outcomes, its draws would start anew.
    hidden = not (series or lagged) and _feels_outcomes(build, score, arguments_of(everything), whole)
    series = series or hidden
    alone = not (lagged or series or _continues(build))
    alone = alone and all(score.agrees(whole, arguments_of, part) for part in _parts(rows))
    if not alone and context_rows is not None:
        _require_context(score, whole, arguments_of, rows, context_rows)
    return Scoring(alone, _ordered(build, arguments_of(everything)), lagged, series, not hidden)


class _Score:
    """Log densities of rows at the reference draws, all outcomes side by side, shape (draws, outcomes, rows)."""

    def __init__(self, build: Build) -> None:
        self.graph = build.graph
        self.function = reference_pointwise(build.graph)

    def __call__(self, arguments: Arguments, rows: int) -> np.ndarray:
        draws = len(next(iter(arguments["draw"].values())))
        values = [self.function(arguments, draw) for draw in range(draws)]
        for outcome, term in zip(self.graph.outcomes, values[0], strict=True):
            if term.shape != (rows,):
                raise UnsupportedModelError(
                    f"the model gives {term.size} log density term(s) of {outcome.name!r} for {rows} rows; its length "
                    f"is a constant, or its rows are not its first axis: {FROM_DATA}"
                )
        return np.array(values)

    def agrees(self, whole: np.ndarray, arguments_of: ArgumentsOf, part: np.ndarray, last: int = 0) -> bool:
        """Whether these rows score by themselves as among all; with `last`, only so many at the end are asked for."""
        try:
            values = self(arguments_of(part), len(part))
        except (ValueError, IndexError, AssertionError, KeyError):
            return False
        return _close(values[..., -last:], whole[..., part][..., -last:])


def _feels_outcomes(build: Build, score: _Score, arguments: Arguments, whole: np.ndarray) -> bool:
    """Whether a row's density changes with the outcome of a row before it."""
    rows = whole.shape[-1]
    moved = dict(arguments["data"])
    for outcome in build.graph.outcomes:
        values = np.moveaxis(moved[outcome.data].copy(), outcome.row_axis, 0)
        different = [k for k in range(rows) if (values[k] != values[rows // 2]).any()]
        if different:
            values[rows // 2] = values[different[0]]  # an outcome that has been seen, so a legal one
        moved[outcome.data] = np.moveaxis(values, 0, outcome.row_axis)
    after = score({**arguments, "data": moved}, rows)
    others = np.arange(rows) != rows // 2
    return not _close(after[..., others], whole[..., others])


def _close(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.allclose(one, two, rtol=1e-9, atol=1e-9, equal_nan=True))


def _require_causal(score: _Score, whole: np.ndarray, arguments_of: ArgumentsOf, rows: int) -> None:
    """Raise unless the first rows score without the later ones as they do with them."""
    first = np.arange(uneven_part(rows))
    try:
        values = score(arguments_of(first), len(first))
    except (ValueError, IndexError, AssertionError) as error:
        if isinstance(error, UnsupportedModelError):
            raise
        if score.agrees(whole, arguments_of, np.arange(rows - 1)):
            return  # it takes another number of rows, only not so few
        raise UnsupportedModelError(
            "the model does not take a new number of rows: a covariate or a length is baked in as a constant; "
            f"{FROM_DATA} ({str(error).splitlines()[0]})"
        ) from error
    if not _close(values, whole[..., first]):
        raise UnsupportedModelError(
            "the rows cannot be scored: the log density of a row changes with the rows after it (a mean over the "
            "batch, a smoother that looks ahead?). Compute what spans rows in prepare(data, fitted), from the "
            "training data"
        )


def _parts(rows: int) -> list[np.ndarray]:
    """The rest after an uneven part, and single rows: an accident of the data hides from one, not from all."""
    singles = np.unique(np.linspace(1, rows - 1, ROWS_ALONE).astype(int))
    return [np.arange(uneven_part(rows), rows), *(np.array([row]) for row in singles)]


def _require_context(score: _Score, whole: np.ndarray, arguments_of: ArgumentsOf, rows: int, context_rows: int) -> None:
    ends = np.unique(np.linspace(min(context_rows + 1, rows - 1), rows - 1, ROWS_ALONE).astype(int))
    for end in ends:
        part = np.arange(max(0, end - context_rows), end + 1)
        if not score.agrees(whole, arguments_of, part, last=1):
            raise _too_few(context_rows, int(end))


def _require_context_of_path(build: Build, arguments_of: ArgumentsOf, rows: int, context_rows: int) -> None:
    function = reference_pointwise(build.graph)

    def total(first: int, stop: int) -> float:
        return sum(float(np.sum(term)) for term in function(arguments_of(np.arange(first, stop)), 0))

    for end in np.unique(np.linspace(min(context_rows + 1, rows - 1), rows - 1, ROWS_ALONE).astype(int)).tolist():
        start = max(0, end - context_rows)
        whole = total(0, end + 1) - total(0, end)
        try:
            part = total(start, end + 1) - (total(start, end) if end > start else 0.0)
        except (ValueError, IndexError, AssertionError):
            part = np.nan
        if not np.isclose(part, whole, rtol=1e-8, atol=1e-8):
            raise _too_few(context_rows, end)


def _too_few(context_rows: int, row: int) -> ValueError:
    return ValueError(
        f"context_rows={context_rows} is too few: row {row} scores differently after only that many rows. Give the "
        "longest memory of the model (the adstock's or the lags' length), or leave it out to use all rows"
    )


def _continues(build: Build) -> bool:
    """Whether a variable that grows with the rows goes on from one row to the next."""
    graph = build.graph
    return any(
        axis_of(rv, axis).in_support
        for rv in graph.free
        for axis in graph.growing.get(rv.name, ())
        if graph.dims(rv.name, rv.ndim)[axis] == graph.row_dim
    )


def _ordered(build: Build, arguments: Arguments) -> tuple[str, ...]:
    """Labelled growing dimensions whose entries continue each other.

    Raises if a new entry would change the effect of the known ones.
    """
    graph = build.graph
    found = []
    for dim in graph.growing_dims:
        if dim == graph.row_dim or dim is None:
            continue
        axes = [
            (rv, axis)
            for rv in graph.free
            for axis in graph.growing.get(rv.name, ())
            if graph.dims(rv.name, rv.ndim)[axis] == dim
        ]
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

    names = [name for name, one in build.index_dims.items() if one == dim and build.row_axis(name) == 0]
    positions = next((arguments["data"][name] for name in names if arguments["data"][name].ndim == 1), None)
    if positions is None:
        return bool(changed(0).any())
    last = int(positions.max())
    if (changed(last) & (positions != last)).any():
        raise UnsupportedModelError(
            f"new labels along {dim!r} would change the effects of the known ones (are effects centred inside the "
            "model?); parametrise them so that each stands by itself"
        )
    return bool((changed(int(positions.min())) & (positions != positions.min())).any())
