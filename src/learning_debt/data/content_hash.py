"""Hashes of what datasets and objects hold, the same in every process."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
DEPTH = 6
"""How far into an object its numbers and its code are looked for."""
LIBRARIES = ("learning_debt", "pymc", "pytensor", "arviz", "numpy", "scipy", "xarray", "pandas", "builtins")
"""Whose code is told by their versions."""


def content_hash(data: xr.Dataset) -> str:
    """Hash of a dataset: names, dimensions, types and values of its variables, and its attributes.

    Examples
    --------
    >>> one, other = xr.Dataset({"y": ("obs", [1.0, 2.0])}), xr.Dataset({"y": ("obs", [1.0, 2.5])})
    >>> content_hash(one) == content_hash(one.copy(deep=True)), content_hash(one) == content_hash(other)
    (True, False)
    """
    digest = hashlib.sha256(without_addresses(repr(sorted(data.attrs.items(), key=str))).encode())
    for name in sorted(data.variables, key=str):
        variable = data.variables[name]
        values = np.asarray(variable.values)
        digest.update(repr((str(name), variable.dims, values.dtype.str, values.shape)).encode())
        digest.update(_bytes(values))
    return digest.hexdigest()


def object_hash(value: Any) -> str:
    """Hash of an object: its class, and the numbers, text and code that it holds; of code also what it looks up.

    Examples
    --------
    >>> object_hash(lambda x: x + 1) == object_hash(lambda x: x + 1), object_hash([1.0]) == object_hash([1.5])
    (True, False)
    """
    digest = hashlib.sha256()
    for part in _parts(value, DEPTH, {}):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def without_addresses(text: str) -> str:
    """Text in which objects are told by their class alone."""
    return ADDRESS.sub("", text)


def _bytes(values: np.ndarray) -> bytes:
    return repr(values.tolist()).encode() if values.dtype.hasobject else np.ascontiguousarray(values).tobytes()


def _parts(value: Any, depth: int, seen: dict[int, Any]) -> Iterator[bytes]:
    """What an object holds; of one that was met before, its class."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        yield repr((array.dtype.str, array.shape)).encode()
        yield _bytes(array)
    elif isinstance(value, xr.Dataset):
        yield content_hash(value).encode()
    elif isinstance(value, int | float | complex | str | bytes | None):
        yield repr(value).encode()
    elif isinstance(value, pd.DataFrame | pd.Series):
        yield repr(value.to_dict()).encode()
    elif depth == 0 or id(value) in seen:
        yield _name(type(value)).encode()
    else:
        seen[id(value)] = value  # held, so that no other object gets its number
        for part in _inside(value):
            yield from [part] if isinstance(part, bytes) else _parts(part.value, depth - 1, seen)


class _Held(NamedTuple):
    """Something that an object holds."""

    value: Any


def _inside(value: Any) -> Iterator[bytes | _Held]:
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield str(key).encode()
            yield _Held(value[key])
    elif isinstance(value, list | tuple | AbstractSet):
        yield type(value).__name__.encode()
        yield from map(_Held, sorted(value, key=repr) if isinstance(value, AbstractSet) else value)
    elif isinstance(value, FunctionType):
        yield from _code(value)
    elif isinstance(value, MethodType):
        yield from map(_Held, (value.__func__, value.__self__))
    elif isinstance(value, partial):
        yield from map(_Held, (value.func, value.args, value.keywords))
    elif isinstance(value, type):
        yield _name(value).encode()
        own = [kind for kind in value.__mro__ if not _of_library(kind)]
        yield from (_Held(entry) for kind in own for entry in vars(kind).values() if isinstance(entry, FunctionType))
    else:
        yield _Held(type(value))
        yield without_addresses(repr(value)).encode()
        if not _of_library(type(value)) or type(value).__module__.startswith("learning_debt"):
            yield _Held(getattr(value, "__dict__", None))


def _code(function: FunctionType) -> Iterator[bytes | _Held]:
    """Where a library has it, its name; else what it does, and what it closes over and looks up."""
    if _of_library(function):
        yield f"{function.__module__}.{function.__qualname__}".encode()
        return
    pending = [function.__code__]
    while pending:
        code = pending.pop()
        yield code.co_code + repr(code.co_names).encode()
        yield from (_Held(part) for part in code.co_consts if not inspect.iscode(part))
        pending += [part for part in code.co_consts if inspect.iscode(part)]
    looked_up = inspect.getclosurevars(function)
    yield _Held(function.__defaults__)
    yield _Held({**looked_up.globals, **looked_up.nonlocals})


def _of_library(value: Any) -> bool:
    return str(value.__module__).split(".")[0] in LIBRARIES


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
