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


STANDARD_INPUT = {"csv": ".csv", "netcdf": ".nc", "parquet": ".parquet"}
"""What standard input may hold, and the ending of a file of that kind."""


def read_history(path: Path, option: str = "--history") -> Any:
    """A history from text columns (CSV, also packed), netCDF or parquet.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the option, the file, and what would be right.
    """
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


def read_standard_input(kind: str, option: str) -> Any:
    """What stands on standard input, as `read_history` reads a file of that kind.

    Raises
    ------
    ValueError
        If nothing is there, or it is of another kind.
    """
    content = sys.stdin.buffer.read()
    if not content.strip():
        raise ValueError(f"{option}: standard input is empty; name a file, or pipe rows into the command")
    with TemporaryDirectory() as home:
        path = Path(home, f"standard input{STANDARD_INPUT[kind]}")
        path.write_bytes(content)
        try:
            return read_history(path, option)
        except ValueError as error:
            raise ValueError(
                str(error).replace(str(path), "standard input").replace(path.name, "standard input")
            ) from error


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
