"""Proper scores: what a forecast is worth, in nats, in units of the outcome or in money."""

from learning_debt.scores.base import Score
from learning_debt.scores.log import LogScore

__all__ = ["LogScore", "Score", "as_score"]


def as_score(score: "Score | str") -> Score:
    """A score by name, or itself.

    Examples
    --------
    >>> as_score("log")
    LogScore()
    """
    if isinstance(score, Score):
        return score
    if score == "log":
        return LogScore()
    raise ValueError(f"score must be 'log' or a Score, not {score!r}")
