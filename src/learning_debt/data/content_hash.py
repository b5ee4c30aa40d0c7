"""A hash of what a dataset holds."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr


def content_hash(data: xr.Dataset) -> str:
    """Hash of a dataset's variables: names, dimensions, types and values.

    Examples
    --------
    >>> one, other = xr.Dataset({"y": ("obs", [1.0, 2.0])}), xr.Dataset({"y": ("obs", [1.0, 2.5])})
    >>> content_hash(one) == content_hash(one.copy(deep=True)), content_hash(one) == content_hash(other)
    (True, False)
    """
    digest = hashlib.sha256()
    for name in sorted(data.variables, key=str):
        variable = data.variables[name]
        values = np.asarray(variable.values)
        digest.update(repr((str(name), variable.dims, values.dtype.str, values.shape)).encode())
        digest.update(repr(values.tolist()).encode() if values.dtype.hasobject else np.ascontiguousarray(values).data)
    return digest.hexdigest()
