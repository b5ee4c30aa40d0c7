"""Make notebooks from their text: run each .py of notebooks/ in a fresh kernel, and store it with its outputs.

Usage: run_notebooks.py [NAME ...]; without a name, all of them. The text is what is edited; see docs/notebooks.md.
"""

import argparse
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def executed(text: Path) -> nbformat.NotebookNode:
    """The notebook of that text, its cells run in order from the folder `notebooks/`."""
    notebook = jupytext.read(text, as_version=4)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # the same in every run, so that only what changed is in the difference
    notebook.metadata = nbformat.from_dict(KERNEL)
    NotebookClient(
        notebook, timeout=3600, resources={"metadata": {"path": str(NOTEBOOKS)}}, record_timing=False
    ).execute()
    notebook.metadata = nbformat.from_dict(KERNEL)
    return notebook


def main() -> None:
    """Run those that were named."""
    parser = argparse.ArgumentParser(description="Run the notebooks and store them with their outputs.")
    parser.add_argument("names", nargs="*", help="file names without their ending; all where none is given")
    names = parser.parse_args().names or sorted(path.stem for path in NOTEBOOKS.glob("*.py"))
    for name in names:
        print(f"running {name}", flush=True)
        nbformat.write(executed(NOTEBOOKS / f"{name}.py"), NOTEBOOKS / f"{name}.ipynb")


if __name__ == "__main__":
    main()
