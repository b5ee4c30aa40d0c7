"""Writes the report: pictures, table and page, all or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from learning_debt.audit import Audit
from learning_debt.report.figures import draw_figures
from learning_debt.report.page import render_page

PAGE, TABLE, SPELLS = "report.html", "policies.csv", "spells.nc"


def write_report(
    audit: Audit,
    directory: str | os.PathLike[str],
    *,
    title: str,
    comparison: xr.Dataset | None = None,
    exact: xr.Dataset | None = None,
    sampled: xr.Dataset | None = None,
    spells: xr.Dataset | None = None,
    schedule: xr.DataArray | None = None,
    table: xr.Dataset | None = None,
    model_summary: str | None = None,
) -> Path:
    """Write ``report.html``, its pictures as PNG and ``policies.csv`` to a directory.

    The page holds everything it shows. Nothing is left half-written: files are made in a temporary directory and
    moved in place at the end. Other files of the directory are left alone, files of the same names are replaced.

    Parameters
    ----------
    audit : Audit
    directory : path
        Made if it does not exist.
    title : str
    comparison : Dataset (signal), optional
        From `compare_tables`: how sampled estimates fared against exact values.
    exact, sampled : Dataset, optional
        The two spell tables, to be drawn against each other.
    spells, schedule : Dataset and DataArray, optional
        Whose signals to draw; by default the evaluation periods under the benchmark's schedule.
    table : Dataset, optional
        The whole spell table, kept as ``spells.nc``: another cost or calendar can be priced on it without refitting.
    model_summary : str, optional
        Plain text about the model.

    Returns
    -------
    Path
        Of ``report.html``.

    Raises
    ------
    OSError
        If the directory cannot be written, or is a file.
    ValueError
        If only one of `exact` and `sampled`, or of `spells` and `schedule`, is given.
    """
    if (exact is None) != (sampled is None):
        raise ValueError("give both exact and sampled, or neither")
    if (spells is None) != (schedule is None):
        raise ValueError("give both spells and schedule, or neither")
    target = Path(directory)
    with _all_or_nothing(target) as workshop:
        figures = draw_figures(audit, exact, sampled, spells, schedule)
        for figure in figures:
            (workshop / figure.file).write_bytes(figure.png)
        policies = audit.table.to_dataframe().assign(unit=audit.cost.unit, accounting=audit.accounting)
        policies.to_csv(workshop / TABLE)
        if table is not None:
            table.to_netcdf(workshop / SPELLS, engine="h5netcdf")
        page = render_page(audit, title, figures, comparison, model_summary)
        (workshop / PAGE).write_text(page, encoding="utf-8")
    return target / PAGE


def require_writable(directory: str | os.PathLike[str]) -> None:
    """Check, before long work, that a report can be written to `directory`; nothing is made.

    Raises
    ------
    OSError
        Naming the directory and what is in the way.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as home:
    ...     require_writable(Path(home) / "audit")
    """
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"cannot write the report to {target}: it is a file")
    ground = next(place for place in (target, *target.absolute().parents) if place.exists())
    if not ground.is_dir():
        raise NotADirectoryError(f"cannot write the report to {target}: {ground} is a file")
    for name in (PAGE, TABLE, SPELLS):
        if (target / name).is_dir():
            raise IsADirectoryError(f"cannot write the report to {target}: {name} is a directory there")
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".report-", dir=ground))
    except OSError as error:
        raise OSError(f"cannot write the report to {target}: {error.strerror} ({ground})") from error


@contextmanager
def _all_or_nothing(target: Path) -> Iterator[Path]:
    """A directory to work in, whose files are moved to `target` at the end, if all went well."""
    require_writable(target)
    exists = target.is_dir()
    missing = [place for place in (target.parent, *target.parent.parents) if not place.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    # A directory that exists may be another file system than its parent: work inside it then, so that moves are atomic.
    workshop = Path(tempfile.mkdtemp(prefix=".report-", dir=target if exists else target.parent))
    try:
        yield workshop
        if exists:
            # The page last: who sees a new page sees new pictures.
            for file in sorted(workshop.iterdir(), key=lambda one: one.name == PAGE):
                os.replace(file, target / file.name)
        else:
            workshop.chmod(0o777 & ~_umask())
            os.replace(workshop, target)
    except OSError as error:
        raise type(error)(f"cannot write the report to {target}: {error}") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        if not target.exists():
            for place in missing:
                place.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
