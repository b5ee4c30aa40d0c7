"""The present spell as the part of a spell table that it is: what today's decision rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from learning_debt.data import SERIES
from learning_debt.monitor.agreed_settings import Settings
from learning_debt.monitor.kept_labels import stored_of
from learning_debt.monitor.ledger import Ledger, Record
from learning_debt.monitor.ledger_tables import TABLES
from learning_debt.policies.base import Policy
from learning_debt.policies.signals import seen_as
from learning_debt.scores import Score
from learning_debt.spells.doubt_codes import code_attributes
from learning_debt.spells.schema import (
    DIMS,
    UPKEEP,
    VARIABLES,
    TableFacts,
    derived_regret,
    doubt_of,
    per_observation,
)
from learning_debt.typing import Array

SIGNALS = tuple(column.name for column in TABLES["signals"].columns[3:])
"""What is kept of a cell."""
FLAGGED = ("converged", doubt_of("converged"), "doubt")
"""What is kept of the shadow of a period beside its upkeep."""
CELLS = """
SELECT s.*, p.label, p.rows, p.exposure, p.converged, p.converged_doubt, p.doubt, p.rung, p.refits, p.evaluations,
    p.seconds, p.pareto_k, p.effective_size
FROM signals s JOIN periods p ON p.number = s.period
"""
"""Cells with what is kept of their periods; a condition on ``s`` follows."""


def spell_rows(ledger: Ledger, posterior: int) -> list[Record]:
    """Cells of one posterior, in every period since it was trained."""
    return ledger.all(f"{CELLS} WHERE s.deployed_at = ? ORDER BY s.period", posterior)


def spell_of(
    cells: Sequence[Mapping[str, Any]], trained: Mapping[str, Any], initial: Sequence[str], settings: Settings
) -> xr.Dataset:
    """Cells of what is in service as `learning_debt.pricing.decision.decide_about_spell` takes them.

    Parameters
    ----------
    cells : sequence of mapping
        Rows of `CELLS`, in order.
    trained : mapping
        The row of ``periods`` after which what is in service was trained.
    initial : sequence of str
        Labels of the initial part.
    settings : Settings
    """
    labels, kind = stored_of([cell["label"] for cell in cells])
    after, _ = stored_of([trained["label"]])
    earlier, _ = stored_of(initial)
    variables: dict[str, Any] = {
        name: _cells(name, cells) for name in SIGNALS if any(cell[name] is not None for cell in cells)
    }
    for name in ("rows", "exposure", *FLAGGED, *UPKEEP):
        variables[name] = (
            (SERIES, "period"),
            np.array([[_value(name, cell) for cell in cells]]),
            cells_attributes(name),
        )
    for name in FLAGGED:
        variables[f"deployed_{name}"] = (
            (SERIES, "deployed_at"),
            np.array([[_value(name, trained)]]),
            cells_attributes(name),
        )
    spell = xr.Dataset(
        variables,
        coords={
            SERIES: (SERIES, [0]),
            "deployed_at": [trained["number"]],
            "period": [cell["period"] for cell in cells],
            "label": ("period", labels, kind),
            "deployed_label": ("deployed_at", after, kind),
            "earlier": ("earlier", earlier, kind),
        },
        attrs=facts_of(settings.score, settings).attributes(),
    )
    spell["regret"] = derived_regret(spell)
    return spell


def _cells(name: str, cells: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    return DIMS, filled(name, np.array([[[cell[name] for cell in cells]]], dtype=float)), cells_attributes(name)


def filled(name: str, values: Array) -> Array:
    """Values of a signal, its error, verdict or code, in the type that a table has them; NaN where there is none."""
    if name.endswith("_reliable"):
        return np.nan_to_num(values) != 0
    return np.nan_to_num(values).astype(np.int8) if name.endswith("_doubt") else values


def cells_attributes(name: str) -> dict[str, Any]:
    """The names of codes, where a variable holds codes of doubts."""
    return code_attributes() if name.endswith("_doubt") else {}


def _value(name: str, row: Mapping[str, Any]) -> Any:
    value = row[name]
    if name == "converged":
        return bool(value)
    if name == doubt_of("converged"):
        return np.int8(value)
    return np.nan if value is None else value


def facts_of(score: Score, settings: Settings) -> TableFacts:
    """What a spell table of this monitor says of itself."""
    return TableFacts(
        score=score.name,
        unit=per_observation(score.unit),
        currency=score.unit if score.in_money else None,
        update_rule=settings.update_rule,
    )


def require_signals(spell: xr.Dataset, policy: Policy) -> None:
    """Refuse a policy that reads what is not there today.

    Raises
    ------
    ValueError
        Naming the signal.
    """
    for name in policy.requires:
        seen = seen_as(spell, name)
        if seen not in spell or not np.isfinite(spell[seen].values[..., -1]).all():
            raise ValueError(
                f"{policy} reads {name!r}, which this forecaster and shadow do not give in this period: "
                f"{VARIABLES[name].meaning}. Nothing has been recorded; make a monitor with a policy that does not "
                "read it"
            )
