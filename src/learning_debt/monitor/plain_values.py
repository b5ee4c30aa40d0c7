"""What the monitor says, as JSON that any reader takes: no NaN, no classes, labels as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from math import isfinite, isnan
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """A value as JSON knows it.

    A number that is not known is None, an infinite one the text ``"Infinity"`` or ``"-Infinity"``: a debt may be
    infinite, and must not look unknown. Records become their fields, members of an enum their names, dates ISO 8601,
    and labels of any other kind their text.

    Examples
    --------
    >>> plain({"debt": float("inf"), "gap": float("nan"), "ages": np.arange(2)})
    {'debt': 'Infinity', 'gap': None, 'ages': [0, 1]}
    """
    if value is None or (isinstance(value, str | bool | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, np.ndarray):
        return [plain(entry) for entry in value.tolist()] if value.dtype.kind not in "mM" else plain(list(value))
    if isinstance(value, np.generic) and value.dtype.kind not in "mM":
        return plain(value.item())
    if isinstance(value, float):
        return value if isfinite(value) else None if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime | date) and not isinstance(value, timedelta):
        return value.isoformat()
    return str(value)


def json_text(value: Any, indent: int | None = None) -> str:
    r"""`value` as strict JSON in ASCII.

    Examples
    --------
    >>> print(json_text({"label": "Łódź", "debt": float("nan")}))
    {"label": "\u0141\u00f3d\u017a", "debt": null}
    """
    return json.dumps(plain(value), allow_nan=False, indent=indent)
