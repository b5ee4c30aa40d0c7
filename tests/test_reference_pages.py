"""The reference has every public name, and nothing else; the page of benchmarks has every script."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import learning_debt as ld

ROOT = Path(__file__).parents[1]
ROOMS = ("policies", "scores", "plots", "bench", "monitor", "serving", "budget")
"""Beside the package itself, what users import names from."""
FROM_MODULES = {
    "learning_debt.report.write_report",
    "learning_debt.integrations.bambi_model.from_bambi",
    "learning_debt.integrations.model_builder.from_model_builder",
}
"""Documented functions of modules that are no room of public names."""


def documented():
    """Full names in the reference's tables."""
    names = []
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        for block in re.findall(r"```\{eval-rst\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            module = re.search(r"currentmodule:: (\S+)", block).group(1)
            names += [f"{module}.{name}" for name in re.findall(r"^   (\w[\w.]*)$", block, flags=re.MULTILINE)]
    return names


def public():
    """Full names of what users import: each once, in the room if it is in one."""
    rooms = {
        f"learning_debt.{room}.{name}" for room in ROOMS for name in import_module(f"learning_debt.{room}").__all__
    }
    own = {name for name in ld.__all__ if name not in ROOMS}
    in_rooms = {one.rsplit(".", 1)[1] for one in rooms}
    return rooms | {f"learning_debt.{name}" for name in own - in_rooms} | FROM_MODULES


def test_the_reference_has_every_public_name_once():
    found = documented()
    assert not public() - set(found), "add a line to a page in docs/api"
    assert not set(found) - public()
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", sorted(public()))
def test_every_public_name_says_what_it_is(name):
    module, _, last = name.rpartition(".")
    documented_object = getattr(import_module(module), last)
    if isinstance(documented_object, type) or callable(documented_object):
        assert documented_object.__doc__
        assert documented_object.__doc__.strip().splitlines()[0].endswith((".", ":"))


def test_the_page_of_benchmarks_has_every_script():
    folder = ROOT / "benchmarks"
    scripts = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    listed = re.findall(r"^\| \[(\w+)\]\(\.\./benchmarks/", (ROOT / "docs" / "benchmarks.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(scripts)


def test_every_page_is_in_a_table_of_contents():
    pages = [*sorted((ROOT / "docs").rglob("*.md")), *ROOT.glob("*.md")]
    entries = set()
    for page in pages:
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            lines = [line for line in block.splitlines() if line and not line.startswith(":")]
            entries |= {(page.parent / line).resolve() for line in lines}
    shown = {page.with_suffix("") for page in pages if "generated" not in page.parts} - {
        ROOT / "README",
        ROOT / "docs" / "index",
    }
    assert not shown - entries, "add it to a toctree, such as that of docs/how-to.md"
