"""The folder that a monitor lives in: files that are whole or not there, and nothing outside of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from learning_debt.monitor.writer_lock import writer_lock

LISTED = "series.json"
"""Where a folder holds many series, their labels, in the order of their folders."""
LEDGER, SETTINGS, LOCK = "ledger.sqlite", "monitor.toml", "writer.lock"
POSTERIORS, DATA, AUDITED = "posteriors", "data", "audited"
PARTS = (POSTERIORS, DATA, AUDITED)
_NAME = re.compile(rf"({'|'.join(PARTS)})/[0-9]{{6,}}-[0-9a-f]{{12}}\.nc")
_PART = ".part"
_DIGITS = 12
"""Of its hash, in the name of a file."""
SPARE_BYTES = 4 << 20
"""Room on the disk that must be left before anything is begun."""


class StateFolder:
    """A folder with a ledger, settings, posteriors and data.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        self.ledger, self.settings = self.path / LEDGER, self.path / SETTINGS

    def require_own(self) -> None:
        """Refuse a folder that is none of a monitor, or parts of which lie elsewhere.

        Raises
        ------
        FileNotFoundError, ValueError
        """
        if (self.path / LISTED).is_file():
            raise ValueError(f"{self.path} is a folder of many series: use SeriesMonitors.open(path, forecaster)")
        for file in (self.ledger, self.settings):
            if not file.is_file():
                raise FileNotFoundError(
                    f"{self.path} is no folder of a monitor: it lacks {file.name}; ld.Monitor.create, or "
                    "'learning-debt monitor init', makes one"
                )
        for name in (LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", SETTINGS, LOCK, *PARTS):
            if (self.path / name).is_symlink():
                raise ValueError(
                    f"{self.path / name} is a link to another place; a monitor's folder holds its own files"
                )

    @contextmanager
    def writing(self, doing: str) -> Iterator[None]:
        """Be the only writer while the block runs, with room on the disk."""
        free = shutil.disk_usage(self.path).free
        if free < SPARE_BYTES:
            raise OSError(
                f"the disk of {self.path} has {free} bytes left; nothing has been begun, free some space first"
            )
        with writer_lock(self.path / LOCK, doing):
            yield

    def write(self, part: str, number: int, content: bytes) -> tuple[str, str]:
        """Keep a file, on the disk before this returns: its name in the folder, and its hash.

        Raises
        ------
        OSError
            If it cannot be written, as on a full disk; nothing is left of it.
        """
        told = hashlib.sha256(content).hexdigest()
        name = f"{part}/{number:06d}-{told[:_DIGITS]}.nc"
        file = self.path / name
        unfinished = file.with_name(f"{file.name}{_PART}")
        try:
            with unfinished.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(file)
            sync_folder(file.parent)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise OSError(
                error.errno, f"{file} cannot be written: {error.strerror}; the ledger is as it was before"
            ) from error
        return name, told

    def read(self, name: str, *, checked: bool = True) -> bytes:
        """The bytes of a file that the ledger names.

        Raises
        ------
        ValueError
            If the name leads elsewhere, or, `checked`, the file is not what was written.
        FileNotFoundError
        """
        file = self.path / self.require_inside(name)
        if file.is_symlink():
            raise ValueError(f"{file} is a link to another place; a monitor's folder holds its own files")
        if not file.is_file():
            raise FileNotFoundError(f"{file} is not there; put it back from a copy of the folder")
        content = file.read_bytes()
        if checked and hashlib.sha256(content).hexdigest()[:_DIGITS] != file.stem.partition("-")[2]:
            raise ValueError(f"{file} was changed after it was written; put it back from a copy of the folder")
        return content

    def require_inside(self, name: str) -> str:
        """The name of a file, if it is one that `write` gives."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"the ledger of {self.path} names a file {name!r}, which no monitor writes")
        return name

    def remove(self, names: Iterable[str]) -> None:
        """Take files away; those that cannot be stay, and do no harm."""
        for name in names:
            with suppress(OSError):
                (self.path / self.require_inside(name)).unlink(missing_ok=True)

    def stray(self, known: Iterable[str]) -> list[str]:
        """Files of an observation that was cut short, or whose removal was: those that are not `known`."""
        kept = set(known)
        found = [f"{part}/{file.name}" for part in PARTS for file in (self.path / part).glob("*")]
        return sorted(name for name in found if name not in kept and (_NAME.fullmatch(name.removesuffix(_PART))))

    def clean(self, known: Iterable[str]) -> None:
        """Take stray files away."""
        for name in self.stray(known):
            with suppress(OSError):
                (self.path / name).unlink(missing_ok=True)


@contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """A folder beside `target` while the block runs, and in its place once it has ended; nothing is left if it fails.

    Raises
    ------
    OSError
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}{_PART}")
    try:
        part.mkdir()
        yield part
        sync_folder(part)
        if target.exists():
            target.rmdir()
        part.rename(target)
        sync_folder(target.parent)
    finally:
        with suppress(OSError):
            shutil.rmtree(part, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
