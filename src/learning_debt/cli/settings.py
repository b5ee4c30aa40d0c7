"""What an audit is to do: what the command line says, else what the model file says, else the library's defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pandas as pd
import xarray as xr

import learning_debt as ld
from learning_debt.cli.forecaster_of_file import ENTRIES, ROWS_OF_A_BUILDER, forecaster_of, forecaster_options
from learning_debt.cli.model_file import held, misspelt
from learning_debt.data import PERIOD, RESERVED, as_dataset, as_labels, restored_labels
from learning_debt.errors import noted
from learning_debt.policies.cost import as_cost
from learning_debt.validation import require_callable, require_instance, require_number, require_whole_number

TWIN = ("build_twin", "twin_prior")
RULES = "rules"
OTHERS = ("load_history", RULES, *TWIN)
FOR_FITS = ("history", "initial", "draws", "store", RULES)
"""Options of the command line that have no say over a table that is there already."""
DEFAULT_SEED = 1
YEAR_FIRST = re.compile(r"\d{4}(\D|\d{4}|$)")


def _names(function: Any, but: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(function).parameters if name not in but)


TABLE_OPTIONS = _names(ld.spell_table, ("forecaster", "history"))
AUDIT_OPTIONS = _names(ld.audit, ("spells",))
SETTINGS = (*TABLE_OPTIONS, *AUDIT_OPTIONS)
CALLED_OTHERWISE = {"seed": "random_seed", "history": "load_history"}
"""Options of the command line that have another name in a model file."""


@dataclass(frozen=True)
class Settings:
    """What a model file and a command line say together.

    Attributes
    ----------
    file : str
        Name of the model file.
    module : module
    said : dict of str to object
        By the model file.
    given : dict of str to object
        By the command line; comes first.
    """

    file: str
    module: ModuleType
    said: Mapping[str, Any]
    given: Mapping[str, Any]

    @classmethod
    def read(cls, file: str, module: ModuleType, **given: Any) -> Settings:
        """Settings of a model file that has been imported, and what the command line gives (None: nothing).

        Raises
        ------
        ValueError, TypeError
            If the command line contradicts itself, or a conjugate twin is half there.
        """
        known = {name: value for name, value in given.items() if value is not None}
        for name in FOR_FITS if "spells" in known else ():
            if name in known:
                raise ValueError(f"--{name} has no say over --spells, a table that is fitted already; leave out one")
        if "random_seed" in known:
            require_whole_number("--seed", known["random_seed"], at_least=0)
        said = {name: _lasting(value) if name in (*SETTINGS, RULES) else value for name, value in held(module).items()}
        half = [name for name in TWIN if said.get(name) is not None]
        if len(half) == 1:
            raise ValueError(f"{half[0]} is there without {next(name for name in TWIN if name not in half)}")
        return cls(file, module, said, known)

    def hints(self) -> list[str]:
        """What looks like a misspelt setting of the model file."""
        known = {*ENTRIES, *ROWS_OF_A_BUILDER, *forecaster_options(), *SETTINGS, *OTHERS}
        return misspelt(self.module, known, CALLED_OTHERWISE)

    def forecaster(self) -> tuple[Any, str]:
        """The forecaster, and where it comes from."""
        draws = {name: self.given[name] for name in ("draws",) if name in self.given}
        return forecaster_of(self.file, self.said, draws)

    def forecaster_of_file(self) -> Any:
        """The forecaster as the file says it is, whatever the command line adds."""
        return forecaster_of(self.file, self.said, {})[0]

    def own_history(self) -> Any:
        """What `load_history` of the model file returns; None where it has none."""
        if self.said.get("load_history") is None:
            return None
        return self.history(self.forecaster_of_file().observation_dim)

    def history(self, observation_dim: str) -> Any:
        """What `load_history` of the model file returns: rows along `observation_dim`."""
        if self.said.get("load_history") is None:
            raise AttributeError(f"{self.file} defines no load_history(); name the history with --history FILE")
        load = require_callable("load_history", self.said["load_history"], "a function without arguments", takes=0)
        data = load()
        with noted(f"as load_history() of {self.file} returned it"):
            as_dataset(data, observation_dim, ())
        return data

    def cost(self) -> ld.RetrainingCost:
        """What a retrain costs; an amount of the command line replaces that of the file, and nothing else of it."""
        said, amount = self.said.get("cost"), self.given.get("cost")
        if amount is None:
            with noted(f"set cost in {self.file}, or give --cost") if said is None else nullcontext():
                return as_cost(said)
        require_number("--cost", amount, at_least=0)
        if isinstance(said, ld.RetrainingCost):
            return replace(said, amount=amount, cost_ratio=None, score_unit="q75")
        return ld.RetrainingCost(amount)

    def table_options(self, forecaster: Any, data: Any, *, progressbar: bool) -> dict[str, Any]:
        """What `spell_table` is to be called with."""
        options = {"random_seed": DEFAULT_SEED, "progressbar": progressbar} | self._of(TABLE_OPTIONS)
        if options.get("initial") is None:
            options["initial"] = first_periods(data, forecaster.observation_dim)
        return options

    def audit_options(self, table: xr.Dataset) -> dict[str, Any]:
        """What `audit` is to be called with, besides a table and a cost."""
        options = self._of(AUDIT_OPTIONS)
        options.pop("cost", None)
        if "last_retrain" in self.given:
            options["last_retrain"] = label_from_text(self.given["last_retrain"], table)
        return options

    def rules(self) -> Any:
        """Update rules that are asked for beside today's: True or False, a list of them, None where nobody says."""
        said, given = self.said.get(RULES), self.given.get(RULES)
        if given is None:
            return said
        return said if given and not isinstance(said, bool | None) else given

    def audit_option(self, name: str, otherwise: Any) -> Any:
        """One option of `audit`."""
        return self._of(AUDIT_OPTIONS).get(name, otherwise)

    def twin(self) -> tuple[ld.PyMCForecaster, ld.ConjugateRegression] | None:
        """The conjugate twin of the model, sampled and exact, if the file has one."""
        if self.said.get("build_twin") is None:
            return None
        prior = require_instance("twin_prior", self.said["twin_prior"], ld.NIG, "an ld.NIG")
        taken = ("observation_dim", "draws", "tune", "chains", "sampler", "compile_kwargs")
        sampled = ld.PyMCForecaster(self.said["build_twin"], **self._of(taken))
        dim = sampled.observation_dim
        return sampled, ld.ConjugateRegression(prior, observation_dim=dim)

    def _of(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: value for name, value in {**self.said, **self.given}.items() if name in names}


