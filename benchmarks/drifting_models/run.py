"""All series of the study, one file a series, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import xarray as xr

from drifting_models.models import forecaster
from drifting_models.tables import Case, file_of, stored_table, together
from drifting_models.worlds import WORLDS, World


def cases(rounds: int, worlds: Sequence[World] = WORLDS) -> Iterator[Case]:
    """Series in rounds of one of every kind, so that a run cut short is balanced."""
    for number in range(rounds):
        for world in worlds:
            for shift in world.shifts:
                yield Case(world, shift, number)


def run(planned: Sequence[Case], seed: int, directory: Path, minutes: float = float("inf")) -> dict[str, xr.Dataset]:
    """Tables by model, of the rounds that are whole; no new series is begun after `minutes`."""
    directory.mkdir(parents=True, exist_ok=True)
    forecasters = {case.world.name: forecaster(case.world.name) for case in planned}
    begun, done = perf_counter(), {}
    for case in planned:
        if perf_counter() - begun > 60 * minutes and not file_of(directory, case).exists():
            continue
        started = perf_counter()
        done[case] = stored_table(directory, forecasters, case, seed)
        if (taken := perf_counter() - started) > 1:
            print(f"{time.strftime('%H:%M')} {case.world.name} {case[1:]}: {taken:.0f} s", flush=True)
    print(f"{time.strftime('%H:%M')} {len(done)} of {len(planned)} series", flush=True)
    rounds = {case.number for case in planned}
    whole = [number for number in rounds if {case for case in planned if case.number == number} <= set(done)]
    found = {}
    for name in forecasters:
        own = [case for case in done if case.world.name == name and case.number in whole]
        if own:
            found[name] = together([done[case] for case in own], own)
    return found
