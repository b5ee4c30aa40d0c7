"""Group labels: matched by name, encoded as positions, extended where a dimension may grow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

Labels = dict[str, np.ndarray]


def nearest(name: str, present: Iterable[str]) -> str:
    """A hint with the nearest spelling, or nothing."""
    near = difflib.get_close_matches(name, list(present), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def encode(name: str, values: np.ndarray, dim: str, labels: Labels) -> np.ndarray:
    """Positions of labels along `dim`; raises naming the first that is unseen."""
    known = pd.Index(labels[dim])
    codes = known.get_indexer(np.asarray(values).ravel())
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        label = values.ravel()[row]
        shown = sorted(map(str, known))
        raise ValueError(
            f"data variable {name!r} holds the label {str(label)!r} at row {row}, unseen when the posterior was fitted"
            f"{nearest(str(label), shown)} ({dim!r} has {shown[:8]}{'...' if len(shown) > 8 else ''}). Refit with rows "
            f"that carry it, drop the row, or let new labels draw their effects from the prior: growing_dims=({dim!r},)"
        )
    return codes.reshape(values.shape).astype("int64")


def extended(known: np.ndarray, values: np.ndarray, dim: str, ordered: bool) -> np.ndarray:
    """Labels with the unseen ones appended, in the order in which they appear.

    Where order matters (`ordered`) and the known ones are sorted, so are the new ones; none may lie before the last
    known one, since a state in between cannot be drawn.
    """
    unseen = pd.unique(values[pd.Index(known).get_indexer(values) < 0])
    if not len(unseen):
        return known
    alike = known.dtype.kind == unseen.dtype.kind and known.dtype.kind in "iufMU"
    if ordered and alike and (known[1:] >= known[:-1]).all():  # in their own order, so the new ones go on in it
        unseen = np.sort(unseen)
        if len(known) and unseen[0] < known[-1]:
            raise ValueError(
                f"{unseen[0]!s} is a new label along {dim!r} but lies before the last known one, {known[-1]!s}; "
                "states are simulated forward only"
            )
    return np.concatenate([known, unseen.astype(values.dtype)])


def require_labels(
    name: str, variable: xr.Variable, dims: tuple, rows: xr.Dataset, labels: Labels, observation_dim: str
) -> None:
    """Raise unless the other axes of a data variable carry the model's labels in the model's order."""
    for dim, model_dim in zip(variable.dims, dims, strict=True):
        if dim == observation_dim or model_dim not in labels or dim not in rows.coords or dim not in rows.dims:
            continue
        given, expected = rows.variables[dim].values, labels[model_dim]
        if len(given) != len(expected) or not (given == expected).all():
            raise ValueError(
                f"data variable {name!r} is labelled {list(map(str, given))[:8]} along {dim!r}, but the model has "
                f"{list(map(str, expected))[:8]}; reorder with .sel({dim}=...) or refit"
            )
