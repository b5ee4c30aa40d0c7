"""Real histories to learn policies from, loaded from data that installed packages carry; none is in the bench.

Each is a regression that an owner might forecast a public series with. The data are not shipped here: they belong to
those who published them, and come with the packages that ``requirements.txt`` beside this file names. Where a series
shares its subject and its years with one of the bench, it is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import xarray as xr
from benchmarks.worlds.development import demand, economy, markets, nature, sales

DEVELOPMENT_HISTORIES: Mapping[str, Callable[[], xr.Dataset]] = MappingProxyType(
    {load.__name__: load for part in (demand, nature, economy, markets) for load in part.HISTORIES} | sales.HISTORIES
)
"""Loads ``x`` (obs, coefficient), ``y``, ``period`` and, where there are several, ``series`` (obs), by name."""
