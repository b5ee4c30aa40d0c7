"""Public names are imported when they are used: a new process pays for nothing else."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import learning_debt as ld

SOURCE = Path(ld.__file__)
HEAVY = {
    "numba",
    "scipy",
    "pandas",
    "xarray",
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
    "matplotlib",
    "pymc",
    "pytensor",
    "nutpie",
}
HELP = """
import sys
from learning_debt.cli import app
try:
    app({arguments})
except SystemExit as end:
    assert not end.code, end
"""


def loaded_by(program):
    """Top-level modules in a new process after a program, which prints nothing of its own to stderr."""
    report = "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program + report],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SOURCE.parents[1])},
    )
    return set(done.stderr.split())


def test_importing_the_package_imports_no_other():
    loaded = loaded_by("import learning_debt")
    assert "learning_debt" in loaded
    assert not loaded & (HEAVY | {"typer", "rich"})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["audit", "--help"], ["monitor", "observe", "--help"]], ids=" ".join
)
def test_help_imports_nothing_that_a_command_works_with(arguments):
    loaded = loaded_by(HELP.format(arguments=arguments))
    assert {"learning_debt", "typer"} <= loaded
    assert not loaded & HEAVY


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RetrainingCost", "policies", "NIG", "spell_table"])
def test_what_needs_no_sampler_brings_none(name):
    loaded = loaded_by(f"import learning_debt as ld; ld.{name}")
    assert "numpy" in loaded
    assert not loaded & {"pymc", "pytensor", "nutpie", "matplotlib", "arviz_plots", "typer"}


def test_type_checkers_are_told_where_each_name_is_found():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {alias.name: node.module for node in block.body for alias in node.names}
    assert told == ld._MODULES
    assert list(ld._MODULES) == ld.__all__


@pytest.mark.parametrize("name", ld.__all__)
def test_every_public_name_is_what_its_module_holds(name):
    home = ld._MODULES[name]
    expected = import_module(f"{home}.{name}") if home == "learning_debt" else getattr(import_module(home), name)
    assert getattr(ld, name) is expected
    assert name in dir(ld)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'learning_debt' has no attribute 'audits'"):
        ld.audits  # noqa: B018
