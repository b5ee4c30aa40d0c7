"""What a spell table has cost so far, kept in a directory: its fits, and the columns of its periods."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from learning_debt.spells.anchor_fits import Search
from learning_debt.spells.step import Column
from learning_debt.spells.table_loop import Columns

CONTENTS = "store.json"
FORMAT = 1
TOLD = 60
"""Characters up to which both are told where a table differs."""


class NotKeptError(ValueError):
    """A posterior that no file can hold; the message says why."""


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
    target = Path(directory).expanduser().absolute()  # the same for workers that run elsewhere
    contents = target / CONTENTS
    if not contents.exists():
        if target.exists() and not (target.is_dir() and all(map(_unfinished, target.iterdir()))):
            raise ValueError(f"store: {target} is no store and not empty; give a directory of its own")
        entropy = int(np.random.SeedSequence().generate_state(1)[0] if random_seed is None else random_seed)
        with suppress(FileExistsError):  # another run has begun it meanwhile, perhaps for another table
            _begin(contents, entropy, identity, _once)
    told = _told(contents)
    entropy, theirs = int(told["entropy"]), told["identity"]
    differs = [_difference(name, theirs[name], identity[name]) for name in identity if name in theirs]
    if random_seed is not None:
        differs.append(_difference("random_seed", str(entropy), str(random_seed)))
    if any(differs):
        said = "; ".join(filter(None, differs))
        raise OtherTableError(
            f"store: {target} holds another table: {said}. Give another directory, or delete this one", said
        )
    if not identity.keys() <= theirs.keys():  # begun for posteriors alone, which no signals were asked of
        _begin(contents, entropy, theirs | identity)
    return TableStore(target, entropy)


def _begin(
    contents: Path, entropy: int, identity: dict[str, str], place: Callable[[Path, Path], object] = Path.replace
) -> None:
    told = {"format": FORMAT, "entropy": entropy, "identity": identity}
    _write(contents, json.dumps(told, indent=1).encode(), place)


def _once(part: Path, file: Path) -> None:
    try:
        os.link(part, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        part.replace(file)


def _unfinished(file: Path) -> bool:
    """Whether it is the beginning of a store that a run did not come to write."""
    return file.name.startswith(f".{CONTENTS}.")


def _difference(name: str, theirs: str, ours: str) -> str:
    if theirs == ours:
        return ""
    return f"{name} is {theirs} there and {ours} here" if max(len(theirs), len(ours)) < TOLD else f"another {name}"


def _told(contents: Path) -> dict[str, Any]:
    try:
        told = json.loads(contents.read_text())
    except ValueError as error:
        raise ValueError(f"store: {contents} cannot be read ({error}); delete its directory") from error
    if not isinstance(told, dict) or told.keys() != {"format", "entropy", "identity"} or told["format"] != FORMAT:
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
        with _readable(file), _without_cluster():
            return xr.load_datatree(BytesIO(file.read_bytes()), engine="h5netcdf")

    def keep_fit(self, key: str, posterior: xr.DataTree) -> None:
        """Keep a posterior.

        Raises
        ------
        NotKeptError
            If it has labels or attributes that netCDF cannot hold.
        OSError
        """
        try:
            with _without_cluster():
                content = bytes(posterior.to_netcdf(engine="h5netcdf"))
        except Exception as error:  # of xarray or of the file's library, each with its own
            raise NotKeptError(f"{type(error).__name__}: {error}") from error
        self._write(self._fit_file(key), content)

    def search(self) -> Search | None:
        """Which fits the pool of the series was found by, once it was found."""
        file = self._search_file()
        if not file.exists():
            return None
        with _readable(file):
            told = json.loads(file.read_text())
            if not isinstance(told, dict) or told.keys() != set(Search._fields) or not told["fitted"]:
                raise ValueError("it does not say which fits a pool was found by")
            return Search(**told)

    def keep_search(self, search: Search) -> None:
        """Keep how the pool was found.

        Raises
        ------
        OSError
        """
        self._write(self._search_file(), json.dumps(search._asdict()).encode())

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
        self._write(self._column_file(way, period), _zipped(column.signals | {"told": np.array(told)}))

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
        self._write(self.directory / "columns.npz", _zipped(columns.cells | {"told": np.array(told)}))

    def _write(self, file: Path, content: bytes) -> None:
        if not (self.directory.parent / CONTENTS).exists():
            raise FileNotFoundError(
                errno.ENOENT,
                f"store: {self.directory.parent} was taken away while a table was being kept there, or is a "
                "folder that this worker does not see",
            )
        _write(file, content)

    def _fit_file(self, key: str) -> Path:
        return self.directory / "fits" / f"{key}.nc"

    def _search_file(self) -> Path:
        return self.directory / "search.json"

    def _column_file(self, way: str, period: int) -> Path:
        return self.directory / "periods" / f"{way}-{period:05d}.npz"


@contextmanager
def _without_cluster() -> Iterator[None]:
    """Locks of files are this process's own: xarray takes those of a dask cluster, also of one that has gone away."""
    if (dask := sys.modules.get("dask")) is None:
        yield
        return
    with dask.config.set(scheduler="synchronous"):
        yield


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
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


def _write(file: Path, content: bytes, place: Callable[[Path, Path], object] = Path.replace) -> None:
    """The whole file or nothing, put in its `place` once it is on the disk."""
    part = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        place(part, file)
    except FileExistsError:
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"store: {file} cannot be written: {error.strerror}; what was kept before is whole, and the next run goes "
            "on from it",
        ) from error
    finally:
        with suppress(OSError):  # of a disk that takes nothing away either; the error before says more
            part.unlink(missing_ok=True)
