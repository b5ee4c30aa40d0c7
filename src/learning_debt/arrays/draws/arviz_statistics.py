"""ArviZ's statistics of arrays, imported when they are first asked for.

Exact forecasters never ask, and the import takes as long as all others together.
"""

from __future__ import annotations

from typing import Any


def array_stats() -> Any:
    """What `arviz_stats.base.array_stats` is: effective sizes, R-hat, Pareto tails."""
    from arviz_stats.base import array_stats as statistics

    return statistics
