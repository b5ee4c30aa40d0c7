"""``learning-debt audit``: fits, bills, report."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import arviz_base  # noqa: F401 - it reads the source of all that is importing it: from here that is little
import xarray as xr

import learning_debt as ld
from learning_debt.auditing.rule_rows import coefficients_of
from learning_debt.cli.answers import Answers
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.cli.history_file import read_history, read_spells
from learning_debt.cli.kept_table import kept_table
from learning_debt.cli.model_file import imported
from learning_debt.cli.printing import audit_parts
from learning_debt.cli.rules_of_file import rules_asked, tables_by_rule, tell_of_one_rule, with_realised_scores
from learning_debt.cli.settings import Settings
from learning_debt.cli.table_origin import doubt_of_origin, with_origin
from learning_debt.cli.twin_of_file import Twin, TwinOfFile, begun_beside
from learning_debt.data import records
from learning_debt.report import (
    Staleness,
    posteriors_are_cheap,
    require_storable,
    require_writable,
    staleness,
    write_report,
    write_spells,
)
from learning_debt.report.writer import SPELLS
from learning_debt.spells.placeholder_table import rehearsed_table
from learning_debt.validation import require_callable

REHEARSED_RESAMPLES = 10
SCHEMA = "learning-debt/audit/1"
"""Its number grows when a key goes or changes its meaning, not when one is added."""


class ToReplay(NamedTuple):
    """What is to be replayed under today's update rule.

    Attributes
    ----------
    forecaster, data, options
        What `spell_table` is called with.
    rules : dict of str to UpdateRule
        Those that are compared, today's first; none where nobody asks.
    twin : TwinOfFile or None
    """

    forecaster: Any
    data: Any
    options: dict[str, Any]
    rules: dict[str, ld.UpdateRule]
    twin: TwinOfFile | None


class Replayed(NamedTuple):
    """A history that has been replayed.

    Attributes
    ----------
    table : Dataset
    kept : Path
        Where the table is.
    asked : ToReplay
    store : Path or None
        Where its fits are.
    """

    table: xr.Dataset
    kept: Path
    asked: ToReplay
    store: Path | None = None


def run_audit(
    model: Path,
    out: Path,
    *,
    history: Path | None,
    spells: Path | None,
    as_json: bool,
    what_if: bool = True,
    **options: Any,
) -> None:
    """Audit the forecaster of a model file; `options` of the command line come before those of the file."""
    answers = Answers(SCHEMA, "audit", as_json)
    console = answers.console
    require_writable(out)
    with imported(model) as module:
        settings = Settings.read(model.name, module, history=history, spells=spells, **options)
        for hint in settings.hints():
            console.say(f"{model.name}: {hint}", style="yellow")
        price = settings.cost()
        if spells is not None:
            table = read_spells(spells)
            if doubt := doubt_of_origin(table, settings):
                console.say(doubt, style="yellow")
            tell_of_one_rule(console, settings, table)
            _audit(answers, settings, price, table, None, model, out, what_if=what_if)
            return
        passing: list[Path] = []
        asked = _asked(console, settings, price, history, out)
        with begun_beside(asked.twin, module) as beside:
            replayed = _fitted(console, settings, asked, out, passing)
            with _said_where(replayed.kept, model):
                twin = None if asked.twin is None else asked.twin.compared(console, passing, beside)
                tables = _by_rule(console, replayed, out, passing) if asked.rules else replayed.table
                _audit(answers, settings, price, tables, twin, model, out, replayed, what_if=what_if)
        for store in passing:  # under another name first, so that no half of one looks like a store
            shutil.rmtree(store.rename(store.with_name(f".{store.name}.gone")))


def _asked(
    console: PlainConsole, settings: Settings, price: ld.RetrainingCost, history: Path | None, out: Path
) -> ToReplay:
    """What is to be replayed, rehearsed: what would be refused after the fits is refused now."""
    forecaster, source = settings.forecaster()
    data = read_history(history) if history is not None else settings.history(forecaster.observation_dim)
    options = settings.table_options(forecaster, data, progressbar=sys.stdout.isatty())
    rehearsed = _rehearse(forecaster, data, options, settings, price)
    rules = rules_asked(console, settings, forecaster, data, options)
    options = with_realised_scores(options) if rules else options
    pair, twin = settings.twin(), None
    if pair is not None:
        twin = TwinOfFile.of(pair, data, options, rehearsed.sizes["period"], Path(f"{out}.store-twin"))
        twin.rehearse()
    console.say(f"{settings.file}: {source}; {_work_ahead(forecaster, options)}", "bold")
    return ToReplay(forecaster, data, options, rules, twin)


def _fitted(console: PlainConsole, settings: Settings, asked: ToReplay, out: Path, passing: list[Path]) -> Replayed:
    """The history, replayed.

    Stores that have served their purpose once the report is written are added to `passing`.
    """
    started = time.perf_counter()
    table, found = kept_table(console, asked.forecaster, asked.data, asked.options, Path(f"{out}.store"), passing)
    table = with_origin(table, settings, asked.data)
    kept = write_spells(table, out)
    seconds = f"{time.perf_counter() - started:.0f} s"
    if isinstance(asked.forecaster, ld.ConjugateRegression):
        console.say(f"exact signals in {seconds}; their table is kept in {kept}")
        return Replayed(table, kept, asked)
    fits = int(table["refits"].sum()) + table.sizes["series"]
    plural = "" if fits == 1 else "s"
    of_before = f" ({found} of them kept from an earlier run)" if found else ""
    becomes = "" if kept.name == SPELLS else f", which becomes {SPELLS} with the report"
    console.say(f"{fits} fit{plural} in {seconds}{of_before}; their table is kept in {kept}{becomes}")
    if reason := table.attrs.get("not_pooled"):
        console.say(f"a few fits could not serve all periods: {reason}")
    given = asked.options.get("store")
    home = Path(given) if given is not None else passing[-1] if passing else None
    return Replayed(table, kept, asked, home)


def _by_rule(console: PlainConsole, replayed: Replayed, out: Path, passing: list[Path]) -> dict[str, xr.Dataset]:
    """Tables of all rules that are compared."""
    asked = replayed.asked
    more = len(asked.rules) - 1
    console.say(f"on what to retrain: {more} more table{'s' * (more > 1)}, one for each update rule besides today's")

    def make(rule: ld.UpdateRule, number: int) -> xr.Dataset:
        options = asked.options | {"update_rule": rule, "store": None}
        home = Path(f"{out}.store-rule-{number}")
        return kept_table(console, asked.forecaster, asked.data, options, home, passing)[0]

    return tables_by_rule(asked.rules, replayed.table, make)


def _work_ahead(forecaster: Any, options: dict[str, Any]) -> str:
    """What a table takes, as far as it is known before its first fit."""
    keeper, since = options.get("shadow"), f"from period {options['initial']} on"
    if isinstance(forecaster, ld.ConjugateRegression):
        return f"an exact posterior a period {since}"
    if keeper is None or isinstance(keeper, ld.PooledShadow):
        return f"a few fits for all periods {since}, if the model allows it, else one a period"
    step = "one fit" if isinstance(keeper, ld.Refit) else f"one step of {type(keeper).__name__}"
    return f"after the first fit, {step} a period {since}"


def _rehearse(
    forecaster: Any, data: Any, options: dict[str, Any], settings: Settings, price: ld.RetrainingCost
) -> xr.Dataset:
    """Refuse before the first fit what would be refused after the last one: all of it is tried on made-up signals.

    Returns their table.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come again with the table itself
        table = rehearsed_table(forecaster, data, **options)
        require_storable(table)
        audit_options = settings.audit_options(table)
        if callable(audit_options.get("policies")):
            require_callable("policies", audit_options["policies"], "a function of the tuning part", takes=1)
            audit_options.pop("policies")  # what it learns from the table, it cannot learn from a made-up one
        resamples = audit_options.get("resamples", REHEARSED_RESAMPLES)
        if isinstance(resamples, int):
            audit_options["resamples"] = min(resamples, REHEARSED_RESAMPLES)
        ld.audit(table, price, **audit_options)
    return table


