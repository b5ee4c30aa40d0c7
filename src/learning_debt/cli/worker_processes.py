"""The processes behind ``--jobs``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context


@contextmanager
def worker_processes(jobs: int | None, method: str | None = None) -> Iterator[ProcessPoolExecutor | None]:
    """As many as `jobs`, or one a core; none where one is enough. What is not begun when something fails is dropped.

    `method` says how they begin, as `multiprocessing.get_context` takes it.

    Raises
    ------
    ValueError
    """
    count = os.cpu_count() or 1 if jobs is None else jobs
    if count < 1:
        raise ValueError(f"--jobs must be at least 1, not {count}")
    if count == 1:
        yield None
        return
    with ProcessPoolExecutor(count, mp_context=get_context(method)) as executor:
        executor.submit(int).result()  # those that are forked begin now, before a progress bar's thread is there
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
