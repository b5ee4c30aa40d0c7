"""``learning-debt new``: a folder with a model file that works, to be replaced part by part."""

from __future__ import annotations

import shlex
import shutil
from importlib.resources import as_file, files
from pathlib import Path

STARTER = "learning_debt.cli"
FILES = {
    "starter_model.py": "model.py",
    "sales.csv": "sales.csv",
    "README.md": "README.md",
    "notebook.ipynb": "notebook.ipynb",
}
"""What stands in the package's folder `starter`, and what it is called in the owner's."""


def new_folder(folder: Path) -> list[Path]:
    """Make the folder, and put a model file, its history, a README and a notebook into it.

    Parameters
    ----------
    folder : path
        One that is not there yet, or is empty; folders above it are made.

    Returns
    -------
    list of path
        The files.

    Raises
    ------
    FileExistsError
        If there is a file of that name, or a folder that holds something.
    NotADirectoryError
        If a part of the path is a file.
    ValueError
        If the name is that of a Python file.
    """
    if folder.suffix == ".py":
        better = folder.with_suffix("")
        raise ValueError(f"MODEL_DIR: {folder} names a Python file; name a folder, such as {better}")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"MODEL_DIR: {folder} is a file; name a folder that is not there yet")
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"MODEL_DIR: {folder} is not empty; name a folder that is not there yet, or an empty one")
    above = next((one for one in folder.absolute().parents if one.exists()), folder)
    if not above.is_dir():
        raise NotADirectoryError(f"MODEL_DIR: {folder} cannot be made, since {above} is a file")
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files(STARTER) / "starter") as starter:
        return [Path(shutil.copyfile(starter / source, folder / name)) for source, name in FILES.items()]


def next_steps(folder: Path, made: list[Path]) -> list[str]:
    """What is there now, and what to do with it."""
    model = shlex.quote(str(folder / "model.py"))
    report = shlex.quote(str(folder / "audit"))
    return [
        f"{folder} holds {', '.join(path.name for path in made)}",
        f"try it: learning-debt audit {model} --out {report}",
        f"then put your own model and history in its place: {folder / 'README.md'} says how",
    ]
