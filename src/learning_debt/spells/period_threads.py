"""Independent pieces of numerical work on the cores of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

MOST = 4
"""Threads at once, each of which holds the densities of a period."""


def in_threads[Item, Result](function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results in the order of `items`; the first error ends it, and what has not begun is not done.

    Linear algebra takes one thread meanwhile: with several in each of ours they wait for each other, and an audit took
    a third longer.

    Examples
    --------
    >>> list(in_threads(abs, [-2, 1]))
    [2, 1]
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = ThreadPoolExecutor(min(MOST, cores))
    try:
        with threadpool_limits(1, user_api="blas"):
            yield from threads.map(function, items)
    finally:
        threads.shutdown(cancel_futures=True)
