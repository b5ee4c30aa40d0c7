"""How well probabilities of an outcome that is yes or no sort and decide: average precision, balanced accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_debt.typing import Array
from learning_debt.validation import require_number, require_numbers


def balanced_accuracy(outcome: Any, probability: Any, *, threshold: float = 0.5) -> float:
    """Mean of the shares of the yes and of the no that are called right, 0 to 1; .5 is a coin's.

    Parameters
    ----------
    outcome : array, shape (rows,)
        1 for yes and 0 for no, or an array of truth values; both must occur.
    probability : array, shape (rows,)
        Of yes, 0 to 1.
    threshold : float
        From which probability on a row is called yes.

    Raises
    ------
    TypeError, ValueError

    See Also
    --------
    average_precision : Needs no threshold.

    Notes
    -----
    It is no proper score: a forecaster may gain by saying what it does not believe. Put the log score beside it.

    References
    ----------
    Brodersen, Ong, Stephan & Buhmann, *The balanced accuracy and its posterior distribution*, ICPR (2010), 3121-3124.

    Examples
    --------
    >>> balanced_accuracy([1, 1, 0, 0, 0], [0.9, 0.4, 0.1, 0.2, 0.3])  # one of two, and three of three
    0.75
    """
    yes, chance = _checked(outcome, probability)
    called = chance >= require_number("threshold", threshold, at_least=0, at_most=1)
    return float((called[yes].mean() + (~called[~yes]).mean()) / 2)


def average_precision(outcome: Any, probability: Any) -> float:
    """Area under the precision-recall curve as a sum of steps, 0 to 1; chance has the share of yes.

    Sum over thresholds of (gain in recall) x precision, rows of one probability taken together.

    Parameters
    ----------
    outcome : array, shape (rows,)
        1 for yes and 0 for no, or an array of truth values; both must occur.
    probability : array, shape (rows,)
        Of yes, or anything that sorts rows as it does, 0 to 1.

    Raises
    ------
    TypeError, ValueError

    See Also
    --------
    balanced_accuracy : At one threshold.

    References
    ----------
    Davis & Goadrich, *The relationship between precision-recall and ROC curves*, ICML (2006), 233-240.

    Examples
    --------
    >>> average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])  # 1/2 x 1 + 1/2 x 2/3
    0.8333333333333333
    """
    yes, chance = _checked(outcome, probability)
    order = np.argsort(-chance, kind="stable")
    last = np.append(np.flatnonzero(np.diff(chance[order])), len(chance) - 1)  # of the rows of one probability
    found = np.cumsum(yes[order])[last]
    return float((np.diff(found, prepend=0) / found[-1]) @ (found / (last + 1)))


def _checked(outcome: Any, probability: Any) -> tuple[NDArray[np.bool_], Array]:
    truth = np.asarray(outcome, dtype=float) if getattr(getattr(outcome, "dtype", None), "kind", "") == "b" else outcome
    said = require_numbers("outcome", truth, at_least=0, at_most=1)
    if said.ndim != 1 or not np.isin(said, (0.0, 1.0)).all() or len(np.unique(said)) < 2:
        raise ValueError("outcome must be 0 or 1 for each row, and both must occur")
    chance = require_numbers("probability", probability, at_least=0, at_most=1, shape=said.shape)
    return said == 1, chance
