"""Whether numba can keep what it compiles on disk."""

from __future__ import annotations

from numba import njit


def _probe() -> int:
    return 0


def can_cache() -> bool:
    """Whether there is a folder to cache in: this package's, the user's, or ``NUMBA_CACHE_DIR``.

    A read-only install without a home has none, and there ``cache=True`` would raise at import.
    """
    try:
        njit(cache=True)(_probe)
    except (RuntimeError, OSError):
        return False
    return True


CACHE = can_cache()
"""For numba's ``cache=``: without it every process compiles anew, which takes seconds, and gives the same numbers."""
