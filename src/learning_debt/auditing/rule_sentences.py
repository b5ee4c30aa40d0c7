"""What a comparison of update rules says, in sentences that the owner of a forecaster understands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from learning_debt.data import Labels
from learning_debt.data.label_times import readings
from learning_debt.data.update_rule import UpdateRule
from learning_debt.representations import plain_number

ALIKE = 1.5
"""Savings whose ratio is below this are called about the same."""
CLEARLY = 2.0
"""A saving is clearly larger than one that may be zero if its lower bound is this many times the other's upper."""
DAYS = (("day", 1, 1), ("week", 7, 7), ("month", 28, 31), ("quarter", 90, 92), ("year", 365, 366))
YEARS = {"month": 12, "quarter": 4}


class Saving(NamedTuple):
    """What a change of today's practice would have saved a period, with its interval.

    Attributes
    ----------
    changes : bool
        False where nothing else had done better beforehand, so that there is nothing to change.
    """

    value: float
    low: float
    high: float
    changes: bool = True

    @property
    def told(self) -> int:
        """1 if the saving is surely positive, -1 if it is surely a loss, 0 if it cannot be told."""
        return int(self.low > 0) - int(self.high < 0)


def period_name(labels: Labels) -> str:
    """What a period is, read from evenly spaced labels: day, week, month, quarter, year, or just period.

    Examples
    --------
    >>> from learning_debt.data import as_labels
    >>> period_name(as_labels(["1959Q2", "1959Q3", "1959Q4", "1960Q1"])), period_name(as_labels([7, 8, 9]))
    ('quarter', 'period')
    """
    if len(labels) < 3:
        return "period"
    for reading in readings(labels):
        points = reading.points
        if isinstance(points, pd.PeriodIndex):
            points = points.to_timestamp()
        if reading.increasing and isinstance(points, pd.DatetimeIndex):
            days = np.diff(points.tz_localize(None).to_numpy("datetime64[h]")).astype(float) / 24
            for name, least, most in DAYS:
                if days.min() >= least - 0.1 and days.max() <= most + 0.1:
                    return name
    return "period"


def what_is_held(rule: UpdateRule, period: str) -> str:
    """What a rule retrains on.

    Examples
    --------
    >>> what_is_held(UpdateRule(), "month"), what_is_held(UpdateRule(window=24), "month")
    ('everything', 'the last 2 years')
    >>> what_is_held(UpdateRule(discount=0.95), "week")
    'everything, discounted by 0.95 a week (as much as the last 20 weeks)'
    """
    faded = ""
    if rule.discount < 1:
        worth = 1 / (1 - rule.discount)
        as_much = f"as much as the last {_count(round(worth), period)}"
        faded = f", discounted by {plain_number(rule.discount)} a {period} ({as_much})"
    return ("everything" if rule.window is None else f"the last {_count(rule.window, period)}") + faded


def _count(number: int, period: str) -> str:
    years, rest = divmod(number, YEARS.get(period, 1))
    if period in YEARS and rest == 0:
        number, period = years, "year"
    return period if number == 1 else f"{number} {period}s"


def comparison_sentence(
    rule: Saving, timing: Saving, both: Saving, *, other: str, today: str, unit: str, period: str, probability: float
) -> str:
    """On what, before when: what another rule and another timing would have been worth, each alone, and which is more.

    Parameters
    ----------
    rule, timing, both : Saving
    other, today : str
        What is done under the rule chosen and under today's, as "retraining on the last 2 years".
    unit, period : str
    probability : float
        Of the intervals.

    Examples
    --------
    >>> said = {"unit": "nats", "period": "month", "probability": 0.9}
    >>> said |= {"other": "retraining on the last 2 years", "today": "retraining on everything"}
    >>> print(comparison_sentence(Saving(0.29, 0.1, 0.5), Saving(0.03, 0.01, 0.05), Saving(0.31, 0.1, 0.5), **said))
    Retraining on the last 2 years instead of on everything would have been worth 0.29 nats a month (90% interval 0.1 \
to 0.5); when you retrain matters 9.7 times less. Both together: 0.31 nats a month (90% interval 0.1 to 0.5).
    """
    words, instead = _Words(unit, period, probability), today.removeprefix("retraining ")
    if not rule.changes:
        first = f"{today}: no other rule had done better beforehand"
    elif rule.told > 0:
        first = f"{other} instead of {instead} would have been {words.worth(rule)}"
    elif rule.told < 0:
        first = f"{other}, which had done best beforehand, would have {words.lost(rule)} than {today}"
    else:
        first = f"whether {other} instead of {instead} is worth anything cannot be told: {words.figures(rule)}"
    together = f" Both together: {words.figures(both)}." if both.changes else ""
    return f"{first[0].upper()}{first[1:]}; {_on_timing(rule, timing, words)}.{together}"


def _on_timing(rule: Saving, timing: Saving, words: _Words) -> str:
    """What timing is worth, beside what the rule is."""
    if not timing.changes:
        return "no other timing had done better beforehand"
    if timing.told < 0:
        return f"the timing that had done best beforehand would have {words.lost(timing)} than today's"
    least, bound = max(rule.low, 0.0), max(abs(timing.low), abs(timing.high))
    if timing.told > 0:
        if rule.told <= 0 or not rule.changes:
            return f"when you retrain would have been {words.worth(timing)}"
        ratio = rule.value / timing.value
        return f"when you retrain matters {_times(ratio)}"
    if rule.changes and rule.told > 0 and least >= CLEARLY * bound:
        return f"when you retrain matters at least {math.floor(least / bound) if bound else 100} times less"
    return f"whether another timing is worth anything cannot be told: {words.figures(timing)}"


def _times(ratio: float) -> str:
    """How a saving that is `ratio` times less than the other compares."""
    if 1 / ALIKE < ratio < ALIKE:
        return "about as much"
    return f"{plain_number(ratio, 2)} times less" if ratio > 1 else f"{plain_number(1 / ratio, 2)} times more"


class _Words(NamedTuple):
    unit: str
    period: str
    probability: float

    def interval(self, saving: Saving, sign: int = 1) -> str:
        low, high = sorted((sign * saving.low, sign * saving.high))
        return f"{self.probability:.0%} interval {plain_number(low, 2)} to {plain_number(high, 2)}"

    def worth(self, saving: Saving) -> str:
        return f"worth {self.figures(saving)}"

    def lost(self, saving: Saving) -> str:
        return f"cost {plain_number(-saving.value, 2)} {self.unit} a {self.period} more ({self.interval(saving, -1)})"

    def figures(self, saving: Saving) -> str:
        return f"{plain_number(saving.value, 2)} {self.unit} a {self.period} ({self.interval(saving)})"
