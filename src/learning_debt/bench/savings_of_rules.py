"""What changing the update rule, the timing of retrains, or both would have saved on each real history."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.auditing.rule_comparison import RuleComparison, compared
from learning_debt.auditing.rule_grid import as_rules
from learning_debt.auditing.rule_tables import checked_tables
from learning_debt.auditing.split_evaluation import Question
from learning_debt.bench.histories import HISTORIES, PRIORS, history_of
from learning_debt.data.update_rule import UpdateRule
from learning_debt.executors import mapped
from learning_debt.policies.cost import RetrainingCost
from learning_debt.spells import first_billed
from learning_debt.validation import (
    require_executor,
    require_names,
    require_number,
    require_probability,
    require_seed,
    require_sequence,
    require_whole_number,
)

CHANGES = ("rule", "rule and calendar", "timing", "both")
PROBABILITY = 0.9
COLUMNS = (
    *("history", "prior", "cost_ratio", "split", "periods", "unit", "cost", "rule", "calendar", "policy_of_both"),
    *("saving_rule", "saving_rule_low", "saving_rule_high"),
    *("saving_rule_and_calendar", "saving_rule_and_calendar_low", "saving_rule_and_calendar_high"),
    *("saving_timing", "saving_timing_low", "saving_timing_high"),
    *("saving_both", "saving_both_low", "saving_both_high"),
    *("recommended", "sentence"),
)


def rule_savings(
    histories: Sequence[str] | None = None,
    *,
    rules: Sequence[UpdateRule] | None = None,
    priors: Sequence[str] = ("weak",),
    cost_ratios: Sequence[float] = (0.25, 1.0, 4.0),
    splits: Sequence[float] = (0.6,),
    resamples: int = 1000,
    random_seed: int | None = 0,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """On what, before when, on the real histories: `compare_rules` of each, with the calendar that tuning finds.

    Parameters
    ----------
    histories : sequence of str, optional
        Names of real histories; all of them if left out.
    rules : sequence of UpdateRule, optional
        The first is today's. Left out, the grid of `compare_rules`: all data, windows and discounts.
    priors : sequence of str
        Among ``bench.histories.PRIORS``.
    cost_ratios : sequence of float
        Cost of a retrain in upper quartiles of a period's positive regret under today's rule, in the tuning part.
    splits : sequence of float
        Shares of the periods that are chosen on.
    resamples : int
    random_seed : int, optional
    executor : concurrent.futures.Executor, optional
        Works on histories side by side.

    Returns
    -------
    DataFrame
        A line for each history, prior, cost ratio and split. ``saving_rule`` (the best rule with today's calendar),
        ``saving_rule_and_calendar``, ``saving_timing`` (the best policy under today's rule) and ``saving_both``, a
        period, in ``unit``, with ``_low`` and ``_high``, the ends of 90% intervals. All are chosen on the first part
        and billed on the ``periods`` that follow. ``rule`` is the one chosen with today's ``calendar``,
        ``policy_of_both`` what was chosen together with any rule, ``recommended`` the rule that the guard leaves.

    Raises
    ------
    TypeError, ValueError
        Before any work, for names and numbers that cannot be.

    See Also
    --------
    learning_debt.compare_rules : The same of a history of your own.

    Examples
    --------
    >>> found = rule_savings(["inflation"], cost_ratios=[1.0], resamples=50)
    >>> found["history"].tolist(), bool(found["saving_rule"].iloc[0] > 0)
    (['inflation'], True)
    """
    names = list(HISTORIES) if histories is None else require_names("histories", histories, tuple(HISTORIES))
    asked = [history_of(name) for name in names]
    ratios = [
        require_number(f"cost_ratios[{place}]", ratio, above=0)
        for place, ratio in enumerate(require_sequence("cost_ratios", cost_ratios, "a list of numbers, such as (1, 4)"))
    ]
    shares = [
        require_probability(f"splits[{place}]", split)
        for place, split in enumerate(require_sequence("splits", splits, "a list of shares of the periods, as (0.6,)"))
    ]
    chosen = require_names("priors", priors, tuple(PRIORS))
    for name, given in {"histories": names, "priors": chosen, "cost_ratios": ratios, "splits": shares}.items():
        if not given:
            raise ValueError(f"{name} must hold at least one, not be empty")
    questions = [(ratio, Question.of(RetrainingCost(cost_ratio=ratio), None, "signed", None)) for ratio in ratios]
    require_whole_number("resamples", resamples, at_least=1)
    require_seed("random_seed", random_seed)
    require_executor(executor)
    held_by = [as_rules(rules, len(np.unique(history.load()["period"].values))) for history in asked]
    if any(len(held) < 2 for held in held_by):
        raise ValueError("rules must be at least two, or left out for the grid of compare_rules")
    asking = _Asking(questions, shares, resamples, random_seed)
    jobs = [(history.name, held, prior) for history, held in zip(asked, held_by, strict=True) for prior in chosen]
    lines = [line for found in mapped(executor, _lines, asking, jobs) for line in found]
    return pd.DataFrame(lines, columns=list(COLUMNS))


class _Asking(NamedTuple):
    """What is asked of every history."""

    questions: list[tuple[float, Question]]
    splits: list[float]
    resamples: int
    random_seed: int | None


def _lines(asking: _Asking, job: tuple[str, dict[str, UpdateRule], str]) -> list[dict[str, Any]]:
    """All lines of one history under one prior."""
    name, held, prior = job
    history = history_of(name)
    tables = checked_tables({rule: history.spells(held[rule], prior) for rule in held})
    coefficients = dict.fromkeys(tables, history.load().sizes["coefficient"])
    lines = []
    for split in asking.splits:
        for ratio, question in asking.questions:
            rng = np.random.default_rng(asking.random_seed)
            found = compared(
                tables, question, split, coefficients, probability=PROBABILITY, resamples=asking.resamples, rng=rng
            )
            whose = {"history": name, "prior": prior, "cost_ratio": ratio, "split": split}
            lines.append(whose | _line(found, next(iter(tables.values())), split))
    return lines


def _line(found: RuleComparison, table: xr.Dataset, split: float) -> dict[str, Any]:
    periods = table.sizes["period"]
    line: dict[str, Any] = {
        "periods": periods - first_billed(periods, split),
        "unit": found.cost.unit,
        "cost": found.cost.per_retrain,
        "rule": str(found.savings["rule"].sel(change="rule").item()),
        "policy_of_both": str(found.savings["policy"].sel(change="both").item()),
        "calendar": found.calendar,
        "recommended": found.recommended,
        "sentence": found.sentence,
    }
    for change in CHANGES:
        row, name = found.savings.sel(change=change), f"saving_{change.replace(' ', '_')}"
        line |= {name: float(row["saving"]), f"{name}_low": float(row["low"]), f"{name}_high": float(row["high"])}
    return line