def _audit(
    answers: Answers,
    settings: Settings,
    price: ld.RetrainingCost,
    spells: xr.Dataset | dict[str, xr.Dataset],
    twin: Twin | None,
    model: Path,
    out: Path,
    replayed: Replayed | None = None,
    *,
    what_if: bool,
) -> None:
    """Price a table, or those of several rules; write the report, and print it last: what is printed can be lost."""
    table = spells if isinstance(spells, xr.Dataset) else next(iter(spells.values()))
    count = None if replayed is None else coefficients_of(replayed.asked.forecaster)
    result = ld.audit(spells, price, **{"coefficient_count": count} | settings.audit_options(table))
    moved = None if replayed is None else _what_moved(answers.console, replayed, result)
    page = write_report(
        result,
        out,
        title=model.stem,
        comparison=None if twin is None else twin.comparison,
        sampled=None if twin is None else twin.sampled,
        exact=None if twin is None else twin.exact,
        table=table,
        model_summary=settings.module.__doc__,
        blocks=None if moved is None else moved.blocks,
        groups=None if moved is None else moved.groups,
        parameters=None if moved is None else moved.parameters,
        what_if=what_if,
    )
    comparison = None if twin is None else twin.comparison
    data = {"model": model.name, "report": str(page), **result.as_dict()}
    data["comparison"] = None if comparison is None else records(comparison)
    answers.give(data, [*audit_parts(result, comparison), f"\nreport: {page}"])


def _what_moved(console: PlainConsole, replayed: Replayed, result: ld.Audit) -> Staleness | None:
    """Which parameters and rows moved belief since the last retrain, where the posteriors need no further fit."""
    asked, periods = replayed.asked, replayed.table.sizes["period"]
    if not posteriors_are_cheap(replayed.table) or asked.options.get("horizon", 1) != 1:
        return None
    names = ("initial", "varying_rows", "update_rule", "shadow", "random_seed")
    options = {name: asked.options[name] for name in names if name in asked.options}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the table has said it
            whole = ld.replayed_posteriors(
                asked.forecaster, asked.data, progressbar=False, store=replayed.store, **options
            )
            return staleness(whole, periods - result.decision.spell_age)
    except (ValueError, KeyError, TypeError, RuntimeError) as reason:
        console.say(f"which parameters moved is not shown: {reason}", style="yellow")
        return None


@contextmanager
def _said_where(kept: Path, model: Path) -> Iterator[None]:
    """Say with whatever ends the command after the fits where they are, and how to go on."""
    try:
        yield
    except BaseException as error:
        again = shlex.join(["learning-debt", "audit", str(model), "--spells", str(kept)])
        error.add_note(f"the fits are kept in {kept}; go on with: {again}")
        raise
