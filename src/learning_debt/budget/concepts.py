"""How long concepts lasted, and what forecasts lost after learning for so long: from spell tables and ledgers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data import SERIES
from learning_debt.policies.base import Policy, require_policy
from learning_debt.pricing.replays import replay
from learning_debt.spells import check_spells
from learning_debt.typing import Array
from learning_debt.validation import require_flag, require_instance, require_whole_number

Cells = tuple[NDArray[np.intp], NDArray[np.intp], Array]
"""Effort, period and loss of some cells."""


def concept_durations(
    spells: xr.Dataset, detector: Policy, *, shortest: int = 1, keep_first: bool = False
) -> xr.Dataset:
    """How long concepts lasted, between the changes that a detector sees in a spell table.

    The detector walks over the table as a policy that retrains at once. Each retrain is a change; the stretch since
    the last one had not ended with the history.

    Parameters
    ----------
    spells : Dataset
        From `spell_table` or your own.
    detector : Policy
        One with a threshold of its own, such as `PageCUSUM` or `Changepoint`: it is told a retrain costs 1.
    shortest : int
        Periods that a concept lasts at least. A retrain that follows sooner belongs to the change before, which is
        still being learned: what was deployed right after a change is soon worse than what has seen more of it.
    keep_first : bool
        Whether to keep the stretch before the first change. It began before the history did, nobody knows when.

    Returns
    -------
    Dataset (concept)
        ``duration`` (periods), ``observed`` (False of those that had not ended), ``series``, and ``begins`` and
        ``ends``, numbers of the periods after which a change was seen; 0 and T where none was. For `fit_durations`.

    Raises
    ------
    TypeError, ValueError, KeyError
        For a table without the signals that the detector reads.

    See Also
    --------
    durations_from_ledger : The same from what a monitor decided.
    concept_losses : What was lost by how long forecasts had learned.

    Notes
    -----
    A detector sees changes late and some that are none: it tells shorter concepts than there are if it is too eager,
    and longer ones, by the changes that it misses, if it is too dull. Delays shift beginning and end alike.
    `CUSUM`, of which the sum never falls, sees a change in the end where there is none: `PageCUSUM` with an allowance
    does not.

    Examples
    --------
    >>> import learning_debt as ld
    >>> age = np.arange(1, 13) - np.arange(12)[:, None]
    >>> changed = (np.arange(12)[:, None] < 6) & (np.arange(1, 13) > 6)
    >>> gap = np.where(age > 0, 1.0 * changed, np.nan)
    >>> spells = xr.Dataset({"score_gap": (("deployed_at", "period"), gap)})
    >>> found = concept_durations(spells, ld.policies.CUSUM(0.5))
    >>> found["duration"].values.tolist(), found["observed"].values.tolist()
    ([5.0], [False])
    """
    require_policy("detector", detector)
    require_whole_number("shortest", shortest, at_least=1)
    require_flag("keep_first", keep_first)
    table = check_spells(spells, detector.requires)
    schedule = replay(table, detector, 1.0).schedule
    rows: list[tuple[int, int, int, bool]] = []
    for place, walked in enumerate(schedule.values):
        changes = (np.flatnonzero(walked) + 1).tolist()
        rows += [(place, *stretch) for stretch in _stretches(changes, walked.size, shortest, keep_first)]
    return _as_concepts(rows, schedule[SERIES].values)


def durations_from_ledger(history: xr.Dataset, *, shortest: int = 1, keep_first: bool = False) -> xr.Dataset:
    """How long concepts lasted by what a monitor decided: from its verdicts to retrain.

    A change is the first verdict to retrain about what was in service; what the owner did then does not matter.

    Parameters
    ----------
    history : Dataset
        From `Monitor.history`.
    shortest, keep_first
        As of `concept_durations`.

    Returns
    -------
    Dataset (concept)
        As of `concept_durations`.

    Raises
    ------
    TypeError, ValueError
        If there is no decision in it.
    """
    require_instance("history", history, xr.Dataset, "what Monitor.history() returns")
    require_whole_number("shortest", shortest, at_least=1)
    require_flag("keep_first", keep_first)
    missing = [name for name in ("verdict", "spell_age") if name not in history]
    if missing or "period" not in history.dims or not history.sizes["period"]:
        lacks = f"variables {missing}" if missing else "decisions"
        raise ValueError(f"history must be what Monitor.history() returns; this one has no {lacks}")
    verdicts, ages = history["verdict"].values, history["spell_age"].values
    changes, seen = [], False
    for place, (verdict, age) in enumerate(zip(verdicts, ages, strict=True), 1):
        seen = seen and age > 1
        if verdict == "retrain" and not seen:
            changes.append(place)
            seen = True
    stretches = _stretches(changes, len(verdicts), shortest, keep_first)
    return _as_concepts([(0, *stretch) for stretch in stretches], np.array([0]))


def concept_losses(spells: xr.Dataset, concepts: xr.Dataset, *, longest: int = 20, delay: int = 0) -> xr.Dataset:
    """What forecasts lost by how many periods of the concept they had learned from: a learning curve's points.

    Parameters
    ----------
    spells : Dataset
        With ``deployed_score`` or, where only differences matter, ``score_gap``.
    concepts : Dataset
        From `concept_durations` of the same table.
    longest : int
        Efforts above are left out, periods.
    delay : int
        Periods that a change takes to be seen. So many before each end are of the next concept, and are left out.

    Returns
    -------
    Dataset (effort)
        ``loss`` a period (minus the score, lower is better), its ``error`` and ``cells`` behind it. Without
        ``deployed_score`` the loss is counted from that of the longest effort. For `fit_learning_curve`.

    Raises
    ------
    TypeError, ValueError, KeyError
        If fewer than two concepts have forecasts of different effort.

    Notes
    -----
    Within a concept that began after period c, a posterior of period s has learned from s - c of its periods. Some
    periods are harder than others for all posteriors, so that losses are explained by a level of the period and a level
    of the effort, by least squares; effort is then as in an average period. Errors are those of the losses beside
    their mean over efforts: how hard the concepts were shifts a curve as a whole, and moves no plan. They are jackknife
    ones over concepts, since losses within a concept depend on each other.

    The effort is counted in periods of new rows, all of which were learned from: a plan of such a curve has a largest
    rate of 1, and a budget below 1 is a share of the rows that are labelled, bought or trained on.
    """
    table = check_spells(spells)
    _require_concepts(concepts)
    require_whole_number("longest", longest, at_least=3)
    require_whole_number("delay", delay, at_least=0)
    lost = -table["deployed_score"].values if "deployed_score" in table else table["score_gap"].values
    parts = [
        _cells_of(lost[place], begins, ends - delay * ended, longest, concept)
        for concept, (place, begins, ends, ended) in enumerate(_places(table, concepts))
    ]
    parts = [part for part in parts if part[0].size]
    if len(parts) < 2:
        raise ValueError("concepts must hold at least two that lasted two periods or more, with forecasts in both")
    whole = _levels(parts, longest)
    without = np.array([_levels([*parts[:one], *parts[one + 1 :]], longest) for one in range(len(parts))])
    shares = np.bincount(np.concatenate([part[0] for part in parts]), minlength=longest + 1)
    without = without - (np.nansum(without * shares, axis=1) / (np.isfinite(without) @ shares))[:, None]
    with np.errstate(invalid="ignore"):
        count = np.isfinite(without).sum(axis=0)
        spread = np.nansum((without - np.nanmean(without, axis=0)) ** 2, axis=0)
        error = np.sqrt(np.maximum(count - 1, 0) / count * spread)
    known = (shares > 0) & (count > 1) & (error > 0)
    if "deployed_score" not in table:
        whole = whole - whole[known][-1]
    values = {"loss": whole[known], "error": error[known], "cells": shares[known]}
    variables = {name: ("effort", of) for name, of in values.items()}
    return xr.Dataset(variables, {"effort": np.flatnonzero(known).astype(float)})


def _stretches(changes: list[int], periods: int, shortest: int, keep_first: bool) -> list[tuple[int, int, bool]]:
    """Beginning, end, and whether each stretch between changes had ended."""
    edges = [0]
    for change in changes:
        edges += [change] if len(edges) == 1 or change - edges[-1] >= shortest else []
    found = [(begin, end, True) for begin, end in pairwise(edges)]
    found += [(edges[-1], periods, False)] if edges[-1] < periods else []
    return found if keep_first else found[1:]


def _as_concepts(rows: list[tuple[int, int, int, bool]], series: Any) -> xr.Dataset:
    columns = {
        "duration": np.array([end - begin for _, begin, end, _ in rows], dtype=float),
        "observed": np.array([ended for *_, ended in rows], dtype=bool),
        "series": np.asarray(series)[[place for place, *_ in rows]] if rows else np.asarray(series)[:0],
        "begins": np.array([begin for _, begin, _, _ in rows], dtype=int),
        "ends": np.array([end for _, _, end, _ in rows], dtype=int),
    }
    return xr.Dataset({name: ("concept", of) for name, of in columns.items()}, {"concept": np.arange(len(rows))})


def _require_concepts(concepts: Any) -> None:
    given = require_instance("concepts", concepts, xr.Dataset, "what concept_durations returns")
    missing = [name for name in ("series", "begins", "ends", "observed") if name not in given]
    if missing:
        raise ValueError(f"concepts must be what concept_durations returns; this one has no {missing}")


def _places(table: xr.Dataset, concepts: xr.Dataset) -> list[tuple[int, int, int, bool]]:
    """Position of each concept's series, between which periods it lasted, and whether it had ended."""
    names = table[SERIES].values.tolist()
    found = []
    columns = [concepts[name].values.tolist() for name in ("series", "begins", "ends", "observed")]
    for name, begins, ends, ended in zip(*columns, strict=True):
        if name not in names or not 0 <= begins < ends <= table.sizes["period"]:
            raise ValueError("concepts must be those of the same table: spells has not all their series and periods")
        found.append((names.index(name), int(begins), int(ends), bool(ended)))
    return found


def _cells_of(lost: Array, begins: int, ends: int, longest: int, concept: int) -> Cells:
    """Effort, period (no two concepts share one) and loss of the forecasts of a concept."""
    part = lost[begins:ends, begins:ends]
    effort, period = np.nonzero(np.triu(np.isfinite(part)))
    kept = effort <= longest
    return effort[kept], period[kept] + concept * 1_000_000, part[effort[kept], period[kept]]


def _levels(parts: list[Cells], longest: int) -> Array:
    """Loss by effort, shape (longest + 1,), in an average period; NaN of efforts that do not occur."""
    effort, period, lost = (np.concatenate([part[which] for part in parts]) for which in range(3))
    _, place, count = np.unique(period, return_inverse=True, return_counts=True)
    one = np.zeros((effort.size, longest + 1))
    one[np.arange(effort.size), effort] = 1.0
    shares = np.zeros((count.size, longest + 1))
    np.add.at(shares, place, one)
    shares /= count[:, None]
    means = np.bincount(place, lost) / count
    level = np.linalg.lstsq(one - shares[place], lost - means[place], rcond=None)[0]
    occurs = one.any(axis=0)
    level = level + (means - shares @ level).mean()
    return np.where(occurs, level, np.nan)
