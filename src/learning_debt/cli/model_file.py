"""A model file: imported by its path, so that it shadows nothing, and read for what it says by name."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from learning_debt.validation import describe, nearest

MODULE = "learning_debt_model_file"
"""Prefix of the name a model file is imported under: a file called pymc.py or numpy.py must not pass for another."""
NEAR = 0.8


@contextmanager
def imported(path: Path) -> Iterator[ModuleType]:
    """A model file as a module, its folder on the path while the block runs.

    The folder stands last there: what is installed comes first, so that no file of the folder passes for a library.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or if it is no Python file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"MODEL.py: there is no file {path}")
    file, name = path.absolute(), f"{MODULE}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"MODEL.py: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    folders = list(dict.fromkeys([str(file.parent), str(file.resolve().parent)]))  # two, where the file is a link
    sys.path += folders
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[name]
        for folder in folders:
            sys.path.remove(folder)


def held(module: ModuleType) -> dict[str, Any]:
    """What a model file says by name; modules that it imports (``import calendar``) are not meant."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


def misspelt(module: ModuleType, known: Iterable[str], otherwise: Mapping[str, str] | None = None) -> list[str]:
    """Hints at names that nobody reads, here or in the file, and that are nearly those of settings, or mean one."""
    known = sorted(known)
    tree = ast.parse(Path(str(module.__file__)).read_bytes())
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)}
    hints = []
    for name in _defined(tree):
        meant = [otherwise[name]] if otherwise and name in otherwise else []
        near = meant or nearest(name, known, cutoff=NEAR)
        if near and name not in known and name not in read and not name.startswith("_"):
            value = vars(module).get(name)
            what = "a function" if callable(value) else describe(value)
            hints.append(f"{name}, {what}, is no setting and is not used; did you mean {near[0]!r}?")
    return hints


def _defined(tree: ast.Module) -> list[str]:
    """Names that a file defines itself at its top."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names += [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(names))
