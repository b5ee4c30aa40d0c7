"""A strategy on its way over a table of scores, in many runs side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_debt.serving.base import Chosen, Seen, Strategy
from learning_debt.serving.score_tables import ScoreTable


def walk_strategy(
    strategy: Strategy, table: ScoreTable, runs: int, rng: np.random.Generator, *, sees_all: bool = False
) -> NDArray[np.int64]:
    """Who serves each batch in each run, shape (batches, runs).

    Parameters
    ----------
    strategy : Strategy
    table : ScoreTable
    runs : int
    rng : Generator
    sees_all : bool
        Whether it is shown the scores of all candidates; else of those that served, unless it asks for all.

    Raises
    ------
    ValueError
        If it chooses a candidate that could not serve.
    """
    batches, candidates = table.scores.shape
    whole, lanes = sees_all or strategy.sees == "all", np.arange(runs)
    scores = np.full((batches, runs, candidates), np.nan)
    served = np.full((batches, runs), -1, dtype=np.int64)
    unknown = np.full(candidates, np.nan)
    for batch in range(batches):
        validation = unknown if table.validation is None else table.validation[batch]
        seen = Seen(scores[:batch], served[:batch], table.available[: batch + 1], validation)
        chosen = require_available(strategy, strategy.choose(seen, rng), seen)
        served[batch] = chosen
        if whole:
            scores[batch] = table.scores[batch]
        else:
            scores[batch, lanes, chosen] = table.scores[batch, chosen]
    return served


def require_available(strategy: Strategy, chosen: Chosen, seen: Seen) -> Chosen:
    """What a strategy chose, or a refusal if that is no candidate that could serve.

    Raises
    ------
    ValueError
    """
    places, candidates = np.asarray(chosen), seen.available.shape[-1]
    if places.shape != (seen.lanes,) or places.dtype.kind not in "iu":
        raise ValueError(f"choose of {strategy} must return whole numbers of shape ({seen.lanes},), not {chosen!r}")
    if not ((places >= 0) & (places < candidates)).all() or not seen.available[-1][places].all():
        raise ValueError(f"choose of {strategy} must return positions of candidates that can serve, not {places}")
    return places
