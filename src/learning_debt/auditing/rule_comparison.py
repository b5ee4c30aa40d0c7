"""On what, before when: update rules and policies held against each other in one currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from learning_debt.auditing.cost_comparison import interval
from learning_debt.auditing.rule_bills import RuleBills, bills_under
from learning_debt.auditing.rule_choice import Choices, choose, least_savings, savings
from learning_debt.auditing.rule_rows import rows_left, too_few
from learning_debt.auditing.rule_sentences import Saving, comparison_sentence, period_name, what_is_held
from learning_debt.auditing.rule_table_text import rule_table, savings_table
from learning_debt.auditing.split_evaluation import Question
from learning_debt.data import as_frame, records, restored_labels
from learning_debt.policies.cost import RetrainingCost
from learning_debt.representations import Notes, Part, Sentence, as_html, as_text, one_line, plain_number
from learning_debt.spells.schema import TableFacts

ALONE = ("rule", "timing")


@dataclass(frozen=True)
class RuleComparison:
    """What other update rules, other timing, and both would have been worth. All of it is realised score less costs.

    Attributes
    ----------
    savings : Dataset (change)
        On the evaluation part, a period, mean over series: ``saving`` against today's rule with today's calendar, and
        its bounds ``low`` and ``high``, in ``attrs["unit"]``. ``change`` is ``"rule"`` (the best rule, the calendar
        as it is), ``"rule and calendar"`` (any rule with any calendar), ``"timing"`` (the best policy under today's
        rule) and ``"both"`` (any policy under any rule). Each is chosen on the tuning part: ``rule``, ``policy``, and
        ``chosen_share``, how often resamples choose that rule again.
    table : Dataset (rule)
        A row a rule, on the evaluation part and a period: ``net_score`` with today's calendar; ``saving`` against
        today's rule with bounds ``low`` and ``high``; ``policy`` (the best in tuning under this rule) and
        ``net_score_of_policy``; ``shadow_score`` (always retrained, at no cost) and ``frozen_score`` (never
        retrained). On the tuning part ``tuning_saving`` and ``tuning_low``, its lower bound, all rules together. And
        ``effective_rows`` and ``effective_periods``, the sums of the weights that the rule leaves at the end, and
        ``doubt``, why it may not be chosen, empty where it may.
    today : str
        Rule in force.
    recommended : str
        Rule to use from now on: the best of those that the tuning part tells from today's, if it has paid since;
        else today's.
    recommendation : str
        What is recommended, and why, in a sentence.
    sentence : str
        What rule and timing would have been worth.
    calendar : str
        Today's calendar: yours, or the one that was best under today's rule.
    spells : dict of str to Dataset
        The tables, by rule.
    cost : RetrainingCost
        One for all rules, resolved under today's.
    probability : float
        Of the intervals.
    notes : tuple of str
    """

    savings: xr.Dataset
    table: xr.Dataset
    today: str
    recommended: str
    recommendation: str
    sentence: str
    calendar: str
    spells: dict[str, xr.Dataset]
    cost: RetrainingCost
    probability: float
    notes: tuple[str, ...]

    def to_dataframe(self) -> pd.DataFrame:
        """`table` as a data frame: a row a rule."""
        return as_frame(self.table)

    def as_dict(self) -> dict[str, Any]:
        """What it says, in plain types; numbers that are not known are NaN."""
        names = ("today", "recommended", "recommendation", "sentence", "calendar", "probability")
        said: dict[str, Any] = {name: getattr(self, name) for name in names}
        said |= {"unit": self.cost.unit, "notes": list(self.notes)}
        return said | {"rules": records(self.table), "savings": records(self.savings)}

    def parts(self, elsewhere: str = "") -> list[Part]:
        """What it says, in the parts that its text and its HTML are made from; `elsewhere` as of an `Audit`."""
        parts: list[Part] = [rule_table(self.table, self.today, elsewhere or "rules.to_dataframe() has them")]
        parts += [savings_table(self.savings)]
        parts += [Sentence("", lead=self.sentence), Sentence(self.recommendation)]
        return parts + ([Notes(self.notes)] if self.notes else [])

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        rules = self.table.sizes["rule"]
        return f"<RuleComparison of {rules} update rules; recommended: {one_line(self.recommended, 60)}>"

    def _repr_html_(self) -> str:
        return as_html(self.parts())


def compared(
    tables: Mapping[str, xr.Dataset],
    question: Question,
    split: float,
    coefficients: Mapping[str, int | None],
    *,
    probability: float,
    resamples: int,
    rng: np.random.Generator,
) -> RuleComparison:
    """Compare checked tables that belong together; the first is today's rule."""
    today = next(iter(tables))
    facts = {name: TableFacts.from_table(table) for name, table in tables.items()}
    rows = {name: rows_left(table, facts[name].update_rule) for name, table in tables.items()}
    doubts = {name: "" if name == today else too_few(rows[name][0], coefficients[name]) for name in tables}
    bills, cost = bills_under(tables, question, split, today)
    choices = choose(bills, [not doubt for doubt in doubts.values()], resamples, rng)
    saved = _savings(bills, choices, cost, probability)
    table = _table(bills, choices, rows, doubts, probability).assign_attrs(saved.attrs)
    words = _Described.of(tables, facts)
    recommended, why = _recommend(saved, table, today, words, cost.unit)
    calendar = str(bills[today].candidates[int(choices.today.candidate[0])])
    return RuleComparison(
        savings=saved,
        table=table,
        today=today,
        recommended=recommended,
        recommendation=why,
        sentence=_sentence(saved, today, calendar, words, cost.unit),
        calendar=calendar,
        spells=dict(tables),
        cost=cost,
        probability=probability,
        notes=_notes(doubts, question, calendar, coefficients),
    )


