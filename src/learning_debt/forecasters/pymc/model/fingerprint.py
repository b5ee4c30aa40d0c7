"""A hash of what a graph computes: its steps, how they hang together, and every number inside."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np
from pytensor.compile.ops import FromFunctionOp
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.random.type import RandomType

ADDRESS = re.compile(r"0x[0-9a-f]+")
DEPTH = 4
"""How far into the objects that a black box holds its numbers are looked for."""


def fingerprint(outputs: list[Variable], names: Mapping[Variable, str]) -> str:
    """Hash of a graph, the same in every process.

    Parameters
    ----------
    outputs : list of Variable
    names : mapping of Variable to str
        What tells variables apart that are made in the same way. Leaves without a name are told apart by type only.
    """
    known: dict[Variable, str] = {}
    for node in toposort(outputs):
        above = [known[v] if v in known else _leaf(v, names) for v in node.inputs]
        step = _hash(_operation(node.op), *above)
        for position, variable in enumerate(node.outputs):
            known[variable] = _hash(step, str(position), names.get(variable, ""))
    return _hash(*(known[v] if v in known else _leaf(v, names) for v in outputs))


def arrays(outputs: list[Variable]) -> list[np.ndarray]:
    """Constant arrays of a graph, also inside its loops; they are the owner's own, not copies."""
    found = []
    for variable in ancestors(outputs):
        if isinstance(variable, Constant) and isinstance(variable.data, np.ndarray) and variable.data.ndim:
            found.append(variable.data)
        inside = None if variable.owner is None else getattr(variable.owner.op, "fgraph", None)
        if inside is not None:
            found += arrays(list(inside.outputs))
    return found


def _leaf(variable: Variable, names: Mapping[Variable, str]) -> str:
    if isinstance(variable, Constant):
        return _hash("number", str(variable.type), *_contents(variable.data))
    if isinstance(variable.type, RandomType):
        return "generator"
    return _hash("argument", names.get(variable, ""), str(variable.type))


def _contents(value: Any) -> list[str | bytes]:
    if isinstance(value, np.ndarray | np.generic):
        return [str(value.dtype), str(value.shape), np.asarray(value).tobytes()]
    if hasattr(value, "indptr"):  # a sparse matrix, which does not print its numbers
        return [str(value.shape), *(np.asarray(part).tobytes() for part in (value.data, value.indices, value.indptr))]
    return [ADDRESS.sub("", repr(value))]


def _operation(operation: Any) -> str:
    """Kind of a step, its settings, and its inside where it has one (loops, symbolic distributions)."""
    settings = [f"{name}={getattr(operation, name, None)!r}" for name in getattr(operation, "__props__", ())]
    text = ADDRESS.sub("", " ".join([type(operation).__name__, str(operation), *settings]))
    if type(operation).__module__.split(".")[0] not in ("pytensor", "pymc") or isinstance(operation, FromFunctionOp):
        text = _hash(text, *_inside(vars(operation), DEPTH))  # a black box: what it holds must speak for it
    inside = getattr(operation, "fgraph", None)
    if inside is None:
        return text
    names = {variable: f"input {position}" for position, variable in enumerate(inside.inputs)}
    return _hash(text, fingerprint(list(inside.outputs), names))


def _inside(value: Any, depth: int) -> list[str | bytes]:
    """Numbers and code that an object of Python holds: arrays, attributes, what a function closes over or looks up."""
    if isinstance(value, np.ndarray | np.generic | int | float | str | bool | None):
        return _contents(value)
    if depth == 0:
        return [type(value).__name__]
    if isinstance(value, Mapping):
        return [part for key in sorted(value, key=str) for part in (str(key), *_inside(value[key], depth - 1))]
    if isinstance(value, list | tuple):
        return [part for entry in value for part in _inside(entry, depth - 1)]
    if isinstance(value, FunctionType):
        closed = inspect.getclosurevars(value)
        seen = {**closed.globals, **closed.nonlocals}
        code = [value.__code__.co_code, *_inside(value.__code__.co_consts, 1)]
        return [*code, *_inside(value.__defaults__, 1), *_inside(seen, depth - 1)]
    return [type(value).__name__]


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:16]
