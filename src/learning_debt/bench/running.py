"""The bench: every policy, rival and planner on every history, tuned on its first part and billed on the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.bench.cases import Protocol, run_cases
from learning_debt.bench.entries import Entry, real_entries, require_long_enough, table_entries
from learning_debt.bench.history_curves import CURVE_COLUMNS, curves_of
from learning_debt.bench.registry import chosen_rows
from learning_debt.bench.rows import Row
from learning_debt.data.update_rule import UpdateRule
from learning_debt.errors import noted
from learning_debt.executors import mapped
from learning_debt.pricing import ACCOUNTINGS
from learning_debt.spells.progress import Stages
from learning_debt.validation import (
    require_choice,
    require_executor,
    require_flag,
    require_number,
    require_seed,
    require_sequence,
    require_whole_number,
)

COLUMNS = (
    *("history", "series", "forecaster", "prior", "update_rule", "cost_ratio", "accounting", "split", "policy"),
    *("retrains", "regret", "bill", "oracle", "excess", "net_score", "frac_deployed_better"),
    *("bill_se", "bill_low", "bill_high", "excess_low", "excess_high", "periods", "cost", "unit", "setting"),
)
"""Of a bench's bills. Regret, bill, oracle and excess are in costs of a retrain."""
COST_RATIOS, SPLITS = (0.25, 1.0, 4.0), (0.5, 0.6, 0.7)
WHOSE = ("history", "forecaster", "prior", "update_rule")


class Bench(NamedTuple):
    """What `run_bench` found.

    Attributes
    ----------
    bills : DataFrame
        A line for each history, series, forecaster, prior, update rule, cost ratio, split and policy. ``bill`` is
        ``regret`` plus ``retrains``, ``excess`` is ``bill`` less that of the ``oracle``: all five in costs of a
        retrain, with the ends of 90% intervals by a block bootstrap over periods (``bill_low`` and so on) and, of a
        table from draws, the bill's Monte-Carlo error (``bill_se``).
        ``net_score`` is the realised score of what served, less the cost of retrains, in the unit of the table's
        regret; ``frac_deployed_better`` the share of periods in which what served beat the shadow. ``cost`` is that
        of a retrain in ``unit``, ``periods`` those billed, ``setting`` what was tuned to.
    notes : DataFrame
        ``history``, ``forecaster``, ``prior``, ``update_rule``, ``policy``, ``note``: what was left out, and why.
    curves : DataFrame
        Of every table, whatever the policy: regret by age, slope of gaps on beliefs, score of the shadow so far, with
        ``place`` (an age, or a period), ``value``, ``standard_error``, ends of a 90% interval ``low`` and ``high``, and
        ``reliable``, as `ageing_curve`, `belief_slope` and `shadow_scores` have them.

    See Also
    --------
    summarise : How the policies compare over all histories.
    """

    bills: pd.DataFrame
    notes: pd.DataFrame
    curves: pd.DataFrame = pd.DataFrame(columns=list(CURVE_COLUMNS))