def _lasting(value: Any) -> Any:
    """A setting that can be read twice, before the fits and after them: all that an iterator gives, in a list."""
    if isinstance(value, dict):
        return {name: _lasting(item) for name, item in value.items()}
    return list(value) if isinstance(value, Iterator) else value


def first_periods(data: Any, observation_dim: str) -> int:
    """Periods of the first fit where nobody says: a third of the history."""
    rows = as_dataset(data, observation_dim, RESERVED)
    if PERIOD not in rows.variables:
        return 1  # what builds the table refuses it with better words
    return max(1, as_labels(rows[PERIOD].values, "history periods").index.nunique() // 3)


def label_from_text(text: str, table: xr.Dataset, option: str = "--last-retrain") -> Any:
    """A label of the command line as what the labels of a table are: a number, a date, a period, or text.

    Examples
    --------
    >>> label_from_text("2024-03-01", xr.Dataset(coords={"label": ("period", pd.date_range("2024", periods=3))}))
    Timestamp('2024-03-01 00:00:00')
    """
    for name in ("deployed_label", "label"):
        if name not in table.coords:
            continue
        labels = restored_labels(table[name].values, table[name].attrs)
        if text in labels.texts:
            return labels.index[labels.texts.index(text)]
    kind = labels.kind
    if kind is None or kind.name not in PARSERS:
        return text
    try:
        if kind.time and not YEAR_FIRST.match(text):  # 01/03/2024 is another day elsewhere
            raise ValueError("the year must come first")
        return PARSERS[kind.name](text, labels.index)
    except ValueError as error:
        raise ValueError(
            f"{option}: {text!r} is no {kind}, as the labels of the periods are, such as {labels.texts[-1]}"
        ) from error


def _moment(text: str, labels: Any) -> pd.Timestamp:
    """A moment; where it names no time zone, it is meant in that of the labels."""
    moment = pd.Timestamp(text)
    return moment.tz_localize(labels.tz) if moment.tzinfo is None else moment


PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "number": lambda text, _: float(text),
    "date": lambda text, _: pd.Timestamp(text),
    "date with a time zone": _moment,
    "duration": lambda text, _: pd.Timedelta(text),
    "period": lambda text, labels: pd.Period(text, freq=labels.freq),
}
