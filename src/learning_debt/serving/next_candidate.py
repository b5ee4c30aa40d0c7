"""Which candidate serves the batch after those of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from learning_debt.serving.base import Seen, Strategy, require_strategy
from learning_debt.serving.score_tables import as_score_table
from learning_debt.serving.serving_walk import require_available
from learning_debt.validation import require_choice, require_seed

RUNS = 1000
Missing = Literal["cannot serve", "not scored"]


@dataclass(frozen=True)
class NextCandidate:
    """Result of `choose_next`.

    Attributes
    ----------
    candidate : str
        Which serves the next batch.
    chances : dict of str to float
        Share of runs with other random numbers in which the strategy lets each candidate serve.
    """

    candidate: str
    chances: dict[str, float]


def choose_next(
    scores: Any, strategy: Strategy, *, missing: Missing = "cannot serve", random_seed: int | None = 0
) -> NextCandidate:
    """Which candidate a strategy lets serve the batch after those of a table, all scores of the table being known.

    Parameters
    ----------
    scores : DataArray, Dataset or data frame
        As in `evaluate`. Validation scores of the last batch stand for those before the next one.
    strategy : Strategy
    missing : {"cannot serve", "not scored"}
        What a missing score means. A candidate that could not serve the last batch cannot serve the next one. A record
        that holds the scores of what served, and no others, is ``"not scored"``: then all candidates can serve.
    random_seed : int, optional

    Returns
    -------
    NextCandidate

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> import pandas as pd
    >>> from learning_debt.serving import FollowLeader
    >>> week, score = [1, 1, 2, 2], [-1.2, -1.4, -1.3, -0.9]
    >>> table = pd.DataFrame({"batch": week, "candidate": ["old", "new"] * 2, "score": score})
    >>> choose_next(table, FollowLeader())
    NextCandidate(candidate='new', chances={'old': 0.0, 'new': 1.0})
    """
    table = as_score_table(scores)
    require_strategy("strategy", strategy)
    require_choice("missing", missing, ("cannot serve", "not scored"))
    rng = np.random.default_rng(require_seed("random_seed", random_seed))
    if strategy.requires and table.validation is None:
        raise ValueError("strategy reads validation scores, and scores has none: give a column 'validation'")
    batches, candidates = table.scores.shape
    can = table.available if missing == "cannot serve" else np.ones(table.scores.shape, dtype=bool)
    seen = Seen(
        scores=np.repeat(table.scores[:, None, :], RUNS, axis=1),
        served=np.full((batches, RUNS), -1, dtype=np.int64),
        available=np.vstack([can, can[-1]]),
        validation=np.full(candidates, np.nan) if table.validation is None else table.validation[-1],
    )
    chosen = require_available(strategy, strategy.choose(seen, rng), seen)
    shares = np.bincount(chosen, minlength=candidates) / RUNS
    return NextCandidate(table.candidates[chosen[0]], dict(zip(table.candidates, shares.tolist(), strict=True)))
