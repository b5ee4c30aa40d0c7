"""A folder to start from: what it holds, that it is audited as it is, and what is refused."""

import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from learning_debt.cli import app, new_folder

DOCS = Path(__file__).parents[2] / "docs"
STARTER = Path(new_folder.__file__).parent / "starter"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_every_file_of_the_starter_is_handed_out(tmp_path):
    result = run("new", tmp_path / "forecasts" / "sales")
    assert result.exit_code == 0, result.output
    made = {path.name: path.read_bytes() for path in (tmp_path / "forecasts" / "sales").iterdir()}
    kept = {path.name: path.read_bytes() for path in STARTER.iterdir() if path.is_file()}
    assert made == {new_folder.FILES[name]: content for name, content in kept.items()}
    assert "learning-debt audit" in result.output
    assert "README.md" in result.output


def test_its_history_is_the_toy_of_the_docs():
    assert (STARTER / "sales.csv").read_bytes() == (DOCS / "sales.csv").read_bytes()


def test_an_empty_folder_will_do(tmp_path):
    assert run("new", tmp_path).exit_code == 0
    assert (tmp_path / "model.py").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("full", "is not empty; name a folder that is not there yet, or an empty one"),
        ("full/notes.txt", "notes.txt is a file; name a folder that is not there yet"),
        ("full/notes.txt/sales", "cannot be made, since"),
        ("sales.py", "names a Python file; name a folder, such as"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path, name, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    result = run("new", tmp_path / name)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: MODEL_DIR: ")
    assert message in result.stderr
    assert {path.name for path in tmp_path.rglob("*")} == {"full", "notes.txt"}


def test_an_empty_name_is_wrong_usage():
    assert run("new", "").exit_code == 2


@pytest.mark.slow
@pytest.mark.integration
def test_its_notebook_runs_and_its_model_file_is_audited(tmp_path, monkeypatch):
    """On a part of the periods and with few draws; the audit takes the notebook's table, so that one is made."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    folder = tmp_path / "sales"
    assert run("new", folder).exit_code == 0
    weeks = (folder / "sales.csv").read_text().splitlines()
    (folder / "sales.csv").write_text("\n".join(weeks[: 1 + 3 * 72]))
    (folder / "model.py").write_text((folder / "model.py").read_text().replace("draws = 250", "draws = 100"))
    before = {path.name for path in folder.iterdir()} | {"__pycache__"}
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
    kept = "from learning_debt.report import write_spells; str(write_spells(spells, '../table'))"
    notebook.cells.append(nbformat.v4.new_code_cell(kept))
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    said = [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert said == ["Sampling: [elasticity, level, sales, scale]\n"]  # PyMC's own, of the prior
    assert {path.name for path in folder.iterdir()} <= before
    table, out = tmp_path / "table" / "spells.nc", tmp_path / "audit"
    result = run("audit", folder / "model.py", "--spells", table, "--no-what-if", "--out", out)
    assert result.exit_code == 0, result.output
    assert "Today:" in result.output
    assert "your calendar" in result.output
