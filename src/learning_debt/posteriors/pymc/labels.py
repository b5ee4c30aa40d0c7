"""Group labels: matched by value, encoded as positions, extended where a dimension may grow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import Labels, as_labels, first_gap, require_same_kind, restored_labels

GroupLabels = dict[str, Labels]
"""Labels of each dimension that has some."""


def nearest(name: str, present: Iterable[str]) -> str:
    """A hint with the nearest spelling, or nothing."""
    near = difflib.get_close_matches(name, list(present), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def of_model(dim: str, values: Any) -> Labels:
    """Labels of a model's dimension."""
    return as_labels(values, f"the model's coordinate {dim!r}")


def of_posterior(dim: str, dataset: xr.Dataset) -> Labels:
    """Labels of a posterior's dimension, also where they were stored in another form."""
    coordinate = dataset.variables[dim]
    return restored_labels(coordinate.values, coordinate.attrs, f"the posterior's coordinate {dim!r}")


def of_column(name: str, values: Any) -> Labels:
    """Labels in a column of the data."""
    return as_labels(values, f"data variable {name!r}")


def different(given: Labels, expected: Labels) -> list[str]:
    """Labels that one has and the other has not; with their kinds where these differ."""
    if len(given) and len(expected) and given.kind != expected.kind:
        return [f"{given.texts[0]} ({given.kind})", f"{expected.texts[0]} ({expected.kind})"]
    return sorted(set(given.texts) ^ set(expected.texts))


def encode(name: str, values: np.ndarray, dim: str, labels: GroupLabels) -> np.ndarray:
    """Positions of labels along `dim`; raises naming the first that is unseen or of another kind."""
    given, known = of_column(name, values), labels[dim]
    codes = given.positions(known)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        label, shown = given.texts[row], sorted(known.texts)
        raise ValueError(
            f"data variable {name!r} holds the label {label!r} at row {row}, unseen when the posterior was fitted"
            f"{nearest(label, shown)} ({dim!r} has {shown[:8]}{'...' if len(shown) > 8 else ''}). Refit with rows "
            f"that carry it, drop the row, or let new labels draw their effects from the prior: growing_dims=({dim!r},)"
        )
    return codes.reshape(np.shape(values))


def extended(known: Labels, given: Sequence[Labels], dim: str, ordered: bool) -> Labels:
    """Labels with the unseen ones of all columns `given` appended, in the order in which they appear.

    Where order matters (`ordered`) the new ones are put in order. None may lie before the last known one, since a state
    in between cannot be drawn, and none may be left out where the known ones show how they follow each other.
    """
    unseen = [label for column in given for label in column.index[column.positions(known) < 0]]
    if not unseen:
        return known
    together = as_labels(unseen, given[0].what).index.unique()
    new = as_labels(together.sort_values() if ordered else together, given[0].what)
    if ordered:
        _require_next(known, new, dim)
    return as_labels([*known.index, *new.index], known.what)


def _require_next(known: Labels, new: Labels, dim: str) -> None:
    if not known.increasing:
        raise ValueError(
            f"{new.texts[0]!r} is a new label along {dim!r}, whose states go on from the last one, but the labels that "
            f"the posterior holds, {known.texts[:8]}, are not in their order, so which is the last is not known. Use "
            "dates, periods or numbers, or text that sorts as time goes on ('2024-W05', not 'week 5'), in order"
        )
    if len(known) and new.index[0] < known.index[-1]:
        raise ValueError(
            f"{new.texts[0]} is a new label along {dim!r} but lies before the last known one, {known.texts[-1]}; "
            "states are simulated forward only"
        )
    gap = first_gap(known, new)
    if gap is not None:
        raise ValueError(
            f"{gap} is left out along {dim!r} between the last label that the posterior holds, {known.texts[-1]}, and "
            f"{new.texts[-1]}, and a new label counts as one step after the one before it. Hand over the rows of {gap} "
            "too (past=...); where it has none, let the model's coordinate list it"
        )


def require_labels(
    name: str, variable: xr.Variable, dims: tuple, rows: xr.Dataset, labels: GroupLabels, observation_dim: str
) -> None:
    """Raise unless the other axes of a data variable carry the model's labels in the model's order."""
    for dim, model_dim in zip(variable.dims, dims, strict=True):
        if dim == observation_dim or model_dim not in labels or dim not in rows.coords or dim not in rows.dims:
            continue
        given, expected = of_column(str(dim), rows.variables[dim].values), labels[model_dim]
        require_same_kind(given, expected)
        if not given.same_as(expected):
            raise ValueError(
                f"data variable {name!r} is labelled {given.texts[:8]} along {dim!r}, but the model has "
                f"{expected.texts[:8]}; reorder with .sel({dim}=...) or refit"
            )
