"""Every notebook runs from top to bottom in a fresh kernel, and stores outputs that give nothing away."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOK_FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(NOTEBOOK_FOLDER.glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@every_notebook
def test_notebook_runs_on_small_settings(path, monkeypatch):
    """From the folder of notebooks, as in a clone: what it reads beside itself is found, and nothing is left there."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("LEARNING_DEBT_SMALL", "1")
    before = sorted(NOTEBOOK_FOLDER.iterdir())
    where = {"metadata": {"path": str(NOTEBOOK_FOLDER)}}
    nbclient.NotebookClient(
        nbformat.read(path, as_version=4), timeout=600, kernel_name="python3", resources=where
    ).execute()
    assert sorted(NOTEBOOK_FOLDER.iterdir()) == before


@every_notebook
def test_notebook_is_its_text(path):
    """Cells are edited in the text, and `make notebooks` stores them with their outputs."""
    jupytext = pytest.importorskip("jupytext")
    text = jupytext.read(path.with_suffix(".py"), as_version=4)
    stored = jupytext.read(path, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in text.cells] == [
        (cell.cell_type, cell.source) for cell in stored.cells
    ]


def test_every_text_has_its_notebook():
    assert [path.stem for path in NOTEBOOKS] == sorted(path.stem for path in NOTEBOOK_FOLDER.glob("*.py"))


@every_notebook
def test_outputs_are_stored_in_order_and_without_errors(path):
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]


@every_notebook
def test_no_absolute_path_is_stored(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    texts = [json.dumps(content["metadata"])]
    for cell in content["cells"]:
        texts.append("".join(cell["source"]))
        texts.append(json.dumps(cell["metadata"]))
        for output in cell.get("outputs", []):
            shown = {kind: data for kind, data in output.get("data", {}).items() if not kind.startswith("image/")}
            texts.append(json.dumps([output.get("text", ""), shown]))
    found = [
        match
        for text in texts
        for match in re.findall(r"(?:/(?:home|tmp|root|work|usr|Users)/\S+|[A-Z]:\\\\\S+)", text)
    ]
    assert not found
