"""The real histories: one a file, each with its source, its licence and what drifted in it."""

from collections.abc import Mapping
from types import MappingProxyType

from learning_debt.bench.histories.apple import APPLE
from learning_debt.bench.histories.avocado import AVOCADO
from learning_debt.bench.histories.bike import BIKE
from learning_debt.bench.histories.co2 import CO2
from learning_debt.bench.histories.deaths import DEATHS
from learning_debt.bench.histories.inflation import INFLATION
from learning_debt.bench.histories.massachusetts import MASSACHUSETTS
from learning_debt.bench.histories.real_history import PRIORS, RealHistory
from learning_debt.bench.histories.sp500 import SP500
from learning_debt.bench.histories.us_employment import US_EMPLOYMENT

__all__ = ["HISTORIES", "PRIORS", "RealHistory", "history_of"]

_ALL = (INFLATION, DEATHS, CO2, AVOCADO, BIKE, APPLE, SP500, US_EMPLOYMENT, MASSACHUSETTS)
HISTORIES: Mapping[str, RealHistory] = MappingProxyType({history.name: history for history in _ALL})
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
