"""A spell table whose fits are kept beside the report until that is written."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import xarray as xr

import learning_debt as ld
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.errors import OtherTableError


def kept_table(
    console: PlainConsole, forecaster: Any, data: Any, options: dict[str, Any], home: Path, passing: list[Path]
) -> tuple[xr.Dataset, int]:
    """The table, and how many of its fits were there before.

    They are kept in the store of the options, or else in the first directory that holds none of another table, which is
    added to `passing`.
    """
    given = options.get("store")
    if isinstance(forecaster, ld.ConjugateRegression):
        return ld.spell_table(forecaster, data, **options), 0
    places = [Path(given)] if given is not None else (_numbered(home, number) for number in itertools.count(1))
    for place in places:
        kept = _fits_in(place)
        try:
            table = ld.spell_table(forecaster, data, **(options | {"store": place}))
        except OtherTableError as other:
            if given is not None:
                raise
            console.say(f"{place} holds fits of another table ({other.differences}) and is left alone", style="yellow")
        except BaseException as error:
            if _fits_in(place):
                error.add_note(f"the fits so far are kept in {place}; the same command goes on from them")
            raise
        else:
            passing += [place] if given is None else []
            return table, kept
    raise AssertionError("one place or another is free")


def _fits_in(place: Path) -> int:
    return sum(1 for _ in place.rglob("fits/*.nc"))


def _numbered(home: Path, number: int) -> Path:
    return home if number == 1 else home.with_name(f"{home.name}-{number}")
