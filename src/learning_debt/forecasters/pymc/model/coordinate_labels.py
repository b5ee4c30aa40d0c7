"""Group labels: matched by value, encoded as positions, extended where a dimension may grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import (
    Labels,
    as_labels,
    first_gap,
    read_together,
    require_same_kind,
    restored_labels,
    shows_spacing,
)
from learning_debt.validation import suggestion

GroupLabels = dict[str, Labels]
"""Labels of each dimension that has some."""


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
            f"{suggestion(label, shown)} ({dim!r} has {shown[:8]}{'...' if len(shown) > 8 else ''}). Refit with rows "
            f"that carry it, drop the row, or let new labels draw their effects from the prior: growing_dims=({dim!r},)"
        )
    return codes.reshape(np.shape(values))


def extended(
    known: Labels,
    given: Sequence[Labels],
    dim: str,
    ordered: bool,
    listed: Callable[[], Labels | None] = lambda: None,
) -> Labels:
    """Labels with the unseen ones of all columns `given` appended, in the order in which they appear.

    Where order matters (`ordered`) the new ones are put in order of time. None may lie before the last known one, since
    a state in between cannot be drawn, and none may be left out where the known ones show how they follow each other,
    unless the model has an entry for it all the same: `listed` gives the labels that its coordinate has on these rows.
    """
    unseen = [label for column in given for label in column.index[column.positions(known) < 0]]
    if not unseen:
        return known
    new = as_labels(as_labels(unseen, given[0].what).index.unique(), given[0].what)
    if ordered:
        new = following(known, new, dim, listed)
    return as_labels([*known.index, *new.index], known.what)


def following(known: Labels, new: Labels, dim: str, listed: Callable[[], Labels | None] = lambda: None) -> Labels:
    """The new labels in order of time, with those between that the model lists.

    Raises unless they follow the known ones, with none left out.
    """
    if not len(known):
        return as_labels(new.index.sort_values(), new.what)
    ways = read_together(known, new)
    if not ways:
        raise ValueError(
            f"{new.texts[0]!r} is a new label along {dim!r}, whose states go on from the last one, but the labels that "
            f"the posterior holds, {known.texts[:8]}, are not in their order, so which is the last is not known. Use "
            "dates, periods or numbers, or text that says when it is ('2024-W05', 'week 5'), in order"
        )
    after = [given.points for held, given in ways if given.points.min() > held.points[-1]]
    points = after[0] if after else ways[0][1].points
    new = as_labels(new.index[points.argsort()], new.what)
    if not after:
        raise ValueError(
            f"{new.texts[0]} is a new label along {dim!r} but lies before the last known one, {known.texts[-1]}; "
            "states are simulated forward only"
        )
    gap = first_gap(known, new)
    told = gap is None and shows_spacing(known, new)
    if not told and (whole := _with_those_between(known, new, listed())) is not None:
        return whole
    if gap is not None:
        raise ValueError(
            f"{gap} is left out along {dim!r} between the last label that the posterior holds, {known.texts[-1]}, and "
            f"{new.texts[-1]}, and a new label counts as one step after the one before it. Hand over the rows of {gap} "
            "too (past=...); where it has none, let the model's coordinate list it"
        )
    return new


def _with_those_between(known: Labels, new: Labels, listed: Labels | None) -> Labels | None:
    """The new labels and those that the model lists among them; None where its list does not go on from the known."""
    if listed is None or listed.kind != known.kind or not listed.index.is_unique:
        return None
    begins = np.array_equal(known.positions(listed), np.arange(len(known)))
    places = new.positions(listed)
    if not begins or (places < 0).any() or (np.diff(places) < 0).any():
        return None
    between = as_labels(listed.index[len(known) : places[-1] + 1], new.what)
    return between if first_gap(known, between) is None else None


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
