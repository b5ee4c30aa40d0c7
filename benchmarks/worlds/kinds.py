"""Kinds of worlds, and histories of each."""

from __future__ import annotations

import numpy as np
import xarray as xr
from benchmarks.worlds.mechanisms import MECHANISMS
from benchmarks.worlds.rows import history
from benchmarks.worlds.truth import Size, Truth, draw_size, still

KINDS = ("still", *MECHANISMS, "mixture_1", "mixture_2", "mixture_3")
"""One mechanism each; mixtures are of two to four that every series draws anew."""


def draw_truth(kind: str, size: Size, rng: np.random.Generator) -> Truth:
    """What holds in one series of a kind."""
    truth = still(size, rng)
    for name in mechanisms_of(kind, rng):
        truth = MECHANISMS[name](truth, rng)
    return truth


def mechanisms_of(kind: str, rng: np.random.Generator) -> list[str]:
    """Names of what a world of a kind is made of."""
    if kind.startswith("mixture"):
        return list(rng.choice(list(MECHANISMS), size=rng.integers(2, 5), replace=False))
    return [] if kind == "still" else [kind]


def simulated(kind: str, group: int, series: int, seed: int = 1) -> tuple[Size, xr.Dataset]:
    """Series of one kind that share their sizes.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    group : int
        Groups of a kind differ in their sizes and share no random number.
    series, seed : int

    Returns
    -------
    Size
    Dataset
        ``x`` (obs, coefficient), ``y``, ``period`` and ``series`` (obs), in time order.
    """
    place = [seed, group, *kind.encode()]
    size = draw_size(np.random.default_rng([*place, 0]))
    parts = []
    for number in range(series):
        rng = np.random.default_rng([*place, 1 + number])
        part = history(draw_truth(kind, size, rng), size, rng)
        parts.append(part.assign_coords(series=("obs", np.full(part.sizes["obs"], number))))
    together = xr.concat(parts, "obs")
    return size, together.isel(obs=np.argsort(together["period"].values, kind="stable"))
