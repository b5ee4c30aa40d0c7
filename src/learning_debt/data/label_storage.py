"""Labels as numpy and netCDF hold them, and back."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from learning_debt.data.labels import Kind, Labels, as_labels, flat, objects

KIND = "learning_debt_label_kind"
"""Attribute of a stored coordinate that says how its text or numbers turn back into labels."""


def stored_labels(values: Any, what: str = "labels") -> tuple[NDArray[Any], dict[str, str]]:
    """Labels as numpy and netCDF hold them, and the attributes that `restored_labels` needs to turn them back.

    Dates with a time zone become UTC dates; periods, intervals and tuples become text.

    Examples
    --------
    >>> array, attributes = stored_labels(pd.period_range("2024-01", periods=2, freq="M"))
    >>> array.tolist(), restored_labels(array, attributes).index.tolist()
    (['2024-01', '2024-02'], [Period('2024-01', 'M'), Period('2024-02', 'M')])
    """
    labels = as_labels(values, what)
    kind, index = labels.kind, labels.index
    if kind is None:
        return np.asarray(values), {}
    if kind.plain:
        return _plain_array(flat(values), labels), {}
    note: dict[str, Any] = _described(kind)
    if kind.name == "date with a time zone":
        note["zone"] = str(index.tz)
        return index.tz_convert("UTC").tz_localize(None).to_numpy(), {KIND: json.dumps(note)}
    if kind.name == "duration":
        return index.to_numpy().astype("timedelta64[ns]").astype("int64"), {KIND: json.dumps(note)}
    return np.array([_written(label, kind) for label in index], dtype=np.str_), {KIND: json.dumps(note)}


def restored_labels(values: Any, attributes: Any = None, what: str = "labels") -> Labels:
    """Labels from their stored form; without the attribute, what stands there is what they are."""
    note = json.loads((attributes or {}).get(KIND, "null"))
    if note is None or note["name"] == "date":
        return as_labels(values, what)
    kind, array = _kind_from(note), np.asarray(values)
    if kind.name == "date with a time zone":
        return Labels(pd.DatetimeIndex(array).tz_localize("UTC").tz_convert(note["zone"]), kind, what)
    if kind.name == "duration":
        return Labels(pd.TimedeltaIndex(array.astype("timedelta64[ns]")), kind, what)
    if kind.name == "period":
        return Labels(pd.PeriodIndex(array.astype(str), freq=kind.detail), kind, what)
    return Labels(objects([_read(str(text), kind) for text in array.tolist()]), kind, what)


def stored_dataset(dataset: xr.Dataset) -> xr.Dataset:
    """The same data in types that netCDF holds, where they are labels; `restored_dataset` turns them back.

    Examples
    --------
    >>> months = pd.period_range("2024-01", periods=2, freq="M")
    >>> data = xr.Dataset({"month": ("obs", months.to_numpy())})
    >>> stored_dataset(data)["month"].values.tolist(), restored_dataset(stored_dataset(data)).equals(data)
    (['2024-01', '2024-02'], True)
    """
    stacked = [name for name, index in dataset.indexes.items() if isinstance(index, pd.MultiIndex)]
    levels = {str(dataset.indexes[name].name or name) for name in stacked}
    flat_data = dataset.reset_index(sorted(levels & set(dataset.dims))) if stacked else dataset
    changed = {}
    for name, variable in flat_data.variables.items():
        if variable.dtype.kind in "biufUST" or KIND in variable.attrs:
            continue
        try:
            array, attributes = stored_labels(variable.values)
        except (TypeError, ValueError):  # no labels: a column that no model uses
            continue
        if array.dtype.kind == "M" and not attributes:
            attributes = {KIND: json.dumps(_described(Kind("date")))}
        if KIND in attributes:  # a file gives back nanoseconds, which are numbers in a list of Python
            note = {**json.loads(attributes[KIND]), "came_as": _came_as(variable.values)}
            attributes = {KIND: json.dumps(note)}
        changed[name] = xr.Variable(variable.dims, array.reshape(variable.shape), {**variable.attrs, **attributes})
    return _with(flat_data, changed)


def restored_dataset(dataset: xr.Dataset) -> xr.Dataset:
    """Data from their stored form: columns that netCDF could not hold are arrays of Python objects again."""
    changed = {}
    for name, variable in dataset.variables.items():
        if KIND in variable.attrs:
            index = restored_labels(variable.values.ravel(), variable.attrs).index
            values = _as_they_came(index, json.loads(variable.attrs[KIND]).get("came_as", "objects"))
            attributes = {key: value for key, value in variable.attrs.items() if key != KIND}
            changed[name] = xr.Variable(variable.dims, values.reshape(variable.shape), attributes)
    return _with(dataset, changed)


def _came_as(values: NDArray[Any]) -> str:
    """The type of an array of dates or durations; of objects, whether they are days."""
    if values.dtype.kind in "mM":
        return str(values.dtype)
    days = values.size and all(isinstance(value, date) and not isinstance(value, datetime) for value in values.ravel())
    return "days" if days else "objects"


def _as_they_came(index: pd.Index, came_as: str) -> NDArray[Any]:
    if came_as == "days":
        return np.array([moment.date() for moment in index], dtype=object)
    return index.astype(object).to_numpy() if came_as == "objects" else index.to_numpy().astype(came_as)


def _with(dataset: xr.Dataset, changed: dict[Any, xr.Variable]) -> xr.Dataset:
    coordinates = {name: variable for name, variable in changed.items() if name in dataset.coords}
    others = {name: variable for name, variable in changed.items() if name not in dataset.coords}
    return dataset.assign(others).assign_coords(coordinates)


def _plain_array(array: NDArray[Any], labels: Labels) -> NDArray[Any]:
    """Labels that numpy holds, without the dtype object."""
    if array.dtype.kind not in "OST":
        return array
    if labels.index.dtype != object:
        return np.asarray(labels.index.to_numpy())
    _require_writable(labels)
    return np.array(labels.index.tolist(), dtype=np.str_)


def _require_writable(labels: Labels) -> None:
    """Text that files can hold: without NUL characters, at which they end, and without halves of a character."""
    for text in labels.index:
        if "\0" in text or (not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text)):
            raise ValueError(
                f"{labels.what}: the label {text!r} holds a character that no file can hold; write it another way"
            )


def _described(kind: Kind) -> dict[str, Any]:
    return {"name": kind.name, "detail": kind.detail, "parts": [_described(part) for part in kind.parts]}


def _kind_from(note: dict[str, Any]) -> Kind:
    return Kind(note["name"], note["detail"], tuple(_kind_from(part) for part in note["parts"]))


def _written(label: Any, kind: Kind) -> str:
    if kind.name == "interval":
        left, right = _simple(label.left, kind.parts[0]), _simple(label.right, kind.parts[0])
        opening, closing = "[" if label.closed_left else "(", "]" if label.closed_right else ")"
        return f"{opening}{left}, {right}{closing}"
    if kind.name == "tuple":
        return json.dumps(
            [_simple(item, part) for item, part in zip(label, kind.parts, strict=True)], ensure_ascii=False
        )
    return str(label)


def _simple(label: Any, kind: Kind) -> Any:
    """A part of a label as JSON holds it."""
    if kind.name == "number":
        return int(label) if float(label).is_integer() else float(label)
    if kind.name == "truth value":
        return bool(label)
    if kind.name == "duration":
        return int(pd.Timedelta(label).as_unit("ns").value)
    if kind.name in ("date", "date with a time zone"):
        return pd.Timestamp(label).isoformat()
    return _written(label, kind)


def _read(text: Any, kind: Kind) -> Any:
    if kind.name == "tuple":
        return tuple(_read(item, part) for item, part in zip(json.loads(text), kind.parts, strict=True))
    if kind.name == "interval":
        left, right = text[1:-1].split(", ")
        return pd.Interval(_read(left, kind.parts[0]), _read(right, kind.parts[0]), kind.detail)
    if kind.name == "number":
        return int(text) if float(text).is_integer() else float(text)
    if kind.name == "duration":
        return pd.Timedelta(int(text), "ns")
    if kind.name in ("date", "date with a time zone"):
        return pd.Timestamp(text)
    return pd.Period(text, freq=kind.detail) if kind.name == "period" else text
