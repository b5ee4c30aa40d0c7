"""What a posterior drawn elsewhere says about itself: the rows it was fitted to, the draws its sampler was to make."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.forecasters.pymc.build import Build
from learning_debt.forecasters.pymc.model.graph import Arguments

OBSERVED, COVARIATES = "observed_data", "constant_data"
DIGITS = 1e-4
"""Relative difference that a file with a few digits, or single precision, may make."""


def require_own_rows(
    posterior: xr.DataTree, build: Build, arguments: Arguments, kept: np.ndarray | None = None
) -> None:
    """Raise a ``ValueError`` if the posterior carries the data it was fitted to, and they are others.

    Samplers put outcomes into the group ``observed_data``, other `pm.Data` into ``constant_data``. `arguments` are the
    rows it is said to belong to, the positions `kept` (all where None) of those that it may carry. What one of the two
    lacks is not asked for.
    """
    covariates, observed = (_group(posterior, name) for name in (COVARIATES, OBSERVED))
    found = {name: (COVARIATES, covariates[name]) for name in build.graph.data if name in covariates}
    for outcome in build.graph.outcomes:
        if outcome.name in observed:
            found.setdefault(outcome.data, (OBSERVED, observed[outcome.name]))
    for name, (group, variable) in found.items():
        axis = build.row_axis(name)
        if axis is not None:
            held, given = variable.values, arguments["data"][name]
            if kept is not None and held.ndim > axis and held.shape[axis] > kept[-1]:
                held = np.take(held, kept, axis)  # rows of weight zero were handed to the sampler, too
            _require_alike(name, f"{group}[{str(variable.name)!r}]", held, given, axis)


def warn_if_cut_short(posterior: xr.DataTree) -> None:
    """Warn if nutpie was asked for more draws than the posterior holds: it answers an interrupt with a posterior."""
    settings = _group(posterior, "sample_stats").attrs.get("inference_library_settings")
    sizes = _group(posterior, "posterior").sizes
    if not isinstance(settings, str) or "draw" not in sizes:
        return
    try:
        asked = int(json.loads(settings)["settings"]["num_draws"])
    except (ValueError, KeyError, TypeError):
        return
    if sizes["draw"] < asked:
        warnings.warn(
            f"the posterior holds {sizes['draw']} draws a chain of the {asked} that nutpie was asked for: was it "
            "interrupted? If so, sample again",
            UserWarning,
            stacklevel=4,
        )


def _group(posterior: Any, name: str) -> xr.Dataset:
    return posterior.children[name].to_dataset(inherit=False) if name in posterior.children else xr.Dataset()


def _require_alike(name: str, where: str, held: np.ndarray, given: np.ndarray, axis: int) -> None:
    if held.dtype.kind not in "biuf" or held.ndim != given.ndim:
        return
    remedy = "attach the rows that the posterior was fitted to, in their order"
    if held.shape[axis] != given.shape[axis]:
        raise ValueError(
            f"data: {given.shape[axis]} rows, but the posterior was fitted to {held.shape[axis]}, as its {where} says; "
            f"{remedy}"
        )
    if held.shape != given.shape:
        return
    different = ~np.isclose(held, given, rtol=DIGITS, atol=DIGITS * _size(held), equal_nan=True)
    if different.any():
        place = tuple(np.argwhere(different)[0].tolist())
        raise ValueError(
            f"data: {name!r} is {given[place]} in row {place[axis]}, but {held[place]} in the posterior's own {where}; "
            f"{remedy}"
        )


def _size(values: np.ndarray) -> float:
    """A size that values about zero are small against."""
    finite = np.abs(values[np.isfinite(values)].astype(float))
    return float(np.median(finite)) if finite.size else 0.0
