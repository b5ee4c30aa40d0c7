"""All series of the study, one file a series, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import xarray as xr

from drifting_models.models import forecaster
from drifting_models.tables import Case, stored_table, together
from drifting_models.worlds import PURPOSES, WORLDS, World


def cases(tuning: int, test: int, worlds: Sequence[World] = WORLDS) -> Iterator[Case]:
    """Series in rounds of one of every kind, so that a run cut short is balanced."""
    wanted = {"tuning": tuning, "test": test}
    for number in range(max(tuning, test)):
        for purpose in PURPOSES:
            for world in worlds if number < wanted[purpose] else ():
                for shift in world.shifts:
                    yield Case(world, shift, purpose, number)


def run(
    planned: Sequence[Case], seed: int, directory: Path, minutes: float = float("inf")
) -> dict[tuple[str, str], xr.Dataset]:
    """Tables by (model, purpose); no new series is begun after `minutes`, and only whole rounds count."""
    directory.mkdir(parents=True, exist_ok=True)
    forecasters = {case.world.name: forecaster(case.world.name) for case in planned}
    begun, done = perf_counter(), {}
    for case in planned:
        if perf_counter() - begun > 60 * minutes:
            print(f"{time.strftime('%H:%M')} stopped before {case[1:]} of {case.world.name}", flush=True)
            break
        started = perf_counter()
        done[case] = stored_table(directory, forecasters, case, seed)
        if perf_counter() - started > 1:
            print(
                f"{time.strftime('%H:%M')} {case.world.name} {case[1:]}: {perf_counter() - started:.0f} s", flush=True
            )
    return {
        key: joined for key in dict.fromkeys((c.world.name, c.purpose) for c in planned) if (joined := _of(key, done))
    }


def _of(key: tuple[str, str], done: dict[Case, xr.Dataset]) -> xr.Dataset | None:
    own = [case for case in done if (case.world.name, case.purpose) == key]
    whole = [case for case in own if {(c.shift) for c in own if c.number == case.number} == set(case.world.shifts)]
    return together([done[case] for case in whole], [case.shift for case in whole]) if whole else None
