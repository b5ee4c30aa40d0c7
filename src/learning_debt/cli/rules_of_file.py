"""On what to retrain: the tables of other update rules than today's, where they are asked for or cost little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import xarray as xr

import learning_debt as ld
from learning_debt.auditing.rule_grid import as_rules, default_rules
from learning_debt.cli.command_endings import PlainConsole
from learning_debt.cli.settings import RULES, Settings
from learning_debt.data import PERIOD, RESERVED, as_dataset, as_labels
from learning_debt.errors import noted
from learning_debt.spells.placeholder_table import rehearsed_table
from learning_debt.spells.schema import DEPLOYED_SCORE, ESTIMATED


def rules_asked(
    console: PlainConsole, settings: Settings, forecaster: Any, data: Any, options: dict[str, Any]
) -> dict[str, ld.UpdateRule]:
    """Update rules by name, today's first, each tried on made-up signals; none where the question is not asked.

    It is asked where posteriors are exact, since a table then costs nothing, and elsewhere where the model file or the
    command line says so.
    """
    asked = settings.rules()
    exact = isinstance(forecaster, ld.ConjugateRegression)
    signed = settings.audit_option("accounting", "signed") == "signed"
    if asked is None and not exact:
        console.say(
            f"on what to retrain is not asked, since every update rule takes a table of its own: --rules, or {RULES} = "
            "[ld.UpdateRule(window=...), ...] in the model file, asks it"
        )
    if asked is False or (asked is None and not (exact and signed)):
        return {}
    today = options.get("update_rule") or ld.UpdateRule()
    periods = _periods(data, forecaster.observation_dim)
    chosen = asked is not None and not isinstance(asked, bool)
    named = as_rules(asked if chosen else default_rules(periods), periods)
    named = as_rules({str(today): today} | {name: rule for name, rule in named.items() if rule != today}, periods)
    options = with_realised_scores(options)
    possible = {
        name: rule
        for name, rule in named.items()
        if _possible(console, forecaster, data, options | {"update_rule": rule}, name, required=chosen)
    }
    return possible if str(today) in possible and len(possible) > 1 else {}


def tell_of_one_rule(console: PlainConsole, settings: Settings, table: xr.Dataset) -> None:
    """Say of a kept table that other update rules have none, where a replay would have compared them."""
    asked = settings.rules()
    exact = "rung" in table and bool((table["rung"] == "exact").all())
    if asked or (asked is None and exact):
        console.say(
            "on what to retrain is not asked of a kept table, which is of one update rule; without --spells it is"
        )


def with_realised_scores(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a table that can stand beside those of other rules."""
    variables = options.get("variables")
    names = ESTIMATED if variables is None else (*variables, DEPLOYED_SCORE)
    return options | {"variables": tuple(dict.fromkeys(names))}


def tables_by_rule(
    rules: dict[str, ld.UpdateRule],
    today: xr.Dataset,
    make: Callable[[ld.UpdateRule, int], xr.Dataset],
) -> dict[str, xr.Dataset]:
    """A table for every rule, of which the first is there already; `make` is told a rule and its number."""
    others = list(rules.items())[1:]
    return {next(iter(rules)): today} | {
        name: make(rule, number) for number, (name, rule) in enumerate(others, start=2)
    }


def _possible(
    console: PlainConsole, forecaster: Any, data: Any, options: dict[str, Any], name: str, *, required: bool
) -> bool:
    """Whether a rule can be replayed; one of the grid that cannot is left out, and why is said."""
    try:
        with noted(f"under the update rule {name!r}"):
            rehearsed_table(forecaster, data, **options)
    except ValueError as error:
        if required:
            raise
        console.say(f"{name} is left out of the rules that are compared: {error}", style="yellow")
        return False
    return True


def _periods(data: Any, observation_dim: str) -> int:
    rows = as_dataset(data, observation_dim, RESERVED)
    return as_labels(rows[PERIOD].values, "history periods").index.nunique()
