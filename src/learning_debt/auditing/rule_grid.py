"""Which update rules are compared: a list, a mapping, or a grid in proportion to the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from learning_debt.data.update_rule import UpdateRule
from learning_debt.validation import describe, require_instance, require_sequence, require_text, suggestion

SHARES = (2, 4, 8, 16)
SHORTEST = 3
"""Periods below which a rule of the grid would hardly be one."""
REMEDY = "a list of UpdateRules, such as [ld.UpdateRule(), ld.UpdateRule(window=24)], or a mapping of names to them"


def default_rules(periods: int) -> list[UpdateRule]:
    """All data; windows of a half, a quarter, an eighth and a sixteenth of the history; discounts that hold as much.

    A discount of 1 - 1/w, here to two digits of 1/w, holds as much as a window of w periods: its weights add up to w.
    Windows shorter than three periods are left out. So the grid is the same whatever the periods are called: weeks or
    quarters of the same years.

    Examples
    --------
    >>> [str(rule) for rule in default_rules(48)][:4]
    ['all data', 'rolling window of 24 periods', 'rolling window of 12 periods', 'rolling window of 6 periods']
    >>> str(default_rules(48)[-1])
    'discount 0.67 a period'
    """
    lengths = [round(periods / share) for share in SHARES]
    held = [length for length in dict.fromkeys(lengths) if length >= SHORTEST]
    windows = [UpdateRule(window=length) for length in held]
    return [UpdateRule(), *windows, *(UpdateRule(discount=_holding(length)) for length in held)]


def _holding(periods: int) -> float:
    """The discount that holds about as much as a window, with few digits, since it is part of a name."""
    return round(1 - float(f"{1 / periods:.2g}"), 9)


def as_rules(rules: Any, periods: int) -> dict[str, UpdateRule]:
    """Rules by name, checked: none of them twice, each another one on a history of so many periods.

    Raises
    ------
    TypeError, ValueError
        Naming the rule and the remedy.

    Examples
    --------
    >>> as_rules([UpdateRule(), UpdateRule(window=30)], 20)
    Traceback (most recent call last):
    ValueError: rules: 'rolling window of 30 periods' and 'all data' hold the same of 20 periods; leave one of them out
    """
    if rules is None:
        return {str(rule): rule for rule in default_rules(periods)}
    if isinstance(rules, UpdateRule):
        raise TypeError(f"rules must be {REMEDY}, not a single rule: compare it with today's")
    if isinstance(rules, Mapping):
        named = {require_text("rules: the name of a rule", name): rule for name, rule in rules.items()}
    else:
        named = {}
        for rule in require_sequence("rules", rules, REMEDY):
            require_instance("rules: each rule", rule, UpdateRule, "an UpdateRule, such as ld.UpdateRule(window=24)")
            if str(rule) in named:
                raise ValueError(f"rules: {str(rule)!r} is there twice; leave one of them out")
            named[str(rule)] = rule
    if not named:
        raise ValueError(f"rules must be {REMEDY}, not empty; leave them out (None) for a grid that fits the history")
    for name, rule in named.items():
        require_instance(f"rules[{name!r}]", rule, UpdateRule, "an UpdateRule, such as ld.UpdateRule(window=24)")
    _require_different(named, periods)
    return named


def require_today(today: Any, names: list[str]) -> str:
    """Name of the rule in force today: the first, unless told otherwise.

    Raises
    ------
    TypeError, ValueError
        If it is none of `names`.
    """
    if today is None:
        return names[0]
    name = str(today) if isinstance(today, UpdateRule) else today
    if not isinstance(name, str):
        raise TypeError(f"today must be the name of one of the rules {names}, not {describe(today)}")
    if name not in names:
        raise ValueError(f"today must be one of the rules {names}, not {name!r}{suggestion(name, names)}")
    return name


def _require_different(named: dict[str, UpdateRule], periods: int) -> None:
    """Refuse rules that hold the same of a history: one of them would be compared with itself."""
    held: dict[bytes, str] = {}
    for name, rule in named.items():
        weights = rule.weights(np.arange(periods)).tobytes()
        if weights in held:
            raise ValueError(
                f"rules: {name!r} and {held[weights]!r} hold the same of {periods} periods; leave one of them out"
            )
        held[weights] = name
