"""Rule and policy chosen on one part of a history and paid for on the other, again on every resample of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning_debt.arrays.draws.resampling import first_least, resample_counts, resampled_totals
from learning_debt.auditing.cost_comparison import interval
from learning_debt.auditing.rule_bills import RuleBills
from learning_debt.typing import Array

CHANGES = ("rule", "rule and calendar", "timing", "both")
"""What is changed of today's practice: see `RuleComparison`."""


class Choice(NamedTuple):
    """What was chosen and paid for, shape (1 + resamples,): first on the history itself, then on each resample.

    Attributes
    ----------
    rule, candidate : ndarray of int
        Positions of what was chosen on the tuning part.
    paid : ndarray
        Total loss on the evaluation part, mean over series.
    """

    rule: NDArray[np.intp]
    candidate: NDArray[np.intp]
    paid: Array


class Choices(NamedTuple):
    """All that is chosen among rules and policies.

    Attributes
    ----------
    today : Choice
        Today's rule with today's calendar, or the calendar that was best under it.
    changed : dict of str to Choice
        By `CHANGES`.
    kept_calendar : (Array, Array)
        Totals of every rule with today's calendar on both parts, shape (rule, 1 + resamples).
    """

    today: Choice
    changed: dict[str, Choice]
    kept_calendar: tuple[Array, Array]


def choose(
    bills: Mapping[str, RuleBills], eligible: Sequence[bool], resamples: int, rng: np.random.Generator
) -> Choices:
    """Choose on the tuning part, pay on the evaluation part, on the history and on every resample of its two parts.

    Both are resampled as in `cost_comparison.resample`. The first of `bills` is today's rule; ties go to it.
    """
    first = next(iter(bills.values()))
    (series, periods), after = first.tuning.losses.shape[1:], first.evaluation.losses.shape[2]
    seen = resample_counts(series, periods, resamples, rng)
    met = seen if series > 1 else resample_counts(series, after, resamples, rng)
    seen, met = (np.hstack([np.ones((len(counts), 1)), counts]) for counts in (seen, met))
    before = [resampled_totals(own.tuning.losses, seen) for own in bills.values()]
    paid = [resampled_totals(own.evaluation.losses, met) for own in bills.values()]
    columns = np.arange(resamples + 1)
    calendar = np.array(first.calendars)[first_least(before[0][first.calendars])]
    kept = [np.array([totals[calendar, columns] for totals in part]) for part in (before, paid)]

    def best(rules: Sequence[int], candidates: Sequence[Sequence[int]]) -> Choice:
        each = [np.array(own)[first_least(before[rule][own])] for rule, own in zip(rules, candidates, strict=True)]
        totals = np.array([before[rule][own, columns] for rule, own in zip(rules, each, strict=True)])
        which = first_least(totals)
        chosen = np.array(each)[which, columns]
        billed = np.array([paid[rule][own, columns] for rule, own in zip(rules, each, strict=True)])
        return Choice(np.array(rules)[which], chosen, billed[which, columns])

    allowed = [place for place, may in enumerate(eligible) if may]
    whole = [list(range(len(own.candidates))) for own in bills.values()]
    calendars = [own.all_calendars for own in bills.values()]
    kept_rule = np.array(allowed)[first_least(kept[0][allowed])]
    changed = {
        "rule": Choice(kept_rule, calendar, kept[1][kept_rule, columns]),
        "rule and calendar": best(allowed, [calendars[place] for place in allowed]),
        "timing": best([0], [whole[0]]),
        "both": best(allowed, [whole[place] for place in allowed]),
    }
    today = Choice(np.zeros_like(calendar), calendar, kept[1][0])
    return Choices(today, changed, (kept[0], kept[1]))


def savings(choices: Choices, periods: int, probability: float) -> dict[str, tuple[float, float, float]]:
    """What each change would have saved a period: value, lower and upper bound."""
    found = {}
    for name, choice in choices.changed.items():
        saved = (choices.today.paid - choice.paid) / periods
        found[name] = (float(saved[0]), *interval(saved[1:], probability).tolist())
    return found


def least_savings(totals: Array, periods: int, probability: float) -> tuple[Array, Array]:
    """What each rule saved a period against the first, and the lower bound of that, all bounds together.

    The rule that looks best of many owes some of it to luck. So the bounds hold jointly: each lies as many standard
    errors below its saving as the largest of all studentised deviations reaches in resamples (Romano & Wolf 2005).

    Parameters
    ----------
    totals : ndarray, shape (rule, 1 + resamples)
        Losses with one calendar, first on the history itself.
    periods : int
    probability : float
        Of a two-sided interval with the same lower bound.

    Returns
    -------
    saving, low : ndarray, shape (rule,)
        Both 0 for the first.
    """
    saved = (totals[0] - totals) / periods
    saving, deviation = saved[:, 0], saved[:, 1:] - saved[:, :1]
    error = deviation.std(axis=1)
    moves = error > 1e-12 * max(1.0, float(np.abs(totals).max()) / periods)
    if not moves.any():
        return saving, saving
    largest = (deviation[moves] / error[moves, None]).max(axis=0)
    return saving, saving - np.quantile(largest, (1 + probability) / 2) * error
