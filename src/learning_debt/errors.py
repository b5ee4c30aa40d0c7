"""The refusals a caller may want to catch by name; every one is a ``ValueError``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UnsupportedModelError(ValueError):
    """The model has a structure this version cannot score correctly; the message says what to change."""


class IncomparablePosteriorsError(ValueError):
    """Two posteriors do not belong to one model on one scale, so no debt exists between them."""


class NotPooledError(ValueError):
    """The posteriors of a replay cannot be made from one pool of draws; the message says why."""


class OtherTableError(ValueError):
    """A store holds the fits of another table.

    Attributes
    ----------
    differences : str
        What is there and what is here, as the message says it.
    """

    def __init__(self, message: str, differences: str = "") -> None:
        super().__init__(message)
        self.differences = differences


class NoJointDensityError(ValueError, NotImplementedError):
    """The joint density of a posterior cannot be evaluated, so no debt can be bridged without overlap."""


class CandidateRefusedError(ValueError):
    """A new posterior was not put into service.

    Attributes
    ----------
    check : object
        The `CandidateCheck` that it did not pass.
    """

    def __init__(self, message: str, check: object = None) -> None:
        super().__init__(message)
        self.check = check


class RegistryError(ValueError, OSError):
    """A model registry did not take what was deployed; the deployment itself stands."""


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Say with an error that passes through where it happened; its kind and message stay.

    Examples
    --------
    >>> try:
    ...     with noted("in period 7"):
    ...         raise ValueError("sigma is negative")
    ... except ValueError as error:
    ...     print(error, error.__notes__)
    sigma is negative ['in period 7']
    """
    try:
        yield
    except Exception as error:
        error.add_note(where)
        raise
