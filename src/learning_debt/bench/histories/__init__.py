"""The real histories: one a file, each with its source, its licence and what drifted in it."""

from collections.abc import Mapping
from types import MappingProxyType

from learning_debt.bench.histories.inflation import INFLATION
from learning_debt.bench.histories.real_history import PRIORS, RealHistory

__all__ = ["HISTORIES", "PRIORS", "RealHistory", "history_of"]

HISTORIES: Mapping[str, RealHistory] = MappingProxyType({history.name: history for history in (INFLATION,)})
"""Every real history by its name."""


def history_of(name: str) -> RealHistory:
    """The real history called `name`.

    Raises
    ------
    ValueError
        If there is none of that name; the message has those there are.

    Examples
    --------
    >>> history_of("inflation").period
    'quarter'
    """
    if name not in HISTORIES:
        raise ValueError(f"name must be one of {', '.join(HISTORIES)}, not {name!r}")
    return HISTORIES[name]
