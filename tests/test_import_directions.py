"""The house of ARCHITECTURE.md: imports are absolute and go downwards only."""

import ast
import importlib
import inspect
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src"
PACKAGE = "learning_debt"

FLOORS = [
    {"doubt", "errors", "executors", "typing", "moved"},
    {"validation"},
    {"representations"},
    {"data", "estimate"},
    {"arrays"},
    {"forecasters"},
    {"shadows", "scores", "integrations"},
    {"debt"},
    {"spells"},
    {"policies"},
    {"pricing"},
    {"auditing"},
    {"budget"},
    {"plots"},
    {"report"},
    {"monitor"},
    {"serving"},
    {"bench"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
"""From the ground up; a module imports its own package and floors below it."""
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
every_module = pytest.mark.parametrize("name", MODULES)


def room(name):
    """The part of the house a module belongs to: the name after the package's."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(name):
    """Every import statement of a module, wherever it stands, as (level, dotted names)."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            yield 0, [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            full = [f"{module}.{alias.name}" for alias in node.names]
            yield node.level, [one if one in MODULES else module for one in full]


def imported_modules(name):
    """Modules of this package that a module imports."""
    names = {one for _, names in imports(name) for one in names}
    return {one for one in names if one == PACKAGE or one.startswith(f"{PACKAGE}.")}


@every_module
def test_every_module_has_its_floor(name):
    assert room(name) in FLOOR, f"{name} stands on no floor: add {room(name)!r} to FLOORS and to ARCHITECTURE.md"


@every_module
def test_imports_are_absolute(name):
    assert all(level == 0 for level, _ in imports(name))


@every_module
def test_imports_go_downwards_only(name):
    here = FLOOR[room(name)]
    upwards = {
        other for other in imported_modules(name) if room(other) != room(name) and FLOOR.get(room(other), 99) >= here
    }
    assert not upwards


def test_there_is_no_cycle():
    graph = {name: imported_modules(name) - {name} for name in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(MODULES)


@pytest.mark.parametrize("name", [name for name in MODULES if room(name) == "arrays"])
def test_the_ground_floor_knows_arrays_only(name):
    outside = {one.split(".")[0] for _, names in imports(name) for one in names}
    assert not outside & {"xarray", "pymc", "pytensor", "pandas", "arviz", "arviz_base", "matplotlib"}


STUDY = sorted((ROOT / "learning_debt_study").glob("*.py"))
RECORDS = {f"{PACKAGE}.{name}" for name in ("typing", "doubt", "estimate")}


@pytest.mark.parametrize("path", STUDY, ids=lambda path: path.stem)
def test_the_study_uses_public_names_only(path):
    """What a package or module lists in ``__all__``, the functions of `arrays`, and the records everyone speaks in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(f"{PACKAGE}."):
            continue
        module = importlib.import_module(node.module)
        free = node.module in RECORDS or node.module.startswith(f"{PACKAGE}.arrays")
        for alias in node.names:
            public = not alias.name.startswith("_") if free else alias.name in getattr(module, "__all__", ())
            assert public, f"{node.module}.{alias.name} is not public"


FAMILY = {"__init__", "__main__", "base", "exact", "sampled", "pooled"}
"""Names that say which part of a family or which engine a file is; all others occur once."""


def test_the_name_of_a_file_or_folder_occurs_once():
    stems = Counter(path.stem for path in MODULES.values()) + Counter(
        path.parent.name for path in MODULES.values() if path.stem == "__init__" and path.parent.name != PACKAGE
    )
    assert not {name: count for name, count in stems.items() if count > 1 and name not in FAMILY}


def test_no_module_has_the_dotted_name_of_a_public_function():
    public = importlib.import_module(PACKAGE)
    functions = {f"{PACKAGE}.{name}" for name in public.__all__ if not inspect.ismodule(getattr(public, name))}
    assert not functions & set(MODULES)
