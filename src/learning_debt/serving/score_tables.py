"""A table of scores by batch and candidate: what every strategy is judged on, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import label_text
from learning_debt.typing import Array
from learning_debt.validation import describe, require_numbers

BATCH, CANDIDATE, SCORE, VALIDATION, ROWS = "batch", "candidate", "score", "validation", "rows"
ROW_SCORE, ROW_BATCH = "row_score", "row_batch"
UNIT = "unit"
"""Attribute of a table of scores, or of the variable, as a spell table has it."""
WANTED = "a DataArray or Dataset with dims (batch, candidate), or a data frame with columns batch, candidate and score"


@dataclass(frozen=True)
class ScoreTable:
    """A checked table, as arrays.

    Attributes
    ----------
    scores : ndarray, shape (batches, candidates)
        Mean score of each candidate on each batch, higher is better; NaN where it could not serve.
    validation : ndarray, shape (batches, candidates), or None
        As known before each batch.
    rows : ndarray, shape (batches,)
        What each batch counts for.
    row_scores : ndarray, shape (rows, candidates), or None
        Log score of every row, and `row_batch`, the position of its batch.
    row_batch : ndarray of int, shape (rows,), or None
    batches, candidates : list
        Labels; candidates in the order in which they were made, the newest last.
    unit : str
    """

    scores: Array
    validation: Array | None
    rows: Array
    row_scores: Array | None
    row_batch: NDArray[np.int64] | None
    batches: list[Any]
    candidates: list[str]
    unit: str

    @property
    def available(self) -> NDArray[np.bool_]:
        """Which candidates could serve each batch, shape (batches, candidates)."""
        return ~np.isnan(self.scores)

    def from_batch(self, first: int) -> ScoreTable:
        """The same without the batches before number `first`."""
        rows, places = self.row_scores, self.row_batch
        if rows is not None and places is not None:
            rows, places = rows[places >= first], places[places >= first] - first
        validation = None if self.validation is None else self.validation[first:]
        return ScoreTable(
            self.scores[first:], validation, self.rows[first:], rows, places, self.batches[first:], self.candidates,
            self.unit,
        )  # fmt: skip


def as_score_table(scores: Any, name: str = "scores") -> ScoreTable:
    """A checked table of scores.

    Parameters
    ----------
    scores : DataArray, Dataset or data frame
        A DataArray with dims (batch, candidate). A Dataset with ``score`` of these dims and, where there is such,
        ``validation`` (batch, candidate), ``rows`` (batch), and ``row_score`` (row, candidate) with ``row_batch``
        (row), which stacking reads. A data frame with columns ``batch``, ``candidate`` and ``score``, a row for each
        pair, and maybe ``validation``.
    name : str
        What messages call it.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, a pair comes twice, a batch has no score at all, or numbers are infinite.
    """
    dataset = _as_dataset(scores, name)
    if set(dataset[SCORE].dims) != {BATCH, CANDIDATE}:
        raise ValueError(f"{name} must have dims (batch, candidate), not {dataset[SCORE].dims}")
    values = _numbers(dataset, SCORE, name)
    batch_count, candidate_count = values.shape
    if candidate_count < 2 or batch_count < 1:
        raise ValueError(
            f"{name} must hold at least two candidates and one batch, not {candidate_count} and {batch_count}"
        )
    batches = _labels(dataset, BATCH)
    _require_order(batches, name)
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        where = label_text(batches[int(np.argmax(empty))])
        raise ValueError(f"{name}: no candidate has a score on batch {where}; leave it out")
    candidates = [label_text(one) for one in _labels(dataset, CANDIDATE)]
    if len(set(candidates)) < len(candidates):
        raise ValueError(f"{name} must name each candidate once, not {candidates}")
    validation = _numbers(dataset, VALIDATION, name) if VALIDATION in dataset else None
    rows = np.ones(len(values))
    if ROWS in dataset:
        rows = require_numbers(f"{name} rows", dataset[ROWS], above=0, shape=rows.shape)
    row_scores, row_batch = _row_scores(dataset, len(values), name)
    unit = str(dataset.attrs.get(UNIT, dataset[SCORE].attrs.get(UNIT, "score")))
    return ScoreTable(values, validation, rows, row_scores, row_batch, batches, candidates, unit)


def _as_dataset(scores: Any, name: str) -> xr.Dataset:
    if isinstance(scores, xr.DataArray):
        return scores.to_dataset(name=SCORE)
    if isinstance(scores, xr.Dataset):
        if SCORE not in scores:
            raise ValueError(f"{name} must hold the variable 'score', not {sorted(map(str, scores.data_vars))}")
        return scores
    if isinstance(scores, pd.DataFrame):
        return _from_frame(scores, name)
    raise TypeError(f"{name} must be {WANTED}, not {describe(scores)}")


def _from_frame(frame: pd.DataFrame, name: str) -> xr.Dataset:
    """Batches and candidates in the order in which the frame first names them."""
    missing = [column for column in (BATCH, CANDIDATE, SCORE) if column not in frame]
    if missing:
        raise ValueError(f"{name} lacks the column(s) {missing}; it must be {WANTED}")
    for column in (BATCH, CANDIDATE):
        if frame[column].isna().any():
            row = int(np.argmax(frame[column].isna()))
            raise ValueError(f"{name}: row {row} has no {column}; every score is of a batch and a candidate")
    twice = frame.duplicated([BATCH, CANDIDATE])
    if twice.any():
        batch, candidate = frame.loc[twice, [BATCH, CANDIDATE]].iloc[0]
        raise ValueError(f"{name} holds batch {label_text(batch)} and candidate {label_text(candidate)} twice")
    order = {BATCH: pd.unique(frame[BATCH]), CANDIDATE: pd.unique(frame[CANDIDATE])}
    found = {}
    for column in (SCORE, VALIDATION):
        if column in frame:
            wide = frame.pivot(index=BATCH, columns=CANDIDATE, values=column)
            found[column] = ((BATCH, CANDIDATE), wide.loc[order[BATCH], order[CANDIDATE]].to_numpy())
    return xr.Dataset(found, order)


def _numbers(dataset: xr.Dataset, variable: str, name: str) -> Array:
    values = require_numbers(f"{name} {variable}", dataset[variable].transpose(BATCH, CANDIDATE), finite=False)
    if np.isinf(values).any():
        place = tuple(int(one) for one in np.argwhere(np.isinf(values))[0])
        raise ValueError(
            f"{name} {variable} must be finite, or NaN where a candidate cannot serve; at {place} it is not"
        )
    return values


def _labels(dataset: xr.Dataset, dim: str) -> list[Any]:
    return list(dataset[dim].values) if dim in dataset.coords else list(range(dataset.sizes[dim]))


def _require_order(batches: list[Any], name: str) -> None:
    """Refuse numbers and times that do not increase; of other labels only their place tells."""
    if not all(isinstance(one, int | float | np.number | np.datetime64 | pd.Timestamp) for one in batches):
        return
    for before, after in pairwise(batches):
        if not before < after:
            raise ValueError(
                f"{name} must have its batches in order of time, each once: batch {label_text(after)} comes after "
                f"{label_text(before)}; sort it by batch"
            )


def _row_scores(dataset: xr.Dataset, batches: int, name: str) -> tuple[Array | None, NDArray[np.int64] | None]:
    if ROW_SCORE not in dataset:
        return None, None
    if ROW_BATCH not in dataset:
        raise ValueError(f"{name} holds row_score and no row_batch, which says what batch each row is of")
    values = require_numbers(f"{name} row_score", dataset[ROW_SCORE].transpose(..., CANDIDATE), finite=False)
    if np.isposinf(values).any() or np.isnan(values).all(axis=1).any():
        raise ValueError(f"{name} row_score must be below infinity, and hold a score of one candidate for every row")
    shape = values.shape[:1]
    places = require_numbers(f"{name} row_batch", dataset[ROW_BATCH], at_least=0, at_most=batches - 1, shape=shape)
    if set(places.tolist()) != set(range(batches)):
        raise ValueError(
            f"{name} row_batch must be positions of batches, from 0 to {batches - 1}, and name all of them"
        )
    return values, places.astype(np.int64)
