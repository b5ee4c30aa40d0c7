"""What a spell table has cost so far, kept in a directory: its fits, and the columns of its periods."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from learning_debt.doubt import Doubt
from learning_debt.errors import OtherTableError
from learning_debt.shadows.base import Upkeep
from learning_debt.spells.step import Column
from learning_debt.spells.table_loop import Columns

CONTENTS = "store.json"
FORMAT = 1
TOLD = 60
"""Characters up to which both are told where a table differs."""


@dataclass(frozen=True)
class TableStore:
    """The store of one spell table.

    Attributes
    ----------
    directory : Path
    entropy : int
        Of the table's seed: that of the first run.
    """

    directory: Path
    entropy: int

    def series(self, number: int) -> SeriesStore:
        """The part of one series, counted from 0."""
        return SeriesStore(self.directory / f"series-{number:05d}")


def opened(directory: str | os.PathLike[str], identity: dict[str, str], random_seed: int | None) -> TableStore:
    """The store in a directory, begun where there is none.

    Parameters
    ----------
    directory : path
    identity : dict of str
        What the table is made of.
    random_seed : int, optional
        Left out, it is that of the first run.

    Raises
    ------
    OtherTableError
        If it is the store of another table; it says what differs.
    ValueError
        If the directory holds other files.
    OSError
        If the directory cannot be read or written.
    """
    target = Path(directory)
    contents = target / CONTENTS
    if not contents.exists():
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ValueError(f"store: {target} is no store and not empty; give a directory of its own")
        entropy = random_seed if random_seed is not None else int(np.random.SeedSequence().generate_state(1)[0])
        _begin(contents, entropy, identity)
        return TableStore(target, entropy)
    told = _told(contents)
    entropy, theirs = int(told["entropy"]), told["identity"]
    differs = [_difference(name, theirs[name], identity[name]) for name in identity if name in theirs]
    if random_seed is not None:
        differs.append(_difference("random_seed", str(entropy), str(random_seed)))
    if any(differs):
        raise OtherTableError(
            f"store: {target} holds another table: {'; '.join(filter(None, differs))}. Give another directory, or "
            "delete this one"
        )
    if not identity.keys() <= theirs.keys():  # begun for posteriors alone, which no signals were asked of
        _begin(contents, entropy, theirs | identity)
    return TableStore(target, entropy)


def _begin(contents: Path, entropy: int, identity: dict[str, str]) -> None:
    _write(contents, json.dumps({"format": FORMAT, "entropy": entropy, "identity": identity}, indent=1).encode())


def _difference(name: str, theirs: str, ours: str) -> str:
    if theirs == ours:
        return ""
    return f"{name} is {theirs} there and {ours} here" if max(len(theirs), len(ours)) < TOLD else f"another {name}"


def _told(contents: Path) -> dict[str, Any]:
    try:
        told = json.loads(contents.read_text())
    except ValueError as error:
        raise ValueError(f"store: {contents} cannot be read ({error}); delete its directory") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ValueError(f"store: {contents} is of another version of learning_debt; give another directory")
    return told


@dataclass(frozen=True)
class SeriesStore:
    """Fits and columns of one series. Every file is whole or not there: what is written takes its place at once."""

    directory: Path

    def fit(self, key: str) -> xr.DataTree | None:
        """A posterior that was kept."""
        file = self._fit_file(key)
        if not file.exists():
            return None
        with _readable(file):
            return xr.load_datatree(BytesIO(file.read_bytes()), engine="h5netcdf")

    def keep_fit(self, key: str, posterior: xr.DataTree) -> None:
        """Keep a posterior.

        Raises
        ------
        ValueError
            If it has labels or attributes that netCDF cannot hold.
        OSError
        """
        try:
            content = bytes(posterior.to_netcdf(engine="h5netcdf"))
        except (TypeError, ValueError) as error:
            raise ValueError(f"store: a posterior cannot be kept as netCDF: {error}; leave store out") from error
        _write(self._fit_file(key), content)

    def column(self, way: str, period: int) -> Column | None:
        """A column that was kept, of a table made in this way."""
        file = self._column_file(way, period)
        if not file.exists():
            return None
        arrays, told = _read(file)
        return Column(arrays, _upkeep(told["upkeep"]), told["no_debt"])

    def keep_column(self, way: str, period: int, column: Column) -> None:
        """Keep a column.

        Raises
        ------
        OSError
        """
        upkeep = column.upkeep._asdict() | {"doubts": [doubt.name for doubt in column.upkeep.doubts]}
        told = json.dumps({"upkeep": upkeep, "no_debt": column.no_debt}, default=_plain)
        _write(self._column_file(way, period), _zipped(column.signals | {"told": np.array(told)}))

    def finished(self) -> Columns | None:
        """All columns, once they are there."""
        file = self.directory / "columns.npz"
        if not file.exists():
            return None
        arrays, told = _read(file)
        return Columns(arrays, told["no_debt"], told["not_pooled"])

    def keep_finished(self, columns: Columns) -> None:
        """Keep all columns.

        Raises
        ------
        OSError
        """
        told = json.dumps({"no_debt": columns.no_debt, "not_pooled": columns.not_pooled})
        _write(self.directory / "columns.npz", _zipped(columns.cells | {"told": np.array(told)}))

    def _fit_file(self, key: str) -> Path:
        return self.directory / "fits" / f"{key}.nc"

    def _column_file(self, way: str, period: int) -> Path:
        return self.directory / "periods" / f"{way}-{period:05d}.npz"


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ValueError(f"store: {file} cannot be read ({error}); delete it, and it is made anew") from error


def _read(file: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with _readable(file):
        arrays = dict(np.load(BytesIO(file.read_bytes())))
        return arrays, json.loads(str(arrays.pop("told")))


def _upkeep(told: dict[str, Any]) -> Upkeep:
    return Upkeep(**(told | {"doubts": tuple(Doubt[name] for name in told["doubts"])}))


def _plain(value: Any) -> Any:
    return value.item()


def _zipped(arrays: dict[str, np.ndarray]) -> bytes:
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"store: {file} cannot be written: {error.strerror}; what was kept before is whole, and the next run goes "
            "on from it",
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
