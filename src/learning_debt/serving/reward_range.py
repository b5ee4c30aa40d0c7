"""Which scores count as rewards 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from learning_debt.validation import require_number, require_numbers

TAIL = 0.05


def score_range(scores: Any) -> tuple[float, float]:
    """Scores that may count as rewards 0 and 1: the 5% and the 95% quantile of those given.

    Where these two are the same, since nearly all scores are, the least and the largest score stand for them.

    Scores on batches that come before those that are decided about know nothing of what is to come. One that is far out
    does not set the range.

    Parameters
    ----------
    scores : array
        Of any shape, at least two different ones; NaN is left out.

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> low, high = score_range(np.linspace(-2.0, -1.0, 21))
    >>> round(low, 2), round(high, 2)
    (-1.95, -1.05)
    """
    values = require_numbers("scores", scores, finite=False)
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [TAIL, 1 - TAIL]) if known.size else (0.0, 0.0)
    if known.size and not low < high:  # nearly all are the same
        low, high = known.min(), known.max()
    if not low < high:
        raise ValueError("scores must hold at least two different numbers to make a range of")
    return float(low), float(high)


def require_range(strategy: Any) -> None:
    """Check `low` and `high` of a strategy, and keep them as floats.

    Raises
    ------
    TypeError, ValueError
    """
    for name in ("low", "high"):
        object.__setattr__(strategy, name, require_number(name, getattr(strategy, name)))
    if not strategy.low < strategy.high:
        raise ValueError(f"high must be above low, the score that counts as reward 0, not {strategy.high:g}")
