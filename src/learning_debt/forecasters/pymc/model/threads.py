"""One thread at a time, where PyMC and PyTensor keep state between calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps

WORKSHOP = threading.RLock()
"""Held while a model is built, compiled, or sampled with `pm.sample`: PyTensor's settings are global, and a model's
data are changed in place."""


def one_at_a_time[Result](function: Callable[..., Result]) -> Callable[..., Result]:
    """`function` for one thread at a time: compiled code keeps the arguments of a call where all calls find them."""
    lock = threading.Lock()

    @wraps(function)
    def call(*arguments: object) -> Result:
        with lock:
            return function(*arguments)

    return call


def in_workshop[Result](function: Callable[..., Result]) -> Callable[..., Result]:
    """`function` while no other thread builds, compiles or changes data in place."""

    @wraps(function)
    def call(*arguments: object, **options: object) -> Result:
        with WORKSHOP:
            return function(*arguments, **options)

    return call
