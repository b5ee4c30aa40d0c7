"""What a label is: text, number, truth value, date, period, duration, interval or tuple, matched by value."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from learning_debt.validation import describe


@dataclass(frozen=True)
class Kind:
    """What labels are; those of two kinds never match.

    Attributes
    ----------
    name : str
        One of ``text``, ``number``, ``truth value``, ``date``, ``date with a time zone``, ``duration``, ``period``,
        ``interval``, ``tuple``.
    detail : str
        Frequency of a period; closed side of an interval.
    parts : tuple of Kind
        What a tuple or the ends of an interval are made of.
    """

    name: str
    detail: str = ""
    parts: tuple[Kind, ...] = ()

    def __str__(self) -> str:
        """The kind in words, as messages name it."""
        if self.name == "period":
            return f"period of frequency {self.detail!r}"
        if self.name == "interval":
            return f"interval of {self.parts[0]} closed on {self.detail}"
        if self.name == "tuple":
            return f"tuple of {', '.join(map(str, self.parts))}"
        return self.name

    @property
    def plural(self) -> str:
        """The kind in words, for several labels."""
        word, space, rest = str(self).partition(" of " if self.parts or self.detail else " with ")
        return word if word == "text" else f"{word}s{space}{rest}"

    @property
    def plain(self) -> bool:
        """Whether numpy and netCDF hold such labels as they are."""
        return self.name in ("text", "number", "truth value", "date")

    @property
    def time(self) -> bool:
        """Whether such labels are moments or stretches of time."""
        return self.name in ("date", "date with a time zone", "period")


@dataclass(frozen=True)
class Labels:
    """Labels in one form, whatever they came in: an index of pandas whose entries compare by what they mean.

    Attributes
    ----------
    index : pandas.Index
    kind : Kind or None
        None where there is no label at all.
    what : str
        What messages call them.
    """

    index: pd.Index
    kind: Kind | None
    what: str

    def __len__(self) -> int:
        return len(self.index)

    @property
    def increasing(self) -> bool:
        """Whether each label comes after the one before it."""
        return bool(self.index.is_monotonic_increasing and self.index.is_unique)

    @cached_property
    def texts(self) -> list[str]:
        """Each label as messages and plots show it."""
        return [label_text(label) for label in self.index]

    def same_as(self, other: Labels) -> bool:
        """Whether both hold the same labels in the same order; labels of two kinds are not the same."""
        if len(self) != len(other) or (len(self) and self.kind != other.kind):
            return False
        return all(first == second for first, second in zip(self.index, other.index, strict=True))

    def positions(self, known: Labels) -> NDArray[np.int64]:
        """Position of each label among the `known` ones, -1 where it is none of them.

        Raises
        ------
        ValueError
            If the two are of different kinds, or a known label is there twice.
        """
        require_same_kind(self, known)
        if not known.index.is_unique:
            twice = known.index[known.index.duplicated()][0]
            raise ValueError(f"{known.what} hold the label {label_text(twice)!r} more than once")
        given, held = self.index, known.index
        if given.dtype != held.dtype and not isinstance(held, pd.DatetimeIndex):  # exact where floats would round
            given, held = given.astype(object), held.astype(object)
        return held.get_indexer(given).astype("int64")


def as_labels(values: Any, what: str = "labels") -> Labels:
    """Labels of any kind in one form.

    ``1`` and ``1.0`` are one label, ``"1"`` and ``True`` others. A date is the midnight that begins it, and one
    instant is one label in every time zone. A category is the value it stands for.

    Parameters
    ----------
    values : array-like
        One-dimensional; of more dimensions, it is read row by row.
    what : str
        Subject of the messages.

    Raises
    ------
    TypeError
        If some are of different kinds, or of a kind that is no label.
    ValueError
        If a label is missing.

    Examples
    --------
    >>> as_labels(["a", "b"]).kind
    Kind(name='text', detail='', parts=())
    >>> as_labels([3, 1]).positions(as_labels([1.0, 2.0, 3.0])).tolist()
    [2, 0]
    >>> as_labels(["3"], "the batch").positions(as_labels([3]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: the batch: the label '3' is text, but labels of labels such as 3 are numbers. Labels match ...
    """
    array = flat(values)
    missing = np.flatnonzero(pd.isna(array))
    if len(missing):
        raise ValueError(f"{what}: the label at position {missing[0]} is missing")
    kind = _common_kind(array, what)
    return Labels(pd.Index([]) if kind is None else _index(array, kind), kind, what)


def require_same_kind(given: Labels, known: Labels) -> None:
    """Raise a ``ValueError`` naming a label of each and what it is, unless both are of one kind."""
    if given.kind is None or known.kind is None or given.kind == known.kind:
        return
    first, other = (
        repr(text) if kind.name == "text" else text
        for text, kind in ((given.texts[0], given.kind), (known.texts[0], known.kind))
    )
    raise ValueError(
        f"{given.what}: the label {first} is {_article(given.kind)}, but labels of {known.what} such as {other} are "
        f"{known.kind.plural}. Labels match by value, never across kinds: give {known.kind.plural}"
    )


def label_text(label: Any) -> str:
    """One label as messages and plots show it: dates without a time of day that is midnight.

    Examples
    --------
    >>> label_text(pd.Timestamp("2024-01-05")), label_text(("Graz", 1)), label_text(np.float64(2.0))
    ('2024-01-05', "('Graz', 1)", '2')
    """
    if isinstance(label, tuple):
        return f"({', '.join(repr(item) if isinstance(item, str) else label_text(item) for item in label)})"
    if isinstance(label, np.datetime64 | datetime):
        moment = pd.Timestamp(label)
        midnight = moment == moment.normalize() and moment.tzinfo is None
        return str(moment.date()) if midnight else str(moment)
    if isinstance(label, np.timedelta64 | timedelta):  # numpy counts its own among integers
        return str(pd.Timedelta(label))
    if isinstance(label, bool | np.bool_ | str):
        return str(label)
    if isinstance(label, int | float | np.integer | np.floating):
        number = float(label)
        return str(int(label)) if number.is_integer() else str(number)
    return str(label)


def flat(values: Any) -> NDArray[Any]:
    """The values as a flat numpy array, tuples kept whole."""
    values = np.ma.filled(values.astype(object), None) if np.ma.isMaskedArray(values) else values
    if isinstance(values, pd.MultiIndex) or (not isinstance(values, np.ndarray) and _of_tuples(values)):
        return objects(list(values)).to_numpy()
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy()).ravel()
    mixed = isinstance(values, list | tuple) and len({type(value) for value in values}) > 1
    return np.asarray(values, dtype=object if mixed else None).ravel()  # else numpy would make one kind of them


def _of_tuples(values: Any) -> bool:
    return isinstance(values, list | tuple) and any(isinstance(value, tuple) for value in values)


def objects(values: list[Any]) -> pd.Index:
    """Labels as they are, tuples included, which pandas would make levels of."""
    return pd.Index(values, dtype=object, tupleize_cols=False)


def _common_kind(array: NDArray[Any], what: str) -> Kind | None:
    by_dtype = {"U": "text", "T": "text", "S": "text", "b": "truth value", "M": "date", "m": "duration"}
    if not len(array):
        return None
    if array.dtype.kind in "iuf":
        return Kind("number")
    if array.dtype.kind in by_dtype:
        return Kind(by_dtype[array.dtype.kind])
    if pd.api.types.infer_dtype(array, skipna=False) == "string":
        return Kind("text")
    first = _kind_of(array[0], what)
    for position, label in enumerate(array):
        kind = _kind_of(label, what)
        if kind != first:
            raise TypeError(
                f"{what}: labels must be of one kind, but {describe(array[0])} at position 0 is {_article(first)} and "
                f"{describe(label)} at position {position} is {_article(kind)}"
            )
    return first


def _kind_of(label: Any, what: str) -> Kind:
    for types, name in _TYPES:
        if isinstance(label, types):
            return Kind(name)
    if isinstance(label, datetime):
        return Kind("date" if label.tzinfo is None else "date with a time zone")
    if isinstance(label, date | np.datetime64):
        return Kind("date")
    if isinstance(label, pd.Period):
        return Kind("period", label.freqstr)
    if isinstance(label, pd.Interval):
        return Kind("interval", label.closed, (_kind_of(label.left, what),))
    if isinstance(label, tuple):
        return Kind("tuple", parts=tuple(_kind_of(item, what) for item in label))
    raise TypeError(
        f"{what}: {describe(label)} is no label; labels are text, numbers, truth values, dates, periods, durations, "
        "intervals, or tuples of them"
    )


_TYPES: tuple[tuple[Any, str], ...] = (
    (bool | np.bool_, "truth value"),
    (str | bytes, "text"),
    (timedelta | np.timedelta64, "duration"),  # before numbers: numpy's durations count as whole numbers
    (numbers.Real | Decimal, "number"),
)


def _index(array: NDArray[Any], kind: Kind) -> pd.Index:
    if kind.name == "text":
        texts = [item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist()]
        return pd.Index(texts, dtype=object)
    if kind.name == "number":
        return pd.Index(_numbers(array))
    if kind.name == "truth value":
        return pd.Index(array.astype(bool))
    if kind.name == "date":
        return pd.DatetimeIndex(array)
    if kind.name == "date with a time zone":
        zones = {str(label.tzinfo) for label in array}
        return pd.DatetimeIndex(array) if len(zones) == 1 else pd.DatetimeIndex(pd.to_datetime(array, utc=True))
    if kind.name == "duration":
        return pd.TimedeltaIndex(array)
    if kind.name == "period":
        return pd.PeriodIndex(array)
    return objects([_canonical(label, kind) for label in array])


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers as int64, whichever type they came in; others as floats."""
    if array.dtype.kind in "iu" or all(float(value).is_integer() and abs(value) < 2**63 for value in array.tolist()):
        return np.array([int(value) for value in array.tolist()])
    return array.astype(float)


def _canonical(label: Any, kind: Kind) -> Any:
    """One label of any kind as a plain value that compares by what it means."""
    if kind.name == "tuple":
        return tuple(_canonical(item, part) for item, part in zip(label, kind.parts, strict=True))
    if kind.name == "interval":
        return pd.Interval(*(_canonical(end, kind.parts[0]) for end in (label.left, label.right)), label.closed)
    held = np.empty(1, dtype=object)
    held[0] = label
    return _index(held, kind)[0]


def _article(kind: Kind) -> str:
    words = str(kind)
    return words if words == "text" else f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
