"""What the bench measures on: real histories under update rules and priors, or spell tables that are given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from learning_debt.bench.histories import HISTORIES, PRIORS, history_of
from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import noted
from learning_debt.spells import check_spells, fewest_periods, first_billed, select_periods
from learning_debt.spells.checks import MINIMUM_PERIODS
from learning_debt.spells.schema import TableFacts
from learning_debt.validation import describe, require_instance, require_names, require_sequence, suggestion

UPDATE_RULES = (UpdateRule(), UpdateRule(discount=0.98))
REGRESSION = "conjugate regression"
NETCDF = (".nc", ".netcdf")
TABLES = "a mapping of names of histories to spell tables, such as {'sales': spells}"


@dataclass(frozen=True)
class Entry:
    """A history, with who forecasts it and what the shadow holds.

    Attributes
    ----------
    history, forecaster, prior : str
    update_rule : UpdateRule
    table : Dataset, optional
        Checked; of a real history of the bench it is made when it is needed, where it is needed.
    """

    history: str
    forecaster: str
    prior: str
    update_rule: UpdateRule
    table: xr.Dataset | None = None

    def spells(self) -> xr.Dataset:
        """The checked spell table."""
        if self.table is not None:
            return self.table
        with noted(f"in the history {self.history!r}"):
            return check_spells(history_of(self.history).spells(self.update_rule, self.prior))

    @property
    def labels(self) -> dict[str, str]:
        """As columns of the bench have them."""
        named = {"history": self.history, "forecaster": self.forecaster, "prior": self.prior}
        return named | {"update_rule": str(self.update_rule)}


def parts(table: xr.Dataset, split: float) -> tuple[xr.Dataset, xr.Dataset]:
    """What is tuned on, and all periods after it, which are billed.

    Forecasts of the tuning part whose outcomes lie beyond the split are in neither.
    """
    first = first_billed(table.sizes["period"], split)
    return select_periods(table, 0, first - _ahead(table)), select_periods(table, first)


def real_entries(names: Any, update_rules: Any, priors: Any) -> list[Entry]:
    """Every real history asked for, under every update rule and prior asked for; all of them if left out.

    Raises
    ------
    TypeError, ValueError
    """
    chosen = list(HISTORIES) if names is None else _distinct("histories", names, list(HISTORIES))
    of = list(PRIORS) if priors is None else _distinct("priors", priors, list(PRIORS))
    rules = list(UPDATE_RULES) if update_rules is None else _rules(update_rules)
    return [Entry(name, REGRESSION, prior, rule) for name in chosen for rule in rules for prior in of]


def table_entries(tables: Any, names: Any, splits: Sequence[float]) -> list[Entry]:
    """Given tables, checked to the end: schema, length, and a typical bad period in what is tuned on.

    Raises
    ------
    TypeError, ValueError, KeyError
        Naming the table and what is wrong with it.
    """
    given = require_instance("tables", tables, Mapping, TABLES)
    if isinstance(given, xr.Dataset):
        raise TypeError(f"tables must be {TABLES}, not one table")
    if not given:
        raise ValueError(f"tables must be {TABLES}, not empty")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"tables must be {TABLES}: {describe(name)} is no name")
    chosen = list(given) if names is None else _distinct("histories", names, list(given))
    return [_entry(name, given[name], splits) for name in chosen]


def read_tables(directory: str | os.PathLike[str]) -> dict[str, xr.Dataset]:
    """Spell tables of a folder, netCDF files ending in ``.nc`` or ``.netcdf``, by the names of their files.

    Other files are left alone.

    Parameters
    ----------
    directory : path

    Raises
    ------
    OSError, ValueError
        If there is no such folder, no table in it, one cannot be read, or two have one name.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as home:
    ...     spells = xr.Dataset({"score_gap": (("deployed_at", "period"), [[0.1]])})
    ...     spells.to_netcdf(f"{home}/sales.nc", engine="h5netcdf")
    ...     list(read_tables(home))
    ['sales']
    """
    require_instance("directory", directory, (str, os.PathLike), "the path of a folder")
    folder = Path(directory)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise NotADirectoryError(f"directory {str(folder)!r} {what}; give a folder of spell tables as netCDF")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in NETCDF and not path.name.startswith("."))
    if not files:
        raise FileNotFoundError(f"directory {str(folder)!r} holds no spell table: no file ends in .nc")
    twice = _repeated(path.stem for path in files)
    if twice:
        raise ValueError(f"directory {str(folder)!r} holds two tables called {twice[0]!r}; give them different names")
    return {path.stem: _read(path) for path in files}


def _read(path: Path) -> xr.Dataset:
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable netCDF file ({error})") from error


def _entry(name: str, table: Any, splits: Sequence[float]) -> Entry:
    called = f"tables[{name!r}]"
    require_instance(called, table, xr.Dataset, "a spell table, as spell_table returns it")
    try:
        checked = check_spells(table)
    except (TypeError, ValueError, KeyError) as error:
        raise type(error)(f"{called}: {error.args[0] if error.args else error}") from error
    require_long_enough(called, checked, splits)
    for split in splits:
        if not (parts(checked, split)[0]["regret"] > 0).any():
            raise ValueError(
                f"{called} has no positive regret in the first {split:g} of its periods, so that there is no typical "
                "bad period for costs to be multiples of"
            )
    of = {key: str(table.attrs.get(key, "")) for key in ("forecaster", "prior")}
    return Entry(name, of["forecaster"], of["prior"], TableFacts.from_table(checked).update_rule, checked)


def require_long_enough(called: str, table: xr.Dataset, splits: Sequence[float]) -> None:
    """Refuse a table that leaves too few periods on one side of a split.

    Raises
    ------
    ValueError
        With the number of periods that are needed.
    """
    periods, needed = table.sizes["period"], max(fewest_periods(split, _ahead(table) + 1) for split in splits)
    if periods < needed:
        raise ValueError(
            f"{called} has {periods} periods; splits of {', '.join(f'{split:g}' for split in splits)} need {needed}, "
            f"so that at least {MINIMUM_PERIODS} each are tuned on and billed"
        )


def _ahead(table: xr.Dataset) -> int:
    """Periods before a split whose forecasts have outcomes after it."""
    return TableFacts.from_table(table).horizon - 1


def _distinct(name: str, values: Any, choices: Sequence[str]) -> list[str]:
    names = require_names(name, values)
    for one in names:
        if one not in choices:
            raise ValueError(
                f"{name}: there is no {one!r}{suggestion(one, choices)}; choose from {', '.join(map(repr, choices))}"
            )
    if not names:
        raise ValueError(f"{name} must name at least one of {', '.join(map(repr, choices))}; leave it out for all")
    twice = _repeated(names)
    if twice:
        raise ValueError(f"{name} must differ, and {twice[0]!r} is there twice")
    return list(names)


def _rules(values: Any) -> list[UpdateRule]:
    remedy = "a list of update rules, such as [ld.UpdateRule(), ld.UpdateRule(discount=0.98)]"
    rules = [
        require_instance(f"update_rules[{place}]", rule, UpdateRule, "an UpdateRule, such as ld.UpdateRule(window=52)")
        for place, rule in enumerate(require_sequence("update_rules", values, remedy))
    ]
    if not rules or _repeated(rules):
        raise ValueError(f"update_rules must be different rules, at least one, not {[str(rule) for rule in rules]}")
    return rules


def _repeated(values: Iterable[Any]) -> list[Any]:
    listed = list(values)
    return [value for place, value in enumerate(listed) if value in listed[:place]]
