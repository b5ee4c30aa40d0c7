"""Tables of an evaluation: a row a strategy, with intervals; a row a candidate; and every batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.serving.score_tables import BATCH, CANDIDATE, ScoreTable
from learning_debt.typing import Array

STRATEGY = "strategy"


class Course(NamedTuple):
    """What a strategy did: mean score of each run on each batch, and who served; nobody where forecasts are mixed.

    Attributes
    ----------
    scores : ndarray, shape (batches, runs)
    served : ndarray of int, shape (batches, runs), or None
    """

    scores: Array
    served: NDArray[np.int64] | None


def of_strategies(
    courses: Mapping[str, Course], table: ScoreTable, counts: Array, against: str, probability: float,
    rng: np.random.Generator,
) -> xr.Dataset:  # fmt: skip
    """The table of a `ServingEvaluation`.

    Parameters
    ----------
    courses : mapping of str to Course
    table : ScoreTable
    counts : ndarray, shape (batches, resamples)
        How often each resample holds each batch. Runs of a strategy are resampled as well.
    against : str
    probability : float
    rng : Generator
    """
    share = np.column_stack([table.rows, table.rows[:, None] * counts])  # as it was, then the resamples
    share /= share.sum(axis=0)
    pooled = {name: _pooled(course, share, rng) for name, course in courses.items()}
    best_of_batch, best_candidate = (best @ share for best in _best(table))
    rows = []
    for name, course in courses.items():
        numbers = _with_ends("score", pooled[name], probability)
        numbers |= _with_ends("difference", pooled[name] - pooled[against], probability)
        numbers |= _with_ends("regret_to_best_candidate", best_candidate - pooled[name], probability)
        numbers |= _with_ends("regret_to_best_of_batch", best_of_batch - pooled[name], probability)
        rows.append(numbers | {"score_sd": _sd(share[:, 0] @ course.scores), "switches": _switches(course)})
    found = xr.Dataset(
        {name: (STRATEGY, [row[name] for row in rows]) for name in rows[0]},
        {STRATEGY: list(courses), CANDIDATE: table.candidates},
        {"unit": table.unit, "probability": probability, "against": against, "batches": len(table.scores)},
    )
    found["share"] = (STRATEGY, CANDIDATE), [_shares(course, table) for course in courses.values()]
    return found


def _pooled(course: Course, share: Array, rng: np.random.Generator) -> Array:
    """Score over all batches and runs, shape (1 + resamples,): as it was, then of resampled batches and runs."""
    runs, resamples = course.scores.shape[1], share.shape[1] - 1
    held = rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples) / runs
    return np.asarray(((share.T @ course.scores) * np.vstack([np.full(runs, 1 / runs), held])).sum(axis=1))


def _with_ends(name: str, values: Array, probability: float) -> dict[str, float]:
    """A number and the ends of its interval, from its value and those of the resamples."""
    low, high = np.quantile(values[1:], [(1 - probability) / 2, (1 + probability) / 2])
    return {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}


def _best(table: ScoreTable) -> tuple[Array, Array]:
    """Scores of the best candidate of every batch, and of the best single one: NaN where none could always serve."""
    each = np.nanmax(table.scores, axis=1)
    always = table.available.all(axis=0)
    if not always.any():
        return each, np.full(len(each), np.nan)
    pooled = np.where(always, table.rows @ np.nan_to_num(table.scores), -np.inf)
    return each, table.scores[:, int(np.argmax(pooled))]


def _sd(runs: Array) -> float:
    """Standard deviation between runs; 0 of a strategy without chance."""
    return float(runs.std(ddof=1)) if len(runs) > 1 else 0.0


def _switches(course: Course) -> float:
    """Mean over runs of how often another candidate serves than on the batch before."""
    return float("nan") if course.served is None else float((np.diff(course.served, axis=0) != 0).sum(axis=0).mean())


def _shares(course: Course, table: ScoreTable) -> Array:
    """Share of the batches that each candidate served."""
    candidates = len(table.candidates)
    if course.served is None:
        return np.full(candidates, np.nan)
    return np.bincount(course.served.ravel(), minlength=candidates) / course.served.size


def of_candidates(table: ScoreTable) -> xr.Dataset:
    """Of each candidate its pooled score where it could serve, on how many batches, and how often it was the best."""
    can = table.available
    rows = table.rows[:, None] * can
    pooled = (rows * np.nan_to_num(table.scores)).sum(axis=0) / np.where(can.any(axis=0), rows.sum(axis=0), np.nan)
    best = table.scores == np.nanmax(table.scores, axis=1, keepdims=True)
    return xr.Dataset(
        {
            "score": (CANDIDATE, pooled),
            "batches": (CANDIDATE, can.sum(axis=0)),
            "best_share": (CANDIDATE, (best / best.sum(axis=1, keepdims=True)).mean(axis=0)),
        },
        {CANDIDATE: table.candidates},
        {"unit": table.unit},
    )


def by_batch(courses: Mapping[str, Course], table: ScoreTable) -> xr.DataArray:
    """Score of every strategy on every batch, a mean over runs."""
    means = [course.scores.mean(axis=1) for course in courses.values()]
    coords = {STRATEGY: list(courses), BATCH: table.batches}
    return xr.DataArray(means, coords, (STRATEGY, BATCH), "score", {"unit": table.unit})


def who_served(courses: Mapping[str, Course], table: ScoreTable) -> xr.DataArray:
    """Name of the candidate that served each batch in the first run; empty where all serve together."""
    nobody = np.full(len(table.scores), "")
    names = np.array(table.candidates)
    found = [nobody if course.served is None else names[course.served[:, 0]] for course in courses.values()]
    return xr.DataArray(found, {STRATEGY: list(courses), BATCH: table.batches}, (STRATEGY, BATCH), "served")
