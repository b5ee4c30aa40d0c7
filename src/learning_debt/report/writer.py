"""Writes the report: pictures, table and page, all or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import xarray as xr

from learning_debt.auditing import Audit
from learning_debt.auditing.rebilling import rebilled
from learning_debt.data import label_text
from learning_debt.report.page import render_page
from learning_debt.report.pictures import draw_figures
from learning_debt.report.whole_directory import Publication, require_room, written_whole
from learning_debt.spells.checks import require_table
from learning_debt.spells.variable_checks import checked_contents
from learning_debt.validation import require_flag, require_instance, require_text

PAGE, TABLE, TODAY, SPELLS, KEPT = "report.html", "policies.csv", "today.json", "spells.nc", "new-spells.nc"
DRAWN = ("bill", "schedule", "signals", "ageing", "belief_slope", "upkeep", "sampled_against_exact")
PICTURES = tuple(f"{name}.png" for name in DRAWN)
REPORT = Publication("the report", PAGE, (TABLE, TODAY, SPELLS), (*PICTURES, KEPT))
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


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
    blocks: xr.Dataset | None = None,
    groups: xr.Dataset | None = None,
    parameters: xr.Dataset | None = None,
    ledger: xr.Dataset | None = None,
    what_if: bool = True,
) -> Path:
    """Write ``report.html``, its pictures as PNG, ``policies.csv`` and ``today.json`` to a directory.

    The page holds everything it shows, and fetches nothing. Nothing is left half-written: files are made in a temporary
    directory and moved in place at the end, whatever signal arrives meanwhile. Of two writers at once the last one's
    report stands. Other files of the directory are left alone, files of the same names are replaced, and pictures of
    an earlier report that this one does not have go.

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
    blocks, groups : Dataset, optional
        From `debt_by_block` and `debt_by_group`: which parameters moved since the last retrain, and which rows moved
        them.
    parameters : Dataset (parameter, period), optional
        ``mean``, ``low`` and ``high`` of each parameter after each period, with ``label`` along ``period``: what the
        model would have believed, had it been refitted then.
    ledger : Dataset (period), optional
        From ``Monitor.history``: decisions as they were recorded.
    what_if : bool
        Whether the page can be asked for other costs of a retrain and other calendars. Each of eight costs takes about
        as long as the audit itself took without its intervals.

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
    require_instance("audit", audit, Audit, "an Audit, as ld.audit(spells, cost) returns it")
    require_instance("directory", directory, (str, os.PathLike), "the path of a directory")
    if directory == "":
        raise ValueError("directory must be the path of a directory, not empty; '.' is the one at hand")
    require_text("title", title)
    if model_summary is not None:
        require_instance("model_summary", model_summary, str, "text")
    tables = {"comparison": comparison, "exact": exact, "sampled": sampled, "spells": spells, "table": table}
    tables |= {"blocks": blocks, "groups": groups, "parameters": parameters, "ledger": ledger}
    for name, given in tables.items():
        if given is not None:
            require_instance(name, given, xr.Dataset, "an xarray.Dataset")
    _require_parts(blocks, groups, parameters, ledger)
    require_flag("what_if", what_if)
    if comparison is not None and "signal" not in comparison.dims:
        raise ValueError("comparison must be what compare_tables returns, along signal")
    if table is not None:
        require_table("table", table)
    if schedule is not None:
        require_instance("schedule", schedule, xr.DataArray, "a DataArray of bool, as in Replay.schedule")
    if (exact is None) != (sampled is None):
        raise ValueError("give both exact and sampled, or neither")
    if (spells is None) != (schedule is None):
        raise ValueError("give both spells and schedule, or neither")
    target = Path(directory)
    with written_whole(target, REPORT) as workshop:
        figures = draw_figures(audit, exact, sampled, spells, schedule)
        for figure in figures:
            (workshop / figure.file).write_bytes(figure.png)
        policies = audit.table.to_dataframe().assign(unit=audit.cost.unit, accounting=audit.accounting)
        _without_formulas(policies.reset_index()).to_csv(workshop / TABLE, index=False)
        (workshop / TODAY).write_text(_todays_json(audit), encoding="utf-8")
        if table is not None:
            (workshop / SPELLS).write_bytes(_as_netcdf(table))
        page = render_page(
            audit,
            title,
            figures,
            comparison,
            model_summary,
            drawn=None if spells is None or schedule is None else (spells, schedule),
            stops=rebilled(audit) if what_if else None,
            blocks=blocks,
            groups=groups,
            parameters=parameters,
            ledger=ledger,
        )
        (workshop / PAGE).write_text(page, encoding="utf-8")
    return target / PAGE


