"""What each strategy would have scored on a history of batches: prequential, over many runs, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from learning_debt.arrays.draws.resampling import resample_counts
from learning_debt.serving.base import Sees, Strategy, require_strategy
from learning_debt.serving.evaluation_result import ServingEvaluation
from learning_debt.serving.evaluation_tables import Course, by_batch, of_candidates, of_strategies, who_served
from learning_debt.serving.score_tables import ScoreTable, as_score_table
from learning_debt.serving.serving_walk import walk_strategy
from learning_debt.serving.stacking import walk_forward_stacking
from learning_debt.serving.standard_strategies import standard_strategies
from learning_debt.validation import (
    require_choice,
    require_instance,
    require_probability,
    require_seed,
    require_text,
    require_whole_number,
)

STACKING, EQUAL = "stacking", "equal weights"
INITIAL_SHARE, FEWEST_INITIAL = 0.2, 2


def evaluate(
    scores: Any,
    strategies: Mapping[str, Strategy] | None = None,
    *,
    initial: int | None = None,
    information: Sees = "served",
    against: str | None = None,
    repetitions: int = 200,
    probability: float = 0.9,
    resamples: int = 2000,
    random_seed: int | None = 0,
) -> ServingEvaluation:
    """What each strategy would have scored, batch by batch, and how much worse that is than the best candidate.

    Parameters
    ----------
    scores : DataArray, Dataset or data frame
        Scores of candidates on batches they had not seen, higher is better, as `candidate_scores` makes them: dims
        (batch, candidate), in order of time and of age, the newest candidate last; NaN where one could not serve. See
        the notes for what else a Dataset may hold.
    strategies : mapping of str to Strategy, optional
        By the name of their row. Left out, those of `standard_strategies`, with settings from the initial batches.
    initial : int, optional
        Batches that come first and are not reported on; strategies know nothing of them but their settings. Left out,
        a fifth of all, at least two, or none where `strategies` are given.
    information : {"served", "all"}
        Whether bandits are shown the score of what served, or those of all candidates. `FollowLeader` sees all always.
    against : str, optional
        Row that differences are to; the first one if left out.
    repetitions : int
        Runs of each strategy that draws random numbers.
    probability : float
        Of the intervals.
    resamples : int
        Of blocks of neighbouring batches, and of runs.
    random_seed : int, optional

    Returns
    -------
    ServingEvaluation

    Raises
    ------
    TypeError, ValueError
        Naming the argument; also if a strategy reads validation scores that are not there.

    Notes
    -----
    A Dataset may hold, beside ``score``: ``validation`` (batch, candidate), what was known of each candidate before the
    batch; ``rows`` (batch), by which batches are weighted; and log scores of single rows, ``row_score`` (row,
    candidate) with ``row_batch`` (row), the position of each row's batch. With the last two there are two more rows,
    ``"stacking"`` and ``"equal weights"``, in which all candidates serve together.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(1)
    >>> table = xr.DataArray(rng.normal([0.0, 0.5], 0.3, size=(60, 2)), dims=("batch", "candidate"))
    >>> found = evaluate(table, initial=10, repetitions=20, resamples=100)
    >>> found.best_candidate, bool(found.table["regret_to_best_candidate"].sel(strategy="follow the leader") < 0.05)
    ('1', True)
    """
    whole = as_score_table(scores)
    require_choice("information", information, ("served", "all"))
    for name, value in (("repetitions", repetitions), ("resamples", resamples)):
        require_whole_number(name, value, at_least=1)
    require_probability("probability", probability)
    rng = np.random.default_rng(require_seed("random_seed", random_seed))
    first = _initial(initial, len(whole.scores), strategies is None)
    table = whole.from_batch(first)
    chosen = _strategies(strategies, whole, table, first)
    if against is not None:
        require_choice("against", require_text("against", against), list(chosen))
    courses = {
        name: _walked(strategy, table, repetitions, rng, information == "all") for name, strategy in chosen.items()
    }
    courses |= _mixed(table)
    counts = resample_counts(1, len(table.scores), resamples, rng)
    return ServingEvaluation(
        table=of_strategies(courses, table, counts, against or next(iter(courses)), probability, rng),
        candidates=of_candidates(table),
        batch_scores=by_batch(courses, table),
        served=who_served(courses, table),
        information=information,
    )


def _initial(initial: int | None, batches: int, own: bool) -> int:
    if initial is None:
        return min(max(FEWEST_INITIAL, int(INITIAL_SHARE * batches)), batches - 1) if own else 0
    return require_whole_number("initial", initial, at_least=0, at_most=batches - 1)


def _strategies(
    given: Mapping[str, Strategy] | None, whole: ScoreTable, table: ScoreTable, first: int
) -> dict[str, Strategy]:
    """By name, each of them possible."""
    if given is None:
        if first == 0:
            raise ValueError("initial must be at least 1 where strategies are left out: their settings come from it")
        if np.unique(whole.scores[:first][~np.isnan(whole.scores[:first])]).size < 2:
            raise ValueError(
                f"scores: those of the first {first} batches are all the same, and settings of strategies come from "
                "them; set initial to more batches, or give strategies"
            )
        found = standard_strategies(whole.scores[:first])
        return {name: one for name, one in found.items() if not one.requires or table.validation is not None}
    require_instance("strategies", given, Mapping, "a mapping of names to strategies, such as {'naive': Naive()}")
    if not given:
        raise ValueError("strategies must hold at least one strategy")
    for name, one in given.items():
        require_text("strategies", name, "a mapping of names to strategies")
        if name in (STACKING, EQUAL):
            raise ValueError(f"strategies: {name!r} is the name of a row that is there anyway; choose another one")
        if require_strategy(f"strategies[{name!r}]", one).requires and table.validation is None:
            raise ValueError(
                f"strategies[{name!r}] reads validation scores, and scores has none: give a Dataset with 'score' and "
                "'validation', or leave the strategy out"
            )
    return dict(given)


def _walked(strategy: Strategy, table: ScoreTable, runs: int, rng: np.random.Generator, sees_all: bool) -> Course:
    served = walk_strategy(strategy, table, runs if strategy.random else 1, rng, sees_all=sees_all)
    return Course(np.take_along_axis(table.scores, served, axis=1), served)


def _mixed(table: ScoreTable) -> dict[str, Course]:
    """Rows in which all candidates serve together, where log scores of single rows are there."""
    if table.row_scores is None or table.row_batch is None:
        return {}
    _, stacked = walk_forward_stacking(table.row_scores, table.row_batch, len(table.scores))
    can = ~np.isnan(table.row_scores)
    top = np.nanmax(table.row_scores, axis=1, keepdims=True)
    density = np.where(can, np.exp(table.row_scores - top), 0.0).sum(axis=1) / can.sum(axis=1)
    sums = np.bincount(table.row_batch, np.log(density) + top[:, 0], len(table.scores))
    equal = sums / np.bincount(table.row_batch, minlength=len(table.scores))
    return {STACKING: Course(stacked[:, None], None), EQUAL: Course(equal[:, None], None)}
