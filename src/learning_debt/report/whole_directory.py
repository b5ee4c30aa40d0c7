"""Files that belong together and appear in a directory together, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from learning_debt.report.deferred_signals import uninterrupted


class Publication(NamedTuple):
    """What is written to a directory.

    Attributes
    ----------
    what : str
        As messages call it.
    page : str
        The file that is put in place last, so that who sees a new page sees all that goes with it.
    others : tuple of str
        Other files that it always has, or may have.
    passing : tuple of str
        Files of an earlier one that go with a new page, if that does not have them.
    """

    what: str
    page: str
    others: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()


def require_room(directory: str | os.PathLike[str], publication: Publication) -> None:
    """Check that it can be written to `directory`; nothing is made.

    Raises
    ------
    OSError
        Naming the directory and what is in the way.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as home:
    ...     require_room(Path(home) / "new", Publication("the report", "report.html"))
    """
    target = Path(directory)
    if os.path.lexists(target) and not target.is_dir():
        what = "a file" if target.exists() else "a link to what does not exist"
        raise NotADirectoryError(f"cannot write {publication.what} to {target}: it is {what}")
    ground = next(place for place in (target, *target.absolute().parents) if os.path.lexists(place))
    if not ground.is_dir():
        what = "a file" if ground.exists() else "a link to what does not exist"
        raise NotADirectoryError(f"cannot write {publication.what} to {target}: {ground} is {what}")
    for name in (publication.page, *publication.others, *publication.passing):
        if (target / name).is_dir():
            raise IsADirectoryError(f"cannot write {publication.what} to {target}: {name} is a directory there")
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".report-", dir=ground))
    except OSError as error:
        raise OSError(f"cannot write {publication.what} to {target}: {error.strerror} ({ground})") from error


@contextmanager
def written_whole(target: Path, publication: Publication) -> Iterator[Path]:
    """A directory to work in, whose files are moved to `target` at the end, if all went well.

    Raises
    ------
    OSError
        If `target` cannot be written; nothing is left behind then.
    """
    require_room(target, publication)
    exists = target.is_dir()
    missing = [place for place in (target.parent, *target.parent.parents) if not place.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A directory that exists may be another file system than its parent: work inside it then, so that moves are
        # atomic.
        with tempfile.TemporaryDirectory(
            prefix=".report-", dir=target if exists else target.parent, ignore_cleanup_errors=True
        ) as workplace:
            workshop = Path(workplace)
            yield workshop
            with uninterrupted():
                _put_in_place(workshop, target, publication)
    except OSError as error:
        raise type(error)(f"cannot write {publication.what} to {target}: {error}") from error
    finally:
        if not target.exists():
            for place in missing:
                with suppress(OSError):
                    place.rmdir()


def _put_in_place(workshop: Path, target: Path, publication: Publication) -> None:
    """Make a workshop's files those of `target`; a page last, so that who sees a new page sees new pictures."""
    if not target.exists():
        workshop.chmod(0o777 & ~_umask())
        with suppress(OSError):  # another writer may have made it since
            os.rename(workshop, target)
            return
    with _one_at_a_time(target):
        require_room(target, publication)
        files = sorted(workshop.iterdir(), key=lambda file: file.name == publication.page)
        for file in files:
            os.replace(file, target / file.name)
        names = {file.name for file in files}
        for stale in {*publication.passing} - names if publication.page in names else ():
            (target / stale).unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Wait for other writers of a directory, where the system can tell."""
    try:
        import fcntl
    except ImportError:  # no such locks here
        yield
        return
    held = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
