"""One writer at a time: a lock that dies with the process that holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _locked(stream: IO[bytes]) -> bool:
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(stream: IO[bytes]) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class BusyError(RuntimeError):
    """Another process is writing to the folder; the message says which."""


@contextmanager
def writer_lock(file: Path, doing: str) -> Iterator[None]:
    """Hold the lock of a folder while the block runs.

    The system lets go of it when its holder dies, whatever the file says: a name in a file that nobody holds is that of
    a process that was killed. On network file systems the lock is only as good as theirs.

    Parameters
    ----------
    file : Path
        The lock; made where it is missing.
    doing : str
        What for, for whoever finds it held.

    Raises
    ------
    BusyError
        If another process holds it.
    OSError
        If the folder cannot be written.
    """
    with _opened(file) as stream:
        if not _locked(stream):
            raise BusyError(_who(file, stream))
        holder = {"process": os.getpid(), "host": socket.gethostname(), "doing": doing, "since": time.time()}
        _write(stream, json.dumps(holder).encode())
        try:
            yield
        finally:
            _write(stream, b"")


def _opened(file: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b", buffering=0)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{file.parent} cannot be written ({error.strerror}), so that nothing can be recorded there; nothing has "
            "changed",
        ) from error


def _write(stream: IO[bytes], content: bytes) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(content)


def _who(file: Path, stream: IO[bytes]) -> str:
    told: Any
    try:
        stream.seek(0)
        told = json.loads(stream.read() or b"{}")
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    since = time.strftime("%H:%M:%S", time.localtime(told["since"])) if isinstance(told.get("since"), float) else "now"
    return (
        f"another process is writing to {file.parent}: process {told.get('process', 'unknown')} on "
        f"{told.get('host', 'an unknown host')}, {told.get('doing', 'writing')} since {since}. Nothing has changed; "
        "try again once it is done"
    )
