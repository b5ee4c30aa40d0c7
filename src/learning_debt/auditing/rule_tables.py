"""Tables of several update rules, or of rival forecasters: checked against each other before anything is priced."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import SERIES, label_text, restored_labels
from learning_debt.pricing.net_scores import undefined
from learning_debt.spells import check_spells
from learning_debt.spells.schema import DEPLOYED_SCORE, TableFacts
from learning_debt.validation import require_instance, require_text

REMEDY = "spell tables by the name of their rule, such as {'all data': spells, 'window 24': others}"
SAME = ("score", "unit", "currency", "timing", "horizon")


def checked_tables(tables: Mapping[Any, Any]) -> dict[str, xr.Dataset]:
    """Tables that may stand beside each other: realised scores of the same forecasts, in the same unit.

    Raises
    ------
    TypeError, ValueError, KeyError
        Naming the table that does not fit, what it holds, and what the first one does.
    """
    named = {require_text("spells: the name of a rule", name): table for name, table in tables.items()}
    if len(named) < 2:
        raise ValueError(f"spells must be {REMEDY}, at least two of them, not {len(named)}; a single one goes alone")
    checked = {}
    for name, table in named.items():
        what = f"spells[{name!r}]"
        require_instance(what, table, xr.Dataset, "a spell table")
        try:
            checked[name] = check_spells(table)
        except (TypeError, ValueError, KeyError) as error:
            error.add_note(f"of {what}")
            raise
        _require_realised_scores(checked[name], what)
    first = next(iter(checked))
    for name in list(checked)[1:]:
        _require_alike(checked[first], checked[name], f"spells[{first!r}]", f"spells[{name!r}]")
    return checked


def _require_realised_scores(table: xr.Dataset, what: str) -> None:
    reason = undefined(table, "signed")
    if reason:
        raise KeyError(
            f"{what}: bills under different rules can be held against each other only as realised score of what "
            f"served, and {reason}"
        )
    cells = np.triu(np.ones((table.sizes["period"],) * 2, dtype=bool))
    for name in (DEPLOYED_SCORE, "score_gap"):
        if not np.isfinite(table[name].values[:, cells]).all():
            raise ValueError(f"{what} holds a {name!r} that is not finite; leave out the periods it belongs to")


def _require_alike(first: xr.Dataset, other: xr.Dataset, one: str, another: str) -> None:
    """Refuse two tables that are not about the same forecasts; both are checked, and named by the message."""
    for dim, coordinate in ((SERIES, SERIES), ("period", "label")):
        mine, theirs = (restored_labels(table[coordinate].values, table[coordinate].attrs) for table in (first, other))
        if not mine.same_as(theirs):
            raise ValueError(
                f"{one} and {another} must cover the same {'periods' if dim == 'period' else dim}: {len(mine)} from "
                f"{_ends(mine.index)} and {len(theirs)} from {_ends(theirs.index)}; make both of one history with the "
                "same initial part"
            )
    facts = TableFacts.from_table(first, one), TableFacts.from_table(other, another)
    for name in SAME:
        said, says = (getattr(fact, name) for fact in facts)
        if said != says:
            raise ValueError(
                f"{another}.attrs[{name!r}] is {says!r}, that of {one} {said!r}: "
                "bills in different units cannot be compared"
            )
    for name in ("rows", "exposure"):
        values, others = (table[name].transpose(SERIES, "period").values for table in (first, other))
        if not np.allclose(values, others):
            series, period = np.argwhere(~np.isclose(values, others))[0]
            raise ValueError(
                f"{another} has {name} {others[series, period]:g} in period {label_text(first['label'].values[period])}"
                f", {one} {values[series, period]:g}: both must be about the same forecasts"
            )


def _ends(labels: Any) -> str:
    texts: list[Hashable] = [label_text(labels[place]) for place in (0, -1)] if len(labels) else ["none", "none"]
    return " to ".join(map(str, texts))