def _savings(bills: Mapping[str, RuleBills], choices: Choices, cost: RetrainingCost, probability: float) -> xr.Dataset:
    names, own = list(bills), list(bills.values())
    found = savings(choices, own[0].evaluation.losses.shape[2], probability)
    value, low, high = np.array(list(found.values())).T
    chosen = [(int(choice.rule[0]), int(choice.candidate[0])) for choice in choices.changed.values()]
    again = [float((choice.rule[1:] == choice.rule[0]).mean()) for choice in choices.changed.values()]
    columns = {
        "saving": value,
        "low": low,
        "high": high,
        "rule": [names[rule] for rule, _ in chosen],
        "policy": [str(own[rule].candidates[candidate]) for rule, candidate in chosen],
        "chosen_share": again,
    }
    data = {name: ("change", values) for name, values in columns.items()}
    return xr.Dataset(data, {"change": list(found)}, {"unit": cost.unit, "probability": probability})


def _table(
    bills: Mapping[str, RuleBills],
    choices: Choices,
    rows: Mapping[str, tuple[float, float]],
    doubts: Mapping[str, str],
    probability: float,
) -> xr.Dataset:
    own = list(bills.values())
    periods, tuned_on = own[0].evaluation.losses.shape[2], own[0].tuning.losses.shape[2]
    tuning, paid = choices.kept_calendar
    saved = (paid[0] - paid) / periods
    low, high = np.array([interval(row[1:], probability) for row in saved]).T
    tuning_saving, tuning_low = least_savings(tuning, tuned_on, probability)
    best = [int(np.argmin(one.tuning.losses.sum(axis=-1).mean(axis=-1))) for one in own]
    of_best = [one.evaluation.losses[place].sum(axis=-1).mean() for one, place in zip(own, best, strict=True)]
    columns: dict[str, Any] = {
        "net_score": -paid[:, 0] / periods,
        "saving": saved[:, 0],
        "low": low,
        "high": high,
        "policy": [str(one.candidates[place]) for one, place in zip(own, best, strict=True)],
        "net_score_of_policy": -np.array(of_best) / periods,
        "shadow_score": [one.evaluation.shadow for one in own],
        "frozen_score": [one.evaluation.frozen for one in own],
        "tuning_saving": tuning_saving,
        "tuning_low": tuning_low,
        "effective_rows": [rows[name][0] for name in bills],
        "effective_periods": [rows[name][1] for name in bills],
        "doubt": [doubts[name] for name in bills],
    }
    return xr.Dataset({name: ("rule", values) for name, values in columns.items()}, {"rule": list(bills)})


