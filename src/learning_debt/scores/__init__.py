"""Proper scores: what a forecast is worth, in nats, in units of the outcome or in money."""

from __future__ import annotations

from learning_debt.scores.base import Score
from learning_debt.scores.crps import CRPS
from learning_debt.scores.draws_score import DrawsScore
from learning_debt.scores.energy import EnergyScore
from learning_debt.scores.log import LogScore
from learning_debt.scores.stock_losses import NewsvendorLoss, QuantileLoss
from learning_debt.validation import describe, suggestion

__all__ = ["CRPS", "DrawsScore", "EnergyScore", "LogScore", "NewsvendorLoss", "QuantileLoss", "Score", "as_score"]

BY_NAME: dict[str, type[Score]] = {"log": LogScore, "crps": CRPS, "energy": EnergyScore}
WITH_NUMBERS = {
    "quantile": "QuantileLoss(level)",
    "newsvendor": "NewsvendorLoss(under, over, currency)",
    "draws": "DrawsScore(function, name, unit, currency=None)",
}


def as_score(score: Score | str) -> Score:
    """A score by name (``"log"``, ``"crps"``, ``"energy"``), or itself.

    Raises
    ------
    ValueError
        If there is no score of that name, or it needs numbers that a name does not give.
    TypeError
        If `score` is neither a name nor a score.

    Examples
    --------
    >>> as_score("log"), as_score("crps")
    (LogScore(), CRPS())
    """
    if isinstance(score, Score):
        return score
    if not isinstance(score, str):
        hint = ", which must be made first: write its brackets" if isinstance(score, type) else ""
        raise TypeError(f"score must be a name or a Score, not {describe(score)}{hint}")
    if score in BY_NAME:
        return BY_NAME[score]()
    by_object = ", ".join(WITH_NUMBERS.values())
    if score in WITH_NUMBERS:
        raise ValueError(f"the score {score!r} needs more than its name: give {WITH_NUMBERS[score]}")
    hint = suggestion(score, [*BY_NAME, *WITH_NUMBERS])
    raise ValueError(f"no score is called {score!r}{hint or '.'} By name: {', '.join(BY_NAME)}; by object: {by_object}")
