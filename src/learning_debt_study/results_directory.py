"""A directory of study results belongs to one configuration; nothing of another is overwritten."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

CONFIGURATION = "configuration.json"


def claim(directory: str | os.PathLike[str], configuration: Mapping[str, Any]) -> Path:
    """Make `directory` for results of `configuration`, or find that it already is one.

    Raises
    ------
    ValueError
        If it holds results of another configuration, or files that are no study's.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as home:
    ...     first = claim(Path(home) / "out", {"accounting": "signed"})
    ...     claim(first, {"accounting": "signed"}) == first
    True
    """
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"--out {target} is a file, not a directory")
    wanted = json.loads(json.dumps(dict(configuration)))
    stored = target / CONFIGURATION
    if stored.is_file():
        found = json.loads(stored.read_text())
        if found != wanted:
            differing = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
            shown = ", ".join(f"{key}: {found.get(key)!r} there, {wanted.get(key)!r} asked for" for key in differing)
            raise ValueError(
                f"--out {target} holds results of another configuration ({shown}); choose another directory"
            )
        _require_writable(target)
        return target
    if target.is_dir() and any(target.iterdir()):
        raise ValueError(f"--out {target} holds other files and no {CONFIGURATION}; choose an empty directory")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"--out {target} cannot be made: {error.strerror}") from error
    _require_writable(target)
    write_text(stored, json.dumps(wanted, indent=1) + "\n")
    return target


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    _replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Replace a CSV file as a whole; numbers keep all their digits."""
    _replace(path, lambda temporary: table.to_csv(temporary, index=False))


def write_netcdf(path: Path, dataset: xr.Dataset) -> None:
    """Replace a netCDF file as a whole."""
    # Made in memory, since HDF5 ends the whole process where a disk is full.
    content = bytes(dataset.to_netcdf(engine="h5netcdf"))
    _replace(path, lambda temporary: temporary.write_bytes(content))


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _require_writable(directory: Path) -> None:
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".probe-", dir=directory))
    except OSError as error:
        raise OSError(f"--out {directory} cannot be written: {error.strerror}") from error