def _require_parts(
    blocks: xr.Dataset | None, groups: xr.Dataset | None, parameters: xr.Dataset | None, ledger: xr.Dataset | None
) -> None:
    """Refuse tables that are not what their names say."""
    for name, given, made_by in (("blocks", blocks, "debt_by_block"), ("groups", groups, "debt_by_group")):
        if given is not None and ("value" not in given or "standard_error" not in given or given["value"].ndim != 1):
            raise ValueError(
                f"{name} must be what {made_by} returns, with value and standard_error along one dimension"
            )
    if parameters is not None:
        missing = [one for one in ("mean", "low", "high", "label") if one not in parameters]
        if missing or set(parameters["mean"].dims) != {"parameter", "period"}:
            lacks = f"it lacks {missing[0]}" if missing else f"its dimensions are {parameters['mean'].dims}"
            raise ValueError(f"parameters must hold mean, low, high and label along (parameter, period); {lacks}")
    if ledger is not None and ("verdict" not in ledger or "period" not in ledger.dims):
        raise ValueError("ledger must be what Monitor.history returns, along period")


def write_spells(table: xr.Dataset, directory: str | os.PathLike[str]) -> Path:
    """Keep a spell table in the directory of a report that is yet to be written, so that no fit is lost.

    It is ``spells.nc``; beside an earlier report ``new-spells.nc``, which goes when the new report is there.

    Returns
    -------
    Path

    Raises
    ------
    OSError
        If the directory cannot be written, or is a file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as home:
    ...     write_spells(xr.Dataset({"score_gap": (("deployed_at", "period"), [[0.1]])}), home).name
    'spells.nc'
    """
    target = Path(directory)
    name = KEPT if (target / PAGE).exists() else SPELLS
    with written_whole(target, REPORT) as workshop:
        (workshop / name).write_bytes(_as_netcdf(table))
    return target / name


def require_storable(table: xr.Dataset) -> None:
    """Check, before long work, that a table with such labels can be kept as netCDF.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> require_storable(xr.Dataset({"score_gap": (("deployed_at", "period"), [[0.1]])}))
    """
    try:
        _as_netcdf(table)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the spell table could not be kept as {SPELLS}: {error}") from error


def require_writable(directory: str | os.PathLike[str]) -> None:
    """Check, before long work, that a report can be written to `directory`; nothing is made.

    Raises
    ------
    OSError
        Naming the directory and what is in the way.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as home:
    ...     require_writable(Path(home) / "audit")
    """
    require_room(directory, REPORT)


def _todays_json(audit: Audit) -> str:
    """Today's decisions and the diagnosis, for programs; numbers that are not known are null."""
    decisions = {label_text(name): decision.as_dict() for name, decision in audit.decisions.items()}
    diagnosis = None if audit.diagnosis is None else audit.diagnosis.as_dict()
    said = {"decisions": decisions, "diagnosis": diagnosis, "text": audit.today}
    return json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False)


def _as_netcdf(table: xr.Dataset) -> bytes:
    """A table as a netCDF file; labels of a user's own table may be pandas', which no file holds as they are.

    Made in memory, since HDF5 ends the whole process where a disk is full. How the table was stored before says
    nothing of how it is stored now.
    """
    return bytes(checked_contents(table).drop_encoding().to_netcdf(engine="h5netcdf"))


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Text cells that a spreadsheet would take for a formula, behind an apostrophe."""
    return frame.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell)
