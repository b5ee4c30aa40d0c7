"""Work that is handed to other processes or machines, or done here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import cloudpickle

KEPT = 4
"""Things that all pieces share, of the last ones that came, which a worker keeps."""


def mapped[Shared, Item, Result](
    executor: Executor | None, function: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item]
) -> Iterator[Result]:
    """``function(shared, item)`` of all items, in their order.

    Whatever travels is pickled by cloudpickle, so that functions and classes of a notebook do, too. `shared` is
    unpacked once a worker, not once an item: what it compiles serves all items there.

    Examples
    --------
    >>> list(mapped(None, pow, 2, [3, 4]))
    [8, 16]
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as threads:
    ...     list(mapped(threads, lambda base, power: base**power, 2, [3, 4]))
    [8, 16]
    """
    if executor is None:
        yield from map(partial(function, shared), items)
        return
    with _named_losses():
        if isinstance(executor, ThreadPoolExecutor):
            with _named_shutdown():
                results = executor.map(partial(function, shared), items)
            yield from results
        else:
            run = partial(_run, cloudpickle.dumps((function, shared)))
            with _named_shutdown():
                futures = [executor.submit(run, cloudpickle.dumps(item)) for item in items]
            yield from _fetched(futures)


def _fetched[Result](futures: list[Future[Result]]) -> Iterator[Result]:
    """Results in the order of their futures, each fetched as it comes and its future dropped.

    What has been fetched is no longer the worker's to lose: dask works out again what a future still stands for.
    """
    places, results = {future: place for place, future in enumerate(futures)}, {}
    futures.clear()
    try:
        for future in as_completed(list(places)):
            results[places.pop(future)] = future.result()
            del future
    finally:
        for future in places:
            future.cancel()
    yield from (results.pop(place) for place in sorted(results))


def _run(shared: bytes, item: bytes) -> Any:
    function, unpacked = _unpacked(shared)
    return function(unpacked, cloudpickle.loads(item))


@lru_cache(maxsize=KEPT)
def _unpacked(content: bytes) -> Any:
    return cloudpickle.loads(content)


@contextmanager
def _named_shutdown() -> Iterator[None]:
    """Say of an executor that was shut down before it was given work how that comes about."""
    try:
        yield
    except BrokenExecutor:  # a RuntimeError as well
        raise
    except RuntimeError as error:
        error.add_note(
            "executor= takes no more work, as after its with block; spell_tables makes a table when it is asked for, "
            "so go through them inside the block"
        )
        raise


@contextmanager
def _named_losses() -> Iterator[None]:
    """Say of workers that went away what to do; an error of the work itself stays as it is."""
    try:
        yield
    except Exception as error:
        gone = isinstance(error, (BrokenExecutor, CancelledError)) or type(error).__module__.startswith("distributed")
        if gone:
            error.add_note(
                "a worker that executor= works with has gone away, as when its memory is used up or its cluster is "
                "closed; what a table with store=DIR had kept is whole, and the same call goes on from it"
            )
        raise
