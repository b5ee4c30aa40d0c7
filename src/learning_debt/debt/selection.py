"""Which parameters a block holds, by name and label, and whether two posteriors can be compared on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.arrays.conjugate.nig import NIG, as_nig
from learning_debt.data import Labels, as_labels, as_past, restored_labels
from learning_debt.debt.estimates import both_exact
from learning_debt.errors import IncomparablePosteriorsError
from learning_debt.forecasters.base import training_data
from learning_debt.typing import Array
from learning_debt.validation import require_instance, require_names, suggestion

SAMPLE_DIMS = ("chain", "draw")
MAXIMUM_ENTRIES = 10
"""Entries of a block that are looked at jointly; beyond, a density ratio cannot be learnt from some thousand draws."""


def exact_pair(forecaster: Any, shadow: Any, deployed: Any) -> tuple[NIG, NIG] | None:
    """Both posteriors as checked NIGs, or None if both are draws."""
    return (as_nig(shadow), as_nig(deployed)) if both_exact(forecaster, shadow, deployed) else None


def rows_before(forecaster: Any, deployed: Any, past: Any) -> xr.Dataset | None:
    """The rows that new data follow, where the model needs them: `past`, else the deployed posterior's own data."""
    if past is not None:
        return as_past(past, forecaster.observation_dim, ())
    return training_data(deployed) if forecaster.needs_past else None


class Block(NamedTuple):
    """Some entries of a variable: their positions along its flattened axes."""

    label: str
    variable: str
    places: Array


def chosen_blocks(group: xr.Dataset, blocks: Any, joint: bool) -> Iterator[Block]:
    """The blocks asked for; see `debt_by_block`."""
    names = [str(name) for name in group.data_vars]
    if blocks is not None and not isinstance(blocks, Mapping):
        blocks = require_names("blocks", [blocks] if isinstance(blocks, str) else blocks)
    wanted: Mapping[str, Any] = (
        blocks if isinstance(blocks, Mapping) else dict.fromkeys(names if blocks is None else blocks)
    )
    for name, selection in wanted.items():
        _require_name(name, names, "blocks: the posterior has no variable")
        if selection is not None:
            require_instance(f"blocks[{name!r}]", selection, Mapping, "a mapping of dimensions to labels, or None")
        entries = group[name].isel(chain=0, draw=0, drop=True)
        places = xr.DataArray(np.arange(entries.size).reshape(entries.shape), entries.coords, entries.dims)
        labels = _entry_labels(name, places)
        picked = np.atleast_1d(_select(places, selection or {}, name).values.ravel())
        if not joint:
            yield from (Block(labels[place], name, np.array([place])) for place in picked)
            continue
        if picked.size > MAXIMUM_ENTRIES:
            raise ValueError(
                f"{name!r} has {picked.size} entries; at most {MAXIMUM_ENTRIES} can be looked at jointly. "
                "Leave joint=False, or choose entries: blocks={...: {dimension: labels}}"
            )
        some = "" if picked.size == entries.size else f"[{', '.join(labels[k][len(name) + 1 : -1] for k in picked)}]"
        yield Block(f"{name}{some}", name, picked)


def _entry_labels(name: str, places: xr.DataArray) -> list[str]:
    """``name[label, label]`` of every entry, in flattened order."""
    if places.ndim == 0:
        return [name]
    axes = [_labels(places, str(dim)).texts for dim in places.dims]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, places.shape), indexing="ij")], axis=1)
    return [f"{name}[{', '.join(axes[k][i] for k, i in enumerate(place))}]" for place in grid]


def _select(places: xr.DataArray, selection: Mapping[str, Any], name: str) -> xr.DataArray:
    for dim, wanted in selection.items():
        _require_name(dim, [str(known) for known in places.dims], f"{name!r} has no dimension")
        known = _labels(places, dim)
        several = isinstance(wanted, list | np.ndarray | pd.Index) or (
            isinstance(wanted, tuple) and not (known.kind is not None and known.kind.name == "tuple")
        )
        given = as_labels(list(wanted) if several else [wanted], f"blocks: {name!r} along {dim!r}")
        alike = given.kind == known.kind
        positions = given.positions(known) if alike else np.full(len(given), -1)
        for text in [given.texts[place] for place in np.flatnonzero(positions < 0)]:
            kinds = "" if alike else f" ({given.kind}; labels there are {known.kind})"
            hint = suggestion(text, known.texts) if alike else ""
            raise KeyError(
                f"{name!r} has no entry along {dim!r} labelled {text!r}{kinds}{hint} (it has {known.texts[:20]})"
            )
        places = places.isel({dim: positions})
    return places


def _labels(array: xr.DataArray, dim: str) -> Labels:
    """Labels along a dimension, as they were before they were stored; one without labels counts from 0."""
    return restored_labels(array[dim].values, array[dim].attrs, f"the labels of {dim!r}")


def _require_name(name: Any, present: Sequence[Any], what: str) -> None:
    if name not in present:
        raise KeyError(f"{what} {name!r}{suggestion(name, present)} (it has {list(present)[:20]})")


def require_same_labels(block: Block, shadow: xr.Dataset, deployed: xr.Dataset) -> None:
    """A forecaster checks its own posteriors; this guards the positions that a block was chosen by."""
    if block.variable not in deployed:
        raise IncomparablePosteriorsError(f"the deployed posterior has no variable {block.variable!r}")
    ours, theirs = (
        {str(dim): _labels(one[block.variable], str(dim)) for dim in one[block.variable].dims if dim not in SAMPLE_DIMS}
        for one in (shadow, deployed)
    )
    if list(ours) != list(theirs) or not all(ours[dim].same_as(theirs[dim]) for dim in ours):
        first, second = ({dim: one.texts for dim, one in each.items()} for each in (ours, theirs))
        raise IncomparablePosteriorsError(
            f"the labels of {block.variable!r} are {first} in the shadow and {second} in the deployed posterior"
        )