class _Described(dict[str, str]):
    """What is done under each rule, by its name."""

    period: str

    @classmethod
    def of(cls, tables: Mapping[str, xr.Dataset], facts: Mapping[str, TableFacts]) -> _Described:
        label = next(iter(tables.values()))["label"]
        period = period_name(restored_labels(label.values, label.attrs))
        plain = all(name == str(facts[name].update_rule) for name in tables)
        words = cls(
            {
                name: f"retraining on {what_is_held(facts[name].update_rule, period)}" if plain else f"using {name}"
                for name in tables
            }
        )
        words.period = period
        return words


def _sentence(saved: xr.Dataset, today: str, calendar: str, words: _Described, unit: str) -> str:
    chosen = {change: str(saved["rule"].sel(change=change).item()) for change in saved["change"].values.tolist()}
    policy = {change: str(saved["policy"].sel(change=change).item()) for change in chosen}
    of = {change: Saving(*_figures(saved.sel(change=change))) for change in chosen}
    return comparison_sentence(
        of["rule"]._replace(changes=chosen["rule"] != today),
        of["timing"]._replace(changes=policy["timing"] != calendar and any(of["timing"][:3])),
        of["both"]._replace(
            changes=all((chosen["both"], policy["both"]) != (chosen[one], policy[one]) for one in ALONE)
        ),
        other=words[chosen["rule"]],
        today=words[today],
        unit=unit,
        period=words.period,
        probability=saved.attrs["probability"],
    )


def _figures(row: xr.Dataset) -> tuple[float, float, float]:
    return float(row["saving"]), float(row["low"]), float(row["high"])


def _recommend(saved: xr.Dataset, table: xr.Dataset, today: str, words: _Described, cost_unit: str) -> tuple[str, str]:
    """The rule to use from now on, and why: a change must be told from today's rule, and have paid since."""
    chosen, unit = str(saved["rule"].sel(change="rule").item()), f"{cost_unit} a {words.period}"
    stay = f"Recommended: {words[today]}, as today"
    if chosen == today:
        return today, f"{stay}."
    told = table.isel(rule=(table["tuning_low"].values > 0) & (table["doubt"].values == ""))
    if not told.sizes["rule"]:
        low = float(table["tuning_low"].sel(rule=chosen))
        return today, (
            f"{stay}: on the part it was chosen on, {words[chosen]} cannot be told from it (lower bound of the saving, "
            f"luck of the choice included, {plain_number(low, 2)} {unit}), nor can another rule."
        )
    row = told.isel(rule=int(np.argmax(told["tuning_saving"].values)))
    surest = str(row["rule"].item())
    if not float(row["saving"]) > 0:
        return today, f"{stay}: {words[surest]} was better on the part it was chosen on and has not been since."
    also = f" {words[chosen].capitalize()} was best there, but cannot be told from today's."
    return surest, (
        f"Recommended: {words[surest]}; it was better by at least {plain_number(float(row['tuning_low']), 2)} {unit} "
        f"on the part it was chosen on, and leaves {plain_number(float(row['effective_rows']))} rows."
        f"{'' if surest == chosen else also}"
    )


def _notes(
    doubts: Mapping[str, str], question: Question, calendar: str, coefficients: Mapping[str, int | None]
) -> tuple[str, ...]:
    """What the reader must know."""
    notes = [f"{name} may not be chosen: {doubt}." for name, doubt in doubts.items() if doubt]
    if None in coefficients.values():
        notes.append("How many rows a rule must leave for this model is not known; see effective_rows.")
    whose = "Your calendar" if question.owners is not None else f"The calendar that was best in tuning, {calendar},"
    notes.append(
        f"{whose} is kept where only the rule changes. Calendars are averaged over the periods they may start in."
    )
    return tuple(notes)
