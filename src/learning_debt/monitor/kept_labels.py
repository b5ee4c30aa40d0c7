"""Labels of periods in the ledger: text that people read, and that turns back into the owner's label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from learning_debt.data import Labels, as_labels, plain_labels, restored_labels, stored_labels


def written_label(label: Any) -> str:
    """A label as JSON: what numpy holds of it, its type there, and what it needs to be turned back.

    Examples
    --------
    >>> written_label("2024-W05"), written_label(np.datetime64("2024-01-05"))
    ('["2024-W05", "<U8", {}]', '["2024-01-05", "<M8[D]", {}]')
    >>> read_labels([written_label(7), written_label(8)])
    [7, 8]
    """
    values, attributes = stored_labels([label], "period")
    array = np.asarray(values).reshape(-1)
    value = str(array[0]) if array.dtype.kind in "MU" else array[0].item()
    return json.dumps([value, array.dtype.str, attributes])


def read_labels(written: Sequence[str]) -> list[Any]:
    """Labels as plain Python values, as they are compared and shown."""
    return plain_labels(labels_of(written).index) if written else []


def labels_of(written: Sequence[str], what: str = "periods of the ledger") -> Labels:
    """Labels as `learning_debt.data.as_labels` has them."""
    values, attributes = stored_of(written)
    return restored_labels(values, attributes, what) if len(written) else as_labels([], what)


def stored_of(written: Sequence[str]) -> tuple[Any, dict[str, str]]:
    """What numpy and netCDF hold of labels, and the attributes that turn them back."""
    parts = [json.loads(text) for text in written]
    attributes = parts[0][2] if parts else {}
    return np.array([np.array(value, dtype=kind) for value, kind, _ in parts]), attributes
