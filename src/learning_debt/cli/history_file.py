"""Histories, batches and spell tables from files."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr

import learning_debt as ld
from learning_debt.cli.text_table import read_text_table

TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
NETCDF = (".nc", ".netcdf")
PARQUET = (".parquet",)


STREAMED = {"csv": ".csv", "netcdf": ".nc", "parquet": ".parquet"}
"""What standard input or a pipe may hold, and the ending of a file of that kind."""


def read_history(path: Path, option: str = "--history") -> Any:
    """A history from text columns (CSV, also packed), netCDF or parquet.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the option, the file, and what would be right.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{option}: {path} is a folder; name a file in it")
    if is_stream(path):
        raise ValueError(f"{option}: {path} is a pipe, which can be read once only; write the rows to a file first")
    if not path.is_file():
        raise FileNotFoundError(f"{option}: there is no file {path}")
    name = path.name.lower()
    if name.endswith(TEXT):
        try:
            return read_text_table(path)
        except ValueError as error:
            raise ValueError(str(error).replace("--history", option, 1)) from error
    if name.endswith(NETCDF):
        return _read_netcdf(path, option)
    if name.endswith(PARQUET):
        return _read_parquet(path, option)
    raise ValueError(f"{option} must be a .csv, .csv.gz, .nc or .parquet file, not {path.name}")


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe or device, as ``<(program)`` and ``/dev/stdin`` are."""
    return path.is_fifo() or path.is_char_device()


def read_rows(path: Path, kind: str, option: str) -> Any:
    """Rows of a file as `read_history` reads them; of a pipe, or with ``-`` of standard input, as a file of that kind.

    Raises
    ------
    FileNotFoundError, ValueError
        If nothing is there, or it is of another kind.
    """
    if str(path) in ("-", "/dev/stdin"):
        return _read_content(sys.stdin.buffer.read(), kind, option, "standard input")
    return _read_content(path.read_bytes(), kind, option, str(path)) if is_stream(path) else read_history(path, option)


def _read_content(content: bytes, kind: str, option: str, source: str) -> Any:
    if not content.strip():
        raise ValueError(f"{option}: {source} is empty; name a file, or pipe rows into the command")
    with TemporaryDirectory() as home:
        path = Path(home, f"rows{STREAMED[kind]}")
        path.write_bytes(content)
        try:
            return read_history(path, option)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), source).replace(path.name, source)) from error


def read_spells(path: Path) -> xr.Dataset:
    """A spell table that an earlier audit kept."""
    if not path.is_file():
        raise FileNotFoundError(f"--spells: there is no file {path}")
    try:
        return ld.check_spells(_read_netcdf(path, "--spells"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--spells {path}: {error.args[0] if error.args else error}") from error


def _read_netcdf(path: Path, option: str) -> xr.Dataset:
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except OSError as error:
        raise ValueError(f"{option}: {path} is not a readable netCDF file ({error})") from error


def _read_parquet(path: Path, option: str) -> Any:
    """A data frame, of which an index that has a name is a column like the others."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(
            f"{option}: {path.name} needs pyarrow to be read: pip install pyarrow, or write the history as .csv or .nc"
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{option}: {path} is not a readable parquet file ({error})") from error
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame
