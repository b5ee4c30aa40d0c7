"""What the project says of itself: its version, what it needs, and what it says where something is missing."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import learning_debt as ld

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = packages_distributions()


def declared(requirements):
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


OF_ITS_OWN = "drift_monitor_alarms.py"
"""A script that runs another package, which is not there for this project's Pythons, in an environment of its own."""
OURS = {"learning_debt", "learning_debt_study"}
NEEDED = declared(PROJECT["dependencies"])
OPTIONAL = declared(requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra)


def distributions(statements, local):
    """Distributions that import statements ask for, without the standard library and the names in `local`."""
    for node in statements:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in local:
                yield canonicalize_name(DISTRIBUTIONS.get(top, [top])[0])


def local_modules(*folders):
    """Names under which modules of folders of scripts and tests import each other."""
    paths = [path for folder in folders for path in [ROOT / folder, *(ROOT / folder).rglob("*")]]
    return {path.stem for path in paths if path.is_dir() or path.suffix == ".py"}


def at_import(statements):
    """Statements that run when a module is imported: not those of functions, nor those for type checkers."""
    for node in statements:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from at_import([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from at_import([*node.body, *node.orelse, *node.finalbody])


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["src", "tests", "models", "benchmarks"])
def test_every_imported_package_is_declared(folder):
    local = OURS if folder == "src" else {*OURS, *local_modules("tests", "models", "benchmarks")}
    undeclared = {
        (name, path.name)
        for path in (ROOT / folder).rglob("*.py")
        if path.name != OF_ITS_OWN
        for name in distributions(ast.walk(ast.parse(path.read_text(encoding="utf-8"))), local)
        if name not in NEEDED | OPTIONAL
    }
    assert not undeclared


def test_importing_a_module_takes_no_extra():
    needing = {
        (name, path.name)
        for path in (ROOT / "src").rglob("*.py")
        for name in distributions(at_import(ast.parse(path.read_text(encoding="utf-8")).body), OURS)
        if name not in NEEDED
    }
    assert not needing


def test_the_version_stands_in_one_place_and_its_copies_agree():
    assert "version" in PROJECT["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", ld.__version__)
    assert re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)[1] == ld.__version__
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1] == ld.__version__


def test_without_river_the_error_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name == "river" or name.startswith("river.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "river", None)
    with pytest.raises(ImportError, match=r"extra 'detectors'\): pip install 'river>=0\.25'"):
        ld.policies.RiverDetector("PageHinkley", 2.0)


def test_without_nutpie_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("learning_debt.forecasters.pymc.sampling.sampler.find_spec", lambda _: None)
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        y = pm.Data("y", [0.0, 1.0], dims="obs")
        pm.Normal("outcome", pm.Normal("mean"), observed=y, dims="obs")
    forecaster = ld.PyMCForecaster(model=model, sampler="nutpie")
    with pytest.raises(ld.UnsupportedModelError, match=r"nutpie is missing \(pip install nutpie\); use sampler='pymc'"):
        forecaster.fit({"y": [0.0, 1.0]}, random_seed=1)