def run_bench(
    tables: Mapping[str, xr.Dataset] | None = None,
    *,
    histories: Sequence[str] | None = None,
    policies: Sequence[str | Row] | None = None,
    update_rules: Sequence[UpdateRule] | None = None,
    priors: Sequence[str] | None = None,
    cost_ratios: Sequence[float] = COST_RATIOS,
    splits: Sequence[float] = SPLITS,
    accounting: str = "signed",
    resamples: int = 1000,
    random_seed: int | None = 0,
    executor: Executor | None = None,
    progressbar: bool = True,
) -> Bench:
    """Tune every policy on the first part of every history, and bill it on the rest.

    A retrain costs a ratio times the upper quartile of positive regret in the tuning part. Policies, calendars and
    oracle are billed on exactly the periods after the split, starting with what the shadow believed at the split.
    Several series are tuned together and billed each. A calendar's bill, tuned or not, is the mean over its phases.

    Parameters
    ----------
    tables : mapping of str to Dataset, optional
        Spell tables by the names of their histories, in place of the real histories that come with the bench.
        Policies whose signals a table lacks are left out there, and a note says so.
    histories : sequence of str, optional
        Names of real histories, or of tables; all of them if left out.
    policies : sequence of str or Row, optional
        Names of rows, or of groups of them, or rows of your own; all that can be made here if left out. Never, always,
        calendar, CUSUM, the oracle and the two rows of hindsight are always there.
    update_rules : sequence of UpdateRule, optional
        What shadows of the real histories hold: all data, and all discounted by .98 a period, if left out.
    priors : sequence of str, optional
        Among ``bench.PRIORS``; all of them if left out.
    cost_ratios : sequence of float
    splits : sequence of float
        Shares of the periods that are tuned on. Parts of different splits overlap.
    accounting : {"signed", "positive"}
    resamples : int
        Of the block bootstrap.
    random_seed : int, optional
    executor : concurrent.futures.Executor, optional
        Works on histories side by side.
    progressbar : bool

    Returns
    -------
    Bench

    Raises
    ------
    TypeError, ValueError, KeyError, ImportError
        Before any work: for names that there are not, tables of another schema or too short, rows that need what is
        not installed.

    See Also
    --------
    summarise : How the policies compare over all histories.
    read_tables : Spell tables of a folder.
    learning_debt.audit : One history at the owner's own cost, with the decision for today.

    Examples
    --------
    >>> import learning_debt as ld
    >>> found = run_bench(histories=["inflation"], policies=["two-state"], priors=["weak"], splits=[0.6],
    ...     cost_ratios=[1.0], progressbar=False)
    >>> bills = found.bills[found.bills["update_rule"] == "all data"].set_index("policy")["bill"]
    >>> bool(bills["oracle"] <= bills.min())
    True
    """
    rows, missing = chosen_rows(policies)
    ratios, shares = _numbers("cost_ratios", cost_ratios), _numbers("splits", splits, below=1.0)
    require_choice("accounting", accounting, ACCOUNTINGS)
    require_whole_number("resamples", resamples, at_least=1)
    seed = require_seed("random_seed", random_seed)
    require_executor(executor)
    require_flag("progressbar", progressbar)
    drawn = int(np.random.default_rng().integers(2**31)) if seed is None else seed
    protocol = Protocol(rows, ratios, shares, accounting, resamples, drawn)
    entries = _entries(tables, histories, update_rules, priors, shares)
    curves: list[pd.DataFrame] = []
    bills, notes = [], [pd.DataFrame({"policy": [""] * len(missing), "note": missing})]
    with Stages(progressbar) as stages, stages.stage("histories, rules and priors", len(entries)) as stage:
        for entry, (found, left_out, seen) in zip(entries, mapped(executor, _run, protocol, entries), strict=True):
            bills.append(found.assign(**entry.labels))
            notes.append(left_out.assign(**entry.labels))
            curves.append(seen.assign(**entry.labels))
            stage.advance()
    whole = pd.concat(bills, ignore_index=True)
    said = pd.concat(notes, ignore_index=True).reindex(columns=[*WHOSE, "policy", "note"]).fillna("")
    return Bench(whole[list(COLUMNS)], said, pd.concat(curves, ignore_index=True)[list(CURVE_COLUMNS)])


def _run(protocol: Protocol, entry: Entry) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What one history under one rule and prior comes to; in another process, where there is one."""
    with noted(f"in the history {entry.history!r}, {entry.update_rule}"):
        table = entry.spells()
        require_long_enough(f"the history {entry.history!r}", table, protocol.splits)
        return *run_cases(table, protocol), curves_of(table)


def _entries(tables: Any, histories: Any, update_rules: Any, priors: Any, splits: Sequence[float]) -> list[Entry]:
    if tables is None:
        return real_entries(histories, update_rules, priors)
    for name, value in (("update_rules", update_rules), ("priors", priors)):
        if value is not None:
            raise ValueError(f"{name} go with the histories of the bench; a spell table was made under its own")
    return table_entries(tables, histories, splits)


def _numbers(name: str, values: Any, *, above: float = 0.0, below: float | None = None) -> tuple[float, ...]:
    given = require_sequence(name, values, "a list of numbers, such as [0.5, 0.7]")
    numbers = tuple(
        require_number(f"{name}[{place}]", value, above=above, below=below) for place, value in enumerate(given)
    )
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} must be different numbers, at least one, not {given}")
    return numbers
